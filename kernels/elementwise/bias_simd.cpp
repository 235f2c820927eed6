#include "kernels/elementwise/bias.h"
#include "kernels/simd/columns.h"

namespace longhaul::kernels {
namespace {

template <class T>
void forward(const BiasForward& args, const Launch& launch) {
  const T* bias = static_cast<const T*>(args.bias);
  for_chunks(launch, args.rows, kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const T* x = static_cast<const T*>(args.x) + r * args.width;
      T* y = static_cast<T*>(args.y) + r * args.width;
      for_lanes(0, args.width, [=](std::int64_t c, auto span) {
        store(y + c, load(x + c, span) + load(bias + c, span), span);
      });
    }
  });
}

template <class T>
void backward(const BiasBackward& args, const Launch& launch) {
  for_chunks(launch, args.rows, kRowsPerChunk, [&](std::int64_t first, std::int64_t last) {
    const T* d_y = static_cast<const T*>(args.d_y);
    float* partial = args.scratch + first / kRowsPerChunk * args.width;
    for_lanes(0, args.width, [=, &args](std::int64_t c, auto span) {
      Lanes sum = splat(0.0F);
      for (std::int64_t r = first; r < last; ++r) {
        sum = sum + load(d_y + r * args.width + c, span);
      }
      store(partial + c, sum, span);
    });
  });
  fold_partials(launch,
                args.scratch,
                chunk_count(args.rows, kRowsPerChunk),
                args.width,
                args.width,
                static_cast<T*>(args.d_bias));
}

}  // namespace

void LONGHAUL_SIMD_BODY(bias_forward)(const BiasForward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) { forward<T>(args, launch); });
}

void LONGHAUL_SIMD_BODY(bias_backward)(const BiasBackward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) { backward<T>(args, launch); });
}

}  // namespace longhaul::kernels
