// Elementary functions on lanes: minimax polynomials (Remez, relative error), evaluated with fma.
// Same bits on every instruction set. NaN stays NaN. Errors are the largest found over every
// seventh fp32 number; tests/kernels/simd/math_test.cpp watches over them with fewer.
#pragma once

#include "kernels/simd/lanes.h"

namespace longhaul::kernels {
namespace {

// exp(x), 1.01 ulp; denormal results included, 0 below -104, infinity above 88.73.
//
// x = n log 2 + r with |r| <= log(2) / 2; exp(r) = 1 + r + r^2 q(r), q of degree 4 (3.1e-9).
LONGHAUL_LANES_INLINE Lanes exp(Lanes x) {
  const Lanes clamped = min(splat(89.0F), max(splat(-105.0F), x));  // NaN is the second operand
  const Lanes n = round_even(clamped * splat(0x1.715476p+0F));
  Lanes r = fnma(n, splat(0x1.62e400p-1F), clamped);  // log 2 in two parts
  r = fnma(n, splat(0x1.7f7d1cp-20F), r);
  Lanes q = splat(0x1.6a23ccp-10F);
  q = fma(q, r, splat(0x1.123a20p-7F));
  q = fma(q, r, splat(0x1.5558f2p-5F));
  q = fma(q, r, splat(0x1.555492p-3F));
  q = fma(q, r, splat(0x1.fffffcp-2F));
  const Lanes p = fma(r * r, q, r) + splat(1.0F);
  return scale_by_power(p, n);
}

// 1 / (1 + exp(-x)) and its complement, both without cancellation: 2.8 ulp.
struct Logistic {
  Lanes value;
  Lanes rest;  // 1 - value
};
LONGHAUL_LANES_INLINE Logistic logistic(Lanes x) {
  const Lanes decay = exp(splat(0.0F) - abs(x));
  const Lanes large = splat(1.0F) / (splat(1.0F) + decay);  // of |x|
  const Lanes small = decay * large;
  return {select_negative(x, small, large), select_negative(x, large, small)};
}

// P(x) = (1 + erf(x / sqrt 2)) / 2, the normal distribution, and its density. P has 6.9 ulp, also
// where it is small; the density 2.8.
//
// P(-a) = exp(-a^2 / 2) W(a); W(a) = t w(t), t = 1 / (1 + 0.3 a), w of degree 9 on [0, 14.5]
// (3.5e-9). The square is kept in two parts, for exp magnifies its rounding error.
struct Normal {
  Lanes distribution;
  Lanes density;
};
LONGHAUL_LANES_INLINE Normal normal(Lanes x) {
  const Lanes a = min(splat(14.5F), abs(x));  // NaN is the second operand
  const Lanes square = a * a;
  const Lanes lost = fma(a, a, splat(0.0F) - square);
  const Lanes main = exp(splat(-0.5F) * square);
  const Lanes bell = fma(main, splat(-0.5F) * lost, main);  // exp(-a^2 / 2)
  const Lanes t = splat(1.0F) / fma(a, splat(0.3F), splat(1.0F));
  Lanes w = splat(-0.02062333934009075F);
  w = fma(w, t, splat(0.11243492364883423F));
  w = fma(w, t, splat(-0.22821202874183655F));
  w = fma(w, t, splat(0.19178254902362823F));
  w = fma(w, t, splat(-0.07942196726799011F));
  w = fma(w, t, splat(0.09615607559680939F));
  w = fma(w, t, splat(0.07838988304138184F));
  w = fma(w, t, splat(0.11023538559675217F));
  w = fma(w, t, splat(0.11957181990146637F));
  w = fma(w, t, splat(0.11968669295310974F));
  const Lanes tail = bell * (w * t);
  return {select_negative(x, tail, splat(1.0F) - tail), bell * splat(0.3989422804014327F)};
}

}  // namespace
}  // namespace longhaul::kernels
