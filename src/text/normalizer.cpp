#include "normalizer.h"

#include <optional>
#include <utility>

#include "split_pattern.h"
#include "token_options.h"
#include "unicode.h"

namespace longhaul {

namespace {

using Step = std::function<std::string(std::string)>;

std::string strip(std::string_view text, bool left, bool right) {
  while (left && !text.empty() && is_white_space(code_point_at(text, 0))) {
    text.remove_prefix(utf8_length(text[0]));
  }
  while (right && !text.empty()) {
    const std::size_t last = previous_character(text, text.size());
    if (!is_white_space(code_point_at(text, last))) break;
    text.remove_suffix(text.size() - last);
  }
  return std::string(text);
}

std::optional<NormalForm> normal_form_of(std::string_view type) {
  if (type == "NFC") return NormalForm::kNfc;
  if (type == "NFD") return NormalForm::kNfd;
  if (type == "NFKC") return NormalForm::kNfkc;
  if (type == "NFKD") return NormalForm::kNfkd;
  return std::nullopt;
}

Step parse_step(const Json& json) {
  const std::string type = type_of(json);
  if (const std::optional<NormalForm> form = normal_form_of(type)) {
    check_options(json, {});
    return [form](const std::string& text) { return to_normal_form(text, *form); };
  }
  if (type == "Prepend") {
    check_options(json, {"prepend"});
    return [prefix = json.as_string("prepend")](std::string text) {
      return text.empty() ? std::move(text) : prefix + text;
    };
  }
  if (type == "Replace") {
    check_options(json, {"pattern", "content"});
    return [pattern = SplitPattern(json.at("pattern")), content = json.as_string("content")](
               const std::string& text) { return pattern.replace(text, content); };
  }
  if (type == "Lowercase") {
    check_options(json, {});
    return [](const std::string& text) { return to_lower_case(text); };
  }
  if (type == "Strip") {
    check_options(json, {"strip_left", "strip_right"});
    return [left = json.as_bool("strip_left"), right = json.as_bool("strip_right")](
               const std::string& text) { return strip(text, left, right); };
  }
  refuse_type(
      json, "normalizer", "NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip, Sequence");
}

}  // namespace

Normalizer::Normalizer(const Json& json) {
  for (const Json& step : flatten_sequence(json, "normalizers")) steps_.push_back(parse_step(step));
}

std::string Normalizer::apply(std::string text) const {
  for (const Step& step : steps_) text = step(std::move(text));
  return text;
}

}  // namespace longhaul
