#include "kernels/optim/accumulate.h"
#include "kernels/optim/gradient_norm.h"
#include "kernels/simd/fold_doubles.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {

void LONGHAUL_SIMD_BODY(accumulate)(const Accumulate& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    const T* gradient = static_cast<const T*>(args.gradient);
    float* sum = args.accumulator;
    if (args.is_first) {
      for_elements(launch, args.count, [=](std::int64_t i, auto span) {
        store(sum + i, load(gradient + i, span), span);
      });
      return;
    }
    for_elements(launch, args.count, [=](std::int64_t i, auto span) {
      const Lanes before = load(static_cast<const float*>(sum) + i, span);
      store(sum + i, before + load(gradient + i, span), span);
    });
  });
}

namespace {

// The sum of the terms at i, rounded to T and stored.
template <class T, class Span>
LONGHAUL_LANES_INLINE void finish(const FinishAccumulation& args, std::int64_t i, Span span) {
  const T* gradient = static_cast<const T*>(args.gradient);
  Lanes sum = load(args.accumulator + i, span);
  if (gradient != nullptr) sum = sum + load(gradient + i, span);
  if (args.tied != nullptr) sum = sum + load(args.tied + i, span);
  store(static_cast<T*>(args.transport) + i, sum, span);
}

}  // namespace

void LONGHAUL_SIMD_BODY(finish_accumulation)(const FinishAccumulation& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    if (args.sums == nullptr) {
      for_elements(
          launch, args.count, [&](std::int64_t i, auto span) { finish<T>(args, i, span); });
      return;
    }
    const T* transport = static_cast<const T*>(args.transport);
    for_chunks(launch, args.count, kNormChunk, [&](std::int64_t first, std::int64_t last) {
      DoubleLanes lanes = zero_doubles();
      std::int64_t nonfinite = 0;
      for_lanes(first, last, [&](std::int64_t i, auto span) {
        finish<T>(args, i, span);
        const Lanes rounded = load(transport + i, span);
        add_squares_to(lanes, rounded);
        nonfinite += count_nonfinite(rounded);
      });
      args.sums[first / kNormChunk] = fold_doubles(lanes);
      args.nonfinite[first / kNormChunk] = nonfinite;
    });
  });
}

}  // namespace longhaul::kernels
