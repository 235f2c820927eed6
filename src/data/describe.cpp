#include "longhaul/data/describe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <numeric>
#include <sstream>
#include <string_view>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

constexpr std::int64_t kBins = 12;
constexpr std::int64_t kBarWidth = 40;  // characters

// For numbers that are not negative: 12345 -> "12,345".
std::string grouped(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string percent(double share) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << 100.0 * share << " %";
  return out.str();
}

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Text of a file on a terminal: control characters are shown, not obeyed.
std::string printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
    if (is_control) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15U]};
    } else {
      out += c;
    }
  }
  return out;
}

std::vector<LengthStatistics::Bin> histogram_of(std::span<const std::int64_t> sorted) {
  const std::int64_t least = sorted.front();
  const std::int64_t range = sorted.back() - least + 1;
  const std::int64_t width = (range + kBins - 1) / kBins;
  std::vector<LengthStatistics::Bin> bins(static_cast<std::size_t>((range + width - 1) / width));
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bins[i].least = least + static_cast<std::int64_t>(i) * width;
    bins[i].most = std::min(bins[i].least + width - 1, sorted.back());
  }
  for (const std::int64_t length : sorted) {
    ++bins[static_cast<std::size_t>((length - least) / width)].samples;
  }
  return bins;
}

void write_lengths(std::ostream& out, const LengthStatistics& lengths) {
  out << "length      least " << lengths.least << ", median " << lengths.median << ", 90 % up to "
      << lengths.percentile_90 << ", 99 % up to " << lengths.percentile_99 << ", most "
      << lengths.most << ", mean " << std::fixed << std::setprecision(1) << lengths.mean
      << " tokens\n";
  std::int64_t tallest = 1;
  for (const auto& bin : lengths.histogram) tallest = std::max(tallest, bin.samples);
  for (const auto& bin : lengths.histogram) {
    const std::int64_t bar = (bin.samples * kBarWidth + tallest - 1) / tallest;
    out << std::setw(8) << bin.least << " - " << std::left << std::setw(8) << bin.most << std::right
        << std::string(static_cast<std::size_t>(bar), '#') << ' ' << grouped(bin.samples) << '\n';
  }
}

void write_set(std::ostream& out,
               std::string_view name,
               std::int64_t samples,
               std::int64_t tokens,
               std::int64_t targets) {
  out << std::left << std::setw(12) << name << std::right << grouped(samples) << " samples, "
      << grouped(tokens) << " tokens, " << grouped(targets) << " of them targets ("
      << percent(share_of(targets, tokens)) << ")\n";
}

void write_sample(std::ostream& out, const DataDescription& description, TargetMarks marks) {
  const bool is_coloured = marks == TargetMarks::kColour;
  const std::string_view open = is_coloured ? "\x1b[32m" : "[[";
  const std::string_view close = is_coloured ? "\x1b[0m" : "]]";
  out << '\n'
      << description.sample_place << ", "
      << grouped(static_cast<std::int64_t>(description.sample.size())) << " tokens; targets are "
      << (is_coloured ? "coloured" : "in [[brackets]]") << ":\n\n";
  bool is_open = false;
  for (const ShownToken& token : description.sample) {
    if (token.is_target != is_open) out << (is_open ? close : open);
    is_open = token.is_target;
    out << printable(token.text);
  }
  out << (is_open ? close : std::string_view()) << '\n';
}

