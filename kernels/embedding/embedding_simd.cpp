#include "kernels/embedding/embedding.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {
namespace {

// A run of equal ids is summed by one thread, so a long one (padding) is shared by columns instead.
constexpr std::int64_t kColumnsPerTask = 128;
constexpr std::int64_t kPositionsPerTask = 32;

// Positions [first, last) of the sorted order: tokens with the same id.
struct Run {
  std::int64_t first;
  std::int64_t last;
};

template <class T, class TableT>
void add_run(const EmbeddingBackward& args, Run run, std::int64_t column, std::int64_t end) {
  const T* d_y = static_cast<const T*>(args.d_y);
  const std::int64_t id = args.ids[args.order[run.first]];
  TableT* row = static_cast<TableT*>(args.d_table) + id * args.width;
  for_lanes(column, end, [&](std::int64_t c, auto span) {
    Lanes sum = load(d_y + args.order[run.first] * args.width + c, span);
    for (std::int64_t i = run.first + 1; i < run.last; ++i) {
      sum = sum + load(d_y + args.order[i] * args.width + c, span);
    }
    const Lanes before = load(static_cast<const TableT*>(row) + c, span);
    store(row + c, before + round_to(sum, static_cast<const T*>(nullptr)), span);
  });
}

template <class T, class TableT>
void backward(const EmbeddingBackward& args, const Launch& launch) {
  const auto id_at = [&](std::int64_t i) { return args.ids[args.order[i]]; };
  const std::int64_t column_tasks = chunk_count(args.width, kColumnsPerTask);
  const std::int64_t tasks = chunk_count(args.tokens, kPositionsPerTask) * column_tasks;
  launch.pool->parallel_for(tasks, [&](std::int64_t task, int) {
    const std::int64_t column = task % column_tasks * kColumnsPerTask;
    const std::int64_t columns_left = args.width - column;
    const std::int64_t end =
        column + (columns_left < kColumnsPerTask ? columns_left : kColumnsPerTask);
    const std::int64_t begin = task / column_tasks * kPositionsPerTask;
    std::int64_t i = begin;
    // A run belongs to the task in which it begins.
    while (i < args.tokens && i > 0 && id_at(i) == id_at(i - 1)) ++i;
    while (i < args.tokens && i < begin + kPositionsPerTask) {
      Run run{i, i + 1};
      while (run.last < args.tokens && id_at(run.last) == id_at(i)) ++run.last;
      add_run<T, TableT>(args, run, column, end);
      i = run.last;
    }
  });
}

}  // namespace

void LONGHAUL_SIMD_BODY(embedding_forward)(const EmbeddingForward& args, const Launch& launch) {
  check(args);
  const std::int64_t row = args.width * (args.dtype == DType::kF32 ? 4 : 2);  // bytes
  for_chunks(launch, args.tokens, kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) {
      __builtin_memcpy(static_cast<char*>(args.y) + t * row,
                       static_cast<const char*>(args.table) + args.ids[t] * row,
                       static_cast<std::size_t>(row));
    }
  });
}

void LONGHAUL_SIMD_BODY(embedding_backward)(const EmbeddingBackward& args, const Launch& launch) {
  check(args);
  if (args.dtype == DType::kF32) {
    backward<float, float>(args, launch);
  } else if (args.table_dtype == DType::kF32) {
    backward<Bf16, float>(args, launch);
  } else {
    backward<Bf16, Bf16>(args, launch);
  }
}

}  // namespace longhaul::kernels
