#include "longhaul/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/core/units.h"

#include "formats/elements.h"

namespace longhaul {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::int64_t kLengthBytes = 8;
// The limit of the format's reference implementation.
constexpr std::int64_t kLongestHeader = 100'000'000;
// A tensor's entry nests as {"name": {"shape": [..]}}.
constexpr int kHeaderDepth = 4;
constexpr std::int64_t kReadChunk = std::int64_t{1} << 20;
constexpr std::string_view kMetadata = "__metadata__";

constexpr std::array<std::pair<std::string_view, DType>, 11> kDTypes = {{{"F64", DType::kF64},
                                                                         {"F32", DType::kF32},
                                                                         {"F16", DType::kF16},
                                                                         {"BF16", DType::kBF16},
                                                                         {"I64", DType::kI64},
                                                                         {"I32", DType::kI32},
                                                                         {"I16", DType::kI16},
                                                                         {"I8", DType::kI8},
                                                                         {"U8", DType::kU8},
                                                                         {"U16", DType::kU16},
                                                                         {"BOOL", DType::kBool}}};

std::string_view stored_name(DType dtype) {
  for (const auto& [name, value] : kDTypes) {
    if (value == dtype) return name;
  }
  throw InvalidArgument(concat("safetensors has no dtype for ", name_of(dtype)));
}

DType parse_dtype(const Json& name) {
  std::string known;
  for (const auto& [text, value] : kDTypes) {
    if (text == name.as_string()) return value;
    known += concat(known.empty() ? "" : ", ", text);
  }
  throw FormatError(
      concat(name.where(), ": dtype ", name.as_string(), " is not supported, expected ", known));
}

// The product of the extents and the element size; nothing when it is negative or beyond int64.
std::optional<std::int64_t> product(const std::vector<std::int64_t>& shape, std::int64_t element) {
  std::int64_t result = element;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(result, extent, &result)) return std::nullopt;
  }
  return result;
}

StoredTensor parse_tensor(const std::string& name, const Json& entry) {
  for (const auto& [key, value] : entry.members()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      throw FormatError(concat(value.where(), ": unknown member"));
    }
  }
  StoredTensor tensor;
  tensor.spec.name = name;
  tensor.spec.dtype = parse_dtype(entry.at("dtype"));
  for (const Json& extent : entry.at("shape").elements()) {
    tensor.spec.shape.push_back(extent.as_int());
  }
  const Json range = entry.at("data_offsets");
  if (range.size() != 2) {
    throw FormatError(concat(range.where(), ": got ", range.size(), " numbers, expected 2"));
  }
  tensor.offset = range.at(0).as_int();
  const std::int64_t end = range.at(1).as_int();
  if (tensor.offset < 0 || end < tensor.offset) {
    throw FormatError(
        concat(range.where(), ": got ", range.dump(), ", expected 0 <= begin <= end"));
  }
  const auto bytes = product(tensor.spec.shape, size_of(tensor.spec.dtype));
  if (bytes != end - tensor.offset) {
    throw FormatError(concat(entry.where(),
                             ": shape ",
                             entry.at("shape").dump(),
                             " of ",
                             entry.as_string("dtype"),
                             " does not fill the ",
                             end - tensor.offset,
                             " bytes of its range"));
  }
  return tensor;
}

// The ranges, in order, tile [0, data_bytes).
void check_ranges(std::vector<StoredTensor>& tensors,
                  std::int64_t data_bytes,
                  const std::string& file) {
  // Empty tensors first where several begin at one place.
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::pair(a.offset, byte_count(a.spec)) < std::pair(b.offset, byte_count(b.spec));
  });
  std::int64_t end = 0;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.offset != end) {
      throw FormatError(
          concat(file,
                 ": tensor ",
                 tensor.spec.name,
                 tensor.offset < end ? " overlaps the one before it" : " leaves a gap before it",
                 ": begins at ",
                 tensor.offset,
                 ", expected ",
                 end));
    }
    end += byte_count(tensor.spec);
    if (end > data_bytes) {
      throw FormatError(concat(file,
                               ": tensor ",
                               tensor.spec.name,
                               " ends at byte ",
                               end,
                               " of the data, but the file holds ",
                               data_bytes,
                               "; it is truncated or damaged"));
    }
  }
  if (end != data_bytes) {
    throw FormatError(
        concat(file, ": ", data_bytes - end, " bytes after the last tensor belong to none"));
  }
}

