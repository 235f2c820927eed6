// The exceptions of the library. A caller that can act on a failure gets a type with fields;
// every message reads `place: what was wrong: got X, expected Y`.
#pragma once

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

// Exception types cross the boundary of the training half, a shared library.
#define LONGHAUL_VISIBLE __attribute__((visibility("default")))

namespace longhaul {

// Every part written to one string with operator<<.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// The root: what a program that only wants to report catches.
class LONGHAUL_VISIBLE Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~Error() override;
};

// The caller broke a precondition.
class LONGHAUL_VISIBLE InvalidArgument : public Error {
 public:
  using Error::Error;
  ~InvalidArgument() override;
};

// An arena or the system had no room.
class LONGHAUL_VISIBLE OutOfMemory : public Error {
 public:
  OutOfMemory(std::string tier, std::int64_t requested_bytes, std::int64_t available_bytes);
  ~OutOfMemory() override;

  const std::string& tier() const { return tier_; }
  std::int64_t requested() const { return requested_; }  // bytes
  std::int64_t available() const { return available_; }  // bytes

 private:
  std::string tier_;
  std::int64_t requested_;
  std::int64_t available_;
};

// No placement meets the caps; the message carries the ledger.
class LONGHAUL_VISIBLE DoesNotFit : public Error {
 public:
  using Error::Error;
  ~DoesNotFit() override;
};

// The operating system refused a read, a write or a rename; names the file and the reason.
class LONGHAUL_VISIBLE IoError : public Error {
 public:
  // `code` is an errno value; 0 when there is none (a short read).
  IoError(std::string file, const std::string& what, int code = 0);
  ~IoError() override;

  const std::string& file() const { return file_; }
  int code() const { return code_; }

 private:
  std::string file_;
  int code_;
};

// A file's content is not what its format says; the message names the file and the place.
class LONGHAUL_VISIBLE FormatError : public Error {
 public:
  using Error::Error;
  ~FormatError() override;
};

// A configuration is wrong; the message holds every error found, one per line.
class LONGHAUL_VISIBLE ConfigError : public Error {
 public:
  using Error::Error;
  ~ConfigError() override;
};

// A device is missing or an operation on it failed.
class LONGHAUL_VISIBLE DeviceError : public Error {
 public:
  using Error::Error;
  ~DeviceError() override;
};

// Throws InvalidArgument with the concatenated parts unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw InvalidArgument(concat(parts...));
}

}  // namespace longhaul
