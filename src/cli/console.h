// The terminal: results on stdout, messages and live status on stderr.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "longhaul/core/log.h"
#include "longhaul/run/training_half.h"

namespace longhaul {

// The log of the library and the status line share stderr; only this knows both.
class Console final : public LogSink {
 public:
  Console();
  ~Console() override;
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  bool stdout_is_terminal() const { return stdout_is_terminal_; }
  bool stdin_is_terminal() const { return stdin_is_terminal_; }
  bool stderr_is_terminal() const { return stderr_is_terminal_; }

  // Results. Written at once, so that a pipe sees them when they are made.
  void print(std::string_view text);
  // A line that the next one overwrites; nothing where stderr is no terminal.
  void status(const std::string& line);
  void status(const Progress& progress);
  void clear_status();

  // "longhaul: warning: ...".
  void write(LogLevel level, std::string_view message) override;
  // "longhaul: error: ...".
  void error(std::string_view message);

 private:
  void erase_status();

  struct Logger;
  std::mutex mutex_;
  std::unique_ptr<Logger> logger_;
  bool stdin_is_terminal_;
  bool stdout_is_terminal_;
  bool stderr_is_terminal_;
  bool has_status_ = false;
};

}  // namespace longhaul
