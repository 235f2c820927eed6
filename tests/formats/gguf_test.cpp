#include "longhaul/formats/gguf.h"

#include <cerrno>
#include <cstring>
#include <limits>
#include <numbers>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/formats/model_folder.h"

#include "formats/gguf_builder.h"
#include "support/faulty_files.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using test::GgufBuilder;
using test::write_bytes;
using testing::HasSubstr;

const std::filesystem::path kData = std::filesystem::path(LONGHAUL_TEST_DATA) / "formats";

std::vector<float> read(const SafetensorsFile& file, const StoredTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(element_count(tensor.spec)));
  file.read(tensor, DType::kF32, std::as_writable_bytes(std::span(values)));
  return values;
}

struct Case {
  std::string name;
  DType dtype;
};

class ConvertGguf : public testing::TestWithParam<Case> {};

// The expected names and values are those of the loader of transformers, which restores row orders
// and orientations on its own (make_gguf.py).
TEST_P(ConvertGguf, GivesTheTensorsOfTransformersToTheBit) {
  const test::TemporaryFolder root;
  const GgufConversion result = convert_gguf(kData / (GetParam().name + ".gguf"), root / "m");
  EXPECT_EQ(result.architecture, GetParam().name);
  EXPECT_EQ(result.dtype, GetParam().dtype);
  EXPECT_EQ(result.vocabulary, 267);

  const SafetensorsFile converted(root / "m/model.safetensors");
  const SafetensorsFile expected(kData / (GetParam().name + ".safetensors"));
  std::map<std::string, const StoredTensor*> found;
  std::int64_t parameters = 0;
  for (const StoredTensor& tensor : converted.tensors()) {
    found[tensor.spec.name] = &tensor;
    parameters += element_count(tensor.spec);
    EXPECT_EQ(tensor.spec.dtype, GetParam().dtype) << tensor.spec.name;
  }
  EXPECT_EQ(result.parameters, parameters);
  ASSERT_EQ(found.size(), expected.tensors().size());
  for (const StoredTensor& tensor : expected.tensors()) {
    ASSERT_TRUE(found.contains(tensor.spec.name)) << tensor.spec.name;
    const StoredTensor& other = *found[tensor.spec.name];
    EXPECT_EQ(other.spec.shape, tensor.spec.shape) << tensor.spec.name;
    EXPECT_EQ(read(converted, other), read(expected, tensor)) << tensor.spec.name;
  }
}

TEST_P(ConvertGguf, WritesAFolderThatOpens) {
  const test::TemporaryFolder root;
  convert_gguf(kData / (GetParam().name + ".gguf"), root / "m");
  const ModelFolder folder(root / "m");
  EXPECT_EQ(folder.config().as_string("model_type"), GetParam().name);
  EXPECT_THAT(
      folder.companions(),
      testing::ElementsAre("generation_config.json", "tokenizer.json", "tokenizer_config.json"));
}

INSTANTIATE_TEST_SUITE_P(Architectures,
                         ConvertGguf,
                         testing::Values(Case{"llama", DType::kF32},
                                         Case{"qwen2", DType::kF16},
                                         Case{"qwen3", DType::kBF16},
                                         Case{"gpt2", DType::kF32}),
                         [](const auto& test) { return test.param.name; });

// A Llama of one layer, two heads of width 4, and a vocabulary of four tokens.
GgufBuilder small_llama() {
  GgufBuilder builder;
  builder.text("general.architecture", "llama")
      .number("llama.context_length", 64)
      .number("llama.embedding_length", 8)
      .number("llama.block_count", 1)
      .number("llama.feed_forward_length", 16)
      .number("llama.attention.head_count", 2)
      .number("llama.attention.head_count_kv", 1)
      .real("llama.attention.layer_norm_rms_epsilon", 1e-5F)
      .text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", "smollm")
      .texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<end>"})
      .numbers<std::int32_t>("tokenizer.ggml.token_type", {1, 1, 1, 3})
      .texts("tokenizer.ggml.merges", {"a b"})
      .number("tokenizer.ggml.eos_token_id", 3)
      .floats("token_embd.weight", {4, 8}, 0.5F)
      .floats("output_norm.weight", {8}, 1.0F);
  const std::string block = "blk.0.";
  builder.floats(block + "attn_norm.weight", {8})
      .floats(block + "attn_q.weight", {8, 8})
      .floats(block + "attn_k.weight", {4, 8})
      .floats(block + "attn_v.weight", {4, 8})
      .floats(block + "attn_output.weight", {8, 8})
      .floats(block + "ffn_norm.weight", {8})
      .floats(block + "ffn_gate.weight", {16, 8})
      .floats(block + "ffn_up.weight", {16, 8})
      .floats(block + "ffn_down.weight", {8, 16});
  return builder;
}

