#include "disk_rates.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <thread>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/io/disk_store.h"
#include "longhaul/io/file_system.h"
#include "longhaul/runtime/arena.h"

namespace longhaul {
namespace {

// One lane's transfer, a chunk of moments as plans move them: pieces of 1 MiB, so many at once as
// the store lets in flight for a caller.
constexpr Bytes kTransfer = 16_MiB;
constexpr int kDepthOfCaller = 8;

// A way to use the disk: so many callers at once, each with transfers of one size.
struct Manner {
  int callers;
  Bytes transfer;

  Bytes block() const { return std::min(transfer, kDiskStripe); }
  int depth() const {
    const auto pieces = static_cast<int>((transfer.count - 1) / kDiskStripe.count + 1);
    return callers * std::min(pieces, kDepthOfCaller);
  }
};
constexpr Manner kUsual{1, kTransfer};
constexpr std::array<Manner, 3> kOthers{{{1, 64_KiB}, {8, 64_KiB}, {1, 1_MiB}}};
constexpr int kMostCallers = 8;

// That this process has computed, in all of its threads.
double own_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class DiskTrial {
 public:
  DiskTrial(const CallContext& context, const std::filesystem::path& folder, Bytes size)
      : context_(context),
        store_({.folders = {{folder, size + kDiskStripe}},
                .size = size,
                .concurrent_calls = kMostCallers}),
        memory_("host", kMostCallers * kTransfer) {
    const Philox numbers(13, 0);
    auto* words = reinterpret_cast<std::uint32_t*>(memory_.base());
    const auto count = static_cast<std::uint64_t>(memory_.size().count) / sizeof(*words);
    for (std::uint64_t i = 0; i < count; ++i) {
      words[i] = static_cast<std::uint32_t>(i * 2654435761U);
    }
    for (std::uint64_t i = 0; i < count; i += 64) words[i] = numbers.bits(i);
    store_.register_memory({memory_.base(), static_cast<std::size_t>(memory_.size().count)});
  }

  const DiskStore& store() const { return store_; }
  Bytes written() const { return written_; }

  // The whole store front to back as far as the time allows; bytes a second of each transfer.
  std::vector<double> fill(double seconds, const OnShare& on_share) {
    const Stopwatch watch;
    std::vector<double> rates;
    for (Bytes at; at < store_.size() && (rates.size() < 2 || watch.seconds() < seconds);
         at = written_) {
      check_stop(context_);
      const Bytes size = std::min(kTransfer, store_.size() - at);
      rates.push_back(timed(size, [&] { store_.write(at, bytes(0, size)); }));
      written_ = at + size;
      on_share(std::min(1.0, watch.seconds() / seconds));
    }
    return rates;
  }

  // Bytes a second of rounds in which every caller does one transfer, over what was written.
  Samples transfer(const Manner& manner, bool is_write, double seconds) {
    const Bytes round = manner.transfer * manner.callers;
    const Bytes usable{written_.count / round.count * round.count};
    Samples rates;
    core_ = {};
    if (usable.count == 0) return rates;
    const std::int64_t rounds = std::max<std::int64_t>(1, (8_MiB).count / round.count);
    const Stopwatch watch;
    Bytes at;
    for (int i = 0; i < 500 && (i < 3 || watch.seconds() < seconds); ++i) {
      check_stop(context_);
      const Bytes begin = at;
      const auto caller = [&](int which) {
        for (std::int64_t r = 0; r < rounds; ++r) {
          // Odd strides: neighbours would be one long transfer for the disk.
          const std::int64_t place =
              begin.count + (r * 7 * manner.callers + which) * manner.transfer.count;
          move(is_write, Bytes{place % usable.count}, which, manner.transfer);
        }
      };
      const double busy = own_seconds();
      rates.add(timed(round * rounds, [&] { together(manner.callers, caller); }));
      const double wall = static_cast<double>((round * rounds).count) / rates[rates.size() - 1];
      core_.add(std::min(1.0, (own_seconds() - busy) / wall));
      at = Bytes{(begin.count + round.count * rounds * 11) % usable.count};
    }
    return rates;
  }

  // What the last call of transfer() kept busy of one core.
  const Samples& core() const { return core_; }

  // A transfer that reads beside one that writes, in halves of the store of their own.
  Samples mix(double seconds) {
    Samples rates;
    const Bytes half{written_.count / 2 / kTransfer.count * kTransfer.count};
    if (half.count == 0) return rates;
    const Stopwatch watch;
    Bytes at;
    for (int i = 0; i < 100 && (i < 3 || watch.seconds() < seconds); ++i) {
      check_stop(context_);
      rates.add(timed(2 * kTransfer, [&] {
        together(
            2, [&](int which) { move(which == 1, which == 1 ? half + at : at, which, kTransfer); });
      }));
      at = Bytes{(at + kTransfer).count % half.count};
    }
    return rates;
  }

 private:
  std::span<std::byte> bytes(int caller, Bytes size) const {
    return {memory_.base() + caller * kTransfer.count, static_cast<std::size_t>(size.count)};
  }
  void move(bool is_write, Bytes at, int caller, Bytes size) {
    if (is_write) {
      store_.write(at, bytes(caller, size));
    } else {
      store_.read(at, bytes(caller, size));
    }
  }
  template <class Work>
  static double timed(Bytes size, const Work& work) {
    const Stopwatch watch;
    work();
    return static_cast<double>(size.count) / std::max(watch.seconds(), 1e-9);
  }
  // `work(caller)` in threads; the first exception is rethrown.
  template <class Work>
  static void together(int callers, const Work& work) {
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(callers));
    const auto guarded = [&](int caller) {
      try {
        work(caller);
      } catch (...) {
        errors[static_cast<std::size_t>(caller)] = std::current_exception();
      }
    };
    std::vector<std::thread> threads;
    for (int caller = 1; caller < callers; ++caller) threads.emplace_back(guarded, caller);
    guarded(0);
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
  }

