#include "formats/gguf_model.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using Order = GgufSource::Order;

[[noreturn]] void refuse(const Json& value, const std::string& what) {
  throw FormatError(concat(value.where(), ": ", what));
}

// The decimal number that was meant: 1e-5 stored as fp32 widens to 9.999999747378752e-06.
double shortest(double value) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), static_cast<float>(value)).ptr;
  double result = 0.0;
  std::from_chars(text.data(), end, result);
  return result;
}

// The metadata under "ARCHITECTURE.", with a record of what was asked for: a key that nobody read
// is an option that would be lost.
class Options {
 public:
  Options(const Json& metadata, std::string architecture)
      : metadata_(metadata), prefix_(std::move(architecture) + ".") {}

  bool contains(const std::string& key) { return !find(key).is_null(); }
  Json find(const std::string& key) {
    known_.insert(prefix_ + key);
    return metadata_.find(prefix_ + key);
  }
  // At least 1, at most 2^31: no size of a model is beyond it.
  std::int64_t size(const std::string& key) {
    find(key);
    return checked(metadata_.at(prefix_ + key));
  }
  std::int64_t size_or(const std::string& key, std::int64_t fallback) {
    const Json value = find(key);
    return value.is_null() ? fallback : checked(value);
  }
  double number(const std::string& key) {
    find(key);
    return shortest(metadata_.as_double(prefix_ + key));
  }
  double number_or(const std::string& key, double fallback) {
    return contains(key) ? number(key) : fallback;
  }
  // Refuses the key unless it is missing or has this value.
  void expect(const std::string& key, const Json& expected) {
    const Json value = find(key);
    if (!value.is_null() && value != expected) {
      refuse(value, concat("got ", value.dump(), ", only ", expected.dump(), " is supported"));
    }
  }
  // Says something that the folder does not need.
  void ignore(const std::string& key) { find(key); }

  void refuse_others() const {
    for (const auto& [key, value] : metadata_.members()) {
      if (key.starts_with(prefix_) && !known_.contains(key)) {
        refuse(value, "this option is not supported");
      }
    }
  }

 private:
  static std::int64_t checked(const Json& value) {
    const std::int64_t size = value.as_int();
    if (size < 1 || size > (std::int64_t{1} << 31)) {
      refuse(value, concat("got ", size, ", expected 1 to 2^31"));
    }
    return size;
  }

  const Json& metadata_;
  std::string prefix_;
  std::set<std::string> known_;
};

// Takes the file's tensors one by one, checking their shapes; in the end none may be left.
class Sources {
 public:
  using Shape = std::vector<std::int64_t>;

  explicit Sources(const GgufFile& file) : file_(file.path().string()) {
    for (const GgufTensor& tensor : file.tensors()) left_[tensor.name] = &tensor;
  }

  bool has(const std::string& name) const { return left_.contains(name); }

  const GgufTensor& take(const std::string& name, const Shape& shape) {
    const auto found = left_.find(name);
    if (found == left_.end()) throw FormatError(concat(file_, ": has no tensor ", name));
    const GgufTensor& tensor = *found->second;
    if (tensor.shape != shape) {
      throw FormatError(concat(file_,
                               ": tensor ",
                               name,
                               ": got shape ",
                               text(tensor.shape),
                               ", expected ",
                               text(shape)));
    }
    left_.erase(found);
    return tensor;
  }

  void add(const std::string& name,
           const std::string& target,
           const Shape& shape,
           Order order = Order::kSame,
           std::int64_t heads = 0) {
    taken_.push_back({&take(name, shape), target, order, heads});
  }

  std::vector<GgufSource> finish() {
    if (!left_.empty()) {
      throw FormatError(
          concat(file_, ": tensor ", left_.begin()->first, " has no place in this architecture"));
    }
    return std::move(taken_);
  }

 private:
  static std::string text(const Shape& shape) {
    std::string result = "[";
    for (const std::int64_t extent : shape) {
      result += concat(result.size() > 1 ? ", " : "", extent);
    }
    return result + "]";
  }

  std::string file_;
  std::unordered_map<std::string, const GgufTensor*> left_;
  std::vector<GgufSource> taken_;
};

