// What Python's operators and len(), iter(), bool() do with a template's values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "jinja_machine.h"
#include "jinja_syntax.h"
#include "jinja_value.h"

namespace longhaul::jinja {

bool truth(Machine& machine, const Value& value);

bool equal(Machine& machine, const Value& a, const Value& b);
// a < b, a > b and so on; throws ConversationRefused for kinds that have no order. `symbol` is for
// the message.
std::partial_ordering order(Machine& machine,
                            const Value& a,
                            const Value& b,
                            std::string_view symbol);
bool compare(Machine& machine, Comparison op, const Value& a, const Value& b);
bool contains(Machine& machine, const Value& container, const Value& item);

// The member of a dict; null where there is none. 1, 1.0 and true are the same key.
const Value* find_member(Machine& machine, std::span<const Member> members, const Value& key);
// Lists and dicts cannot be keys.
bool is_hashable(const Value& value);

// One entry for each key: the last value, at the first one's place. Throws ConversationRefused for
// what cannot be a key.
void set_member(Machine& machine,
                std::vector<Member>& members,
                const Value& key,
                const Value& value);

Value binary(Machine& machine, BinaryOperator op, const Value& a, const Value& b);
Value unary(Machine& machine, UnaryOperator op, const Value& value);

// object[start:stop:step], none where a bound is missing.
Value slice(Machine& machine,
            const Value& object,
            const Value& start,
            const Value& stop,
            const Value& step);
// object[index] of a string, list, tuple or range, from the end where negative; nothing outside.
std::optional<Value> element(Machine& machine, const Value& object, std::int64_t index);

// Nothing where Python has no len().
std::optional<std::int64_t> length(Machine& machine, const Value& value);

bool is_iterable(const Value& value);
// Throws ConversationRefused for what cannot be walked.
Iterator* iterate(Machine& machine, const Value& value);
// list(value).
std::span<const Value> elements_of(Machine& machine, const Value& value);

// A list that is made element by element, each charged as it comes.
class ListBuilder {
 public:
  explicit ListBuilder(Machine& machine) : machine_(machine) {}
  void add(const Value& value) {
    machine_.charge(sizeof(Value));
    values_.push_back(value);
  }
  std::size_t size() const { return values_.size(); }
  std::vector<Value>& values() { return values_; }
  Value list() { return machine_.list(values_); }

 private:
  Machine& machine_;
  std::vector<Value> values_;
};

}  // namespace longhaul::jinja
