#include "longhaul/data/packing.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/core/units.h"

namespace longhaul {
namespace {

// A window loses at most the rest of one micro-batch: below 0.4 % of the tokens.
constexpr std::int64_t kWindowMicroBatches = 256;
// Sequences longer than this share of a micro-batch go first. All of them longest first fills no
// better where sequences are short, and gives micro-batches of very many and of very few sequences.
constexpr std::int64_t kLongShare = 4;
constexpr std::uint64_t kWindowPurpose = 0x7061636B'00000000U;  // "pack"

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

using Group = std::vector<std::int64_t>;  // the sequences of a micro-batch

// Long sequences by falling length, then the others as they came.
Group placing_order(std::span<const std::int64_t> window,
                    std::span<const std::int64_t> lengths,
                    std::int64_t tokens) {
  Group order(window.begin(), window.end());
  const auto is_long = [&](std::int64_t sequence) {
    return length_of(lengths, sequence) * kLongShare > tokens;
  };
  const auto others = std::stable_partition(order.begin(), order.end(), is_long);
  std::stable_sort(order.begin(), others, [&](std::int64_t a, std::int64_t b) {
    return length_of(lengths, a) > length_of(lengths, b);
  });
  return order;
}

std::vector<Group> pack_window(std::span<const std::int64_t> window,
                               std::span<const std::int64_t> lengths,
                               const PackingRules& rules) {
  std::vector<Group> groups;
  std::set<std::pair<std::int64_t, std::size_t>> by_room;  // (free tokens, index of `groups`)
  for (const std::int64_t sequence : placing_order(window, lengths, rules.tokens)) {
    const std::int64_t length = length_of(lengths, sequence);
    std::size_t index = groups.size();
    std::int64_t room = rules.tokens;
    const auto fullest = by_room.lower_bound({length, 0});
    if (fullest == by_room.end()) {
      groups.emplace_back();
    } else {
      std::tie(room, index) = *fullest;
      by_room.erase(fullest);
    }
    groups[index].push_back(sequence);
    const auto size = static_cast<std::int64_t>(groups[index].size());
    if (room > length && size < rules.max_segments - 1) by_room.insert({room - length, index});
  }
  return groups;
}

// The first groups of a window hold the long sequences; afterwards there is no trend.
void shuffle(std::vector<Group>& groups, std::uint64_t window) {
  const Philox random(window, kWindowPurpose);
  for (std::size_t i = groups.size(); i > 1; --i) {
    std::swap(groups[i - 1], groups[static_cast<std::size_t>(random.below(i - 1, i))]);
  }
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
  const auto total =
      std::max<std::int64_t>(1, std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}));
  const auto count = static_cast<std::int64_t>(lengths.size());
  const std::int64_t least = *std::min_element(lengths.begin(), lengths.end());
  require(least >= 1, "default_max_segments: length: got ", least, ", expected >= 1");
  const std::int64_t average_fit = (tokens * count + total - 1) / total;
  const std::int64_t most = tokens / least + 1;
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
  for (std::uint64_t window = 0; begin < order.size(); ++window) {
    std::size_t end = begin;
    std::int64_t tokens = 0;
    while (end < order.size() && tokens < window_tokens) tokens += length_of(lengths, order[end++]);
    auto groups = pack_window(order.subspan(begin, end - begin), lengths, rules);
    shuffle(groups, window);
    for (const Group& group : groups) {
      packing.sequences.insert(packing.sequences.end(), group.begin(), group.end());
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
