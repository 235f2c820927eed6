// The table of LoHan's evaluation (tests/data/lohan_13b.csv) and what our models of its systems
// predict for it.
#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "longhaul/hardware/profile_file.h"
#include "longhaul/planner/published.h"

namespace longhaul::test {

inline constexpr GptShape kGpt13b{.layers = 40, .width = 5120};

struct TableRow {
  std::string gpu;
  int ssds = 0;
  int batch = 0;
  std::string system;
  double published = 0.0;  // tokens/s: the median where a configuration is repeated; 0: did not run
  int repeats = 0;
  double predicted = 0.0;  // tokens/s
  bool is_fitted = false;  // one of the eight rows that set rates of the machine

  double error() const { return predicted / published - 1.0; }
};

inline std::optional<PublishedSystem> system_named(const std::string& name) {
  for (const PublishedSystem system : {PublishedSystem::kLohan,
                                       PublishedSystem::kLohanNaive,
                                       PublishedSystem::kLohanSerial,
                                       PublishedSystem::kZeroOffload,
                                       PublishedSystem::kZeroInfinity}) {
    if (name == name_of(system)) return system;
  }
  return std::nullopt;
}

inline bool is_fitted(const TableRow& row) {
  using Key = std::tuple<std::string, int, int, std::string>;
  static const std::vector<Key> kFitted{{"rtx4090", 12, 8, "lohan"},
                                        {"rtx4090", 12, 64, "lohan"},
                                        {"rtx4090", 12, 64, "lohan_serial"},
                                        {"rtx4090", 12, 32, "lohan_naive"},
                                        {"rtx4090", 12, 16, "zero_offload"},
                                        {"rtx4090", 12, 8, "zero_infinity"},
                                        {"rtx3090", 12, 32, "lohan"},
                                        {"rtx4090", 1, 32, "lohan"}};
  return std::find(kFitted.begin(), kFitted.end(), Key{row.gpu, row.ssds, row.batch, row.system}) !=
         kFitted.end();
}

inline HardwareProfile lohan_machine(const std::string& gpu, int ssds) {
  HardwareProfile machine =
      load_hardware(LONGHAUL_SOURCE_DIR "/configs/hardware/lohan_" + gpu + ".yaml");
  machine.storage.disks.front().count = ssds;
  return machine;
}

inline double predicted_tokens(const TableRow& row) {
  const HardwareProfile machine = lohan_machine(row.gpu, row.ssds);
  const PublishedStep steps =
      published_step(*system_named(row.system), kGpt13b, row.batch, machine);
  return row.batch * static_cast<double>(kGpt13b.sequence) / steady_step(steps).value;
}

// Rows of the systems that have a model, every configuration once, in the order of the file.
inline std::vector<TableRow> read_table() {
  std::ifstream file(LONGHAUL_SOURCE_DIR "/tests/data/lohan_13b.csv");
  std::vector<TableRow> rows;
  std::vector<std::vector<double>> values;
  std::map<std::string, std::size_t> known;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#' || line.starts_with("experiment")) continue;
    std::istringstream fields(line);
    std::vector<std::string> field;
    for (std::string one; std::getline(fields, one, ',');) field.push_back(one);
    TableRow row{field[1], std::stoi(field[2]), std::stoi(field[3]), field[4]};
    if (!system_named(row.system)) continue;
    const std::string key = field[1] + ',' + field[2] + ',' + field[3] + ',' + field[4];
    const auto [found, is_new] = known.try_emplace(key, rows.size());
    if (is_new) {
      row.is_fitted = is_fitted(row);
      rows.push_back(row);
      values.emplace_back();
    }
    if (field[5] != "oom") values[found->second].push_back(std::stod(field[5]));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<double>& measured = values[i];
    rows[i].repeats = static_cast<int>(measured.size());
    if (measured.empty()) continue;
    std::sort(measured.begin(), measured.end());
    const std::size_t half = measured.size() / 2;
    rows[i].published =
        measured.size() % 2 == 1 ? measured[half] : (measured[half - 1] + measured[half]) / 2.0;
    rows[i].predicted = predicted_tokens(rows[i]);
  }
  return rows;
}

struct ErrorSummary {
  std::size_t rows = 0;
  double median = 0.0;
  double p90 = 0.0;
  double worst = 0.0;
};

// Of the rows that ran, those that were fitted or the others.
inline ErrorSummary summarize(const std::vector<TableRow>& table, bool of_fitted) {
  std::vector<double> errors;
  for (const TableRow& row : table) {
    if (row.published > 0.0 && row.is_fitted == of_fitted) errors.push_back(std::abs(row.error()));
  }
  std::sort(errors.begin(), errors.end());
  const auto rank = static_cast<std::size_t>(std::ceil(0.9 * static_cast<double>(errors.size())));
  return {errors.size(), errors[errors.size() / 2], errors[rank - 1], errors.back()};
}

}  // namespace longhaul::test
