// The search behind `auto`: programs over all structures of a step, the best of them judged.
#pragma once

#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "longhaul/planner/judge.h"

#include "judging.h"
#include "step_program.h"
#include "step_rates.h"
#include "workload.h"

namespace longhaul {

// Elements of a chunk of states: a share of the largest block, so that a block moves in a pipeline
// and staging stays small beside it.
std::int64_t chunk_for(const Workload& work);

class Search {
 public:
  static constexpr double kNoLimit = std::numeric_limits<double>::infinity();

  explicit Search(const Problem& problem);

  struct Proposal {
    ProgramChoice choice;
    ProgramAnswer answer;
  };
  // Structures whose program has an answer, the cheapest first.
  std::vector<Proposal> proposals() const;
  // The least of all merged programs; none when even they do not fit.
  std::optional<double> merged_bound() const;

  struct Found {
    Judgement judgement;
    Proposal proposal;  // the one it was made from, or the cheapest
  };
  // Lowers and places; corrects the program by what the placement needed until it fits. None: it
  // never did, or costs `limit` or more.
  std::optional<Found> realize_within_caps(Proposal proposal, double limit = kNoLimit) const;
  bool has_time_left() const;

  std::optional<Found> best() const;
  // What single decisions make of these, at least one.
  Found improved(std::vector<Found> found) const;
  // Where no structure fits: what plans for larger caps become when they are made smaller.
  std::optional<Found> squeezed() const;
  // The first that fits, of structures in the order of their cost.
  std::optional<Found> any() const;

  // The least of a tier that a step takes: of any plan, and of the structures known here (larger;
  // none when the other tiers do not do).
  std::optional<double> least_of(Tier tier, bool is_merged) const;

  static double cost(const Proposal& proposal);

 private:
  void add_times(ProgramChoice choice, std::vector<ProgramChoice>& structures) const;
  std::vector<ProgramChoice> structures() const;
  std::optional<Proposal> propose(ProgramChoice choice) const;
  struct Peaks {
    std::array<Bytes, kTierCount> bytes;
    bool are_placed;  // or what no placement goes below
  };
  bool learn(Proposal& proposal, const Peaks& peaks, int placements) const;
  std::vector<ProgramChoice> neighbours(const ProgramChoice& start) const;
  void keep_better(std::optional<Found>& best, std::optional<Found> found) const;
  std::vector<Plan> policies() const;
  void add_policies(const Proposal& cheapest, std::vector<Found>& found) const;
  bool may_win(const Plan& plan, double least) const;
  std::optional<Found> try_plan(const Plan& plan, const Proposal& origin, double limit) const;
  Found refine(Found start) const;
  double bytes_on_device(const BlockRange& range) const;
  // The same with the first blocks on the device; none where that is not cheaper.
  std::optional<Found> with_first_on_device(const Found& start) const;
  class Experience;
  std::vector<Found> realized(std::vector<Proposal> all) const;
  void sort(std::vector<Found>& found) const;
  Found polished(std::vector<Found> found) const;
  Found raced(std::vector<Found> found) const;

  const Problem& problem_;
  Judging judging_;
  StepRates rates_;
  Workload work_;
  mutable std::size_t judged_ops_ = 0;  // what was spent so far
};

}  // namespace longhaul
