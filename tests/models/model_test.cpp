#include "longhaul/models/model.h"

#include <cmath>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

constexpr const char* kLlama = R"({
  "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4,
  "num_key_value_heads": 2, "num_hidden_layers": 3, "vocab_size": 100, "rms_norm_eps": 1e-5,
  "max_position_embeddings": 128, "hidden_act": "silu"})";

Json with(const std::string& key, const Json& value) {
  Json::Members members = Json::parse(kLlama, "config.json").members();
  for (auto& [name, old] : members) {
    if (name == key) old = value;
  }
  if (!Json::parse(kLlama, "config.json").contains(key)) members.emplace_back(key, value);
  return Json::make_object(members);
}

std::string refusal(const Json& config) {
  try {
    make_model(config, DType::kF32);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

TEST(MakeModel, CountsTheParametersOfALlama) {
  // table and head, per layer: two norms, q and o, k and v, three of the MLP; the last norm
  const std::int64_t layer = 2 * 64 + 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96;
  const Model model = make_model(Json::parse(kLlama, "config.json"), DType::kBF16);
  EXPECT_EQ(parameter_count(model.graph), 2 * 100 * 64 + 3 * layer + 64);
  EXPECT_EQ(model.graph.blocks.size(), 5U);
}

TEST(MakeModel, CountsATiedTableOnce) {
  const Model tied = make_model(with("tie_word_embeddings", Json(true)), DType::kBF16);
  const Model untied = make_model(with("tie_word_embeddings", Json(false)), DType::kBF16);
  EXPECT_EQ(parameter_count(untied.graph) - parameter_count(tied.graph), 100 * 64);
}

TEST(MakeModel, RefusesAnUnknownFamilyWithTheListOfKnownOnes) {
  const std::string message = refusal(with("model_type", Json("mamba")));
  EXPECT_NE(message.find("model_type"), std::string::npos) << message;
  EXPECT_NE(message.find(supported_families()), std::string::npos) << message;
}

TEST(MakeModel, RefusesWhatItWouldNotCompute) {
  EXPECT_NE(refusal(with("hidden_act", Json("relu"))).find("hidden_act"), std::string::npos);
  EXPECT_NE(refusal(with("quantization_config", Json::make_object({{"bits", Json(4)}})))
                .find("quantization"),
            std::string::npos);
  const Json yarn = Json::make_object({{"rope_type", Json("yarn")}, {"factor", Json(4.0)}});
  EXPECT_NE(refusal(with("rope_scaling", yarn)).find("yarn"), std::string::npos);
  EXPECT_NE(refusal(with("partial_rotary_factor", Json(0.5))).find("partial_rotary_factor"),
            std::string::npos);
  EXPECT_NE(refusal(with("num_key_value_heads", Json(3))).find("num_attention_heads"),
            std::string::npos);
  EXPECT_NE(refusal(with("hidden_size", Json(0))).find("hidden_size"), std::string::npos);
}

std::vector<std::int64_t> windows_of(const Json& config) {
  std::vector<std::int64_t> windows;
  for (const Node& node : make_model(config, DType::kF32).graph.nodes) {
    if (const auto* attention = std::get_if<Attention>(&node.kind)) {
      windows.push_back(attention->window);
    }
  }
  return windows;
}

Json with(Json config, const std::string& key, const Json& value) {
  Json::Members members = config.members();
  members.emplace_back(key, value);
  return Json::make_object(members);
}

using Windows = std::vector<std::int64_t>;

TEST(SlidingWindows, OfMistralAreOfEveryLayer) {
  const Json mistral = with("model_type", Json("mistral"));
  EXPECT_EQ(windows_of(with(mistral, "sliding_window", Json(7))), Windows(3, 7));
  EXPECT_EQ(windows_of(with(mistral, "sliding_window", Json())), Windows(3, 0));
  EXPECT_EQ(windows_of(mistral), Windows(3, 4096)) << "the default of transformers";
  const Json full = Json::make_array(std::vector<Json>(3, Json("full_attention")));
  EXPECT_NE(refusal(with(mistral, "layer_types", full)).find("layer_types"), std::string::npos);
}

TEST(SlidingWindows, OfQwenAreWhereItsOptionsSay) {
  const Json qwen = with(with("model_type", Json("qwen2")), "sliding_window", Json(7));
  EXPECT_EQ(windows_of(qwen), Windows(3, 0));
  const Json sliding = with(qwen, "use_sliding_window", Json(true));
  EXPECT_EQ(windows_of(sliding), Windows(3, 0)) << "28 layers see everything by default";
  EXPECT_EQ(windows_of(with(sliding, "max_window_layers", Json(1))), (Windows{0, 7, 7}));
  const Json types =
      Json::make_array({Json("sliding_attention"), Json("full_attention"), Json("full_attention")});
  EXPECT_EQ(windows_of(with(sliding, "layer_types", types)), (Windows{7, 0, 0}));
  EXPECT_NE(refusal(with(qwen, "layer_types", types)).find("layer_types"), std::string::npos);
}

TEST(RotaryTables, HoldTheCosinesOfEveryPosition) {
  const Model model = make_model(Json::parse(kLlama, "config.json"), DType::kF32);
  const RotaryTables& tables = model.rotary.front();
  ASSERT_EQ(tables.frequencies.size(), 8U);  // half of a head of 16
  EXPECT_FLOAT_EQ(tables.frequencies[0], 1.0F);
  EXPECT_NEAR(tables.frequencies[4], 0.01F, 1e-8F);  // 10000^(-8/16)
  const std::vector<float> cosines = rotary_cosines(tables, 3);
  EXPECT_FLOAT_EQ(cosines[0], 1.0F);
  EXPECT_FLOAT_EQ(cosines[2 * 8], std::cos(2.0F));
}

}  // namespace
}  // namespace longhaul
