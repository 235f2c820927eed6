#include "longhaul/core/error.h"

#include "formats/gguf_model.h"

namespace longhaul {
namespace {

// transformers keeps GPT-2's matrices as [in, out].
void add_matrix(GgufSourceList& sources,
                const std::string& from,
                const std::string& to,
                const GgufSourceList::Shape& shape) {
  sources.add({from, to, shape, true, GgufSource::Order::kTransposed});
}

void add_norm(GgufSourceList& sources,
              const std::string& from,
              const std::string& to,
              std::int64_t width) {
  sources.add({from, to, {width}, true});
}

}  // namespace

GgufModel make_gguf_gpt2(const GgufFile& file, GgufOptions& options) {
  GgufModel model;
  GgufSourceList sources(file);
  model.architecture = "gpt2";
  model.context = options.size("context_length");
  model.vocabulary = gguf_vocabulary(file);
  const std::int64_t layers = gguf_layers(file, options);
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
    add_norm(sources, from + "attn_norm", to + "ln_1", width);
    add_matrix(sources, from + "attn_qkv", to + "attn.c_attn", {3 * width, width});
    add_matrix(sources, from + "attn_output", to + "attn.c_proj", {width, width});
    add_norm(sources, from + "ffn_norm", to + "ln_2", width);
    add_matrix(sources, from + "ffn_up", to + "mlp.c_fc", {inner, width});
    add_matrix(sources, from + "ffn_down", to + "mlp.c_proj", {width, inner});
  }
  add_norm(sources, "output_norm", "transformer.ln_f", width);
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

}  // namespace longhaul
