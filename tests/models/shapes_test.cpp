// The shapes that ship in configs/models: enough of a model to plan for it, without its weights.
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/json.h"
#include "longhaul/models/model.h"

namespace longhaul {
namespace {

const std::filesystem::path kFolder = LONGHAUL_SOURCE_DIR "/configs/models";

// As the makers count them; the GPT shapes of LoHan's evaluation with learned positions and a tied
// head: l (12 h^2 + 13 h) + h (50257 + 1024 + 2).
const std::map<std::string, std::int64_t>& parameters() {
  const auto gpt = [](std::int64_t layers, std::int64_t h) {
    return layers * (12 * h * h + 13 * h) + h * (50257 + 1024 + 2);
  };
  static const std::map<std::string, std::int64_t> all{{"gpt-6b", gpt(28, 4096)},
                                                       {"gpt-13b", gpt(40, 5120)},
                                                       {"gpt-30b", gpt(48, 7168)},
                                                       {"gpt-70b", gpt(80, 8192)},
                                                       {"gpt-135b", gpt(88, 11264)},
                                                       {"gpt-175b", gpt(96, 12288)},
                                                       {"gpt-276b", gpt(112, 14336)},
                                                       {"gpt-412b", gpt(128, 16384)},
                                                       {"llama-3.1-8b", 8'030'261'248},
                                                       {"llama-3.1-70b", 70'553'706'496},
                                                       {"llama-3.1-405b", 405'853'388'800},
                                                       {"qwen2.5-7b", 7'615'616'512},
                                                       {"qwen2.5-14b", 14'770'033'664},
                                                       {"qwen2.5-32b", 32'763'876'352},
                                                       {"qwen2.5-72b", 72'706'203'648}};
  return all;
}

class ShippedShape : public testing::TestWithParam<std::string> {};

TEST_P(ShippedShape, HasTheParametersOfItsModel) {
  std::ifstream file(kFolder / (GetParam() + ".json"));
  std::stringstream text;
  text << file.rdbuf();
  const Model model = make_model(Json::parse(text.str(), GetParam()), DType::kBF16);
  EXPECT_EQ(parameter_count(model.graph), parameters().at(GetParam()));
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& [name, count] : parameters()) all.push_back(name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, ShippedShape, testing::ValuesIn(names()), [](const auto& name) {
  std::string word = name.param;
  for (char& letter : word)
    letter = std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
  return word;
});

TEST(ShippedShapes, AreAllCounted) {
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    EXPECT_TRUE(parameters().contains(entry.path().stem().string())) << entry.path();
  }
}

}  // namespace
}  // namespace longhaul
