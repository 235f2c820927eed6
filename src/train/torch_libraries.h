// Which libraries do the products.
#pragma once

#include <string>
#include <vector>

namespace longhaul {

std::vector<std::string> torch_libraries();

}  // namespace longhaul
