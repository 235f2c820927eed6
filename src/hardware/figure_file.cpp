#include "figure_file.h"

#include <algorithm>

#include "longhaul/config/value_type.h"

namespace longhaul {
namespace {

constexpr std::array<Provenance, 3> kProvenances{
    Provenance::kMeasured, Provenance::kPublished, Provenance::kAssumed};

// The provenance of that name; false when there is none.
bool find_provenance(const std::string& name, Provenance& provenance) {
  for (const Provenance known : kProvenances) {
    if (name != name_of(known)) continue;
    provenance = known;
    return true;
  }
  return false;
}

std::string write_rates(const std::vector<DiskRate>& rates) {
  const auto write = [](const DiskRate& rate) {
    std::string text = "{";
    if (rate.block.count > 0) {
      text += concat("block: ", write_quantity(to_number(rate.block), unit_of(Bytes{})), ", ");
    }
    if (rate.depth > 0) text += concat("depth: ", rate.depth, ", ");
    return text + write_figure(rate.rate) + "}";
  };
  if (rates.size() == 1) return write(rates[0]);
  std::vector<std::string> items;
  items.reserve(rates.size());
  for (const DiskRate& rate : rates) items.push_back(write(rate));
  return write_list(items, 8);
}

}  // namespace

void FigureReader::fail(const ConfigNode& node,
                        const std::string& key,
                        const std::string& got,
                        const std::string& expected) {
  errors_.add(node.place, key, concat("got ", got, ", expected ", expected));
}

void FigureReader::read_entry(const ConfigEntry& entry,
                              const std::string& key,
                              const UnitOfFigure& unit,
                              PlainFigure& figure) {
  const std::string path = concat(key, ".", entry.key);
  const ConfigNode& node = entry.value;
  if (entry.key == "value") {
    const bool is_text = node.kind == ConfigNode::Kind::kScalar;
    const bool is_read = is_text && read_quantity(node.text, unit, figure.value);
    // A hair of room for the rounding of the bounds themselves.
    const bool is_in =
        figure.value >= unit.low * (1 - 1e-9) && figure.value <= unit.high * (1 + 1e-9);
    if (!is_read || !is_in) fail(node, path, describe(node), expectation(unit));
  } else if (entry.key == "spread") {
    double spread = 0.0;
    const bool is_read = node.kind == ConfigNode::Kind::kScalar &&
                         read_quantity(node.text, unit_of(double{}), spread);
    if (!is_read || spread < 0.0 || spread > 1.0) {
      fail(node, path, describe(node), "a share of the value from 0 % to 100 %");
    }
    figure.spread = spread;
  } else if (find_provenance(entry.key, figure.provenance)) {
    if (!text_value("").read(node, figure.source)) {
      fail(node, path, describe(node), "where the figure comes from, in words");
    }
  } else {
    errors_.add(
        entry.place, path, "unknown key, expected value, spread, measured, published or assumed");
  }
}

PlainFigure FigureReader::read_plain(const ConfigNode& node,
                                     const std::string& key,
                                     const UnitOfFigure& unit,
                                     BesideFigure* beside) {
  PlainFigure figure{.value = unit.low, .spread = {}, .provenance = {}, .source = {}};
  if (node.kind != ConfigNode::Kind::kMap) {
    fail(
        node,
        key,
        describe(node),
        concat("{value: ", unit.example, ", measured, published or assumed: WHERE IT COMES FROM}"));
    return figure;
  }
  int provenances = 0;
  for (const ConfigEntry& entry : node.entries) {
    if (beside != nullptr && entry.key == "at") {
      beside->at = &entry.value;
    } else if (beside != nullptr && entry.key == "block") {
      beside->block = &entry.value;
    } else if (beside != nullptr && entry.key == "depth") {
      beside->depth = &entry.value;
    } else {
      Provenance ignored{};
      if (find_provenance(entry.key, ignored)) ++provenances;
      read_entry(entry, key, unit, figure);
    }
  }
  if (find(node, "value") == nullptr) {
    errors_.add(node.place, key + ".value", "missing, expected " + expectation(unit));
  }
  if (provenances != 1) {
    fail(node,
         key,
         concat(provenances, " of measured, published and assumed"),
         "exactly one, with where the figure comes from");
  } else if (figure.provenance == Provenance::kMeasured && !figure.spread) {
    errors_.add(node.place, key + ".spread", "missing, expected the spread of what was measured");
  }
  return figure;
}

double FigureReader::amount(const ConfigNode& item,
                            const ConfigNode* at,
                            const std::string& key,
                            const UnitOfFigure& unit,
                            double before) {
  double number = 0.0;
  const std::string expected =
      concat("an amount such as ", unit.example, ", above that of the figure before");
  if (at == nullptr) {
    errors_.add(item.place, key + ".at", "missing, expected " + expected);
    return before;
  }
  const bool is_text = at->kind == ConfigNode::Kind::kScalar;
  if (!is_text || !read_quantity(at->text, unit, number) || number <= before) {
    fail(*at, key + ".at", describe(*at), expected);
    return before;
  }
  return number;
}

void FigureReader::read(const ConfigNode& node,
                        const std::string& key,
                        std::vector<DiskRate>& rates) {
  rates.clear();
  const bool is_list = node.kind == ConfigNode::Kind::kSequence;
  const std::vector<ConfigNode> items = is_list ? node.items : std::vector<ConfigNode>{node};
  if (items.empty()) fail(node, key, "an empty list", "at least one figure");
  for (const ConfigNode& item : items) {
    DiskRate& rate = rates.emplace_back();
    BesideFigure beside;
    assign(read_plain(item, key, unit_of(BytesPerSecond{}), &beside), rate.rate);
    if (beside.at != nullptr) {
      errors_.add(beside.at->place, key + ".at", "unknown key, expected block and depth");
    }
    const auto block_type = size_value();
    if (beside.block != nullptr && !block_type.read(*beside.block, rate.block)) {
      fail(*beside.block, key + ".block", describe(*beside.block), block_type.expected);
    }
    const auto depth_type = integer_value(1, 65536);
    std::int64_t depth = 0;
    if (beside.depth != nullptr && !depth_type.read(*beside.depth, depth)) {
      fail(*beside.depth, key + ".depth", describe(*beside.depth), depth_type.expected);
    }
    rate.depth = static_cast<int>(depth);
  }
}

void FigureReader::read_disk_entry(const ConfigEntry& entry,
                                   const std::string& key,
                                   DiskProfile& disk) {
  const std::string path = concat(key, ".", entry.key);
  if (entry.key == "name") {
    if (!text_value("").read(entry.value, disk.name)) {
      fail(entry.value, path, describe(entry.value), "a name");
    }
  } else if (entry.key == "count") {
    const auto type = integer_value(1, 1024);
    std::int64_t count = 1;
    if (!type.read(entry.value, count)) {
      fail(entry.value, path, describe(entry.value), type.expected);
    }
    disk.count = static_cast<int>(count);
  } else if (entry.key == "capacity") {
    read(entry.value, path, disk.capacity);
  } else if (entry.key == "read") {
    read(entry.value, path, disk.read);
  } else if (entry.key == "write") {
    read(entry.value, path, disk.write);
  } else if (entry.key == "mixed") {
    read(entry.value, path, disk.mixed);
  } else if (entry.key == "endurance") {
    read(entry.value, path, disk.endurance.emplace());
  } else {
    errors_.add(entry.place,
                path,
                "unknown key, expected name, count, capacity, read, write, mixed or endurance");
  }
}

void FigureReader::read_disk(const ConfigNode& node, const std::string& key, DiskProfile& disk) {
  if (node.kind != ConfigNode::Kind::kMap) {
    fail(node, key, describe(node), "{name, count, capacity, read, write, ...}");
    return;
  }
  for (const ConfigEntry& entry : node.entries) read_disk_entry(entry, key, disk);
  for (const char* required : {"name", "capacity", "read", "write"}) {
    if (find(node, required) == nullptr) {
      errors_.add(node.place, concat(key, ".", required), "missing");
    }
  }
}

void FigureReader::read(const ConfigNode& node,
                        const std::string& key,
                        std::vector<DiskProfile>& disks) {
  disks.clear();
  if (node.kind != ConfigNode::Kind::kSequence) {
    fail(node, key, describe(node), "a list of disks, which may be empty");
    return;
  }
  for (const ConfigNode& item : node.items) read_disk(item, key, disks.emplace_back());
}

std::string write_plain(const PlainFigure& figure, const UnitOfFigure& unit) {
  std::string text = "value: " + write_quantity(figure.value, unit);
  if (figure.spread) text += ", spread: " + write_quantity(*figure.spread, unit_of(double{}));
  return concat(text, ", ", name_of(figure.provenance), ": ", to_quoted_yaml_scalar(figure.source));
}

std::string write_list(const std::vector<std::string>& items, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  std::string text = "[";
  for (const std::string& item : items) {
    text += concat(text == "[" ? "\n" : ",\n", margin, item);
  }
  return text + "]";
}

std::string write_disks(const std::vector<DiskProfile>& disks) {
  std::vector<std::string> items;
  for (const DiskProfile& disk : disks) {
    std::string text = concat("{name: ", to_quoted_yaml_scalar(disk.name));
    const auto add = [&](const char* key, const std::string& value) {
      text += concat(",\n     ", key, ": ", value);
    };
    add("count", std::to_string(disk.count));
    add("capacity", concat("{", write_figure(disk.capacity), "}"));
    add("read", write_rates(disk.read));
    add("write", write_rates(disk.write));
    if (!disk.mixed.empty()) add("mixed", write_rates(disk.mixed));
    if (disk.endurance) add("endurance", concat("{", write_figure(*disk.endurance), "}"));
    items.push_back(text + "}");
  }
  return write_list(items, 4);
}

}  // namespace longhaul
