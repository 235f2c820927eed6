#include "kernels/norm/layer_norm.h"
#include "kernels/simd/columns.h"

namespace longhaul::kernels {
namespace {

template <class T>
void forward_row(const LayerNormForward& args, std::int64_t r) {
  const T* x = static_cast<const T*>(args.x) + r * args.width;
  const T* gain = static_cast<const T*>(args.gain);
  const T* bias = static_cast<const T*>(args.bias);
  T* y = static_cast<T*>(args.y) + r * args.width;
  const auto width = static_cast<float>(args.width);
  const float mean =
      sum_of_row(args.width, [&](std::int64_t c, auto span) { return load(x + c, span); }) / width;
  const float squares = sum_of_row(args.width, [&](std::int64_t c, auto span) {
    const Lanes centred = keep(load(x + c, span) - splat(mean), span, 0.0F);
    return centred * centred;
  });
  const float rstd = 1.0F / __builtin_sqrtf(squares / width + args.epsilon);
  args.mean[r] = mean;
  args.rstd[r] = rstd;
  for_lanes(0, args.width, [&](std::int64_t c, auto span) {
    const Lanes normal = (load(x + c, span) - splat(mean)) * splat(rstd);
    store(y + c, fma(normal, load(gain + c, span), load(bias + c, span)), span);
  });
}

// The partial sums of one chunk of rows, each [width].
struct Partials {
  float* d_gain;
  float* d_bias;
};

// Writes the row's d_x and adds its share to `partials`, whose pointers may be null.
template <class T>
void backward_row(const LayerNormBackward& args, std::int64_t r, Partials partials) {
  const T* d_y = static_cast<const T*>(args.d_y) + r * args.width;
  const T* x = static_cast<const T*>(args.x) + r * args.width;
  const T* gain = static_cast<const T*>(args.gain);
  const T* d_residual = static_cast<const T*>(args.d_residual);
  T* d_x = static_cast<T*>(args.d_x) + r * args.width;
  const auto width = static_cast<float>(args.width);
  const Lanes mean = splat(args.mean[r]);
  const Lanes rstd = splat(args.rstd[r]);
  // d_y is zero in lanes beyond the row, and so are both terms.
  const float sum_t = sum_of_row(args.width, [&](std::int64_t c, auto span) {
    return load(d_y + c, span) * load(gain + c, span);
  });
  const float sum_t_normal = sum_of_row(args.width, [&](std::int64_t c, auto span) {
    const Lanes t = load(d_y + c, span) * load(gain + c, span);
    return t * ((load(x + c, span) - mean) * rstd);
  });
  const Lanes mean_t = splat(sum_t / width);
  const Lanes mean_t_normal = splat(sum_t_normal / width);
  for_lanes(0, args.width, [&](std::int64_t c, auto span) {
    const Lanes d = load(d_y + c, span);
    const Lanes normal = (load(x + c, span) - mean) * rstd;
    if (partials.d_gain != nullptr) {
      float* d_gain = partials.d_gain + c;
      float* d_bias = partials.d_bias + c;
      store(d_gain, fma(d, normal, load(static_cast<const float*>(d_gain), span)), span);
      store(d_bias, d + load(static_cast<const float*>(d_bias), span), span);
    }
    const Lanes t = d * load(gain + c, span);
    Lanes result = rstd * fnma(normal, mean_t_normal, t - mean_t);
    if (d_residual != nullptr) result = result + load(d_residual + r * args.width + c, span);
    store(d_x + c, result, span);
  });
}

template <class T>
void backward(const LayerNormBackward& args, const Launch& launch) {
  const std::int64_t stride = 2 * args.width;  // [chunks, 2, width]
  for_chunks(launch, args.rows, kRowsPerChunk, [&](std::int64_t first, std::int64_t last) {
    Partials partials{nullptr, nullptr};
    if (args.d_gain != nullptr) {
      partials.d_gain = args.scratch + first / kRowsPerChunk * stride;
      partials.d_bias = partials.d_gain + args.width;
      for (std::int64_t c = 0; c < stride; ++c) partials.d_gain[c] = 0.0F;
    }
    for (std::int64_t r = first; r < last; ++r) backward_row<T>(args, r, partials);
  });
  if (args.d_gain == nullptr) return;
  const std::int64_t chunks = chunk_count(args.rows, kRowsPerChunk);
  const float* d_bias = args.scratch + args.width;
  fold_partials(launch, args.scratch, chunks, stride, args.width, static_cast<T*>(args.d_gain));
  fold_partials(launch, d_bias, chunks, stride, args.width, static_cast<T*>(args.d_bias));
}

}  // namespace

void LONGHAUL_SIMD_BODY(layer_norm_forward)(const LayerNormForward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    for_chunks(launch, args.rows, kRowsPerTask, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r) forward_row<T>(args, r);
    });
  });
}

void LONGHAUL_SIMD_BODY(layer_norm_backward)(const LayerNormBackward& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) { backward<T>(args, launch); });
}

}  // namespace longhaul::kernels
