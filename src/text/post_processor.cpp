#include "post_processor.h"

#include "longhaul/core/error.h"

#include "token_options.h"

namespace longhaul {

namespace {

std::vector<TokenId> read_ids(const Json& json, int vocabulary_size) {
  std::vector<TokenId> ids;
  for (const Json& element : json.elements()) {
    const std::int64_t id = element.as_int();
    if (id < 0 || id >= vocabulary_size) {
      refuse(element, concat("got id ", id, ", expected 0 to ", vocabulary_size - 1));
    }
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

PostProcessor parse_template(const Json& json, int vocabulary_size) {
  check_options(json, {"single", "pair", "special_tokens"});
  PostProcessor out;
  bool has_text = false;
  for (const Json& piece : json.at("single").elements()) {
    if (piece.contains("Sequence")) {
      if (has_text || piece.at("Sequence").as_string("id") != "A") {
        refuse(piece, "expected the sequence A once");
      }
      has_text = true;
      continue;
    }
    const Json token = json.at("special_tokens").at(piece.at("SpecialToken").as_string("id"));
    const std::vector<TokenId> ids = read_ids(token.at("ids"), vocabulary_size);
    std::vector<TokenId>& side = has_text ? out.after : out.before;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!has_text) refuse(json, "the template of a single sequence does not contain it");
  return out;
}

}  // namespace

PostProcessor parse_post_processor(const Json& json, int vocabulary_size) {
  PostProcessor out;
  bool has_template = false;
  for (const Json& part : flatten_sequence(json, "processors")) {
    const std::string type = type_of(part);
    if (type == "ByteLevel") {  // trims offsets, which nothing here keeps
      check_options(part, {"add_prefix_space", "trim_offsets", "use_regex"});
    } else if (type == "TemplateProcessing") {
      if (has_template) refuse(part, "a second TemplateProcessing is not supported");
      has_template = true;
      out = parse_template(part, vocabulary_size);
    } else {
      refuse_type(part, "post-processor", "ByteLevel, TemplateProcessing, Sequence");
    }
  }
  return out;
}

}  // namespace longhaul
