#include "longhaul/run/bench.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "longhaul/core/error.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/input_file.h"

#include "cell.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;

// results.jsonl, locked against a second bench. A torn last line is dropped.
class ResultsFile {
 public:
  explicit ResultsFile(fs::path file) : file_(std::move(file)) {
    descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) throw IoError(file_.string(), "cannot be opened", errno);
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      ::close(descriptor_);
      throw Error(concat(file_.string(), ": another bench is writing to this folder"));
    }
    results_ = read_results(file_);
    const std::size_t end = read_text_file(file_).rfind('\n');
    end_ = end == std::string::npos ? 0 : static_cast<off_t>(end) + 1;
    if (::ftruncate(descriptor_, end_) != 0) fail();
  }
  ~ResultsFile() { ::close(descriptor_); }
  ResultsFile(const ResultsFile&) = delete;
  ResultsFile& operator=(const ResultsFile&) = delete;

  const std::vector<CellResult>& results() const { return results_; }

  void append(const CellResult& result) {
    const std::string line = to_json(result).dump() + "\n";
    if (::pwrite(descriptor_, line.data(), line.size(), end_) !=
        static_cast<ssize_t>(line.size())) {
      fail();
    }
    end_ += static_cast<off_t>(line.size());
    results_.push_back(result);
  }

 private:
  [[noreturn]] void fail() const { throw IoError(file_.string(), "cannot be written", errno); }

  fs::path file_;
  std::vector<CellResult> results_;
  int descriptor_ = -1;
  off_t end_ = 0;
};

CellResult simulated(const SweepCell& cell, const fs::path& folder) {
  try {
    return simulate_cell(cell, folder);
  } catch (const DoesNotFit& error) {
    return {.status = CellStatus::kOom, .reason = error.what()};
  } catch (const Error& error) {
    return {.status = CellStatus::kFailed, .reason = error.what()};
  }
}

fs::path make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(folder.string(), "cannot be made", error.value());
  return folder;
}

}  // namespace

SweepTable run_sweep(const Sweep& sweep,
                     const std::function<void(const BenchProgress&)>& on_result,
                     LogSink& log,
                     const std::atomic<bool>& stop) {
  const fs::path output = make_folder(sweep.output);
  ResultsFile file(output / "results.jsonl");
  std::set<std::pair<std::string, std::int64_t>> finished;
  for (const CellResult& result : file.results()) finished.emplace(result.id, result.repeat);
  const auto total = static_cast<std::int64_t>(sweep.cells.size()) * sweep.repeats;
  SweepTable table = make_table(sweep, file.results());
  std::int64_t done = 0;
  for (std::int64_t repeat = 1; repeat <= sweep.repeats; ++repeat) {
    for (const SweepCell& cell : sweep.cells) {
      ++done;
      if (!finished.emplace(cell.id, repeat).second) continue;
      if (stop) return table;
      const fs::path folder = output / "cells" / concat(cell.id, "-", repeat);
      std::optional<CellResult> result =
          sweep.simulate ? std::optional(simulated(cell, folder))
                         : measure_cell(cell, folder, {sweep.steps, sweep.warmup, log, stop});
      if (!result) return table;
      result->id = cell.id;
      result->repeat = repeat;
      result->settings = cell.settings;
      file.append(*result);
      table = make_table(sweep, file.results());
      write_text_file(output / "results.json", to_json(table).dump(2) + "\n");
      write_text_file(output / "results.csv", to_csv(table));
      if (on_result) on_result({done, total, *result});
    }
  }
  write_text_file(output / "results.json", to_json(table).dump(2) + "\n");
  write_text_file(output / "results.csv", to_csv(table));
  return table;
}

}  // namespace longhaul
