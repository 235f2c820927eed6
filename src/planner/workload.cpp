#include "workload.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "longhaul/graph/backward.h"
#include "longhaul/graph/block_layout.h"
#include "longhaul/plan/scratch.h"

namespace longhaul {
namespace {

bool is_activation(const ModelGraph& graph, TensorId id) {
  return graph[id].kind == TensorKind::kActivation;
}

// "model.layers.12.mlp.up_proj" -> "model.layers.*.mlp.up_proj"
std::string without_numbers(const std::string& name) {
  std::string pattern;
  for (std::size_t at = 0; at < name.size();) {
    std::size_t end = std::min(name.find('.', at), name.size());
    const bool is_number = end > at && std::all_of(name.begin() + static_cast<std::ptrdiff_t>(at),
                                                   name.begin() + static_cast<std::ptrdiff_t>(end),
                                                   [](unsigned char c) { return std::isdigit(c); });
    pattern += is_number ? "*" : name.substr(at, end - at);
    if (end < name.size()) pattern += '.';
    at = end + 1;
  }
  return pattern;
}

// The units of one block, as indices of its nodes, with what each spares.
struct BlockUnits {
  struct Unit {
    std::size_t node;  // position in the block
    std::vector<TensorId> tensors;
    double bytes;
    double seconds;
  };
  std::vector<Unit> units;
};

class UnitFinder {
 public:
  UnitFinder(const Problem& problem, const StepRates& rates, BlockId block)
      : problem_(problem), rates_(rates), graph_(problem.graph), block_(block) {
    for (const TensorId id : saved_tensors(graph_, block)) {
      if (graph_[id].block == block) {
        saved_.push_back(id);
      } else {
        kept_.push_back(id);
      }
    }
    for (const NodeId node : graph_[block].nodes) {
      for (const TensorId id : graph_[node].inputs) {
        if (is_activation(graph_, id) && graph_[id].block != block) kept_.push_back(id);
      }
    }
  }

  // Greedily by seconds per byte, each on top of those before it.
  BlockUnits find() {
    std::vector<BlockUnits::Unit> open = candidates();
    BlockUnits found;
    double now = seconds(kept_);
    while (!open.empty()) {
      std::size_t best = 0;
      for (std::size_t i = 0; i < open.size(); ++i) {
        open[i].seconds = now - seconds(with(open[i].tensors));
        if (open[i].seconds * open[best].bytes > open[best].seconds * open[i].bytes) best = i;
      }
      kept_ = with(open[best].tensors);
      now -= open[best].seconds;
      found.units.push_back(open[best]);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(best));
    }
    return found;
  }

 private:
  std::vector<BlockUnits::Unit> candidates() const {
    std::vector<BlockUnits::Unit> units;
    const std::vector<NodeId>& nodes = graph_[block_].nodes;
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      BlockUnits::Unit unit{n, {}, 0.0, 0.0};
      for (const TensorId id : graph_[nodes[n]].outputs) {
        if (std::find(saved_.begin(), saved_.end(), id) == saved_.end()) continue;
        unit.tensors.push_back(id);
        unit.bytes += static_cast<double>(byte_count(graph_[id], problem_.shape).count);
      }
      if (!unit.tensors.empty()) units.push_back(std::move(unit));
    }
    return units;
  }
  std::vector<TensorId> with(const std::vector<TensorId>& more) const {
    std::vector<TensorId> kept = kept_;
    kept.insert(kept.end(), more.begin(), more.end());
    return kept;
  }
  double seconds(const std::vector<TensorId>& kept) const {
    double sum = 0.0;
    for (const NodeId node : recompute_closure(graph_, block_, kept)) {
      sum += rates_.forward[node.index()];
    }
    return sum;
  }

  const Problem& problem_;
  const StepRates& rates_;
  const ModelGraph& graph_;
  BlockId block_;
  std::vector<TensorId> saved_;
  std::vector<TensorId> kept_;
};

// What makes two blocks alike: their nodes' kinds, seconds and sizes.
std::string signature(const Problem& problem, const StepRates& rates, const Block& block) {
  std::string text;
  for (const NodeId node : block.nodes) {
    text += kind_name(problem.graph[node]);
    text += std::to_string(rates.forward[node.index()]);
    for (const TensorId id : problem.graph[node].outputs) {
      text += ' ' + std::to_string(byte_count(problem.graph[id], problem.shape).count);
    }
    text += ';';
  }
  return text;
}

class Summary {
 public:
  Summary(const Problem& problem, const StepRates& rates)
      : problem_(problem), rates_(rates), graph_(problem.graph) {}

