#include <cmath>
#include <utility>

#include "longhaul/core/error.h"

#include "family.h"

namespace longhaul {
namespace {

struct Sizes {
  std::int64_t width;
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t mlp;
  std::int64_t layers;
  std::int64_t vocabulary;
  float epsilon;
};

Sizes read_sizes(const Json& config, const DecoderOptions& options) {
  Sizes sizes{.width = size_at(config, "hidden_size"),
              .heads = size_at(config, "num_attention_heads"),
              .mlp = size_at(config, "intermediate_size"),
              .layers = layers_at(config, "num_hidden_layers"),
              .vocabulary = size_at(config, "vocab_size"),
              .epsilon = static_cast<float>(config.double_or("rms_norm_eps", 1e-6))};
  sizes.kv_heads = size_or(config, "num_key_value_heads", sizes.heads);
  const std::int64_t fallback =
      options.default_head_dim > 0 ? options.default_head_dim : sizes.width / sizes.heads;
  sizes.head_dim = size_or(config, "head_dim", fallback);
  if (sizes.heads % sizes.kv_heads != 0) {
    throw FormatError(concat(config.at("num_attention_heads").where(),
                             ": got ",
                             sizes.heads,
                             " heads, expected a multiple of ",
                             sizes.kv_heads,
                             " key/value heads"));
  }
  if (sizes.head_dim % 2 != 0) {
    throw FormatError(concat(config.where(),
                             ": got a head_dim of ",
                             sizes.head_dim,
                             ", expected an even one: rotary positions turn pairs"));
  }
  return sizes;
}

class DecoderBuilder {
 public:
  DecoderBuilder(const Json& config, DType dtype, const DecoderOptions& options)
      : options_(options), dtype_(dtype), sizes_(read_sizes(config, options)), builder_(dtype_) {
    model_.family = options.family;
    model_.vocabulary = sizes_.vocabulary;
    model_.max_positions = size_at(config, "max_position_embeddings");
    RotaryTables rotary;
    rotary.cosines = builder_.position_table("rotary.cosines", sizes_.head_dim / 2);
    rotary.sines = builder_.position_table("rotary.sines", sizes_.head_dim / 2);
    rotary.frequencies = rotary_frequencies(config, sizes_.head_dim, options.default_rope_theta);
    model_.rotary.push_back(std::move(rotary));
  }

  Model build(bool is_tied) {
    builder_.begin_block("embedding");
    const TensorId table = matrix("model.embed_tokens.weight", sizes_.vocabulary, sizes_.width);
    TensorId x = builder_.embedding("embed_tokens", table);
    for (std::int64_t layer = 0; layer < sizes_.layers; ++layer) {
      builder_.begin_block(concat("layer ", layer));
      x = add_mlp(layer, add_attention(layer, x));
    }
    builder_.begin_block("head");
    const TensorId hidden =
        builder_.rms_norm("norm", x, vector("model.norm.weight", sizes_.width), sizes_.epsilon);
    const TensorId head =
        is_tied ? table : matrix("lm_head.weight", sizes_.vocabulary, sizes_.width);
    builder_.head_loss("head", hidden, head, head_tile_tokens(sizes_.vocabulary, dtype_));
    model_.graph = builder_.finish();
    return std::move(model_);
  }

 private:
  TensorId matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
    const TensorId id = builder_.parameter(name, rows, columns);
    model_.sources.push_back({id, name, 0, rows, false});
    return id;
  }
  TensorId vector(const std::string& name, std::int64_t width) {
    const TensorId id = builder_.parameter(name, width);
    model_.sources.push_back({id, name, 0, width, false});
    return id;
  }
  TensorId linear(
      const std::string& name, TensorId x, std::int64_t in, std::int64_t out, bool bias) {
    const TensorId weight = matrix(name + ".weight", out, in);
    return builder_.linear(name, x, weight, bias ? vector(name + ".bias", out) : TensorId{});
  }

  // Query or key: projection, norm of every head where the family has one, rotation.
  TensorId rotated(const std::string& prefix, char which, TensorId x, std::int64_t heads) {
    const std::int64_t out = heads * sizes_.head_dim;
    TensorId y =
        linear(concat(prefix, which, "_proj"), x, sizes_.width, out, options_.has_qkv_bias);
    if (options_.has_query_key_norm) {
      const std::string name = concat(prefix, which, "_norm");
      y = builder_.rms_norm(name, y, vector(name + ".weight", sizes_.head_dim), sizes_.epsilon);
    }
    const RotaryTables& tables = model_.rotary.front();
    return builder_.rotary(
        concat(prefix, which, "_rotary"),
        y,
        tables.cosines,
        tables.sines,
        {.heads = heads, .head_dim = sizes_.head_dim, .rotary_dim = sizes_.head_dim});
  }