SafetensorsHeader read_header(const InputFile& file) {
  const std::string name = file.path().string();
  if (file.size() < kLengthBytes) {
    throw FormatError(concat(name, ": has ", file.size(), " bytes, too few for safetensors"));
  }
  std::uint64_t length = 0;
  file.read_at(0, std::as_writable_bytes(std::span(&length, 1)));
  const auto present = static_cast<std::uint64_t>(file.size() - kLengthBytes);
  if (length > static_cast<std::uint64_t>(kLongestHeader) || length > present) {
    throw FormatError(concat(name,
                             ": the header claims ",
                             length,
                             " bytes, expected at most ",
                             std::min<std::uint64_t>(present, kLongestHeader),
                             "; it is truncated or no safetensors file"));
  }
  std::string json(length, '\0');
  file.read_at(kLengthBytes, std::as_writable_bytes(std::span(json)));
  return parse_safetensors_header(
      json, kLengthBytes + static_cast<std::int64_t>(length), file.size(), name);
}

}  // namespace

std::int64_t element_count(const TensorSpec& spec) {
  const auto count = product(spec.shape, 1);
  require(count.has_value(), "tensor ", spec.name, ": impossible shape");
  return *count;
}

std::int64_t byte_count(const TensorSpec& spec) {
  const auto count = product(spec.shape, size_of(spec.dtype));
  require(count.has_value(), "tensor ", spec.name, ": impossible shape");
  return *count;
}

SafetensorsHeader parse_safetensors_header(std::string_view json,
                                           std::int64_t data_begin,
                                           std::int64_t file_bytes,
                                           const std::string& file) {
  if (!json.starts_with('{')) {
    throw FormatError(concat(file, ": the header is no JSON object; no safetensors file"));
  }
  const Json root = Json::parse(json, file, {.depth = kHeaderDepth, .bytes = kLongestHeader});
  SafetensorsHeader header;
  for (const auto& [name, entry] : root.members()) {
    if (name == kMetadata) {
      for (const auto& [key, value] : entry.members()) header.metadata[key] = value.as_string();
    } else {
      header.tensors.push_back(parse_tensor(name, entry));
    }
  }
  check_ranges(header.tensors, file_bytes - data_begin, file);
  for (StoredTensor& tensor : header.tensors) tensor.offset += data_begin;
  return header;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path, FileOps& files)
    : file_(path, files), header_(read_header(file_)) {}

