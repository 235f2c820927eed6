// The choices that a run makes about its data.
#pragma once

#include <cstdint>

namespace longhaul {

// Which tokens of a conversation or a completion are targets: what the assistant wrote (the
// completion), or every token.
enum class LossOn : std::uint8_t { kAssistant, kAll };

// What happens to a sample that cannot be used: the run is refused, or the sample is left out and
// counted.
enum class OnBadSample : std::uint8_t { kRefuse, kSkip };

}  // namespace longhaul
