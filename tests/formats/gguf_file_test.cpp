#include "formats/gguf_file.h"

#include <cstring>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "formats/gguf_builder.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using test::bytes_of;
using test::gguf_string;
using test::GgufBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

GgufHeader parse(const std::string& bytes) {
  const auto read_at = [&](std::int64_t offset, std::span<std::byte> out) {
    ASSERT_LE(static_cast<std::size_t>(offset) + out.size(), bytes.size());
    std::memcpy(out.data(), bytes.data() + offset, out.size());
  };
  return parse_gguf_header(read_at, static_cast<std::int64_t>(bytes.size()), "m.gguf");
}

std::string complaint(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const FormatError& error) {
    EXPECT_THAT(error.what(), HasSubstr("m.gguf"));
    return error.what();
  }
  return {};
}

// A header with these counts, then `rest`.
std::string header(std::uint64_t tensors, std::uint64_t pairs, const std::string& rest) {
  return "GGUF" + bytes_of<std::uint32_t>(3) + bytes_of(tensors) + bytes_of(pairs) + rest;
}

TEST(GgufHeaderTest, ReadsEveryKindOfValue) {
  const GgufHeader parsed =
      parse(GgufBuilder()
                .raw("u8", 0, bytes_of<std::uint8_t>(200))
                .raw("i8", 1, bytes_of<std::int8_t>(-5))
                .raw("u16", 2, bytes_of<std::uint16_t>(60000))
                .raw("i16", 3, bytes_of<std::int16_t>(-30000))
                .number("u32", 4'000'000'000U)
                .raw("i32", 5, bytes_of<std::int32_t>(-7))
                .real("f32", 0.5F)
                .flag("bool", true)
                .text("string", "caf\u00e9")
                .texts("strings", {"a", ""})
                .numbers<std::int32_t>("ints", {1, -2})
                .raw("u64", 10, bytes_of<std::uint64_t>(1ULL << 62))
                .raw("i64", 11, bytes_of<std::int64_t>(std::numeric_limits<std::int64_t>::min()))
                .raw("f64", 12, bytes_of(1e300))
                .build());
  EXPECT_EQ(parsed.metadata.dump(),
            R"({"u8":200,"i8":-5,"u16":60000,"i16":-30000,"u32":4000000000,"i32":-7,"f32":0.5,)"
            R"("bool":true,"string":"café","strings":["a",""],"ints":[1,-2],)"
            R"("u64":4611686018427387904,"i64":-9223372036854775808,"f64":1e+300})");
}

TEST(GgufHeaderTest, PlacesTensorsAfterTheAlignedHeader) {
  const std::string bytes = GgufBuilder().floats("a", {2, 3}).floats("b", {1}).build();
  const GgufHeader parsed = parse(bytes);
  ASSERT_EQ(parsed.tensors.size(), 2U);
  EXPECT_THAT(parsed.tensors[0].shape, ElementsAre(2, 3));
  EXPECT_EQ(parsed.tensors[0].offset % 32, 0);
  EXPECT_EQ(parsed.tensors[0].bytes, 24);
  EXPECT_EQ(parsed.tensors[1].offset, parsed.tensors[0].offset + 32);
}

TEST(GgufHeaderTest, HonoursTheAlignmentOfTheFile) {
  const GgufBuilder builder = GgufBuilder().number("general.alignment", 64).floats("a", {1});
  std::string bytes = builder.build();
  bytes.resize(bytes.size() + 64);
  EXPECT_EQ(parse(bytes).tensors[0].offset % 64, 0);
  for (const std::uint32_t alignment : {0U, 3U, 33U, 1U << 21}) {
    EXPECT_THAT(complaint(GgufBuilder().number("general.alignment", alignment).build()),
                HasSubstr("expected a power of two"));
  }
}

TEST(GgufHeaderTest, AcceptsVersionsTwoAndThreeOnly) {
  EXPECT_EQ(complaint(GgufBuilder().version(2).build()), "");
  EXPECT_THAT(complaint(GgufBuilder().version(1).build()), HasSubstr("version 1 is not supported"));
  EXPECT_THAT(complaint(GgufBuilder().version(4).build()), HasSubstr("version 4 is not supported"));
  EXPECT_THAT(complaint(GgufBuilder().version(0x03000000).build()), HasSubstr("big-endian"));
  EXPECT_THAT(complaint("ggjt" + std::string(40, '\0')), HasSubstr("no GGUF file"));
}

TEST(GgufHeaderTest, RefusesEveryTruncation) {
  const std::string bytes =
      GgufBuilder().text("general.name", "x").texts("t", {"a", "b"}).floats("a", {8}).build();
  EXPECT_EQ(complaint(bytes), "");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_NE(complaint(bytes.substr(0, length)), "") << length;
  }
}

TEST(GgufHeaderTest, RefusesCountsBeyondTheFileBeforeTakingMemory) {
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  EXPECT_THAT(complaint(header(kHuge, 0, "")), HasSubstr("number of tensors"));
  EXPECT_THAT(complaint(header(0, kHuge, "")), HasSubstr("number of metadata pairs"));
  EXPECT_THAT(complaint(header(0, 1, bytes_of(kHuge) + std::string(20, 'k'))),
              HasSubstr("key: got 18446744073709551615, but only 20 bytes follow"));
  const std::string pair = gguf_string("k") + bytes_of<std::uint32_t>(9);
  EXPECT_THAT(complaint(header(0, 1, pair + bytes_of<std::uint32_t>(0) + bytes_of(kHuge) + "xx")),
              HasSubstr("array length"));
}

