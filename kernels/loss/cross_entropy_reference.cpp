#include <algorithm>
#include <cmath>

#include "kernels/element.h"
#include "kernels/loss/cross_entropy.h"

namespace longhaul::kernels {

void log_sum_exp_tile_reference(const LogSumExpTile& args, const Launch&) {
  check(args);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const auto logit = [&](std::int64_t c) {
      return load_element(args.logits, r * args.columns + c, args.dtype);
    };
    float maximum = args.first_column == 0 ? logit(0) : args.maximum[r];
    for (std::int64_t c = 0; c < args.columns; ++c) maximum = std::max(maximum, logit(c));
    double sum = 0.0;
    if (args.first_column != 0) {
      sum = args.sum[r] * std::exp(static_cast<double>(args.maximum[r]) - maximum);
    }
    for (std::int64_t c = 0; c < args.columns; ++c) {
      sum += std::exp(static_cast<double>(logit(c)) - maximum);
    }
    args.maximum[r] = maximum;
    args.sum[r] = static_cast<float>(sum);
    const std::int64_t target = args.targets[r] - args.first_column;
    if (args.targets[r] != kNoTarget && target >= 0 && target < args.columns) {
      args.target_logit[r] = logit(target);
    }
  }
}

void cross_entropy_loss_reference(const CrossEntropyLoss& args, const Launch&) {
  check(args);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const double loss = std::log(static_cast<double>(args.sum[r])) +
                        (static_cast<double>(args.maximum[r]) - args.target_logit[r]);
    args.loss[r] = args.targets[r] == kNoTarget ? 0.0F : static_cast<float>(loss);
  }
}

void cross_entropy_gradient_tile_reference(const CrossEntropyGradientTile& args, const Launch&) {
  check(args);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    for (std::int64_t c = 0; c < args.columns; ++c) {
      const std::int64_t i = r * args.columns + c;
      const double shifted =
          static_cast<double>(load_element(args.logits, i, args.dtype)) - args.maximum[r];
      const double p = std::exp(shifted) / args.sum[r];
      const double hit = args.targets[r] == args.first_column + c ? 1.0 : 0.0;
      const double d_logit = args.targets[r] == kNoTarget ? 0.0 : (p - hit) * *args.scale;
      store_element(args.logits, i, args.dtype, d_logit);
    }
  }
}

void cross_entropy_reference(const CrossEntropy& args, const Launch& launch) {
  check(args);
  for (std::int64_t r = 0; r < args.rows; ++r) {
    void* row = static_cast<char*>(args.logits) + r * args.vocabulary * size_of(args.dtype);
    const std::int32_t* target = args.targets + r;
    float maximum = 0.0F;
    float sum = 0.0F;
    float target_logit = 0.0F;
    log_sum_exp_tile_reference(
        {row, target, &maximum, &sum, &target_logit, 1, args.vocabulary, 0, args.dtype}, launch);
    cross_entropy_loss_reference({&maximum, &sum, &target_logit, target, args.loss + r, 1}, launch);
    if (args.is_forward_only) continue;
    cross_entropy_gradient_tile_reference(
        {row, target, &maximum, &sum, args.scale, 1, args.vocabulary, 0, args.dtype}, launch);
  }
}

}  // namespace longhaul::kernels
