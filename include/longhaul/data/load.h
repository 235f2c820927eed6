// Files of samples to the datasets of a run, and what became of every record on the way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "longhaul/core/thread_pool.h"
#include "longhaul/data/dataset.h"
#include "longhaul/data/encode.h"
#include "longhaul/data/rules.h"
#include "longhaul/data/samples.h"

namespace longhaul {

// What to hold out: nothing, a file of its own, or a fraction of the training samples in (0, 1).
using HeldOut = std::variant<std::monostate, std::filesystem::path, double>;

struct DataSources {
  std::vector<std::filesystem::path> train;
  HeldOut held_out;
};

struct LoadRules {
  std::int64_t max_length = 1024;  // tokens of a sample, at least 2
  OnBadSample on_bad_sample = OnBadSample::kRefuse;
  std::uint64_t seed = 42;  // of the split
};

// What one file gave. records = samples that were used + bad + dropped.
struct FileReport {
  std::string file;
  std::optional<SampleShape> shape;  // what was recognised; none when nothing was
  std::int64_t records = 0;
  std::int64_t bad = 0;             // not usable; refused or skipped
  std::int64_t truncated = 0;       // chats and completions cut at max_length, dropped ones too
  std::int64_t dropped = 0;         // no target was left by the cut
  std::int64_t divided = 0;         // texts longer than max_length, cut into consecutive pieces
  std::int64_t pieces = 0;          // what these became
  std::vector<BadSample> examples;  // the first 10 bad ones
};

struct LoadedData {
  Dataset train;
  Dataset held_out;
  std::vector<FileReport> files;  // SampleSource::file; the training files first
  // Held-out samples of a file of their own that ask what a training sample asks too.
  std::int64_t shared_questions = 0;
};

// Reads, encodes and splits. A chat or a completion longer than max_length keeps its beginning; a
// longer text is cut into consecutive pieces, of which each is a sample and nothing is lost but the
// first token of a piece as a target.
//
// With a fraction, samples that ask the same question (question_hashes), directly or through a
// third, stay on one side: no question of a held-out sample is in the training set. Which are held
// out depends on the seed and the samples alone. A group larger than what is still to be held out
// is trained on, so the held-out set may be smaller than asked.
//
// Encoding is spread over `pool`; the result does not depend on its size.
// Throws FormatError that counts and names the bad samples where they are to be refused; when no
// sample with a target is left, or none could be held out; IoError.
LoadedData load_data(const DataSources& sources,
                     const SampleEncoder& encoder,
                     const LoadRules& rules,
                     ThreadPool& pool);

}  // namespace longhaul
