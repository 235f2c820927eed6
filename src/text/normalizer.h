// The "normalizer" of a tokenizer.json: what happens to a text before it is cut.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/json.h"

namespace longhaul {

struct NormalizedText {
  std::string text;
  // What it begins with stands for the beginning of the original: nothing was stripped there.
  bool keeps_start = true;
};

// Immutable; safe from any thread.
class Normalizer {
 public:
  // `json` is the value of "normalizer", null for none. Throws FormatError.
  explicit Normalizer(const Json& json);

  // Valid UTF-8 in, valid UTF-8 out. Throws FormatError when the text grows beyond measure.
  NormalizedText apply(std::string text) const;

 private:
  std::vector<std::function<void(NormalizedText&)>> steps_;
};

}  // namespace longhaul