std::int64_t percentile(std::span<const std::int64_t> sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

std::vector<ShownToken> show_tokens(const Dataset& dataset,
                                    std::int64_t sample,
                                    const Tokenizer& tokenizer) {
  std::vector<ShownToken> shown;
  StreamingDecoder decoder(tokenizer, /*skip_special=*/false);
  const auto ids = dataset.ids(sample);
  for (std::size_t t = 0; t < ids.size(); ++t) {
    shown.push_back({ids[t],
                     decoder.push(ids[t]),
                     dataset.is_target(sample, static_cast<std::int64_t>(t)),
                     tokenizer.is_special(ids[t])});
  }
  shown.back().text += decoder.finish();
  return shown;
}

std::int64_t count_with_end(const Dataset& dataset, std::span<const TokenId> stop) {
  std::int64_t count = 0;
  for (std::int64_t sample = 0; sample < dataset.size(); ++sample) {
    const auto ids = dataset.ids(sample);
    bool has_end = false;
    for (std::size_t t = 0; t < ids.size() && !has_end; ++t) {
      has_end = dataset.is_target(sample, static_cast<std::int64_t>(t)) &&
                std::find(stop.begin(), stop.end(), ids[t]) != stop.end();
    }
    count += has_end ? 1 : 0;
  }
  return count;
}

LengthStatistics length_statistics(std::span<const std::int64_t> lengths) {
  LengthStatistics result;
  if (lengths.empty()) return result;
  std::vector<std::int64_t> sorted(lengths.begin(), lengths.end());
  std::sort(sorted.begin(), sorted.end());
  result.least = sorted.front();
  result.median = percentile(sorted, 0.5);
  result.percentile_90 = percentile(sorted, 0.9);
  result.percentile_99 = percentile(sorted, 0.99);
  result.most = sorted.back();
  const auto total = std::accumulate(sorted.begin(), sorted.end(), std::int64_t{0});
  result.mean = static_cast<double>(total) / static_cast<double>(sorted.size());
  result.histogram = histogram_of(sorted);
  return result;
}

DataDescription describe_data(const LoadedData& data,
                              const SampleEncoder& encoder,
                              const LoaderRules& rules,
                              std::int64_t sample) {
  require(sample >= 0, "describe_data: sample: got ", sample, ", expected >= 0");
  DataDescription result;
  result.files = data.files;
  result.shared_questions = data.shared_questions;
  result.train_samples = data.train.size();
  result.train_tokens = data.train.tokens();
  result.train_targets = data.train.target_tokens();
  result.held_out_samples = data.held_out.size();
  result.held_out_tokens = data.held_out.tokens();
  result.held_out_targets = data.held_out.target_tokens();
  result.samples_with_end = count_with_end(data.train, encoder.settings().stop);
  if (data.train.size() == 0) return result;

  const std::int64_t shown = sample % data.train.size();
  const SampleSource source = data.train.source(shown);
  result.sample_place =
      concat(data.files.at(static_cast<std::size_t>(source.file)).file, ':', source.line);
  result.sample = show_tokens(data.train, shown, encoder.tokenizer());
  const auto lengths = lengths_of(data.train);
  result.lengths = length_statistics(lengths);
  if (rules.packing.tokens == 0) return result;

  const Loader loader(data.train, rules);
  result.tokens_per_micro_batch = rules.packing.tokens;
  result.micro_batches = loader.packing().size();
  result.steps = loader.steps_in_epoch(0);
  result.fill_rate = fill_rate(loader.packing(), lengths, rules.packing);
  return result;
}

std::string to_text(const FileReport& report) {
  std::ostringstream out;
  out << report.file << ": " << (report.shape ? name_of(*report.shape) : "nothing recognised")
      << ", " << grouped(report.records) << " samples\n";
  if (report.bad > 0) {
    out << "  " << grouped(report.bad) << " cannot be used:\n";
    for (const BadSample& bad : report.examples) {
      out << "    line " << bad.line << ": " << printable(bad.reason) << '\n';
    }
    const auto unnamed = report.bad - static_cast<std::int64_t>(report.examples.size());
    if (unnamed > 0) out << "    and " << grouped(unnamed) << " more\n";
  }
  if (report.truncated > 0) {
    out << "  " << grouped(report.truncated) << " are cut at max_length; "
        << grouped(report.dropped) << " of them are dropped, because no target is left\n";
  }
  if (report.divided > 0) {
    out << "  " << grouped(report.divided) << " texts are longer than max_length and become "
        << grouped(report.pieces) << " pieces\n";
  }
  return out.str();
}

std::string to_text(const DataDescription& description, TargetMarks marks) {
  std::ostringstream out;
  for (const FileReport& report : description.files) out << to_text(report);
  out << '\n';
  write_set(
      out, "train", description.train_samples, description.train_tokens, description.train_targets);
  write_set(out,
            "held out",
            description.held_out_samples,
            description.held_out_tokens,
            description.held_out_targets);
  if (description.shared_questions > 0) {
    out << "            " << grouped(description.shared_questions)
        << " held-out samples ask a question that a training sample asks too\n";
  }
  if (description.train_samples > 0 && description.samples_with_end == 0) {
    out << "warning     no target ends a turn or a text: the model would not learn when to stop\n";
  }
  if (description.train_samples > 0) write_lengths(out, description.lengths);
  if (description.micro_batches > 0) {
    out << "packing     " << grouped(description.micro_batches) << " micro-batches of "
        << grouped(description.tokens_per_micro_batch) << " tokens, "
        << percent(description.fill_rate) << " filled; " << grouped(description.steps)
        << " steps in the first epoch\n";
  }
  if (!description.sample.empty()) write_sample(out, description, marks);
  return out.str();
}

}  // namespace longhaul
