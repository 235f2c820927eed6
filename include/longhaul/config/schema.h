// One table of keys that drives everything said of a configuration: reading it, the errors, the
// nearest known key, writing it with every default, and its documentation.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "longhaul/config/document.h"
#include "longhaul/config/value_type.h"

namespace longhaul {

struct KeyInfo {
  std::string path;      // "data.max_length": at most one section deep
  std::string expected;  // of its ValueType
  std::string meaning;   // one or two sentences
  bool is_required = false;
};

// A key of another program, or one of ours that does not exist yet, and the answer to it.
struct ForeignKey {
  std::string name;    // the last part of its path
  std::string ours;    // path of our key; empty when there is none
  std::string answer;  // a sentence; may be empty where `ours` says all
};

// What a document says of one key.
struct GivenKey {
  const ConfigNode* node = nullptr;  // null: not given, the default stands
  bool is_wrong = false;             // given, but not taken: the default stands
};

// The value that stands in the document for each of `keys`, null where none does. Adds an error
// for every unknown key, every section that is no section and every required key that is missing.
std::vector<const ConfigNode*> match_keys(const Document& document,
                                          std::span<const KeyInfo> keys,
                                          std::span<const ForeignKey> foreign,
                                          ConfigErrors& errors);

// `values[i]` is the YAML text of keys[i]; sections are nested. With comments each key is preceded
// by its meaning and what it takes.
std::string write_keys(std::span<const KeyInfo> keys,
                       std::span<const std::string> values,
                       bool with_comments);

// The keys of a struct `Config`, in the order in which they are written and documented. Keys of one
// section stand together.
template <class Config>
class Schema {
 public:
  explicit Schema(std::vector<ForeignKey> foreign = {}) : foreign_(std::move(foreign)) {}

  // `member` returns a reference to the field: [](Config& c) -> auto& { return c.seed; }.
  template <class T, class Member>
  void add(std::string path, Member member, ValueType<T> type, std::string meaning) {
    infos_.push_back({std::move(path), type.expected, std::move(meaning)});
    readers_.push_back([member, read = type.read](const ConfigNode& node, Config& config) {
      return read(node, member(config));
    });
    writers_.push_back(
        [member, write = type.write](Config config) { return write(member(config)); });
  }

  template <class T, class Member>
  void add_required(std::string path, Member member, ValueType<T> type, std::string meaning) {
    add(std::move(path), member, std::move(type), std::move(meaning));
    infos_.back().is_required = true;
  }

  // Sets every field that the document names and adds what is wrong to `errors`, with the
  // document's own problems. Returns one entry per key.
  std::vector<GivenKey> read(const Document& document, Config& config, ConfigErrors& errors) const {
    errors.add_all(document.problems);
    const std::vector<const ConfigNode*> nodes = match_keys(document, infos_, foreign_, errors);
    std::vector<GivenKey> given(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i] == nullptr) continue;
      given[i].node = nodes[i];
      Config changed = config;  // a value that is not taken leaves the default
      if (readers_[i](*nodes[i], changed)) {
        config = std::move(changed);
        continue;
      }
      given[i].is_wrong = true;
      errors.add(nodes[i]->place,
                 infos_[i].path,
                 "got " + describe(*nodes[i]) + ", expected " + infos_[i].expected);
    }
    return given;
  }

  std::vector<std::string> values(const Config& config) const {
    std::vector<std::string> values;
    for (const auto& write : writers_) values.push_back(write(config));
    return values;
  }

  std::string write(const Config& config, bool with_comments) const {
    return write_keys(infos_, values(config), with_comments);
  }

  const std::vector<KeyInfo>& keys() const { return infos_; }
  const std::vector<ForeignKey>& foreign_keys() const { return foreign_; }

 private:
  std::vector<KeyInfo> infos_;
  std::vector<std::function<bool(const ConfigNode&, Config&)>> readers_;
  std::vector<std::function<std::string(Config)>> writers_;
  std::vector<ForeignKey> foreign_;
};

}  // namespace longhaul
