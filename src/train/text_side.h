// What a model folder says about text: tokenizer, its settings, the chat template of the run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "longhaul/data/encode.h"
#include "longhaul/data/packing.h"
#include "longhaul/models/model.h"
#include "longhaul/text/chat_template.h"
#include "longhaul/text/tokenizer.h"
#include "longhaul/text/tokenizer_settings.h"
#include "longhaul/train/engine.h"

namespace longhaul {

struct TextSide {
  Tokenizer tokenizer;
  TokenizerSettings settings;
  std::optional<ChatTemplate> chat_template;
};

// Throws FormatError when the tokenizer has ids beyond the model's vocabulary.
TextSide load_text_side(const std::filesystem::path& folder,
                        const std::optional<std::string>& chat_template,
                        const Model& model);

inline BatchView view_of(const MicroBatch& batch) {
  return {.ids = batch.ids,
          .sorted_order = batch.sorted_order,
          .positions = batch.positions,
          .positions_order = batch.positions_order,
          .targets = batch.targets,
          .segment_offsets = batch.segment_offsets};
}

}  // namespace longhaul
