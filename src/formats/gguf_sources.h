// Where each tensor of transformers comes from in a GGUF file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_file.h"

namespace longhaul {

struct GgufSource {
  // How the stored matrix differs from the one of transformers.
  enum class Order : std::uint8_t {
    kSame,
    kInterleavedHeads,  // rows of each head: 0, h/2, 1, h/2 + 1, ... instead of 0, 1, 2, ...
    kTransposed,
  };

  const GgufTensor* tensor;
  std::string name;  // in transformers
  Order order = Order::kSame;
  std::int64_t heads = 0;  // of interleaved rows
};

// Takes the file's tensors one by one and checks their shapes; in the end none may be left, for a
// tensor that no one asked for is a part of the model that would be lost. Throws FormatError that
// names the file and the tensor.
class GgufSourceList {
 public:
  using Order = GgufSource::Order;
  using Shape = std::vector<std::int64_t>;

  // NAME.weight and, where there is one, NAME.bias, whose only extent is the first of `shape`.
  struct Projection {
    std::string from;  // in the file
    std::string to;    // in transformers
    Shape shape;       // in the file
    bool has_bias = false;
    Order order = Order::kSame;  // of the weight; interleaved heads of the bias too
    std::int64_t heads = 0;
  };

  // `file` must outlive it and the sources.
  explicit GgufSourceList(const GgufFile& file);

  bool has(std::string_view name) const { return left_.contains(name); }
  // A tensor that has no counterpart in transformers.
  const GgufTensor& take(const std::string& name, const Shape& shape);
  void add(const std::string& from, const std::string& to, const Shape& shape);
  void add(const Projection& projection);

  std::vector<GgufSource> finish();

 private:
  std::string file_;
  std::map<std::string_view, const GgufTensor*> left_;
  std::vector<GgufSource> taken_;
};

}  // namespace longhaul
