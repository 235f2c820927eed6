#include "longhaul/formats/model_folder.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <numeric>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "support/faulty_files.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using test::read_bytes;
using test::snapshot;
using test::write_bytes;
using testing::ElementsAre;
using testing::HasSubstr;

// Every element of a tensor is the length of its name.
constexpr auto kNameLengths = [](const TensorSpec& spec, std::span<std::byte> out) {
  const std::vector<float> values(out.size() / sizeof(float), static_cast<float>(spec.name.size()));
  std::memcpy(out.data(), values.data(), out.size());
};

ModelFolderContent three_tensors() {
  return {.config = R"({"model_type": "llama"})",
          .tensors = {{"model.a", DType::kF32, {4, 2}},
                      {"model.bb", DType::kF32, {3}},
                      {"lm_head", DType::kF32, {8}}}};
}

template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

class ModelFolderTest : public testing::Test {
 protected:
  // Writes three_tensors() in shards of at most 44 bytes: a and bb, then lm_head.
  std::filesystem::path write_sharded() {
    ModelFolderContent content = three_tensors();
    content.shard_bytes = 44;
    write_model_folder(root_ / "sharded", content, kNameLengths);
    return root_ / "sharded";
  }

  test::TemporaryFolder root_;
};

TEST_F(ModelFolderTest, ReadsBackWhatWasWritten) {
  write_model_folder(root_ / "m", three_tensors(), kNameLengths);
  const ModelFolder folder(root_ / "m");
  EXPECT_EQ(folder.config().as_string("model_type"), "llama");
  EXPECT_EQ(folder.tensors().size(), 3U);
  std::vector<float> out(3);
  folder.read("model.bb", DType::kF32, std::as_writable_bytes(std::span(out)));
  EXPECT_THAT(out, ElementsAre(8, 8, 8));
}

