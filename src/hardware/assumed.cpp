#include "longhaul/hardware/assumed.h"

namespace longhaul {
namespace {

constexpr double kGiga = 1e9;
constexpr double kTera = 1e12;

template <class Quantity>
Figure<Quantity> assumed(Quantity value) {
  return {.value = value, .provenance = Provenance::kAssumed, .source = "nothing was measured"};
}

MoveCurve moves(double rate) {
  return {{{Bytes{}, assumed(BytesPerSecond{rate})}}};
}

ComputeRates rates(double products, double attention) {
  const auto curve = [](double rate) {
    return WorkCurve{{{Flops{}, assumed(FlopsPerSecond{rate})}}};
  };
  return {.products = curve(products),
          .products_backward = curve(products),
          .attention = curve(attention),
          .attention_backward = curve(attention)};
}

// A desktop processor with AVX2 or AVX-512, by core.
DeviceProfile host_device(const MachineSizes& sizes) {
  constexpr double kFp32 = 80.0 * kGiga;
  constexpr double kFastBf16 = 180.0 * kGiga;
  const double cores = sizes.cores;
  const double bf16 = cores * (sizes.has_fast_bf16 ? kFastBf16 : 0.5 * kFp32);
  return {.kind = DeviceKind::kHost,
          .name = "processor",
          .memory = assumed(sizes.device_memory),
          .bandwidth = moves(25.0 * kGiga),
          .launch = assumed(Seconds{5e-6}),
          .bf16 = rates(bf16, 0.5 * bf16),
          .fp32 = rates(cores * kFp32, 0.5 * cores * kFp32)};
}

DeviceProfile gpu(const MachineSizes& sizes) {
  return {.kind = DeviceKind::kCuda,
          .name = "GPU",
          .memory = assumed(sizes.device_memory),
          .bandwidth = moves(500.0 * kGiga),
          .launch = assumed(Seconds{5e-6}),
          .bf16 = rates(60.0 * kTera, 30.0 * kTera),
          .fp32 = rates(15.0 * kTera, 7.5 * kTera)};
}

}  // namespace

HardwareProfile assumed_profile(const MachineSizes& sizes) {
  const bool is_host = sizes.device == DeviceKind::kHost;
  HardwareProfile profile;
  profile.name = "this machine, not measured";
  profile.device = is_host ? host_device(sizes) : gpu(sizes);
  profile.link = {.to_device = moves(is_host ? 8.0 * kGiga : 20.0 * kGiga),
                  .to_host = moves(is_host ? 8.0 * kGiga : 20.0 * kGiga),
                  .both_ways = assumed(is_host ? 1.0 : 0.85),
                  .latency = assumed(Seconds{1e-5})};
  profile.host = {.cores = assumed(sizes.cores),
                  .memory = assumed(sizes.host_memory),
                  .bandwidth = assumed(BytesPerSecond{30.0 * kGiga}),
                  .optimizer = {{{1, assumed(ParametersPerSecond{0.4 * kGiga})},
                                 {2, assumed(ParametersPerSecond{0.7 * kGiga})},
                                 {8, assumed(ParametersPerSecond{1.2 * kGiga})}}},
                  .sharing = is_host ? std::optional(assumed(0.8)) : std::nullopt,
                  .pin_limit = assumed(sizes.host_memory),
                  .pin_rate = assumed(BytesPerSecond{4.0 * kGiga})};
  return profile;
}

DiskProfile assumed_disk(Bytes capacity) {
  return {.name = "disk, not measured",
          .capacity = assumed(capacity),
          .read = {{.rate = assumed(BytesPerSecond{2.0 * kGiga})}},
          .write = {{.rate = assumed(BytesPerSecond{1.0 * kGiga})}}};
}

}  // namespace longhaul
