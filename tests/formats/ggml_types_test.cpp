#include "formats/ggml_types.h"

#include <cstring>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/formats/safetensors.h"

#include "formats/gguf_file.h"

namespace longhaul {
namespace {

const std::filesystem::path kData = std::filesystem::path(LONGHAUL_TEST_DATA) / "formats";

class Dequantize : public testing::TestWithParam<std::string> {};

// Random blocks of every type; the expected values are those of the `gguf` package.
TEST_P(Dequantize, GivesTheBitsOfTheReferenceDecoder) {
  const GgufFile file(kData / "blocks.gguf");
  const SafetensorsFile expected(kData / "blocks.safetensors");
  const GgufTensor* tensor = file.find(GetParam());
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(name_of(tensor->type), GetParam());

  std::vector<float> values(static_cast<std::size_t>(tensor->elements));
  file.read(*tensor, DType::kF32, std::as_writable_bytes(std::span(values)));

  std::vector<float> wanted(values.size());
  for (const StoredTensor& stored : expected.tensors()) {
    if (stored.spec.name != GetParam()) continue;
    expected.read(stored, DType::kF32, std::as_writable_bytes(std::span(wanted)));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::bit_cast<std::uint32_t>(wanted[i]))
        << "element " << i;
  }
  EXPECT_TRUE(std::any_of(wanted.begin(), wanted.end(), [](float x) { return x != 0.0F; }));
}

INSTANTIATE_TEST_SUITE_P(
    Types,
    Dequantize,
    testing::Values(
        "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"),
    [](const auto& test) { return test.param; });

TEST(DequantizeSizes, MustBeWholeBlocks) {
  std::vector<std::byte> blocks(18);
  std::vector<float> out(32);
  EXPECT_NO_THROW(dequantize(GgmlType::kQ40, blocks, out));
  EXPECT_THROW(dequantize(GgmlType::kQ40, blocks, std::span(out).first(31)), InvalidArgument);
  EXPECT_THROW(dequantize(GgmlType::kQ40, std::span(blocks).first(17), out), InvalidArgument);
}

TEST(ParseGgmlType, NamesWhatIsNotSupported) {
  try {
    parse_ggml_type(23, "m.gguf: tensor x");
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_THAT(error.what(),
                testing::StartsWith("m.gguf: tensor x: type IQ4_XS (23) is not supported, "
                                    "expected F32, F16, Q4_0"));
  }
  EXPECT_THROW(parse_ggml_type(4, "x"), FormatError);
  EXPECT_THROW(parse_ggml_type(0xFFFFFFFFU, "x"), FormatError);
}

}  // namespace
}  // namespace longhaul
