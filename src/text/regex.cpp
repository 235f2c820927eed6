#include "regex.h"

#include <array>
#include <cstdint>
#include <new>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "longhaul/core/error.h"

namespace longhaul {

struct Regex::Code {
  struct Free {
    void operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
  };
  std::unique_ptr<pcre2_code, Free> code;
  std::string place;
};

namespace {

// What one thread needs to match. The pair of offsets of the whole match is all that is asked for,
// so one block serves every pattern.
class MatchScratch {
 public:
  MatchScratch()
      : data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)),
        stack_(pcre2_jit_stack_create(kFirstStackBytes, kLargestStackBytes, nullptr)) {
    if (!data_ || !context_ || !stack_) throw std::bad_alloc();
    pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
  }

  pcre2_match_data* data() const { return data_.get(); }
  pcre2_match_context* context() const { return context_.get(); }

 private:
  static constexpr std::size_t kFirstStackBytes = std::size_t{32} << 10U;
  // Enough for alternatives in a loop over some 10^5 characters; beyond it the interpreter, whose
  // memory is the heap's, takes over.
  static constexpr std::size_t kLargestStackBytes = std::size_t{4} << 20U;

  struct Free {
    void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
    void operator()(pcre2_match_context* context) const noexcept {
      pcre2_match_context_free(context);
    }
    void operator()(pcre2_jit_stack* stack) const noexcept { pcre2_jit_stack_free(stack); }
  };
  std::unique_ptr<pcre2_match_data, Free> data_;
  std::unique_ptr<pcre2_match_context, Free> context_;
  std::unique_ptr<pcre2_jit_stack, Free> stack_;
};

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units_of(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

}  // namespace

Regex::Regex(std::string_view pattern, const std::string& place) {
  const std::string translated = to_pcre2_syntax(pattern, place);
  struct Free {
    void operator()(pcre2_compile_context* context) const noexcept {
      pcre2_compile_context_free(context);
    }
  };
  const std::unique_ptr<pcre2_compile_context, Free> context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);

  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_shared<Code>();
  code->place = place;
  code->code.reset(pcre2_compile(units_of(translated),
                                 translated.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                                 &error,
                                 &offset,
                                 context.get()));
  if (!code->code) {
    throw FormatError(concat(place, ": regular expression \"", pattern, "\": ", message_of(error)));
  }
  // Where JIT is missing (PCRE2_ERROR_JIT_BADOPTION) the interpreter gives the same matches.
  pcre2_jit_compile(code->code.get(), PCRE2_JIT_COMPLETE);
  code_ = std::move(code);
}

std::optional<TextRange> Regex::search(std::string_view text, std::size_t from) const {
  static thread_local const MatchScratch scratch;
  const auto match = [&](std::uint32_t options) {
    return pcre2_match(code_->code.get(),
                       units_of(text),
                       text.size(),
                       from,
                       PCRE2_NO_UTF_CHECK | options,
                       scratch.data(),
                       scratch.context());
  };
  int result = match(0);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (result < 0) {
    throw Error(concat(code_->place, ": matching at byte ", from, ": ", message_of(result)));
  }
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(scratch.data());
  return TextRange{offsets[0], offsets[1]};
}

}  // namespace longhaul
