#include "longhaul/formats/model_folder.h"

#include <algorithm>
#include <array>
#include <set>
#include <system_error>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/io/input_file.h"

namespace longhaul {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSingleShard = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// Names of the regular files of `folder` (and of `below`, a folder in it), sorted.
std::vector<fs::path> list_files(const fs::path& folder, const fs::path& below = {}) {
  std::error_code error;
  std::vector<fs::path> names;
  for (fs::directory_iterator entry(folder / below, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_file(entry->path())) names.push_back(below / entry->path().filename());
  }
  if (error && below.empty()) {
    throw IoError(folder.string(), "cannot read the folder", error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

[[noreturn]] void refuse_missing_weights(const fs::path& folder) {
  constexpr std::string_view kSave = "save the weights as safetensors";
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kAdvice = {
      {{".bin", kSave},
       {".pt", kSave},
       {".pth", kSave},
       {".gguf", "make a model folder with `longhaul convert`"},
       {".safetensors", "the index says which file holds which weight"}}};
  for (const fs::path& file : list_files(folder)) {
    for (const auto& [extension, advice] : kAdvice) {
      if (file.extension().string() != extension) continue;
      throw FormatError(concat(folder.string(),
                               ": has ",
                               file.string(),
                               " but neither ",
                               kSingleShard,
                               " nor ",
                               kIndex,
                               "; ",
                               advice));
    }
  }
  throw FormatError(
      concat(folder.string(), ": has neither ", kSingleShard, " nor ", kIndex, ", the weights"));
}

// A shard is a file of the folder itself: an index from elsewhere must not name any other.
fs::path checked_shard_name(const Json& value) {
  fs::path name = value.as_string();
  if (name.empty() || name != name.filename() || name == "." || name == "..") {
    throw FormatError(
        concat(value.where(), ": got \"", name.string(), "\", expected the name of a file"));
  }
  return name;
}

bool is_companion(const std::string& name) {
  constexpr std::array<std::string_view, 5> kNames = {"generation_config.json",
                                                      "special_tokens_map.json",
                                                      "added_tokens.json",
                                                      "merges.txt",
                                                      "preprocessor_config.json"};
  constexpr std::array<std::string_view, 6> kPrefixes = {
      "tokenizer", "vocab.", "chat_template", "LICENSE", "NOTICE", "USE_POLICY"};
  constexpr std::array<std::string_view, 3> kSuffixes = {".model", ".tiktoken", ".jinja"};
  const auto starts = [&](std::string_view prefix) { return name.starts_with(prefix); };
  const auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(), starts) ||
         std::any_of(kSuffixes.begin(), kSuffixes.end(), ends);
}

}  // namespace

ModelFolder::ModelFolder(const fs::path& path, FileOps& files) : path_(path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    throw IoError(path.string(), fs::exists(path, ignored) ? "is no folder" : "no such folder");
  }
  const fs::path config = path / "config.json";
  if (!is_file(config)) {
    throw FormatError(concat(path.string(), ": has no config.json; no model folder"));
  }
  config_ = Json::parse(read_text_file(config, 256LL << 20, files), config.string());
  if (is_file(path / kSingleShard)) {
    open_shard(path / kSingleShard, files);
  } else if (is_file(path / kIndex)) {
    open_index(path / kIndex, files);
  } else {
    refuse_missing_weights(path);
  }
}

void ModelFolder::open_shard(const fs::path& file, FileOps& files) {
  shards_.emplace_back(file, files);
  for (const StoredTensor& tensor : shards_.back().tensors()) {
    entries_.emplace(tensor.spec.name, Entry{shards_.size() - 1, &tensor});
  }
}

void ModelFolder::open_index(const fs::path& index, FileOps& files) {
  const Json json = Json::parse(read_text_file(index, 256LL << 20, files), index.string());
  std::map<std::string, std::string, std::less<>> shard_of;
  std::set<fs::path> names;
  for (const auto& [tensor, value] : json.at("weight_map").members()) {
    const fs::path name = checked_shard_name(value);
    shard_of[tensor] = name.string();
    names.insert(name);
  }
  for (const fs::path& name : names) {
    if (!is_file(path_ / name)) {
      throw FormatError(concat((path_ / name).string(), ": missing; ", kIndex, " names it"));
    }
    shards_.emplace_back(path_ / name, files);
    for (const StoredTensor& tensor : shards_.back().tensors()) {
      // A tensor counts where the index places it; others are left-overs, which readers ignore.
      const auto promised = shard_of.find(tensor.spec.name);
      if (promised == shard_of.end() || promised->second != name.string()) continue;
      entries_.emplace(tensor.spec.name, Entry{shards_.size() - 1, &tensor});
    }
  }
  for (const auto& [tensor, name] : shard_of) {
    if (!entries_.contains(tensor)) {
      throw FormatError(concat(
          (path_ / name).string(), ": has no tensor ", tensor, ", which ", kIndex, " names"));
    }
  }
}

std::vector<TensorSpec> ModelFolder::tensors() const {
  std::vector<TensorSpec> specs;
  specs.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) specs.push_back(entry.tensor->spec);
  return specs;
}

ModelFolder::Entries::const_iterator ModelFolder::locate(std::string_view name) const {
  auto found = entries_.find(name);
  for (const std::string_view prefix : {"model.", "transformer."}) {
    if (found != entries_.end() || !name.starts_with(prefix)) continue;
    found = entries_.find(name.substr(prefix.size()));
  }
  return found;
}

const TensorSpec* ModelFolder::find(std::string_view name) const {
  const auto found = locate(name);
  return found == entries_.end() ? nullptr : &found->second.tensor->spec;
}

const TensorSpec& ModelFolder::at(std::string_view name) const {
  const TensorSpec* spec = find(name);
  if (spec == nullptr) throw FormatError(concat(path_.string(), ": has no tensor ", name));
  return *spec;
}

std::string ModelFolder::place_of(std::string_view name) const {
  const TensorSpec& spec = at(name);
  const auto& shard = shards_[locate(name)->second.shard];
  return concat(shard.path().string(), ": tensor ", spec.name);
}

void ModelFolder::read(std::string_view name,
                       DType wanted,
                       std::span<std::byte> out,
                       RowRange rows) const {
  at(name);
  const Entry& entry = locate(name)->second;
  shards_[entry.shard].read(*entry.tensor, wanted, out, rows);
}

std::vector<fs::path> ModelFolder::companions() const {
  std::vector<fs::path> names = list_files(path_);
  std::erase_if(names, [](const fs::path& name) { return !is_companion(name.string()); });
  for (const fs::path& name : list_files(path_, "additional_chat_templates")) names.push_back(name);
  return names;
}

}  // namespace longhaul
