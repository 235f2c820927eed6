#include "compute_rates.h"

#include <algorithm>
#include <array>

#include "longhaul/core/error.h"
#include "longhaul/graph/cost.h"

#include "node_times.h"
#include "probe.h"

namespace longhaul {
namespace {

// Of one layer. The last ones are for GPUs: on a processor the time is over before.
constexpr std::array<Probe, 9> kProbes{{{256, 4, 2, 768, 4096, 128},
                                        {576, 9, 3, 1536, 8192, 512},
                                        {576, 9, 3, 1536, 8192, 2048},
                                        {1024, 16, 8, 3072, 16384, 1024},
                                        {2048, 32, 8, 5632, 32768, 512},
                                        {2048, 32, 8, 8192, 32768, 2048},
                                        {4096, 32, 8, 14336, 32768, 2048},
                                        {4096, 32, 8, 14336, 65536, 8192},
                                        {8192, 64, 8, 28672, 65536, 8192}}};
// Too small for anything but the start of an op.
constexpr Probe kTiny{64, 1, 1, 64, 64, 16};

// Of one precision, by what the cost of an op is counted in.
struct Work {
  WorkSamples products;
  WorkSamples products_backward;
  WorkSamples attention;
  WorkSamples attention_backward;
};

class Collector {
 public:
  Collector(double launch, Work& work, WorkSamples& moves)
      : launch_(launch), work_(work), moves_(moves) {}

  void add(const ModelGraph& graph,
           const BatchShape& shape,
           const std::vector<NodeSamples>& nodes) {
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      const Node& node = graph.nodes[n];
      add(node, forward_cost(graph, node, shape), nodes[n].forward, false);
      add(node, backward_cost(graph, node, shape), nodes[n].backward, true);
    }
  }

 private:
  void add(const Node& node, const NodeCost& cost, const Samples& seconds, bool is_backward) {
    if (seconds.empty()) return;
    const double time = seconds.median() - launch_;
    if (time < launch_) return;  // says more about starting than about working
    if (is<Attention>(node)) {
      (is_backward ? work_.attention_backward : work_.attention).add(cost.flops.count, time);
    } else if (is<Linear>(node)) {
      (is_backward ? work_.products_backward : work_.products).add(cost.flops.count, time);
    } else if (!is<HeadLoss>(node)) {
      moves_.add(static_cast<double>(cost.bytes.count), time);
    }
  }

  double launch_;
  Work& work_;
  WorkSamples& moves_;
};

double measure_launch(const Machine& machine) {
  const Model model = make_probe(kTiny, Precision::kBF16);
  const auto nodes =
      time_nodes(machine, {.graph = model.graph, .shape = shape_of(kTiny)}, {.seconds = 0.2});
  Samples times;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const Node& node = model.graph.nodes[n];
    if (is<Add>(node) || is<RmsNorm>(node) || is<Rotary>(node)) times.add(nodes[n].forward);
  }
  return times.median();
}

// From the smallest model on, as long as the next one fits the time that is left and the memory.
int measure_precision(const Machine& machine,
                      Precision precision,
                      double seconds,
                      const OnShare& on_share,
                      Collector collect) {
  const Stopwatch watch;
  double rate = 0.0;  // FLOP/s of a pass
  int count = 0;
  for (const Probe& probe : kProbes) {
    const double left = seconds - watch.seconds();
    const Model model = make_probe(probe, precision);
    const BatchShape shape = shape_of(probe);
    const double flops = step_flops(model.graph, shape).count;
    constexpr double kPasses = 5.0;  // the first of all and those that count, with the filling
    if (count >= 1 && flops / rate * kPasses > left) break;
    const Stopwatch one;
    int passes = 1;
    try {
      const auto nodes = time_nodes(machine,
                                    {.graph = model.graph, .precision = precision, .shape = shape},
                                    {.seconds = left / 5.0, .least = 3, .most = 15});
      passes += static_cast<int>(nodes.front().forward.size());
      collect.add(model.graph, shape, nodes);
    } catch (const DoesNotFit&) {
      break;
    } catch (const OutOfMemory&) {
      break;
    }
    rate = flops * passes / one.seconds();
    ++count;
    on_share(watch.seconds() / seconds);
  }
  require(count > 0, "profile: the memory is too small for the smallest model that is measured");
  return count;
}

ComputeRates rates_of(const Work& work, const std::string& models) {
  const std::string how = "op bodies of training in " + models;
  return {.products = work_curve(work.products, how),
          .products_backward = work_curve(work.products_backward, how),
          .attention = work_curve(work.attention, how + ", one sequence"),
          .attention_backward = work_curve(work.attention_backward, how + ", one sequence")};
}

}  // namespace

void measure_compute(const Machine& machine,
                     double seconds,
                     const OnShare& on_share,
                     DeviceProfile& device) {
  Samples launches;
  for (int i = 0; i < 3; ++i) launches.add(measure_launch(machine));
  device.launch = measured_figure<Seconds>(launches, "ops on 16 tokens of width 64");
  WorkSamples moves;
  int count = 0;
  for (const Precision precision : {Precision::kBF16, Precision::kF32}) {
    const bool is_first = precision == Precision::kBF16;
    Work work;
    count = measure_precision(
        machine,
        precision,
        seconds / 2.0,
        [&](double share) { on_share((is_first ? 0.0 : 0.5) + std::min(0.5, share / 2.0)); },
        Collector(launches.median(), work, moves));
    (is_first ? device.bf16 : device.fp32) = rates_of(work, concat(count, " one-layer models"));
  }
  device.bandwidth = move_curve(moves, "norms, gates, rotations and gathers of those models");
}

}  // namespace longhaul
