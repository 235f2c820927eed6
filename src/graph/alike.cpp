#include "longhaul/graph/alike.h"

#include <map>
#include <optional>
#include <vector>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

struct SizesInWords {
  std::string operator()(const Embedding& n) const { return concat(n.rows, " x ", n.width); }
  std::string operator()(const Add& n) const { return concat(n.width); }
  std::string operator()(const RmsNorm& n) const {
    return n.groups == 1 ? concat(n.width) : concat(n.groups, " x ", n.width);
  }
  std::string operator()(const LayerNorm& n) const { return concat(n.width); }
  std::string operator()(const Linear& n) const {
    return concat(n.in, " -> ", n.out, n.has_bias ? " + bias" : "");
  }
  std::string operator()(const Rotary& n) const {
    return concat(n.heads, " x ", n.head_dim, ", ", n.rotary_dim, " turned");
  }
  std::string operator()(const Attention& n) const {
    std::string text = concat(n.heads, " x ", n.head_dim, " on ", n.kv_heads);
    return n.window == 0 ? text : concat(text, ", window ", n.window);
  }
  std::string operator()(const Swiglu& n) const { return concat(n.width); }
  std::string operator()(const Gelu& n) const { return concat(n.width, n.is_tanh ? " tanh" : ""); }
  std::string operator()(const HeadLoss& n) const {
    return concat(n.rows,
                  " x ",
                  n.width,
                  n.tile_rows > 0 ? concat(", tiles of ", n.tile_rows, " rows")
                                  : concat(", tiles of ", n.tile_tokens, " tokens"));
  }
};

class Cut {
 public:
  Cut(const ModelGraph& graph, int most) : graph_(graph), new_of_(graph.tensors.size()) {
    std::map<std::string, int> seen;
    for (const Block& block : graph.blocks) {
      std::string works;
      for (const NodeId id : block.nodes) works += work_of(graph[id]) + '\n';
      is_kept_.push_back(++seen[works] <= most);
    }
  }

  ModelGraph make() {
    for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
      if (is_kept_[b]) add_block(graph_.blocks[b]);
      if (is_kept_[b]) read_by_next_ = exported(make_id<BlockId>(b));
    }
    const BatchInputs& inputs = graph_.inputs;
    cut_.inputs = {.ids = renumbered(inputs.ids),
                   .sorted_order = renumbered(inputs.sorted_order),
                   .positions = renumbered(inputs.positions),
                   .positions_order = renumbered(inputs.positions_order),
                   .targets = renumbered(inputs.targets),
                   .segment_offsets = renumbered(inputs.segment_offsets)};
    cut_.hidden = renumbered(graph_.hidden);
    check(cut_);
    return std::move(cut_);
  }

 private:
  bool is_produced(TensorId id) const {
    return graph_[id].kind == TensorKind::kActivation || graph_[id].kind == TensorKind::kStatistic;
  }

  // What other blocks read of a block's results.
  std::optional<TensorId> exported(BlockId block) const {
    std::optional<TensorId> found;
    for (const Node& node : graph_.nodes) {
      for (const TensorId id : node.inputs) {
        if (node.block == block || graph_[id].block != block || !is_produced(id)) continue;
        require(!found || *found == id, graph_[block].name, ": others read two of its results");
        found = id;
      }
    }
    return found;
  }

  void add_block(const Block& block) {
    const BlockId id = make_id<BlockId>(cut_.blocks.size());
    cut_.blocks.push_back({block.name, {}, {}});
    block_ = id;
    for (const TensorId parameter : block.parameters) {
      cut_.blocks[id.index()].parameters.push_back(renumbered(parameter));
    }
    std::optional<TensorId> read;
    for (const NodeId old : block.nodes) {
      Node node = graph_[old];
      for (TensorId& input : node.inputs) {
        if (!is_produced(input) || graph_[input].block == graph_[old].block) {
          input = renumbered(input);
          continue;
        }
        require(!read || *read == input, block.name, ": reads results of two blocks");
        require(read_by_next_.has_value(), block.name, ": reads what no block before it wrote");
        read = input;
        input = renumbered(*read_by_next_);
      }
      for (TensorId& output : node.outputs) output = renumbered(output);
      node.block = id;
      cut_.blocks[id.index()].nodes.push_back(make_id<NodeId>(cut_.nodes.size()));
      cut_.nodes.push_back(std::move(node));
    }
  }

  // The tensor in the new graph; added to it, as one of the present block, when it is first met.
  TensorId renumbered(TensorId old) {
    if (!old.exists()) return old;
    TensorId& id = new_of_[old.index()];
    if (id.exists()) return id;
    Tensor tensor = graph_[old];
    require(tensor.kind != TensorKind::kParameter || is_kept_[tensor.block.index()],
            tensor.name,
            ": belongs to a block that is left out");
    if (tensor.block.exists()) tensor.block = block_;
    id = make_id<TensorId>(cut_.tensors.size());
    cut_.tensors.push_back(std::move(tensor));
    return id;
  }

  const ModelGraph& graph_;
  std::vector<bool> is_kept_;             // [block]
  std::vector<TensorId> new_of_;          // [old tensor]
  std::optional<TensorId> read_by_next_;  // of the block added last
  BlockId block_;
  ModelGraph cut_;
};

}  // namespace

std::string work_of(const Node& node) {
  return concat(kind_name(node), ' ', std::visit(SizesInWords{}, node.kind));
}

ModelGraph with_few_alike(const ModelGraph& graph, int most) {
  require(most >= 1, "with_few_alike: got ", most, " blocks, expected at least 1");
  return Cut(graph, most).make();
}

}  // namespace longhaul
