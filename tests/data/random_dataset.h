// Datasets of random tokens for tests of packing and loading.
#pragma once

#include <cstdint>

#include "longhaul/core/philox.h"
#include "longhaul/data/dataset.h"

namespace longhaul::test {

constexpr int kRandomVocabulary = 50;

// `size` samples of 1 ... most tokens below kRandomVocabulary, about half of them targets; the last
// token of a sample of two or more always.
inline Dataset random_dataset(std::int64_t size, std::int64_t most, std::uint64_t seed) {
  const Philox random(seed, 0);
  std::uint64_t drawn = 0;
  Dataset dataset;
  for (std::int64_t i = 0; i < size; ++i) {
    EncodedSample sample;
    const auto length = 1 + random.below(drawn++, static_cast<std::uint64_t>(most));
    for (std::uint64_t t = 0; t < length; ++t) {
      sample.ids.push_back(static_cast<TokenId>(random.below(drawn++, kRandomVocabulary)));
      sample.is_target.push_back(t > 0 && (t + 1 == length || random.below(drawn++, 2) == 1));
    }
    dataset.add(sample, {0, i + 1});
  }
  return dataset;
}

}  // namespace longhaul::test
