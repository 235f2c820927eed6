// A team of threads that runs loops of independent iterations. Which thread runs an iteration is
// not fixed, so a loop whose iterations write disjoint results gives the same bits for any number
// of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

namespace longhaul {

// A reference to a callable; does not own it and never allocates.
template <class Signature>
class FunctionRef;

template <class Result, class... Args>
class FunctionRef<Result(Args...)> {
 public:
  // A FunctionRef itself is copied, not referred to: the original may be gone at the call.
  template <class F, class = std::enable_if_t<!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>>>
  FunctionRef(F&& f)  // NOLINT(google-explicit-constructor,bugprone-forwarding-reference-overload):
                      // a lambda converts at the call
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<Args>(args)...);
        }) {}

  Result operator()(Args... args) const { return call_(object_, static_cast<Args>(args)...); }

 private:
  void* object_;
  Result (*call_)(void*, Args...);
};

class ThreadPool {
 public:
  // `threads` >= 1 counts the caller: a pool of 1 starts no thread. `on_start` runs once in every
  // started thread before its first iteration.
  explicit ThreadPool(int threads, const std::function<void()>& on_start = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return threads_; }

  // Calls body(i, worker) for i in [0, count), worker in [0, size()); returns when all are done.
  // The caller works too, as worker 0. Allocates nothing. One loop at a time: a pool is used from
  // one thread, and body must not call the same pool. The first exception is rethrown here after
  // every running iteration has ended; iterations not yet begun are dropped.
  void parallel_for(std::int64_t count, FunctionRef<void(std::int64_t, int)> body);

 private:
  struct Team;
  int threads_;
  std::unique_ptr<Team> team_;
};

// Cores this process may run on, at least 1.
int usable_cores();

}  // namespace longhaul
