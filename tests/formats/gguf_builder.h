// Writes GGUF bytes for tests, right ones and, part by part, wrong ones.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace longhaul::test {

template <class T>
std::string bytes_of(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string gguf_string(std::string_view text) {
  return bytes_of<std::uint64_t>(text.size()) + std::string(text);
}

// The numbers of the value types used here.
inline constexpr std::uint32_t kGgufU32 = 4;
inline constexpr std::uint32_t kGgufI32 = 5;
inline constexpr std::uint32_t kGgufF32 = 6;
inline constexpr std::uint32_t kGgufBool = 7;
inline constexpr std::uint32_t kGgufString = 8;
inline constexpr std::uint32_t kGgufArray = 9;
inline constexpr std::uint32_t kGgufU64 = 10;

class GgufBuilder {
 public:
  // A later pair replaces an earlier one of the same key.
  GgufBuilder& raw(const std::string& key, std::uint32_t type, std::string value) {
    for (auto& [known, text] : pairs_) {
      if (known == key) {
        text = bytes_of(type) + value;
        return *this;
      }
    }
    pairs_.emplace_back(key, bytes_of(type) + value);
    return *this;
  }
  GgufBuilder& number(const std::string& key, std::uint32_t value) {
    return raw(key, kGgufU32, bytes_of(value));
  }
  GgufBuilder& real(const std::string& key, float value) {
    return raw(key, kGgufF32, bytes_of(value));
  }
  GgufBuilder& flag(const std::string& key, bool value) {
    return raw(key, kGgufBool, std::string(1, value ? '\1' : '\0'));
  }
  GgufBuilder& text(const std::string& key, std::string_view value) {
    return raw(key, kGgufString, gguf_string(value));
  }
  GgufBuilder& texts(const std::string& key, const std::vector<std::string>& values) {
    std::string bytes = bytes_of(kGgufString) + bytes_of<std::uint64_t>(values.size());
    for (const std::string& value : values) bytes += gguf_string(value);
    return raw(key, kGgufArray, bytes);
  }
  template <class T>
  GgufBuilder& numbers(const std::string& key, const std::vector<T>& values) {
    const std::uint32_t type = std::is_same_v<T, float> ? kGgufF32 : kGgufI32;
    std::string bytes = bytes_of(type) + bytes_of<std::uint64_t>(values.size());
    for (const T value : values) bytes += bytes_of(value);
    return raw(key, kGgufArray, bytes);
  }
  GgufBuilder& erase(const std::string& key) {
    std::erase_if(pairs_, [&](const auto& pair) { return pair.first == key; });
    return *this;
  }

  // Row-major shape; the data follow in the order of the calls, each at a multiple of 32. An
  // `offset` other than that place is written as given.
  GgufBuilder& tensor(const std::string& name,
                      const std::vector<std::uint64_t>& shape,
                      std::uint32_t type,
                      const std::string& data,
                      std::int64_t offset = -1) {
    std::string entry = gguf_string(name) + bytes_of(static_cast<std::uint32_t>(shape.size()));
    for (auto extent = shape.rbegin(); extent != shape.rend(); ++extent) entry += bytes_of(*extent);
    entry += bytes_of(type);
    entry += bytes_of(offset < 0 ? static_cast<std::uint64_t>(data_.size())
                                 : static_cast<std::uint64_t>(offset));
    tensors_.emplace_back(name, entry);
    data_ += data;
    data_.resize((data_.size() + 31) / 32 * 32);
    return *this;
  }
  GgufBuilder& floats(const std::string& name,
                      const std::vector<std::uint64_t>& shape,
                      float value = 0.0F) {
    std::size_t count = 1;
    for (const std::uint64_t extent : shape) count *= extent;
    const std::vector<float> values(count, value);
    std::string data(count * sizeof(float), '\0');
    std::memcpy(data.data(), values.data(), data.size());
    return tensor(name, shape, 0, data);
  }
  // Leaves the data where they are.
  GgufBuilder& erase_tensor(const std::string& name) {
    std::erase_if(tensors_, [&](const auto& tensor) { return tensor.first == name; });
    return *this;
  }

  GgufBuilder& version(std::uint32_t version) {
    version_ = version;
    return *this;
  }

  std::string build() const {
    std::string bytes = "GGUF" + bytes_of(version_) + bytes_of<std::uint64_t>(tensors_.size()) +
                        bytes_of<std::uint64_t>(pairs_.size());
    for (const auto& [key, value] : pairs_) bytes += gguf_string(key) + value;
    for (const auto& [name, entry] : tensors_) bytes += entry;
    bytes.resize((bytes.size() + 31) / 32 * 32);
    return bytes + data_;
  }

 private:
  std::uint32_t version_ = 3;
  std::vector<std::pair<std::string, std::string>> pairs_;
  std::vector<std::pair<std::string, std::string>> tensors_;
  std::string data_;
};

}  // namespace longhaul::test
