#include "longhaul/train/model_files.h"

#include <bit>
#include <cmath>
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

std::vector<float> tensor_of(const ModelFolder& folder, const TensorSpec& spec) {
  std::vector<float> values(static_cast<std::size_t>(element_count(spec)));
  folder.read(spec.name, DType::kF32, std::as_writable_bytes(std::span(values)));
  return values;
}

TEST_F(LoadWeights, DrawsTheDigitsThatABf16CheckpointDoesNotHave) {
  const ModelFolder original(golden_folder("llama_tied"));
  const auto rounding = weights_only(original, Precision::kBF16);
  load_weights(original, rounding->model(), rounding->states());
  save_model(target_, original, rounding->model(), rounding->states());
  const ModelFolder folder(target_);
  const BatchShape shape{.tokens = 32, .max_segments = 2, .positions = 32};
  Engine engine(make_model(folder.config(), DType::kBF16),
                {.format = adamw_format(Precision::kBF16), .passes = {{Pass::kTrain, shape}}});
  load_weights(folder, engine.model(), engine.states());

  double sum = 0.0;
  double squares = 0.0;
  double count = 0.0;
  for (const ParameterSource& source : engine.model().sources) {
    const std::vector<float> stored = tensor_of(folder, folder.at(source.name));
    std::vector<float> master(stored.size());
    engine.states().read_master(source.parameter, master);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      if (stored[i] == 0.0F) {
        EXPECT_EQ(master[i], 0.0F);
        continue;
      }
      const double digits = static_cast<double>(std::bit_cast<std::int32_t>(master[i])) -
                            static_cast<double>(std::bit_cast<std::int32_t>(stored[i]));
      ASSERT_GE(digits, -0x8000) << source.name;
      ASSERT_LT(digits, 0x8000) << source.name;
      sum += digits / 0x10000;
      squares += digits / 0x10000 * digits / 0x10000;
      count += 1.0;
    }
  }
  EXPECT_NEAR(sum / count, 0.0, 4.0 / std::sqrt(12.0 * count));  // uniform on [-1/2, 1/2)
  EXPECT_NEAR(squares / count, 1.0 / 12.0, 0.002);

  const std::filesystem::path again = target_.string() + "_again";
  save_model(again, folder, engine.model(), engine.states());
  for (const TensorSpec& spec : folder.tensors()) {
    EXPECT_EQ(tensor_of(ModelFolder(again), spec), tensor_of(folder, spec)) << spec.name;
  }
  std::filesystem::remove_all(again);
}

TEST_F(LoadWeights, KeepsTheDigitsThatACheckpointHas) {
  const ModelFolder folder(golden_folder("llama_tied"));
  const BatchShape shape{.tokens = 32, .max_segments = 2, .positions = 32};
  Engine engine(make_model(folder.config(), DType::kBF16),
                {.format = adamw_format(Precision::kBF16), .passes = {{Pass::kTrain, shape}}});
  load_weights(folder, engine.model(), engine.states());
  for (const ParameterSource& source : engine.model().sources) {
    const std::vector<float> stored = tensor_of(folder, folder.at(source.name));
    std::vector<float> master(stored.size());
    engine.states().read_master(source.parameter, master);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      if ((std::bit_cast<std::uint32_t>(stored[i]) & 0xffff) == 0) continue;
      ASSERT_EQ(master[i], stored[i]) << source.name << ' ' << i;
    }
  }
}

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
