#include "longhaul/run/sweep_results.h"

#include <algorithm>
#include <filesystem>

#include "longhaul/config/value_type.h"
#include "longhaul/core/error.h"
#include "longhaul/io/input_file.h"

namespace longhaul {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

Json settings_json(const Settings& settings) {
  Json::Members members;
  for (const auto& [key, value] : settings) members.emplace_back(key, Json(value));
  return Json::make_object(members);
}

Settings parse_settings(const Json& json) {
  Settings settings;
  for (const auto& [key, value] : json.members()) settings.emplace_back(key, value.as_string());
  return settings;
}

CellStatus parse_status(const Json& json) {
  for (const CellStatus status : {CellStatus::kOk, CellStatus::kOom, CellStatus::kFailed}) {
    if (json.as_string() == name_of(status)) return status;
  }
  throw FormatError(
      concat(json.where(), ": got \"", json.as_string(), "\", expected ok, oom or failed"));
}

Json busy_json(const std::array<Seconds, kLaneCount>& busy) {
  Json::Members members;
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    members.emplace_back(name_of(static_cast<Lane>(l)), Json(busy[l].value));
  }
  return Json::make_object(members);
}

std::array<Seconds, kLaneCount> parse_busy(const Json& json) {
  std::array<Seconds, kLaneCount> busy{};
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    busy[l] = {json.as_double(name_of(static_cast<Lane>(l)))};
  }
  return busy;
}

Json peak_json(const std::array<Bytes, kTierCount>& peak) {
  Json::Members members;
  for (std::size_t t = 0; t < kTierCount; ++t) {
    members.emplace_back(name_of(static_cast<Tier>(t)), Json(peak[t].count));
  }
  return Json::make_object(members);
}

std::array<Bytes, kTierCount> parse_peak(const Json& json) {
  std::array<Bytes, kTierCount> peak{};
  for (std::size_t t = 0; t < kTierCount; ++t) {
    peak[t] = {json.as_int(name_of(static_cast<Tier>(t)))};
  }
  return peak;
}

// Of the repeats that ended as the row says.
SweepRow make_row(const SweepCell& cell, const std::vector<CellResult>& results) {
  SweepRow row{.settings = cell.settings};
  std::vector<const CellResult*> own;
  for (const CellResult& result : results) {
    if (result.id == cell.id) own.push_back(&result);
  }
  if (own.empty()) return row;
  row.status = own.front()->status;
  for (const CellResult* result : own) {
    if (result->status == CellStatus::kOk) row.status = CellStatus::kOk;
  }
  std::vector<double> seconds;
  std::vector<double> tokens;
  for (const CellResult* result : own) {
    if (result->status != row.status) continue;
    ++row.repeats;
    row.reason = result->reason;
    row.busy = result->busy;
    row.peak = result->peak;
    if (row.status != CellStatus::kOk) continue;
    seconds.push_back(result->step.value);
    tokens.push_back(result->tokens);
  }
  row.seconds = spread_of(seconds);
  row.tokens = spread_of(tokens).median;
  return row;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

const char* status_of(const SweepRow& row) {
  return row.repeats == 0 ? "open" : name_of(row.status);
}

Json row_json(const SweepRow& row) {
  return Json::make_object({{"settings", settings_json(row.settings)},
                            {"status", Json(name_of(row.status))},
                            {"reason", Json(row.reason)},
                            {"repeats", Json(row.repeats)},
                            {"seconds", Json(row.seconds.median)},
                            {"seconds_low", Json(row.seconds.low)},
                            {"seconds_high", Json(row.seconds.high)},
                            {"tokens", Json(row.tokens)},
                            {"tokens_per_second", Json(row.tokens_per_second())},
                            {"busy_seconds", busy_json(row.busy)},
                            {"peak_bytes", peak_json(row.peak)}});
}

SweepRow parse_row(const Json& json) {
  return {.settings = parse_settings(json.at("settings")),
          .status = parse_status(json.at("status")),
          .reason = json.as_string("reason"),
          .repeats = json.as_int("repeats"),
          .seconds = {json.as_double("seconds"),
                      json.as_double("seconds_low"),
                      json.as_double("seconds_high")},
          .tokens = json.as_double("tokens"),
          .busy = parse_busy(json.at("busy_seconds")),
          .peak = parse_peak(json.at("peak_bytes"))};
}

}  // namespace

