#include "longhaul/planner/published.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/sim/simulate.h"

namespace longhaul {
namespace {

constexpr int kSteps = 3;

// Of LoHan's code: a group of the optimizer holds whole blocks of about so many parameters.
constexpr double kGroup = 0.7e9;
// Element-wise work that is run again, as a share of a forward, unless it is swapped too.
constexpr double kElementwise = 0.06;

Bytes bytes_of(double count) {
  return Bytes{static_cast<std::int64_t>(count)};
}

// Appends ops that take a known time; nothing is shared, since every lane knows what it does.
class Script {
 public:
  explicit Script(PublishedStep& steps) : steps_(steps) {}

  OpId add(Lane lane, Seconds time, std::initializer_list<OpId> after = {}) {
    steps_.costs.ops.push_back({.alone = time});
    return steps_.schedule.add({.kind = OpKind::kForward, .lane = lane},
                               {after.begin(), after.size()});
  }

 private:
  PublishedStep& steps_;
};

// What the systems do with a machine: seconds of whole amounts.
struct Speeds {
  explicit Speeds(const HardwareProfile& machine)
      : profile(machine), updates(rate_at(machine.host.optimizer, machine.host.cores.value).rate) {}

  Seconds forward(double flops) const {
    return time_of(profile.device.bf16.products, Flops{flops});
  }
  Seconds backward(double flops) const {
    return time_of(profile.device.bf16.products_backward, Flops{flops});
  }
  Seconds up(double bytes) const { return time_of(profile.link.to_device, bytes_of(bytes)); }
  Seconds down(double bytes) const { return time_of(profile.link.to_host, bytes_of(bytes)); }
  Seconds pageable(double bytes) const {
    require(profile.link.pageable.has_value(),
            profile.name,
            ": has no rate of copies from memory that is not pinned (link.pageable)");
    return bytes_of(bytes) / profile.link.pageable->value;
  }
  Seconds update(double parameters) const { return {parameters / updates}; }
  Seconds read(double bytes) const {
    return bytes_of(bytes) / storage_rates(profile.storage, 1_MiB, 32).read;
  }
  Seconds write(double bytes) const {
    return bytes_of(bytes) / storage_rates(profile.storage, 1_MiB, 32).write;
  }

  const HardwareProfile& profile;
  double updates;
};

// --- ZeRO: one thing after the other

// Full recomputation. Weights (2 bytes a parameter) cross the link twice and gradients once as 4
// bytes; block inputs go to memory that is not pinned. ZeRO-Infinity reads and writes weights,
// states and gradients (fp32) on disk besides.
class ZeroSteps {
 public:
  ZeroSteps(const GptShape& model,
            int batch,
            bool has_disk,
            const HardwareProfile& machine,
            PublishedStep& steps)
      : model_(model),
        batch_(batch),
        has_disk_(has_disk),
        on_(machine),
        steps_(steps),
        add_(steps) {}

  void add_step() {
    const double parameters = model_.parameters();
    const double tokens = static_cast<double>(batch_) * static_cast<double>(model_.sequence);
    const double inputs = 2.0 * tokens * static_cast<double>(model_.width) * model_.layers;
    const double flops = 2.0 * parameters * tokens;
    fetch_weights(parameters);
    then(Lane::kCompute, on_.forward(flops));
    then(Lane::kD2h, on_.pageable(inputs));
    fetch_weights(parameters);
    then(Lane::kH2d, on_.pageable(inputs));
    then(Lane::kCompute, on_.forward(flops) + on_.backward(2.0 * flops));
    then(Lane::kD2h, on_.down(4.0 * parameters));
    if (has_disk_) then(Lane::kDiskWrite, on_.write(4.0 * parameters));
    if (has_disk_) then(Lane::kDiskRead, on_.read(16.0 * parameters));
    then(Lane::kHost, on_.update(parameters));
    if (has_disk_) then(Lane::kDiskWrite, on_.write(14.0 * parameters));
    steps_.ends.push_back(last_);
  }

 private:
  void then(Lane lane, Seconds time) { last_ = add_.add(lane, time, {last_}); }
  void fetch_weights(double parameters) {
    if (has_disk_) then(Lane::kDiskRead, on_.read(2.0 * parameters));
    then(Lane::kH2d, on_.up(2.0 * parameters));
  }

