#include "longhaul/train/model_files.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "longhaul/core/error.h"
#include "longhaul/train/engine.h"

#include "support/golden_model.h"

namespace longhaul {
namespace {

std::filesystem::path golden_folder(const std::string& name) {
  return std::filesystem::path(LONGHAUL_SOURCE_DIR) / "tests/golden/models" / name;
}

std::unique_ptr<Engine> weights_only(const ModelFolder& folder, Precision precision) {
  const DType dtype = precision == Precision::kF32 ? DType::kF32 : DType::kBF16;
  const BatchShape shape{.tokens = 32, .max_segments = 2, .positions = 32};
  return std::make_unique<Engine>(
      make_model(folder.config(), dtype),
      EngineOptions{.format = {precision, {adamw_format(precision).streams.front()}},
                    .plan = Plan{},
                    .passes = {{Pass::kEvaluate, shape}}});
}

class ModelFiles : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    target_ = std::filesystem::temp_directory_path() /
              ("longhaul_model_files_" + std::to_string(::getpid()));
    std::filesystem::remove_all(target_);
  }
  void TearDown() override { std::filesystem::remove_all(target_); }

  std::filesystem::path target_;
};

TEST_P(ModelFiles, ComeBackAsTheyWere) {
  const ModelFolder source(golden_folder(GetParam()));
  const auto engine = weights_only(source, Precision::kF32);
  load_weights(source, engine->model(), engine->states());

  save_model(target_, source, engine->model(), engine->states());

  const ModelFolder copy(target_);
  for (const TensorSpec& spec : source.tensors()) {
    ASSERT_NE(copy.find(spec.name), nullptr) << spec.name;
    EXPECT_EQ(copy.at(spec.name).shape, spec.shape) << spec.name;
    std::vector<float> before(static_cast<std::size_t>(element_count(spec)));
    std::vector<float> after(before.size());
    source.read(spec.name, DType::kF32, std::as_writable_bytes(std::span(before)));
    copy.read(spec.name, DType::kF32, std::as_writable_bytes(std::span(after)));
    EXPECT_EQ(before, after) << spec.name;
  }
  EXPECT_EQ(copy.tensors().size(), source.tensors().size());
}

INSTANTIATE_TEST_SUITE_P(Families,
                         ModelFiles,
                         testing::Values("llama_tied", "llama_rope_llama3", "gpt2", "qwen3"));

using LoadWeights = ModelFiles;

TEST_F(LoadWeights, NamesTheTensorWithANumberThatIsNotFinite) {
  std::filesystem::copy(golden_folder("llama_tied"), target_);
  const std::filesystem::path file = target_ / "model.safetensors";
  std::fstream weights(file, std::ios::binary | std::ios::in | std::ios::out);
  weights.seekp(-4, std::ios::end);
  weights.write("\x00\x00\xC0\x7F", 4);  // NaN
  weights.close();
  const ModelFolder folder(target_);
  const auto engine = weights_only(folder, Precision::kF32);
  try {
    load_weights(folder, engine->model(), engine->states());
    FAIL() << "accepted NaN";
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("model.safetensors"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("NaN"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace longhaul
