#include "polish.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

constexpr double kCheaper = 1.0 - 2e-4;  // of a cost: worth a move
constexpr double kSmaller = 0.97;        // of what is above the caps: worth a move
constexpr std::size_t kPlacing = 1;      // takes so many times what simulating does
constexpr std::size_t kPairs = 8;        // of first moves, and of second ones for each
constexpr double kFarAbove = 1.15;       // of a cap: no second move makes up for it
constexpr double kHopeful = 1.5;         // a second move may cost so much

// The same for the same decisions, and for no others.
std::string key_of(const Decisions& decisions) {
  std::string key;
  const auto add = [&key](const auto& value) {
    key.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const Plan& rest = decisions.rest;
  add(rest.group);
  add(rest.update);
  add(rest.order);
  add(rest.accumulators);
  add(rest.embeds_on_host);
  add(rest.block_inputs);
  add(rest.weight_window);
  add(rest.saved_window);
  add(rest.chunk);
  add(rest.staging);
  for (const BlockPlan& how : decisions.blocks) {
    for (const StateHome& home : {how.weights, how.states}) {
      add(home.tier);
      add(home.ram_share);
    }
    add(how.keeps_weights_on_device);
    add(how.update_on);
    add(how.gradients);
    add(how.next_forward_share);
  }
  for (const auto& sites : decisions.saved) {
    for (const Actions& actions : sites) {
      for (const SavedAction action : actions) add(action);
    }
  }
  return key;
}

}  // namespace

Polish::Polish(const Problem& problem, const Workload& work, const Judging& judging)
    : problem_(problem), work_(work), judging_(judging) {}

Polish::Position Polish::at(Judgement judgement) const {
  Position position{.here = decisions_of(problem_, work_, judgement.plan),
                    .score = {0.0, cost_of(problem_, judgement)},
                    .bytes = judgement.peak,
                    .ops = judgement.ops};
  position.judgement = std::move(judgement);
  return position;
}

std::optional<Polish::Position> Polish::at(const Decisions& start) {
  if (!has_room(start)) return std::nullopt;
  try {
    const Trial trial = judging_.simulated(plan_of(problem_, work_, start));
    ops_ += trial.ops;
    return Position{.here = start,
                    .score = {above(trial.least), judging_.cost_of(trial)},
                    .bytes = trial.least,
                    .ops = trial.ops};
  } catch (const ConfigError&) {  // not every way is one for every block
    return std::nullopt;
  }
}

void Polish::advance(Position& position, Reach reach, std::size_t most_ops) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  last_op_ = ops_ + most_ops;
  now_ = std::move(position);
  if (now_.judgement) {
    known_[key_of(now_.here)] = Outcome{0, now_.score, now_.bytes};
  } else if (now_.score.above == 0.0) {  // as far as it is known without a placement
    const Decisions start = now_.here;
    now_.score = {kInfinity, kInfinity};
    try_plan(start);
  }
  descend(reach);
  while (reach == Reach::kSingle && has_time_left() && descend_in_pairs()) descend(reach);
  position = std::move(now_);
}

bool Polish::is_better(const Score& score) const {
  if (now_.score.above > 0.0) return score.above < kSmaller * now_.score.above;
  return score.above == 0.0 && score.cost < kCheaper * now_.score.cost;
}

double Polish::above(const std::array<Bytes, kTierCount>& bytes) const {
  double sum = 0.0;
  for (std::size_t t = 0; t < kTierCount; ++t) {
    const Bytes cap = problem_.caps.bytes[t];
    if (bytes[t] <= cap) continue;
    sum += static_cast<double>((bytes[t] - cap).count) / static_cast<double>(cap.count + 1);
  }
  return sum;
}

// Whether what lives across steps or from forward to backward alone is not far above the caps.
bool Polish::has_room(const Decisions& next) const {
  std::array<double, kTierCount> bytes = bytes_of_states(problem_, work_, next);
  const int micro_batches = problem_.shape.micro_batches;
  const double at_once =
      next.rest.group == 0 ? 1.0 : static_cast<double>(next.rest.group) / micro_batches;
  for (std::size_t u = 0; u < work_.units.size(); ++u) {
    const double each = at_once * work_.units[u].bytes / static_cast<double>(next.saved[u].size());
    for (const Actions& actions : next.saved[u]) {
      for (const SavedAction action : actions) {
        if (action == SavedAction::kKeep) bytes[0] += each;
        if (action == SavedAction::kHost) bytes[1] += each;
      }
    }
  }
  for (std::size_t t = 0; t < kTierCount; ++t) {
    const auto cap = static_cast<double>(problem_.caps.bytes[t].count);
    if (bytes[t] > kFarAbove * cap) return false;
  }
  return true;
}

