// What came out of a sweep: results.jsonl, a line for each repeat of each cell as it ended, and the
// table that it makes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/core/units.h"
#include "longhaul/run/spread.h"
#include "longhaul/run/sweep.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

enum class CellStatus : std::uint8_t { kOk, kOom, kFailed };
const char* name_of(CellStatus status);

struct CellResult {
  std::string id;
  std::int64_t repeat = 1;
  std::vector<std::pair<std::string, std::string>> settings;
  CellStatus status = CellStatus::kOk;
  std::string reason;                      // where it is not ok
  Seconds step;                            // the median of the measured steps
  double tokens = 0.0;                     // of a step
  std::array<Seconds, kLaneCount> busy{};  // of a step; zeros where nothing says it
  std::array<Bytes, kTierCount> peak{};    // likewise
};

Json to_json(const CellResult& result);
CellResult parse_cell_result(const Json& json);

// Every whole line. Throws IoError; FormatError with file and line. None where there is no file.
std::vector<CellResult> read_results(const std::string& file);

// The repeats of a cell.
struct SweepRow {
  std::vector<std::pair<std::string, std::string>> settings;
  CellStatus status = CellStatus::kOk;  // ok where one repeat was
  std::string reason;
  std::int64_t repeats = 0;  // that ended so; 0: none has been run yet
  Spread seconds;            // of a step
  double tokens = 0.0;
  std::array<Seconds, kLaneCount> busy{};
  std::array<Bytes, kTierCount> peak{};

  double tokens_per_second() const { return seconds.median > 0 ? tokens / seconds.median : 0.0; }
};

struct SweepTable {
  bool is_simulated = false;
  std::vector<SweepRow> rows;
};

// One row a cell, in their order; results of other sweeps are left out.
SweepTable make_table(const Sweep& sweep, const std::vector<CellResult>& results);

std::string to_csv(const SweepTable& table);
Json to_json(const SweepTable& table);
// Throws FormatError.
SweepTable parse_table(const Json& json);

}  // namespace longhaul
