#include "longhaul/data/dataset.h"

#include "longhaul/core/error.h"

#include "hash.h"

namespace longhaul {

void Dataset::add(const EncodedSample& sample, SampleSource source) {
  require(!sample.ids.empty(), "Dataset::add: the sample is empty");
  require(sample.is_target.size() == sample.ids.size(),
          "Dataset::add: the mask has ",
          sample.is_target.size(),
          " tokens, expected ",
          sample.ids.size());
  require(!sample.is_target.front(), "Dataset::add: the first token is marked as a target");
  ids_.insert(ids_.end(), sample.ids.begin(), sample.ids.end());
  is_target_.insert(is_target_.end(), sample.is_target.begin(), sample.is_target.end());
  begin_.push_back(tokens());
  sources_.push_back(source);
  target_tokens_ += count_targets(sample);
}

std::int64_t Dataset::length(std::int64_t sample) const {
  const auto i = static_cast<std::size_t>(sample);
  return begin_[i + 1] - begin_[i];
}

std::span<const TokenId> Dataset::ids(std::int64_t sample) const {
  return std::span(ids_).subspan(static_cast<std::size_t>(begin_[static_cast<std::size_t>(sample)]),
                                 static_cast<std::size_t>(length(sample)));
}

bool Dataset::is_target(std::int64_t sample, std::int64_t offset) const {
  return is_target_[static_cast<std::size_t>(begin_[static_cast<std::size_t>(sample)] + offset)];
}

SampleSource Dataset::source(std::int64_t sample) const {
  return sources_[static_cast<std::size_t>(sample)];
}

std::uint64_t Dataset::fingerprint() const {
  Hash hash;
  for (const std::int64_t begin : begin_) hash.add(static_cast<std::uint64_t>(begin));
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    const auto id = static_cast<std::uint64_t>(static_cast<std::uint32_t>(ids_[i]));
    hash.add(id << 1 | static_cast<std::uint64_t>(is_target_[i]));
  }
  return hash.value();
}

}  // namespace longhaul
