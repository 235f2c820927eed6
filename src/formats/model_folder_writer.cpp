#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/formats/model_folder.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/input_file.h"

namespace longhaul {

namespace fs = std::filesystem;

namespace {

using Shard = std::vector<TensorSpec>;

std::vector<Shard> split_into_shards(const std::vector<TensorSpec>& tensors, std::int64_t limit) {
  std::vector<Shard> shards(1);
  std::int64_t bytes = 0;
  for (const TensorSpec& tensor : tensors) {
    const std::int64_t size = byte_count(tensor);
    if (!shards.back().empty() && size > limit - bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().push_back(tensor);
    bytes += size;
  }
  return shards;
}

// "model-00002-of-00003.safetensors"; a single shard has no number.
std::string shard_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  std::array<char, 64> name{};
  std::snprintf(name.data(), name.size(), "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name.data();
}

void write_file(const fs::path& path, std::string_view text, FileOps& files) {
  FileWriter writer(path, files);
  writer.append(text);
  writer.close();
}

void write_shard(const fs::path& path, const Shard& tensors, FillTensor fill, FileOps& files) {
  FileWriter file(path, files);
  SafetensorsWriter writer(file, tensors);
  std::vector<std::byte> buffer;
  for (const TensorSpec& tensor : tensors) {
    buffer.resize(static_cast<std::size_t>(byte_count(tensor)));
    fill(tensor, buffer);
    writer.append(buffer);
  }
  writer.finish();
  file.close();
}

void write_index(const fs::path& path, const std::vector<Shard>& shards, FileOps& files) {
  std::int64_t total = 0;
  Json::Members places;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const TensorSpec& tensor : shards[i]) {
      total += byte_count(tensor);
      places.emplace_back(tensor.name, shard_name(i, shards.size()));
    }
  }
  const Json index = Json::make_object({{"metadata", Json::make_object({{"total_size", total}})},
                                        {"weight_map", Json::make_object(places)}});
  write_file(path, index.dump(2) + "\n", files);
}

void copy_file(const fs::path& from, const fs::path& to, FileOps& files) {
  constexpr std::int64_t kChunk = std::int64_t{1} << 20;
  const InputFile in(from, files);
  FileWriter out(to, files);
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(in.size(), kChunk)));
  for (std::int64_t done = 0; done < in.size(); done += kChunk) {
    const auto piece =
        std::span(buffer).first(static_cast<std::size_t>(std::min(kChunk, in.size() - done)));
    in.read_at(done, piece);
    out.append(piece);
  }
  out.close();
}

// Before anything is written: what could only fail half-way.
void check_content(const ModelFolderContent& content) {
  std::set<std::string_view> names;
  for (const TensorSpec& tensor : content.tensors) {
    require(names.insert(tensor.name).second, "tensor ", tensor.name, " is declared twice");
    byte_count(tensor);
  }
}

}  // namespace

void write_model_files(const fs::path& folder,
                       const ModelFolderContent& content,
                       FillTensor fill,
                       FileOps& files) {
  check_content(content);
  write_file(folder / "config.json", content.config, files);
  for (const auto& [name, text] : content.texts) write_file(folder / name, text, files);
  std::set<fs::path> made;
  for (const fs::path& name : content.companions) {
    if (content.texts.contains(name.string())) continue;
    if (const fs::path parent = name.parent_path(); !parent.empty() && made.insert(parent).second) {
      const int error = files.make_directory(folder / parent);
      if (error != 0) throw IoError((folder / parent).string(), "cannot make the folder", error);
    }
    copy_file(content.companions_from / name, folder / name, files);
  }
  for (const fs::path& parent : made) {
    const int error = files.sync_directory(folder / parent);
    if (error != 0) throw IoError((folder / parent).string(), "cannot sync", error);
  }
  const std::vector<Shard> shards = split_into_shards(content.tensors, content.shard_bytes);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    write_shard(folder / shard_name(i, shards.size()), shards[i], fill, files);
  }
  if (shards.size() > 1) write_index(folder / "model.safetensors.index.json", shards, files);
}

void write_model_folder(const fs::path& target,
                        const ModelFolderContent& content,
                        FillTensor fill,
                        IfExists if_exists,
                        FileOps& files) {
  AtomicFolder folder(target, if_exists, files);
  write_model_files(folder.path(), content, fill, files);
  folder.commit();
}

}  // namespace longhaul