  const CallContext& context_;
  DiskStore store_;
  Arena memory_;
  Bytes written_;
  Samples core_;
};

Samples samples_of(std::vector<double>::const_iterator begin,
                   std::vector<double>::const_iterator end) {
  Samples samples;
  for (; begin != end; ++begin) samples.add(*begin);
  return samples;
}

DiskRate rate_of(const Manner& manner, const Samples& rates, const std::string& how) {
  return {manner.block(), manner.depth(), measured_figure<BytesPerSecond>(rates, how)};
}

// The last quarter of what was written counts: the first may have stayed in a cache of the drive.
DiskRate write_rate(const std::vector<double>& rates, Bytes written, const std::string& way) {
  const std::size_t quarter = std::max<std::size_t>(1, rates.size() / 4);
  const auto quarter_size = std::ptrdiff_t(quarter);
  const Samples first = samples_of(rates.begin(), rates.begin() + quarter_size);
  const Samples last = samples_of(rates.end() - quarter_size, rates.end());
  return rate_of(kUsual,
                 last,
                 concat("the last quarter of ",
                        to_string(written),
                        way,
                        "; the first quarter, with the drive's write cache, at ",
                        to_string(BytesPerSecond{first.median()})));
}

void check_folder(const CallContext& context, const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw IoError(folder.string(), "is no folder: expected one on the disk to measure", ENOENT);
  }
  const std::string memory = memory_file_system(folder);
  if (memory.empty()) return;
  context.log.write(LogLevel::kWarning,
                    concat(folder.string(),
                           ": is a RAM disk (",
                           memory,
                           "): its rates are those of memory, and what a plan puts there takes "
                           "main memory; name a folder on a disk"));
}

}  // namespace

MeasuredDisk measure_disk(const CallContext& context,
                          const std::filesystem::path& folder,
                          Bytes size,
                          double seconds,
                          const OnShare& on_share) {
  check_folder(context, folder);
  require(size >= 2 * kTransfer,
          "profile: got ",
          to_string(size),
          " to write to ",
          folder.string(),
          ", expected at least ",
          to_string(2 * kTransfer));
  MeasuredDisk measured;
  DiskProfile& disk = measured.profile;
  disk.name = std::filesystem::absolute(folder).lexically_normal().string();
  const std::filesystem::space_info space = std::filesystem::space(folder);
  disk.capacity =
      found_figure(Bytes{static_cast<std::int64_t>(space.available)}, "free in its file system");
  DiskTrial trial(context, folder, size);
  const std::vector<double> filled =
      trial.fill(0.4 * seconds, [&](double share) { on_share(0.4 * share); });
  const std::string way =
      concat(" by ",
             trial.store().engine_name(),
             trial.store().is_direct() ? ", past the page cache" : " through the page cache");
  disk.write.push_back(write_rate(filled, trial.written(), way));
  const std::string how = "of data just written" + way;
  disk.read.push_back(rate_of(kUsual, trial.transfer(kUsual, false, 0.25 * seconds), how));
  measured.core = trial.core();
  on_share(0.65);
  disk.mixed.push_back(rate_of(kUsual, trial.mix(0.15 * seconds), "a read beside a write" + way));
  on_share(0.8);
  for (const Manner& manner : kOthers) {
    const double each = 0.2 * seconds / (2.0 * kOthers.size());
    disk.read.push_back(rate_of(manner, trial.transfer(manner, false, each), how));
    disk.write.push_back(
        rate_of(manner, trial.transfer(manner, true, each), "over data just written" + way));
  }
  return measured;
}

}  // namespace longhaul
