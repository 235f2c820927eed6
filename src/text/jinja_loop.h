// `loop`, and how a `for` statement walks what it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "jinja_machine.h"
#include "jinja_value.h"

namespace longhaul::jinja {

// Renders the body of a recursive loop over other elements.
class LoopBody {
 public:
  virtual Value render_nested(const Value& iterable, std::int64_t depth) = 0;

 protected:
  ~LoopBody() = default;
};

class Loop final : public Object, public Iterator {
 public:
  // `source` walks `iterable`, or part of it. `body` is null unless the loop is recursive.
  Loop(const Value& iterable, Iterator* source, std::int64_t depth, LoopBody* body)
      : iterable_(iterable), source_(source), depth_(depth), body_(body) {}

  std::optional<Value> next(Machine& machine) override;

  std::optional<std::string_view> representation(Machine& machine) override;
  std::optional<Value> attribute(Machine& machine, std::string_view name) override;
  bool is_callable() const override { return true; }
  // The body over other elements.
  Value call(Machine& machine, const Arguments& arguments) override;
  Iterator* iterator() override { return this; }
  std::optional<std::int64_t> length(Machine& machine) override { return count(machine); }

 private:
  std::int64_t count(Machine& machine);
  const std::optional<Value>& peek(Machine& machine);
  bool changed(Machine& machine, std::span<const Value> values);

  Value iterable_;  // none where the elements are filtered: then it has no length
  Iterator* source_;
  std::int64_t depth_;  // 0 for the outermost
  LoopBody* body_;
  std::int64_t index_ = -1;
  std::optional<std::int64_t> count_;
  bool has_peeked_ = false;
  std::optional<Value> peeked_;  // nothing after the last
  Value current_;
  Value previous_;
  std::optional<Value> last_changed_;  // a tuple
};

}  // namespace longhaul::jinja
