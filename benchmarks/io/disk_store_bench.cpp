// The disk store with sequential transfers of 4 MiB on data that was really written, and its
// checksum. benchmarks/io/compare_fio.py sets the rates beside those of fio. Environment:
//   LONGHAUL_BENCH_FOLDERS  folders to stripe over, with ':' between them; default: a temporary one
//   LONGHAUL_BENCH_MIB      size of the store, default 64
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>

#include <benchmark/benchmark.h>

#include "longhaul/io/disk_store.h"

#include "io/checksum.h"

namespace longhaul::bench {
namespace {

constexpr Bytes kTransfer = 4_MiB;

std::string text_of(const char* variable, const std::string& otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : text;
}

DiskStoreOptions make_options(DiskEngine engine, bool verifies) {
  DiskStoreOptions options;
  options.size = std::stoll(text_of("LONGHAUL_BENCH_MIB", "64")) * 1_MiB;
  options.engine = engine;
  options.verifies = verifies;
  std::istringstream folders(
      text_of("LONGHAUL_BENCH_FOLDERS", std::filesystem::temp_directory_path().string()));
  for (std::string folder; std::getline(folders, folder, ':');) {
    options.folders.push_back({folder, options.size});
  }
  return options;
}

struct Free {
  void operator()(std::byte* bytes) const { std::free(bytes); }
};

// Memory for transfers, page-aligned, full of bytes that do not repeat.
class Memory {
 public:
  explicit Memory(Bytes size)
      : size_(static_cast<std::size_t>(size.count)),
        bytes_(static_cast<std::byte*>(std::aligned_alloc(1U << 21, size_))) {
    std::uint64_t word = 1;
    for (std::size_t i = 0; i < size_; ++i) {
      word = word * 0x5851F42D4C957F2D + 1;
      bytes_.get()[i] = static_cast<std::byte>(word >> 56);
    }
  }
  std::span<std::byte> all() const { return {bytes_.get(), size_}; }
  // The i-th transfer's share.
  std::span<std::byte> share(std::int64_t i) const {
    const auto transfer = static_cast<std::size_t>(kTransfer.count);
    return all().subspan(static_cast<std::size_t>(i) * transfer % size_, transfer);
  }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte, Free> bytes_;
};

struct Case {
  const char* name;
  DiskEngine engine;
  bool registers;
  bool verifies;
};

// The whole store once, then `transfer(store, offset, memory)` round and round.
template <class Move>
void run(benchmark::State& state, const Case& chosen, const Move& move) {
  std::unique_ptr<DiskStore> made;
  try {
    made = std::make_unique<DiskStore>(make_options(chosen.engine, chosen.verifies));
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
    return;
  }
  DiskStore& store = *made;
  const Memory memory(8 * kTransfer);
  if (chosen.registers && !store.register_memory(memory.all())) {
    state.SkipWithError("the memory cannot be registered");
    return;
  }
  const std::int64_t transfers = store.size().count / kTransfer.count;
  for (std::int64_t i = 0; i < transfers; ++i) store.write(i * kTransfer, memory.share(i));
  std::int64_t next = 0;
  for (auto _ : state) {
    move(store, next % transfers * kTransfer, memory.share(next));
    ++next;
  }
  state.SetBytesProcessed(state.iterations() * kTransfer.count);
  state.SetLabel(std::string(store.engine_name()) + (store.is_direct() ? "" : ", page cache"));
}

void read(benchmark::State& state, const Case& chosen) {
  run(state, chosen, [](DiskStore& store, Bytes offset, std::span<std::byte> memory) {
    store.read(offset, memory);
  });
}

void write(benchmark::State& state, const Case& chosen) {
  run(state, chosen, [](DiskStore& store, Bytes offset, std::span<std::byte> memory) {
    store.write(offset, memory);
  });
}

void checksum(benchmark::State& state) {
  const Memory memory(kTransfer);
  const auto unit = static_cast<std::size_t>(kDiskUnit.count);
  for (auto _ : state) {
    for (std::size_t at = 0; at < memory.all().size(); at += unit) {
      benchmark::DoNotOptimize(checksum_of(memory.all().subspan(at, unit)));
    }
  }
  state.SetBytesProcessed(state.iterations() * kTransfer.count);
}
BENCHMARK(checksum);

constexpr std::array<Case, 4> kCases{{{"registered", DiskEngine::kRing, true, true},
                                      {"registered_unverified", DiskEngine::kRing, true, false},
                                      {"ring", DiskEngine::kRing, false, true},
                                      {"threads", DiskEngine::kThreads, false, true}}};

const bool kAreRegistered = [] {
  for (const Case& chosen : kCases) {
    const std::string name = chosen.name;
    benchmark::RegisterBenchmark(("write/" + name).c_str(), write, chosen)->UseRealTime();
    benchmark::RegisterBenchmark(("read/" + name).c_str(), read, chosen)->UseRealTime();
  }
  return true;
}();

}  // namespace
}  // namespace longhaul::bench