std::int64_t embedding_rows(const GgufFile& file) {
  const GgufTensor* embedding = file.find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) {
    throw FormatError(concat(file.path().string(), ": has no matrix token_embd.weight"));
  }
  return embedding->shape[0];
}

// A layer has tensors of its own: a count beyond them is refused before the loops over it.
std::int64_t layer_count(const GgufFile& file, Options& options) {
  const std::int64_t layers = options.size("block_count");
  if (layers > static_cast<std::int64_t>(file.tensors().size())) {
    refuse(options.find("block_count"),
           concat("got ", layers, " for ", file.tensors().size(), " tensors"));
  }
  return layers;
}

// --- Llama and its relatives ---

struct Attention {
  std::int64_t width, heads, kv_heads, head_width;
};

Attention read_attention(Options& options) {
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
           concat("heads of ", attention.head_width, " numbers are not supported"));
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
  constexpr double kOriginalContext = 8192.0;
  std::vector<float> factors(static_cast<std::size_t>(stored.elements));
  file.read(stored, DType::kF32, std::as_writable_bytes(std::span(factors)));
  const double factor = *std::max_element(factors.begin(), factors.end());
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double exponent = static_cast<double>(i) / static_cast<double>(factors.size());
    const double wave = 2.0 * std::numbers::pi * std::pow(theta, exponent);
    double expected = 1.0;
    if (wave > kOriginalContext / kLow) {
      expected = factor;
    } else if (wave >= kOriginalContext / kHigh) {
      const double share = (kOriginalContext / wave - kLow) / (kHigh - kLow);
      expected = 1.0 / ((1.0 - share) / factor + share);
    }
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
  return Json::make_object(
      {{"rope_type", "llama3"},
       {"factor", shortest(factor)},
       {"low_freq_factor", kLow},
       {"high_freq_factor", kHigh},
       {"original_max_position_embeddings", static_cast<std::int64_t>(kOriginalContext)}});
}

Json rotary_scaling(const GgufFile& file,
                    Options& options,
                    Sources& sources,
                    double theta,
                    const Attention& attention) {
  options.ignore("rope.scaling.finetuned");
  options.ignore("rope.scaling.original_context_length");
  const Json kind = options.find("rope.scaling.type");
  const double factor = options.number_or("rope.scaling.factor", 1.0);
  if (sources.has("rope_freqs.weight")) {
    options.expect("rope.scaling.type", "none");
    const GgufTensor& stored = sources.take("rope_freqs.weight", {attention.head_width / 2});
    return llama3_scaling(file, stored, theta);
  }
  if (kind.is_null() || kind.as_string() == "none") return {};
  if (kind.as_string() != "linear") {
    refuse(kind, concat("got \"", kind.as_string(), "\", expected none or linear"));
  }
  return Json::make_object({{"rope_type", "linear"}, {"factor", factor}});
}

struct LlamaLike {
  std::string_view architecture;  // in the file
  std::string_view model_type;
  std::string_view class_name;
  bool is_interleaved;  // rotary rows are stored in the order of the original Llama
  bool has_qkv_bias;    // always
  bool may_have_bias;   // where the file has it, on all four projections
  bool has_qk_norm;
};

constexpr std::array<LlamaLike, 3> kLlamaLike = {{
    {"llama", "llama", "LlamaForCausalLM", true, false, true, false},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", false, true, false, false},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", false, false, false, true},
}};

struct LlamaLayer {
  const LlamaLike& family;
  Attention attention;
  std::int64_t inner;
  bool has_bias;      // on q, k, v
  bool has_out_bias;  // on o
  bool has_mlp_bias;
};

void add_projection(Sources& sources,
                    const std::string& from,
                    const std::string& to,
                    GgufSource shape,
                    Sources::Shape extents,
                    bool has_bias) {
  sources.add(from + ".weight", to + ".weight", extents, shape.order, shape.heads);
  if (!has_bias) return;
  sources.add(from + ".bias", to + ".bias", {extents[0]}, shape.order, shape.heads);
}

