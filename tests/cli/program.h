// Runs the program as a user does and keeps what it wrote.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace longhaul::test {

struct Outcome {
  int exit_code = -1;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
  std::int64_t peak_memory = 0;  // resident, in bytes; of a Process
};

inline int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = ::read(descriptor, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

// A program that runs; wait() collects it.
class Process {
 public:
  // `prepare` is called in the new process before the program starts, to take something from it.
  Process(const std::string& program,
          std::vector<std::string> words,
          const std::function<void()>& prepare = {}) {
    words.insert(words.begin(), program);
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0 ||
        ::pipe2(err.data(), O_CLOEXEC) != 0) {
      std::abort();
    }
    id_ = ::fork();
    if (id_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      if (prepare) prepare();
      start(words);
    }
    for (const int other_end : {in[0], out[1], err[1]}) ::close(other_end);
    in_ = in[1];
    out_ = out[0];
    err_ = err[0];
  }

  pid_t id() const { return id_; }
  void signal(int number) const { ::kill(id_, number); }

  // Returns when `text` has appeared on stdout, or stdout has ended.
  void wait_for(const std::string& text) {
    std::array<char, 256> buffer{};
    while (seen_.find(text) == std::string::npos) {
      const ssize_t count = ::read(out_, buffer.data(), buffer.size());
      if (count <= 0) return;
      seen_.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }

  Outcome wait(const std::string& input = {}) {
    ::signal(SIGPIPE, SIG_IGN);
    [[maybe_unused]] const ssize_t ignored = ::write(in_, input.data(), input.size());
    ::close(in_);
    Outcome outcome;
    outcome.out = seen_ + read_all(out_);
    outcome.err = read_all(err_);
    ::close(out_);
    ::close(err_);
    int status = 0;
    rusage usage{};
    ::wait4(id_, &status, 0, &usage);
    outcome.exit_code = exit_code_of(status);
    outcome.peak_memory = std::int64_t{usage.ru_maxrss} * 1024;
    return outcome;
  }

  [[noreturn]] static void start(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    ::execv(pointers.front(), pointers.data());
    ::_exit(127);
  }

 private:
  pid_t id_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string seen_;
};

// The same on a terminal of 100 columns: all that it shows comes in `out`.
inline Outcome run_on_terminal(const std::string& program, std::vector<std::string> words) {
  words.insert(words.begin(), program);
  winsize size{.ws_row = 25, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t id = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (id == 0) Process::start(words);
  Outcome outcome{.out = read_all(terminal)};
  ::close(terminal);
  int status = 0;
  ::waitpid(id, &status, 0);
  outcome.exit_code = exit_code_of(status);
  return outcome;
}

}  // namespace longhaul::test
