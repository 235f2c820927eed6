#include "host_rates.h"

#include <algorithm>

#include <sys/mman.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/builder.h"
#include "longhaul/ops/op_table.h"
#include "longhaul/optim/step.h"

namespace longhaul {
namespace {

constexpr std::int64_t kChunk = std::int64_t{4} << 20;  // parameters, as plans have them

// A block of one matrix with its states in host memory, updated chunk by chunk as training does.
class HostBlock {
 public:
  // Of at most 32 million parameters: 470 MB, more than caches hold.
  HostBlock(const Machine& machine, int threads)
      : machine_(machine), graph_(make_graph(chunks_of(machine))), chunks_(chunks_of(machine)) {
    const Bytes size{chunks_ * kChunk * 20 + (1 << 16)};
    device_ = make_trial_device(machine, Bytes{1 << 16}, size, threads);
    fill_with_numbers(*device_, Tier::kHost, DType::kBF16);
  }

  // Parameters a second of the update.
  Samples time_updates(double seconds) const {
    Schedule schedule;
    const auto add = [&](const char* name, std::int64_t bytes) {
      return schedule.add_buffer({name, Tier::kHost, Bytes{bytes}, true});
    };
    const BufferId step = add("step", sizeof(StepScalars));
    const BufferId results = add("results", sizeof(StepResults));
    const BufferId scalars = add("scalars", kUpdateScalarsSize);
    const BufferId gradient = add("gradient", chunks_ * kChunk * size_of(format_.transport()));
    std::vector<BufferId> streams;
    for (const StateStream& stream : format_.streams) {
      streams.push_back(add(stream.name.c_str(), chunks_ * kChunk * size_of(stream.dtype)));
    }
    Op clip{.kind = OpKind::kClip, .lane = Lane::kHost};
    clip.reads = {{step, {}, Bytes{sizeof(StepScalars)}}};
    clip.writes = {{results, {}, Bytes{sizeof(StepResults)}},
                   {scalars, {}, Bytes{kUpdateScalarsSize}}};
    schedule.add(std::move(clip));
    for (std::int64_t c = 0; c < chunks_; ++c) {
      const auto part = [&](BufferId buffer, DType dtype) {
        return Operand{buffer, Bytes{c * kChunk * size_of(dtype)}, Bytes{kChunk * size_of(dtype)}};
      };
      Op op{.kind = OpKind::kUpdate, .lane = Lane::kHost, .block = make_id<BlockId>(0)};
      op.first_element = c * kChunk;
      op.reads = {part(gradient, format_.transport()), {scalars, {}, Bytes{kUpdateScalarsSize}}};
      for (std::size_t s = 0; s < format_.streams.size(); ++s) op.reads.push_back({});
      for (std::size_t s = 0; s < streams.size(); ++s) {
        op.accumulates |= 1U << s;
        op.writes.push_back(part(streams[s], format_.streams[s].dtype));
      }
      schedule.add(std::move(op));
    }
    const PlacedSchedule placed = place(std::move(schedule));
    const StepScalars values{.adamw = {}, .powers = {0.9, 0.999}};
    device_->write({Tier::kHost, placed.offsets[step.index()]},
                   std::as_bytes(std::span(&values, 1)));
    return rates(placed, 1, seconds);
  }

  // Elements a second of a sum of bf16 gradients in fp32: 10 bytes each.
  Samples time_sums(double seconds) const {
    Schedule schedule;
    const std::int64_t count = chunks_ * kChunk;
    const BufferId gradient =
        schedule.add_buffer({"gradient", Tier::kHost, Bytes{count * 2}, true});
    const BufferId sum = schedule.add_buffer({"sum", Tier::kHost, Bytes{count * 4}, true});
    for (std::int64_t c = 0; c < chunks_; ++c) {
      Op op{.kind = OpKind::kAccumulate, .lane = Lane::kHost};
      op.reads = {{gradient, Bytes{c * kChunk * 2}, Bytes{kChunk * 2}}};
      op.writes = {{sum, Bytes{c * kChunk * 4}, Bytes{kChunk * 4}}};
      op.accumulates = 1;
      schedule.add(std::move(op));
    }
    return rates(place(std::move(schedule)), 0, seconds);
  }

