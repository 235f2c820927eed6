// What the nodes of a model take on a device: measured once, kept in a file of this user, and read
// by whoever plans for that device afterwards.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "longhaul/core/log.h"
#include "longhaul/planner/problem.h"
#include "longhaul/run/environment.h"

namespace longhaul {

// What seconds depend on. Of the shape of a model only what its nodes do (graph: work_of), so that
// models that differ in the number of equal layers share a measurement.
struct ModelTimesKey {
  std::string version;  // of longhaul
  std::string device;
  int threads = 1;  // that compute
  Precision precision = Precision::kBF16;
  std::int64_t tokens = 0;      // of a micro-batch
  std::set<std::string> works;  // of all nodes

  bool operator==(const ModelTimesKey&) const = default;
};

struct NodeTimes {
  Seconds forward;
  Seconds backward;
  double spread = 0.0;  // the middle half of the measurements, as a share

  bool operator==(const NodeTimes&) const = default;
};

struct ModelTimes {
  std::string version;
  std::string device;
  int threads = 1;
  Precision precision = Precision::kBF16;
  std::int64_t tokens = 0;
  std::int64_t sequence = 0;  // tokens of a sequence; attention follows another one by formula
  std::map<std::string, NodeTimes> nodes;  // by what they do

  ModelTimesKey key() const;
  bool operator==(const ModelTimes&) const = default;
};

// Of a problem on this machine's device; none where the device has no name.
std::optional<ModelTimesKey> model_times_key(const Problem& problem,
                                             const Environment& environment);

// longhaul/models/NAME.json in $XDG_CACHE_HOME, else in $HOME/.cache; empty where neither is set.
std::string model_times_file(const ModelTimesKey& key);

// JSON that reads back as the same.
std::string to_text(const ModelTimes& times);
// Strict. Throws FormatError that names `source` and the place.
ModelTimes parse_model_times(const std::string& text, const std::string& source);

// What was kept of exactly this key. A file that cannot be read, or is of another one, is none; the
// log says which file and why.
std::optional<ModelTimes> find_model_times(const ModelTimesKey& key, LogSink& log);

// Writes the file of the key, as a whole or not at all; returns its name. Throws IoError; Error
// where no folder for it is known.
std::string keep_model_times(const ModelTimes& times);

// For each node of the problem's model what was measured of its work.
ModelProfile model_profile(const Problem& problem, const ModelTimes& times);

// Gives a problem on this machine what was kept of its model, if anything was.
void add_kept_times(Problem& problem, const Environment& environment, LogSink& log);

// Sequences this much longer or shorter than what was measured are measured again.
inline constexpr double kOtherSequence = 1.25;
bool is_of_sequence(const ModelTimes& times, std::int64_t sequence);

}  // namespace longhaul
