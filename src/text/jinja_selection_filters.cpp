// Filters that apply a filter or a test to each element, when the element is asked for.
#include <array>

#include "jinja_attribute_path.h"
#include "jinja_attributes.h"
#include "jinja_filters.h"
#include "jinja_operators.h"
#include "jinja_print.h"
#include "jinja_tests.h"

namespace longhaul::jinja {

namespace {

[[noreturn]] void refuse_name(Machine& machine, std::string_view what, const Value& name) {
  machine.refuse_construct(concat("the ", what, " ", representation_of(machine, name)));
}

// A generator function of Python: even its arguments are looked at only when it is first asked.
class Lazy : public Iterator {
 public:
  Lazy(const Value& input, const Arguments& arguments) : input_(input), arguments_(arguments) {}

  std::optional<Value> next(Machine& machine) final {
    const Nesting nesting(machine);
    if (source_ == nullptr) {
      if (!truth(machine, input_)) return std::nullopt;
      prepare(machine);
      source_ = iterate(machine, input_);
    }
    return advance(machine);
  }

 protected:
  ~Lazy() = default;

  virtual void prepare(Machine& machine) = 0;
  virtual std::optional<Value> advance(Machine& machine) = 0;

  const Arguments& arguments() const { return arguments_; }
  std::optional<Value> next_of_source(Machine& machine) { return source_->next(machine); }

 private:
  Value input_;
  Arguments arguments_;
  Iterator* source_ = nullptr;
};

class Map final : public Lazy {
 public:
  using Lazy::Lazy;

 private:
  void prepare(Machine& machine) override {
    if (!arguments().positional.empty()) {
      const Value& name = arguments().positional.front();
      filter_ = name.is_string() ? find_filter(name.text()) : nullptr;
      if (filter_ == nullptr) refuse_name(machine, "filter", name);
      filter_arguments_ = {arguments().positional.subspan(1), arguments().named};
      return;
    }
    const Bound named({machine, "map", {}, arguments()}, {"attribute", "default"}, 1);
    path_ = machine.make<AttributePath>(machine, named[0], named.value_or(1, {}));
  }

  std::optional<Value> advance(Machine& machine) override {
    const std::optional<Value> next = next_of_source(machine);
    if (!next.has_value()) return std::nullopt;
    if (path_ != nullptr) return path_->of(machine, *next);
    return filter_->body({machine, filter_->name, *next, filter_arguments_});
  }

  const AttributePath* path_ = nullptr;
  const FilterEntry* filter_ = nullptr;
  Arguments filter_arguments_;
};

class Selection final : public Lazy {
 public:
  Selection(const Value& input, const Arguments& arguments, bool wanted, bool by_attribute)
      : Lazy(input, arguments), wanted_(wanted), by_attribute_(by_attribute) {}

 private:
  void prepare(Machine& machine) override {
    std::span<const Value> rest = arguments().positional;
    if (by_attribute_) {
      if (rest.empty()) machine.refuse("selectattr and rejectattr need an attribute");
      path_ = machine.make<AttributePath>(machine, rest.front());
      rest = rest.subspan(1);
    }
    if (rest.empty()) return;
    test_ = rest.front().is_string() ? find_test(rest.front().text()) : nullptr;
    if (test_ == nullptr) refuse_name(machine, "test", rest.front());
    test_arguments_ = {rest.subspan(1), arguments().named};
  }

  std::optional<Value> advance(Machine& machine) override {
    while (const std::optional<Value> next = next_of_source(machine)) {
      const Value value = path_ != nullptr ? path_->of(machine, *next) : *next;
      const bool holds = test_ != nullptr
                             ? test_->body({machine, test_->name, value, test_arguments_})
                             : truth(machine, value);
      if (holds == wanted_) return next;
    }
    return std::nullopt;
  }

  bool wanted_;
  bool by_attribute_;
  const AttributePath* path_ = nullptr;
  const TestEntry* test_ = nullptr;
  Arguments test_arguments_;
};

Value map(const Call& call) {
  return call.machine.make<Map>(call.input, call.arguments);
}

template <bool wanted, bool by_attribute>
Value select(const Call& call) {
  return call.machine.make<Selection>(call.input, call.arguments, wanted, by_attribute);
}

Value attribute(const Call& call) {
  const Bound arguments(call, {"name"}, 1);
  const std::string_view name = arguments.string_or(0, "");
  const std::optional<Value> found = python_attribute(call.machine, call.input, name);
  if (found.has_value()) return *found;
  return call.machine.undefined({Missing::What::kAttribute, call.input.kind(), name});
}

constexpr std::array<FilterEntry, 6> kFilters{{
    {"attr", attribute},
    {"map", map},
    {"reject", select<false, false>},
    {"rejectattr", select<false, true>},
    {"select", select<true, false>},
    {"selectattr", select<true, true>},
}};

}  // namespace

std::span<const FilterEntry> selection_filters() {
  return kFilters;
}

}  // namespace longhaul::jinja
