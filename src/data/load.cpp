#include "longhaul/data/load.h"

#include <algorithm>
#include <span>
#include <unordered_set>
#include <utility>

#include "longhaul/core/error.h"

#include "split.h"

namespace longhaul {
namespace {

constexpr std::size_t kExamples = 10;
constexpr std::size_t kReasonBytes = 300;
// Records that are encoded at once: enough to keep every worker busy, few enough to stay small.
constexpr std::size_t kBatch = 256;

// The tokens of one record: several samples when a long text was divided, none when it is bad.
struct Encoded {
  std::int64_t line = 0;
  std::string refusal;  // not empty: bad
  std::vector<EncodedSample> samples;
  std::vector<std::uint64_t> questions;
  bool is_cut = false;
  bool is_dropped = false;
};

struct Collected {
  Dataset dataset;
  std::vector<std::vector<std::uint64_t>> questions;  // of every sample
};

// At most kReasonBytes, whole characters.
std::string shortened(const std::string& reason) {
  std::size_t end = std::min(kReasonBytes, reason.size());
  const auto continues = [&](std::size_t i) {
    return i < reason.size() && (static_cast<unsigned char>(reason[i]) & 0xC0U) == 0x80U;
  };
  while (end > 0 && continues(end)) --end;
  return reason.substr(0, end);
}

// Consecutive pieces share a token, so every token but the first of the text is predicted once.
std::vector<EncodedSample> divide(const EncodedSample& text, std::int64_t max_length) {
  std::vector<EncodedSample> pieces;
  const auto size = static_cast<std::int64_t>(text.ids.size());
  for (std::int64_t begin = 0; begin + 1 < size; begin += max_length - 1) {
    const std::int64_t end = std::min(begin + max_length, size);
    EncodedSample piece{{text.ids.begin() + begin, text.ids.begin() + end},
                        {text.is_target.begin() + begin, text.is_target.begin() + end}};
    piece.is_target.front() = false;
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

void truncate(EncodedSample& sample, std::int64_t max_length) {
  sample.ids.resize(static_cast<std::size_t>(max_length));
  sample.is_target.resize(static_cast<std::size_t>(max_length));
}

Encoded encode_record(const std::variant<Sample, BadSample>& record,
                      const SampleEncoder& encoder,
                      std::int64_t max_length) {
  Encoded result;
  if (const auto* bad = std::get_if<BadSample>(&record)) {
    result.line = bad->line;
    result.refusal = bad->reason;
    return result;
  }
  const auto& sample = std::get<Sample>(record);
  result.line = sample.line;
  try {
    EncodedSample encoded = encoder.encode(sample);
    result.questions = question_hashes(sample);
    result.is_cut = static_cast<std::int64_t>(encoded.ids.size()) > max_length;
    if (result.is_cut && sample.shape == SampleShape::kText) {
      result.samples = divide(encoded, max_length);
      return result;
    }
    if (result.is_cut) truncate(encoded, max_length);
    result.is_dropped = count_targets(encoded) == 0;
    if (!result.is_dropped) result.samples.push_back(std::move(encoded));
  } catch (const SampleRefused& refused) {
    result.refusal = refused.what();
  }
  return result;
}

void collect(const Encoded& record, std::int32_t file, FileReport& report, Collected& out) {
  ++report.records;
  if (!record.refusal.empty()) {
    ++report.bad;
    if (report.examples.size() < kExamples) {
      report.examples.push_back({record.line, shortened(record.refusal)});
    }
    return;
  }
  const bool is_divided = record.samples.size() > 1;
  report.divided += is_divided ? 1 : 0;
  report.pieces += is_divided ? static_cast<std::int64_t>(record.samples.size()) : 0;
  report.truncated += record.is_cut && !is_divided ? 1 : 0;
  report.dropped += record.is_dropped ? 1 : 0;
  for (const EncodedSample& sample : record.samples) {
    out.dataset.add(sample, {file, record.line});
    out.questions.push_back(record.questions);
  }
}

class FileLoader {
 public:
  FileLoader(const SampleEncoder& encoder, const LoadRules& rules, ThreadPool& pool)
      : encoder_(encoder), rules_(rules), pool_(pool) {}

  void load(const std::filesystem::path& path, std::vector<FileReport>& reports, Collected& out) {
    SampleReader reader(path);
    FileReport report;
    report.file = path.string();
    const auto file = static_cast<std::int32_t>(reports.size());
    std::vector<std::variant<Sample, BadSample>> records;
    std::vector<Encoded> encoded(kBatch);
    do {
      records.clear();
      while (records.size() < kBatch) {
        auto record = reader.next();
        if (!record) break;
        records.push_back(std::move(*record));
      }
      pool_.parallel_for(static_cast<std::int64_t>(records.size()), [&](std::int64_t i, int) {
        const auto at = static_cast<std::size_t>(i);
        encoded[at] = encode_record(records[at], encoder_, rules_.max_length);
      });
      for (std::size_t i = 0; i < records.size(); ++i) {
        collect(encoded[i], file, report, out);
      }
    } while (!records.empty());
    report.shape = reader.shape();
    reports.push_back(std::move(report));
  }

 private:
  const SampleEncoder& encoder_;
  const LoadRules& rules_;
  ThreadPool& pool_;
};

void refuse_bad_samples(const std::vector<FileReport>& files) {
  std::string message;
  for (const FileReport& report : files) {
    if (report.bad == 0) continue;
    message += concat(message.empty() ? "" : "\n",
                      report.file,
                      ": ",
                      report.bad,
                      " of ",
                      report.records,
                      " samples cannot be used:");
    for (const BadSample& bad : report.examples) {
      message += concat("\n  ", report.file, ":", bad.line, ": ", bad.reason);
    }
    const auto unnamed = report.bad - static_cast<std::int64_t>(report.examples.size());
    if (unnamed > 0) message += concat("\n  and ", unnamed, " more");
  }
  if (message.empty()) return;
  throw FormatError(message + "\nset data.on_bad_sample to skip to leave them out");
}

// `files` are those that were to fill `dataset`.
void require_samples(const Dataset& dataset, std::span<const FileReport> files) {
  if (dataset.target_tokens() > 0) return;
  std::string message = "no sample with a target token";
  for (const FileReport& report : files) {
    message += concat("\n  ",
                      report.file,
                      ": ",
                      report.records,
                      " samples, ",
                      report.bad,
                      " not usable, ",
                      report.dropped,
                      " without a target after the cut at max_length");
    if (!report.examples.empty()) {
      message += concat("; line ", report.examples[0].line, ": ", report.examples[0].reason);
    }
  }
  throw FormatError(message);
}

// Moves the chosen samples of `all` into `data.held_out` and the others into `data.train`.
void split(const Collected& all, double fraction, std::uint64_t seed, LoadedData& data) {
  require(fraction > 0 && fraction < 1,
          "held-out fraction: got ",
          fraction,
          ", expected more than 0 and less than 1");
  const auto is_held_out = choose_held_out(all.questions, fraction, seed);
  for (std::int64_t i = 0; i < all.dataset.size(); ++i) {
    const auto ids = all.dataset.ids(i);
    EncodedSample sample{{ids.begin(), ids.end()}, {}};
    for (std::int64_t t = 0; t < all.dataset.length(i); ++t) {
      sample.is_target.push_back(all.dataset.is_target(i, t));
    }
    const bool goes_out = is_held_out[static_cast<std::size_t>(i)];
    (goes_out ? data.held_out : data.train).add(sample, all.dataset.source(i));
  }
  if (data.held_out.size() == 0) {
    throw FormatError(concat("data.eval: ",
                             fraction,
                             ": none of the ",
                             all.dataset.size(),
                             " training samples can be held out without sharing a question with "
                             "the others; give a file, or none"));
  }
}

std::int64_t count_shared(const Collected& train, const Collected& held_out) {
  std::unordered_set<std::uint64_t> asked;
  for (const auto& questions : train.questions) asked.insert(questions.begin(), questions.end());
  return std::count_if(
      held_out.questions.begin(), held_out.questions.end(), [&](const auto& questions) {
        return std::any_of(questions.begin(), questions.end(), [&](std::uint64_t question) {
          return asked.contains(question);
        });
      });
}

}  // namespace

LoadedData load_data(const DataSources& sources,
                     const SampleEncoder& encoder,
                     const LoadRules& rules,
                     ThreadPool& pool) {
  require(!sources.train.empty(), "load_data: no training file");
  require(rules.max_length >= 2, "data.max_length: got ", rules.max_length, ", expected >= 2");
  LoadedData data;
  FileLoader loader(encoder, rules, pool);
  Collected train;
  Collected held_out;
  for (const auto& file : sources.train) loader.load(file, data.files, train);
  const std::size_t train_files = data.files.size();
  const auto* held_out_file = std::get_if<std::filesystem::path>(&sources.held_out);
  if (held_out_file != nullptr) loader.load(*held_out_file, data.files, held_out);

  if (rules.on_bad_sample == OnBadSample::kRefuse) refuse_bad_samples(data.files);
  require_samples(train.dataset, std::span(data.files).first(train_files));
  if (held_out_file != nullptr) {
    require_samples(held_out.dataset, std::span(data.files).subspan(train_files));
    data.shared_questions = count_shared(train, held_out);
  }
  if (const auto* fraction = std::get_if<double>(&sources.held_out)) {
    split(train, *fraction, rules.seed, data);
  } else {
    data.train = std::move(train.dataset);
    data.held_out = std::move(held_out.dataset);
  }
  return data;
}

}  // namespace longhaul
