#include "longhaul/plan/plan_file.h"

#include <algorithm>
#include <utility>

#include "longhaul/config/schema.h"
#include "longhaul/core/error.h"

namespace longhaul {
namespace {

ValueType<Tier> tier_value() {
  return one_of<Tier>({{"device", Tier::kDevice}, {"host", Tier::kHost}, {"disk", Tier::kDisk}});
}

ValueType<Tier> side_value() {
  return one_of<Tier>({{"device", Tier::kDevice}, {"host", Tier::kHost}});
}

ValueType<SavedAction> action_value() {
  return one_of<SavedAction>({{"keep", SavedAction::kKeep},
                              {"host", SavedAction::kHost},
                              {"disk", SavedAction::kDisk},
                              {"recompute", SavedAction::kRecompute}});
}

template <class Int>
ValueType<Int> count_value(std::int64_t low, std::int64_t high) {
  const auto inner = integer_value(low, high);
  return {inner.expected,
          [inner](const ConfigNode& node, Int& value) {
            std::int64_t number = 0;
            if (!inner.read(node, number)) return false;
            value = static_cast<Int>(number);
            return true;
          },
          [inner](const Int& value) { return inner.write(value); }};
}

// 0 is written as `all`.
ValueType<int> group_value() {
  const auto inner = count_value<int>(1, 1 << 20);
  return {"all or " + inner.expected,
          [inner](const ConfigNode& node, int& value) {
            if (node.kind == ConfigNode::Kind::kScalar && node.text == "all") {
              value = 0;
              return true;
            }
            return inner.read(node, value);
          },
          [inner](const int& value) { return value == 0 ? "all" : inner.write(value); }};
}

bool read_micro_batches(const ConfigNode& node, std::vector<int>& micro_batches) {
  const auto number = count_value<int>(0, 1 << 20);
  for (const ConfigNode& item : node.items) {
    if (!number.read(item, micro_batches.emplace_back())) return false;
  }
  return !micro_batches.empty();
}

bool read_rule_entry(const ConfigEntry& entry, SavedRule& rule) {
  if (entry.key == "tensors") return text_value("").read(entry.value, rule.tensors);
  if (entry.key == "action") return action_value().read(entry.value, rule.action);
  return entry.key == "micro_batches" && read_micro_batches(entry.value, rule.micro_batches);
}

bool read_rule(const ConfigNode& node, SavedRule& rule) {
  if (find(node, "tensors") == nullptr || find(node, "action") == nullptr) return false;
  return std::all_of(node.entries.begin(), node.entries.end(), [&](const ConfigEntry& entry) {
    return read_rule_entry(entry, rule);
  });
}

std::string write_rule(const SavedRule& rule) {
  std::string text = concat("{tensors: ", to_quoted_yaml_scalar(rule.tensors));
  text += ", action: " + action_value().write(rule.action);
  if (!rule.micro_batches.empty()) {
    std::string list;
    for (const int m : rule.micro_batches) list += concat(list.empty() ? "" : ", ", m);
    text += concat(", micro_batches: [", list, "]");
  }
  return text + "}";
}

ValueType<std::vector<SavedRule>> rules_value() {
  return {
      "a list of {tensors: PATTERN, action: keep | host | disk | recompute, micro_batches: "
      "[NUMBER, ...]}, the last of them optional",
      [](const ConfigNode& node, std::vector<SavedRule>& rules) {
        rules.clear();
        if (node.kind != ConfigNode::Kind::kSequence) return false;
        for (const ConfigNode& item : node.items) {
          if (!read_rule(item, rules.emplace_back())) return false;
        }
        return true;
      },
      [](const std::vector<SavedRule>& rules) {
        std::string list;
        for (const SavedRule& rule : rules) {
          list += concat(list.empty() ? "" : ", ", write_rule(rule));
        }
        return concat("[", list, "]");
      }};
}

// `block` returns the BlockPlan of a config.
template <class Config, class Block>
void add_block_keys(Schema<Config>& keys, Block block) {
  const auto share = number_value({0.0, 1.0, true, true});
  keys.add(
      "weights.home",
      [block](Config & c) -> auto& { return block(c).weights.tier; },
      tier_value(),
      "Where the weights live between their uses.");
  keys.add(
      "weights.in_ram",
      [block](Config & c) -> auto& { return block(c).weights.ram_share; },
      share,
      "Of a home on disk: the share of the weights that stays in RAM.");
  keys.add(
      "weights.keep_on_device",
      [block](Config & c) -> auto& { return block(c).keeps_weights_on_device; },
      bool_value(),
      "Of another home: a copy stays on the device across steps.");
  keys.add(
      "states.home",
      [block](Config & c) -> auto& { return block(c).states.tier; },
      tier_value(),
      "Where the other states of the optimizer live: remainders and moments.");
  keys.add(
      "states.in_ram",
      [block](Config & c) -> auto& { return block(c).states.ram_share; },
      share,
      "Of a home on disk: the share of the states that stays in RAM.");
  keys.add(
      "gradients",
      [block](Config & c) -> auto& { return block(c).gradients; },
      tier_value(),
      "Where a finished gradient waits for its update.");
  keys.add(
      "update_on",
      [block](Config & c) -> auto& { return block(c).update_on; },
      side_value(),
      "Which side runs the optimizer.");
  keys.add(
      "next_forward_share",
      [block](Config & c) -> auto& { return block(c).next_forward_share; },
      share,
      "Of updates in backward or speculative ones: the share of the block, at its end, that is "
      "left "
      "to the next forward.");
}

void add_time_keys(Schema<Plan>& keys) {
  keys.add(
      "policy",
      [](Plan & p) -> auto& { return p.policy; },
      text_value("a name"),
      "How the plan was made; nothing depends on it.");
  keys.add(
      "group",
      [](Plan & p) -> auto& { return p.group; },
      group_value(),
      "Micro-batches that go through a block before the next block: 1 is horizontal, all is "
      "vertical.");
  keys.add(
      "update",
      [](Plan & p) -> auto& { return p.update; },
      one_of<UpdateTime>({{"after_backward", UpdateTime::kAfterBackward},
                          {"in_backward", UpdateTime::kInBackward},
                          {"in_next_forward", UpdateTime::kInNextForward},
                          {"speculative", UpdateTime::kSpeculative}}),
      "When a block is updated; in_backward only without clipping.");
  keys.add(
      "order",
      [](Plan & p) -> auto& { return p.order; },
      one_of<UpdateOrder>({{"serial", UpdateOrder::kSerial},
                           {"naive", UpdateOrder::kNaive},
                           {"optimized", UpdateOrder::kOptimized},
                           {"spread", UpdateOrder::kSpread}}),
      "How reading states, computing and writing back follow each other; spread over the visits of "
      "a turn, lanes wait for less and the last update ends later.");
}

void add_tensor_keys(Schema<Plan>& keys) {
  keys.add(
      "accumulators",
      [](Plan & p) -> auto& { return p.accumulators; },
      side_value(),
      "Where the gradients of micro-batches are summed in fp32.");
  keys.add(
      "embedding",
      [](Plan & p) -> auto& { return p.embeds_on_host; },
      one_of<bool>({{"device", false}, {"host", true}}),
      "Where rows of the embedding are gathered and their gradients added; from the host only the "
      "rows that are used cross the link.");
  keys.add(
      "saved.block_inputs",
      [](Plan & p) -> auto& { return p.block_inputs; },
      action_value(),
      "What becomes of the activations between blocks; they cannot be recomputed.");
  keys.add(
      "saved.rules",
      [](Plan & p) -> auto& { return p.saved; },
      rules_value(),
      "What becomes of the other tensors that backward needs: the first rule that matches. In a "
      "pattern * stands for any characters.");
  keys.add(
      "prefetch.weights",
      [](Plan & p) -> auto& { return p.weight_window; },
      count_value<int>(0, 1024),
      "Blocks whose weights are fetched ahead.");
  keys.add(
      "prefetch.saved",
      [](Plan & p) -> auto& { return p.saved_window; },
      count_value<int>(0, 1024),
      "Visits of a block by a micro-batch whose tensors are fetched ahead.");
  keys.add(
      "staging.elements",
      [](Plan & p) -> auto& { return p.chunk; },
      count_value<std::int64_t>(65536, std::int64_t{1} << 40),
      "States move in chunks of so many elements, a multiple of 65536.");
  keys.add(
      "staging.slots",
      [](Plan & p) -> auto& { return p.staging; },
      count_value<int>(2, 64),
      "Chunks of a stream that are under way at once.");
}

const Schema<Plan>& plan_keys() {
  static const Schema<Plan> all_keys = [] {
    Schema<Plan> keys;
    add_time_keys(keys);
    add_block_keys(
        keys, [](Plan & p) -> auto& { return p.blocks; });
    add_tensor_keys(keys);
    return keys;
  }();
  return all_keys;
}

const Schema<BlockPlan>& block_keys() {
  static const Schema<BlockPlan> all_keys = [] {
    Schema<BlockPlan> keys;
    add_block_keys(
        keys, [](BlockPlan & b) -> auto& { return b; });
    return keys;
  }();
  return all_keys;
}

}  // namespace

Plan parse_plan(const Document& document) {
  ConfigErrors errors;
  Document plan_part = document;
  const ConfigNode* blocks = find(document.root, "blocks");
  std::erase_if(plan_part.root.entries,
                [](const ConfigEntry& entry) { return entry.key == "blocks"; });
  Plan plan;
  plan_keys().read(plan_part, plan, errors);
  if (blocks != nullptr && blocks->kind != ConfigNode::Kind::kMap) {
    errors.add(blocks->place,
               "blocks",
               concat("got ", describe(*blocks), ", expected {NAME OF A BLOCK: {...}, ...}"));
  }
  if (blocks != nullptr) {
    for (const ConfigEntry& entry : blocks->entries) {
      BlockPlan exception = plan.blocks;
      block_keys().read({document.source, entry.value, {}}, exception, errors);
      plan.exceptions[entry.key] = exception;
    }
  }
  errors.throw_if_any();
  return plan;
}

Plan load_plan(const std::string& file) {
  return parse_plan(load_document(file));
}

std::string to_yaml(const Plan& plan, bool with_comments) {
  std::string text = plan_keys().write(plan, with_comments);
  if (plan.exceptions.empty()) return text;
  text += "blocks:\n";
  for (const auto& [name, block] : plan.exceptions) {
    text += concat("  ", name, ":\n");
    const std::string keys = block_keys().write(block, false);
    for (std::size_t at = 0; at < keys.size();) {
      const std::size_t end = keys.find('\n', at);
      text += concat("    ", keys.substr(at, end - at), '\n');
      at = end + 1;
    }
  }
  return text;
}

}  // namespace longhaul
