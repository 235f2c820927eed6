#include "longhaul/optim/adamw.h"

namespace longhaul {

BetaPowers advance(BetaPowers powers, const AdamWConfig& config) {
  return {powers.beta1 * config.beta1, powers.beta2 * config.beta2};
}

}  // namespace longhaul
