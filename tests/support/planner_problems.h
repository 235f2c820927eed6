// Problems for tests and benchmarks of the planner: published models on machines of stated rates.
#pragma once

#include <cstdint>
#include <string>

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

}  // namespace longhaul::test
