// The updates of blocks: states come to where the update runs, chunk by chunk, and go home.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "longhaul/plan/lower.h"

#include "emitter.h"

namespace longhaul {

// An update of elements [first, end) of a block.
struct Update {
  BlockId block;
  std::int64_t first = 0;
  std::int64_t end = 0;
  Operand gradient;  // from element `first` on
  Operand scalars;   // host
  // The block's weights on the host where they came from disk already, from element 0 on.
  Operand weights;
  Operand norm;  // where the gradient, on the host, is measured as it is read; or none
  bool is_speculative = false;  // into the second slot
};

class Updates {
 public:
  Updates(const ModelGraph& graph,
          const StateFormat& format,
          const Plan& plan,
          LoweredPass& pass,
          Emitter& emit);

  // The scalars (host) of updates before the norm is known; without clipping.
  Operand prepare();
  // The norm and the scalars, from the partial sums of every block. Ends the step's results.
  Operand clip(const std::vector<Operand>& norms);
  void add(const Update& update) { add(update, update.first, update.end); }
  // Its chunks that begin in [first, until). Returns where the next one begins.
  std::int64_t add(const Update& update, std::int64_t first, std::int64_t until);
  // What was updated and has not gone home goes now: at the end, or a block's before it is read
  // there.
  void send_home();
  void send_home(BlockId block);

  // The end of the chunk updated last.
  OpId last() const { return last_; }

 private:
  struct Chunk {
    std::int64_t first = 0;
    std::int64_t count = 0;
  };
  // One stream of a chunk: where it is, where the update changes it, where it goes.
  struct Range {
    Operand from;
    Operand here;
    Operand home;
  };
  Operand scalars_on(const Operand& scalars, Tier tier);
  std::vector<OpId> awaited() const;
  OpId update_chunk(const Update& update, const Chunk& chunk);
  Range range_of(const Update& update,
                 const Chunk& chunk,
                 std::size_t stream,
                 const std::vector<OpId>& after);
  // Brings a range to the tier of the update: where it is, or a copy in a staging slot.
  Operand bring(const Operand& from, Tier to, std::size_t stream, const std::vector<OpId>& after);
  // Lanes are FIFO: what goes home would hold up all that leaves the device while its chunk is read
  // and updated. It goes after the next chunk's reads instead.
  bool is_late_home() const { return plan_.order == UpdateOrder::kSpread; }
  OpId take_home(const Operand& from, const Operand& home, std::size_t stream);
  Ring& ring(std::size_t stream, Tier tier);

  const ModelGraph& graph_;
  const StateFormat& format_;
  const Plan& plan_;
  LoweredPass& pass_;
  Emitter& emit_;
  std::array<std::vector<Ring>, 2> rings_;  // [tier][stream; the gradient's is the last]
  std::vector<std::pair<BufferId, Operand>> uploaded_;
  OpId last_;  // the end of the chunk before
  struct Homeward {
    BlockId block;
    Operand here;
    Operand home;
    std::size_t stream;
  };
  std::vector<Homeward> homeward_;  // of the chunk before: of one block
};

}  // namespace longhaul
