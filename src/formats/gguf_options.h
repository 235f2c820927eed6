// Reading the options of one architecture so that none is lost.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "longhaul/core/json.h"

namespace longhaul {

// The decimal number that was meant: 1e-5 stored as fp32 widens to 9.999999747378752e-06.
double shortest_decimal(float value);

// The metadata under "ARCHITECTURE.", with a record of what was asked for: a key that nobody asked
// for is an option that the model folder would lose. Throws FormatError that names file and key.
class GgufOptions {
 public:
  // `metadata` must outlive it.
  GgufOptions(const Json& metadata, const std::string& architecture);

  // Null when it is missing.
  Json find(const std::string& key);
  // From 1 to 2^31: no size of a model is beyond it.
  std::int64_t size(const std::string& key);
  std::int64_t size_or(const std::string& key, std::int64_t fallback);
  // Above 0 and finite, as the shortest decimal.
  double number(const std::string& key);
  double number_or(const std::string& key, double fallback);
  // Refuses the key unless it is missing or has this value.
  void expect(const std::string& key, const Json& expected);
  // The key says nothing that the folder needs.
  void ignore(const std::string& key);

  void refuse_others() const;

 private:
  const Json& metadata_;
  std::string prefix_;
  std::set<std::string> known_;
};

}  // namespace longhaul
