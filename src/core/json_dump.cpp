#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/json_node.h"

namespace longhaul {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15U];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  // The shortest digits that read back as the same value; an exponent where people write one.
  const double size = std::abs(value);
  const bool is_plain = size == 0.0 || (size >= 1e-4 && size < 1e16);
  std::array<char, 32> digits{};
  const auto* const end =
      std::to_chars(digits.data(),
                    digits.data() + digits.size(),
                    value,
                    is_plain ? std::chars_format::fixed : std::chars_format::scientific)
          .ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void append_line(std::string& out, int indent, int depth) {
  if (indent <= 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
}

// Opens a bracket, writes `count` items on lines of their own, closes it.
template <class WriteItem>
void dump_items(std::string& out,
                std::string_view brackets,
                std::size_t count,
                std::pair<int, int> indent_and_depth,
                const WriteItem& write_item) {
  const auto [indent, depth] = indent_and_depth;
  out += brackets[0];
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    append_line(out, indent, depth + 1);
    write_item(i);
  }
  if (count > 0) append_line(out, indent, depth);
  out += brackets[1];
}

void dump(const JsonNode& node, std::string& out, int indent, int depth) {
  switch (node.kind()) {
    case Json::Kind::kNull: out += "null"; return;
    case Json::Kind::kBool: out += std::get<bool>(node.value) ? "true" : "false"; return;
    case Json::Kind::kInt: out += std::to_string(std::get<std::int64_t>(node.value)); return;
    case Json::Kind::kFloat: append_double(out, std::get<double>(node.value)); return;
    case Json::Kind::kString: append_escaped(out, std::get<std::string>(node.value)); return;
    case Json::Kind::kArray: {
      const auto& array = std::get<JsonNode::Array>(node.value);
      dump_items(out, "[]", array.size(), {indent, depth}, [&](std::size_t i) {
        dump(array[i], out, indent, depth + 1);
      });
      return;
    }
    case Json::Kind::kObject: {
      const auto& members = std::get<JsonNode::Object>(node.value).members;
      dump_items(out, "{}", members.size(), {indent, depth}, [&](std::size_t i) {
        append_escaped(out, members[i].key);
        out += indent > 0 ? ": " : ":";
        dump(members[i].value, out, indent, depth + 1);
      });
      return;
    }
  }
}

}  // namespace

std::string dump_json(const JsonNode& node, int indent) {
  std::string out;
  dump(node, out, indent, 0);
  return out;
}

}  // namespace longhaul
