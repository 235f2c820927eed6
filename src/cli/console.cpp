#include "console.h"

#include <cstdio>

#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Columns of stderr's terminal.
std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

struct Console::Logger {
  Logger() : log("longhaul", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>()) {
    log.set_pattern("longhaul: %^%l%$: %v");
  }
  spdlog::logger log;
};

Console::Console()
    : logger_(std::make_unique<Logger>()),
      stdin_is_terminal_(::isatty(STDIN_FILENO) == 1),
      stdout_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      stderr_is_terminal_(::isatty(STDERR_FILENO) == 1) {}

Console::~Console() {
  erase_status();
}

void Console::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  erase_status();
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) != 0) throw IoError("standard output", "cannot be written", errno);
}

void Console::status(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (!stderr_is_terminal_) return;
  const std::string shown = line.substr(0, terminal_width() - 1);
  std::fprintf(stderr, "\r\x1B[K%s", shown.c_str());
  std::fflush(stderr);
  has_status_ = true;
}

void Console::status(const Progress& progress) {
  if (progress.total == 0) {
    status(concat(progress.what, "..."));
    return;
  }
  const std::int64_t percent = 100 * progress.done / progress.total;
  status(concat(progress.what,
                ": ",
                progress.done,
                " of ",
                progress.total,
                " ",
                progress.unit,
                " (",
                percent,
                " %)"));
}

void Console::clear_status() {
  const std::lock_guard lock(mutex_);
  erase_status();
}

void Console::erase_status() {
  if (!has_status_) return;
  std::fputs("\r\x1B[K", stderr);
  std::fflush(stderr);
  has_status_ = false;
}

void Console::write(LogLevel level, std::string_view message) {
  const std::lock_guard lock(mutex_);
  erase_status();
  switch (level) {
    case LogLevel::kDebug: logger_->log.debug("{}", message); break;
    case LogLevel::kInfo: logger_->log.info("{}", message); break;
    case LogLevel::kWarning: logger_->log.warn("{}", message); break;
  }
}

void Console::error(std::string_view message) {
  const std::lock_guard lock(mutex_);
  erase_status();
  logger_->log.error("{}", message);
}

}  // namespace longhaul