// One move after the other, round and round; one that was worth it is made again.
void Polish::descend(Reach reach) {
  moves_ = moves_from(problem_, work_, now_.here, reach);
  outcomes_.clear();
  std::size_t at = 0;
  std::size_t idle = 0;
  while (idle < moves_.size() && has_time_left()) {
    if (try_moves(at)) {
      moves_ = moves_from(problem_, work_, now_.here, reach);
      outcomes_.clear();
      idle = 0;
      at %= moves_.size();
      continue;
    }
    if (outcome_) outcomes_.push_back(*outcome_);
    at = (at + 1) % moves_.size();
    ++idle;
  }
}

// Where no move alone is worth it: those that would be but for the caps, with others that make
// room; and the least bad ones two at a time.
bool Polish::descend_in_pairs() {
  if (now_.score.above > 0.0) return false;
  std::stable_sort(outcomes_.begin(), outcomes_.end(), [](const Outcome& a, const Outcome& b) {
    return a.score.cost < b.score.cost;
  });
  std::size_t tempting = 0;
  std::size_t close = 0;
  for (const Outcome& first : outcomes_) {
    const bool fits = first.score.above == 0.0;
    if (!fits && first.score.cost >= kCheaper * now_.score.cost) continue;
    if ((fits ? close : tempting)++ >= kPairs) continue;
    for (const std::size_t second : partners(first)) {
      if (!has_time_left()) return false;
      if (try_moves(first.move, second)) return true;
    }
  }
  return false;
}

// The cheapest moves that fit where `first` leads, if what both change adds up.
std::vector<std::size_t> Polish::partners(const Outcome& first) const {
  std::vector<std::size_t> partners;
  for (const Outcome& second : outcomes_) {
    if (second.move == first.move || second.score.cost > kHopeful * now_.score.cost) continue;
    std::array<Bytes, kTierCount> both{};
    for (std::size_t t = 0; t < kTierCount; ++t) {
      both[t] = first.bytes[t] + second.bytes[t] - now_.bytes[t];
    }
    if (above(both) > 0.0) continue;
    partners.push_back(second.move);
    if (partners.size() == kPairs) break;
  }
  return partners;
}

bool Polish::try_moves(std::size_t first, std::optional<std::size_t> second) {
  outcome_.reset();
  Decisions next = now_.here;
  moves_[first](next);
  if (second) moves_[*second](next);
  if (next == now_.here) return false;
  const bool is_taken = try_plan(next);
  if (outcome_) outcome_->move = first;
  return is_taken;
}

bool Polish::try_plan(const Decisions& next) {
  outcome_.reset();
  std::string key = key_of(next);
  if (const auto found = known_.find(key); found != known_.end()) {
    outcome_ = found->second;
    if (!outcome_ || !is_better(outcome_->score)) return false;
  }
  outcome_ = judge_plan(next);
  known_[std::move(key)] = outcome_;
  if (!outcome_ || !is_better(outcome_->score)) return false;
  take(next);
  return true;
}

std::optional<Polish::Outcome> Polish::judge_plan(const Decisions& next) {
  if (!has_room(next)) return std::nullopt;
  placed_.reset();
  try {
    Trial trial = judging_.simulated(plan_of(problem_, work_, next), now_.score.cost);
    const std::size_t ops = trial.ops;
    ops_ += ops;
    tried_ = ops;
    Outcome outcome{0, {above(trial.least), judging_.cost_of(trial)}, trial.least};
    if (outcome.score.above > 0.0 || !is_better(outcome.score)) return outcome;
    ops_ += kPlacing * ops;
    placed_ = judging_.placed(std::move(trial), problem_.caps);
    outcome.bytes = placed_->peak;
    outcome.score.above = above(placed_->peak);
    if (outcome.score.above > 0.0) placed_.reset();
    return outcome;
  } catch (const ConfigError&) {  // two decisions that exclude each other
    return std::nullopt;
  }
}

void Polish::take(const Decisions& next) {
  now_ = {.here = next, .score = outcome_->score, .bytes = outcome_->bytes, .ops = tried_};
  now_.judgement = std::move(placed_);
  placed_.reset();
}

}  // namespace longhaul
