// Tokenised samples in memory: 4 bytes and one bit a token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "longhaul/data/encode.h"

namespace longhaul {

// Where a sample came from.
struct SampleSource {
  std::int32_t file = 0;  // index into the list of files
  std::int64_t line = 0;  // from 1

  friend bool operator==(const SampleSource&, const SampleSource&) = default;
};

class Dataset {
 public:
  // Throws InvalidArgument when the sample is empty, or its mask has another length or marks the
  // first token.
  void add(const EncodedSample& sample, SampleSource source);

  std::int64_t size() const { return static_cast<std::int64_t>(sources_.size()); }
  std::int64_t tokens() const { return static_cast<std::int64_t>(ids_.size()); }
  std::int64_t target_tokens() const { return target_tokens_; }

  // Of one sample, 0 <= sample < size().
  std::int64_t length(std::int64_t sample) const;
  std::span<const TokenId> ids(std::int64_t sample) const;
  // Whether the token at `offset` of the sample is to be predicted from those before it.
  bool is_target(std::int64_t sample, std::int64_t offset) const;
  SampleSource source(std::int64_t sample) const;

  // A hash of every id and mask: equal datasets have equal fingerprints. Costs a pass.
  std::uint64_t fingerprint() const;

 private:
  std::vector<TokenId> ids_;
  std::vector<bool> is_target_;         // [tokens]
  std::vector<std::int64_t> begin_{0};  // [size + 1]
  std::vector<SampleSource> sources_;
  std::int64_t target_tokens_ = 0;
};

}  // namespace longhaul
