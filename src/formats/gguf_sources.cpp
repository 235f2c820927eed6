#include "formats/gguf_sources.h"

#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

std::string to_text(const GgufSourceList::Shape& shape) {
  std::string result = "[";
  for (const std::int64_t extent : shape) {
    result += concat(result.size() > 1 ? ", " : "", extent);
  }
  return result + "]";
}

}  // namespace

GgufSourceList::GgufSourceList(const GgufFile& file) : file_(file.path().string()) {
  for (const GgufTensor& tensor : file.tensors()) left_[tensor.name] = &tensor;
}

const GgufTensor& GgufSourceList::take(const std::string& name, const Shape& shape) {
  const auto found = left_.find(name);
  if (found == left_.end()) throw FormatError(concat(file_, ": has no tensor ", name));
  const GgufTensor& tensor = *found->second;
  if (tensor.shape != shape) {
    throw FormatError(concat(file_,
                             ": tensor ",
                             name,
                             ": got shape ",
                             to_text(tensor.shape),
                             ", expected ",
                             to_text(shape)));
  }
  left_.erase(found);
  return tensor;
}

void GgufSourceList::add(const std::string& from, const std::string& to, const Shape& shape) {
  taken_.push_back({&take(from, shape), to});
}

void GgufSourceList::add(const Projection& projection) {
  taken_.push_back({&take(projection.from + ".weight", projection.shape),
                    projection.to + ".weight",
                    projection.order,
                    projection.heads});
  if (!projection.has_bias) return;
  const Order order = projection.order == Order::kTransposed ? Order::kSame : projection.order;
  taken_.push_back({&take(projection.from + ".bias", {projection.shape.front()}),
                    projection.to + ".bias",
                    order,
                    projection.heads});
}

std::vector<GgufSource> GgufSourceList::finish() {
  if (!left_.empty()) {
    throw FormatError(
        concat(file_, ": tensor ", left_.begin()->first, " has no place in this architecture"));
  }
  return std::move(taken_);
}

}  // namespace longhaul
