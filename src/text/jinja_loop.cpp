#include "jinja_loop.h"

#include "jinja_attributes.h"
#include "jinja_call.h"
#include "jinja_operators.h"

namespace longhaul::jinja {

std::optional<Value> Loop::next(Machine& machine) {
  const std::optional<Value> value = has_peeked_ ? peeked_ : source_->next(machine);
  has_peeked_ = false;
  if (!value.has_value()) return std::nullopt;
  ++index_;
  previous_ = current_;
  current_ = *value;
  return value;
}

const std::optional<Value>& Loop::peek(Machine& machine) {
  if (!has_peeked_) peeked_ = source_->next(machine);
  has_peeked_ = true;
  return peeked_;
}

// Walks what has no length to its end, and goes on with a list of it.
std::int64_t Loop::count(Machine& machine) {
  if (count_.has_value()) return *count_;
  count_ = jinja::length(machine, iterable_);
  if (count_.has_value()) return *count_;
  const Value rest = Value::list(elements_of(machine, Value(source_)));
  source_ = iterate(machine, rest);
  const bool holds_one = has_peeked_ && peeked_.has_value();
  count_ = static_cast<std::int64_t>(rest.elements().size()) + index_ + 1 + (holds_one ? 1 : 0);
  return *count_;
}

bool Loop::changed(Machine& machine, std::span<const Value> values) {
  const Value now = Value::tuple(values);
  if (last_changed_.has_value() && equal(machine, *last_changed_, now)) return false;
  last_changed_ = now;
  return true;
}

std::optional<std::string_view> Loop::representation(Machine& machine) {
  return machine.copy(concat("<LoopContext ", index_ + 1, "/", count(machine), ">"));
}

std::optional<Value> Loop::attribute(Machine& machine, std::string_view name) {
  const auto no_item = [&](std::string_view message) {
    return machine.undefined({Missing::What::kMessage, Kind::kNone, message});
  };
  if (name == "index") return Value(index_ + 1);
  if (name == "index0") return Value(index_);
  if (name == "first") return Value(index_ == 0);
  if (name == "last") return Value(!peek(machine).has_value());
  if (name == "length") return Value(count(machine));
  if (name == "revindex") return Value(count(machine) - index_);
  if (name == "revindex0") return Value(count(machine) - index_ - 1);
  if (name == "depth") return Value(depth_ + 1);
  if (name == "depth0") return Value(depth_);
  if (name == "previtem") return index_ == 0 ? no_item("there is no previous item") : previous_;
  if (name == "nextitem") return peek(machine).value_or(no_item("there is no next item"));
  if (name == "cycle") {
    const Body cycle = [](const Call& call) {
      const std::span<const Value> items = call.arguments.positional;
      if (items.empty()) call.machine.refuse("loop.cycle() needs items");
      const auto& loop = static_cast<const Loop&>(*call.input.object());
      return items[static_cast<std::size_t>(loop.index_) % items.size()];
    };
    return Value(machine.make<Function>("loop.cycle", cycle, static_cast<Object*>(this)));
  }
  if (name == "changed") {
    const Body compare_last = [](const Call& call) {
      auto& loop = static_cast<Loop&>(*call.input.object());
      return Value(loop.changed(call.machine, call.arguments.positional));
    };
    return Value(machine.make<Function>("loop.changed", compare_last, static_cast<Object*>(this)));
  }
  return std::nullopt;
}

Value Loop::call(Machine& machine, const Arguments& arguments) {
  if (body_ == nullptr) machine.refuse("only a loop marked 'recursive' can be called");
  const Call call{machine, "loop", {}, arguments};
  const Bound bound(call, {"iterable"}, 1);
  return body_->render_nested(bound[0], depth_ + 1);
}

}  // namespace longhaul::jinja