class ConvertGgufTest : public testing::Test {
 protected:
  Json convert(const GgufBuilder& builder, const std::string& name = "config.json") {
    write_bytes(root_ / "m.gguf", builder.build());
    convert_gguf(root_ / "m.gguf", root_ / "m", {.if_exists = IfExists::kReplace});
    return Json::parse(test::read_bytes(root_ / "m" / name), name);
  }

  // What converting complains about; nothing may be left of it.
  std::string complaint(const GgufBuilder& builder) {
    write_bytes(root_ / "m.gguf", builder.build());
    const auto before = test::snapshot(root_.path());
    try {
      convert_gguf(root_ / "m.gguf", root_ / "refused");
    } catch (const FormatError& error) {
      EXPECT_EQ(test::snapshot(root_.path()), before);
      EXPECT_THAT(error.what(), HasSubstr((root_ / "m.gguf").string()));
      return error.what();
    }
    return {};
  }

  test::TemporaryFolder root_;
};

TEST_F(ConvertGgufTest, WritesTheConfiguration) {
  EXPECT_EQ(convert(small_llama().real("llama.rope.freq_base", 1e6F)).dump(),
            R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","attention_bias":false,)"
            R"("mlp_bias":false,"hidden_size":8,"intermediate_size":16,"num_hidden_layers":1,)"
            R"("num_attention_heads":2,"num_key_value_heads":1,"head_dim":4,"hidden_act":"silu",)"
            R"("max_position_embeddings":64,"rms_norm_eps":1e-05,"rope_theta":1000000.0,)"
            R"("rope_scaling":null,"tie_word_embeddings":true,"vocab_size":4,"eos_token_id":3,)"
            R"("torch_dtype":"float32"})");
}

TEST_F(ConvertGgufTest, AnOutputMatrixUntiesTheEmbeddings) {
  const Json config = convert(small_llama().floats("output.weight", {4, 8}, 0.25F));
  EXPECT_FALSE(config.as_bool("tie_word_embeddings"));
  EXPECT_NE(ModelFolder(root_ / "m").find("lm_head.weight"), nullptr);
}

TEST_F(ConvertGgufTest, ASlidingWindowMakesAMistral) {
  const Json config = convert(small_llama().number("llama.attention.sliding_window", 32));
  EXPECT_EQ(config.as_string("model_type"), "mistral");
  EXPECT_EQ(config.as_int("sliding_window"), 32);
  EXPECT_EQ(config.at("architectures").at(0).as_string(), "MistralForCausalLM");
}

TEST_F(ConvertGgufTest, BiasesOfAttentionAreFound) {
  const std::string q = "blk.0.attn_q.bias";
  GgufBuilder builder = small_llama().floats(q, {8});
  EXPECT_THAT(complaint(builder), HasSubstr("has no tensor blk.0.attn_k.bias"));
  builder.floats("blk.0.attn_k.bias", {4})
      .floats("blk.0.attn_v.bias", {4})
      .floats("blk.0.attn_output.bias", {8});
  EXPECT_TRUE(convert(builder).as_bool("attention_bias"));
}

// The factors of Llama 3.2's rotary scaling for this width of heads.
std::string llama3_factors(double factor, double theta) {
  std::string bytes;
  for (int i = 0; i < 2; ++i) {
    const double wave = 2.0 * std::numbers::pi * std::pow(theta, i / 2.0);
    const double share = std::clamp((8192.0 / wave - 1.0) / 3.0, 0.0, 1.0);
    bytes += test::bytes_of(static_cast<float>(1.0 / ((1.0 - share) / factor + share)));
  }
  return bytes;
}

