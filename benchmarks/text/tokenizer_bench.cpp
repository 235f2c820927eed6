// Encoding, decoding and loading, with the small tokenizers of the tests. Two environment variables
// add EncodeFile, a real tokenizer on a real text (benchmarks/text/compare_tokenizers.py):
//   LONGHAUL_BENCH_TOKENIZER  a tokenizer.json
//   LONGHAUL_BENCH_TEXT       a text file, encoded in parts of LONGHAUL_BENCH_PART bytes (default:
//   whole)
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "longhaul/core/philox.h"
#include "longhaul/text/tokenizer.h"

namespace longhaul {
namespace {

std::string file_of(std::string_view kind) {
  return std::string(LONGHAUL_TEST_DATA "/text/tokenizer/") + std::string(kind) + ".json";
}

std::string read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// `bytes` of prose, code, numbers and other scripts in a random order.
std::string mixed_text(std::size_t bytes) {
  constexpr std::array<std::string_view, 8> kPieces{
      "All human beings are born free and equal in dignity and rights. ",
      "They'll say it's what you'd expect, isn't it? ",
      "for (int i = 0; i < n; ++i) {\n\tsum += a[i] * b[i];\n}\n",
      "The price rose from $1,234.56 to 2.345,67 on 2024-02-29.\n\n",
      "Tous les \u00EAtres humains naissent libres et \u00E9gaux. ",
      "\u0412\u0441\u0435 \u043B\u044E\u0434\u0438 \u0440\u043E\u0436\u0434\u0430\u044E\u0442\u0441"
      "\u044F \u0441\u0432\u043E\u0431\u043E\u0434\u043D\u044B\u043C\u0438. ",
      "\u4EBA\u4EBA\u751F\u800C\u81EA\u7531,\u5728\u5C0A\u4E25\u548C\u6743\u5229\u4E0A\u3002\n",
      "    return [i ** 2 for i in range(10)]  # \U0001F600\n"};
  const Philox random(/*seed=*/7, /*purpose=*/0);
  std::string text;
  for (std::uint64_t i = 0; text.size() < bytes; ++i) {
    text += kPieces[static_cast<std::size_t>(random.below(i, kPieces.size()))];
  }
  return text;
}

void set_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void encode(benchmark::State& state, const std::string& kind, const std::string& text) {
  const Tokenizer tokenizer = load_tokenizer(file_of(kind));
  for (auto _ : state) {
    benchmark::DoNotOptimize(tokenizer.encode(text, SpecialTokens::kNone));
  }
  set_bytes(state, text.size());
}

void decode(benchmark::State& state, const std::string& kind) {
  const Tokenizer tokenizer = load_tokenizer(file_of(kind));
  const std::string text = mixed_text(std::size_t{1} << 18U);
  const std::vector<TokenId> ids = tokenizer.encode(text, SpecialTokens::kNone);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids, true));
  set_bytes(state, text.size());
}

void load(benchmark::State& state, const std::string& file) {
  const std::string json = read(file);
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::parse(json, file));
  set_bytes(state, json.size());
}

void encode_file(benchmark::State& state, const std::string& file, const std::string& text) {
  const Tokenizer tokenizer = load_tokenizer(file);
  const char* const part = std::getenv("LONGHAUL_BENCH_PART");
  const std::size_t size = part == nullptr ? text.size() : std::stoul(part);
  std::size_t ids = 0;
  for (auto _ : state) {
    ids = 0;
    for (std::size_t at = 0; at < text.size(); at += size) {
      const std::string_view piece = std::string_view(text).substr(at, size);
      ids += tokenizer.encode(piece, SpecialTokens::kNone).size();
    }
  }
  set_bytes(state, text.size());
  state.counters["ids"] = static_cast<double>(ids);
}

bool register_all() {
  for (const char* kind : {"gpt2", "llama3", "qwen2", "llama2"}) {
    const std::string name(kind);
    benchmark::RegisterBenchmark(("EncodeMixedText/" + name).c_str(), [=](benchmark::State& state) {
      encode(state, name, mixed_text(std::size_t{1} << 18U));
    });
    benchmark::RegisterBenchmark(("EncodeOneLongWord/" + name).c_str(),
                                 [=](benchmark::State& state) {
                                   encode(state, name, std::string(std::size_t{1} << 18U, 'a'));
                                 });
    benchmark::RegisterBenchmark(("Decode/" + name).c_str(),
                                 [=](benchmark::State& state) { decode(state, name); });
  }
  benchmark::RegisterBenchmark("Load/llama3",
                               [](benchmark::State& state) { load(state, file_of("llama3")); });
  const char* const tokenizer = std::getenv("LONGHAUL_BENCH_TOKENIZER");
  const char* const text = std::getenv("LONGHAUL_BENCH_TEXT");
  if (tokenizer != nullptr && text != nullptr) {
    benchmark::RegisterBenchmark(
        "EncodeFile", [file = std::string(tokenizer), text = read(text)](benchmark::State& state) {
          encode_file(state, file, text);
        });
    benchmark::RegisterBenchmark(
        "LoadFile",
        [file = std::string(tokenizer)](benchmark::State& state) { load(state, file); });
  }
  return true;
}

const bool kRegistered = register_all();

}  // namespace
}  // namespace longhaul
