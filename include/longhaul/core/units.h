// Quantities that cannot be confused: bytes, seconds, and rates of them. A division that makes
// no sense (a rate by a size) does not compile.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace longhaul {

struct Bytes {
  std::int64_t count = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes& operator+=(Bytes other) {
    count += other.count;
    return *this;
  }
};

struct Seconds {
  double value = 0.0;

  constexpr auto operator<=>(const Seconds&) const = default;
  constexpr Seconds& operator+=(Seconds other) {
    value += other.value;
    return *this;
  }
};

struct BytesPerSecond {
  double rate = 0.0;

  constexpr auto operator<=>(const BytesPerSecond&) const = default;
};

struct Flops {
  double count = 0.0;

  constexpr auto operator<=>(const Flops&) const = default;
  constexpr Flops& operator+=(Flops other) {
    count += other.count;
    return *this;
  }
};

struct FlopsPerSecond {
  double rate = 0.0;

  constexpr auto operator<=>(const FlopsPerSecond&) const = default;
};

constexpr Bytes operator+(Bytes a, Bytes b) {
  return {a.count + b.count};
}
constexpr Bytes operator-(Bytes a, Bytes b) {
  return {a.count - b.count};
}
constexpr Bytes operator*(Bytes a, std::int64_t n) {
  return {a.count * n};
}
constexpr Bytes operator*(std::int64_t n, Bytes a) {
  return a * n;
}
constexpr Seconds operator+(Seconds a, Seconds b) {
  return {a.value + b.value};
}
constexpr Seconds operator-(Seconds a, Seconds b) {
  return {a.value - b.value};
}
constexpr Seconds operator*(Seconds a, double n) {
  return {a.value * n};
}
constexpr Flops operator+(Flops a, Flops b) {
  return {a.count + b.count};
}
constexpr Flops operator*(Flops a, double n) {
  return {a.count * n};
}

constexpr Seconds operator/(Bytes size, BytesPerSecond bandwidth) {
  return Seconds{static_cast<double>(size.count) / bandwidth.rate};
}
constexpr Seconds operator/(Flops work, FlopsPerSecond speed) {
  return Seconds{work.count / speed.rate};
}
constexpr BytesPerSecond operator/(Bytes size, Seconds time) {
  return BytesPerSecond{static_cast<double>(size.count) / time.value};
}
constexpr FlopsPerSecond operator/(Flops work, Seconds time) {
  return FlopsPerSecond{work.count / time.value};
}

constexpr Bytes operator""_KiB(unsigned long long n) {
  return {static_cast<std::int64_t>(n) << 10};
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return {static_cast<std::int64_t>(n) << 20};
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return {static_cast<std::int64_t>(n) << 30};
}

// "10 B", "1.5 KiB", "23.4 GiB": three significant digits, binary units.
std::string to_string(Bytes size);
// "850 us", "12.5 ms", "3.21 s", "4 min 10 s", "2 h 5 min".
std::string to_string(Seconds time);
// "34.1 GB/s", decimal units.
std::string to_string(BytesPerSecond rate);

// "24GiB", "512 MiB", "1.5GB", "4096" (bytes). Throws InvalidArgument that says what is expected.
Bytes parse_bytes(const std::string& text);

// The smallest multiple of `alignment` (> 0) that is at least `value`.
constexpr std::int64_t round_up(std::int64_t value, std::int64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace longhaul
