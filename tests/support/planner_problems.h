// Problems for tests and benchmarks of the planner: published models on machines of stated rates.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/models/model.h"
#include "longhaul/planner/problem.h"

namespace longhaul::test {

// The form of LoHan's evaluation: sequences of 1,024 tokens, a vocabulary of 50,257.
inline ModelGraph gpt2_like(int layers, int width, int heads) {
  const std::string config =
      concat(R"({"model_type":"gpt2","vocab_size":50257,"n_positions":1024,)",
             R"("n_ctx":1024,"n_embd":)",
             width,
             R"(,"n_layer":)",
             layers,
             R"(,"n_head":)",
             heads,
             R"(,"activation_function":"gelu_new",)",
             R"("layer_norm_epsilon":1e-5})");
  return make_model(Json::parse(config, "config.json"), DType::kBF16).graph;
}

inline ModelGraph llama_405b() {
  return make_model(
             Json::parse(R"({"model_type":"llama","vocab_size":128256,"hidden_size":16384,)"
                         R"("intermediate_size":53248,"num_hidden_layers":126,)"
                         R"("num_attention_heads":128,"num_key_value_heads":8,)"
                         R"("max_position_embeddings":131072,"rms_norm_eps":1e-05,)"
                         R"("rope_theta":500000,"hidden_act":"silu","tie_word_embeddings":false})",
                         "config.json"),
             DType::kBF16)
      .graph;
}

// `batch` sequences of 1,024 tokens in `micro_batches` on LoHan's server with so much of its host
// memory, of which 8 GB are the system's, and so many of its drives.
inline Problem lohan_problem(
    ModelGraph graph, int batch, int micro_batches, double host_gigabytes, int drives) {
  constexpr std::int64_t kSequence = 1024;
  Problem problem;
  problem.graph = std::move(graph);
  problem.format = adamw_format(Precision::kBF16);
  problem.shape = {.tokens = batch * kSequence / micro_batches,
                   .max_segments = batch / micro_batches + 1,
                   .positions = kSequence,
                   .micro_batches = micro_batches};
  problem.rules.sequence = kSequence;
  problem.machine =
      load_hardware(std::string(LONGHAUL_SOURCE_DIR) + "/configs/hardware/lohan_rtx4090.yaml");
  problem.machine.host.memory.value = {static_cast<std::int64_t>(host_gigabytes * 1e9)};
  problem.machine.storage.disks.front().count = drives;
  problem.caps = caps_of(problem.machine, Bytes{8'000'000'000});
  return problem;
}

// A model of 0.15 to 0.3 G parameters in three to six blocks on a small machine.
inline Problem small_problem(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](auto... choices) {
    const std::array options{choices...};
    return options[random() % options.size()];
  };
  const int batch = pick(2, 4, 8);
  const int layers = pick(1, 2, 3, 4);
  Problem problem = lohan_problem(
      gpt2_like(layers, 2048, 16), batch, pick(1, 1, 1, 2), pick(10.0, 11.0, 13.0), pick(1, 2, 4));
  problem.machine.link.to_device = scaled(problem.machine.link.to_device, pick(0.25, 1.0));
  problem.machine.link.to_host = problem.machine.link.to_device;
  problem.machine.host.optimizer.points.front().rate.value.rate *= pick(0.25, 1.0);
  problem.caps.bytes[0] = {static_cast<std::int64_t>(pick(2.0, 2.5, 4.0, 8.0) * 1e9)};
  problem.clips = pick(false, true);
  return problem;
}

// SmolLM2-135M in bf16 on the emulated machine of two cores: two micro-batches of 2,048 tokens, the
// head in tiles of 8,192 rows.
inline Problem smollm2_problem(Bytes device) {
  Problem problem;
  problem.graph =
      make_model(Json::parse(R"({"model_type":"llama","vocab_size":49152,"hidden_size":576,)"
                             R"("intermediate_size":1536,"num_hidden_layers":30,)"
                             R"("num_attention_heads":9,"num_key_value_heads":3,)"
                             R"("max_position_embeddings":8192,"rms_norm_eps":1e-05,)"
                             R"("hidden_act":"silu","tie_word_embeddings":true})",
                             "config.json"),
                 DType::kBF16)
          .graph;
  tile_head(problem.graph, 8192);
  problem.format = adamw_format(Precision::kBF16);
  problem.shape = {.tokens = 2048, .max_segments = 9, .positions = 256, .micro_batches = 2};
  problem.rules.sequence = 256;
  problem.rules.compute_threads = 2;
  problem.clips = true;
  problem.clip_share = usual_clip_share(problem.graph);
  problem.machine =
      load_hardware(std::string(LONGHAUL_SOURCE_DIR) + "/configs/hardware/emulated_two_cores.yaml");
  problem.machine.storage.disks.clear();
  problem.caps = caps_of(problem.machine, Bytes{500'000'000});
  problem.caps.bytes[0] = device;
  problem.caps.bytes[2] = {};
  return problem;
}

// What a machine may have more of, one thing each.
struct More {
  const char* what;
  std::function<void(Problem&)> apply;
};
inline std::vector<More> more_of_one_thing() {
  const auto larger = [](std::size_t tier) {
    return [tier](Problem& p) { p.caps.bytes[tier] = {p.caps.bytes[tier].count / 100 * 115}; };
  };
  return {{"device memory", larger(0)},
          {"host memory", larger(1)},
          {"disk", larger(2)},
          {"drives", [](Problem& p) { ++p.machine.storage.disks.front().count; }},
          {"link",
           [](Problem& p) {
             p.machine.link.to_device = scaled(p.machine.link.to_device, 1.3);
             p.machine.link.to_host = scaled(p.machine.link.to_host, 1.3);
           }},
          {"optimizer",
           [](Problem& p) { p.machine.host.optimizer.points.front().rate.value.rate *= 1.3; }},
          {"device", [](Problem& p) {
             ComputeRates& rates = p.machine.device.bf16;
             rates.products = scaled(rates.products, 1.3);
             rates.products_backward = scaled(rates.products_backward, 1.3);
           }}};
}

}  // namespace longhaul::test
