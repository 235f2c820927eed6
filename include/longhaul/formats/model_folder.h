// A Hugging Face model folder: config.json, safetensors shards, and the files of tokenizer, chat
// template and generation, which pass through unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/dtype.h"
#include "longhaul/core/json.h"
#include "longhaul/core/thread_pool.h"
#include "longhaul/formats/safetensors.h"
#include "longhaul/io/atomic_folder.h"
#include "longhaul/io/file_ops.h"

namespace longhaul {

// An opened folder. Tensors are read one at a time straight into the caller's memory, so loading
// takes the model's size plus what the caller holds. Reads may come from any thread.
class ModelFolder {
 public:
  // Parses config.json, the index and the headers of all shards; reads no tensor. Throws IoError or
  // FormatError that names the file: missing shards, tensors the index promises and a shard lacks,
  // truncated files, weights in another format.
  explicit ModelFolder(const std::filesystem::path& path, FileOps& files = system_files());

  const std::filesystem::path& path() const { return path_; }
  const Json& config() const { return config_; }
  // Every tensor, sorted by name.
  std::vector<TensorSpec> tensors() const;

  // The tensor of this name, as transformers writes it for the whole model; where there is none,
  // without its first part `model.` or `transformer.`, which checkpoints of a bare backbone leave
  // out. Null when there is neither. Lives as long as the folder.
  const TensorSpec* find(std::string_view name) const;
  // As find(); FormatError that names the folder when there is none.
  const TensorSpec& at(std::string_view name) const;
  // "FOLDER/model.safetensors: tensor lm_head.weight", for messages about a tensor of find().
  std::string place_of(std::string_view name) const;

  // Fills `out` with the tensor at(name), or rows of it, as SafetensorsFile::read does.
  void read(std::string_view name,
            DType wanted,
            std::span<std::byte> out,
            RowRange rows = {}) const;

  // Names, relative to path(), of the files that a fine-tuned copy of the model needs as they are:
  // tokenizer, chat templates, generation settings, licence.
  std::vector<std::filesystem::path> companions() const;

 private:
  struct Entry {
    std::size_t shard;
    const StoredTensor* tensor;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  void open_index(const std::filesystem::path& index, FileOps& files);
  void open_shard(const std::filesystem::path& file, FileOps& files);
  Entries::const_iterator locate(std::string_view name) const;

  std::filesystem::path path_;
  Json config_;
  std::vector<SafetensorsFile> shards_;
  Entries entries_;
};

// What a model folder is written from.
struct ModelFolderContent {
  std::string config;               // text of config.json
  std::vector<TensorSpec> tensors;  // in the order they are written and asked for
  // Further files: name -> text.
  std::map<std::string, std::string> texts = {};
  // Files copied as they are: relative name, and the folder that holds it.
  std::filesystem::path companions_from = {};
  std::vector<std::filesystem::path> companions = {};
  // Shards hold at most this many bytes of tensors; a larger tensor has a shard of its own.
  std::int64_t shard_bytes = 5'000'000'000;
};

// Fills the second argument with the bytes of the first.
using FillTensor = FunctionRef<void(const TensorSpec&, std::span<std::byte>)>;

// Writes these files into an existing folder, every one synced; one tensor is in memory at a time.
// Not atomic: for callers that own an AtomicFolder, as a checkpoint does. Throws IoError, and
// whatever `fill` throws.
void write_model_files(const std::filesystem::path& folder,
                       const ModelFolderContent& content,
                       FillTensor fill,
                       FileOps& files = system_files());

// The same as a folder of its own that appears complete or not at all; an existing one is not
// touched unless everything was written.
void write_model_folder(const std::filesystem::path& target,
                        const ModelFolderContent& content,
                        FillTensor fill,
                        IfExists if_exists = IfExists::kRefuse,
                        FileOps& files = system_files());

}  // namespace longhaul
