// The operands of an op. Most ops have few, and a schedule has many ops: few are kept in place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "longhaul/core/ids.h"
#include "longhaul/core/units.h"

namespace longhaul {

// A range of a buffer.
struct Operand {
  BufferId buffer;
  Bytes offset;
  Bytes size;

  bool exists() const { return buffer.exists(); }
};

// A sequence that grows at its end.
class Operands {
 public:
  Operands() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): op.reads = {a, b}
  Operands(std::initializer_list<Operand> operands) {
    for (const Operand& operand : operands) push_back(operand);
  }

  void push_back(const Operand& operand) {
    if (count_ < few_.size()) {
      few_[count_++] = operand;
      return;
    }
    if (many_.empty()) many_.assign(few_.begin(), few_.end());
    many_.push_back(operand);
  }

  std::size_t size() const { return many_.empty() ? count_ : many_.size(); }
  bool empty() const { return count_ == 0; }
  Operand* begin() { return many_.empty() ? few_.data() : many_.data(); }
  Operand* end() { return begin() + size(); }
  const Operand* begin() const { return many_.empty() ? few_.data() : many_.data(); }
  const Operand* end() const { return begin() + size(); }
  Operand& operator[](std::size_t i) { return begin()[i]; }
  const Operand& operator[](std::size_t i) const { return begin()[i]; }

 private:
  std::array<Operand, 3> few_{};
  std::uint32_t count_ = 0;    // of few_
  std::vector<Operand> many_;  // all of them, where they are more
};

}  // namespace longhaul
