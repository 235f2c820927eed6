// Any bytes, read as a file of samples, cut at any place: every record is a sample or refused, and
// a sample becomes ids with a mask that a dataset takes.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include "longhaul/data/dataset.h"
#include "longhaul/data/packing.h"

#include "tests/data/mask_data.h"

namespace {

using longhaul::Sample;
using longhaul::SampleEncoder;

const SampleEncoder& encoder() {
  static const SampleEncoder instance = longhaul::test::mask_encoder("smollm", "straddling.jinja");
  return instance;
}

// The bytes in chunks of `size`.
longhaul::SampleReader::NextBytes in_chunks(std::string_view bytes, std::size_t size) {
  return [bytes, size]() mutable {
    const auto chunk = bytes.substr(0, size);
    bytes.remove_prefix(chunk.size());
    return chunk;
  };
}

void check(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t chunk = data[0] == 0 ? size : data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  longhaul::SampleReader reader(in_chunks(bytes, chunk));
  longhaul::Dataset dataset;
  while (auto record = reader.next()) {
    const auto* sample = std::get_if<Sample>(&*record);
    if (sample == nullptr) continue;
    check(reader.shape() == sample->shape);
    check(!longhaul::question_hashes(*sample).empty());
    try {
      const auto encoded = encoder().encode(*sample);
      check(longhaul::count_targets(encoded) > 0);
      dataset.add(encoded, {0, sample->line});
    } catch (const longhaul::SampleRefused&) {
      // A sample that cannot be used is named, never an end.
    }
  }
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const longhaul::PackingRules rules{dataset.length(i) + 1, 2, 0};
    check(longhaul::make_micro_batch(dataset, {&i, 1}, rules).target_tokens > 0);
  }
  return 0;
}
