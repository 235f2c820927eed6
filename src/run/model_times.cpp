#include "longhaul/run/model_times.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "longhaul/core/error.h"
#include "longhaul/graph/alike.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/input_file.h"

namespace longhaul {
namespace {

constexpr std::int64_t kFormat = 1;

const char* name_of(Precision precision) {
  return precision == Precision::kF32 ? "fp32" : "bf16";
}

// Fowler, Noll and Vo's FNV-1a: the name of a file has no room for all that it depends on.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::string in_hex(std::uint64_t number) {
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(number));
  return digits.data();
}

[[noreturn]] void fail(const Json& json, const std::string& got, const char* expected) {
  throw FormatError(concat(json.where(), ": got ", got, ", expected ", expected));
}

void allow_members(const Json& json, const std::set<std::string>& names) {
  for (const auto& [name, value] : json.members()) {
    if (!names.contains(name)) throw FormatError(concat(value.where(), ": unknown member"));
  }
}

std::int64_t read_count(const Json& json) {
  const std::int64_t count = json.as_int();
  if (count < 1 || count > INT32_MAX) fail(json, std::to_string(count), "a number above 0");
  return count;
}

// An op that takes an hour was not measured here.
Seconds read_seconds(const Json& json, double least) {
  constexpr double kMost = 3600.0;
  const double seconds = json.as_double();
  if (!(seconds >= least && seconds <= kMost)) {
    fail(json, json.dump(), "seconds of one node of a model");
  }
  return {seconds};
}

Precision read_precision(const Json& json) {
  for (const Precision precision : {Precision::kBF16, Precision::kF32}) {
    if (json.as_string() == name_of(precision)) return precision;
  }
  fail(json, json.dump(), "bf16 or fp32");
}

NodeTimes read_node(const Json& json) {
  allow_members(json, {"work", "forward_seconds", "backward_seconds", "spread"});
  NodeTimes times{.forward = read_seconds(json.at("forward_seconds"), 1e-9),
                  .backward = read_seconds(json.at("backward_seconds"), 0.0),
                  .spread = json.as_double("spread")};
  if (!(times.spread >= 0.0 && times.spread <= 1.0)) {
    fail(json.at("spread"), json.at("spread").dump(), "a share from 0 to 1");
  }
  return times;
}

}  // namespace

ModelTimesKey ModelTimes::key() const {
  ModelTimesKey key{.version = version,
                    .device = device,
                    .threads = threads,
                    .precision = precision,
                    .tokens = tokens,
                    .works = {}};
  for (const auto& [work, unused] : nodes) key.works.insert(work);
  return key;
}

std::optional<ModelTimesKey> model_times_key(const Problem& problem,
                                             const Environment& environment) {
  ModelTimesKey key{.version = environment.version,
                    .device = environment.device_name(problem.machine.device.kind),
                    .threads = compute_lane(problem).workers,
                    .precision = problem.format.precision,
                    .tokens = problem.shape.tokens,
                    .works = {}};
  if (key.device.empty()) return std::nullopt;
  for (const Node& node : problem.graph.nodes) key.works.insert(work_of(node));
  return key;
}

std::string model_times_file(const ModelTimesKey& key) {
  const std::filesystem::path hardware = default_profile_path();
  if (hardware.empty()) return {};
  std::string all = concat(key.version, '\n', key.device, '\n', key.threads, '\n');
  for (const std::string& work : key.works) all += work + '\n';
  const std::string name =
      concat(name_of(key.precision), '-', key.tokens, "-tokens-", in_hex(hash_of(all)), ".json");
  return (hardware.parent_path() / "models" / name).string();
}

std::string to_text(const ModelTimes& times) {
  std::vector<Json> nodes;
  for (const auto& [work, node] : times.nodes) {
    nodes.push_back(Json::make_object({{"work", work},
                                       {"forward_seconds", node.forward.value},
                                       {"backward_seconds", node.backward.value},
                                       {"spread", node.spread}}));
  }
  return Json::make_object({{"format", kFormat},
                            {"longhaul", times.version},
                            {"device", times.device},
                            {"threads", times.threads},
                            {"precision", name_of(times.precision)},
                            {"tokens", times.tokens},
                            {"sequence", times.sequence},
                            {"nodes", Json::make_array(nodes)}})
             .dump(/*indent=*/2) +
         '\n';
}

ModelTimes parse_model_times(const std::string& text, const std::string& source) {
  const Json json = Json::parse(text, source);
  if (json.as_int("format") != kFormat) {
    fail(json.at("format"), json.at("format").dump(), "1: written by another version");
  }
  allow_members(
      json,
      {"format", "longhaul", "device", "threads", "precision", "tokens", "sequence", "nodes"});
  ModelTimes times{.version = json.as_string("longhaul"),
                   .device = json.as_string("device"),
                   .threads = static_cast<int>(read_count(json.at("threads"))),
                   .precision = read_precision(json.at("precision")),
                   .tokens = read_count(json.at("tokens")),
                   .sequence = read_count(json.at("sequence")),
                   .nodes = {}};
  for (const Json& node : json.at("nodes").elements()) {
    const bool is_new = times.nodes.emplace(node.as_string("work"), read_node(node)).second;
    if (!is_new) throw FormatError(concat(node.where(), ": measured twice"));
  }
  return times;
}

std::optional<ModelTimes> find_model_times(const ModelTimesKey& key, LogSink& log) {
  const std::string file = model_times_file(key);
  std::error_code ignored;
  if (file.empty() || !std::filesystem::exists(file, ignored)) return std::nullopt;
  try {
    ModelTimes times = parse_model_times(read_text_file(file), file);
    if (times.key() == key) return times;
    throw FormatError(concat(file, ": is of another device or model"));
  } catch (const Error& error) {
    log.write(LogLevel::kWarning,
              concat("what was measured of this model is not used: ", error.what()));
  }
  return std::nullopt;
}

std::string keep_model_times(const ModelTimes& times) {
  std::string file = model_times_file(times.key());
  if (file.empty()) throw Error("neither HOME nor XDG_CACHE_HOME is set");
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(folder.string(), "cannot be made", error.value());
  write_text_file(file, to_text(times));
  return file;
}

bool is_of_sequence(const ModelTimes& times, std::int64_t sequence) {
  const double ratio = static_cast<double>(times.sequence) / static_cast<double>(sequence);
  return ratio <= kOtherSequence && ratio >= 1.0 / kOtherSequence;
}

ModelProfile model_profile(const Problem& problem, const ModelTimes& times) {
  ModelProfile profile{.nodes = {}, .tokens = times.tokens, .sequence = times.sequence};
  for (const Node& node : problem.graph.nodes) {
    const auto found = times.nodes.find(work_of(node));
    profile.nodes.push_back(
        found == times.nodes.end()
            ? std::nullopt
            : std::optional(NodeSeconds{found->second.forward, found->second.backward}));
  }
  return profile;
}

void add_kept_times(Problem& problem, const Environment& environment, LogSink& log) {
  const std::optional<ModelTimesKey> key = model_times_key(problem, environment);
  if (!key) return;
  if (const auto times = find_model_times(*key, log)) {
    problem.measured = model_profile(problem, *times);
  }
}

}  // namespace longhaul
