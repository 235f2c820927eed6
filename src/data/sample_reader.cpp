#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "longhaul/core/utf8.h"
#include "longhaul/data/samples.h"
#include "longhaul/io/input_file.h"

#include "record_reader.h"

namespace longhaul {
namespace {

constexpr std::size_t kChunkBytes = 256 << 10;

// Gives a file chunk by chunk.
SampleReader::NextBytes chunks_of(const std::filesystem::path& path) {
  struct Source {
    InputFile file;
    std::string chunk;
    std::int64_t offset;
  };
  auto source = std::make_shared<Source>(Source{InputFile(path), {}, 0});
  return [source]() -> std::string_view {
    const auto rest = static_cast<std::size_t>(source->file.size() - source->offset);
    source->chunk.resize(std::min(kChunkBytes, rest));
    source->file.read_at(source->offset, std::as_writable_bytes(std::span(source->chunk)));
    source->offset += static_cast<std::int64_t>(source->chunk.size());
    return source->chunk;
  };
}

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

struct SampleReader::State {
  std::optional<RecordReader> records;       // JSON; none for a document
  std::optional<std::string> document = {};  // not yet given out
  std::optional<SampleShape> shape = {};

  std::variant<Sample, BadSample> read(const Record& record);
  Sample parse(const Record& record);
};

std::variant<Sample, BadSample> SampleReader::State::read(const Record& record) {
  try {
    return parse(record);
  } catch (const SampleRefused& refused) {
    return BadSample{record.line, refused.what()};
  }
}

Sample SampleReader::State::parse(const Record& record) {
  if (!record.problem.empty()) throw SampleRefused(record.problem);
  Json json;
  try {
    json = Json::parse(record.text, {});
  } catch (const FormatError& error) {
    std::string reason = error.what();
    if (reason.starts_with(": ")) reason.erase(0, 2);
    throw SampleRefused(reason);
  }
  const auto found = recognise(json);
  if (!found) {
    throw SampleRefused(
        "not a known sample: expected an object with messages, conversations, instruction and "
        "output, prompt and completion, or text");
  }
  if (shape && *found != *shape) {
    throw SampleRefused(
        concat("got a sample of shape ", name_of(*found), ", the file has ", name_of(*shape)));
  }
  Sample sample = make_sample(json, *found);
  sample.line = record.line;
  shape = found;
  return sample;
}

SampleReader::SampleReader(const std::filesystem::path& file) {
  constexpr std::array<std::string_view, 4> kJson = {".jsonl", ".ndjson", ".json", ""};
  constexpr std::array<std::string_view, 2> kText = {".txt", ".md"};
  const std::string extension = file.extension().string();
  if (is_one_of(extension, kText)) {
    state_ = std::make_unique<State>(State{{}, read_text_file(file)});
    if (state_->document->find_first_not_of(" \t\n\r") == std::string::npos) {
      state_->document.reset();
    }
  } else if (is_one_of(extension, kJson)) {
    state_ = std::make_unique<State>(State{RecordReader(chunks_of(file))});
  } else {
    throw FormatError(concat(file.string(),
                             ": files of kind ",
                             extension,
                             " are not read, expected .jsonl, .ndjson, .json, .txt or .md"));
  }
}

SampleReader::SampleReader(NextBytes next_bytes)
    : state_(std::make_unique<State>(State{RecordReader(std::move(next_bytes))})) {}

SampleReader::~SampleReader() = default;
SampleReader::SampleReader(SampleReader&&) noexcept = default;
SampleReader& SampleReader::operator=(SampleReader&&) noexcept = default;

std::optional<std::variant<Sample, BadSample>> SampleReader::next() {
  if (state_->records) {
    const auto record = state_->records->next();
    if (!record) return std::nullopt;
    return state_->read(*record);
  }
  if (!state_->document) return std::nullopt;
  const std::string text = *std::exchange(state_->document, std::nullopt);
  if (!is_utf8(text)) return BadSample{1, "the document is not UTF-8"};
  state_->shape = SampleShape::kText;
  Sample sample;
  sample.line = 1;
  sample.text = text;
  return sample;
}

std::optional<SampleShape> SampleReader::shape() const {
  return state_->shape;
}

}  // namespace longhaul
