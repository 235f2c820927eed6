#include "formats/gguf_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <type_traits>

#include "longhaul/core/error.h"
#include "longhaul/core/units.h"
#include "longhaul/core/utf8.h"

#include "formats/elements.h"

namespace longhaul {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::string_view kMagic = "GGUF";
constexpr std::int64_t kDefaultAlignment = 32;
constexpr std::int64_t kLargestAlignment = std::int64_t{1} << 20;
constexpr std::uint32_t kMostDimensions = 4;
constexpr std::int64_t kLongestName = 1024;
// Of all arrays together. The largest published vocabularies have a quarter of a million tokens and
// half a million merges; an element takes up to 150 bytes of memory while the metadata is built.
constexpr std::int64_t kMostElements = std::int64_t{1} << 22;
// The least that a key with its value, and a tensor's entry, take in the file.
constexpr std::int64_t kLeastPairBytes = 8 + 4 + 1;
constexpr std::int64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;
constexpr std::int64_t kReadElements = std::int64_t{1} << 18;

enum class ValueType : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

// Reads a header front to back through a buffer.
class Cursor {
 public:
  Cursor(ReadAt read_at, std::int64_t size, const std::string& file)
      : read_at_(read_at), size_(size), file_(file) {}

  std::int64_t position() const { return position_; }
  std::int64_t remaining() const { return size_ - position_; }
  const std::string& file() const { return file_; }

  template <class T>
  T number(const char* what) {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  // A count of things that take at least `least_bytes` each in the rest of the file.
  std::int64_t count(std::int64_t least_bytes, const char* what) {
    const auto value = number<std::uint64_t>(what);
    if (value > static_cast<std::uint64_t>(remaining() / least_bytes)) {
      fail(concat(what, ": got ", value, ", but only ", remaining(), " bytes follow"));
    }
    return static_cast<std::int64_t>(value);
  }

  std::string text(const char* what) {
    std::string result(static_cast<std::size_t>(count(1, what)), '\0');
    std::size_t done = 0;
    while (done < result.size()) {
      const std::size_t piece = std::min(result.size() - done, kBuffer);
      std::memcpy(result.data() + done, take(piece, what), piece);
      done += piece;
    }
    if (!is_utf8(result)) fail(concat(what, ": is not valid UTF-8"));
    return result;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(concat(file_, ": at byte ", position_, ": ", what));
  }

 private:
  static constexpr std::size_t kBuffer = std::size_t{1} << 16;

  // The next `bytes` (<= kBuffer) bytes; they live until the next call.
  const std::byte* take(std::size_t bytes, const char* what) {
    if (static_cast<std::int64_t>(bytes) > remaining()) {
      fail(concat(what, ": the file ends at byte ", size_, "; it is truncated"));
    }
    const auto begin = static_cast<std::size_t>(position_ - buffer_begin_);
    if (begin + bytes > buffer_.size()) {
      buffer_.resize(std::min(kBuffer, static_cast<std::size_t>(remaining())));
      read_at_(position_, buffer_);
      buffer_begin_ = position_;
    }
    const std::byte* result = buffer_.data() + (position_ - buffer_begin_);
    position_ += static_cast<std::int64_t>(bytes);
    return result;
  }

  ReadAt read_at_;
  std::int64_t size_;
  const std::string& file_;
  std::int64_t position_ = 0;
  std::int64_t buffer_begin_ = 0;
  std::vector<std::byte> buffer_;
};

class Parser {
 public:
  Parser(ReadAt read_at, std::int64_t file_bytes, const std::string& file)
      : cursor_(read_at, file_bytes, file) {}

  GgufHeader parse() {
    read_magic();
    const std::int64_t tensors = cursor_.count(kLeastTensorBytes, "number of tensors");
    const std::int64_t pairs = cursor_.count(kLeastPairBytes, "number of metadata pairs");
    GgufHeader header{read_metadata(pairs), {}};
    for (std::int64_t i = 0; i < tensors; ++i) header.tensors.push_back(read_tensor());
    place(header);
    return header;
  }

 private:
  void read_magic() {
    std::array<char, 4> magic{};
    for (char& c : magic) c = static_cast<char>(cursor_.number<std::uint8_t>("magic"));
    if (std::string_view(magic.data(), magic.size()) != kMagic) {
      throw FormatError(concat(cursor_.file(), ": does not begin with GGUF; no GGUF file"));
    }
    const auto version = cursor_.number<std::uint32_t>("version");
    if (version == 2 || version == 3) return;
    if ((version & 0xFFFFU) == 0) cursor_.fail("big-endian GGUF is not supported");
    cursor_.fail(concat("version ", version, " is not supported, expected 2 or 3"));
  }

