// One rendering of a template: its memory, its budget of work, and the place that messages name.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/text/chat_template.h"

#include "jinja_value.h"

namespace longhaul::jinja {

// Nested evaluations, calls and values: Python stops at 1,000 frames of its own, templates in use
// stay below 100, and 600 need less than 1 MiB of stack.
constexpr int kMaxDepth = 600;

std::tm local_time();

// Memory is handed out from growing blocks and freed all at once with the machine, so that values
// are plain handles, cycles cost nothing and no depth of nesting can overflow the stack on the way
// out. Every byte is charged, hence `work_limit` bounds memory too.
class Machine {
 public:
  Machine(std::string_view template_name, std::int64_t work_limit, std::optional<std::tm> now)
      : template_name_(template_name), work_left_(work_limit), now_(now) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Throws ConversationRefused when the limit of work is passed.
  void charge(std::size_t units) {
    if (units > kLargestCharge || (work_left_ -= static_cast<std::int64_t>(units)) < 0) {
      refuse_for_work();
    }
  }

  // For a search of `part` in `text`, which takes their product in the worst case.
  void charge_search(std::string_view text, std::string_view part) {
    charge(text.size() / 16 * (1 + part.size() / 64));
  }

  std::string_view copy(std::string_view text);
  Value list(std::span<const Value> elements) { return Value::list(copy_all(elements)); }
  Value tuple(std::span<const Value> elements) { return Value::tuple(copy_all(elements)); }
  Value tuple(std::initializer_list<Value> elements) {
    return tuple(std::span(elements.begin(), elements.size()));
  }
  Value dict(std::span<const Member> members) { return Value::dict(copy_all(members)); }
  Value text(std::string_view text) { return Value(copy(text)); }
  // str.replace(), charged for what it makes.
  Value replaced(std::string_view text,
                 std::string_view from,
                 std::string_view to,
                 std::int64_t limit);
  Value undefined(Missing why) { return Value::undefined(make<Missing>(why)); }

  // Never destroyed, so T must not own anything outside this memory.
  template <class T, class... Arguments>
  T* make(Arguments&&... arguments) {
    charge(sizeof(T));
    return new (memory_.allocate(sizeof(T), alignof(T))) T{std::forward<Arguments>(arguments)...};
  }

  template <class T>
  std::span<T> copy_all(std::span<const T> elements) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (elements.empty()) return {};
    charge(elements.size_bytes());
    auto* begin = static_cast<T*>(memory_.allocate(elements.size_bytes(), alignof(T)));
    std::uninitialized_copy(elements.begin(), elements.end(), begin);
    return {begin, elements.size()};
  }

  // For containers of objects in this memory; what they take must be charged by their owner.
  std::pmr::memory_resource* memory() { return &memory_; }

  // The line of the template that is being evaluated.
  void at(int line) { line_ = line; }
  int line() const { return line_; }

  // ConversationRefused: "NAME, line N: ...".
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw ConversationRefused(concat(place(), parts...));
  }
  // FormatError: "NAME, line N: `what` is not supported in chat templates".
  [[noreturn]] void refuse_construct(std::string_view what) const;
  // What Python says when an undefined value is used.
  [[noreturn]] void refuse_undefined(const Value& value) const;

  // The time that the caller gave, or the local time.
  std::tm now() const { return now_.has_value() ? *now_ : local_time(); }

 private:
  friend class Nesting;

  static constexpr std::size_t kLargestCharge = std::size_t{1} << 40;

  std::string place() const;
  [[noreturn]] void refuse_for_work() const;
  [[noreturn]] void refuse_for_depth() const;

  std::string_view template_name_;
  std::int64_t work_left_;
  std::optional<std::tm> now_;
  int line_ = 1;
  int depth_ = 0;
  std::pmr::monotonic_buffer_resource memory_;
};

// Stands in every function that can call itself through values or syntax.
class Nesting {
 public:
  explicit Nesting(Machine& machine) : machine_(machine) {
    if (++machine_.depth_ > kMaxDepth) {
      --machine_.depth_;
      machine_.refuse_for_depth();
    }
  }
  ~Nesting() { --machine_.depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Machine& machine_;
};

}  // namespace longhaul::jinja
