// What users and disks do to a run: the program says which file is wrong and leaves no trace.
#include <cstdint>
#include <cstring>
#include <limits>

#include "longhaul/core/json.h"

#include "small_run.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;

// A safetensors file in two parts, to be put together wrongly.
struct Safetensors {
  Json::Members header;
  std::string data;
};

Safetensors read_safetensors(const std::string& file) {
  const std::string bytes = test::read_bytes(file);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  return {Json::parse(bytes.substr(sizeof(length), length), file).members(),
          bytes.substr(sizeof(length) + length)};
}

void write_safetensors(const std::string& file,
                       const std::string& header,
                       const std::string& data) {
  const std::uint64_t length = header.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  test::write_bytes(file, bytes + header + data);
}

Json with(const Json& object, const std::string& key, const Json& value) {
  Json::Members members = object.members();
  std::erase_if(members, [&](const auto& member) { return member.first == key; });
  members.emplace_back(key, value);
  return Json::make_object(members);
}

class BadInput : public test::SmallRun {
 protected:
  // Replaces one member of a tensor's entry in the header.
  void change_entry(const std::string& tensor, const std::string& key, const Json& value) const {
    Safetensors file = read_safetensors(weights());
    for (auto& [name, entry] : file.header) {
      if (name == tensor) entry = with(entry, key, value);
    }
    write_safetensors(weights(), Json::make_object(file.header).dump(), file.data);
  }

  void configure(const std::string& key, const Json& value) const {
    const std::string file = model() + "/config.json";
    test::write_bytes(file, with(Json::parse(test::read_bytes(file), file), key, value).dump());
  }

  // Two shards and an index, as large models come.
  void split_weights() const {
    const Safetensors file = read_safetensors(weights());
    fs::rename(weights(), shard(1));
    Json::Members places;
    for (const auto& [name, entry] : file.header) {
      if (name == "__metadata__") continue;
      places.emplace_back(name, fs::path(shard(places.size() < 3 ? 1 : 2)).filename().string());
    }
    const Json index = Json::make_object({{"weight_map", Json::make_object(places)}});
    test::write_bytes(index_file(), index.dump());
  }
  std::string shard(int number) const {
    return model() + "/model-0000" + std::to_string(number) + "-of-00002.safetensors";
  }
  std::string index_file() const { return model() + "/model.safetensors.index.json"; }
};