void add_llama_layer(Sources& sources, std::int64_t index, const LlamaLayer& layer) {
  const Attention& a = layer.attention;
  const std::string from = concat("blk.", index, ".");
  const std::string to = concat("model.layers.", index, ".");
  const Order order = layer.family.is_interleaved ? Order::kInterleavedHeads : Order::kSame;
  const std::int64_t q_rows = a.heads * a.head_width;
  const std::int64_t kv_rows = a.kv_heads * a.head_width;

  sources.add(from + "attn_norm.weight", to + "input_layernorm.weight", {a.width});
  add_projection(sources,
                 from + "attn_q",
                 to + "self_attn.q_proj",
                 {nullptr, {}, order, a.heads},
                 {q_rows, a.width},
                 layer.has_bias);
  add_projection(sources,
                 from + "attn_k",
                 to + "self_attn.k_proj",
                 {nullptr, {}, order, a.kv_heads},
                 {kv_rows, a.width},
                 layer.has_bias);
  add_projection(
      sources, from + "attn_v", to + "self_attn.v_proj", {}, {kv_rows, a.width}, layer.has_bias);
  add_projection(sources,
                 from + "attn_output",
                 to + "self_attn.o_proj",
                 {},
                 {a.width, q_rows},
                 layer.has_out_bias);
  if (layer.family.has_qk_norm) {
    sources.add(from + "attn_q_norm.weight", to + "self_attn.q_norm.weight", {a.head_width});
    sources.add(from + "attn_k_norm.weight", to + "self_attn.k_norm.weight", {a.head_width});
  }
  sources.add(from + "ffn_norm.weight", to + "post_attention_layernorm.weight", {a.width});
  add_projection(sources,
                 from + "ffn_gate",
                 to + "mlp.gate_proj",
                 {},
                 {layer.inner, a.width},
                 layer.has_mlp_bias);
  add_projection(
      sources, from + "ffn_up", to + "mlp.up_proj", {}, {layer.inner, a.width}, layer.has_mlp_bias);
  add_projection(sources,
                 from + "ffn_down",
                 to + "mlp.down_proj",
                 {},
                 {a.width, layer.inner},
                 layer.has_mlp_bias);
}

