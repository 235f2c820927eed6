#include "longhaul/run/metrics.h"

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/input_file.h"

namespace longhaul {
namespace {

std::string to_line(const StepMetrics& metrics) {
  return Json::make_object({{"step", metrics.step},
                            {"loss", metrics.loss},
                            {"grad_norm", metrics.grad_norm},
                            {"learning_rate", metrics.learning_rate},
                            {"tokens", metrics.tokens},
                            {"target_tokens", metrics.target_tokens},
                            {"seconds", metrics.time.value}})
             .dump() +
         '\n';
}

std::string to_line(std::int64_t step, const Evaluation& evaluation) {
  return Json::make_object({{"step", step},
                            {"loss", evaluation.loss},
                            {"samples", evaluation.samples},
                            {"target_tokens", evaluation.target_tokens},
                            {"seconds", evaluation.time.value}})
             .dump() +
         '\n';
}

// JSON has no NaN: a number that is not finite is written as null.
double number_of(const Json& json, std::string_view key) {
  const Json value = json.at(key);
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.as_double();
}

StepMetrics parse_line(std::string_view line, const std::string& place) {
  const Json json = Json::parse(line, place);
  return {.step = json.as_int("step"),
          .loss = number_of(json, "loss"),
          .grad_norm = number_of(json, "grad_norm"),
          .learning_rate = number_of(json, "learning_rate"),
          .tokens = json.as_int("tokens"),
          .target_tokens = json.as_int("target_tokens"),
          .time = {number_of(json, "seconds")}};
}

NumberedEvaluation parse_evaluation(std::string_view line, const std::string& place) {
  const Json json = Json::parse(line, place);
  return {.step = json.as_int("step"),
          .evaluation = {.loss = number_of(json, "loss"),
                         .samples = json.as_int("samples"),
                         .target_tokens = json.as_int("target_tokens"),
                         .time = {number_of(json, "seconds")}}};
}

// Calls visit(step, line without its end, place) for every whole line.
template <class Visit>
void for_each_line(const std::string& file, Visit visit) {
  const std::string text = read_text_file(file);
  std::size_t begin = 0;
  std::int64_t number = 0;
  std::int64_t last_step = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    const std::string place = concat(file, ":", ++number);
    const std::int64_t step = Json::parse(line, place).as_int("step");
    if (step <= last_step) {
      throw FormatError(concat(place, ": step ", step, ", expected a later one"));
    }
    visit(step, line, place);
    last_step = step;
    begin = end + 1;
  }
}

}  // namespace

std::vector<StepMetrics> read_metrics(const std::string& file) {
  std::vector<StepMetrics> metrics;
  for_each_line(file, [&](std::int64_t, std::string_view line, const std::string& place) {
    metrics.push_back(parse_line(line, place));
  });
  return metrics;
}

std::vector<NumberedEvaluation> read_evaluations(const std::string& file) {
  std::vector<NumberedEvaluation> evaluations;
  for_each_line(file, [&](std::int64_t, std::string_view line, const std::string& place) {
    evaluations.push_back(parse_evaluation(line, place));
  });
  return evaluations;
}

MetricsWriter::MetricsWriter(std::string file, std::int64_t last_step) : file_(std::move(file)) {
  if (std::filesystem::exists(file_)) {
    std::string kept;
    for_each_line(file_, [&](std::int64_t step, std::string_view line, const std::string&) {
      if (step > last_step) return;
      kept.append(line).push_back('\n');
      last_step_ = step;
    });
    write_text_file(file_, kept);
  }
  descriptor_ = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw IoError(file_, "cannot be opened for appending", errno);
}

MetricsWriter::~MetricsWriter() {
  ::close(descriptor_);
}

void MetricsWriter::append(const StepMetrics& metrics) {
  append_line(metrics.step, to_line(metrics));
}

void MetricsWriter::append(std::int64_t step, const Evaluation& evaluation) {
  append_line(step, to_line(step, evaluation));
}

void MetricsWriter::append_line(std::int64_t step, const std::string& line) {
  require(step > last_step_,
          file_,
          ": step ",
          step,
          " after step ",
          last_step_,
          ", expected a later one");
  // O_APPEND and one call: the line goes to the kernel as a whole, so a process that dies leaves
  // whole lines. Only a full disk takes a part of it; that part is taken back.
  const off_t end = ::lseek(descriptor_, 0, SEEK_END);
  const ssize_t written = ::write(descriptor_, line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    const int code = written < 0 ? errno : ENOSPC;
    if (written > 0 && ::ftruncate(descriptor_, end) != 0) {
      throw IoError(file_, "cannot be written, its last line is torn", code);
    }
    throw IoError(file_, "cannot be written", code);
  }
  last_step_ = step;
}

}  // namespace longhaul
