// What a run takes of the machine's memory, against what its plan said: a model of 27 million
// parameters, so that a second copy of anything is seen.
#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/core/units.h"
#include "longhaul/formats/safetensors.h"
#include "longhaul/models/model.h"

#include "small_run.h"
#include "support/sanitizer.h"

namespace longhaul {
namespace {

constexpr Bytes kLibraryBuffers = 200_MiB;  // what LibTorch and the allocator add in a step

class Memory : public test::SmallRun {
 protected:
  void SetUp() override {
    test::SmallRun::SetUp();
    const std::string config_file = model() + "/config.json";
    const Json small = Json::parse(test::read_bytes(config_file), config_file);
    const std::string config = concat(
        R"({"model_type": "llama", "hidden_size": 512, "num_attention_heads": 8,
            "num_key_value_heads": 8, "intermediate_size": 1536, "num_hidden_layers": 8,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
            "vocab_size": )",
        small.as_int("vocab_size"),
        "}");
    test::write_bytes(config_file, config);
    write_zeros(make_model(Json::parse(config, config_file), DType::kF32));
  }

  // The same kind of run for all: how many steps, under which plan.
  test::Outcome train_for(int steps, const std::string& plan, Words more = {}) const {
    Words words{"train", run_file(), "--set", "resume=never"};
    for (const std::string& setting : {concat("training.steps=", steps),
                                       "plan=" + plan,
                                       std::string("checkpoint.every=none"),
                                       std::string("data.eval=none")}) {
      words.insert(words.end(), {"--set", setting});
    }
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

 private:
  void write_zeros(const Model& model) const {
    std::vector<TensorSpec> specs;
    for (const ParameterSource& source : model.sources) {
      TensorSpec spec{.name = source.name};
      for (const Dim& dim : model.graph[source.parameter].shape) spec.shape.push_back(dim.factor);
      specs.push_back(spec);
    }
    std::filesystem::remove(weights());
    FileWriter out(weights());
    SafetensorsWriter writer(out, specs);
    const std::vector<std::byte> zeros(1 << 20);
    for (const TensorSpec& spec : specs) {
      for (std::int64_t left = byte_count(spec); left > 0;) {
        const auto part = std::min<std::int64_t>(left, static_cast<std::int64_t>(zeros.size()));
        writer.append(std::span(zeros).first(static_cast<std::size_t>(part)));
        left -= part;
      }
    }
    writer.finish();
    out.close();
  }
};

// The planned bytes of device and host, as the summary gives them.
Bytes planned(const std::string& summary) {
  const std::string row = "\n  memory      ";
  const std::size_t at = summary.find(row);
  require(at != std::string::npos, "no row of memory in ", summary);
  const std::size_t begin = at + row.size();
  return parse_bytes(summary.substr(begin, summary.find(" planned", begin) - begin));
}

TEST_F(Memory, StaysWithinThePlanAndDoesNotGrowWithSteps) {
  if (test::kUnderSanitizer) GTEST_SKIP() << "a sanitizer takes memory of its own";
  const std::string on_host = folder_ / "host.yaml";
  test::write_bytes(on_host,
                    "group: all\nupdate: in_next_forward\nweights: {home: host}\n"
                    "states: {home: host}\ngradients: host\nupdate_on: host\n"
                    "staging: {elements: 262144}\n");
  // Refused after the libraries are loaded and the pass is lowered, before memory is taken.
  const test::Outcome start = train_for(3, "resident", {"--set", "device.memory=1KiB"});
  ASSERT_THAT(start.err, testing::HasSubstr("device memory: needs "));
  for (const std::string& plan : {std::string("resident"), on_host}) {
    const test::Outcome few = train_for(3, plan);
    const test::Outcome many = train_for(12, plan);
    ASSERT_EQ(few.exit_code, 0) << few.err;
    ASSERT_EQ(many.exit_code, 0) << many.err;
    const Bytes arenas = planned(many.out);
    EXPECT_GT(arenas, 2 * kLibraryBuffers) << "a second copy would not be seen";
    const auto allowed = static_cast<std::int64_t>(1.05 * static_cast<double>(arenas.count)) +
                         start.peak_memory + kLibraryBuffers.count;
    EXPECT_LE(many.peak_memory, allowed) << plan;
    EXPECT_LE(many.peak_memory - few.peak_memory, (16_MiB).count) << plan;
    RecordProperty(plan == "resident" ? "resident_mib" : "host_mib",
                   concat(many.peak_memory >> 20, " of ", allowed >> 20));
  }
}

}  // namespace
}  // namespace longhaul