TEST_F(ModelFolderTest, WritesOneShardWithoutAnIndex) {
  write_model_folder(root_ / "m", three_tensors(), kNameLengths);
  EXPECT_TRUE(std::filesystem::exists(root_ / "m/model.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "m/model.safetensors.index.json"));
}

TEST_F(ModelFolderTest, SplitsShardsAtTheLimitAndIndexesThem) {
  const std::filesystem::path path = write_sharded();
  const Json index = Json::parse(read_bytes(path / "model.safetensors.index.json"),
                                 "model.safetensors.index.json");
  EXPECT_EQ(index.at("metadata").as_int("total_size"), 76);
  EXPECT_EQ(index.at("weight_map").as_string("model.a"), "model-00001-of-00002.safetensors");
  EXPECT_EQ(index.at("weight_map").as_string("model.bb"), "model-00001-of-00002.safetensors");
  EXPECT_EQ(index.at("weight_map").as_string("lm_head"), "model-00002-of-00002.safetensors");
}

TEST_F(ModelFolderTest, GivesATensorAboveTheLimitAShardOfItsOwn) {
  ModelFolderContent content = three_tensors();
  content.shard_bytes = 1;
  write_model_folder(root_ / "m", content, kNameLengths);
  EXPECT_TRUE(std::filesystem::exists(root_ / "m/model-00003-of-00003.safetensors"));
  EXPECT_EQ(ModelFolder(root_ / "m").tensors().size(), 3U);
}

TEST_F(ModelFolderTest, ReadsRowsFromTheRightShard) {
  const ModelFolder folder(write_sharded());
  std::vector<float> out(2);
  folder.read("lm_head", DType::kF32, std::as_writable_bytes(std::span(out)), {.first = 6});
  EXPECT_THAT(out, ElementsAre(7, 7));
}

TEST_F(ModelFolderTest, FindsTheTensorsOfABareBackbone) {
  ModelFolderContent content = three_tensors();
  content.tensors = {{"wte.weight", DType::kF32, {1}}};
  write_model_folder(root_ / "m", content, kNameLengths);
  const ModelFolder folder(root_ / "m");
  EXPECT_EQ(folder.at("transformer.wte.weight").name, "wte.weight");
  EXPECT_EQ(folder.at("wte.weight").name, "wte.weight");
  EXPECT_EQ(folder.find("lm_head.wte.weight"), nullptr);
}

TEST_F(ModelFolderTest, NamesFileAndTensorForMessages) {
  const ModelFolder folder(write_sharded());
  EXPECT_EQ(folder.place_of("lm_head"),
            (root_ / "sharded/model-00002-of-00002.safetensors").string() + ": tensor lm_head");
}

TEST_F(ModelFolderTest, NamesAMissingTensor) {
  const ModelFolder folder(write_sharded());
  EXPECT_EQ(message_of([&] { folder.at("model.c"); }),
            (root_ / "sharded").string() + ": has no tensor model.c");
}

TEST_F(ModelFolderTest, NamesAMissingShard) {
  const std::filesystem::path path = write_sharded();
  std::filesystem::remove(path / "model-00002-of-00002.safetensors");
  EXPECT_THAT(message_of([&] { ModelFolder{path}; }),
              HasSubstr("model-00002-of-00002.safetensors: missing"));
}

TEST_F(ModelFolderTest, NamesATruncatedShard) {
  const std::filesystem::path path = write_sharded();
  const std::string bytes = read_bytes(path / "model-00001-of-00002.safetensors");
  write_bytes(path / "model-00001-of-00002.safetensors", bytes.substr(0, bytes.size() - 1));
  EXPECT_THAT(
      message_of([&] { ModelFolder{path}; }),
      testing::AllOf(HasSubstr("model-00001-of-00002.safetensors"), HasSubstr("truncated")));
}

TEST_F(ModelFolderTest, NamesATensorThatItsShardLacks) {
  const std::filesystem::path path = write_sharded();
  write_bytes(path / "model.safetensors.index.json",
              R"({"weight_map": {"lm_head": "model-00001-of-00002.safetensors"}})");
  EXPECT_THAT(message_of([&] { ModelFolder{path}; }),
              HasSubstr("model-00001-of-00002.safetensors: has no tensor lm_head"));
}

TEST_F(ModelFolderTest, ATensorCountsWhereTheIndexPlacesIt) {
  const auto write_shard = [&](const std::string& name, float value) {
    FileWriter out(root_ / ("m/" + name));
    SafetensorsWriter writer(out, {{"x", DType::kF32, {1}}});
    writer.append(std::as_bytes(std::span(&value, 1)));
    out.close();
  };
  write_bytes(root_ / "m/config.json", "{}");
  write_shard("1.safetensors", 1.0F);
  write_shard("2.safetensors", 2.0F);
  write_bytes(root_ / "m/model.safetensors.index.json",
              R"({"weight_map": {"x": "2.safetensors"}})");
  float x = 0;
  ModelFolder(root_ / "m").read("x", DType::kF32, std::as_writable_bytes(std::span(&x, 1)));
  EXPECT_EQ(x, 2.0F);
  write_bytes(root_ / "m/model.safetensors.index.json",
              R"({"weight_map": {"x": "2.safetensors", "y": "1.safetensors"}})");
  EXPECT_THAT(message_of([&] { ModelFolder{root_ / "m"}; }),
              HasSubstr("1.safetensors: has no tensor y"));
}

TEST_F(ModelFolderTest, RefusesShardsOutsideTheFolder) {
  const std::filesystem::path path = write_sharded();
  for (const std::string name : {"../x.safetensors", "/etc/passwd", "", ".", "..", "a/b"}) {
    write_bytes(path / "model.safetensors.index.json",
                R"({"weight_map": {"lm_head": ")" + name + "\"}}");
    EXPECT_THAT(message_of([&] { ModelFolder{path}; }), HasSubstr("expected the name of a file"))
        << name;
  }
}

TEST_F(ModelFolderTest, SaysWhatIsMissingInAFolderThatIsNoModel) {
  EXPECT_THAT(message_of([&] { ModelFolder{root_ / "absent"}; }), HasSubstr("no such folder"));
  std::filesystem::create_directory(root_ / "m");
  EXPECT_THAT(message_of([&] { ModelFolder{root_ / "m"}; }), HasSubstr("has no config.json"));
  write_bytes(root_ / "m/config.json", "{}");
  EXPECT_THAT(message_of([&] { ModelFolder{root_ / "m"}; }),
              HasSubstr("neither model.safetensors nor model.safetensors.index.json"));
  write_bytes(root_ / "m/pytorch_model.bin", "");
  EXPECT_THAT(message_of([&] { ModelFolder{root_ / "m"}; }), HasSubstr("pytorch_model.bin"));
}

TEST_F(ModelFolderTest, PassesCompanionsThroughUnchanged) {
  write_model_folder(root_ / "from", three_tensors(), kNameLengths);
  const std::map<std::string, std::string> companions = {
      {"tokenizer.json", "{\"exact\":  bytes\r\n"},
      {"tokenizer_config.json", "b"},
      {"tokenizer.model", std::string("\0\xff", 2)},
      {"vocab.json", ""},
      {"merges.txt", "m"},
      {"generation_config.json", "g"},
      {"special_tokens_map.json", "s"},
      {"chat_template.jinja", "{% x %}"},
      {"LICENSE", "l"}};
  for (const auto& [name, text] : companions) write_bytes(root_ / "from" / name, text);
  write_bytes(root_ / "from/additional_chat_templates/tool.jinja", "t");
  for (const std::string name :
       {"training_args.bin", "optimizer.pt", "README.md", "trainer_state.json"}) {
    write_bytes(root_ / "from" / name, "not carried over");
  }

  const ModelFolder from(root_ / "from");
  ModelFolderContent content = three_tensors();
  content.companions_from = from.path();
  content.companions = from.companions();
  write_model_folder(root_ / "to", content, kNameLengths);

  auto expected = companions;
  expected["additional_chat_templates/"] = "";
  expected["additional_chat_templates/tool.jinja"] = "t";
  auto found = snapshot(root_ / "to");
  EXPECT_EQ(found.erase("config.json") + found.erase("model.safetensors"), 2U);
  EXPECT_EQ(found, expected);
}

TEST_F(ModelFolderTest, ATextTakesThePlaceOfACompanion) {
  write_bytes(root_ / "from/generation_config.json", "old");
  ModelFolderContent content = three_tensors();
  content.companions_from = root_ / "from";
  content.companions = {"generation_config.json"};
  content.texts = {{"generation_config.json", "new"}};
  write_model_folder(root_ / "m", content, kNameLengths);
  EXPECT_EQ(read_bytes(root_ / "m/generation_config.json"), "new");
}

TEST_F(ModelFolderTest, RefusesATensorDeclaredTwiceBeforeWriting) {
  ModelFolderContent content = three_tensors();
  content.tensors.push_back(content.tensors[0]);
  EXPECT_THROW(write_model_folder(root_ / "m", content, kNameLengths), InvalidArgument);
  EXPECT_TRUE(snapshot(root_.path()).empty());
}

TEST_F(ModelFolderTest, AFailingTensorLeavesTheOldFolder) {
  write_bytes(root_ / "m/config.json", "old");
  const auto before = snapshot(root_.path());
  const auto fail = [](const TensorSpec& spec, std::span<std::byte> /*out*/) {
    if (spec.name == "lm_head") throw InvalidArgument("no such weight");
  };
  EXPECT_THROW(write_model_folder(root_ / "m", three_tensors(), fail, IfExists::kReplace),
               InvalidArgument);
  EXPECT_EQ(snapshot(root_.path()), before);
}

TEST_F(ModelFolderTest, AFullDiskLeavesTheOldFolderOrTheNewOne) {
  ModelFolderContent content = three_tensors();
  content.shard_bytes = 44;
  write_bytes(root_ / "from/tokenizer.json", "t");
  write_bytes(root_ / "from/additional_chat_templates/x.jinja", "x");
  content.companions_from = root_ / "from";
  content.companions = {"tokenizer.json", "additional_chat_templates/x.jinja"};
  write_bytes(root_ / "m/config.json", "old");
  const auto old = snapshot(root_.path());

  constexpr std::int64_t kMostCalls = 200;
  bool was_reached = true;
  std::int64_t failing = 0;
  for (; was_reached && failing < kMostCalls; ++failing) {
    test::FaultyFiles files(failing, ENOSPC);
    const std::string message = message_of(
        [&] { write_model_folder(root_ / "m", content, kNameLengths, IfExists::kReplace, files); });
    was_reached = files.calls() > failing;
    EXPECT_EQ(!message.empty(), was_reached) << "call " << failing;
    if (snapshot(root_.path()) == old) continue;
    // The swap has happened: the new folder is complete and nothing else is there.
    EXPECT_EQ(ModelFolder(root_ / "m").tensors().size(), 3U) << "call " << failing;
    EXPECT_EQ(read_bytes(root_ / "m/tokenizer.json"), "t");
    EXPECT_FALSE(std::filesystem::exists(root_ / "m.longhaul-tmp"));
    std::filesystem::remove_all(root_ / "m");
    write_bytes(root_ / "m/config.json", "old");
  }
  EXPECT_GT(failing, 20);
  EXPECT_LT(failing, kMostCalls);
}

}  // namespace
}  // namespace longhaul
