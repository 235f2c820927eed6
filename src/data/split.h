// Which samples are held out of training.
#pragma once

#include <cstdint>
#include <vector>

namespace longhaul {

// True for the samples to hold out: about `fraction` of them, at least one and not all where the
// groups allow it. Samples with a hash of `questions` in common, directly or through others, form a
// group, which stays whole. Groups are visited in an order shuffled by `seed`; one with more
// samples than are still wanted is passed over. None is chosen when every group is too large.
std::vector<bool> choose_held_out(const std::vector<std::vector<std::uint64_t>>& questions,
                                  double fraction,
                                  std::uint64_t seed);

}  // namespace longhaul
