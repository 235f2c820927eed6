// Cuts a stream of bytes into JSON records without reading them: lines, or the elements of one
// top-level array.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace longhaul {

struct Record {
  std::string text;
  std::int64_t line = 0;  // where it begins, from 1
  std::string problem;    // why the text is no record; empty: it may be one
};

// A longer record is reported and its text dropped.
constexpr std::size_t kMaxRecordBytes = std::size_t{64} << 20;

class RecordReader {
 public:
  // Gives the next bytes, valid until the next call; empty at the end. A byte order mark is
  // recognised where the first call gives all of it.
  using NextBytes = std::function<std::string_view()>;

  explicit RecordReader(NextBytes next_bytes);

  // Blank lines are passed over. What follows the array is read as lines.
  std::optional<Record> next();

 private:
  enum class Mode { kUnknown, kLines, kArray, kEnd };

  static constexpr int kEndOfFile = -1;

  int peek();  // the next byte or kEndOfFile
  int take();
  void skip_space();
  void begin();
  std::optional<Record> next_line();
  std::optional<Record> next_element();
  void take_element(Record& record);
  void take_string(Record& record);

  NextBytes next_bytes_;
  std::string_view bytes_;
  bool is_at_end_ = false;
  std::int64_t line_ = 1;
  Mode mode_ = Mode::kUnknown;
};

}  // namespace longhaul
