#include "longhaul/core/error.h"

#include <cstring>
#include <utility>

#include "longhaul/core/units.h"

namespace longhaul {

Error::~Error() = default;
InvalidArgument::~InvalidArgument() = default;
OutOfMemory::~OutOfMemory() = default;
DoesNotFit::~DoesNotFit() = default;
IoError::~IoError() = default;
FormatError::~FormatError() = default;
ConfigError::~ConfigError() = default;
DeviceError::~DeviceError() = default;

OutOfMemory::OutOfMemory(std::string tier,
                         std::int64_t requested_bytes,
                         std::int64_t available_bytes)
    : Error(concat(tier,
                   ": requested ",
                   to_string(Bytes{requested_bytes}),
                   ", available ",
                   to_string(Bytes{available_bytes}))),
      tier_(std::move(tier)),
      requested_(requested_bytes),
      available_(available_bytes) {}

IoError::IoError(std::string file, const std::string& what, int code)
    : Error(code == 0 ? concat(file, ": ", what)
                      : concat(file, ": ", what, ": ", std::strerror(code))),
      file_(std::move(file)),
      code_(code) {}

}  // namespace longhaul
