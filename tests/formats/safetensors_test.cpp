#include "longhaul/formats/safetensors.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The bytes of a file: the length of `header`, the header, `data_bytes` zeros.
std::string container(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data_bytes, '\0');
}

SafetensorsHeader parse(std::string_view json, std::int64_t data_bytes) {
  return parse_safetensors_header(json, 100, 100 + data_bytes, "m.safetensors");
}

// What parsing a header in front of `data_bytes` bytes complains about; empty when it does not.
std::string complaint(std::string_view json, std::int64_t data_bytes) {
  try {
    parse(json, data_bytes);
  } catch (const FormatError& error) {
    return error.what();
  }
  return {};
}

template <class T>
std::vector<T> read(const SafetensorsFile& file, const StoredTensor& tensor, RowRange rows = {}) {
  constexpr DType kWanted = sizeof(T) == 4 ? DType::kF32 : DType::kBF16;
  std::vector<T> out(static_cast<std::size_t>(
      rows.count < 0 ? element_count(tensor.spec)
                     : rows.count * element_count(tensor.spec) / tensor.spec.shape[0]));
  file.read(tensor, kWanted, std::as_writable_bytes(std::span(out)), rows);
  return out;
}

TEST(SafetensorsHeader, PlacesTensorsByOffset) {
  const SafetensorsHeader header =
      parse(R"({"__metadata__":{"format":"pt"},)"
            R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
            R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
            R"("s":{"dtype":"U8","shape":[],"data_offsets":[20,21]}}   )",
            21);
  ASSERT_EQ(header.tensors.size(), 3U);
  EXPECT_EQ(header.tensors[0].spec.name, "a");
  EXPECT_EQ(header.tensors[0].offset, 100);
  EXPECT_EQ(header.tensors[1].spec.dtype, DType::kBF16);
  EXPECT_THAT(header.tensors[1].spec.shape, ElementsAre(2, 3));
  EXPECT_EQ(header.tensors[2].offset, 120);
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(SafetensorsHeader, AcceptsEmptyTensorsAnywhere) {
  EXPECT_EQ(complaint(R"({"e":{"dtype":"F32","shape":[0,5],"data_offsets":[8,8]},)"
                      R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                      R"("z":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
                      8),
            "");
}

TEST(SafetensorsHeader, RefusesOverlapsNamingTheTensor) {
  EXPECT_THAT(complaint(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                        R"("b":{"dtype":"U8","shape":[8],"data_offsets":[7,15]}})",
                        15),
              HasSubstr("m.safetensors: tensor b overlaps"));
}

TEST(SafetensorsHeader, RefusesGaps) {
  EXPECT_THAT(complaint(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[1,9]}})", 9),
              HasSubstr("tensor a leaves a gap"));
  EXPECT_THAT(complaint(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", 9),
              HasSubstr("1 bytes after the last tensor"));
}

TEST(SafetensorsHeader, RefusesRangesBeyondTheFile) {
  EXPECT_THAT(complaint(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", 7),
              HasSubstr("the file holds 7; it is truncated"));
}

TEST(SafetensorsHeader, RefusesShapesThatDoNotFillTheirRange) {
  EXPECT_THAT(complaint(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
              HasSubstr("m.safetensors: a: shape [3] of F32 does not fill the 8 bytes"));
}

TEST(SafetensorsHeader, RefusesProductsBeyondInt64) {
  // 2^32 * 2^32 * 4 wraps to 0, the size of the range.
  EXPECT_THAT(
      complaint(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
      HasSubstr("does not fill"));
}

TEST(SafetensorsHeader, NamesUnknownDtypes) {
  EXPECT_THAT(complaint(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1),
              HasSubstr("a.dtype: dtype F8_E4M3 is not supported, expected F64, F32"));
}

TEST(SafetensorsHeader, RefusesMalformedEntries) {
  for (const std::string json : {R"([])",
                                 R"(x)",
                                 R"( {})",
                                 R"({"a":1})",
                                 R"({"a":{}})",
                                 R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})",
                                 R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})",
                                 R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})",
                                 R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})",
                                 R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})",
                                 R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})",
                                 R"({"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})",
                                 R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e30]}})",
                                 R"({"__metadata__":{"a":1}})",
                                 R"({"__metadata__":[]})",
                                 R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                 R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})"}) {
    EXPECT_NE(complaint(json, 1), "") << json;
  }
}