TEST_F(ConvertGgufTest, RecognisesTheRotaryScalingOfLlama3) {
  // exp(2 * log(1e4)): the second frequency's wave is long enough to be scaled.
  GgufBuilder builder = small_llama().real("llama.rope.freq_base", 1e8F);
  builder.tensor("rope_freqs.weight", {2}, 0, llama3_factors(32.0, 1e8));
  const Json scaling = convert(builder).at("rope_scaling");
  EXPECT_EQ(scaling.as_string("rope_type"), "llama3");
  EXPECT_EQ(scaling.as_double("factor"), 32.0);
  EXPECT_EQ(scaling.as_double("low_freq_factor"), 1.0);
  EXPECT_EQ(scaling.as_double("high_freq_factor"), 4.0);
  EXPECT_EQ(scaling.as_int("original_max_position_embeddings"), 8192);
}

TEST_F(ConvertGgufTest, RefusesRotaryFactorsItCannotExplain) {
  GgufBuilder builder = small_llama();
  builder.tensor("rope_freqs.weight", {2}, 0, test::bytes_of(2.0F) + test::bytes_of(2.0F));
  EXPECT_THAT(complaint(builder), HasSubstr("rope_freqs.weight: element 0 is 2, expected 1"));
}

TEST_F(ConvertGgufTest, KeepsLinearScalingAndRefusesOthers) {
  GgufBuilder builder = small_llama();
  builder.text("llama.rope.scaling.type", "linear").real("llama.rope.scaling.factor", 2.5F);
  EXPECT_EQ(convert(builder).at("rope_scaling").dump(), R"({"rope_type":"linear","factor":2.5})");
  EXPECT_THAT(complaint(builder.text("llama.rope.scaling.type", "yarn")),
              HasSubstr("llama.rope.scaling.type\"]: got \"yarn\", expected none or linear"));
}

TEST_F(ConvertGgufTest, RefusesArchitecturesAndOptionsByName) {
  EXPECT_THAT(complaint(small_llama().text("general.architecture", "mamba")),
              HasSubstr("\"mamba\" is not supported, expected one of llama, qwen2, qwen3, gpt2"));
  EXPECT_THAT(complaint(small_llama().number("llama.expert_count", 8)),
              HasSubstr("llama.expert_count\"]: got 8, only 0 is supported"));
  EXPECT_THAT(complaint(small_llama().real("llama.logit_scale", 2.0F)),
              HasSubstr("llama.logit_scale\"]: this option is not supported"));
  EXPECT_THAT(complaint(small_llama().number("llama.rope.dimension_count", 2)),
              HasSubstr("got 2, only 4 is supported"));
  EXPECT_THAT(complaint(small_llama().number("split.count", 2)), HasSubstr("one of 2 files"));
}

TEST_F(ConvertGgufTest, RefusesMissingOptionsByName) {
  for (const std::string key : {"general.architecture",
                                "llama.context_length",
                                "llama.embedding_length",
                                "llama.block_count",
                                "llama.feed_forward_length",
                                "llama.attention.head_count",
                                "llama.attention.layer_norm_rms_epsilon",
                                "tokenizer.ggml.model",
                                "tokenizer.ggml.tokens",
                                "tokenizer.ggml.merges"}) {
    EXPECT_THAT(complaint(small_llama().erase(key)), HasSubstr(key + "\"]: missing"));
  }
}

TEST_F(ConvertGgufTest, RefusesSizesThatAreNone) {
  for (const std::uint32_t size : {0U, 3U, 3'000'000'000U}) {
    EXPECT_NE(complaint(small_llama().number("llama.attention.head_count", size)), "") << size;
    EXPECT_NE(complaint(small_llama().number("llama.block_count", size)), "") << size;
    EXPECT_NE(complaint(small_llama().number("llama.embedding_length", size)), "") << size;
  }
  EXPECT_NE(complaint(small_llama().real("llama.rope.freq_base", 0.0F)), "");
  EXPECT_NE(complaint(small_llama().real("llama.rope.freq_base", std::nanf(""))), "");
}

TEST_F(ConvertGgufTest, RefusesTensorsThatAreMissingUnknownOrMisshapen) {
  EXPECT_THAT(complaint(small_llama().erase_tensor("blk.0.ffn_up.weight")),
              HasSubstr("has no tensor blk.0.ffn_up.weight"));
  EXPECT_THAT(complaint(small_llama().floats("blk.0.ffn_gate_inp.weight", {2, 8})),
              HasSubstr("blk.0.ffn_gate_inp.weight has no place"));
  EXPECT_THAT(
      complaint(
          small_llama().erase_tensor("blk.0.attn_k.weight").floats("blk.0.attn_k.weight", {8, 8})),
      HasSubstr("blk.0.attn_k.weight: got shape [8, 8], expected [4, 8]"));
}

TEST_F(ConvertGgufTest, RefusesMoreTokensThanTheEmbeddingHasRows) {
  EXPECT_THAT(complaint(small_llama()
                            .texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<end>", "c"})
                            .erase("tokenizer.ggml.token_type")),
              HasSubstr("has 5 tokens, but the embedding 4 rows"));
}

TEST_F(ConvertGgufTest, RefusesWeightsThatAreNotNumbers) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      complaint(
          small_llama().erase_tensor("output_norm.weight").floats("output_norm.weight", {8}, nan)),
      HasSubstr("tensor output_norm.weight: element 0 is NaN"));
}

