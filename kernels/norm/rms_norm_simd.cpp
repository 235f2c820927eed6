#include "kernels/norm/rms_norm.h"
#include "kernels/simd/columns.h"

namespace longhaul::kernels {
namespace {

template <class T>
void forward_row(const RmsNormForward& args, std::int64_t r) {
  const T* x = static_cast<const T*>(args.x) + r * args.width;
  const T* gain = static_cast<const T*>(args.gain);
  T* y = static_cast<T*>(args.y) + r * args.width;
  const float squares = sum_of_row(args.width, [&](std::int64_t c, auto span) {
    const Lanes value = load(x + c, span);
    return value * value;
  });
  const float mean = squares / static_cast<float>(args.width);
  const float rstd = 1.0F / __builtin_sqrtf(mean + args.epsilon);
  args.rstd[r] = rstd;
  for_lanes(0, args.width, [&](std::int64_t c, auto span) {
    store(y + c, load(x + c, span) * splat(rstd) * load(gain + c, span), span);
  });
}

// Writes the row's d_x and adds its share to `d_gain`, the partial sums of its chunk, or null.
template <class T>
void backward_row(const RmsNormBackward& args, std::int64_t r, float* d_gain) {
  const T* d_y = static_cast<const T*>(args.d_y) + r * args.width;
  const T* x = static_cast<const T*>(args.x) + r * args.width;
  const T* gain = static_cast<const T*>(args.gain);
  const T* d_residual = static_cast<const T*>(args.d_residual);
  T* d_x = static_cast<T*>(args.d_x) + r * args.width;
  const Lanes rstd = splat(args.rstd[r]);
  const float projection = sum_of_row(args.width, [&](std::int64_t c, auto span) {
    return load(d_y + c, span) * load(gain + c, span) * (load(x + c, span) * rstd);
  });
  const Lanes mean = splat(projection / static_cast<float>(args.width));
  for_lanes(0, args.width, [&](std::int64_t c, auto span) {
    const Lanes d = load(d_y + c, span);
    const Lanes normal = load(x + c, span) * rstd;
    if (d_gain != nullptr) store(d_gain + c, fma(d, normal, load(d_gain + c, span)), span);
    Lanes result = rstd * fnma(normal, mean, d * load(gain + c, span));
    if (d_residual != nullptr) result = result + load(d_residual + r * args.width + c, span);
    store(d_x + c, result, span);
  });
}

template <class T>
void backward(const RmsNormBackward& args, const Launch& launch) {
  for_chunks(launch, args.rows, kRowsPerChunk, [&](std::int64_t first, std::int64_t last) {
    float* d_gain = nullptr;
    if (args.d_gain != nullptr) {
      d_gain = args.scratch + first / kRowsPerChunk * args.width;
      for (std::int64_t c = 0; c < args.width; ++c) d_gain[c] = 0.0F;
    }
    for (std::int64_t r = first; r < last; ++r) backward_row<T>(args, r, d_gain);
  });
  if (args.d_gain == nullptr) return;
  fold_partials(launch,
                args.scratch,
                chunk_count(args.rows, kRowsPerChunk),
                args.width,
                args.width,
                static_cast<T*>(args.d_gain));
}

}  // namespace

void LONGHAUL_SIMD_BODY(rms_norm_forward)(const RmsNormForward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    for_chunks(launch, args.rows, kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r) forward_row<T>(args, r);
    });
  });
}

void LONGHAUL_SIMD_BODY(rms_norm_backward)(const RmsNormBackward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) { backward<T>(args, launch); });
}

}  // namespace longhaul::kernels
