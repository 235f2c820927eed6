// A plan in words, for messages of tests.
#pragma once

#include <sstream>
#include <string>

#include "longhaul/plan/plan.h"

namespace longhaul::test {

inline std::string in_words(const BlockPlan& block) {
  std::ostringstream out;
  out << "weights " << name_of(block.weights.tier) << ' ' << block.weights.ram_share << ", states "
      << name_of(block.states.tier) << ' ' << block.states.ram_share << ", copy "
      << block.keeps_weights_on_device << ", update on " << name_of(block.update_on)
      << ", gradients " << name_of(block.gradients) << ", next forward "
      << block.next_forward_share;
  return out.str();
}

inline std::string in_words(const Plan& plan) {
  std::ostringstream out;
  out << "group " << plan.group << ", update " << static_cast<int>(plan.update) << ", order "
      << static_cast<int>(plan.order) << ", accumulators " << name_of(plan.accumulators)
      << ", embeds on host " << plan.embeds_on_host << ", inputs "
      << static_cast<int>(plan.block_inputs) << ", windows " << plan.weight_window << ' '
      << plan.saved_window << ", chunk " << plan.chunk << ", staging " << plan.staging
      << "\nblocks: " << in_words(plan.blocks);
  for (const auto& [name, block] : plan.exceptions) out << '\n' << name << ": " << in_words(block);
  for (const SavedRule& rule : plan.saved) {
    out << "\nsaved " << rule.tensors << ": " << static_cast<int>(rule.action);
    for (const int m : rule.micro_batches) out << " [" << m << ']';
  }
  return out.str();
}

}  // namespace longhaul::test
