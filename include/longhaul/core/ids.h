// Indices that cannot be confused: a TensorId does not convert to a NodeId.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace longhaul {

// A position in a vector of things of one kind. Negative means none.
template <class Tag>
struct Id {
  std::int32_t value = -1;

  constexpr auto operator<=>(const Id&) const = default;
  constexpr bool exists() const { return value >= 0; }
  constexpr std::size_t index() const { return static_cast<std::size_t>(value); }
};

template <class IdType>
constexpr IdType make_id(std::size_t index) {
  return IdType{static_cast<std::int32_t>(index)};
}

using TensorId = Id<struct TensorTag>;  // of a ModelGraph
using NodeId = Id<struct NodeTag>;      // of a ModelGraph
using BlockId = Id<struct BlockTag>;    // of a ModelGraph
using OpId = Id<struct OpTag>;          // of a Schedule
using BufferId = Id<struct BufferTag>;  // of a Schedule

}  // namespace longhaul