  Workload make() {
    for (std::size_t b = 0; b < graph_.blocks.size(); ++b) add_block(make_id<BlockId>(b));
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) add_node(n);
    work_.embedding = embedding_block(graph_);
    add_visit_weights();
    work_.hidden_bytes = bytes(graph_.hidden);
    std::stable_sort(
        work_.units.begin(), work_.units.end(), [](const SavedUnit& a, const SavedUnit& b) {
          return a.seconds * b.bytes > b.seconds * a.bytes;
        });
    return std::move(work_);
  }

 private:
  double bytes(TensorId id) const {
    return static_cast<double>(byte_count(graph_[id], problem_.shape).count);
  }
  bool is_last(BlockId block) const { return block.index() + 1 == graph_.blocks.size(); }

  void add_block(BlockId id) {
    const BlockLayout layout = make_layout(graph_, id);
    work_.block_weights.push_back(static_cast<double>(layout.elements));
    work_.block_trainable.push_back(static_cast<double>(layout.trainable));
    work_.weights += work_.block_weights.back();
    work_.trainable += work_.block_trainable.back();
    work_.visit_bytes.push_back(visit_bytes(id));
    if (is_last(id)) return;  // its backward follows its forward: nothing leaves in between
    for (const TensorId tensor : saved_tensors(graph_, id)) {
      if (graph_[tensor].block != id) work_.input_bytes += bytes(tensor);
    }
    const auto [found, is_new] =
        known_.try_emplace(signature(problem_, rates_, graph_[id]), BlockUnits{});
    if (is_new) found->second = UnitFinder(problem_, rates_, id).find();
    for (const BlockUnits::Unit& unit : found->second.units) add_unit(id, unit);
  }

  void add_unit(BlockId block, const BlockUnits::Unit& unit) {
    SavedUnit::Site site{block, {}};
    const Node& node = graph_[graph_[block].nodes[unit.node]];
    const std::vector<TensorId> saved = saved_tensors(graph_, block);
    std::string key;
    for (const TensorId id : node.outputs) {
      if (std::find(saved.begin(), saved.end(), id) == saved.end()) continue;
      site.tensors.push_back(id);
      key += without_numbers(graph_[id].name) + '\n';
    }
    const auto [found, is_new] = unit_of_.try_emplace(key, work_.units.size());
    if (is_new) {
      work_.units.emplace_back();
      for (const TensorId id : site.tensors) {
        work_.units.back().patterns.push_back(without_numbers(graph_[id].name));
      }
    }
    SavedUnit& all = work_.units[found->second];
    all.sites.push_back(std::move(site));
    all.bytes += unit.bytes;
    all.seconds += unit.seconds;
  }

  void add_node(std::size_t n) {
    const Node& node = graph_.nodes[n];
    if (!is<HeadLoss>(node)) work_.forward += rates_.forward[n];
    work_.backward += rates_.backward[n];
    for (const TensorId id : node.inputs) {
      if (graph_[id].kind != TensorKind::kParameter) continue;
      note_fetch(node, graph_[id].block);
    }
  }

  // Weights of `owner` are used in the turns of `node`'s block.
  void note_fetch(const Node& node, BlockId owner) {
    if (!fetched_.emplace(node.block, owner).second) return;
    const double elements = work_.block_weights[owner.index()];
    if (!is_last(node.block)) work_.forward_fetch += elements;
    if (!is<Embedding>(node)) work_.backward_fetch += elements;
  }

  // Weights of all owners that a block's nodes read; of a head that is cut, a tile at a time.
  void add_visit_weights() {
    for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
      std::set<std::size_t> owners;
      double sum = 0.0;
      for (const NodeId id : graph_.blocks[b].nodes) {
        const Node& node = graph_[id];
        if (const HeadLoss* head = tiled_head(node)) {
          work_.tiled = graph_[node.inputs[1]].block.index();
          work_.head_tile = static_cast<double>(head->tile_rows * head->width);
          if (work_.tiled == b) sum -= static_cast<double>(head->rows * head->width);
        }
        note_owners(node, owners);
      }
      for (const std::size_t owner : owners) sum += work_.block_weights[owner];
      work_.visit_weights.push_back(std::max(0.0, sum));
    }
  }
  void note_owners(const Node& node, std::set<std::size_t>& owners) const {
    for (const TensorId id : node.inputs) {
      if (graph_[id].kind != TensorKind::kParameter) continue;
      const bool is_foreign = graph_[id].block != node.block;
      if (tiled_head(node) != nullptr && is_foreign) continue;
      owners.insert(graph_[id].block.index());
    }
  }
  static const HeadLoss* tiled_head(const Node& node) {
    const auto* head = std::get_if<HeadLoss>(&node.kind);
    return head != nullptr && head->tile_rows > 0 && head->tile_rows < head->rows ? head : nullptr;
  }

  // Everything a visit saves, the gradients around its largest node, and scratch.
  double visit_bytes(BlockId block) const {
    double saved = 0.0;
    for (const TensorId id : saved_tensors(graph_, block)) saved += bytes(id);
    double around = 0.0;
    for (const NodeId id : graph_[block].nodes) {
      const Node& node = graph_[id];
      double here = 0.0;
      for (const TensorId out : node.outputs) here += is_activation(graph_, out) ? bytes(out) : 0.0;
      for (const TensorId in : node.inputs) here += is_activation(graph_, in) ? bytes(in) : 0.0;
      OpKind kind = OpKind::kBackward;
      if (const auto* head = std::get_if<HeadLoss>(&node.kind)) {
        kind = head->tile_rows > 0 ? OpKind::kHeadGradient : OpKind::kHeadLoss;
        // Statistics, and fp32 sums of the gradient of hidden.
        const auto rows = static_cast<double>(problem_.shape.tokens);
        if (tiled_head(node) != nullptr) here += 4.0 * rows * static_cast<double>(head->width + 3);
      }
      here += static_cast<double>(
          scratch_bytes(graph_, node, kind, problem_.shape, compute_lane(problem_)).count);
      around = std::max(around, here);
    }
    return saved + around;
  }

  const Problem& problem_;
  const StepRates& rates_;
  const ModelGraph& graph_;
  Workload work_;
  std::map<std::string, BlockUnits> known_;
  std::map<std::string, std::size_t> unit_of_;  // by patterns
  std::set<std::pair<BlockId, BlockId>> fetched_;
};

}  // namespace

std::optional<std::size_t> embedding_block(const ModelGraph& graph) {
  const auto found = std::find_if(
      graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return is<Embedding>(node); });
  if (found == graph.nodes.end()) return std::nullopt;
  return graph[found->inputs[2]].block.index();
}

Workload summarize(const Problem& problem, const StepRates& rates) {
  return Summary(problem, rates).make();
}

}  // namespace longhaul