TEST(GgufHeaderTest, BoundsTheElementsOfAllArraysTogether) {
  const auto array = [](std::size_t count) {
    return bytes_of<std::uint32_t>(0) + bytes_of<std::uint64_t>(count) + std::string(count, '\1');
  };
  EXPECT_THAT(complaint(GgufBuilder().raw("a", 9, array(2)).raw("b", 9, array(4194303)).build()),
              HasSubstr("more than 4194304 array elements"));
}

TEST(GgufHeaderTest, RefusesMalformedMetadata) {
  EXPECT_THAT(complaint(GgufBuilder().raw("k", 13, "xxxxxxxx").build()),
              HasSubstr("k: unknown value type 13"));
  EXPECT_THAT(complaint(GgufBuilder().raw("k", 7, "\2").build()), HasSubstr("expected a bool"));
  EXPECT_THAT(complaint(GgufBuilder().text("k", "\xff").build()), HasSubstr("UTF-8"));
  EXPECT_THAT(complaint(GgufBuilder().raw("k", 10, bytes_of(~std::uint64_t{0})).build()),
              HasSubstr("beyond int64"));
  const std::string nested = bytes_of<std::uint32_t>(9) + bytes_of<std::uint64_t>(1);
  EXPECT_THAT(complaint(GgufBuilder().raw("k", 9, nested + std::string(12, '\0')).build()),
              HasSubstr("arrays of arrays"));
  const std::string pair = gguf_string("k") + bytes_of<std::uint32_t>(0) + "x";
  EXPECT_THAT(complaint(header(0, 2, pair + pair)), HasSubstr("key k occurs more than once"));
}

TEST(GgufHeaderTest, RefusesImpossibleTensors) {
  const std::string data(64, '\0');
  const auto tensor =
      [&](const std::vector<std::uint64_t>& shape, std::uint32_t type, std::int64_t offset = -1) {
        return complaint(GgufBuilder().tensor("x", shape, type, data, offset).build());
      };
  EXPECT_EQ(tensor({16}, 0), "");
  EXPECT_THAT(tensor({}, 0), HasSubstr("0 dimensions"));
  EXPECT_THAT(tensor({1, 1, 1, 1, 1}, 0), HasSubstr("5 dimensions"));
  EXPECT_THAT(tensor({0}, 0), HasSubstr("impossible shape"));
  EXPECT_THAT(tensor({~std::uint64_t{0}}, 0), HasSubstr("impossible shape"));
  EXPECT_THAT(tensor({1ULL << 32, 1ULL << 32}, 0), HasSubstr("impossible shape"));
  EXPECT_THAT(tensor({1ULL << 60}, 0), HasSubstr("ends beyond"));
  EXPECT_THAT(tensor({1ULL << 61}, 0), HasSubstr("impossible shape"));
  EXPECT_THAT(tensor({17}, 0), HasSubstr("ends beyond"));
  EXPECT_THAT(tensor({16}, 0, 32), HasSubstr("ends beyond the 64 bytes"));
  EXPECT_THAT(tensor({1}, 0, 1), HasSubstr("no multiple of 32"));
  EXPECT_THAT(tensor({1}, 0, std::numeric_limits<std::int64_t>::max() / 32 * 32),
              HasSubstr("ends beyond"));
  EXPECT_THAT(tensor({2, 16}, 2), HasSubstr("rows of 16 are not whole blocks of Q4_0"));
  EXPECT_THAT(tensor({1}, 23), HasSubstr("tensor x: type IQ4_XS"));
}

TEST(GgufHeaderTest, RefusesTensorsThatShareNamesOrBytes) {
  const std::string data(32, '\0');
  EXPECT_THAT(complaint(GgufBuilder().tensor("a", {8}, 0, data).tensor("a", {8}, 0, data).build()),
              HasSubstr("tensor a occurs more than once"));
  EXPECT_THAT(
      complaint(GgufBuilder().tensor("a", {8}, 0, data).tensor("b", {8}, 0, data, 0).build()),
      HasSubstr("overlap"));
}

TEST(GgufFileTest, ReadsTensorsLongerThanAChunk) {
  const test::TemporaryFolder folder;
  constexpr std::size_t kCount = 300'000;
  std::string data(kCount * sizeof(float), '\0');
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto value = static_cast<float>(i);
    std::memcpy(data.data() + i * sizeof(float), &value, sizeof(float));
  }
  test::write_bytes(folder / "m.gguf", GgufBuilder().tensor("x", {kCount}, 0, data).build());
  const GgufFile file(folder / "m.gguf");
  std::vector<float> values(kCount);
  file.read(*file.find("x"), DType::kF32, std::as_writable_bytes(std::span(values)));
  for (std::size_t i = 0; i < kCount; ++i) ASSERT_EQ(values[i], static_cast<float>(i));
  EXPECT_EQ(file.find("y"), nullptr);
}

}  // namespace
}  // namespace longhaul
