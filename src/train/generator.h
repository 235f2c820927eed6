// Text from a model: a prompt through the prefill pass, then token by token against the caches.
#pragma once

#include <memory>

#include "longhaul/run/training_half.h"

namespace longhaul {

std::unique_ptr<TextGenerator> make_generator(
    const RunConfig& config,
    const std::function<void(const Progress&)>& on_progress,
    const CallContext& context);

}  // namespace longhaul
