#include "longhaul/core/units.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

TEST(ParseBytes, ReadsBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_bytes("24GiB"), 24_GiB);
  EXPECT_EQ(parse_bytes("1.5 MiB").count, 1572864);
  EXPECT_EQ(parse_bytes("2GB").count, 2000000000);
  EXPECT_EQ(parse_bytes("4096").count, 4096);
}

TEST(ParseBytes, RefusesWhatIsNoSize) {
  for (const char* text : {"", "GiB", "-1GiB", "3 parsecs", "nan", "1e400", "99999999999 TiB"}) {
    EXPECT_THROW(parse_bytes(text), InvalidArgument) << text;
  }
}

TEST(ToString, NamesTheUnit) {
  EXPECT_EQ(to_string(Bytes{10}), "10 B");
  EXPECT_EQ(to_string(1_GiB), "1.00 GiB");
  EXPECT_EQ(to_string(Seconds{250}), "4 min 10 s");
  EXPECT_EQ(to_string(BytesPerSecond{34.1e9}), "34.1 GB/s");
}

}  // namespace
}  // namespace longhaul
