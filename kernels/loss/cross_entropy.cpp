#include "kernels/loss/cross_entropy.h"

#include "longhaul/core/error.h"

#include "kernels/check.h"

namespace longhaul::kernels {

void check(const CrossEntropy& args) {
  constexpr const char* kPlace = "cross_entropy";
  require_rows(kPlace, args.rows, args.vocabulary);
  require_float(kPlace, args.dtype);
  if (args.rows == 0) return;
  require_pointers(kPlace,
                   {{"logits", args.logits}, {"targets", args.targets}, {"loss", args.loss}});
  if (!args.is_forward_only) require_pointers(kPlace, {{"scale", args.scale}});
}

void check(const LogSumExpTile& args) {
  constexpr const char* kPlace = "log_sum_exp_tile";
  require_rows(kPlace, args.rows, args.columns);
  require_float(kPlace, args.dtype);
  require(args.first_column >= 0,
          kPlace,
          ": first_column is ",
          args.first_column,
          ", expected at least 0");
  if (args.rows == 0) return;
  require_pointers(kPlace,
                   {{"logits", args.logits},
                    {"targets", args.targets},
                    {"maximum", args.maximum},
                    {"sum", args.sum},
                    {"target_logit", args.target_logit}});
}

void check(const CrossEntropyLoss& args) {
  constexpr const char* kPlace = "cross_entropy_loss";
  require_count(kPlace, args.rows);
  if (args.rows == 0) return;
  require_pointers(kPlace,
                   {{"maximum", args.maximum},
                    {"sum", args.sum},
                    {"target_logit", args.target_logit},
                    {"targets", args.targets},
                    {"loss", args.loss}});
}

void check(const CrossEntropyGradientTile& args) {
  constexpr const char* kPlace = "cross_entropy_gradient_tile";
  require_rows(kPlace, args.rows, args.columns);
  require_float(kPlace, args.dtype);
  require(args.first_column >= 0,
          kPlace,
          ": first_column is ",
          args.first_column,
          ", expected at least 0");
  if (args.rows == 0) return;
  require_pointers(kPlace,
                   {{"logits", args.logits},
                    {"targets", args.targets},
                    {"maximum", args.maximum},
                    {"sum", args.sum},
                    {"scale", args.scale}});
}

}  // namespace longhaul::kernels
