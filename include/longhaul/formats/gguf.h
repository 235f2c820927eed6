// GGUF files as model folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "longhaul/core/dtype.h"
#include "longhaul/io/atomic_folder.h"
#include "longhaul/io/file_ops.h"

namespace longhaul {

struct GgufConversion {
  std::string architecture;   // "llama", "qwen2", "qwen3", "gpt2"
  DType dtype = DType::kF32;  // of every tensor written
  std::int64_t parameters = 0;
  std::int64_t vocabulary = 0;
};

struct GgufConversionOptions {
  IfExists if_exists = IfExists::kRefuse;
  // Told the parameters written so far and in all, once per tensor.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = {};
};

// Writes the model of `file` as a Hugging Face folder that transformers and ModelFolder load:
// config.json, generation_config.json, tokenizer.json, tokenizer_config.json with the chat
// template, and safetensors under the names of transformers, the row order of rotary projections
// and the orientation of GPT-2's matrices restored.
//
// The weights are written in the narrowest of fp32, bf16, fp16 that rounds none of them. A
// quantised block decodes to scale * integer + offset, which needs more bits than bf16 or fp16
// have; rounding it would add a second error to that of the quantisation, so quantised models come
// out in fp32. Files of F16 or BF16 keep their width, and so take half of the space.
//
// The folder appears complete or not at all; one tensor is in memory at a time (two for those whose
// order is restored). Throws FormatError that names the file and what is wrong or not supported
// (architecture, option, tensor type, pre-tokenizer), IoError.
GgufConversion convert_gguf(const std::filesystem::path& file,
                            const std::filesystem::path& folder,
                            const GgufConversionOptions& options = {},
                            FileOps& files = system_files());

}  // namespace longhaul
