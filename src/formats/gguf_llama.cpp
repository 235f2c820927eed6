// Llama and its relatives: pre-norm blocks with rotary attention and a gated feed-forward.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "longhaul/core/error.h"

#include "formats/gguf_model.h"

namespace longhaul {
namespace {

using Order = GgufSource::Order;

[[noreturn]] void refuse(const Json& value, const std::string& what) {
  throw FormatError(concat(value.where(), ": ", what));
}

struct Family {
  std::string_view model_type;
  std::string_view class_name;
  bool is_interleaved = false;  // rotary rows are stored in the order of the original Llama
  bool has_qkv_bias = false;
  bool may_have_bias = false;  // on all projections of attention, on all of the feed-forward
  bool has_qk_norm = false;
  bool may_have_window = false;
};

struct Attention {
  std::int64_t width, heads, kv_heads, head_width;
};

Attention read_attention(GgufOptions& options) {
  Attention attention{};
  attention.width = options.size("embedding_length");
  attention.heads = options.size("attention.head_count");
  attention.kv_heads = options.size_or("attention.head_count_kv", attention.heads);
  if (attention.heads % attention.kv_heads != 0) {
    refuse(options.find("attention.head_count_kv"),
           concat("got ", attention.kv_heads, " for ", attention.heads, " heads"));
  }
  attention.head_width = options.size_or("attention.key_length", attention.width / attention.heads);
  if (attention.head_width < 2 || attention.head_width % 2 != 0) {
    refuse(options.find("attention.head_count"),
           concat("heads of width ", attention.head_width, " are not supported"));
  }
  options.expect("attention.value_length", attention.head_width);
  options.expect("rope.dimension_count", attention.head_width);
  return attention;
}

// The parameters of Llama 3's rotary scaling are not in the file, only the factor by which each
// frequency is divided: 1 for short waves, `factor` for long ones, a ramp between. All published
// models share the rest, which is checked by computing the factors again.
Json llama3_scaling(const GgufFile& file, const GgufTensor& stored, double theta) {
  constexpr double kLow = 1.0;
  constexpr double kHigh = 4.0;
  constexpr std::int64_t kOriginalContext = 8192;
  std::vector<float> factors(static_cast<std::size_t>(stored.elements));
  file.read(stored, DType::kF32, std::as_writable_bytes(std::span(factors)));
  const float factor = *std::max_element(factors.begin(), factors.end());
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double exponent = static_cast<double>(i) / static_cast<double>(factors.size());
    const double wave = 2.0 * std::numbers::pi * std::pow(theta, exponent);
    const double waves = static_cast<double>(kOriginalContext) / wave;  // in the original context
    const double share = std::clamp((waves - kLow) / (kHigh - kLow), 0.0, 1.0);
    const double expected = 1.0 / ((1.0 - share) / factor + share);
    // The file's factors were computed in fp32, at worst through a power and two divisions.
    if (!(std::abs(factors[i] - expected) <= 1e-4 * expected)) {
      throw FormatError(concat(file.path().string(),
                               ": tensor rope_freqs.weight: element ",
                               i,
                               " is ",
                               factors[i],
                               ", expected ",
                               expected,
                               "; this rotary scaling is not supported"));
    }
  }
  return Json::make_object({{"rope_type", "llama3"},
                            {"factor", shortest_decimal(factor)},
                            {"low_freq_factor", kLow},
                            {"high_freq_factor", kHigh},
                            {"original_max_position_embeddings", kOriginalContext}});
}

Json rotary_scaling(const GgufFile& file,
                    GgufOptions& options,
                    GgufSourceList& sources,
                    const Attention& attention,
                    double theta) {
  options.ignore("rope.scaling.finetuned");
  options.ignore("rope.scaling.original_context_length");
  const Json kind = options.find("rope.scaling.type");
  const double factor = options.number_or("rope.scaling.factor", 1.0);
  if (sources.has("rope_freqs.weight")) {
    options.expect("rope.scaling.type", "none");
    return llama3_scaling(
        file, sources.take("rope_freqs.weight", {attention.head_width / 2}), theta);
  }
  if (kind.is_null() || kind.as_string() == "none") return {};
  if (kind.as_string() != "linear") {
    refuse(kind, concat("got \"", kind.as_string(), "\", expected none or linear"));
  }
  return Json::make_object({{"rope_type", "linear"}, {"factor", factor}});
}

struct Layer {
  const Family& family;
  Attention attention;
  std::int64_t inner;
  bool has_bias;
  bool has_mlp_bias;
};

void add_layer(GgufSourceList& sources, std::int64_t index, const Layer& layer) {
  const Attention& a = layer.attention;
  const std::string from = concat("blk.", index, ".");
  const std::string to = concat("model.layers.", index, ".");
  const Order order = layer.family.is_interleaved ? Order::kInterleavedHeads : Order::kSame;
  const std::int64_t q_rows = a.heads * a.head_width;
  const std::int64_t kv_rows = a.kv_heads * a.head_width;
  const bool has_qkv_bias = layer.has_bias || layer.family.has_qkv_bias;
  const auto add =
      [&](const char* part, const char* target, const GgufSourceList::Shape& shape, bool has_bias) {
        sources.add({from + part, to + target, shape, has_bias});
      };

  sources.add(from + "attn_norm.weight", to + "input_layernorm.weight", {a.width});
  sources.add(
      {from + "attn_q", to + "self_attn.q_proj", {q_rows, a.width}, has_qkv_bias, order, a.heads});
  sources.add({from + "attn_k",
               to + "self_attn.k_proj",
               {kv_rows, a.width},
               has_qkv_bias,
               order,
               a.kv_heads});
  add("attn_v", "self_attn.v_proj", {kv_rows, a.width}, has_qkv_bias);
  add("attn_output", "self_attn.o_proj", {a.width, q_rows}, layer.has_bias);
  if (layer.family.has_qk_norm) {
    sources.add(from + "attn_q_norm.weight", to + "self_attn.q_norm.weight", {a.head_width});
    sources.add(from + "attn_k_norm.weight", to + "self_attn.k_norm.weight", {a.head_width});
  }
  sources.add(from + "ffn_norm.weight", to + "post_attention_layernorm.weight", {a.width});
  add("ffn_gate", "mlp.gate_proj", {layer.inner, a.width}, layer.has_mlp_bias);
  add("ffn_up", "mlp.up_proj", {layer.inner, a.width}, layer.has_mlp_bias);
  add("ffn_down", "mlp.down_proj", {a.width, layer.inner}, layer.has_mlp_bias);
}

// Mistral is stored as Llama; a window tells it apart, and without one they compute the same.
void add_variant(Json::Members& config,
                 const Family& family,
                 const Layer& layer,
                 const Json& window) {
  const bool is_mistral = !window.is_null();
  if (is_mistral && (layer.has_bias || layer.has_mlp_bias)) {
    refuse(window, "a sliding window beside biases is not supported");
  }
  const std::string_view class_name = is_mistral ? "MistralForCausalLM" : family.class_name;
  config.emplace_back("architectures", Json::make_array({class_name}));
  config.emplace_back("model_type", is_mistral ? "mistral" : family.model_type);
  if (is_mistral) {
    config.emplace_back("sliding_window", window.as_int());
  } else if (family.may_have_bias) {
    config.emplace_back("attention_bias", layer.has_bias);
    config.emplace_back("mlp_bias", layer.has_mlp_bias);
  }
}

GgufModel make_model(const GgufFile& file, const Family& family, GgufOptions& options) {
  GgufModel model;
  model.architecture = family.model_type;
  GgufSourceList sources(file);
  model.context = options.size("context_length");
  model.vocabulary = gguf_vocabulary(file);
  const std::int64_t layers = gguf_layers(file, options);
  const Attention attention = read_attention(options);
  const std::int64_t inner = options.size("feed_forward_length");
  const double theta = options.number_or("rope.freq_base", 10000.0);
  const Json scaling = rotary_scaling(file, options, sources, attention, theta);
  const double epsilon = options.number("attention.layer_norm_rms_epsilon");
  const Json window = family.may_have_window ? options.find("attention.sliding_window") : Json();
  options.expect("expert_count", 0);
  options.expect("expert_used_count", 0);
  options.expect("attention.causal", true);
  options.ignore("vocab_size");
  options.ignore("tensor_data_layout");

  const Layer layer{family,
                    attention,
                    inner,
                    family.may_have_bias && sources.has("blk.0.attn_q.bias"),
                    family.may_have_bias && sources.has("blk.0.ffn_gate.bias")};
  const bool has_head = sources.has("output.weight");
  const GgufSourceList::Shape embedding = {model.vocabulary, attention.width};
  sources.add("token_embd.weight", "model.embed_tokens.weight", embedding);
  for (std::int64_t i = 0; i < layers; ++i) add_layer(sources, i, layer);
  sources.add("output_norm.weight", "model.norm.weight", {attention.width});
  if (has_head) sources.add("output.weight", "lm_head.weight", embedding);
  model.sources = sources.finish();

  add_variant(model.config, family, layer, window);
  const Json::Members shared = {{"hidden_size", attention.width},
                                {"intermediate_size", inner},
                                {"num_hidden_layers", layers},
                                {"num_attention_heads", attention.heads},
                                {"num_key_value_heads", attention.kv_heads},
                                {"head_dim", attention.head_width},
                                {"hidden_act", "silu"},
                                {"max_position_embeddings", model.context},
                                {"rms_norm_eps", epsilon},
                                {"rope_theta", theta},
                                {"rope_scaling", scaling},
                                {"tie_word_embeddings", !has_head},
                                {"vocab_size", model.vocabulary}};
  model.config.insert(model.config.end(), shared.begin(), shared.end());
  return model;
}

}  // namespace

GgufModel make_gguf_llama(const GgufFile& file, GgufOptions& options) {
  return make_model(file,
                    {.model_type = "llama",
                     .class_name = "LlamaForCausalLM",
                     .is_interleaved = true,
                     .may_have_bias = true,
                     .may_have_window = true},
                    options);
}

GgufModel make_gguf_qwen2(const GgufFile& file, GgufOptions& options) {
  return make_model(file,
                    {.model_type = "qwen2", .class_name = "Qwen2ForCausalLM", .has_qkv_bias = true},
                    options);
}

GgufModel make_gguf_qwen3(const GgufFile& file, GgufOptions& options) {
  return make_model(file,
                    {.model_type = "qwen3", .class_name = "Qwen3ForCausalLM", .has_qk_norm = true},
                    options);
}

}  // namespace longhaul
