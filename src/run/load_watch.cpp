#include "longhaul/run/load_watch.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <sstream>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

// "cpu12 ..." -> 12; -1 for the line of all cores and for any other.
int core_of(const std::string& name) {
  const bool is_core = name.size() > 3 && name.starts_with("cpu");
  return is_core ? std::stoi(name.substr(3)) : -1;
}

std::string tenths(double number) {
  return concat(std::round(10.0 * number) / 10.0);
}

}  // namespace

std::string in_words(const OtherLoad& load) {
  std::string text =
      concat("other programs keep ", tenths(load.others), " of ", load.cores, " cores busy");
  if (load.stolen < 0.05) return text;
  return concat(text, ", the host of this virtual machine takes ", tenths(load.stolen));
}

LoadWatch::LoadWatch() : begin_(now()) {}

OtherLoad LoadWatch::load() const {
  const Times end = now();
  const double clock = end.clock - begin_.clock;
  if (end.cores == 0 || clock <= 0.0) return {};
  const double others = (end.busy - begin_.busy) - (end.own - begin_.own);
  return {.others = std::clamp(others / clock, 0.0, static_cast<double>(end.cores)),
          .stolen = std::max(0.0, (end.stolen - begin_.stolen) / clock),
          .cores = end.cores};
}

// proc(5): cpuN user nice system idle iowait irq softirq steal, in ticks.
LoadWatch::Times LoadWatch::now() {
  Times times{.clock =
                  std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
                      .count()};
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  times.own = seconds_of(own.ru_utime) + seconds_of(own.ru_stime);
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (::sched_getaffinity(0, sizeof(usable), &usable) != 0) return times;
  const double tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream in("/proc/stat");
  for (std::string line; std::getline(in, line) && line.starts_with("cpu");) {
    std::istringstream fields(line);
    std::string name;
    fields >> name;
    const int core = core_of(name);
    if (core < 0 || core >= CPU_SETSIZE || !CPU_ISSET(core, &usable)) continue;
    double user = 0.0;
    double nice = 0.0;
    double system = 0.0;
    double idle = 0.0;
    double waiting = 0.0;
    double hard = 0.0;
    double soft = 0.0;
    double stolen = 0.0;
    fields >> user >> nice >> system >> idle >> waiting >> hard >> soft >> stolen;
    times.busy += tick * (user + nice + system + hard + soft);
    times.stolen += tick * stolen;
    ++times.cores;
  }
  return times;
}

}  // namespace longhaul
