#include "longhaul/train/checkpoint.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "longhaul/core/error.h"
#include "longhaul/train/engine.h"

#include "support/golden_model.h"

namespace longhaul {
namespace {

using test::GoldenModel;
using test::PackedBatch;

class Checkpoint : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("longhaul_checkpoint_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

struct Session {
  Session(const std::string& name, Precision precision)
      : golden(test::load_golden_model(name)),
        engine(make_model(golden.config, precision == Precision::kF32 ? DType::kF32 : DType::kBF16),
               {.format = adamw_format(precision),
                .plan = Plan{},
                .passes = {{Pass::kTrain, kShape}},
                .threads = 2}),
        batch(test::pack(golden.expected.at("batches").at(std::size_t{0}), 0, 3, kShape)) {
    test::load_weights(engine, golden.weights);
  }

  StepResults step() {
    StepScalars scalars;
    scalars.adamw.learning_rate = 1e-3;
    scalars.powers = progression.powers = advance(progression.powers, scalars.adamw);
    scalars.inverse_target_tokens = 1.0F / static_cast<float>(batch.target_tokens);
    ++progression.step;
    const BatchView view = batch.view();
    return engine.train({&view, 1}, scalars);
  }

  static constexpr BatchShape kShape{.tokens = 96, .max_segments = 6, .positions = 96};
  GoldenModel golden;
  Engine engine;
  PackedBatch batch;
  Progression progression;
};

TEST_F(Checkpoint, ContinuesWithTheSameBits) {
  for (const Precision precision : {Precision::kF32, Precision::kBF16}) {
    Session whole("llama_tied", precision);
    for (int i = 0; i < 3; ++i) whole.step();
    save_checkpoint(folder_, whole.engine.model(), whole.engine.states(), whole.progression);

    Session resumed("llama_tied", precision);
    resumed.progression = load_checkpoint(folder_, resumed.engine.model(), resumed.engine.states());

    EXPECT_EQ(resumed.progression.step, 3);
    for (int i = 0; i < 3; ++i) {
      const StepResults expected = whole.step();
      const StepResults actual = resumed.step();
      EXPECT_EQ(actual.loss_sum, expected.loss_sum) << "step " << i;
      EXPECT_EQ(actual.gradient_norm, expected.gradient_norm) << "step " << i;
    }
  }
}

TEST_F(Checkpoint, IsRefusedByAnotherModel) {
  Session saved("llama_tied", Precision::kF32);
  save_checkpoint(folder_, saved.engine.model(), saved.engine.states(), saved.progression);
  Session other("qwen2", Precision::kF32);
  EXPECT_THROW(load_checkpoint(folder_, other.engine.model(), other.engine.states()), FormatError);
}

TEST_F(Checkpoint, IsRefusedWhenTruncated) {
  Session saved("llama_tied", Precision::kF32);
  save_checkpoint(folder_, saved.engine.model(), saved.engine.states(), saved.progression);
  const std::filesystem::path states = folder_ / "states.safetensors";
  std::filesystem::resize_file(states, std::filesystem::file_size(states) - 4);
  EXPECT_THROW(load_checkpoint(folder_, saved.engine.model(), saved.engine.states()), FormatError);
}

}  // namespace
}  // namespace longhaul
