#include "longhaul/run/sweep.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "longhaul/config/schema.h"
#include "longhaul/core/error.h"
#include "longhaul/io/input_file.h"
#include "longhaul/run/run_file.h"

namespace longhaul {
namespace {

constexpr std::size_t kMostCells = 10'000;

// What the file says before its cells are made.
struct SweepKeys {
  Sweep sweep;
  ConfigNode base;
  ConfigNode grid;
};

ValueType<ConfigNode> node_value(const std::string& expected, ConfigNode::Kind kind) {
  return {expected,
          [kind](const ConfigNode& node, ConfigNode& value) {
            if (node.kind != kind) return false;
            value = node;
            return true;
          },
          [](const ConfigNode&) { return std::string("..."); }};
}

const Schema<SweepKeys>& sweep_schema() {
  static const Schema<SweepKeys> all_keys = [] {
    Schema<SweepKeys> keys;
    keys.add_required(
        "output",
        [](SweepKeys & k) -> auto& { return k.sweep.output; },
        text_value("a folder"),
        "Where results go as they come.");
    keys.add(
        "simulate",
        [](SweepKeys & k) -> auto& { return k.sweep.simulate; },
        bool_value(),
        "Predict on the machine of base.hardware instead of training.");
    keys.add(
        "repeats",
        [](SweepKeys & k) -> auto& { return k.sweep.repeats; },
        integer_value(1, 1000),
        "How often every combination is measured.");
    keys.add(
        "steps",
        [](SweepKeys & k) -> auto& { return k.sweep.steps; },
        integer_value(1, 1'000'000),
        "Measured steps of each repeat; their median is its result.");
    keys.add(
        "warmup",
        [](SweepKeys & k) -> auto& { return k.sweep.warmup; },
        integer_value(0, 1'000'000),
        "Steps before them.");
    keys.add_required(
        "base",
        [](SweepKeys & k) -> auto& { return k.base; },
        node_value("the keys of a run file", ConfigNode::Kind::kMap),
        "What all combinations have in common.");
    keys.add(
        "grid",
        [](SweepKeys & k) -> auto& { return k.grid; },
        node_value("keys with lists of values", ConfigNode::Kind::kMap),
        "Keys of a run file, or system, drives, micro_batches and swap_bytes, with their values.");
    return keys;
  }();
  return all_keys;
}

ConfigNode scalar(const std::string& text, const Place& place) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kScalar;
  node.place = place;
  node.text = text;
  return node;
}

// Sets "section.key" in a map.
void set_key(ConfigNode& map, const std::string& path, const ConfigNode& value) {
  map.kind = ConfigNode::Kind::kMap;
  const std::size_t dot = path.find('.');
  const std::string key = path.substr(0, dot);
  auto entry = std::find_if(map.entries.begin(), map.entries.end(), [&](const ConfigEntry& known) {
    return known.key == key;
  });
  if (entry == map.entries.end()) {
    map.entries.push_back({key, value.place, {}});
    entry = map.entries.end() - 1;
  }
  if (dot == std::string::npos) {
    entry->value = value;
  } else {
    set_key(entry->value, path.substr(dot + 1), value);
  }
}

bool has_key(const ConfigNode& map, const std::string& path) {
  const std::size_t dot = path.find('.');
  const ConfigNode* node = find(map, path.substr(0, dot));
  return node != nullptr && (dot == std::string::npos || has_key(*node, path.substr(dot + 1)));
}

// The text of files that a result depends on, where they are there.
std::string content_of(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path path =
      fs::is_directory(name, error) ? fs::path(name) / "config.json" : fs::path(name);
  return fs::is_regular_file(path, error) ? read_text_file(path) : "";
}

// FNV-1a.
std::string hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  std::array<char, 20> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
  return digits.data();
}

std::string id_of(const Sweep& sweep, const SweepCell& cell) {
  const RunConfig& config = cell.config;
  std::string text = to_yaml(config) + content_of(config.model) +
                     content_of(config.hardware.value_or("")) + content_of(config.plan);
  if (cell.system) text += name_of(*cell.system);
  if (cell.drives) text += concat("|drives ", *cell.drives);
  if (cell.swap_bytes) text += concat("|swap ", cell.swap_bytes->count);
  text += sweep.simulate ? "|simulated" : concat("|", sweep.warmup, " ", sweep.steps);
  return hash_of(text);
}

class CellMaker {
 public:
  CellMaker(const std::string& source, const SweepKeys& keys, ConfigErrors& errors)
      : source_(source), keys_(keys), errors_(errors) {
    check_base();
    check_grid();
  }

