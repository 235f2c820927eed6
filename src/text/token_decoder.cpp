#include "token_decoder.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"

#include "byte_level.h"
#include "split_pattern.h"
#include "text_growth.h"
#include "token_options.h"
#include "unicode.h"

namespace longhaul {

namespace {

using Tokens = std::vector<std::string>;
using Step = std::function<void(Tokens&, InvalidBytes)>;

std::size_t bytes_of(const Tokens& tokens) {
  std::size_t size = tokens.size();  // a token without content can still get a space
  for (const std::string& token : tokens) size += token.size();
  return size;
}

std::string join(const Tokens& tokens) {
  std::string out;
  out.reserve(bytes_of(tokens));
  for (const std::string& token : tokens) out += token;
  return out;
}

void decode_byte_level(Tokens& tokens, InvalidBytes invalid) {
  std::string bytes;
  for (const std::string& token : tokens) {
    const std::optional<std::string> spelled = bytes_of_characters(token);
    bytes += spelled ? *spelled : token;  // an added token is plain text
  }
  const bool is_kept = invalid == InvalidBytes::kKeep;
  tokens.assign(1, is_kept ? bytes : replace_invalid_utf8(bytes));
}

// The byte of "<0x41>".
std::optional<char> byte_of(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  unsigned byte = 0;
  const char* const end = token.data() + 5;
  if (std::from_chars(token.data() + 3, end, byte, 16).ptr != end) return std::nullopt;
  return static_cast<char>(byte);
}

// Byte tokens in a row are one text if they are valid UTF-8, and else one U+FFFD each.
void decode_byte_tokens(Tokens& tokens, InvalidBytes invalid) {
  Tokens out;
  std::string bytes;
  const auto end_bytes = [&] {
    if (bytes.empty()) return;
    if (invalid == InvalidBytes::kKeep || is_utf8(bytes)) {
      out.push_back(bytes);
    } else {
      out.insert(out.end(), bytes.size(), std::string(kReplacementCharacter));
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const std::optional<char> byte = byte_of(token)) {
      bytes += *byte;
    } else {
      end_bytes();
      out.push_back(std::move(token));
    }
  }
  end_bytes();
  tokens = std::move(out);
}

Step parse_metaspace(const Json& json) {
  check_options(json, {"replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"});
  std::string mark;
  append_utf8(mark, character_of(json.at("replacement")));
  const bool drops_first = json.string_or("prepend_scheme", "always") != "never" &&
                           json.bool_or("add_prefix_space", true);
  return [pattern = SplitPattern(std::move(mark)), drops_first](Tokens& tokens,
                                                                InvalidBytes /*invalid*/) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = pattern.replace(tokens[i], i == 0 && drops_first ? "" : " ");
    }
  };
}

// Takes `content` from the beginning of each token up to `start` times, and from its end.
Step parse_strip(const Json& json) {
  check_options(json, {"content", "start", "stop"});
  std::string content;
  append_utf8(content, character_of(json.at("content")));
  const std::int64_t start = json.as_int("start");
  const std::int64_t stop = json.as_int("stop");
  if (start < 0 || stop < 0) refuse(json, "expected start and stop to be 0 or more");
  return [=](Tokens& tokens, InvalidBytes /*invalid*/) {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (std::int64_t i = 0; i < start && rest.starts_with(content); ++i) {
        rest.remove_prefix(content.size());
      }
      for (std::int64_t i = 0; i < stop && rest.ends_with(content); ++i) {
        rest.remove_suffix(content.size());
      }
      token = std::string(rest);
    }
  };
}

Step parse_step(const Json& json) {
  const std::string type = type_of(json);
  if (type == "ByteLevel") {
    check_options(json, {"add_prefix_space", "trim_offsets", "use_regex"});
    return decode_byte_level;
  }
  if (type == "ByteFallback") {
    check_options(json, {});
    return decode_byte_tokens;
  }
  if (type == "Fuse") {
    check_options(json, {});
    return [](Tokens& tokens, InvalidBytes /*invalid*/) { tokens.assign(1, join(tokens)); };
  }
  if (type == "Metaspace") return parse_metaspace(json);
  if (type == "Replace") {
    check_options(json, {"pattern", "content"});
    return [pattern = SplitPattern(json.at("pattern")), content = json.as_string("content")](
               Tokens& tokens, InvalidBytes /*invalid*/) {
      for (std::string& token : tokens) token = pattern.replace(token, content);
    };
  }
  if (type == "Strip") return parse_strip(json);
  refuse_type(
      json, "decoder", "ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip, Sequence");
}

}  // namespace

TokenDecoder::TokenDecoder(const Json& json) {
  if (json.is_null()) {
    steps_.emplace_back([](Tokens& tokens, InvalidBytes /*invalid*/) {
      for (std::size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, 1, ' ');
    });
  }
  bool has_bytes = false;
  for (const Json& step : flatten_sequence(json, "decoders")) {
    if (has_bytes && type_of(step) == "Replace" && step.at("pattern").contains("Regex")) {
      refuse(step, "a regular expression after a decoder that makes bytes is not supported");
    }
    has_bytes = has_bytes || type_of(step) == "ByteLevel" || type_of(step) == "ByteFallback";
    steps_.push_back(parse_step(step));
  }
}

std::string TokenDecoder::decode(std::vector<std::string> tokens, InvalidBytes invalid) const {
  const std::size_t size = bytes_of(tokens);
  for (const Step& step : steps_) {
    step(tokens, invalid);
    check_growth("decoder", size, bytes_of(tokens));
  }
  return join(tokens);
}

}  // namespace longhaul