GgufModel make_llama_like(const GgufFile& file, const LlamaLike& family, Options& options) {
  GgufModel model;
  Sources sources(file);
  model.architecture = family.architecture;
  model.context = options.size("context_length");
  model.vocabulary = embedding_rows(file);
  const std::int64_t layers = layer_count(file, options);
  const Attention attention = read_attention(options);
  const std::int64_t inner = options.size("feed_forward_length");
  const double theta = options.number_or("rope.freq_base", 10000.0);
  const Json scaling = rotary_scaling(file, options, sources, theta, attention);
  const double epsilon = options.number("attention.layer_norm_rms_epsilon");
  options.expect("expert_count", 0);
  options.expect("expert_used_count", 0);
  options.expect("attention.causal", true);
  options.ignore("vocab_size");
  options.ignore("tensor_data_layout");
  const bool is_llama = family.model_type == "llama";
  const Json window = is_llama ? options.find("attention.sliding_window") : Json();

  const LlamaLayer layer{
      .family = family,
      .attention = attention,
      .inner = inner,
      .has_bias = family.has_qkv_bias || (family.may_have_bias && sources.has("blk.0.attn_q.bias")),
      .has_out_bias = family.may_have_bias && sources.has("blk.0.attn_q.bias"),
      .has_mlp_bias = family.may_have_bias && sources.has("blk.0.ffn_gate.bias")};
  const bool has_head = sources.has("output.weight");
  const Sources::Shape embedding = {model.vocabulary, attention.width};
  sources.add("token_embd.weight", "model.embed_tokens.weight", embedding);
  for (std::int64_t i = 0; i < layers; ++i) add_llama_layer(sources, i, layer);
  sources.add("output_norm.weight", "model.norm.weight", {attention.width});
  if (has_head) sources.add("output.weight", "lm_head.weight", embedding);
  model.sources = sources.finish();

  // Mistral is stored as Llama; only its window tells it apart, and nothing differs without one.
  const bool is_mistral = !window.is_null();
  model.config = {
      {"architectures",
       Json::make_array({is_mistral ? Json("MistralForCausalLM") : Json(family.class_name)})},
      {"model_type", is_mistral ? Json("mistral") : Json(family.model_type)},
      {"hidden_size", attention.width},
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
  if (is_mistral) model.config.emplace_back("sliding_window", window.as_int());
  if (is_mistral && (layer.has_bias || layer.has_mlp_bias)) {
    refuse(window, "a sliding window beside biases is not supported");
  }
  if (is_llama && !is_mistral) {
    model.config.emplace_back("attention_bias", layer.has_bias);
    model.config.emplace_back("mlp_bias", layer.has_mlp_bias);
  }
  return model;
}

// --- GPT-2 ---

void add_with_bias(Sources& sources,
                   const std::string& from,
                   const std::string& to,
                   const Sources::Shape& shape) {
  const Order order = shape.size() == 2 ? Order::kTransposed : Order::kSame;
  sources.add(from + ".weight", to + ".weight", shape, order);
  sources.add(from + ".bias", to + ".bias", {shape[0]});
}

GgufModel make_gpt2(const GgufFile& file, Options& options) {
  GgufModel model;
  Sources sources(file);
  model.architecture = "gpt2";
  model.context = options.size("context_length");
  model.vocabulary = embedding_rows(file);
  const std::int64_t layers = layer_count(file, options);
  const std::int64_t width = options.size("embedding_length");
  const std::int64_t inner = options.size("feed_forward_length");
  const std::int64_t heads = options.size("attention.head_count");
  const double epsilon = options.number("attention.layer_norm_epsilon");
  options.expect("attention.head_count_kv", heads);
  options.ignore("vocab_size");

  const bool has_head = sources.has("output.weight");
  sources.add("token_embd.weight", "transformer.wte.weight", {model.vocabulary, width});
  sources.add("position_embd.weight", "transformer.wpe.weight", {model.context, width});
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string from = concat("blk.", i, ".");
    const std::string to = concat("transformer.h.", i, ".");
    add_with_bias(sources, from + "attn_norm", to + "ln_1", {width});
    add_with_bias(sources, from + "attn_qkv", to + "attn.c_attn", {3 * width, width});
    add_with_bias(sources, from + "attn_output", to + "attn.c_proj", {width, width});
    add_with_bias(sources, from + "ffn_norm", to + "ln_2", {width});
    add_with_bias(sources, from + "ffn_up", to + "mlp.c_fc", {inner, width});
    add_with_bias(sources, from + "ffn_down", to + "mlp.c_proj", {width, inner});
  }
  add_with_bias(sources, "output_norm", "transformer.ln_f", {width});
  if (has_head) sources.add("output.weight", "lm_head.weight", {model.vocabulary, width});
  model.sources = sources.finish();
  model.config = {{"architectures", Json::make_array({"GPT2LMHeadModel"})},
                  {"model_type", "gpt2"},
                  {"n_embd", width},
                  {"n_inner", inner},
                  {"n_layer", layers},
                  {"n_head", heads},
                  {"n_positions", model.context},
                  {"activation_function", "gelu_new"},
                  {"layer_norm_epsilon", epsilon},
                  {"tie_word_embeddings", !has_head},
                  {"vocab_size", model.vocabulary}};
  return model;
}

}  // namespace

GgufModel make_gguf_model(const GgufFile& file) {
  const Json& metadata = file.metadata();
  if (const Json parts = metadata.find("split.count"); !parts.is_null() && parts.as_int() > 1) {
    refuse(parts, concat("a model in ", parts.as_int(), " files; join them first"));
  }
  const Json name = metadata.at("general.architecture");
  Options options(metadata, name.as_string());
  const auto family = std::find_if(kLlamaLike.begin(), kLlamaLike.end(), [&](const auto& entry) {
    return entry.architecture == name.as_string();
  });
  std::optional<GgufModel> model;
  if (family != kLlamaLike.end()) {
    model = make_llama_like(file, *family, options);
  } else if (name.as_string() == "gpt2") {
    model = make_gpt2(file, options);
  } else {
    refuse(
        name,
        concat("\"", name.as_string(), "\" is not supported, expected llama, qwen2, qwen3, gpt2"));
  }
  options.refuse_others();
  return *std::move(model);
}

}  // namespace longhaul
