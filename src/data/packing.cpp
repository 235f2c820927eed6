#include "longhaul/data/packing.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/units.h"

namespace longhaul {
namespace {

// The fill rate grows with the window and levels off here; a sequence still stands near the place
// that the shuffle gave it.
constexpr std::int64_t kWindowMicroBatches = 64;

std::int64_t length_of(std::span<const std::int64_t> lengths, std::int64_t sequence) {
  return lengths[static_cast<std::size_t>(sequence)];
}

void check_rules(const PackingRules& rules) {
  require(
      rules.tokens >= 1, "packing: tokens per micro-batch: got ", rules.tokens, ", expected >= 1");
  require(rules.max_segments >= 2,
          "packing: max_segments: got ",
          rules.max_segments,
          ", expected >= 2: one sequence and the tail");
}

struct OpenMicroBatch {
  std::vector<std::int64_t> sequences;
  std::int64_t room = 0;  // tokens
};

// Best fit, decreasing, of one window; the result is in the order of each one's longest sequence.
std::vector<OpenMicroBatch> pack_window(std::span<const std::int64_t> window,
                                        std::span<const std::int64_t> lengths,
                                        const PackingRules& rules) {
  std::vector<std::size_t> by_length(window.size());
  std::iota(by_length.begin(), by_length.end(), std::size_t{0});
  std::stable_sort(by_length.begin(), by_length.end(), [&](std::size_t a, std::size_t b) {
    return length_of(lengths, window[a]) > length_of(lengths, window[b]);
  });

  std::vector<std::pair<std::size_t, OpenMicroBatch>> opened;  // with the rank of its longest
  std::set<std::pair<std::int64_t, std::size_t>> by_room;      // (room, index of `opened`)
  for (const std::size_t rank : by_length) {
    const std::int64_t length = length_of(lengths, window[rank]);
    auto fullest = by_room.lower_bound({length, 0});
    std::size_t index = opened.size();
    if (fullest == by_room.end()) {
      opened.push_back({rank, {{}, rules.tokens}});
    } else {
      index = fullest->second;
      by_room.erase(fullest);
    }
    OpenMicroBatch& chosen = opened[index].second;
    chosen.sequences.push_back(window[rank]);
    chosen.room -= length;
    const bool has_segment =
        static_cast<std::int64_t>(chosen.sequences.size()) < rules.max_segments - 1;
    if (chosen.room > 0 && has_segment) by_room.insert({chosen.room, index});
  }

  std::sort(
      opened.begin(), opened.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<OpenMicroBatch> packed;
  packed.reserve(opened.size());
  for (auto& [rank, micro_batch] : opened) packed.push_back(std::move(micro_batch));
  return packed;
}

// Tokens sorted by (key, token).
std::vector<std::int32_t> order_by(std::span<const std::int32_t> keys) {
  std::vector<std::uint64_t> tagged(keys.size());
  for (std::size_t t = 0; t < keys.size(); ++t) {
    tagged[t] = static_cast<std::uint64_t>(static_cast<std::uint32_t>(keys[t])) << 32 | t;
  }
  std::sort(tagged.begin(), tagged.end());
  std::vector<std::int32_t> order(keys.size());
  std::transform(tagged.begin(), tagged.end(), order.begin(), [](std::uint64_t value) {
    return static_cast<std::int32_t>(value & 0xFFFFFFFFU);
  });
  return order;
}

void append_sequence(const Dataset& dataset, std::int64_t sequence, MicroBatch& out) {
  const auto ids = dataset.ids(sequence);
  const auto length = static_cast<std::int32_t>(ids.size());
  out.ids.insert(out.ids.end(), ids.begin(), ids.end());
  for (std::int32_t t = 0; t < length; ++t) {
    out.positions.push_back(t);
    const bool is_predicted = t + 1 < length && dataset.is_target(sequence, t + 1);
    out.targets.push_back(is_predicted ? ids[static_cast<std::size_t>(t) + 1] : -1);
    out.target_tokens += is_predicted ? 1 : 0;
  }
  out.sequence_tokens += length;
  out.segment_offsets.push_back(static_cast<std::int32_t>(out.sequence_tokens));
}

}  // namespace

std::span<const std::int64_t> Packing::operator[](std::int64_t micro_batch) const {
  const auto i = static_cast<std::size_t>(micro_batch);
  return std::span(sequences).subspan(static_cast<std::size_t>(begin[i]),
                                      static_cast<std::size_t>(begin[i + 1] - begin[i]));
}

std::int32_t default_max_segments(std::span<const std::int64_t> lengths, std::int64_t tokens) {
  if (lengths.empty()) return 2;
  const auto total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  const auto count = static_cast<std::int64_t>(lengths.size());
  const std::int64_t average_fit = (tokens * count + total - 1) / total;
  const std::int64_t most = tokens / *std::min_element(lengths.begin(), lengths.end()) + 1;
  const std::int64_t wanted = round_up(2 * average_fit + 1, 8);
  return static_cast<std::int32_t>(std::max<std::int64_t>(2, std::min(wanted, most)));
}

Packing pack(std::span<const std::int64_t> order,
             std::span<const std::int64_t> lengths,
             const PackingRules& rules) {
  check_rules(rules);
  for (const std::int64_t sequence : order) {
    const std::int64_t length = length_of(lengths, sequence);
    require(length >= 1 && length <= rules.tokens,
            "packing: sequence ",
            sequence,
            ": length: got ",
            length,
            ", expected 1 to ",
            rules.tokens,
            " (tokens per micro-batch)");
  }

  Packing packing;
  const std::int64_t window_tokens = kWindowMicroBatches * rules.tokens;
  std::size_t begin = 0;
  while (begin < order.size()) {
    std::size_t end = begin;
    std::int64_t tokens = 0;
    while (end < order.size() && tokens < window_tokens) tokens += length_of(lengths, order[end++]);
    for (const auto& micro_batch : pack_window(order.subspan(begin, end - begin), lengths, rules)) {
      packing.sequences.insert(
          packing.sequences.end(), micro_batch.sequences.begin(), micro_batch.sequences.end());
      packing.begin.push_back(static_cast<std::int64_t>(packing.sequences.size()));
    }
    begin = end;
  }
  return packing;
}

MicroBatch make_micro_batch(const Dataset& dataset,
                            std::span<const std::int64_t> sequences,
                            const PackingRules& rules) {
  check_rules(rules);
  const auto tokens = static_cast<std::size_t>(rules.tokens);
  MicroBatch out;
  out.sequences.assign(sequences.begin(), sequences.end());
  out.ids.reserve(tokens);
  out.positions.reserve(tokens);
  out.targets.reserve(tokens);
  out.segment_offsets.reserve(static_cast<std::size_t>(rules.max_segments) + 1);
  out.segment_offsets.push_back(0);
  for (const std::int64_t sequence : sequences) append_sequence(dataset, sequence, out);
  require(out.sequence_tokens <= rules.tokens &&
              static_cast<std::int64_t>(sequences.size()) < rules.max_segments,
          "micro-batch: got ",
          sequences.size(),
          " sequences of ",
          out.sequence_tokens,
          " tokens, expected at most ",
          rules.max_segments - 1,
          " of ",
          rules.tokens);

  for (std::int64_t t = out.sequence_tokens; t < rules.tokens; ++t) {
    out.positions.push_back(static_cast<std::int32_t>(t - out.sequence_tokens));
  }
  out.ids.resize(tokens, rules.padding);
  out.targets.resize(tokens, -1);
  out.segment_offsets.resize(static_cast<std::size_t>(rules.max_segments) + 1,
                             static_cast<std::int32_t>(rules.tokens));
  out.sorted_order = order_by(out.ids);
  out.positions_order = order_by(out.positions);
  return out;
}

Packing pack_in_order(const Dataset& dataset, const PackingRules& rules) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(dataset.size()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  return pack(order, lengths_of(dataset), rules);
}

double fill_rate(const Packing& packing,
                 std::span<const std::int64_t> lengths,
                 const PackingRules& rules) {
  if (packing.size() == 0) return 1.0;
  std::int64_t filled = 0;
  for (const std::int64_t sequence : packing.sequences) filled += length_of(lengths, sequence);
  return static_cast<double>(filled) / static_cast<double>(packing.size() * rules.tokens);
}

std::vector<std::int64_t> lengths_of(const Dataset& dataset) {
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(dataset.size()));
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    lengths[i] = dataset.length(static_cast<std::int64_t>(i));
  }
  return lengths;
}

}  // namespace longhaul