  Json read_metadata(std::int64_t pairs) {
    Json::Members members;
    std::set<std::string> keys;
    for (std::int64_t i = 0; i < pairs; ++i) {
      std::string key = cursor_.text("key");
      if (!keys.insert(key).second) cursor_.fail(concat("key ", key, " occurs more than once"));
      const auto type = cursor_.number<std::uint32_t>("value type");
      Json value = type == static_cast<std::uint32_t>(ValueType::kArray) ? read_array(key)
                                                                         : read_scalar(type, key);
      members.emplace_back(std::move(key), std::move(value));
    }
    return Json::make_object(members, cursor_.file());
  }

  Json read_array(const std::string& key) {
    const auto type = cursor_.number<std::uint32_t>("element type");
    const std::int64_t count = cursor_.count(1, "array length");
    elements_ += count;
    if (elements_ > kMostElements) {
      cursor_.fail(concat(key, ": more than ", kMostElements, " array elements"));
    }
    std::vector<Json> elements;
    for (std::int64_t i = 0; i < count; ++i) elements.push_back(read_scalar(type, key));
    return Json::make_array(elements);
  }

  Json read_scalar(std::uint32_t type, const std::string& key) {
    switch (static_cast<ValueType>(type)) {
      case ValueType::kU8: return integer<std::uint8_t>();
      case ValueType::kI8: return integer<std::int8_t>();
      case ValueType::kU16: return integer<std::uint16_t>();
      case ValueType::kI16: return integer<std::int16_t>();
      case ValueType::kU32: return integer<std::uint32_t>();
      case ValueType::kI32: return integer<std::int32_t>();
      case ValueType::kI64: return integer<std::int64_t>();
      case ValueType::kU64: {
        const auto value = cursor_.number<std::uint64_t>("value");
        if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
          cursor_.fail(concat(key, ": ", value, " is beyond int64"));
        }
        return static_cast<std::int64_t>(value);
      }
      case ValueType::kF32: return static_cast<double>(cursor_.number<float>("value"));
      case ValueType::kF64: return cursor_.number<double>("value");
      case ValueType::kBool: {
        const auto value = cursor_.number<std::uint8_t>("value");
        if (value > 1) cursor_.fail(concat(key, ": got ", int{value}, ", expected a bool"));
        return value == 1;
      }
      case ValueType::kString: return cursor_.text("value");
      case ValueType::kArray: cursor_.fail(concat(key, ": arrays of arrays are not supported"));
    }
    cursor_.fail(concat(key, ": unknown value type ", type));
  }

  template <class T>
  Json integer() {
    return static_cast<std::int64_t>(cursor_.number<T>("value"));
  }

  GgufTensor read_tensor() {
    GgufTensor tensor;
    tensor.name = cursor_.text("tensor name");
    if (tensor.name.empty() || static_cast<std::int64_t>(tensor.name.size()) > kLongestName) {
      cursor_.fail(concat("a tensor name has ", tensor.name.size(), " bytes"));
    }
    const auto dimensions = cursor_.number<std::uint32_t>("dimensions");
    if (dimensions < 1 || dimensions > kMostDimensions) {
      cursor_.fail(
          concat("tensor ", tensor.name, ": ", dimensions, " dimensions, expected 1 to 4"));
    }
    tensor.elements = 1;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto extent = static_cast<std::int64_t>(cursor_.number<std::uint64_t>("extent"));
      if (extent < 1 || __builtin_mul_overflow(tensor.elements, extent, &tensor.elements)) {
        cursor_.fail(concat("tensor ", tensor.name, ": impossible shape"));
      }
      tensor.shape.insert(tensor.shape.begin(), extent);
    }
    tensor.type = parse_ggml_type(cursor_.number<std::uint32_t>("type"),
                                  concat(cursor_.file(), ": tensor ", tensor.name));
    const GgmlLayout layout = layout_of(tensor.type);
    // Blocks lie along rows.
    if (tensor.shape.back() % layout.block_elements != 0) {
      cursor_.fail(concat("tensor ",
                          tensor.name,
                          ": rows of ",
                          tensor.shape.back(),
                          " are not whole blocks of ",
                          name_of(tensor.type)));
    }
    if (__builtin_mul_overflow(
            tensor.elements / layout.block_elements, layout.block_bytes, &tensor.bytes)) {
      cursor_.fail(concat("tensor ", tensor.name, ": impossible shape"));
    }
    tensor.offset = static_cast<std::int64_t>(cursor_.number<std::uint64_t>("offset"));
    return tensor;
  }

