#include "formats/gguf_pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Contractions, words, numbers, punctuation, each with one leading space; then white space but for
// its last character. The expression built into byte-level pre-tokenizers, as one of several steps.
constexpr std::string_view kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))";

constexpr std::string_view kLlama3Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kQwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kTekkenWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";

enum class Rule : std::uint8_t {
  kGpt2,    // the byte-level step's own expression alone
  kDigits,  // every digit by itself, then as gpt-2
  kSplits,  // the expressions of `splits`, one after the other
};

struct Entry {
  std::string_view name;
  Rule rule;
  std::array<std::string_view, 4> splits = {};
  bool composes = false;  // NFC before anything else
  bool ignores_merges = false;
  bool adds_bos = false;
};

constexpr std::array<Entry, 20> kEntries = {{
    {"default", Rule::kSplits, {kPunctuation, kGpt2Words, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
    {"gpt-2", Rule::kGpt2},
    {"phi-2", Rule::kGpt2},
    {"olmo", Rule::kGpt2},
    {"mpt", Rule::kGpt2},
    {"jais", Rule::kGpt2},
    {"smollm", Rule::kDigits},
    {"starcoder", Rule::kDigits},
    {"refact", Rule::kDigits},
    {"codeshell", Rule::kDigits},
    {"minerva-7b", Rule::kDigits},
    {"llama3", Rule::kSplits, {kLlama3Words}, false, true, true},
    {"llama-v3", Rule::kSplits, {kLlama3Words}, false, true, true},
    {"llama-bpe", Rule::kSplits, {kLlama3Words}, false, true, true},
    {"falcon3", Rule::kSplits, {kLlama3Words}, false, true, true},
    {"smaug-bpe", Rule::kSplits, {kLlama3Words}},
    {"dbrx", Rule::kSplits, {kLlama3Words}},
    {"qwen2", Rule::kSplits, {kQwen2Words}, true},
    {"deepseek-r1-qwen", Rule::kSplits, {kQwen2Words}, true},
    {"tekken", Rule::kSplits, {kTekkenWords}, false, true, true},
}};

Json split(std::string_view expression) {
  return Json::make_object({{"type", "Split"},
                            {"pattern", Json::make_object({{"Regex", expression}})},
                            {"behavior", "Isolated"},
                            {"invert", false}});
}

Json byte_level(bool uses_expression) {
  return Json::make_object({{"type", "ByteLevel"},
                            {"add_prefix_space", false},
                            {"trim_offsets", true},
                            {"use_regex", uses_expression}});
}

Json pre_tokenizer(const Entry& entry) {
  std::vector<Json> steps;
  if (entry.rule == Rule::kDigits) {
    steps.push_back(Json::make_object({{"type", "Digits"}, {"individual_digits", true}}));
  }
  for (const std::string_view expression : entry.splits) {
    if (!expression.empty()) steps.push_back(split(expression));
  }
  steps.push_back(byte_level(entry.rule != Rule::kSplits));
  if (steps.size() == 1) return steps.front();
  return Json::make_object({{"type", "Sequence"}, {"pretokenizers", Json::make_array(steps)}});
}

}  // namespace

GgufPreTokenizer make_gguf_pre_tokenizer(const Json& metadata) {
  const std::string name = metadata.string_or("tokenizer.ggml.pre", "default");
  const auto found = std::find_if(
      kEntries.begin(), kEntries.end(), [&](const Entry& entry) { return entry.name == name; });
  if (found == kEntries.end()) {
    std::string known;
    for (const Entry& entry : kEntries) known += concat(known.empty() ? "" : ", ", entry.name);
    throw FormatError(concat(metadata.at("tokenizer.ggml.pre").where(),
                             ": pre-tokenizer \"",
                             name,
                             "\" is not supported, expected one of ",
                             known));
  }
  return {.normalizer = found->composes ? Json::make_object({{"type", "NFC"}}) : Json(),
          .pre_tokenizer = pre_tokenizer(*found),
          .decoder = byte_level(true),
          .ignores_merges = found->ignores_merges,
          .adds_bos = found->adds_bos};
}

}  // namespace longhaul
