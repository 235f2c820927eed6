// Where the library reports what a person may want to read. The library never prints: it writes
// to the LogSink that it was given, and only the program knows stderr.
#pragma once

#include <string_view>

namespace longhaul {

enum class LogLevel { kDebug, kInfo, kWarning };

// Implementations are safe from any thread.
class LogSink {
 public:
  virtual ~LogSink();
  virtual void write(LogLevel level, std::string_view message) = 0;
};

// Discards everything.
LogSink& null_log();

}  // namespace longhaul
