#include "longhaul/config/schema.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

std::string_view leaf_of(std::string_view path) {
  return path.substr(path.rfind('.') + 1);  // npos + 1 == 0
}

std::string_view section_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

bool is_below(std::string_view path, std::string_view section) {
  return path.size() > section.size() && path.starts_with(section) && path[section.size()] == '.';
}

std::string join(std::string_view section, std::string_view key) {
  return concat(section, section.empty() ? "" : ".", key);
}

class Matcher {
 public:
  Matcher(const Document& document,
          std::span<const KeyInfo> keys,
          std::span<const ForeignKey> foreign,
          ConfigErrors& errors)
      : document_(document),
        keys_(keys),
        foreign_(foreign),
        errors_(errors),
        nodes_(keys.size()),
        is_excused_(keys.size()) {}

  std::vector<const ConfigNode*> match() {
    match_section(document_.root, {});
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (!keys_[i].is_required || nodes_[i] != nullptr || is_excused_[i]) continue;
      errors_.add(
          {document_.source}, keys_[i].path, concat("missing, expected ", keys_[i].expected));
    }
    return std::move(nodes_);
  }

 private:
  void match_section(const ConfigNode& map, std::string_view section) {
    for (const ConfigEntry& entry : map.entries) {
      const std::string path = join(section, entry.key);
      const auto key = std::find_if(
          keys_.begin(), keys_.end(), [&](const KeyInfo& info) { return info.path == path; });
      if (key != keys_.end()) {
        nodes_[static_cast<std::size_t>(key - keys_.begin())] = &entry.value;
      } else if (is_section(path)) {
        match_subsection(entry.value, path);
      } else {
        errors_.add(entry.place, path, answer_to(path, section));
      }
    }
  }

  void match_subsection(const ConfigNode& node, const std::string& path) {
    if (node.kind == ConfigNode::Kind::kMap || node.kind == ConfigNode::Kind::kNull) {
      match_section(node, path);
      return;
    }
    errors_.add(node.place,
                path,
                concat("got ", describe(node), ", expected a section with ", names_in(path)));
    // Its keys are not missing as well: the one error says it.
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      is_excused_[i] = is_excused_[i] || is_below(keys_[i].path, path);
    }
  }

  bool is_section(std::string_view path) const {
    return std::any_of(
        keys_.begin(), keys_.end(), [&](const KeyInfo& info) { return is_below(info.path, path); });
  }

  // The keys and sections directly in `section`.
  std::vector<std::string> children_of(std::string_view section) const {
    std::vector<std::string> names;
    for (const KeyInfo& info : keys_) {
      std::string_view rest = info.path;
      if (!section.empty()) {
        if (!is_below(rest, section)) continue;
        rest.remove_prefix(section.size() + 1);
      }
      std::string name(rest.substr(0, rest.find('.')));
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
  }

  std::string names_in(std::string_view section) const {
    std::string text;
    for (const std::string& name : children_of(section)) {
      text += concat(text.empty() ? "" : ", ", name);
    }
    return text;
  }

  // What to write instead: another program's key has a known answer; else the nearest name in the
  // same section, then the same or nearest name in any other.
  std::string answer_to(const std::string& path, std::string_view section) const {
    const std::string_view leaf = leaf_of(path);
    std::vector<std::string> leaves;
    for (const KeyInfo& info : keys_) {
      if (leaf_of(info.path) == leaf) return concat("unknown key (did you mean ", info.path, "?)");
      leaves.emplace_back(leaf_of(info.path));
    }
    for (const ForeignKey& foreign : foreign_) {
      if (foreign.name == leaf) return answer_of(foreign);
    }
    const std::string sibling = nearest_name(leaf, children_of(section));
    if (!sibling.empty()) {
      return concat("unknown key (did you mean ", join(section, sibling), "?)");
    }
    const std::string distant = nearest_name(leaf, leaves);
    for (std::size_t i = 0; i < leaves.size() && !distant.empty(); ++i) {
      if (leaves[i] == distant) return concat("unknown key (did you mean ", keys_[i].path, "?)");
    }
    return concat("unknown key, expected one of ", names_in(section));
  }

  static std::string answer_of(const ForeignKey& foreign) {
    if (foreign.ours.empty()) return concat("unknown key: ", foreign.answer);
    return concat("unknown key, here it is ",
                  foreign.ours,
                  foreign.answer.empty() ? "" : ": ",
                  foreign.answer);
  }

  const Document& document_;
  std::span<const KeyInfo> keys_;
  std::span<const ForeignKey> foreign_;
  ConfigErrors& errors_;
  std::vector<const ConfigNode*> nodes_;
  std::vector<bool> is_excused_;  // from being required
};

// The words of `text` in lines of at most `width` characters, each after `prefix`.
void write_comment(std::ostream& out, const std::string& prefix, const std::string& text) {
  constexpr std::size_t kWidth = 96;
  std::istringstream words(text);
  std::string line = prefix;
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > kWidth && line != prefix) {
      out << line << '\n';
      line = prefix;
    }
    line += ' ' + word;
  }
  out << line << '\n';
}

}  // namespace

std::vector<const ConfigNode*> match_keys(const Document& document,
                                          std::span<const KeyInfo> keys,
                                          std::span<const ForeignKey> foreign,
                                          ConfigErrors& errors) {
  return Matcher(document, keys, foreign, errors).match();
}

std::string write_keys(std::span<const KeyInfo> keys,
                       std::span<const std::string> values,
                       bool with_comments) {
  std::ostringstream out;
  std::string section;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string_view own_section = section_of(keys[i].path);
    const std::string indent(own_section.empty() ? 0 : 2, ' ');
    if (own_section != section) {
      section = own_section;
      if (with_comments) out << '\n';
      if (!section.empty()) out << section << ":\n";
    }
    if (with_comments) {
      write_comment(out, indent + "#", keys[i].meaning + " Takes " + keys[i].expected + ".");
    }
    out << indent << leaf_of(keys[i].path) << ": " << values[i] << '\n';
  }
  return out.str();
}

}  // namespace longhaul
