// What the executor itself costs: CPU time of the whole process per op, on ops that do nothing.
#include <algorithm>
#include <vector>

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "longhaul/runtime/executor.h"

namespace longhaul::bench {
namespace {

constexpr int kOps = 3000;

class EmptyTable final : public OpTable {
  OpBody bind(const Op&, const OpAddresses&, Device&) const override {
    return [] {};
  }
};

Op empty_op(Lane lane) {
  return {.kind = OpKind::kForward, .lane = lane};
}

// Every op waits for the one before it, on another lane: no op overlaps another.
Schedule chain() {
  Schedule schedule;
  OpId last;
  for (int i = 0; i < kOps; ++i) {
    last = schedule.add(empty_op(static_cast<Lane>(i % static_cast<int>(kLaneCount))), {{last}});
  }
  return schedule;
}

// No op waits.
Schedule independent() {
  Schedule schedule;
  for (int i = 0; i < kOps; ++i) {
    schedule.add(empty_op(static_cast<Lane>(i % static_cast<int>(kLaneCount))));
  }
  return schedule;
}

// Blocks of a training step: read, upload, ten ops of compute, download, update, write back; reads
// run two blocks ahead.
Schedule step() {
  Schedule schedule;
  std::vector<OpId> computed;
  for (int block = 0; block < kOps / 15; ++block) {
    const OpId slot = block < 2 ? OpId{} : computed[computed.size() - 2];
    const OpId read = schedule.add(empty_op(Lane::kDiskRead), {{slot}});
    const OpId up = schedule.add(empty_op(Lane::kH2d), {{read}});
    for (int i = 0; i < 10; ++i) {
      const OpId op = schedule.add(empty_op(Lane::kCompute), {{up}});
      if (i == 9) computed.push_back(op);
    }
    const OpId down = schedule.add(empty_op(Lane::kD2h), {{computed.back()}});
    const OpId updated = schedule.add(empty_op(Lane::kHost), {{down}});
    schedule.add(empty_op(Lane::kDiskWrite), {{updated}});
  }
  return schedule;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void empty_ops(benchmark::State& state, Schedule (*make)()) {
  const PlacedSchedule placed = place(make());
  const auto device = make_host_device({.device_memory = {4096}, .host_memory = {4096}});
  const EmptyTable table;
  Executor executor(placed, *device, table);
  const auto ops = static_cast<double>(placed.schedule.ops().size());
  std::vector<double> per_op;
  for (auto _ : state) {
    const double begin = cpu_seconds();
    executor.run();
    per_op.push_back((cpu_seconds() - begin) / ops);
  }
  std::nth_element(per_op.begin(), per_op.begin() + per_op.size() / 2, per_op.end());
  state.counters["cpu_us_per_op_median"] = per_op[per_op.size() / 2] * 1e6;
  state.counters["limit_us"] = 5.0;
}
BENCHMARK_CAPTURE(empty_ops, step, step)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(empty_ops, chain, chain)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(empty_ops, independent, independent)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace longhaul::bench
