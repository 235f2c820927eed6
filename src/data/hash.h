// A 64-bit hash of a sequence of numbers or bytes: multiply-and-fold with the constants of
// splitmix64 (Steele et al. 2014). Not for adversaries; the same on every machine.
#pragma once

#include <cstdint>
#include <string_view>

namespace longhaul {

class Hash {
 public:
  void add(std::uint64_t value) {
    state_ += value + 0x9E3779B97F4A7C15U;
    state_ = (state_ ^ (state_ >> 30)) * 0xBF58476D1CE4E5B9U;
    state_ = (state_ ^ (state_ >> 27)) * 0x94D049BB133111EBU;
    state_ ^= state_ >> 31;
  }

  // The bytes and their number.
  void add(std::string_view text) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      word = (word << 8) | static_cast<unsigned char>(text[i]);
      if (i % 8 == 7) add(word);
    }
    add(word);
    add(static_cast<std::uint64_t>(text.size()));
  }

  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0;
};

}  // namespace longhaul
