// Filters that walk, order or take apart sequences and dicts.
#include <algorithm>
#include <array>

#include "jinja_attribute_path.h"
#include "jinja_filters.h"
#include "jinja_operators.h"
#include "jinja_print.h"
#include "jinja_text.h"
#include "unicode.h"

namespace longhaul::jinja {

namespace {

// Backwards over a span: reversed(list).
class ReversedIterator final : public Iterator {
 public:
  explicit ReversedIterator(std::span<const Value> elements) : rest_(elements) {}

  std::optional<Value> next(Machine& machine) override {
    machine.charge(1);
    if (rest_.empty()) return std::nullopt;
    const Value value = rest_.back();
    rest_ = rest_.first(rest_.size() - 1);
    return value;
  }

 private:
  std::span<const Value> rest_;
};

Value message(Machine& machine, std::string_view text) {
  return machine.undefined({Missing::What::kMessage, Kind::kNone, text});
}

Value first(const Call& call) {
  const Bound none(call, {});
  const auto found = iterate(call.machine, call.input)->next(call.machine);
  return found.value_or(message(call.machine, "No first item, sequence was empty."));
}

Value last(const Call& call) {
  const Bound none(call, {});
  if (call.input.kind() == Kind::kIterator || call.input.is_object()) {
    call.machine.refuse("last needs a sequence; `|list` makes one of a generator");
  }
  const std::span<const Value> elements =
      call.input.is_string() ? std::span<const Value>() : elements_of(call.machine, call.input);
  const std::optional<Value> found = call.input.is_string() ? element(call.machine, call.input, -1)
                                     : elements.empty()     ? std::nullopt
                                                            : std::optional(elements.back());
  return found.value_or(message(call.machine, "No last item, sequence was empty."));
}

Value list(const Call& call) {
  const Bound none(call, {});
  return Value::list(elements_of(call.machine, call.input));
}

Value join(const Call& call) {
  const Bound arguments(call, {"d", "attribute"});
  const std::string_view separator = text_of(call.machine, arguments.value_or(0, ""));
  const AttributePath path(call.machine, arguments.value_or(1, {}));
  std::string joined;
  bool is_first = true;
  Iterator* elements = iterate(call.machine, call.input);
  while (const std::optional<Value> next = elements->next(call.machine)) {
    call.machine.charge(separator.size());
    if (!is_first) joined += separator;
    is_first = false;
    append_text(call.machine, joined, path.of(call.machine, *next));
  }
  return call.machine.text(joined);
}

Value reverse(const Call& call) {
  const Bound none(call, {});
  if (call.input.is_string()) return slice(call.machine, call.input, {}, {}, -1);
  const std::span<const Value> elements = elements_of(call.machine, call.input);
  if (call.input.kind() != Kind::kIterator && !call.input.is_object()) {
    return call.machine.make<ReversedIterator>(elements);
  }
  std::vector<Value> reversed(elements.rbegin(), elements.rend());
  return call.machine.list(reversed);
}

// Sorted by keys, stably; from large to small where asked.
std::vector<Value> sorted(Machine& machine,
                          std::span<const Value> values,
                          const std::vector<Value>& keys,
                          bool is_reverse) {
  machine.charge(values.size() * 4 * sizeof(std::size_t));
  std::vector<std::size_t> places(values.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    return is_reverse ? order(machine, keys[b], keys[a], "<") < 0
                      : order(machine, keys[a], keys[b], "<") < 0;
  });
  ListBuilder out(machine);
  for (const std::size_t place : places) out.add(values[place]);
  return std::move(out.values());
}

Value sort(const Call& call) {
  const Bound arguments(call, {"reverse", "case_sensitive", "attribute"});
  const bool ignores_case = !arguments.truth_or(1, false);
  const AttributePaths paths(call.machine, arguments.value_or(2, {}));
  const std::span<const Value> values = elements_of(call.machine, call.input);
  ListBuilder keys(call.machine);
  for (const Value& value : values) keys.add(paths.key_of(call.machine, value, ignores_case));
  return call.machine.list(
      sorted(call.machine, values, keys.values(), arguments.truth_or(0, false)));
}

Value dict_sort(const Call& call) {
  const Bound arguments(call, {"case_sensitive", "by", "reverse"});
  const bool ignores_case = !arguments.truth_or(0, false);
  const std::string_view by = arguments.string_or(1, "key");
  if (by != "key" && by != "value") call.machine.refuse("dictsort sorts by key or value");
  if (call.input.is_undefined()) call.machine.refuse_undefined(call.input);
  if (!call.input.is_dict()) call.machine.refuse("dictsort needs a dict");
  ListBuilder pairs(call.machine);
  ListBuilder keys(call.machine);
  for (const Member& member : call.input.members()) {
    pairs.add(call.machine.tuple({member.key, member.value}));
    const Value& key = by == "key" ? member.key : member.value;
    keys.add(ignores_case ? without_case(call.machine, key) : key);
  }
  return call.machine.list(
      sorted(call.machine, pairs.values(), keys.values(), arguments.truth_or(2, false)));
}

Value unique(const Call& call) {
  const Bound arguments(call, {"case_sensitive", "attribute"});
  const bool ignores_case = !arguments.truth_or(0, false);
  const AttributePath path(call.machine, arguments.value_or(1, {}));
  ListBuilder kept(call.machine);
  std::vector<Member> seen;
  Iterator* elements = iterate(call.machine, call.input);
  while (const std::optional<Value> next = elements->next(call.machine)) {
    const Value attribute = path.of(call.machine, *next);
    const Value key = ignores_case ? without_case(call.machine, attribute) : attribute;
    const std::size_t before = seen.size();
    set_member(call.machine, seen, key, {});
    if (seen.size() > before) kept.add(*next);
  }
  return iterate(call.machine, kept.list());
}

template <bool wants_greatest>
Value extreme(const Call& call) {
  const Bound arguments(call, {"case_sensitive", "attribute"});
  const bool ignores_case = !arguments.truth_or(0, false);
  const AttributePath path(call.machine, arguments.value_or(1, {}));
  std::optional<Value> best;
  Value best_key;
  Iterator* elements = iterate(call.machine, call.input);
  while (const std::optional<Value> next = elements->next(call.machine)) {
    const Value attribute = path.of(call.machine, *next);
    const Value key = ignores_case ? without_case(call.machine, attribute) : attribute;
    const bool is_better =
        !best.has_value() || (wants_greatest ? order(call.machine, key, best_key, ">") > 0
                                             : order(call.machine, key, best_key, "<") < 0);
    if (!is_better) continue;
    best = *next;
    best_key = key;
  }
  return best.value_or(message(call.machine, "No aggregated item, sequence was empty."));
}

Value sum(const Call& call) {
  const Bound arguments(call, {"attribute", "start"});
  const AttributePath path(call.machine, arguments.value_or(0, {}));
  Value total = arguments.value_or(1, 0);
  if (total.is_string()) call.machine.refuse("sum cannot add up strings");
  Iterator* elements = iterate(call.machine, call.input);
  while (const std::optional<Value> next = elements->next(call.machine)) {
    total = binary(call.machine, BinaryOperator::kAdd, total, path.of(call.machine, *next));
  }
  return total;
}

Value items(const Call& call) {
  const Bound none(call, {});
  if (call.input.is_undefined()) return iterate(call.machine, call.input);
  if (!call.input.is_dict()) call.machine.refuse("items needs a dict");
  return iterate(call.machine, Value::dict(call.input.members(), Kind::kItems));
}

Value default_value(const Call& call) {
  const Bound arguments(call, {"default_value", "boolean"});
  const bool falls_back = call.input.is_undefined() ||
                          (arguments.truth_or(1, false) && !truth(call.machine, call.input));
  return falls_back ? arguments.value_or(0, "") : call.input;
}

Value batch(const Call& call) {
  const Bound arguments(call, {"linecount", "fill_with"}, 1);
  const std::int64_t size = arguments.integer_or(0, 0);
  const Value fill = arguments.value_or(1, {});
  ListBuilder rows(call.machine);
  ListBuilder row(call.machine);
  for (const Value& value : elements_of(call.machine, call.input)) {
    if (static_cast<std::int64_t>(row.size()) == size) {
      rows.add(row.list());
      row.values().clear();
    }
    row.add(value);
  }
  while (!fill.is_none() && row.size() > 0 && static_cast<std::int64_t>(row.size()) < size) {
    row.add(fill);
  }
  if (row.size() > 0) rows.add(row.list());
  return iterate(call.machine, rows.list());
}

Value slice_filter(const Call& call) {
  const Bound arguments(call, {"slices", "fill_with"}, 1);
  const std::int64_t slices = arguments.integer_or(0, 0);
  const Value fill = arguments.value_or(1, {});
  const std::span<const Value> values = elements_of(call.machine, call.input);
  if (slices == 0) call.machine.refuse("slice needs at least one slice");
  ListBuilder columns(call.machine);
  std::size_t at = 0;
  for (std::int64_t i = 0; i < slices; ++i) {
    const auto count = static_cast<std::size_t>(slices);
    const bool has_extra = static_cast<std::size_t>(i) < values.size() % count;
    const std::size_t size = values.size() / count + (has_extra ? 1 : 0);
    ListBuilder column(call.machine);
    for (const Value& value : values.subspan(at, size)) column.add(value);
    if (!fill.is_none() && !has_extra) column.add(fill);
    columns.add(column.list());
    at += size;
  }
  return iterate(call.machine, columns.list());
}

constexpr std::array<FilterEntry, 16> kFilters{{
    {"batch", batch},
    {"d", default_value},
    {"default", default_value},
    {"dictsort", dict_sort},
    {"first", first},
    {"items", items},
    {"join", join},
    {"last", last},
    {"list", list},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reverse", reverse},
    {"slice", slice_filter},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
}};

}  // namespace

std::span<const FilterEntry> sequence_filters() {
  return kFilters;
}

}  // namespace longhaul::jinja
