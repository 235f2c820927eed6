// How much device memory does a fine-tune of a model take when everything stays there? Answered
// from the model's config.json alone, on any machine.
#include <iostream>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/models/model.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/plan/lower.h"
#include "longhaul/schedule/placement.h"

namespace {

constexpr const char* kConfig = R"({
  "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
  "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
  "max_position_embeddings": 8192, "rms_norm_eps": 1e-05, "rope_theta": 100000,
  "hidden_act": "silu", "tie_word_embeddings": true
})";

}  // namespace

int main() {
  using namespace longhaul;
  try {
    const Model model = make_model(Json::parse(kConfig, "config.json"), DType::kBF16);
    const StateFormat format = adamw_format(Precision::kBF16);
    const BatchShape shape{.tokens = 2048, .max_segments = 16, .positions = 2048};
    LoweredPass pass = lower(model.graph, format, Plan{}, shape, Pass::kTrain, 2);
    const std::size_t ops = pass.schedule.ops().size();
    const PlacedSchedule placed = place(std::move(pass.schedule));

    std::cout << parameter_count(model.graph) << " parameters, " << ops << " ops per step, "
              << to_string(placed.peak[static_cast<std::size_t>(Tier::kDevice)])
              << " of device memory\n";
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
