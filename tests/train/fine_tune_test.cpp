// A few steps of a model of real size on a device of a sixth of its states, against the same steps
// with everything on the device. A seeded random model of SmolLM2-135M's shape; the model of the
// folder LONGHAUL_MODEL where that is set.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/train/engine.h"
#include "longhaul/train/model_files.h"

#include "support/golden_model.h"
#include "support/tested_device.h"

namespace longhaul {
namespace {

constexpr int kSteps = 6;
constexpr std::int64_t kSequences = 4;
constexpr std::int64_t kLength = 256;
constexpr std::int64_t kHeadTileRows = 8192;
constexpr Bytes kDeviceMemory = 256_MiB;
constexpr BatchShape kShape{
    .tokens = kSequences * kLength, .max_segments = kSequences + 1, .positions = kLength};

const char* model_folder() {
  return std::getenv("LONGHAUL_MODEL");
}

Model make_real_model() {
  if (model_folder() != nullptr) return make_model(ModelFolder(model_folder()), DType::kBF16);
  return make_model(Json::parse(R"({"model_type": "llama", "hidden_size": 576,
      "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
      "num_key_value_heads": 3, "rms_norm_eps": 1e-5, "rope_theta": 100000.0,
      "max_position_embeddings": 8192, "tie_word_embeddings": true, "vocab_size": 49152})",
                                "config of SmolLM2-135M"),
                    DType::kBF16);
}

void fill_weights(Engine& engine) {
  if (model_folder() != nullptr) {
    return load_weights(ModelFolder(model_folder()), engine.model(), engine.states());
  }
  for (const ParameterSource& source : engine.model().sources) {
    const Tensor& parameter = engine.model().graph[source.parameter];
    std::vector<float> values(static_cast<std::size_t>(element_count(parameter, {})), 1.0F);
    if (parameter.shape.size() > 1) {
      const Philox numbers(source.parameter.index(), 0x57656967);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.02F * numbers.normal(i);
    }
    engine.states().write_master(source.parameter, values);
  }
}

// Sequences in which each token follows from the one before.
test::PackedBatch batch() {
  std::string sequences;
  for (std::int64_t s = 0; s < kSequences; ++s) {
    std::string tokens;
    for (std::int64_t t = 0, token = 17 + s; t < kLength; ++t, token = (token * 5 + 3) % 199) {
      tokens += concat(t > 0 ? "," : "", token);
    }
    sequences +=
        concat(s > 0 ? "," : "", R"({"tokens":[)", tokens, R"(],"labels":[)", tokens, "]}");
  }
  const Json json = Json::parse(concat(R"({"sequences":[)", sequences, "]}"), "batch");
  return test::pack(json, 0, static_cast<std::size_t>(kSequences), kShape);
}

struct FineTuned {
  std::vector<double> losses;  // of one token
  std::vector<double> norms;
  std::vector<float> first_weights;  // masters of the first parameter
  Bytes device;
  double seconds = 0.0;  // of the fastest step
};

FineTuned fine_tune(const Plan& plan, const Caps& caps) {
  Model model = make_real_model();
  tile_head(model.graph, kHeadTileRows);
  Engine engine(std::move(model),
                {.format = adamw_format(Precision::kBF16),
                 .plan = plan,
                 .passes = {{Pass::kTrain, kShape}},
                 .device = test::tested_device(),
                 .threads = 2,
                 .caps = caps});
  fill_weights(engine);
  const test::PackedBatch packed = batch();
  const std::vector<BatchView> views{packed.view()};
  FineTuned result{.device = engine.use_of(Tier::kDevice).whole};
  BetaPowers powers;
  for (int step = 0; step < kSteps; ++step) {
    StepScalars scalars;
    scalars.adamw = {.learning_rate = model_folder() != nullptr ? 1e-4 : 1e-3};
    scalars.powers = powers = advance(powers, scalars.adamw);
    scalars.max_grad_norm = 1.0;
    scalars.inverse_target_tokens = 1.0F / static_cast<float>(packed.target_tokens);
    const StepResults results = engine.train(views, scalars);
    result.losses.push_back(results.loss_sum / static_cast<double>(packed.target_tokens));
    result.norms.push_back(results.gradient_norm);
    const double seconds = makespan(engine.last_timeline()).value;
    result.seconds = step == 0 ? seconds : std::min(result.seconds, seconds);
  }
  const ParameterSource& first = engine.model().sources.front();
  result.first_weights.resize(
      static_cast<std::size_t>(element_count(engine.model().graph[first.parameter], {})));
  engine.states().read_master(first.parameter, result.first_weights);
  return result;
}

TEST(FineTune, OnASmallDeviceHasTheBitsOfALargeOne) {
  Caps caps;
  caps.bytes[static_cast<std::size_t>(Tier::kDevice)] = kDeviceMemory;
  const FineTuned small =
      fine_tune(load_plan(LONGHAUL_SOURCE_DIR "/configs/plans/smollm2-256mib.yaml"), caps);
  const FineTuned large = fine_tune({}, {});
  EXPECT_LE(small.device, kDeviceMemory);
  EXPECT_GT(large.device, 4 * kDeviceMemory);
  EXPECT_EQ(small.losses, large.losses);
  EXPECT_EQ(small.norms, large.norms);
  EXPECT_EQ(small.first_weights, large.first_weights);
  EXPECT_LT(small.losses.back(), 0.9 * small.losses.front());
  std::printf(
      "fine-tune: loss %.3f to %.3f in %d steps of %d tokens; the fastest took %.3f s in %d MiB "
      "of device memory and %.3f s with everything on the device\n",
      small.losses.front(),
      small.losses.back(),
      kSteps,
      static_cast<int>(kShape.tokens),
      small.seconds,
      static_cast<int>(small.device.count >> 20),
      large.seconds);
}

}  // namespace
}  // namespace longhaul
