#include "record_reader.h"

#include <algorithm>
#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

bool is_space(int byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

void trim_end(std::string& text) {
  while (!text.empty() && is_space(text.back())) text.pop_back();
}

// Appends while the record may still grow; past the limit the text is given up.
void append(Record& record, int byte) {
  if (!record.problem.empty()) return;
  if (record.text.size() < kMaxRecordBytes) {
    record.text += static_cast<char>(byte);
    return;
  }
  record.problem = concat("longer than ", kMaxRecordBytes >> 20, " MiB");
  record.text.clear();
}

}  // namespace

RecordReader::RecordReader(NextBytes next_bytes) : next_bytes_(std::move(next_bytes)) {}

std::optional<Record> RecordReader::next() {
  if (mode_ == Mode::kUnknown) begin();
  switch (mode_) {
    case Mode::kLines: return next_line();
    case Mode::kArray: return next_element();
    default: return std::nullopt;
  }
}

int RecordReader::peek() {
  if (bytes_.empty() && !is_at_end_) {
    bytes_ = next_bytes_();
    is_at_end_ = bytes_.empty();
  }
  return is_at_end_ ? kEndOfFile : static_cast<unsigned char>(bytes_.front());
}

int RecordReader::take() {
  const int byte = peek();
  if (byte != kEndOfFile) bytes_.remove_prefix(1);
  if (byte == '\n') ++line_;
  return byte;
}

void RecordReader::skip_space() {
  while (is_space(peek())) take();
}

void RecordReader::begin() {
  mode_ = Mode::kLines;
  peek();
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (bytes_.starts_with(kByteOrderMark)) bytes_.remove_prefix(kByteOrderMark.size());
  skip_space();
  if (peek() == '[') {
    take();
    mode_ = Mode::kArray;
    skip_space();
    if (peek() == ']') {
      take();
      mode_ = Mode::kEnd;
    }
  }
}

std::optional<Record> RecordReader::next_line() {
  skip_space();
  if (peek() == kEndOfFile) {
    mode_ = Mode::kEnd;
    return std::nullopt;
  }
  Record record;
  record.line = line_;
  for (int byte = take(); byte != '\n' && byte != kEndOfFile; byte = take()) append(record, byte);
  trim_end(record.text);
  return record;
}

std::optional<Record> RecordReader::next_element() {
  skip_space();
  Record record;
  record.line = line_;
  take_element(record);
  trim_end(record.text);
  const int end = take();
  if (end == kEndOfFile) {
    mode_ = Mode::kEnd;
    record.problem = "the file ends inside the array";
  } else if (record.text.empty() && record.problem.empty()) {
    record.problem = "an element of the array is missing";
  }
  if (end == ']') {
    skip_space();
    mode_ = peek() == kEndOfFile ? Mode::kEnd : Mode::kLines;
  }
  return record;
}

// Stops before the comma or bracket that ends the element.
void RecordReader::take_element(Record& record) {
  std::int64_t depth = 0;
  for (int byte = peek(); byte != kEndOfFile; byte = peek()) {
    if (depth == 0 && (byte == ',' || byte == ']')) return;
    if (byte == '{' || byte == '[') ++depth;
    if (byte == '}' || byte == ']') depth = std::max<std::int64_t>(0, depth - 1);
    append(record, take());
    if (byte == '"') take_string(record);
  }
}

// What is left of a string whose opening quote was taken.
void RecordReader::take_string(Record& record) {
  for (int byte = take(); byte != kEndOfFile; byte = take()) {
    append(record, byte);
    if (byte == '"') return;
    if (byte == '\\' && peek() != kEndOfFile) append(record, take());
  }
}

}  // namespace longhaul
