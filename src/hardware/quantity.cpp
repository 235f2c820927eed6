#include "quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "longhaul/config/value_type.h"
#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// From a slow card reader to all memory of the largest machines, and so on: what lies outside is a
// slip of units.
constexpr UnitOfFigure kSize{"B", "kMGTP", true, 1 << 20, 1e17, "24 GiB"};
constexpr UnitOfFigure kMoveRate{"B/s", "kMGTP", true, 1e5, 1e14, "21 GB/s"};
constexpr UnitOfFigure kWorkRate{"FLOP/s", "kMGTP", false, 1e8, 1e17, "160 TFLOP/s"};
constexpr UnitOfFigure kUpdateRate{"parameters/s", "kMGTP", false, 1e4, 1e13, "2.6 Gparameters/s"};
constexpr UnitOfFigure kTime{"s", "num", false, 1e-9, 1.0, "20 us"};
constexpr UnitOfFigure kWork{"FLOP", "kMGTP", false, 1.0, 1e18, "2 GFLOP"};
constexpr UnitOfFigure kCores{"cores", "", false, 1, 4096, "16 cores"};
constexpr UnitOfFigure kShare{"%", "", false, 0.01, 1.0, "90 %"};

double factor_of(char prefix, bool is_binary) {
  static constexpr std::string_view kUp = "kMGTP";
  static constexpr std::string_view kDown = "mun";
  const std::size_t up = kUp.find(prefix);
  if (up != std::string_view::npos) {
    return std::pow(is_binary ? 1024.0 : 1000.0, static_cast<double>(up) + 1.0);
  }
  return std::pow(1000.0, -static_cast<double>(kDown.find(prefix)) - 1.0);
}

// The number of units that `suffix` stands for; 0 when it stands for none.
double scale_of(std::string_view suffix, const UnitOfFigure& unit) {
  const std::string_view symbol = unit.symbol;
  if (suffix.size() < symbol.size() || !suffix.ends_with(symbol)) return 0.0;
  std::string_view prefix = suffix.substr(0, suffix.size() - symbol.size());
  if (&unit == &kShare) return prefix.empty() ? 0.01 : 0.0;
  if (prefix.empty()) return 1.0;
  const bool is_binary = prefix.size() == 2 && prefix[1] == 'i' && unit.is_binary;
  if (is_binary) prefix.remove_suffix(1);
  const char letter = prefix[0] == 'K' ? 'k' : prefix[0];
  if (prefix.size() != 1 || std::strchr(unit.prefixes, letter) == nullptr) return 0.0;
  return factor_of(letter, is_binary);
}

// The prefixes with which `number` is at least 1, and none.
std::vector<std::string> prefixes_for(double number, const UnitOfFigure& unit) {
  std::vector<std::string> prefixes;
  for (const char* prefix = unit.prefixes; *prefix != '\0'; ++prefix) {
    if (number < factor_of(*prefix, false)) continue;
    if (&unit == &kSize) prefixes.push_back({*prefix, 'i'});
    prefixes.emplace_back(1, *prefix);
  }
  prefixes.emplace_back();
  return prefixes;
}

// A share in percent. The decimal point moves in the text: products with 0.01 and 100 would not
// give every number back.
bool read_share(std::string_view digits, double& share) {
  const std::string text = concat(digits, "e-2");
  const char* end = text.data() + text.size();
  return std::from_chars(text.data(), end, share).ptr == end;
}

std::string write_share(double share) {
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(
      buffer.data(), buffer.data() + buffer.size(), share, std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data()));
  const std::size_t mark = text.find('e');
  std::string digits(text.substr(0, mark));
  std::erase(digits, '.');
  if (share == 0.0) return "0";
  const int whole = std::stoi(std::string(text.substr(mark + 1))) + 3;  // digits before the point
  if (whole <= 0) return concat("0.", std::string(static_cast<std::size_t>(-whole), '0'), digits);
  const auto point = static_cast<std::size_t>(whole);
  if (digits.size() <= point) return digits + std::string(point - digits.size(), '0');
  return digits.insert(point, ".");
}

std::string write_scaled(double number, const std::string& prefix, const UnitOfFigure& unit) {
  if (&unit == &kShare) return write_share(number) + " %";
  const double scale = scale_of(prefix + unit.symbol, unit);
  return concat(to_shortest_text(number / scale), " ", prefix, unit.symbol);
}

}  // namespace

const UnitOfFigure& unit_of(Bytes /*size*/) {
  return kSize;
}
const UnitOfFigure& unit_of(BytesPerSecond /*rate*/) {
  return kMoveRate;
}
const UnitOfFigure& unit_of(FlopsPerSecond /*rate*/) {
  return kWorkRate;
}
const UnitOfFigure& unit_of(ParametersPerSecond /*rate*/) {
  return kUpdateRate;
}
const UnitOfFigure& unit_of(Seconds /*time*/) {
  return kTime;
}
const UnitOfFigure& unit_of(Flops /*work*/) {
  return kWork;
}
const UnitOfFigure& unit_of(int /*count*/) {
  return kCores;
}
const UnitOfFigure& unit_of(double /*share*/) {
  return kShare;
}

double to_number(Bytes size) {
  return static_cast<double>(size.count);
}
double to_number(BytesPerSecond rate) {
  return rate.rate;
}
double to_number(FlopsPerSecond rate) {
  return rate.rate;
}
double to_number(ParametersPerSecond rate) {
  return rate.rate;
}
double to_number(Seconds time) {
  return time.value;
}
double to_number(Flops work) {
  return work.count;
}
double to_number(int count) {
  return count;
}
double to_number(double share) {
  return share;
}

void from_number(double number, Bytes& size) {
  size.count = std::llround(number);
}
void from_number(double number, BytesPerSecond& rate) {
  rate.rate = number;
}
void from_number(double number, FlopsPerSecond& rate) {
  rate.rate = number;
}
void from_number(double number, ParametersPerSecond& rate) {
  rate.rate = number;
}
void from_number(double number, Seconds& time) {
  time.value = number;
}
void from_number(double number, Flops& work) {
  work.count = number;
}
void from_number(double number, int& count) {
  count = static_cast<int>(std::lround(number));
}
void from_number(double number, double& share) {
  share = number;
}

bool read_quantity(const std::string& text, const UnitOfFigure& unit, double& number) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || !std::isfinite(number)) return false;
  std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  while (suffix.starts_with(' ')) suffix.remove_prefix(1);
  const double scale = scale_of(suffix, unit);
  const std::string_view digits(text.data(), static_cast<std::size_t>(rest - text.data()));
  if (&unit == &kShare && scale > 0.0 && read_share(digits, number)) return true;
  number *= scale;
  return scale > 0.0;
}

std::string write_quantity(double number, const UnitOfFigure& unit) {
  // The shortest text that reads back exactly; of equally short ones the first.
  std::string best;
  for (const std::string& prefix : prefixes_for(number, unit)) {
    std::string text = write_scaled(number, prefix, unit);
    double back = 0.0;
    const bool is_exact = read_quantity(text, unit, back) && back == number;
    if (is_exact && (best.empty() || text.size() < best.size())) best = std::move(text);
  }
  return best;
}

std::string expectation(const UnitOfFigure& unit) {
  return concat("a number with its unit from ",
                write_quantity(unit.low, unit),
                " to ",
                write_quantity(unit.high, unit),
                ", such as ",
                unit.example);
}

}  // namespace longhaul
