#include "longhaul/run/training_half.h"

#include <array>
#include <filesystem>
#include <string>
#include <system_error>

#include <dlfcn.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibraryName = "liblonghaul_training.so";

std::string last_loader_error() {
  const char* text = ::dlerror();
  return text == nullptr ? "unknown reason" : text;
}

// Beside the program in a build folder, in ../lib where it is installed.
fs::path find_library() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& folder : {program, program / ".." / LONGHAUL_INSTALL_LIBDIR}) {
    if (fs::exists(folder / kLibraryName, error)) return folder / kLibraryName;
  }
  throw Error(concat("the training half (",
                     kLibraryName,
                     ") is not there: this build has no LibTorch. Build with "
                     "-DLONGHAUL_WITH_TORCH=ON; ./tools/setup.sh installs what it needs"));
}

template <class Function>
Function* find_symbol(void* library, const char* name, const fs::path& file) {
  void* symbol = ::dlsym(library, name);
  if (symbol == nullptr) throw Error(concat(file.string(), ": ", last_loader_error()));
  return reinterpret_cast<Function*>(symbol);
}

}  // namespace

TrainObserver::~TrainObserver() = default;
TextGenerator::~TextGenerator() = default;
TrainingHalf::~TrainingHalf() = default;

std::unique_ptr<TrainingHalf> load_training_half() {
  const fs::path file = find_library();
  // Never closed: LibTorch does not survive being unloaded.
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(concat("the training half cannot be loaded: ", last_loader_error()));
  }
  const std::string version =
      find_symbol<const char*()>(library, "longhaul_training_half_version", file)();
  if (version != LONGHAUL_VERSION) {
    throw Error(concat(file.string(), ": got version ", version, ", expected ", LONGHAUL_VERSION));
  }
  return std::unique_ptr<TrainingHalf>(
      find_symbol<TrainingHalf*()>(library, "longhaul_make_training_half", file)());
}

}  // namespace longhaul
