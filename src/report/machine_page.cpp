#include "longhaul/report/machine_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// "385 GFLOP/s"
std::string in_words(double number, const char* unit) {
  static constexpr std::array kPrefixes{"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  for (; number >= 1000.0 && prefix + 1 < std::size(kPrefixes); ++prefix) number /= 1000.0;
  std::ostringstream text;
  text << std::setprecision(3) << number << ' ' << kPrefixes[prefix] << unit;
  return text.str();
}

std::string share_in_words(double share) {
  return concat(std::lround(100.0 * share), " %");
}

double last_rate(const auto& curve) {
  return curve.points.back().rate.value.rate;
}

std::string row(const char* name, const std::string& text) {
  std::ostringstream line;
  line << "  " << std::left << std::setw(12) << name << text << '\n';
  return line.str();
}

std::string rates_row(const char* name, const ComputeRates& rates) {
  return row(name,
             concat("products ",
                    in_words(last_rate(rates.products), "FLOP/s"),
                    ", backward ",
                    in_words(last_rate(rates.products_backward), "FLOP/s"),
                    "; attention ",
                    in_words(last_rate(rates.attention), "FLOP/s"),
                    ", backward ",
                    in_words(last_rate(rates.attention_backward), "FLOP/s")));
}

std::string disk_row(const DiskProfile& disk) {
  std::string text = concat(disk.name,
                            ": reads ",
                            to_string(disk.read.front().rate.value),
                            ", writes ",
                            to_string(disk.write.front().rate.value));
  if (!disk.mixed.empty()) {
    text += concat(", half of each ", to_string(disk.mixed.front().rate.value));
  }
  return row("disk", concat(text, ", ", to_string(disk.capacity.value), " free"));
}

// The figures that repeated measurements disagree on most.
double widest_spread(const HardwareProfile& machine) {
  double widest = 0.0;
  const auto see = [&](const auto& figure) {
    widest = std::max(widest, figure.spread.value_or(0));
  };
  see(machine.device.bf16.products.points.back().rate);
  see(machine.device.bandwidth.points.back().rate);
  see(machine.link.to_device.points.back().rate);
  see(machine.link.to_host.points.back().rate);
  see(machine.host.bandwidth);
  see(machine.host.optimizer.points.back().rate);
  for (const DiskProfile& disk : machine.storage.disks) {
    see(disk.read.front().rate);
    see(disk.write.front().rate);
  }
  return widest;
}

}  // namespace

std::string machine_page(const HardwareProfile& machine) {
  const DeviceProfile& device = machine.device;
  std::string page = machine.name + "\n";
  page += row("device",
              concat(device.name,
                     ", ",
                     to_string(device.memory.value),
                     ", moves ",
                     to_string(device.bandwidth.points.back().rate.value),
                     ", starts an op in ",
                     to_string(device.launch.value)));
  page += rates_row("bf16", device.bf16);
  page += rates_row("fp32", device.fp32);
  page += row("link",
              concat(to_string(machine.link.to_device.points.back().rate.value),
                     " to the device, ",
                     to_string(machine.link.to_host.points.back().rate.value),
                     " back, both ways ",
                     share_in_words(machine.link.both_ways.value),
                     " of each"));
  page += row("host",
              concat(machine.host.cores.value,
                     " cores, ",
                     to_string(machine.host.memory.value),
                     " at ",
                     to_string(machine.host.bandwidth.value),
                     ", AdamW ",
                     in_words(last_rate(machine.host.optimizer), "parameters/s"),
                     machine.host.sharing
                         ? concat(", lanes together ", share_in_words(machine.host.sharing->value))
                         : "",
                     ", may pin ",
                     to_string(machine.host.pin_limit.value)));
  for (const DiskProfile& disk : machine.storage.disks) page += disk_row(disk);
  return page + row("",
                    concat("repeated measurements of these differ by up to ",
                           share_in_words(widest_spread(machine))));
}

std::string model_times_page(const ModelTimes& times) {
  std::ostringstream page;
  page << times.device << ", " << times.threads << (times.threads == 1 ? " thread, " : " threads, ")
       << (times.precision == Precision::kBF16 ? "bf16, " : "fp32, ") << times.tokens
       << " tokens in sequences of " << times.sequence << '\n';
  std::size_t width = 0;
  for (const auto& [work, node] : times.nodes) width = std::max(width, work.size());
  for (const auto& [work, node] : times.nodes) {
    page << "  " << std::left << std::setw(static_cast<int>(width) + 2) << work << "forward "
         << std::setw(10) << to_string(node.forward) << "backward " << std::setw(10)
         << to_string(node.backward) << "spread " << share_in_words(node.spread) << '\n';
  }
  return page.str();
}

}  // namespace longhaul
