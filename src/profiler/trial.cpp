#include "trial.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/ops/torch_memory.h"
#include "longhaul/runtime/cuda_device.h"

namespace longhaul {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void check_stop(const CallContext& context) {
  if (context.stop.load()) throw Error("interrupted: no profile was written");
}

void warn_of_load(const OtherLoad& load, LogSink& log) {
  if (!load.is_much()) return;
  log.write(LogLevel::kWarning,
            concat("while this was measured: ",
                   in_words(load),
                   "; the figures are too low, measure again when nothing else runs"));
}

std::unique_ptr<Device> make_trial_device(const Machine& machine,
                                          Bytes device_memory,
                                          Bytes host_memory,
                                          int host_threads) {
  const int threads = host_threads > 0 ? host_threads : machine.threads;
  if (machine.kind == DeviceKind::kCuda) {
    return make_cuda_device({.device_memory = device_memory,
                             .host_memory = host_memory,
                             .disk_folders = {},
                             .host_threads = threads,
                             .prepare_thread = prepare_torch_thread});
  }
  return make_host_device({.device_memory = device_memory,
                           .host_memory = host_memory,
                           .disk_folders = {},
                           .threads = machine.threads,
                           .host_threads = threads,
                           .prepare_thread = prepare_torch_thread});
}

Stopwatch::Stopwatch() : begin_(now()) {}

double Stopwatch::seconds() const {
  return now() - begin_;
}

void run_passes(Executor& executor,
                const Effort& effort,
                const CallContext& context,
                const std::function<void(const Timeline&)>& each) {
  executor.run();
  const Stopwatch watch;
  for (int pass = 0; pass < effort.most; ++pass) {
    check_stop(context);
    if (pass >= effort.least && watch.seconds() > effort.seconds) break;
    each(executor.run());
  }
}

Seconds span_of(const Timeline& timeline, std::size_t first, std::size_t end) {
  return timeline.ops[end - 1].end - timeline.ops[first].start;
}

OpBody CopiesOnly::bind(const Op& op, const OpAddresses& /*addresses*/, Device& /*device*/) const {
  throw InvalidArgument(concat("CopiesOnly: no body for ", describe(op)));
}

void fill_with_numbers(Device& device, Tier tier, DType dtype) {
  constexpr std::size_t kCount = std::size_t{1} << 18;
  const Philox numbers(7, 0);
  const auto element = static_cast<std::size_t>(size_of(dtype));
  std::vector<std::byte> piece(kCount * element);
  for (std::size_t i = 0; i < kCount; ++i) {
    const float number = 0.02F * numbers.normal(i);
    const std::uint16_t short_number = to_bf16(number);
    const void* from = dtype == DType::kF32 ? static_cast<const void*>(&number) : &short_number;
    std::memcpy(piece.data() + i * element, from, element);
  }
  const Bytes whole{static_cast<std::int64_t>(piece.size())};
  for (Bytes at; at < device.capacity(tier); at += whole) {
    const Bytes size = std::min(whole, device.capacity(tier) - at);
    device.write({tier, at}, {piece.data(), static_cast<std::size_t>(size.count)});
  }
}

}  // namespace longhaul
