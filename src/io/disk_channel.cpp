#include "io/disk_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "longhaul/io/disk_store.h"

namespace longhaul {
namespace {

constexpr auto kUnit = static_cast<std::size_t>(kDiskUnit.count);
constexpr auto kStripe = static_cast<std::size_t>(kDiskStripe.count);
constexpr auto kSector = static_cast<std::size_t>(kDiskAlignment.count);

// A transfer may be cut short or put off; one that moves nothing so often is not going to.
constexpr int kMostAttempts = 8;

std::size_t up_to_sector(std::size_t size) {
  return (size + kSector - 1) / kSector * kSector;
}

bool is_aligned(const std::byte* memory) {
  return reinterpret_cast<std::uintptr_t>(memory) % kSector == 0;
}

}  // namespace

DiskChannel::DiskChannel(DiskLayout& layout, std::unique_ptr<TransferQueue> queue, int depth)
    : layout_(&layout), queue_(std::move(queue)), pieces_(static_cast<std::size_t>(depth)) {
  // Pages that are never copied to are never touched, so they take no memory.
  copies_.reset(static_cast<std::byte*>(std::aligned_alloc(kSector, pieces_.size() * kUnit)));
  if (!copies_) throw std::bad_alloc();
  for (std::size_t slot = pieces_.size(); slot > 0; --slot) {
    free_slots_.push_back(static_cast<std::uint32_t>(slot - 1));
  }
}

std::optional<DiskFailure> DiskChannel::run(const DiskCall& call) {
  call_ = call;
  begun_ = 0;
  failure_.reset();
  for (;;) {
    begin_more();
    if (free_slots_.size() == pieces_.size()) return failure_;
    advance(queue_->wait());
  }
}

void DiskChannel::begin_more() {
  while (begun_ < call_.memory.size() && !free_slots_.empty() && !failure_) {
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    begin(slot);
  }
}

// Memory that is aligned and covers what must be moved is used in place, up to a whole stripe.
// Otherwise it is one unit through the slot's copy: to write, filled up to a whole sector; to read,
// all that the unit holds, so that it can be verified.
DiskChannel::Piece DiskChannel::next_piece(std::uint32_t slot) const {
  Piece piece{call_.offset + static_cast<std::int64_t>(begun_), {}, {}, {}, 0, 0};
  piece.place = layout_->stripes.locate(piece.offset);
  const std::span<std::byte> rest = call_.memory.subspan(begun_);
  const auto in_stripe = static_cast<std::size_t>(piece.offset) % kStripe;
  const std::size_t whole = std::min(rest.size(), kStripe - in_stripe) / kUnit * kUnit;
  if (is_aligned(rest.data()) && whole > 0) {
    piece.memory = piece.transferred = rest.first(whole);
    return piece;
  }
  piece.memory = rest.first(std::min(rest.size(), kUnit));
  std::size_t size = piece.memory.size();
  if (!call_.is_write && layout_->units) {
    const std::int64_t held = layout_->units->held(piece.offset / kDiskUnit.count);
    size = std::max(size, static_cast<std::size_t>(held));
  }
  piece.transferred = {copies_.get() + slot * kUnit, up_to_sector(size)};
  if (is_aligned(rest.data()) && piece.transferred.size() == piece.memory.size()) {
    piece.transferred = piece.memory;
  }
  return piece;
}

void DiskChannel::begin(std::uint32_t slot) {
  Piece& piece = pieces_[slot];
  piece = next_piece(slot);
  begun_ += piece.memory.size();
  if (call_.is_write && piece.transferred.data() != piece.memory.data()) {
    std::memcpy(piece.transferred.data(), piece.memory.data(), piece.memory.size());
    const auto rest = piece.transferred.subspan(piece.memory.size());
    std::fill(rest.begin(), rest.end(), std::byte{0});
  }
  start(slot);
  // While the disk works.
  if (call_.is_write && layout_->units) {
    layout_->units->record(piece.offset / kDiskUnit.count, piece.memory);
  }
}

void DiskChannel::start(std::uint32_t slot) {
  const Piece& piece = pieces_[slot];
  queue_->start({layout_->descriptors[static_cast<std::size_t>(piece.place.folder)],
                 call_.is_write,
                 piece.place.offset + static_cast<std::int64_t>(piece.done),
                 piece.transferred.subspan(piece.done),
                 slot});
}

void DiskChannel::advance(const Completion& completion) {
  Piece& piece = pieces_[completion.tag];
  const std::size_t left = piece.transferred.size() - piece.done;
  auto moved = static_cast<std::size_t>(std::max<std::int64_t>(completion.result, 0));
  // The rest must start at a sector again.
  if (moved < left) moved -= moved % kSector;
  const int code = completion.result < 0 ? static_cast<int>(-completion.result) : 0;
  const bool is_put_off = code == 0 || code == EAGAIN || code == EINTR;
  piece.done += moved;
  piece.attempts = moved > 0 ? 0 : piece.attempts + 1;
  if (moved < left && !failure_) {
    if (is_put_off && piece.attempts < kMostAttempts) return start(completion.tag);
    fail(piece, code == 0 ? DiskFailure::Kind::kEndsEarly : DiskFailure::Kind::kRefused, code);
  }
  const Piece arrived = piece;
  const bool uses_copy = arrived.transferred.data() != arrived.memory.data();
  if (uses_copy && !failure_) finish(arrived);
  free_slots_.push_back(completion.tag);
  if (uses_copy || failure_) return;
  begin_more();  // the disk works on while this piece is looked at
  finish(arrived);
}

void DiskChannel::finish(const Piece& piece) {
  if (call_.is_write) return;
  if (layout_->units) {
    const std::int64_t first = piece.offset / kDiskUnit.count;
    const std::int64_t unit = layout_->units->find_mismatch(first, piece.transferred);
    if (unit >= 0) {
      const std::int64_t into = unit * kDiskUnit.count - piece.offset;
      failure_ = DiskFailure{DiskFailure::Kind::kMismatch,
                             0,
                             piece.place.folder,
                             piece.offset + into,
                             layout_->units->held(unit),
                             piece.place.offset + into};
      return;
    }
  }
  if (piece.transferred.data() != piece.memory.data()) {
    std::memcpy(piece.memory.data(), piece.transferred.data(), piece.memory.size());
  }
}

void DiskChannel::fail(const Piece& piece, DiskFailure::Kind kind, int code) {
  failure_ = DiskFailure{kind,
                         code,
                         piece.place.folder,
                         piece.offset + static_cast<std::int64_t>(piece.done),
                         static_cast<std::int64_t>(piece.transferred.size() - piece.done),
                         piece.place.offset + static_cast<std::int64_t>(piece.done)};
}

}  // namespace longhaul