  // Every combination, the last key of the grid changing fastest.
  void make(std::vector<SweepCell>& cells) {
    std::size_t count = 1;
    for (const ConfigEntry& axis : keys_.grid.entries) count *= axis.value.items.size();
    if (count > kMostCells) {
      errors_.add(keys_.grid.place,
                  "grid",
                  concat("has ", count, " combinations, expected at most ", kMostCells));
      return;
    }
    std::vector<const ConfigNode*> values(keys_.grid.entries.size());
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t rest = i;
      for (std::size_t a = values.size(); a-- > 0;) {
        const std::vector<ConfigNode>& items = keys_.grid.entries[a].value.items;
        values[a] = &items[rest % items.size()];
        rest /= items.size();
      }
      cells.push_back(make_cell(values));
    }
  }

 private:
  void check_base() {
    if (const ConfigNode* output = find(keys_.base, "output")) {
      errors_.add(
          output->place, "base.output", "got a folder, expected none: output is the sweep's");
    }
    if (keys_.sweep.simulate && find(keys_.base, "hardware") == nullptr &&
        find(keys_.grid, "hardware") == nullptr) {
      errors_.add(keys_.base.place,
                  "base.hardware",
                  "missing, and simulate: true needs a machine; configs/hardware has some");
    }
    if (keys_.sweep.simulate && keys_.sweep.repeats > 1) {
      errors_.add({source_}, "repeats", "got more than 1, but a simulation has one answer");
    }
  }

  void check_grid() {
    for (const ConfigEntry& axis : keys_.grid.entries) {
      const bool is_list =
          axis.value.kind == ConfigNode::Kind::kSequence && !axis.value.items.empty() &&
          std::all_of(axis.value.items.begin(), axis.value.items.end(), [](const ConfigNode& item) {
            return item.kind == ConfigNode::Kind::kScalar;
          });
      if (!is_list) {
        errors_.add(axis.value.place,
                    "grid." + axis.key,
                    concat("got ", describe(axis.value), ", expected a list of values"));
      }
      if (!keys_.sweep.simulate && (axis.key == "system" || axis.key == "drives")) {
        errors_.add(axis.place, "grid." + axis.key, "is for simulate: true only");
      }
    }
    errors_.throw_if_any();
  }

  SweepCell make_cell(const std::vector<const ConfigNode*>& values) {
    SweepCell cell;
    Document document{.source = source_, .root = keys_.base, .problems = {}};
    for (std::size_t a = 0; a < values.size(); ++a) {
      const std::string& key = keys_.grid.entries[a].key;
      cell.settings.emplace_back(key, values[a]->text);
      if (!take_own(key, *values[a], cell)) set_key(document.root, key, *values[a]);
    }
    set_key(document.root, "output", scalar("none", document.root.place));
    if (keys_.sweep.simulate && !has_key(document.root, "data.train")) {
      set_key(document.root, "data.train", scalar("none", document.root.place));
    }
    cell.config = parse_run_config(document);  // every later cell would say the same: throws
    if (cell.micro_batches) divide_step(cell);
    if (cell.swap_bytes && !cell.config.plan.starts_with("lohan")) {
      throw ConfigError(concat(source_,
                               ": swap_bytes goes with plan: lohan, lohan_naive or lohan_serial, "
                               "got plan: ",
                               cell.config.plan));
    }
    cell.id = id_of(keys_.sweep, cell);
    return cell;
  }

  void divide_step(SweepCell& cell) const {
    BatchConfig& batch = cell.config.batch;
    const std::int64_t tokens = batch.tokens_per_step / *cell.micro_batches;
    if (tokens * *cell.micro_batches != batch.tokens_per_step ||
        tokens < cell.config.data.max_length) {
      throw ConfigError(concat(source_,
                               ": grid.micro_batches: got ",
                               *cell.micro_batches,
                               ", which does not cut ",
                               batch.tokens_per_step,
                               " tokens into micro-batches that hold data.max_length (",
                               cell.config.data.max_length,
                               ")"));
    }
    batch.tokens_per_micro_batch = tokens;
  }

  // Keys that no run file has. False for others.
  static bool take_own(const std::string& key, const ConfigNode& node, SweepCell& cell) {
    if (key == "system") {
      static const auto systems = word_or<PublishedSystem>(
          "longhaul",
          one_of<PublishedSystem>({{"lohan", PublishedSystem::kLohan},
                                   {"lohan_naive", PublishedSystem::kLohanNaive},
                                   {"lohan_serial", PublishedSystem::kLohanSerial},
                                   {"zero_offload", PublishedSystem::kZeroOffload},
                                   {"zero_infinity", PublishedSystem::kZeroInfinity}}));
      take(key, node, systems, cell.system);
    } else if (key == "drives") {
      take(key, node, integer_value(1, 1000), cell.drives.emplace());
    } else if (key == "micro_batches") {
      take(key, node, integer_value(1, 1 << 20), cell.micro_batches.emplace());
    } else if (key == "swap_bytes") {
      take(key, node, size_value(), cell.swap_bytes.emplace());
    } else {
      return false;
    }
    return true;
  }

  template <class T>
  static void take(const std::string& key,
                   const ConfigNode& node,
                   const ValueType<T>& type,
                   T& value) {
    if (type.read(node, value)) return;
    throw ConfigError(concat(to_string(node.place),
                             ": grid.",
                             key,
                             ": got ",
                             describe(node),
                             ", expected ",
                             type.expected));
  }

  const std::string& source_;
  const SweepKeys& keys_;
  ConfigErrors& errors_;
};

}  // namespace

Sweep parse_sweep(const Document& document) {
  SweepKeys keys;
  ConfigErrors errors;
  sweep_schema().read(document, keys, errors);
  errors.throw_if_any();
  CellMaker(document.source, keys, errors).make(keys.sweep.cells);
  errors.throw_if_any();
  return std::move(keys.sweep);
}

}  // namespace longhaul