class SafetensorsFileTest : public testing::Test {
 protected:
  // A file with these values in one tensor `t` of shape [rows, columns].
  SafetensorsFile write_fp32(const std::vector<float>& values, std::int64_t rows) {
    FileWriter out(folder_ / "m.safetensors");
    const auto columns = static_cast<std::int64_t>(values.size()) / rows;
    SafetensorsWriter writer(out, {{"t", DType::kF32, {rows, columns}}});
    writer.append(std::as_bytes(std::span(values)));
    writer.finish();
    out.close();
    return SafetensorsFile(folder_ / "m.safetensors");
  }

  std::string open_error(const std::string& bytes) {
    test::write_bytes(folder_ / "bad.safetensors", bytes);
    try {
      SafetensorsFile(folder_ / "bad.safetensors");
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("bad.safetensors"));
      return error.what();
    }
    return {};
  }

  test::TemporaryFolder folder_;
};

TEST_F(SafetensorsFileTest, ReadsBackWhatWasWritten) {
  const std::vector<float> values = {1.5F, -0.0F, 3e-42F, INFINITY, -7.25F, 1e30F};
  const SafetensorsFile file = write_fp32(values, 2);
  const std::vector<float> back = read<float>(file, file.tensors()[0]);
  EXPECT_EQ(std::memcmp(back.data(), values.data(), values.size() * sizeof(float)), 0);
}

TEST_F(SafetensorsFileTest, ReadsARangeOfRows) {
  const SafetensorsFile file = write_fp32({0, 1, 2, 3, 4, 5, 6, 7}, 4);
  EXPECT_THAT(read<float>(file, file.tensors()[0], {.first = 1, .count = 2}),
              ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(read<float>(file, file.tensors()[0], {.first = 3, .count = 1}), ElementsAre(6, 7));
}

TEST_F(SafetensorsFileTest, RoundsToNearestEvenWhenNarrowing) {
  // Half an ulp of bf16 above 1 (tie, to even) and above 1 + ulp (tie, up).
  const SafetensorsFile file = write_fp32({1.0F + 0x1p-8F, 1.0F + 0x3p-8F}, 1);
  EXPECT_THAT(read<std::uint16_t>(file, file.tensors()[0]), ElementsAre(0x3F80, 0x3F82));
}

TEST_F(SafetensorsFileTest, ConvertsTensorsLargerThanAChunk) {
  constexpr std::int64_t kCount = 700'001;
  std::vector<std::uint16_t> halves(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    halves[i] = to_bf16(static_cast<float>(i % 251) - 100.0F);
  }
  FileWriter out(folder_ / "m.safetensors");
  SafetensorsWriter writer(out, {{"t", DType::kBF16, {kCount}}});
  writer.append(std::as_bytes(std::span(halves)));
  writer.finish();
  out.close();
  const SafetensorsFile file(folder_ / "m.safetensors");
  const std::vector<float> back = read<float>(file, file.tensors()[0]);
  for (std::size_t i = 0; i < kCount; ++i) ASSERT_EQ(back[i], from_bf16(halves[i])) << i;
}

TEST_F(SafetensorsFileTest, RefusesRowsThatAreNotThere) {
  const SafetensorsFile file = write_fp32({0, 1, 2, 3}, 2);
  const StoredTensor& tensor = file.tensors()[0];
  std::vector<std::byte> out(8);
  EXPECT_THROW(file.read(tensor, DType::kF32, out, {.first = 2, .count = 1}), InvalidArgument);
  EXPECT_THROW(file.read(tensor, DType::kF32, out, {.first = -1, .count = 1}), InvalidArgument);
  EXPECT_THROW(file.read(tensor, DType::kF32, out, {}), InvalidArgument);
}

TEST_F(SafetensorsFileTest, RefusesConversionsOfIntegers) {
  test::write_bytes(folder_ / "i.safetensors",
                    container(R"({"t":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})", 4));
  const SafetensorsFile file(folder_ / "i.safetensors");
  std::vector<std::byte> out(4);
  EXPECT_THROW(file.read(file.tensors()[0], DType::kF32, out), FormatError);
}

TEST_F(SafetensorsFileTest, BeginsTheDataAtAMultipleOfEight) {
  for (const std::string name : {"t", "tt", "ttt", "tttt", "ttttt"}) {
    FileWriter out(folder_ / name);
    SafetensorsWriter(out, {{name, DType::kF32, {0}}}).finish();
    EXPECT_EQ(out.size() % 8, 0);
    out.close();
    EXPECT_EQ(SafetensorsFile(folder_ / name).tensors()[0].spec.name, name);
  }
}

TEST_F(SafetensorsFileTest, RefusesTruncatedFiles) {
  write_fp32({0, 1, 2, 3}, 2);
  const std::string whole = test::read_bytes(folder_ / "m.safetensors");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(open_error(whole.substr(0, length)), "") << length;
  }
}

