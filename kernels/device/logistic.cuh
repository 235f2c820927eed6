// 1 / (1 + exp(-x)) and its complement, both without cancellation.
#pragma once

namespace longhaul::kernels {

struct Logistic {
  float value;
  float rest;  // 1 - value

  __device__ explicit Logistic(float x) {
    const float decay = expf(-fabsf(x));
    const float large = 1.0F / (1.0F + decay);  // of |x|
    const float small = decay * large;
    value = x < 0.0F ? small : large;
    rest = x < 0.0F ? large : small;
  }
};

}  // namespace longhaul::kernels
