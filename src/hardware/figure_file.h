// Figures, curves and disks of a hardware profile in YAML.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "longhaul/config/document.h"
#include "longhaul/core/error.h"
#include "longhaul/hardware/profile.h"

#include "quantity.h"

namespace longhaul {

// A figure as it stands in a file, in its unit without prefix.
using PlainFigure = Figure<double>;

// What stands beside the figure itself in an entry of a list; null where it is not given.
struct BesideFigure {
  const ConfigNode* at = nullptr;     // of a curve
  const ConfigNode* block = nullptr;  // of a disk's rate
  const ConfigNode* depth = nullptr;
};

// Reads {value: ..., spread: ..., measured | published | assumed: TEXT}; `beside` takes the keys it
// has a place for, the others are errors like all else that is wrong.
class FigureReader {
 public:
  explicit FigureReader(ConfigErrors& errors) : errors_(errors) {}

  template <class Quantity>
  void read(const ConfigNode& node, const std::string& key, Figure<Quantity>& figure) {
    assign(read_plain(node, key, unit_of(Quantity{}), nullptr), figure);
  }
  template <class Amount, class Rate>
  void read(const ConfigNode& node, const std::string& key, Curve<Amount, Rate>& curve) {
    curve.points.clear();
    if (node.kind != ConfigNode::Kind::kSequence) {
      read(node, key, curve.points.emplace_back().rate);
      return;
    }
    double before = 0.0;
    for (const ConfigNode& item : node.items) {
      auto& point = curve.points.emplace_back();
      BesideFigure beside;
      assign(read_plain(item, key, unit_of(Rate{}), &beside), point.rate);
      const double at = amount(item, beside.at, key, unit_of(Amount{}), before);
      from_number(at, point.at);
      before = at;
    }
    if (node.items.empty()) fail(node, key, "an empty list", "at least one figure");
  }
  void read(const ConfigNode& node, const std::string& key, std::vector<DiskRate>& rates);
  void read(const ConfigNode& node, const std::string& key, std::vector<DiskProfile>& disks);

 private:
  template <class Quantity>
  static void assign(const PlainFigure& plain, Figure<Quantity>& figure) {
    from_number(plain.value, figure.value);
    figure.spread = plain.spread;
    figure.provenance = plain.provenance;
    figure.source = plain.source;
  }
  PlainFigure read_plain(const ConfigNode& node,
                         const std::string& key,
                         const UnitOfFigure& unit,
                         BesideFigure* beside);
  void read_entry(const ConfigEntry& entry,
                  const std::string& key,
                  const UnitOfFigure& unit,
                  PlainFigure& figure);
  double amount(const ConfigNode& item,
                const ConfigNode* at,
                const std::string& key,
                const UnitOfFigure& unit,
                double before);
  void read_disk(const ConfigNode& node, const std::string& key, DiskProfile& disk);
  void read_disk_entry(const ConfigEntry& entry, const std::string& key, DiskProfile& disk);
  void fail(const ConfigNode& node,
            const std::string& key,
            const std::string& got,
            const std::string& expected);

  ConfigErrors& errors_;
};

std::string write_plain(const PlainFigure& figure, const UnitOfFigure& unit);

template <class Quantity>
std::string write_figure(const Figure<Quantity>& figure) {
  return write_plain({to_number(figure.value), figure.spread, figure.provenance, figure.source},
                     unit_of(Quantity{}));
}

// Lists are broken into lines that are indented by `indent`.
std::string write_list(const std::vector<std::string>& items, int indent);

template <class Amount, class Rate>
std::string write_figure(const Curve<Amount, Rate>& curve) {
  if (curve.points.size() == 1) return "{" + write_figure(curve.points[0].rate) + "}";
  std::vector<std::string> items;
  for (const auto& point : curve.points) {
    items.push_back(concat("{at: ",
                           write_quantity(to_number(point.at), unit_of(Amount{})),
                           ", ",
                           write_figure(point.rate),
                           "}"));
  }
  return write_list(items, 4);
}

std::string write_disks(const std::vector<DiskProfile>& disks);

}  // namespace longhaul
