#include "longhaul/core/units.h"

#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

std::string with_digits(double value, const char* unit) {
  const int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f %s", decimals, value, unit);
  return text.data();
}

struct Suffix {
  const char* name;
  double factor;
};

constexpr std::array<Suffix, 14> kSuffixes{{{"b", 1},
                                            {"k", 1e3},
                                            {"kb", 1e3},
                                            {"mb", 1e6},
                                            {"gb", 1e9},
                                            {"tb", 1e12},
                                            {"kib", 1024.0},
                                            {"mib", 1048576.0},
                                            {"gib", 1073741824.0},
                                            {"tib", 1099511627776.0},
                                            {"m", 1e6},
                                            {"g", 1e9},
                                            {"t", 1e12},
                                            {"", 1}}};

}  // namespace

std::string to_string(Bytes size) {
  const auto count = static_cast<double>(size.count);
  if (std::abs(count) < 1024) return concat(size.count, " B");
  if (std::abs(count) < 1048576.0) return with_digits(count / 1024.0, "KiB");
  if (std::abs(count) < 1073741824.0) return with_digits(count / 1048576.0, "MiB");
  if (std::abs(count) < 1099511627776.0) return with_digits(count / 1073741824.0, "GiB");
  return with_digits(count / 1099511627776.0, "TiB");
}

std::string to_string(Seconds time) {
  const double s = time.value;
  if (s < 1e-3) return with_digits(s * 1e6, "us");
  if (s < 1.0) return with_digits(s * 1e3, "ms");
  if (s < 60.0) return with_digits(s, "s");
  const auto whole = static_cast<std::int64_t>(std::llround(s));
  if (whole < 3600) return concat(whole / 60, " min ", whole % 60, " s");
  return concat(whole / 3600, " h ", whole % 3600 / 60, " min");
}

std::string to_string(BytesPerSecond rate) {
  if (rate.rate < 1e6) return with_digits(rate.rate / 1e3, "kB/s");
  if (rate.rate < 1e9) return with_digits(rate.rate / 1e6, "MB/s");
  return with_digits(rate.rate / 1e9, "GB/s");
}

Bytes parse_bytes(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  std::string suffix;
  for (const char* c = end; *c != '\0'; ++c) {
    if (std::isspace(static_cast<unsigned char>(*c)) == 0) {
      suffix += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
    }
  }
  const bool has_number = end != text.c_str() && std::isfinite(number) && number >= 0;
  for (const Suffix& known : kSuffixes) {
    if (!has_number || suffix != known.name) continue;
    const double bytes = number * known.factor;
    if (bytes < 9e18) return {static_cast<std::int64_t>(std::llround(bytes))};
  }
  throw InvalidArgument(concat("got \"", text, "\", expected a size such as 24GiB or 512 MiB"));
}

}  // namespace longhaul
