// The last part of a search: from a plan to better ones next to it, each judged in full, until none
// is better or as much was looked at as may be.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "judging.h"
#include "moves.h"

namespace longhaul {

class Polish {
 public:
  // Keeps references to its arguments.
  Polish(const Problem& problem, const Workload& work, const Judging& judging);

  // Of two plans that are above the caps the one that is less so is better, else the cheaper one.
  struct Score {
    double above = 0.0;  // shares of caps that are missing
    double cost = 0.0;
  };
  // A plan on its way.
  struct Position {
    Decisions here;
    Score score;
    std::array<Bytes, kTierCount> bytes{};
    std::size_t ops = 0;
    std::optional<Judgement> judgement;  // none: not placed, or above the caps
  };

  Position at(Judgement judgement) const;
  // Simulated, not placed. None: the plan is impossible or far above the caps.
  std::optional<Position> at(const Decisions& start);

  // To the best plan that is reached while so many more ops are looked at; while it is above the
  // caps, to plans that take less.
  void advance(Position& position, Reach reach, std::size_t most_ops);

  std::size_t ops() const { return ops_; }  // looked at so far

 private:
  // What came of a move that was not taken.
  struct Outcome {
    std::size_t move = 0;
    Score score;
    std::array<Bytes, kTierCount> bytes{};
  };

  bool is_better(const Score& score) const;
  double above(const std::array<Bytes, kTierCount>& bytes) const;
  // For one more plan like the present one.
  bool has_time_left() const { return ops_ + now_.ops <= last_op_; }

  void descend(Reach reach);
  bool descend_in_pairs();
  std::vector<std::size_t> partners(const Outcome& first) const;
  // Goes there if it is better; else `outcome_` says why not, where the plan is possible at all.
  bool try_plan(const Decisions& next);
  bool try_moves(std::size_t first, std::optional<std::size_t> second = std::nullopt);
  std::optional<Outcome> judge_plan(const Decisions& next);
  void take(const Decisions& next);
  bool has_room(const Decisions& next) const;

  const Problem& problem_;
  const Workload& work_;
  const Judging& judging_;
  std::size_t ops_ = 0;
  std::size_t last_op_ = 0;
  std::unordered_map<std::string, std::optional<Outcome>> known_;  // by key_of; none: impossible

  Position now_;
  // From there.
  std::vector<Move> moves_;
  std::vector<Outcome> outcomes_;
  std::optional<Outcome> outcome_;   // of the plan that was tried last
  std::optional<Judgement> placed_;  // the same, where it fits and is better
  std::size_t tried_ = 0;            // its ops
};

}  // namespace longhaul
