#include "longhaul/core/utf8.h"

#include <gtest/gtest.h>

namespace longhaul {
namespace {

TEST(IsUtf8, AcceptsEveryLengthAndRefusesMalformedSequences) {
  EXPECT_TRUE(is_utf8("a\u00e9\u20ac\U0001F600"));
  for (const std::string_view bad : {"\x80",
                                     "\xc3",
                                     "\xe2\x82",
                                     "\xf0\x9f\x98",
                                     "\xc1\xbf",
                                     "\xe0\x80\x80",
                                     "\xed\xbf\xbf",
                                     "\xf0\x80\x80\x80",
                                     "\xf4\x90\x80\x80",
                                     "\xf5\x80\x80\x80",
                                     "\xe2\x28\xa1"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace longhaul