const char* name_of(CellStatus status) {
  switch (status) {
    case CellStatus::kOk: return "ok";
    case CellStatus::kOom: return "oom";
    case CellStatus::kFailed: return "failed";
  }
  return "";
}

Json to_json(const CellResult& result) {
  return Json::make_object({{"cell", Json(result.id)},
                            {"repeat", Json(result.repeat)},
                            {"settings", settings_json(result.settings)},
                            {"status", Json(name_of(result.status))},
                            {"reason", Json(result.reason)},
                            {"seconds", Json(result.step.value)},
                            {"tokens", Json(result.tokens)},
                            {"busy_seconds", busy_json(result.busy)},
                            {"peak_bytes", peak_json(result.peak)}});
}

CellResult parse_cell_result(const Json& json) {
  return {.id = json.as_string("cell"),
          .repeat = json.as_int("repeat"),
          .settings = parse_settings(json.at("settings")),
          .status = parse_status(json.at("status")),
          .reason = json.as_string("reason"),
          .step = {json.as_double("seconds")},
          .tokens = json.as_double("tokens"),
          .busy = parse_busy(json.at("busy_seconds")),
          .peak = parse_peak(json.at("peak_bytes"))};
}

std::vector<CellResult> read_results(const std::string& file) {
  std::vector<CellResult> results;
  if (!std::filesystem::exists(file)) return results;
  const std::string text = read_text_file(file);
  std::size_t begin = 0;
  std::int64_t number = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string place = concat(file, ":", ++number);
    results.push_back(parse_cell_result(Json::parse(text.substr(begin, end - begin), place)));
    begin = end + 1;
  }
  return results;
}

SweepTable make_table(const Sweep& sweep, const std::vector<CellResult>& results) {
  SweepTable table{.is_simulated = sweep.simulate};
  for (const SweepCell& cell : sweep.cells) table.rows.push_back(make_row(cell, results));
  return table;
}

std::string to_csv(const SweepTable& table) {
  std::string text;
  if (table.rows.empty()) return text;
  for (const auto& setting : table.rows.front().settings) text += csv_field(setting.first) + ",";
  text += "status,repeats,seconds,seconds_low,seconds_high,tokens_per_second";
  for (std::size_t t = 0; t < kTierCount; ++t) {
    text += concat(",", name_of(static_cast<Tier>(t)), "_bytes");
  }
  text += ",reason\n";
  for (const SweepRow& row : table.rows) {
    for (const auto& setting : row.settings) text += csv_field(setting.second) + ",";
    text += concat(status_of(row), ",", row.repeats);
    const bool has_time = row.repeats > 0 && row.status == CellStatus::kOk;
    for (const double value :
         {row.seconds.median, row.seconds.low, row.seconds.high, row.tokens_per_second()}) {
      text += "," + (has_time ? to_shortest_text(value) : "");
    }
    for (const Bytes peak : row.peak) text += has_time ? concat(",", peak.count) : ",";
    text += "," + csv_field(row.reason) + "\n";
  }
  return text;
}

Json to_json(const SweepTable& table) {
  std::vector<Json> rows;
  for (const SweepRow& row : table.rows) rows.push_back(row_json(row));
  return Json::make_object(
      {{"simulated", Json(table.is_simulated)}, {"cells", Json::make_array(rows)}});
}

SweepTable parse_table(const Json& json) {
  SweepTable table{.is_simulated = json.as_bool("simulated")};
  for (const Json& row : json.at("cells").elements()) table.rows.push_back(parse_row(row));
  return table;
}

}  // namespace longhaul