TEST_F(BadInput, TruncatedWeights) {
  fs::resize_file(weights(), 50'000);
  expect_refusal(weights() + ": tensor ");
  expect_refusal("it is truncated or damaged");
}

TEST_F(BadInput, WeightsWithoutAHeader) {
  fs::resize_file(weights(), 0);
  expect_refusal(weights() + ": has 0 bytes");
}

TEST_F(BadInput, AHeaderLongerThanTheFile) {
  std::string bytes = test::read_bytes(weights());
  const std::uint64_t length = std::numeric_limits<std::uint64_t>::max();
  std::memcpy(bytes.data(), &length, sizeof(length));
  test::write_bytes(weights(), bytes);
  expect_refusal(weights() + ": the header claims 18446744073709551615 bytes");
}

TEST_F(BadInput, AHeaderWithoutAnEndToItsNesting) {
  std::string header = R"({"a":)";
  header.append(1'000'000, '[');
  write_safetensors(weights(), header, "");
  expect_refusal(weights());
}

TEST_F(BadInput, TensorsThatOverlap) {
  change_entry("model.norm.weight", "data_offsets", Json::make_array({0, 128}));
  expect_refusal(weights() + ": tensor model.embed_tokens.weight overlaps the one before it");
}

TEST_F(BadInput, BytesThatBelongToNoTensor) {
  test::write_bytes(weights(), test::read_bytes(weights()) + "more");
  expect_refusal(weights() + ": 4 bytes after the last tensor belong to none");
}

TEST_F(BadInput, AShapeWhoseSizeOverflows) {
  const std::int64_t huge = std::int64_t{1} << 33;
  change_entry("model.embed_tokens.weight", "shape", Json::make_array({huge, huge}));
  expect_refusal(weights() + ": [\"model.embed_tokens.weight\"]: shape [8589934592,8589934592]");
}

TEST_F(BadInput, AWeightThatIsNoNumber) {
  Safetensors file = read_safetensors(weights());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(file.data.data() + file.data.size() - sizeof(nan), &nan, sizeof(nan));
  write_safetensors(weights(), Json::make_object(file.header).dump(), file.data);
  expect_refusal(weights() + ": tensor ");
  expect_refusal(" is NaN");
}

TEST_F(BadInput, WeightsThatConfigJsonDoesNotDescribe) {
  configure("hidden_size", 64);
  expect_refusal(weights() +
                 ": tensor model.embed_tokens.weight: got shape [267, 32], expected "
                 "[267, 64] from config.json");
}

TEST_F(BadInput, AConfigJsonThatAsksForMoreMemoryThanThereIs) {
  configure("intermediate_size", 2'000'000'000);
  expect_refusal(weights() + ": tensor model.layers.0.mlp.gate_proj.weight: got shape");
}

TEST_F(BadInput, MoreLayersThanThereAreWeightsFor) {
  configure("num_hidden_layers", 3);
  expect_refusal(model() + ": has no tensor model.layers.2.");
  configure("num_hidden_layers", 2'000'000'000);
  expect_refusal(model() + "/config.json: num_hidden_layers: got 2000000000");
}

// A forward without them would be another model's.
TEST_F(BadInput, WeightsThatTheModelWouldLeaveOut) {
  configure("num_hidden_layers", 1);
  expect_refusal(model() + ": tensor model.layers.1.");
  expect_refusal(" has no place in the llama model that config.json describes");
}

TEST_F(BadInput, AMissingShard) {
  split_weights();
  expect_refusal(shard(2) + ": missing; model.safetensors.index.json names it");
}

TEST_F(BadInput, ShardsWithoutTheirIndex) {
  split_weights();
  fs::remove(index_file());
  expect_refusal(model() +
                 ": has model-00001-of-00002.safetensors but neither model.safetensors "
                 "nor model.safetensors.index.json");
}

TEST_F(BadInput, AnIndexThatNamesAFileElsewhere) {
  split_weights();
  test::write_bytes(index_file(), R"({"weight_map": {"a": "../../secret.safetensors"}})");
  expect_refusal(index_file() + ": weight_map.a: got \"../../secret.safetensors\"");
}

TEST_F(BadInput, ATokenizerLargerThanTheVocabulary) {
  const std::string file = model() + "/tokenizer.json";
  const Json tokenizer = Json::parse(test::read_bytes(file), file);
  std::vector<Json> added = tokenizer.at("added_tokens").elements();
  added.push_back(with(with(added.back(), "id", 267), "content", "<|extra|>"));
  test::write_bytes(file, with(tokenizer, "added_tokens", Json::make_array(added)).dump());
  expect_refusal(file + ": got ids up to 267, expected less than 267, the vocabulary of the model");
}

TEST_F(BadInput, ADamagedTokenizer) {
  const std::string file = model() + "/tokenizer.json";
  fs::resize_file(file, fs::file_size(file) / 2);
  expect_refusal(file + ": not JSON");
  fs::remove(file);
  expect_refusal(file);
}

TEST_F(BadInput, IsRefusedByEveryVerbThatLoadsAModel) {
  fs::resize_file(weights(), 50'000);
  for (const Words& words : {Words{"train", run_file()},
                             {"eval", model(), data()},
                             {"generate", model(), "--raw", "aa"}}) {
    expect_refusal(words, weights() + ": tensor ");
  }
}

TEST_F(BadInput, ADamagedCheckpoint) {
  ASSERT_EQ(train().exit_code, 0);
  const fs::path states = output() / "checkpoints/step-6/states.safetensors";
  fs::resize_file(states, fs::file_size(states) - 4);
  expect_refusal(states.string() + ": tensor ");
}

TEST_F(BadInput, ADamagedGgufFile) {
  const std::string whole = test::read_bytes(LONGHAUL_TEST_DATA "/formats/llama.gguf");
  const std::string file = folder_ / "damaged.gguf";
  const Words convert{"convert", file, (folder_ / "models/converted").string()};
  for (const std::size_t size : {std::size_t{0}, std::size_t{20}, whole.size() / 2}) {
    test::write_bytes(file, whole.substr(0, size));
    expect_refusal(convert, file + ": ");
  }
  std::string hostile = whole;
  hostile.replace(8, 8, 8, '\xFF');  // the number of tensors
  test::write_bytes(file, hostile);
  expect_refusal(convert, file + ": ");
}

TEST_F(BadInput, EmptyData) {
  test::write_bytes(data(), "");
  expect_refusal(data());
}

TEST_F(BadInput, MissingData) {
  fs::remove(data());
  expect_refusal(data() + ": cannot open");
}

TEST_F(BadInput, DataWithoutAnyTarget) {
  test::write_bytes(data(), R"({"prompt": ")" + std::string(200, 'a') + R"(", "completion": "b"})");
  expect_refusal("no sample with a target token\n  " + data() + ": 1 samples");
}

TEST_F(BadInput, AnOutputFolderThatCannotBeMade) {
  test::write_bytes(output(), "a file");
  expect_refusal(output().string() + ": is no folder");
  expect_refusal({"train", run_file(), "--set", "output=" + (output() / "below").string()},
                 (output() / "below").string() + ": cannot be made: Not a directory");
  // Nobody may write here, not even root.
  expect_refusal({"train", run_file(), "--set", "output=/proc/longhaul"},
                 "/proc/longhaul: cannot be made");
}

TEST_F(BadInput, LeavesAnEarlierRunWhereItIs) {
  ASSERT_EQ(train().exit_code, 0);
  fs::remove(output() / "run.lock");  // means nothing once a run has ended
  fs::resize_file(weights(), 50'000);
  expect_refusal({"train", run_file(), "--set", "resume=never"}, weights());
}

}  // namespace
}  // namespace longhaul