 private:
  static std::int64_t chunks_of(const Machine& machine) {
    return std::clamp<std::int64_t>(machine.host_memory.count / 4 / (kChunk * 20), 1, 8);
  }
  static ModelGraph make_graph(std::int64_t chunks) {
    constexpr std::int64_t kWidth = 1024;
    GraphBuilder build(DType::kBF16);
    build.begin_block("block");
    const TensorId table = build.parameter("table", chunks * kChunk / kWidth, kWidth);
    build.head_loss("head", build.embedding("embedding", table), table, 64);
    return build.finish();
  }
  // Elements a second over the ops from `first` on.
  Samples rates(const PlacedSchedule& placed, std::size_t first, double seconds) const {
    const BatchShape shape{.tokens = 64, .positions = 64};
    const auto table = make_op_table(machine_.kind, graph_, format_, shape);
    Executor executor(placed, *device_, *table);
    Samples samples;
    const auto each = [&](const Timeline& timeline) {
      const Seconds time = span_of(timeline, first, timeline.ops.size());
      samples.add(static_cast<double>(chunks_ * kChunk) / time.value);
    };
    run_passes(executor, {.seconds = seconds, .least = 3, .most = 30}, machine_.context, each);
    return samples;
  }

  const Machine& machine_;
  StateFormat format_ = adamw_format(Precision::kBF16);
  ModelGraph graph_;
  std::int64_t chunks_;
  std::unique_ptr<Device> device_;
};

ThreadCurve measure_optimizer(const Machine& machine, double seconds) {
  std::vector<int> threads;
  for (int t = 1; t < machine.threads; t *= 2) threads.push_back(t);
  threads.push_back(machine.threads);
  ThreadCurve curve;
  for (const int t : threads) {
    const Samples samples =
        HostBlock(machine, t).time_updates(seconds / static_cast<double>(threads.size()));
    curve.points.push_back(
        {t,
         measured_figure<ParametersPerSecond>(samples, "bf16 updates of 4 Mi parameters in turn")});
  }
  return without_lone_amount(std::move(curve));
}

// Seconds to pin so much; negative when the system refuses.
double time_to_pin(const Machine& machine, Bytes size) {
  if (machine.kind == DeviceKind::kCuda) {
    const Stopwatch watch;
    const auto device = make_trial_device(machine, Bytes{1 << 16}, size);
    return device->is_pinned() ? watch.seconds() : -1.0;
  }
  const auto length = static_cast<std::size_t>(size.count);
  void* memory =
      ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1.0;
  const Stopwatch watch;
  const bool is_pinned = ::mlock(memory, length) == 0;
  const double seconds = watch.seconds();
  // Where mlock() does nothing (under a sanitizer, in some containers) no page has come.
  unsigned char is_resident = 0;
  ::mincore(memory, 1, &is_resident);
  ::munmap(memory, length);
  return is_pinned && (is_resident & 1U) != 0 ? seconds : -1.0;
}

// The difference of two sizes: the rest of making a device does not count.
void measure_pinning(const Machine& machine, const HostFacts& facts, HostProfile& host) {
  host.pin_limit = facts.pin_limit && *facts.pin_limit < facts.memory
                       ? found_figure(std::max(1_MiB, *facts.pin_limit), "RLIMIT_MEMLOCK")
                       : found_figure(facts.memory, "no limit but the memory");
  const Bytes large = std::min({256_MiB, host.pin_limit.value, {machine.host_memory.count / 4}});
  const Bytes small{large.count / 8};
  Samples rates;
  for (int i = 0; i < 5; ++i) {
    const double first = time_to_pin(machine, small);
    const double second = time_to_pin(machine, large);
    if (first < 0.0 || second <= first) continue;
    rates.add(static_cast<double>(large.count - small.count) / (second - first));
  }
  host.pin_rate =
      rates.empty()
          ? assumed_figure(BytesPerSecond{4e9}, "the system does not let this process pin memory")
          : measured_figure<BytesPerSecond>(rates, concat("pinning ", to_string(large)));
}

}  // namespace

HostProfile measure_host(const Machine& machine,
                         const HostFacts& facts,
                         double seconds,
                         const OnShare& on_share) {
  HostProfile host;
  host.cores = found_figure(facts.cores, "that this process may use");
  host.memory = found_figure(facts.memory, "the system, or its control group");
  const Samples sums = HostBlock(machine, machine.threads).time_sums(0.3 * seconds);
  host.bandwidth =
      measured_figure<BytesPerSecond>(sums.mapped([](double elements) { return 10.0 * elements; }),
                                      concat("sums of gradients by ", machine.threads, " threads"));
  on_share(0.4);
  host.optimizer = measure_optimizer(machine, 0.5 * seconds);
  on_share(0.9);
  measure_pinning(machine, facts, host);
  return host;
}

}  // namespace longhaul
