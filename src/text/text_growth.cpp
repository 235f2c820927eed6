#include "text_growth.h"

#include "longhaul/core/error.h"

namespace longhaul {

void check_growth(std::string_view part, std::size_t before, std::size_t after) {
  if (after <= 4096 || after / 64 <= before) return;
  throw FormatError(concat("tokenizer: ",
                           part,
                           ": made ",
                           after,
                           " bytes of ",
                           before,
                           ", expected at most 64 times as many"));
}

}  // namespace longhaul