TEST_F(SafetensorsFileTest, RefusesAHeaderLengthBeyondTheFileBeforeReading) {
  EXPECT_THAT(open_error(std::string(8, '\xff') + "{}"), HasSubstr("expected at most 2"));
}

TEST_F(SafetensorsFileTest, AWriterCountsItsBytes) {
  FileWriter out(folder_ / "m");
  SafetensorsWriter writer(out, {{"t", DType::kF32, {1}}});
  EXPECT_THROW(writer.finish(), InvalidArgument);
  const std::vector<std::byte> five(5);
  EXPECT_THROW(writer.append(five), InvalidArgument);
  EXPECT_THROW(SafetensorsWriter(out, {{"a", DType::kF32, {1}}, {"a", DType::kF32, {1}}}),
               InvalidArgument);
}

TEST(CheckFinite, NamesTheFirstValueThatIsNotFinite) {
  std::vector<float> values = {0.0F, std::numeric_limits<float>::max(), 1e-45F, -1.0F};
  const auto bytes = std::as_bytes(std::span(values));
  EXPECT_NO_THROW(check_finite(DType::kF32, bytes, "f: tensor t"));
  values[2] = -std::numeric_limits<float>::infinity();
  try {
    check_finite(DType::kF32, bytes, "f: tensor t");
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_STREQ(error.what(), "f: tensor t: element 2 is infinite");
  }
  values[1] = std::nanf("");
  EXPECT_THROW(check_finite(DType::kF32, bytes, "x"), FormatError);
}

TEST(CheckFinite, KnowsTheHalfPrecisions) {
  const auto throws = [](DType dtype, std::uint16_t bits) {
    try {
      check_finite(dtype, std::as_bytes(std::span(&bits, 1)), "x");
    } catch (const FormatError&) {
      return true;
    }
    return false;
  };
  EXPECT_TRUE(throws(DType::kBF16, 0x7F80));   // infinity
  EXPECT_TRUE(throws(DType::kBF16, 0xFFC1));   // NaN
  EXPECT_FALSE(throws(DType::kBF16, 0x7F7F));  // the largest number
  EXPECT_TRUE(throws(DType::kF16, 0x7C00));
  EXPECT_FALSE(throws(DType::kF16, 0x7BFF));
  EXPECT_FALSE(throws(DType::kI16, 0x7C00));
}

}  // namespace
}  // namespace longhaul