// Replaces the query matrix of small_llama() by halves of one value.
GgufBuilder with_half_query(std::uint32_t type, std::uint16_t bits) {
  std::string data;
  for (int i = 0; i < 64; ++i) data += test::bytes_of(bits);
  GgufBuilder builder = small_llama();
  return builder.erase_tensor("blk.0.attn_q.weight")
      .tensor("blk.0.attn_q.weight", {8, 8}, type, data);
}

TEST_F(ConvertGgufTest, WritesHalfPrecisionWhereNothingIsRounded) {
  EXPECT_EQ(convert(with_half_query(1, 0x3555)).as_string("torch_dtype"), "float16");
  EXPECT_EQ(convert(with_half_query(30, 0x3EAB)).as_string("torch_dtype"), "bfloat16");
}

TEST_F(ConvertGgufTest, WritesFp32WhereANormNeedsIt) {
  GgufBuilder builder = with_half_query(30, 0x3EAB);
  builder.erase_tensor("output_norm.weight").floats("output_norm.weight", {8}, 1.0F / 3.0F);
  EXPECT_EQ(convert(builder).as_string("torch_dtype"), "float32");
}

TEST_F(ConvertGgufTest, ReportsProgressToTheLastParameter) {
  write_bytes(root_ / "m.gguf", small_llama().build());
  std::vector<std::pair<std::int64_t, std::int64_t>> calls;
  const GgufConversion result = convert_gguf(
      root_ / "m.gguf", root_ / "m", {.on_progress = [&](std::int64_t done, std::int64_t total) {
        calls.emplace_back(done, total);
      }});
  EXPECT_EQ(calls.size(), 11U);
  EXPECT_EQ(calls.back(), std::pair(result.parameters, result.parameters));
}

TEST_F(ConvertGgufTest, LeavesAnExistingFolderAlone) {
  write_bytes(root_ / "m.gguf", small_llama().build());
  write_bytes(root_ / "m/config.json", "mine");
  EXPECT_THROW(convert_gguf(root_ / "m.gguf", root_ / "m"), IoError);
  EXPECT_EQ(test::read_bytes(root_ / "m/config.json"), "mine");
}

TEST_F(ConvertGgufTest, LeavesNothingWhenTheDiskIsFull) {
  write_bytes(root_ / "m.gguf", small_llama().build());
  const auto before = test::snapshot(root_.path());
  std::int64_t failing = 0;
  for (bool was_reached = true; was_reached && failing < 500; ++failing) {
    test::FaultyFiles files(failing, ENOSPC);
    bool has_thrown = false;
    try {
      convert_gguf(root_ / "m.gguf", root_ / "m", {}, files);
    } catch (const IoError&) {
      has_thrown = true;
    }
    was_reached = files.calls() > failing;
    EXPECT_EQ(has_thrown, was_reached) << "call " << failing;
    if (std::filesystem::exists(root_ / "m")) {
      EXPECT_EQ(ModelFolder(root_ / "m").tensors().size(), 11U);
      std::filesystem::remove_all(root_ / "m");
    }
    EXPECT_EQ(test::snapshot(root_.path()), before) << "call " << failing;
  }
  EXPECT_GT(failing, 20);
  EXPECT_LT(failing, 500);
}

}  // namespace
}  // namespace longhaul
