#include "longhaul/io/disk_store.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "longhaul/core/error.h"

#include "io/disk_channel.h"
#include "io/thread_queue.h"

namespace longhaul {
namespace {

// In flight per folder and call. 8 MiB keep one fast SSD busy while a queue fills and drains.
constexpr int kDepthPerFolder = 8;
// Threads beyond this add switches, not speed.
constexpr int kMostThreads = 32;

// The unnamed files, one per folder that the stripes use.
class UnnamedFiles {
 public:
  UnnamedFiles(const DiskStoreOptions& options, const std::vector<Bytes>& sizes)
      : disk_(options.disk) {
    try {
      for (std::size_t i = 0; i < sizes.size(); ++i) open(options, sizes, i);
    } catch (...) {
      close();
      throw;
    }
  }
  ~UnnamedFiles() { close(); }
  UnnamedFiles(const UnnamedFiles&) = delete;
  UnnamedFiles& operator=(const UnnamedFiles&) = delete;

  const std::vector<int>& descriptors() const { return descriptors_; }  // -1: not used
  bool is_direct() const { return is_direct_; }

 private:
  void open(const DiskStoreOptions& options, const std::vector<Bytes>& sizes, std::size_t i);
  void close() {
    for (const int descriptor : descriptors_) {
      if (descriptor >= 0) disk_->close(descriptor);
    }
  }

  DiskOps* disk_;
  std::vector<int> descriptors_;
  bool is_direct_ = true;
};

// "; /a: needs 3 GiB, free 1 GiB; /b: ...", as far as the system tells.
std::string describe_room(const DiskStoreOptions& options, const std::vector<Bytes>& sizes) {
  std::string text;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::int64_t free = 0;
    const bool is_known = options.disk->free_space(options.folders[i].path, free) == 0;
    text += concat("; ",
                   options.folders[i].path.string(),
                   ": needs ",
                   to_string(sizes[i]),
                   ", free ",
                   is_known ? to_string(Bytes{free}) : "unknown");
  }
  return text;
}

void UnnamedFiles::open(const DiskStoreOptions& options,
                        const std::vector<Bytes>& sizes,
                        std::size_t i) {
  descriptors_.push_back(-1);
  if (sizes[i].count == 0) return;
  const std::filesystem::path& folder = options.folders[i].path;
  bool is_direct = false;
  if (const int error = disk_->create_unnamed(folder, descriptors_.back(), is_direct); error != 0) {
    throw IoError(folder.string(), "cannot make a file for the disk store", error);
  }
  is_direct_ = is_direct_ && is_direct;
  // Asked before the reservation, which may take what is free and then give it back.
  const std::string room = describe_room(options, sizes);
  if (const int error = disk_->reserve(descriptors_.back(), sizes[i].count); error != 0) {
    throw IoError(folder.string(), concat("cannot reserve room for the disk store", room), error);
  }
}

std::vector<Bytes> capacities_of(const DiskStoreOptions& options) {
  require(!options.folders.empty(), "disk store: no folder is named");
  require(options.size.count > 0, "disk store: size is ", options.size.count, " B, expected > 0");
  require(options.concurrent_calls >= 1,
          "disk store: ",
          options.concurrent_calls,
          " concurrent calls, expected at least 1");
  std::vector<Bytes> capacities;
  for (const DiskFolder& folder : options.folders) {
    require(folder.capacity.count >= 0, folder.path.string(), ": capacity below zero");
    capacities.push_back(folder.capacity);
  }
  return capacities;
}

std::unique_ptr<TransferQueue> open_queue(const DiskStoreOptions& options,
                                          DiskEngine engine,
                                          int depth) {
  if (engine == DiskEngine::kThreads) {
    return std::make_unique<ThreadQueue>(*options.disk, depth, std::min(depth, kMostThreads));
  }
  std::unique_ptr<TransferQueue> queue;
  const int error = options.disk->open_ring(depth, queue);
  if (error != 0) throw IoError("disk store", "the system refuses an io_uring", error);
  return queue;
}

IoError make_error(const DiskFailure& failure, bool is_write, const std::string& folder) {
  const std::string place = concat("byte ",
                                   failure.offset,
                                   " of the disk store (byte ",
                                   failure.file_offset,
                                   " of its file here)");
  const std::string what = concat(
      is_write ? "cannot write " : "cannot read ", to_string(Bytes{failure.size}), " at ", place);
  switch (failure.kind) {
    case DiskFailure::Kind::kRefused: return {folder, what, failure.code};
    case DiskFailure::Kind::kEndsEarly: return {folder, concat(what, ": nothing more is moved")};
    case DiskFailure::Kind::kMismatch: break;
  }
  return {folder,
          concat("the ",
                 to_string(Bytes{failure.size}),
                 " at ",
                 place,
                 " are not what was written: the disk, its connection or the memory is failing; "
                 "look at the kernel's log, resume from the checkpoint, and name another folder if "
                 "it happens again")};
}

}  // namespace

struct DiskStore::State {
  State(const DiskStoreOptions& options, Stripes stripes)
      : folders(options.folders),
        files(options, stripes.file_sizes()),
        layout{std::move(stripes), files.descriptors(), {}} {
    if (options.verifies) layout.units.emplace(options.size);
  }

