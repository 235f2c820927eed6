// Sequential transfers of the disk store beside those of fio, which must be installed: on the same
// blocks of the same disk, since fio is given the store's own file, in turns of a few seconds.
//
//   compare_fio FOLDER [--gib 8] [--seconds 3] [--rounds 7] [--callers 1] [--mib 4] [--threads]
//               [--huge] [--unverified]
//
// The store transfers 4 MiB per call and verifies what it reads, unless told not to; with
// `--callers` N calls run at once. fio has direct=1, bs=1M and a depth of 8, which is what a call
// has in flight at most. With `--huge` the memory of both is on huge pages, for fio from the pool
// that `sysctl vm.nr_hugepages` sizes (16 do). Every turn begins after a second of rest.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "longhaul/core/error.h"
#include "longhaul/io/disk_store.h"

namespace longhaul::bench {
namespace {

struct Arguments {
  std::string folder;
  std::int64_t gib = 8;
  double seconds = 3;
  int rounds = 7;
  int callers = 1;
  std::int64_t mib = 4;
  DiskEngine engine = DiskEngine::kAuto;
  bool is_huge = false;
  bool verifies = true;
};

constexpr std::chrono::seconds kRest{1};

Arguments parse(const std::vector<std::string>& words) {
  require(!words.empty(), "name the folder to measure in");
  Arguments arguments;
  arguments.folder = words[0];
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "--threads") {
      arguments.engine = DiskEngine::kThreads;
      continue;
    }
    if (words[i] == "--huge") {
      arguments.is_huge = true;
      continue;
    }
    if (words[i] == "--unverified") {
      arguments.verifies = false;
      continue;
    }
    require(i + 1 < words.size(), words[i], ": unknown, or without a value");
    const std::string& value = words[i + 1];
    if (words[i] == "--gib") {
      arguments.gib = std::stoll(value);
    } else if (words[i] == "--seconds") {
      arguments.seconds = std::stod(value);
    } else if (words[i] == "--rounds") {
      arguments.rounds = std::stoi(value);
    } else if (words[i] == "--callers") {
      arguments.callers = std::stoi(value);
    } else if (words[i] == "--mib") {
      arguments.mib = std::stoll(value);
    } else {
      throw InvalidArgument(concat(words[i], ": unknown"));
    }
    ++i;
  }
  return arguments;
}

// The store's file, by a name that another process can open.
std::string file_of_store(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const std::string target = std::filesystem::read_symlink(entry.path(), ignored).string();
    if (target.rfind(std::filesystem::canonical(folder).string() + "/", 0) == 0) {
      return concat("/proc/", ::getpid(), "/fd/", entry.path().filename().string());
    }
  }
  throw IoError(folder, "the store's file is not among the open ones");
}

