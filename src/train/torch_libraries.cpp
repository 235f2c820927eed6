#include "torch_libraries.h"

#include <sstream>

#include <ATen/Version.h>
#include <torch/version.h>

namespace longhaul {

std::vector<std::string> torch_libraries() {
  std::vector<std::string> libraries{"LibTorch " TORCH_VERSION};
  // ATen lists what it was built with, one per line: "  - Intel(R) MKL-DNN v3.7.1 (Git Hash ...)".
  std::istringstream config(at::show_config());
  for (std::string line; std::getline(config, line);) {
    const bool is_product_library = line.find("Math Kernel Library Version") != std::string::npos ||
                                    line.find("MKL-DNN v") != std::string::npos ||
                                    line.find("CPU capability") != std::string::npos;
    if (is_product_library) libraries.push_back(line.substr(line.find("- ") + 2));
  }
  return libraries;
}

}  // namespace longhaul
