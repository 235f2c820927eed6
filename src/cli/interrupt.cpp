#include "interrupt.h"

#include <csignal>
#include <string_view>

#include <unistd.h>

namespace longhaul {
namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

// SA_RESETHAND has put back the default action, so a second signal ends the program.
void request_stop(int /*signal*/) {
  stop_requested.store(true);
  constexpr std::string_view kMessage =
      "\nlonghaul: stopping in an orderly way, interrupt again to end at once\n";
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, kMessage.data(), kMessage.size());
}

}  // namespace

std::atomic<bool>& stop_flag() {
  return stop_requested;
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // no SA_RESTART: reading a line ends too
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace longhaul