  GptShape model_;
  int batch_;
  bool has_disk_;
  Speeds on_;
  PublishedStep& steps_;
  Script add_;
  OpId last_;
};

// --- LoHan

class LohanSteps {
 public:
  LohanSteps(PublishedSystem system,
             const GptShape& model,
             int batch,
             const HardwareProfile& machine,
             PublishedStep& steps)
      : system_(system), model_(model), on_(machine), steps_(steps), add_(steps) {
    const double block = model.block_parameters();
    steps_.host = bytes_of(22e9 + 48.0 * block + 10.0 * std::max(2.4e9, 2.0 * block) + 8e9);
    const LohanWork work = lohan_work(model, batch);
    const Bytes room = std::max(Bytes{}, machine.host.memory.value - steps_.host);
    const SwapDecision swap = choose_swap(work, lohan_profile(machine, room));
    steps_.swapped = swap.swapped;
    const double tokens = static_cast<double>(batch) * static_cast<double>(model.sequence);
    const double unit = tokens * static_cast<double>(model.width);  // s b h
    saved_ = static_cast<double>(swap.swapped.count) / model.layers;
    saved_on_disk_ = static_cast<double>(swap.on_disk.count) / model.layers;
    weights_ = 2.0 * block;
    const double flops = 2.0 * block * tokens;
    forward_ = on_.forward(flops);
    backward_ = on_.backward(2.0 * flops) + on_.forward(flops) * recomputed_share(saved_ / unit);
    group_ = std::max(1, static_cast<int>(std::lround(kGroup / block)));
  }

  void add_step() {
    add_forward();
    add_backward();
    if (system_ == PublishedSystem::kLohanSerial) update_all();
    if (pending_.parameters > 0.0) write_back(pending_);
    pending_ = {};
    steps_.ends.push_back(last_compute_);
  }

 private:
  struct Group {
    double parameters = 0.0;
    OpId updated;
  };

  // Of a forward of a block that swaps `saved` times s b h bytes: 2 are its input, then come the
  // last product (a third of the FLOPs for 2 bytes), the other three (16), the rest (14).
  static double recomputed_share(double saved) {
    const double last = std::clamp(saved - 2.0, 0.0, 2.0) / 2.0;
    const double others = std::clamp(saved - 4.0, 0.0, 16.0) / 16.0;
    const double rest = std::clamp(saved - 20.0, 0.0, 14.0) / 14.0;
    return 1.0 - last / 3.0 - others * 2.0 / 3.0 + kElementwise * (1.0 - rest);
  }

  // One thread does all I/O in program order.
  OpId io(Lane lane, Seconds time, std::initializer_list<OpId> after = {}) {
    std::array<OpId, 3> all{last_io_};
    std::copy(after.begin(), after.end(), all.begin() + 1);
    return last_io_ = add_.add(lane, time, {all[0], all[1], all[2]});
  }
  OpId read(double bytes, std::initializer_list<OpId> after = {}) {
    return io(Lane::kDiskRead, on_.read(bytes), after);
  }
  OpId compute(Seconds time, OpId after) {
    return last_compute_ = add_.add(Lane::kCompute, time, {after});
  }

  // Weights are read one block ahead.
  void add_forward() {
    const auto layers = static_cast<std::size_t>(model_.layers);
    std::vector<OpId> done(layers);
    OpId next = read(weights_);
    for (std::size_t k = 0; k < layers; ++k) {
      const OpId here = next;
      if (k + 1 < layers) next = read(weights_, {k > 0 ? done[k - 1] : OpId{}});
      const OpId up = add_.add(Lane::kH2d, on_.up(weights_), {here, k > 1 ? done[k - 2] : OpId{}});
      done[k] = compute(forward_, up);
      const OpId down = add_.add(Lane::kD2h, on_.down(saved_), {done[k]});
      if (saved_on_disk_ > 0.0) io(Lane::kDiskWrite, on_.write(saved_on_disk_), {down});
    }
  }

  // Reads run two blocks ahead; in the naive order the thread that updates a group reads the next
  // block only afterwards, so that one block ahead is all the GPU has.
  void add_backward() {
    const bool is_naive = system_ == PublishedSystem::kLohanNaive;
    const int ahead = is_naive ? 1 : 2;
    const auto layers = static_cast<std::size_t>(model_.layers);
    std::vector<OpId> done(layers + 2);
    std::vector<OpId> fetched(layers);
    int next = model_.layers - 1;
    const auto read_down_to = [&](int block, OpId up, OpId before) {
      for (; next >= std::max(block, 0); --next) {
        fetched[static_cast<std::size_t>(next)] = read(weights_ + saved_on_disk_, {up, before});
      }
    };
    read_down_to(next, last_compute_, {});
    double waiting = 0.0;
    for (int block = model_.layers - 1; block >= 0; --block) {
      const auto k = static_cast<std::size_t>(block);
      const OpId up = add_.add(Lane::kH2d, on_.up(weights_ + saved_), {fetched[k], done[k + 2]});
      const OpId before = last_compute_;
      done[k] = compute(backward_, up);
      const OpId gradient =
          add_.add(Lane::kD2h, on_.down(4.0 * model_.block_parameters()), {done[k]});
      read_down_to(block - ahead, up, before);
      waiting += model_.block_parameters();
      const bool is_full = (model_.layers - block) % group_ == 0 || block == 0;
      if (!is_full || system_ == PublishedSystem::kLohanSerial) continue;
      if (block == 0) waiting = waiting + embedding();
      update(waiting, gradient, is_naive ? std::array{up, before} : std::array{gradient, OpId{}});
      waiting = 0.0;
    }
  }

