#include "jinja_globals.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string>

#include "jinja_attributes.h"
#include "jinja_call.h"
#include "jinja_operators.h"
#include "jinja_print.h"
#include "jinja_text.h"

namespace longhaul::jinja {

namespace {

constexpr std::int64_t kLongestRange = 100000;  // the sandbox's limit

Value range(const Call& call) {
  const Bound arguments(call, {"", "", ""}, 1);
  const bool has_start = arguments.has(1);
  Range range{has_start ? arguments.integer_or(0, 0) : 0,
              arguments.integer_or(has_start ? 1 : 0, 0),
              arguments.integer_or(2, 1),
              0};
  if (range.step == 0) call.machine.refuse("range() needs a step that is not zero");
  const bool goes_up = range.step > 0;
  if (goes_up ? range.start < range.stop : range.start > range.stop) {
    const auto start = static_cast<std::uint64_t>(range.start);
    const auto stop = static_cast<std::uint64_t>(range.stop);
    const auto step = static_cast<std::uint64_t>(range.step);
    const std::uint64_t last = (goes_up ? stop - start : start - stop) - 1;
    const std::uint64_t size = last / (goes_up ? step : 0 - step);
    if (size >= static_cast<std::uint64_t>(kLongestRange)) {
      call.machine.refuse("range() is longer than ", kLongestRange, " elements");
    }
    range.size = static_cast<std::int64_t>(size) + 1;
  }
  return call.machine.make<Range>(range);
}

// dict(mapping or pairs, name=value, ...)
std::vector<Member> dict_members(const Call& call) {
  if (call.arguments.positional.size() > 1) call.machine.refuse(call.name, "() takes one mapping");
  std::vector<Member> members;
  for (const Value& source : call.arguments.positional) {
    if (source.is_dict()) {
      call.machine.charge(source.members().size() * sizeof(Member));
      members.assign(source.members().begin(), source.members().end());
      continue;
    }
    for (const Value& entry : elements_of(call.machine, source)) {
      const std::span<const Value> pair = elements_of(call.machine, entry);
      if (pair.size() != 2) call.machine.refuse(call.name, "() needs pairs of key and value");
      set_member(call.machine, members, pair[0], pair[1]);
    }
  }
  for (const NamedArgument& argument : call.arguments.named) {
    set_member(call.machine, members, argument.name, argument.value);
  }
  return members;
}

Value dict(const Call& call) {
  return call.machine.dict(dict_members(call));
}

Value make_namespace(const Call& call) {
  auto* made = call.machine.make<Namespace>(call.machine.memory());
  for (const Member& member : dict_members(call)) {
    if (!member.key.is_string()) {
      call.machine.refuse_construct("a namespace with other keys than names");
    }
    made->assign(call.machine, member.key.text(), member.value);
  }
  return made;
}

Value raise_exception(const Call& call) {
  const Bound arguments(call, {"message"}, 1);
  throw ConversationRefused(std::string(text_of(call.machine, arguments[0])));
}

// datetime.now().strftime(): what the C library does, less the time zone, which a local time of
// Python does not know.
Value format_now(const Call& call) {
  const Bound arguments(call, {"format"}, 1);
  const std::string_view wanted = arguments.string_or(0, "");
  std::string pattern;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    pattern += wanted[i];
    if (wanted[i] != '%' || i + 1 == wanted.size()) continue;
    ++i;
    if (wanted[i] == 'z' || wanted[i] == 'Z') {
      pattern.pop_back();
    } else if (wanted[i] == 'f') {
      pattern.pop_back();
      pattern += "000000";  // of the microseconds nothing is promised
    } else {
      pattern += wanted[i];
    }
  }
  if (pattern.empty()) return "";
  call.machine.charge(256 * pattern.size());
  std::vector<char> buffer(256 * pattern.size());
  const std::tm now = call.machine.now();
  // NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): the pattern is the template's
  const std::size_t size = std::strftime(buffer.data(), buffer.size(), pattern.c_str(), &now);
  return call.machine.text(std::string_view(buffer.data(), size));
}

// cycler(): hands out its items one after the other, again and again.
class Cycler final : public Object {
 public:
  explicit Cycler(std::span<const Value> items) : items_(items) {}

  std::optional<std::string_view> representation(Machine& /*machine*/) override {
    return std::nullopt;
  }
  std::optional<Value> attribute(Machine& machine, std::string_view name) override {
    if (name == "current") return items_[at_];
    if (name == "next") return Value(machine.make<Function>("next", step<true>, this));
    if (name == "reset") return Value(machine.make<Function>("reset", step<false>, this));
    return std::nullopt;
  }

 private:
  template <bool advances>
  static Value step(const Call& call) {
    const Bound none(call, {});
    auto& cycler = static_cast<Cycler&>(*call.input.object());
    const Value current = cycler.items_[cycler.at_];
    cycler.at_ = advances ? (cycler.at_ + 1) % cycler.items_.size() : 0;
    return advances ? current : Value();
  }

  std::span<const Value> items_;
  std::size_t at_ = 0;
};

Value make_cycler(const Call& call) {
  if (call.arguments.positional.empty() || !call.arguments.named.empty()) {
    call.machine.refuse("cycler() needs items");
  }
  return call.machine.make<Cycler>(call.arguments.positional);
}

// joiner(): nothing at first, then its separator.
class Joiner final : public Object {
 public:
  explicit Joiner(const Value& separator) : separator_(separator) {}

  std::optional<std::string_view> representation(Machine& /*machine*/) override {
    return std::nullopt;
  }
  std::optional<Value> attribute(Machine& /*machine*/, std::string_view /*name*/) override {
    return std::nullopt;
  }
  bool is_callable() const override { return true; }
  Value call(Machine& machine, const Arguments& arguments) override {
    const Call call{machine, "joiner", {}, arguments};
    const Bound none(call, {});
    return std::exchange(was_called_, true) ? separator_ : Value("");
  }

 private:
  Value separator_;
  bool was_called_ = false;
};

Value make_joiner(const Call& call) {
  const Bound arguments(call, {"sep"});
  return call.machine.make<Joiner>(arguments.value_or(0, ", "));
}

struct GlobalEntry {
  std::string_view name;
  Body body;
};

constexpr std::array<GlobalEntry, 7> kGlobals{{
    {"cycler", make_cycler},
    {"dict", dict},
    {"joiner", make_joiner},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", format_now},
}};

}  // namespace

std::optional<Value> global_value(Machine& machine, std::string_view name) {
  const auto* const found = std::find_if(
      kGlobals.begin(), kGlobals.end(), [&](const auto& entry) { return entry.name == name; });
  if (found == kGlobals.end()) return std::nullopt;
  return Value(machine.make<Function>(found->name, found->body));
}

std::optional<std::string_view> Namespace::representation(Machine& machine) {
  const Nesting nesting(machine);
  return machine.copy(
      concat("<Namespace ", representation_of(machine, Value::dict(members_)), ">"));
}

std::optional<Value> Namespace::attribute(Machine& machine, std::string_view name) {
  const Value* found = find_member(machine, members_, name);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

bool Namespace::assign(Machine& machine, std::string_view name, Value value) {
  if (name.starts_with('_')) {
    machine.refuse("names in a namespace must not begin with an underscore, got '", name, "'");
  }
  machine.charge(1 + members_.size() / 8);
  for (Member& member : members_) {
    if (member.key.text() != name) continue;
    member.value = value;
    return true;
  }
  machine.charge(3 * sizeof(Member));  // the vector leaves its old memory behind when it grows
  members_.push_back({name, value});
  return true;
}

}  // namespace longhaul::jinja
