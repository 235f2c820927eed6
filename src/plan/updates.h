// The updates of blocks: states come to where the update runs, chunk by chunk, and go home.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "longhaul/plan/lower.h"

#include "emitter.h"

namespace longhaul {

class Updates {
 public:
  Updates(const ModelGraph& graph,
          const StateFormat& format,
          const Plan& plan,
          LoweredPass& pass,
          Emitter& emit);

  // The scalars of the updates, before the norm is known; without clipping.
  void prepare();
  // The norm and the scalars, from the partial sums of every block. Ends the step's results.
  void clip(const std::vector<Operand>& norms);
  // Updates a block from its finished gradient, with the scalars of `scalars` (host). `weights`:
  // those of the block on the host where they came from disk already, from element 0 on.
  void update(BlockId block, const Operand& gradient, const Operand& weights = {});

  // The end of the chunk updated last.
  OpId last() const { return last_; }

  // Where the next updates find their scalars (host).
  Operand scalars;

 private:
  struct Chunk {
    BlockId block;
    std::int64_t first = 0;
    std::int64_t count = 0;
  };
  Operand scalars_on(Tier tier);
  OpId update_chunk(const Chunk& chunk, const Operand& gradient, const Operand& weights);
  // Brings a range to the tier of the update: where it is, or a copy in a staging slot.
  Operand bring(const Operand& from, Tier to, std::size_t stream, const std::vector<OpId>& after);
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
};

}  // namespace longhaul