// Bytes per second. fio's report is one line of fields between semicolons: rates of reads and
// writes in KiB/s are the 7th and the 48th.
double run_fio(const Arguments& arguments, const std::string& file, std::string_view direction) {
  const std::string command = concat("fio --name=store --filename=",
                                     file,
                                     " --size=",
                                     arguments.gib,
                                     "G --bs=1M --direct=1",
                                     arguments.is_huge ? " --iomem=shmhuge" : "",
                                     " --ioengine=io_uring --iodepth=8 --rw=",
                                     direction,
                                     " --time_based --runtime=",
                                     arguments.seconds,
                                     " --output-format=terse --terse-version=3 2>/dev/null");
  std::this_thread::sleep_for(kRest);
  struct Close {
    void operator()(std::FILE* pipe) const { ::pclose(pipe); }
  };
  const std::unique_ptr<std::FILE, Close> pipe(::popen(command.c_str(), "r"));
  std::string output;
  std::array<char, 4096> part{};
  while (pipe && std::fgets(part.data(), part.size(), pipe.get()) != nullptr) output += part.data();
  std::vector<std::string> fields(1);
  for (const char c : output) {
    if (c == ';') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  require(fields.size() > 48, "no result from: ", command, "\n", output);
  return 1024 * (std::stod(fields[6]) + std::stod(fields[47]));
}

struct Free {
  void operator()(std::byte* bytes) const { std::free(bytes); }
};
using Memory = std::unique_ptr<std::byte, Free>;

// Bytes per second of calls from offset 0 on, round and round.
double run_store(const Arguments& arguments, DiskStore& store, std::byte* memory, bool is_write) {
  using Clock = std::chrono::steady_clock;
  const Bytes size = arguments.mib * 1_MiB;
  const std::int64_t calls = store.size().count / size.count;
  std::atomic<std::int64_t> next{0};
  std::this_thread::sleep_for(kRest);
  const auto start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::vector<std::thread> callers;
  for (int caller = 0; caller < arguments.callers; ++caller) {
    callers.emplace_back([&, caller] {
      const std::span bytes(memory + caller * size.count, static_cast<std::size_t>(size.count));
      while (elapsed() < arguments.seconds) {
        const Bytes offset = next++ % calls * size;
        is_write ? store.write(offset, bytes) : store.read(offset, bytes);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return static_cast<double>(next * size.count) / elapsed();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(const Arguments& arguments) {
  DiskStoreOptions options;
  options.size = arguments.gib * 1_GiB;
  options.folders = {{arguments.folder, options.size}};
  options.engine = arguments.engine;
  options.concurrent_calls = arguments.callers;
  options.verifies = arguments.verifies;
  DiskStore store(options);
  const std::string file = file_of_store(arguments.folder);
  const auto size = static_cast<std::size_t>(arguments.callers * arguments.mib) << 20;
  const Memory memory(static_cast<std::byte*>(std::aligned_alloc(1U << 21, size)));
  const std::span all(memory.get(), size);
  const int advice = arguments.is_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
  require(::madvise(memory.get(), size, advice) == 0, "no choice of huge pages here");
  std::uint64_t word = 1;
  for (std::byte& byte : all) {
    word = word * 0x5851F42D4C957F2D + 1;
    byte = static_cast<std::byte>(word >> 56);
  }
  store.register_memory(all);
  std::printf("%s, %s, %s pages, %s, %d x %lld MiB per call, store of %lld GiB\n",
              std::string(store.engine_name()).c_str(),
              store.is_direct() ? "direct" : "page cache",
              arguments.is_huge ? "huge" : "ordinary",
              arguments.verifies ? "verified" : "unverified",
              arguments.callers,
              static_cast<long long>(arguments.mib),
              static_cast<long long>(arguments.gib));
  for (const bool is_write : {true, false}) {
    // Before the writes, so that they replace; before the reads, since fio wrote something else.
    for (Bytes at{0}; at < store.size(); at += arguments.mib * 1_MiB) {
      store.write(at, all.first(static_cast<std::size_t>(arguments.mib) << 20));
    }
    const char* direction = is_write ? "write" : "read";
    std::vector<double> ours;
    std::vector<double> theirs;
    std::vector<double> ratios;
    for (int round = 0; round < arguments.rounds; ++round) {
      const bool is_first = round % 2 == 0;
      if (is_first) ours.push_back(run_store(arguments, store, memory.get(), is_write));
      theirs.push_back(run_fio(arguments, file, direction));
      if (!is_first) ours.push_back(run_store(arguments, store, memory.get(), is_write));
      ratios.push_back(ours.back() / theirs.back());
      std::printf("%-5s  store %.2f  fio %.2f GB/s  ratio %.2f\n",
                  direction,
                  ours.back() / 1e9,
                  theirs.back() / 1e9,
                  ratios.back());
      std::fflush(stdout);
    }
    std::printf("%-5s  medians: store %.2f  fio %.2f GB/s  ratio of medians %.2f, of rounds %.2f\n",
                direction,
                median(ours) / 1e9,
                median(theirs) / 1e9,
                median(ours) / median(theirs),
                median(ratios));
  }
}

}  // namespace
}  // namespace longhaul::bench

int main(int argc, char** argv) {
  try {
    longhaul::bench::compare(longhaul::bench::parse({argv + 1, argv + argc}));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compare_fio: %s\n", error.what());
    return 1;
  }
}