  TensorId add_attention(std::int64_t layer, TensorId x) {
    const std::string block = concat("model.layers.", layer, ".");
    const std::string name = block + "self_attn.";
    const std::int64_t kv = sizes_.kv_heads * sizes_.head_dim;
    const TensorId gain = vector(block + "input_layernorm.weight", sizes_.width);
    const TensorId n = builder_.rms_norm(block + "input_layernorm", x, gain, sizes_.epsilon);
    const TensorId q = rotated(name, 'q', n, sizes_.heads);
    const TensorId k = rotated(name, 'k', n, sizes_.kv_heads);
    const TensorId v = linear(name + "v_proj", n, sizes_.width, kv, options_.has_qkv_bias);
    const TensorId y = builder_.attention(
        name + "attention",
        q,
        k,
        v,
        {.heads = sizes_.heads,
         .kv_heads = sizes_.kv_heads,
         .head_dim = sizes_.head_dim,
         .window = options_.windows.empty() ? 0 : options_.windows[static_cast<std::size_t>(layer)],
         .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(sizes_.head_dim)))});
    const TensorId o = linear(
        name + "o_proj", y, sizes_.heads * sizes_.head_dim, sizes_.width, options_.has_output_bias);
    return builder_.add(block + "attention_residual", x, o);
  }

  TensorId add_mlp(std::int64_t layer, TensorId x) {
    const std::string block = concat("model.layers.", layer, ".");
    const std::string name = block + "mlp.";
    const bool bias = options_.has_mlp_bias;
    const TensorId gain = vector(block + "post_attention_layernorm.weight", sizes_.width);
    const TensorId n =
        builder_.rms_norm(block + "post_attention_layernorm", x, gain, sizes_.epsilon);
    const TensorId gate = linear(name + "gate_proj", n, sizes_.width, sizes_.mlp, bias);
    const TensorId up = linear(name + "up_proj", n, sizes_.width, sizes_.mlp, bias);
    const TensorId h = builder_.swiglu(name + "swiglu", gate, up);
    const TensorId down = linear(name + "down_proj", h, sizes_.mlp, sizes_.width, bias);
    return builder_.add(block + "mlp_residual", x, down);
  }

  const DecoderOptions& options_;
  DType dtype_;
  Sizes sizes_;
  GraphBuilder builder_;
  Model model_;
};

// What transformers takes where config.json says nothing.
constexpr std::int64_t kDefaultWindow = 4096;
constexpr std::int64_t kDefaultFullLayers = 28;

// 0: none.
std::int64_t window_of(const Json& config, SlidingLayers which) {
  const bool is_used = which == SlidingLayers::kAll || config.bool_or("use_sliding_window", false);
  if (!is_used) return 0;
  return config.contains("sliding_window") ? size_or(config, "sliding_window", 0) : kDefaultWindow;
}

// Whether an element of layer_types says that its layer slides; only where it `may`, and always
// where it `must`.
bool named_sliding(const Json& type, bool may, bool must) {
  const bool is_sliding = type.as_string() == "sliding_attention";
  if (is_sliding && may) return true;
  if (!must && type.as_string() == "full_attention") return false;
  const char* expected = may ? "full_attention or sliding_attention" : "full_attention";
  if (must) expected = "sliding_attention";
  throw FormatError(concat(type.where(), ": got ", type.dump(), ", expected ", expected));
}

}  // namespace

Model make_decoder(const Json& config, DType dtype, const DecoderOptions& options) {
  allow(config, "hidden_act", {"silu", "swish"});
  const bool is_tied = config.bool_or("tie_word_embeddings", false);
  return DecoderBuilder(config, dtype, options).build(is_tied);
}

std::vector<std::int64_t> sliding_windows(const Json& config, SlidingLayers which) {
  const std::int64_t window = window_of(config, which);
  const std::int64_t first =
      which == SlidingLayers::kAll ? 0 : config.int_or("max_window_layers", kDefaultFullLayers);
  const Json types = config.find("layer_types");
  std::vector<std::int64_t> windows;
  for (std::int64_t layer = 0; layer < layers_at(config, "num_hidden_layers"); ++layer) {
    bool is_sliding = window > 0 && layer >= first;
    if (!types.is_null()) {
      const Json type = types.at(static_cast<std::size_t>(layer));
      is_sliding = named_sliding(type, window > 0, which == SlidingLayers::kAll && is_sliding);
    }
    windows.push_back(is_sliding ? window : 0);
  }
  return windows;
}

}  // namespace longhaul