  // Offsets count from the data, which begin at the next multiple of the alignment.
  void place(GgufHeader& header) {
    const std::int64_t alignment = header.metadata.int_or("general.alignment", kDefaultAlignment);
    if (alignment < 1 || alignment > kLargestAlignment || (alignment & (alignment - 1)) != 0) {
      cursor_.fail(concat("general.alignment: got ", alignment, ", expected a power of two"));
    }
    const std::int64_t begin = round_up(cursor_.position(), alignment);
    const std::int64_t data_bytes =
        std::max<std::int64_t>(cursor_.position() + cursor_.remaining() - begin, 0);
    std::set<std::string_view> names;
    for (GgufTensor& tensor : header.tensors) {
      if (!names.insert(tensor.name).second) {
        cursor_.fail(concat("tensor ", tensor.name, " occurs more than once"));
      }
      if (tensor.offset < 0 || tensor.offset % alignment != 0) {
        cursor_.fail(concat("tensor ", tensor.name, ": offset is no multiple of ", alignment));
      }
      if (tensor.offset > data_bytes - tensor.bytes) {
        cursor_.fail(concat("tensor ",
                            tensor.name,
                            ": ends beyond the ",
                            data_bytes,
                            " bytes of the data; the file is truncated or damaged"));
      }
      tensor.offset += begin;
    }
    check_overlaps(header.tensors);
  }

  void check_overlaps(const std::vector<GgufTensor>& tensors) const {
    std::vector<const GgufTensor*> order;
    order.reserve(tensors.size());
    for (const GgufTensor& tensor : tensors) order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
      return a->offset < b->offset;
    });
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset) {
        cursor_.fail(concat("tensors ", order[i - 1]->name, " and ", order[i]->name, " overlap"));
      }
    }
  }

  Cursor cursor_;
  std::int64_t elements_ = 0;
};

GgufHeader read_header(const InputFile& file) {
  const std::string name = file.path().string();
  return parse_gguf_header(
      [&](std::int64_t offset, std::span<std::byte> out) { file.read_at(offset, out); },
      file.size(),
      name);
}

}  // namespace

GgufHeader parse_gguf_header(ReadAt read_at, std::int64_t file_bytes, const std::string& file) {
  return Parser(read_at, file_bytes, file).parse();
}

GgufFile::GgufFile(const std::filesystem::path& path, FileOps& files)
    : file_(path, files), header_(read_header(file_)) {}

const GgufTensor* GgufFile::find(std::string_view name) const {
  const auto found = std::find_if(header_.tensors.begin(),
                                  header_.tensors.end(),
                                  [=](const GgufTensor& tensor) { return tensor.name == name; });
  return found == header_.tensors.end() ? nullptr : &*found;
}

void GgufFile::read(const GgufTensor& tensor, DType wanted, std::span<std::byte> out) const {
  require(can_convert(DType::kF32, wanted) &&
              static_cast<std::int64_t>(out.size()) == tensor.elements * size_of(wanted),
          path().string(),
          ": tensor ",
          tensor.name,
          ": got room for ",
          out.size(),
          " bytes of ",
          name_of(wanted));
  const GgmlLayout layout = layout_of(tensor.type);
  std::vector<std::byte> blocks;
  std::vector<float> values;
  for (std::int64_t done = 0; done < tensor.elements; done += kReadElements) {
    const std::int64_t count = std::min(kReadElements, tensor.elements - done);
    blocks.resize(static_cast<std::size_t>(count / layout.block_elements * layout.block_bytes));
    values.resize(static_cast<std::size_t>(count));
    file_.read_at(tensor.offset + done / layout.block_elements * layout.block_bytes, blocks);
    dequantize(tensor.type, blocks, values);
    convert_elements(DType::kF32,
                     std::as_bytes(std::span(values)).data(),
                     wanted,
                     out.data() + done * size_of(wanted),
                     count);
  }
}

}  // namespace longhaul