  void open_channels(const DiskStoreOptions& options, DiskEngine engine) {
    const int depth = kDepthPerFolder * static_cast<int>(folders.size());
    channels.reserve(static_cast<std::size_t>(options.concurrent_calls));
    for (int i = 0; i < options.concurrent_calls; ++i) {
      channels.push_back(
          std::make_unique<DiskChannel>(layout, open_queue(options, engine, depth), depth));
    }
    for (const auto& channel : channels) free_channels.push_back(channel.get());
    is_ring = engine == DiskEngine::kRing;
  }

  std::vector<DiskFolder> folders;
  UnnamedFiles files;
  DiskLayout layout;
  std::vector<std::unique_ptr<DiskChannel>> channels;

  bool is_ring = false;

  std::mutex mutex;  // guards the next two
  std::vector<DiskChannel*> free_channels;
  bool is_registered = false;
  std::condition_variable channel_is_free;

  std::atomic<std::int64_t> bytes_read{0};
  std::atomic<std::int64_t> bytes_written{0};
};

// A channel for the length of a call.
class DiskStore::Borrowed {
 public:
  explicit Borrowed(State& state) : state_(&state) {
    std::unique_lock lock(state.mutex);
    state.channel_is_free.wait(lock, [&] { return !state.free_channels.empty(); });
    channel_ = state.free_channels.back();
    state.free_channels.pop_back();
  }
  ~Borrowed() {
    {
      const std::lock_guard lock(state_->mutex);
      state_->free_channels.push_back(channel_);
    }
    // All of them: who waits for every channel may not be the one that is woken.
    state_->channel_is_free.notify_all();
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  DiskChannel* operator->() const { return channel_; }

 private:
  State* state_;
  DiskChannel* channel_;
};

DiskStore::DiskStore(const DiskStoreOptions& options)
    : size_(options.size),
      state_(std::make_unique<State>(options, Stripes(capacities_of(options), options.size))) {
  if (options.engine != DiskEngine::kAuto) {
    state_->open_channels(options, options.engine);
    return;
  }
  try {
    state_->open_channels(options, DiskEngine::kRing);
  } catch (const IoError&) {
    state_->channels.clear();
    state_->open_channels(options, DiskEngine::kThreads);
  }
}

DiskStore::~DiskStore() = default;

void DiskStore::read(Bytes offset, std::span<std::byte> to) {
  check_range("read", offset, to.size());
  State& state = *state_;
  if (state.layout.units) {
    const std::int64_t end = offset.count + static_cast<std::int64_t>(to.size());
    for (std::int64_t at = offset.count; at < end; at += kDiskUnit.count) {
      require(state.layout.units->held(at / kDiskUnit.count) > 0,
              "disk store: read of ",
              to.size(),
              " B at byte ",
              offset.count,
              ": nothing was written at byte ",
              at);
    }
  }
  const auto failure = Borrowed(state)->run({false, offset.count, to});
  if (failure) {
    const auto folder = static_cast<std::size_t>(failure->folder);
    throw make_error(*failure, false, state.folders[folder].path.string());
  }
  state.bytes_read += static_cast<std::int64_t>(to.size());
}

void DiskStore::write(Bytes offset, std::span<const std::byte> from) {
  check_range("write", offset, from.size());
  State& state = *state_;
  // A call that writes only reads from its memory.
  const std::span memory(const_cast<std::byte*>(from.data()), from.size());
  const auto failure = Borrowed(state)->run({true, offset.count, memory});
  if (failure) {
    if (state.layout.units) {
      const auto size = static_cast<std::int64_t>(from.size());
      state.layout.units->forget(offset.count / kDiskUnit.count,
                                 round_up(size, kDiskUnit.count) / kDiskUnit.count);
    }
    const auto folder = static_cast<std::size_t>(failure->folder);
    throw make_error(*failure, true, state.folders[folder].path.string());
  }
  state.bytes_written += static_cast<std::int64_t>(from.size());
}

bool DiskStore::register_memory(std::span<std::byte> memory) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.channel_is_free.wait(lock,
                             [&] { return state.free_channels.size() == state.channels.size(); });
  const auto register_with_all = [&](std::span<std::byte> bytes) {
    return std::all_of(state.channels.begin(), state.channels.end(), [&](const auto& channel) {
      return channel->queue().register_memory(bytes) == 0;
    });
  };
  const bool is_done = register_with_all(memory);
  state.is_registered = is_done && !memory.empty();
  if (!is_done) register_with_all({});
  return is_done;
}

std::string_view DiskStore::engine_name() const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->is_ring) return "threads";
  return state_->is_registered ? "io_uring, registered memory" : "io_uring";
}

bool DiskStore::is_direct() const {
  return state_->files.is_direct();
}

Bytes DiskStore::bytes_read() const {
  return {state_->bytes_read.load(std::memory_order_relaxed)};
}

Bytes DiskStore::bytes_written() const {
  return {state_->bytes_written.load(std::memory_order_relaxed)};
}

void DiskStore::check_range(std::string_view what, Bytes offset, std::size_t size) const {
  const bool is_inside = offset.count >= 0 && offset.count <= size_.count &&
                         size <= static_cast<std::size_t>(size_.count - offset.count);
  require(is_inside && offset.count % kDiskUnit.count == 0,
          "disk store: ",
          what,
          " of ",
          size,
          " B at byte ",
          offset.count,
          ", expected a multiple of ",
          kDiskUnit.count,
          " inside ",
          size_.count,
          " B");
}

}  // namespace longhaul
