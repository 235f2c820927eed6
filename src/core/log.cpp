#include "longhaul/core/log.h"

namespace longhaul {
namespace {

class NullLog final : public LogSink {
 public:
  void write(LogLevel /*level*/, std::string_view /*message*/) override {}
};

}  // namespace

LogSink::~LogSink() = default;

LogSink& null_log() {
  static NullLog sink;
  return sink;
}

}  // namespace longhaul
