// What a run's data is, for a person to read before training: one sample token by token, lengths,
// how well micro-batches are filled, and what is left out and why.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "longhaul/data/encode.h"
#include "longhaul/data/load.h"
#include "longhaul/data/loader.h"

namespace longhaul {

// A token as it is shown.
struct ShownToken {
  TokenId id = 0;
  std::string text;  // valid UTF-8; empty where the character is completed by a later token
  bool is_target = false;
  bool is_special = false;
};

// All percentiles by the nearest rank.
struct LengthStatistics {
  struct Bin {
    std::int64_t least = 0;
    std::int64_t most = 0;  // included
    std::int64_t samples = 0;
  };
  std::int64_t least = 0;
  std::int64_t median = 0;
  std::int64_t percentile_90 = 0;
  std::int64_t percentile_99 = 0;
  std::int64_t most = 0;
  double mean = 0;
  std::vector<Bin> histogram;  // at most 12 bins of equal width, from `least` to `most`
};

struct DataDescription {
  std::vector<FileReport> files;
  std::int64_t shared_questions = 0;
  std::string sample_place;  // "data/train.jsonl:12"
  std::vector<ShownToken> sample;
  std::int64_t train_samples = 0, held_out_samples = 0;
  std::int64_t train_tokens = 0, held_out_tokens = 0;
  std::int64_t train_targets = 0, held_out_targets = 0;
  std::int64_t samples_with_end = 0;  // training samples: see count_with_end
  LengthStatistics lengths;           // of the training samples
  // The first epoch; all 0 where no batch was asked for.
  std::int64_t tokens_per_micro_batch = 0;
  std::int64_t micro_batches = 0;
  std::int64_t steps = 0;
  double fill_rate = 0;
};

std::vector<ShownToken> show_tokens(const Dataset& dataset,
                                    std::int64_t sample,
                                    const Tokenizer& tokenizer);

// How many samples have a target among `stop`, the tokens that end a turn or a text. From none of
// them a model would not learn when to stop: the template keeps its end-of-turn token out of the
// `generation` tag, or every sample was cut.
std::int64_t count_with_end(const Dataset& dataset, std::span<const TokenId> stop);

// An empty list gives zeros.
LengthStatistics length_statistics(std::span<const std::int64_t> lengths);

// `sample`: which training sample to show, taken modulo their number.
DataDescription describe_data(const LoadedData& data,
                              const SampleEncoder& encoder,
                              const LoaderRules& rules,
                              std::int64_t sample = 0);

// How to_text marks the tokens that are targets: ANSI colours, or brackets around each run of them.
enum class TargetMarks : std::uint8_t { kColour, kBrackets };

std::string to_text(const DataDescription& description, TargetMarks marks);
// One file's part of it: what was recognised, what was left out and why.
std::string to_text(const FileReport& report);

}  // namespace longhaul
