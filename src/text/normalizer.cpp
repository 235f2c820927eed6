#include "normalizer.h"

#include <optional>
#include <utility>

#include "split_pattern.h"
#include "text_growth.h"
#include "token_options.h"
#include "unicode.h"

namespace longhaul {

namespace {

using Step = std::function<void(NormalizedText&)>;

void strip(NormalizedText& normalized, bool left, bool right) {
  std::string_view text = normalized.text;
  while (left && !text.empty() && is_white_space(code_point_at(text, 0))) {
    text.remove_prefix(utf8_length(text[0]));
  }
  while (right && !text.empty()) {
    const std::size_t last = previous_character(text, text.size());
    if (!is_white_space(code_point_at(text, last))) break;
    text.remove_suffix(text.size() - last);
  }
  if (text.data() != normalized.text.data()) normalized.keeps_start = false;
  normalized.text = std::string(text);
}

void replace(NormalizedText& normalized, const SplitPattern& pattern, const std::string& content) {
  if (content.empty()) {
    const std::optional<TextRange> first = pattern.search(normalized.text, 0);
    if (first && first->begin == 0 && first->size() > 0) normalized.keeps_start = false;
  }
  normalized.text = pattern.replace(normalized.text, content);
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
    return [form](NormalizedText& t) { t.text = to_normal_form(t.text, *form); };
  }
  if (type == "Prepend") {
    check_options(json, {"prepend"});
    return [prefix = json.as_string("prepend")](NormalizedText& t) {
      if (t.text.empty() || prefix.empty()) return;
      t.text.insert(0, prefix);
      t.keeps_start = true;
    };
  }
  if (type == "Replace") {
    check_options(json, {"pattern", "content"});
    return [pattern = SplitPattern(json.at("pattern")), content = json.as_string("content")](
               NormalizedText& t) { replace(t, pattern, content); };
  }
  if (type == "Lowercase") {
    check_options(json, {});
    return [](NormalizedText& t) { t.text = to_lower_case(t.text); };
  }
  if (type == "Strip") {
    check_options(json, {"strip_left", "strip_right"});
    return [left = json.as_bool("strip_left"),
            right = json.as_bool("strip_right")](NormalizedText& t) { strip(t, left, right); };
  }
  refuse_type(
      json, "normalizer", "NFC, NFD, NFKC, NFKD, Prepend, Replace, Lowercase, Strip, Sequence");
}

}  // namespace

Normalizer::Normalizer(const Json& json) {
  for (const Json& step : flatten_sequence(json, "normalizers")) steps_.push_back(parse_step(step));
}

NormalizedText Normalizer::apply(std::string text) const {
  NormalizedText normalized{std::move(text)};
  const std::size_t size = normalized.text.size();
  for (const Step& step : steps_) {
    step(normalized);
    check_growth("normalizer", size, normalized.text.size());
  }
  return normalized;
}

}  // namespace longhaul