  double embedding() const {
    return model_.parameters() - model_.layers * model_.block_parameters();
  }

  // 12 bytes a parameter come, 14 go. Optimized: a group is written after the next one is read.
  void update(double parameters, OpId gradient, const std::array<OpId, 2>& begin) {
    const OpId states = read(12.0 * parameters, {begin[0], begin[1]});
    const Group group{parameters,
                      add_.add(Lane::kHost, on_.update(parameters), {states, gradient})};
    if (system_ == PublishedSystem::kLohanNaive) return write_back(group);
    if (pending_.parameters > 0.0) write_back(pending_);
    pending_ = group;
  }

  void write_back(const Group& group) {
    io(Lane::kDiskWrite, on_.write(14.0 * group.parameters), {group.updated});
  }

  void update_all() {
    for (int block = 0; block < model_.layers; block += group_) {
      const int count = std::min(group_, model_.layers - block);
      double parameters = count * model_.block_parameters();
      if (block + count == model_.layers) parameters += embedding();
      update(parameters, last_compute_, {last_compute_, OpId{}});
    }
  }

  PublishedSystem system_;
  GptShape model_;
  Speeds on_;
  PublishedStep& steps_;
  Script add_;
  double saved_ = 0.0;          // bytes per block
  double saved_on_disk_ = 0.0;  // bytes per block
  double weights_ = 0.0;        // bytes per block
  Seconds forward_;             // of a block
  Seconds backward_;            // of a block, recomputation with it
  int group_ = 1;               // blocks
  OpId last_io_;
  OpId last_compute_;
  Group pending_;
};

}  // namespace

const char* name_of(PublishedSystem system) {
  static constexpr std::array<const char*, 5> kNames{
      "lohan", "lohan_naive", "lohan_serial", "zero_offload", "zero_infinity"};
  return kNames.at(static_cast<std::size_t>(system));
}

double GptShape::block_parameters() const {
  const auto h = static_cast<double>(width);
  return 12.0 * h * h + 13.0 * h;
}

double GptShape::parameters() const {
  return layers * block_parameters() + static_cast<double>(vocabulary) * static_cast<double>(width);
}

LohanWork lohan_work(const GptShape& model, int batch) {
  const double tokens = static_cast<double>(batch) * static_cast<double>(model.sequence);
  const auto h = static_cast<double>(model.width);
  const Flops forward{2.0 * model.parameters() * tokens};
  LohanWork work{.parameters = model.parameters(),
                 .forward = forward,
                 .again = forward,
                 .block_inputs = bytes_of(2.0 * tokens * h * model.layers)};
  // Bytes in units of s b h, FLOPs of s b h h: the last product, the projection, query, key and
  // value, the first product of the MLP, and what is element-wise.
  constexpr std::array<std::pair<double, double>, 5> kLayers{
      {{2, 8}, {2, 2}, {6, 6}, {8, 8}, {14, 0}}};
  for (int layer = 0; layer < model.layers; ++layer) {
    for (const auto& [bytes, flops] : kLayers) {
      work.layers.push_back({{}, bytes_of(bytes * tokens * h), Flops{flops * tokens * h * h}});
    }
  }
  return work;
}

PublishedStep published_step(PublishedSystem system,
                             const GptShape& model,
                             int batch,
                             const HardwareProfile& machine) {
  require(model.layers > 0 && model.width > 0 && batch > 0,
          "published_step: got ",
          model.layers,
          " layers of width ",
          model.width,
          ", batch ",
          batch);
  PublishedStep steps;
  const bool has_disk = system == PublishedSystem::kZeroInfinity;
  if (has_disk || system == PublishedSystem::kZeroOffload) {
    ZeroSteps zero(model, batch, has_disk, machine, steps);
    for (int step = 0; step < kSteps; ++step) zero.add_step();
    return steps;
  }
  LohanSteps lohan(system, model, batch, machine, steps);
  for (int step = 0; step < kSteps; ++step) lohan.add_step();
  return steps;
}

Seconds steady_step(const PublishedStep& steps) {
  const Simulation simulated = simulate(steps.schedule, steps.costs);
  const auto end = [&](std::size_t step) {
    return simulated.timeline.ops[steps.ends[step].index()].end;
  };
  return end(steps.ends.size() - 1) - end(steps.ends.size() - 2);
}

}  // namespace longhaul