void SafetensorsFile::read(const StoredTensor& tensor,
                           DType wanted,
                           std::span<std::byte> out,
                           RowRange rows) const {
  const TensorSpec& spec = tensor.spec;
  const std::int64_t stored_rows = spec.shape.empty() ? 1 : spec.shape.front();
  if (rows.count < 0) rows.count = stored_rows - rows.first;
  require(rows.first >= 0 && rows.count >= 0 && rows.count <= stored_rows - rows.first,
          path().string(),
          ": tensor ",
          spec.name,
          ": rows [",
          rows.first,
          ", ",
          rows.first + rows.count,
          ") of ",
          stored_rows);
  const std::int64_t per_row = stored_rows == 0 ? 0 : element_count(spec) / stored_rows;
  const std::int64_t count = per_row * rows.count;
  require(static_cast<std::int64_t>(out.size()) == count * size_of(wanted),
          path().string(),
          ": tensor ",
          spec.name,
          ": got room for ",
          out.size(),
          " bytes, expected ",
          count * size_of(wanted));
  if (!can_convert(spec.dtype, wanted)) {
    throw FormatError(concat(path().string(),
                             ": tensor ",
                             spec.name,
                             ": is ",
                             name_of(spec.dtype),
                             ", expected a float type that converts to ",
                             name_of(wanted)));
  }
  const std::int64_t stored_size = size_of(spec.dtype);
  const std::int64_t begin = tensor.offset + rows.first * per_row * stored_size;
  if (spec.dtype == wanted) {
    file_.read_at(begin, out);
    return;
  }
  const std::int64_t chunk = kReadChunk / stored_size;
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(count, chunk) * stored_size));
  for (std::int64_t done = 0; done < count; done += chunk) {
    const std::int64_t now = std::min(chunk, count - done);
    const auto piece = std::span(buffer).first(static_cast<std::size_t>(now * stored_size));
    file_.read_at(begin + done * stored_size, piece);
    convert_elements(spec.dtype, piece.data(), wanted, out.data() + done * size_of(wanted), now);
  }
}

SafetensorsWriter::SafetensorsWriter(FileWriter& out, const std::vector<TensorSpec>& tensors)
    : out_(out) {
  // "pt": what transformers expects of weights that PyTorch can load.
  Json::Members members = {{std::string(kMetadata), Json::make_object({{"format", "pt"}})}};
  for (const TensorSpec& tensor : tensors) {
    const std::int64_t end = missing_bytes_ + byte_count(tensor);
    const std::vector<Json> shape(tensor.shape.begin(), tensor.shape.end());
    members.emplace_back(
        tensor.name,
        Json::make_object({{"dtype", stored_name(tensor.dtype)},
                           {"shape", Json::make_array(shape)},
                           {"data_offsets", Json::make_array({missing_bytes_, end})}}));
    missing_bytes_ = end;
  }
  std::string header = Json::make_object(members).dump();
  header.resize(
      static_cast<std::size_t>(round_up(static_cast<std::int64_t>(header.size()), kLengthBytes)),
      ' ');
  const std::uint64_t length = header.size();
  out_.append(std::as_bytes(std::span(&length, 1)));
  out_.append(header);
}

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  require(static_cast<std::int64_t>(bytes.size()) <= missing_bytes_,
          out_.path().string(),
          ": ",
          bytes.size(),
          " more bytes of tensors, expected at most ",
          missing_bytes_);
  out_.append(bytes);
  missing_bytes_ -= static_cast<std::int64_t>(bytes.size());
}

void SafetensorsWriter::finish() const {
  require(missing_bytes_ == 0,
          out_.path().string(),
          ": ",
          missing_bytes_,
          " bytes of tensors were declared and not written");
}

void check_finite(DType dtype, std::span<const std::byte> bytes, std::string_view place) {
  const auto check = [&]<class T>(T /*element*/, T exponent_mask, T mantissa_mask) {
    for (std::size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
      T bits;
      std::memcpy(&bits, bytes.data() + i * sizeof(T), sizeof(T));
      if ((bits & exponent_mask) != exponent_mask) continue;
      throw FormatError(
          concat(place, ": element ", i, (bits & mantissa_mask) != 0 ? " is NaN" : " is infinite"));
    }
  };
  switch (dtype) {
    case DType::kF64:
      check(std::uint64_t{}, std::uint64_t{0x7FF} << 52, (std::uint64_t{1} << 52) - 1);
      return;
    case DType::kF32: check(std::uint32_t{}, 0x7F800000U, 0x007FFFFFU); return;
    case DType::kF16: check(std::uint16_t{}, std::uint16_t{0x7C00}, std::uint16_t{0x03FF}); return;
    case DType::kBF16: check(std::uint16_t{}, std::uint16_t{0x7F80}, std::uint16_t{0x007F}); return;
    default: return;
  }
}

}  // namespace longhaul
