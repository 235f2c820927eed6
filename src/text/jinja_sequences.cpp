// Slices and iteration: the part of jinja_operators.h that walks sequences.
#include <algorithm>
#include <limits>

#include "jinja_operators.h"
#include "jinja_text.h"
#include "unicode.h"

namespace longhaul::jinja {

namespace {

struct Bounds {
  std::int64_t start;
  std::int64_t stop;
  std::int64_t step;
  std::int64_t size;  // number of elements
};

std::int64_t clamped_index(std::int64_t index, std::int64_t size, bool goes_down) {
  const std::int64_t below = goes_down ? -1 : 0;
  const std::int64_t above = goes_down ? size - 1 : size;
  if (index < 0) return index < -size ? below : std::max(index + size, below);
  return std::min(index, above);
}

Bounds slice_bounds(const Machine& machine,
                    std::int64_t size,
                    const Value& start,
                    const Value& stop,
                    const Value& step) {
  for (const Value* bound : {&start, &stop, &step}) {
    if (!bound->is_none() && !bound->is_integral()) {
      machine.refuse(
          "slice indices must be integers or none, not '", type_name(bound->kind()), "'");
    }
  }
  Bounds bounds{0, 0, step.is_none() ? 1 : step.as_int(), 0};
  if (bounds.step == 0) machine.refuse("slice step cannot be zero");
  // Longer steps than this all mean "one element", and can be negated.
  constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max();
  bounds.step = std::max(bounds.step, -kLongest);
  const bool goes_down = bounds.step < 0;
  bounds.start =
      start.is_none() ? (goes_down ? size - 1 : 0) : clamped_index(start.as_int(), size, goes_down);
  bounds.stop =
      stop.is_none() ? (goes_down ? -1 : size) : clamped_index(stop.as_int(), size, goes_down);
  const std::int64_t distance = goes_down ? bounds.start - bounds.stop : bounds.stop - bounds.start;
  if (distance > 0) bounds.size = (distance - 1) / (goes_down ? -bounds.step : bounds.step) + 1;
  return bounds;
}

Value slice_text(Machine& machine, std::string_view text, const Bounds& bounds) {
  machine.charge(text.size() / 16);
  if (bounds.size == 0) return "";
  if (bounds.step == 1) {
    return characters_between(text, bounds.start, bounds.start + bounds.size);
  }
  machine.charge(text.size() * (sizeof(std::size_t) + 1));
  std::vector<std::size_t> begins;
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) begins.push_back(at);
  std::string sliced;
  for (std::int64_t i = 0; i < bounds.size; ++i) {
    sliced +=
        character_text(text, begins[static_cast<std::size_t>(bounds.start + i * bounds.step)]);
  }
  return machine.text(sliced);
}

std::span<const Value> slice_elements(Machine& machine,
                                      std::span<const Value> elements,
                                      const Bounds& bounds) {
  if (bounds.size == 0) return {};
  if (bounds.step == 1) {
    return elements.subspan(static_cast<std::size_t>(bounds.start),
                            static_cast<std::size_t>(bounds.size));
  }
  ListBuilder sliced(machine);
  for (std::int64_t i = 0; i < bounds.size; ++i) {
    sliced.add(elements[static_cast<std::size_t>(bounds.start + i * bounds.step)]);
  }
  return machine.list(sliced.values()).elements();
}

class ElementsIterator final : public Iterator {
 public:
  explicit ElementsIterator(std::span<const Value> elements) : rest_(elements) {}

  std::optional<Value> next(Machine& machine) override {
    machine.charge(1);
    if (rest_.empty()) return std::nullopt;
    const Value value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }

 private:
  std::span<const Value> rest_;
};

class CharactersIterator final : public Iterator {
 public:
  explicit CharactersIterator(std::string_view text) : rest_(text) {}

  std::optional<Value> next(Machine& machine) override {
    machine.charge(1);
    if (rest_.empty()) return std::nullopt;
    const std::string_view character = character_text(rest_, 0);
    rest_.remove_prefix(character.size());
    return Value(character);
  }

 private:
  std::string_view rest_;
};

// Keys, values or pairs of a dict.
class MembersIterator final : public Iterator {
 public:
  MembersIterator(std::span<const Member> members, Kind kind) : rest_(members), kind_(kind) {}

  std::optional<Value> next(Machine& machine) override {
    machine.charge(1);
    if (rest_.empty()) return std::nullopt;
    const Member& member = rest_.front();
    rest_ = rest_.subspan(1);
    if (kind_ == Kind::kItems) return machine.tuple({member.key, member.value});
    return kind_ == Kind::kValues ? member.value : member.key;
  }

 private:
  std::span<const Member> rest_;
  Kind kind_;
};

class RangeIterator final : public Iterator {
 public:
  explicit RangeIterator(const Range& range) : range_(range) {}

  std::optional<Value> next(Machine& machine) override {
    machine.charge(1);
    if (at_ == range_.size) return std::nullopt;
    return Value(range_[at_++]);
  }

 private:
  Range range_;
  std::int64_t at_ = 0;
};

}  // namespace

Value slice(Machine& machine,
            const Value& object,
            const Value& start,
            const Value& stop,
            const Value& step) {
  if (object.is_undefined()) machine.refuse_undefined(object);
  const bool has_slices =
      object.is_string() || object.is_sequence() || object.kind() == Kind::kRange;
  if (!has_slices) machine.refuse("'", type_name(object.kind()), "' object has no slices");
  const Bounds bounds = slice_bounds(machine, *length(machine, object), start, stop, step);
  switch (object.kind()) {
    case Kind::kString: return slice_text(machine, object.text(), bounds);
    case Kind::kList: return Value::list(slice_elements(machine, object.elements(), bounds));
    case Kind::kTuple: return Value::tuple(slice_elements(machine, object.elements(), bounds));
    default: break;
  }
  const Range& range = object.range();
  std::int64_t combined = 1;
  if (bounds.size > 1 && __builtin_mul_overflow(range.step, bounds.step, &combined)) {
    machine.refuse("an integer needs more than 64 bits");
  }
  return machine.make<Range>(range[bounds.start], range[bounds.stop], combined, bounds.size);
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kNone:
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat: return false;
    case Kind::kObject: return value.object()->iterator() != nullptr;
    default: return true;
  }
}

Iterator* iterate(Machine& machine, const Value& value) {
  if (!is_iterable(value)) machine.refuse("'", type_name(value.kind()), "' object is not iterable");
  switch (value.kind()) {
    case Kind::kString: return machine.make<CharactersIterator>(value.text());
    case Kind::kList:
    case Kind::kTuple: return machine.make<ElementsIterator>(value.elements());
    case Kind::kDict:
    case Kind::kKeys:
    case Kind::kValues:
    case Kind::kItems: return machine.make<MembersIterator>(value.members(), value.kind());
    case Kind::kRange: return machine.make<RangeIterator>(value.range());
    case Kind::kIterator: return value.iterator();
    case Kind::kObject: return value.object()->iterator();
    default: return machine.make<ElementsIterator>(std::span<const Value>());
  }
}

std::span<const Value> elements_of(Machine& machine, const Value& value) {
  if (value.is_sequence()) return value.elements();
  ListBuilder elements(machine);
  Iterator* source = iterate(machine, value);
  while (const std::optional<Value> next = source->next(machine)) elements.add(*next);
  return machine.list(elements.values()).elements();
}

}  // namespace longhaul::jinja
