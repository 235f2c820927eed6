// Training files as a stream of samples. The shape of a file is recognised by itself:
//
//   messages           {"messages": [{"role", "content", ...}, ...], "tools": ...}
//   sharegpt           {"conversations": [{"from", "value"}, ...], "system": ...}
//   alpaca             {"instruction", "input", "output", "system"}: one question, one reply
//   prompt/completion  {"prompt", "completion"}: two strings, or two lists of messages
//   text               {"text"}, or a whole .txt or .md file as one document
//
// A .jsonl, .ndjson or .json file holds one object per line or one array of objects. The first
// recognised sample decides the shape of its file; every other must have it too. Members that a
// shape does not name are ignored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/text/chat_template.h"

namespace longhaul {

enum class SampleShape : std::uint8_t { kMessages, kShareGpt, kAlpaca, kPromptCompletion, kText };

// "messages", "sharegpt", "alpaca", "prompt/completion", "text".
std::string_view name_of(SampleShape shape);

// What one record says, before any tokenizer sees it.
struct Sample {
  SampleShape shape = SampleShape::kText;
  std::int64_t line = 0;  // in its file, from 1

  // A conversation; empty for a text or a completion of a string.
  std::vector<Message> messages = {};
  std::size_t prompt_messages = 0;  // the first of them, which are never targets
  Json::Members variables = {};     // what the template may name: tools, documents, ...

  std::string prompt = {};  // before `text`, never a target
  std::string text = {};    // the text or the completion

  bool is_chat() const { return !messages.empty(); }
};

// A record that is no usable sample.
struct BadSample {
  std::int64_t line = 0;
  std::string reason;
};

// Thrown for a sample that cannot be used; the message is the reason without the place.
class LONGHAUL_VISIBLE SampleRefused : public Error {
 public:
  using Error::Error;
  ~SampleRefused() override;
};

// The sample that a record of a known shape describes. Throws SampleRefused.
Sample make_sample(const Json& record, SampleShape shape);

// The shape whose members `record` has; none for anything else.
std::optional<SampleShape> recognise(const Json& record);

// What the samples ask: one hash for each user message, the prompt, or the text. Case and white
// space do not count. Samples that ask the same have a hash in common.
std::vector<std::uint64_t> question_hashes(const Sample& sample);

// Reads one file from its beginning to its end, one record in memory at a time.
class SampleReader {
 public:
  // Gives the next bytes of a file; empty at its end.
  using NextBytes = std::function<std::string_view()>;

  // Throws IoError when the file cannot be read, FormatError for a kind of file that is not read.
  explicit SampleReader(const std::filesystem::path& file);
  // JSON or JSON lines from memory or elsewhere.
  explicit SampleReader(NextBytes next_bytes);
  ~SampleReader();
  SampleReader(const SampleReader&) = delete;
  SampleReader& operator=(const SampleReader&) = delete;
  SampleReader(SampleReader&&) noexcept;
  SampleReader& operator=(SampleReader&&) noexcept;

  // The next record; none at the end. Throws IoError.
  std::optional<std::variant<Sample, BadSample>> next();

  // What was recognised so far; none before the first good sample.
  std::optional<SampleShape> shape() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longhaul
