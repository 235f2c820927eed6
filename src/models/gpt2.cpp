// GPT-2 (Radford et al. 2019): learned positions, LayerNorm, GELU, and matrices stored as [in,
// out], query, key and value side by side. Dropout is not applied: fine-tuning here is
// deterministic.

#include <array>
#include <cmath>
#include <utility>

#include "longhaul/core/error.h"

#include "family.h"

namespace longhaul {
namespace {

class Gpt2Builder {
 public:
  Gpt2Builder(const Json& config, DType dtype)
      : dtype_(dtype),
        width_(size_at(config, "n_embd")),
        heads_(size_at(config, "n_head")),
        mlp_(size_or(config, "n_inner", 4 * width_)),
        layers_(layers_at(config, "n_layer")),
        epsilon_(static_cast<float>(config.double_or("layer_norm_epsilon", 1e-5))),
        is_tanh_(config.string_or("activation_function", "gelu_new") != "gelu"),
        builder_(dtype_) {
    model_.family = "gpt2";
    model_.vocabulary = size_at(config, "vocab_size");
    model_.max_positions = size_at(config, "n_positions");
    if (width_ % heads_ != 0) {
      throw FormatError(concat(
          config.at("n_head").where(), ": ", heads_, " heads do not divide a width of ", width_));
    }
  }

  Model build(bool is_tied) {
    builder_.begin_block("embedding");
    const TensorId table = matrix("transformer.wte.weight", model_.vocabulary, width_);
    const TensorId places = matrix("transformer.wpe.weight", model_.max_positions, width_);
    TensorId x = builder_.add(
        "embedding", builder_.embedding("wte", table), builder_.position_embedding("wpe", places));
    for (std::int64_t layer = 0; layer < layers_; ++layer) {
      builder_.begin_block(concat("layer ", layer));
      const std::string name = concat("transformer.h.", layer, ".");
      x = add_mlp(name, add_attention(name, x));
    }
    builder_.begin_block("head");
    const TensorId hidden = layer_norm("transformer.ln_f", x);
    const TensorId head = is_tied ? table : matrix("lm_head.weight", model_.vocabulary, width_);
    builder_.head_loss("head", hidden, head, head_tile_tokens(model_.vocabulary, dtype_));
    model_.graph = builder_.finish();
    return std::move(model_);
  }

 private:
  TensorId matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
    const TensorId id = builder_.parameter(name, rows, columns);
    model_.sources.push_back({id, name, 0, rows, false});
    return id;
  }
  TensorId vector(const std::string& name) {
    const TensorId id = builder_.parameter(name, width_);
    model_.sources.push_back({id, name, 0, width_, false});
    return id;
  }
  TensorId layer_norm(const std::string& name, TensorId x) {
    const TensorId gain = vector(name + ".weight");
    return builder_.layer_norm(name, x, gain, vector(name + ".bias"), epsilon_);
  }
  // The `part`-th of `parts` equal pieces of a stored [in, parts * out] matrix.
  TensorId linear(const std::string& name,
                  TensorId x,
                  std::pair<std::int64_t, std::int64_t> in_out,
                  std::int64_t part = 0,
                  std::int64_t parts = 1) {
    const auto [in, out] = in_out;
    const std::string own = parts == 1 ? name : concat(name, ".", part);
    const TensorId weight = builder_.parameter(own + ".weight", out, in);
    const TensorId bias = builder_.parameter(own + ".bias", out);
    model_.sources.push_back({weight, name + ".weight", part * out, parts * out, true});
    model_.sources.push_back({bias, name + ".bias", part * out, parts * out, false});
    return builder_.linear(own, x, weight, bias);
  }

  TensorId add_attention(const std::string& block, TensorId x) {
    const TensorId n = layer_norm(block + "ln_1", x);
    std::array<TensorId, 3> qkv;
    for (std::int64_t part = 0; part < 3; ++part) {
      qkv.at(static_cast<std::size_t>(part)) =
          linear(block + "attn.c_attn", n, {width_, width_}, part, 3);
    }
    const std::int64_t head_dim = width_ / heads_;
    const TensorId y = builder_.attention(
        block + "attn",
        qkv[0],
        qkv[1],
        qkv[2],
        {.heads = heads_,
         .kv_heads = heads_,
         .head_dim = head_dim,
         .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)))});
    const TensorId o = linear(block + "attn.c_proj", y, {width_, width_});
    return builder_.add(block + "attention_residual", x, o);
  }

  TensorId add_mlp(const std::string& block, TensorId x) {
    const TensorId n = layer_norm(block + "ln_2", x);
    const TensorId h = linear(block + "mlp.c_fc", n, {width_, mlp_});
    const TensorId a = builder_.gelu(block + "mlp.gelu", h, is_tanh_);
    const TensorId down = linear(block + "mlp.c_proj", a, {mlp_, width_});
    return builder_.add(block + "mlp_residual", x, down);
  }

  DType dtype_;
  std::int64_t width_;
  std::int64_t heads_;
  std::int64_t mlp_;
  std::int64_t layers_;
  float epsilon_;
  bool is_tanh_;
  GraphBuilder builder_;
  Model model_;
};

}  // namespace

Model make_gpt2(const Json& config, DType dtype) {
  allow(config, "activation_function", {"gelu_new", "gelu_pytorch_tanh", "gelu"});
  allow(config, "scale_attn_weights", true);
  allow(config, "scale_attn_by_inverse_layer_idx", false);
  allow(config, "reorder_and_upcast_attn", false);
  allow(config, "add_cross_attention", false);
  return Gpt2Builder(config, dtype).build(config.bool_or("tie_word_embeddings", true));
}

}  // namespace longhaul
