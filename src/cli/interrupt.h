// Ctrl-C and SIGTERM: the first asks the running verb to stop, the second ends the program.
#pragma once

#include <atomic>

namespace longhaul {

// Set by the first signal after catch_signals().
std::atomic<bool>& stop_flag();
// Installs the handlers for the rest of the program: for verbs that look at the flag.
void catch_signals();

}  // namespace longhaul
