// What else keeps the cores busy while something is measured.
#pragma once

#include <string>

#include "longhaul/core/units.h"

namespace longhaul {

// Of the cores that this process may use, on average.
struct OtherLoad {
  double others = 0.0;  // cores that other processes kept busy
  double stolen = 0.0;  // cores that the host of a virtual machine gave to others
  int cores = 1;

  // Enough to spoil what is measured.
  bool is_much() const { return others + stolen > 0.05 * cores; }
};
// "other programs keep 1.3 of 2 cores busy, the host of this virtual machine takes 0.1".
std::string in_words(const OtherLoad& load);

class LoadWatch {
 public:
  LoadWatch();
  // Since it was made; nothing where the system does not tell. Says little of less than 0.1 s.
  OtherLoad load() const;

 private:
  struct Times {
    double busy = 0.0;    // seconds of the cores
    double stolen = 0.0;  // seconds of the cores
    double own = 0.0;     // seconds of this process
    double clock = 0.0;   // seconds
    int cores = 0;
  };
  static Times now();

  Times begin_;
};

}  // namespace longhaul
