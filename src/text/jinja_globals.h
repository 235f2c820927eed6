// The functions that every template can call.
#pragma once

#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

#include "jinja_machine.h"
#include "jinja_value.h"

namespace longhaul::jinja {

// range, dict, namespace, cycler, joiner, raise_exception, strftime_now; nothing for other names.
std::optional<Value> global_value(Machine& machine, std::string_view name);

// What `namespace()` makes: the only value that a template can change.
class Namespace final : public Object {
 public:
  explicit Namespace(std::pmr::memory_resource* memory) : members_(memory) {}

  std::optional<std::string_view> representation(Machine& machine) override;
  std::optional<Value> attribute(Machine& machine, std::string_view name) override;
  // Throws ConversationRefused for names that begin with an underscore.
  bool assign(Machine& machine, std::string_view name, Value value) override;

 private:
  std::pmr::vector<Member> members_;
};

}  // namespace longhaul::jinja
