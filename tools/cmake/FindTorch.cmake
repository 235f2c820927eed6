# LibTorch as one imported target `torch`, found through Torch_DIR: a variable of CMake or of the
# environment, the folder share/cmake/Torch of a LibTorch.
#
# Stands in for LibTorch's own TorchConfig.cmake, which asks for a CUDA compiler even where nothing is
# compiled for CUDA, replaces CMAKE_CUDA_ARCHITECTURES by its own list, adds flags to every CUDA
# source of the project, and links the CUDA half always. Here the CUDA half is linked with
# LONGHAUL_WITH_CUDA only: a CPU build needs no CUDA toolkit, and of LibTorch's libraries only
# torch_cpu, c10 and what those two need.
if(TARGET torch)
  set(Torch_FOUND TRUE)
  return()
endif()

set(Torch_DIR "$ENV{Torch_DIR}" CACHE PATH "LibTorch's folder share/cmake/Torch")
cmake_path(APPEND Torch_DIR ../../.. OUTPUT_VARIABLE torch_prefix)
cmake_path(NORMAL_PATH torch_prefix)

set(torch_names torch_cpu c10)
if(LONGHAUL_WITH_CUDA)
  list(APPEND torch_names torch_cuda c10_cuda)
endif()
foreach(name IN LISTS torch_names)
  find_library(Torch_${name}_LIBRARY ${name} PATHS ${torch_prefix}/lib NO_DEFAULT_PATH)
  mark_as_advanced(Torch_${name}_LIBRARY)
  list(APPEND torch_required Torch_${name}_LIBRARY)
endforeach()
find_path(Torch_INCLUDE_DIR ATen/core/Tensor.h PATHS ${torch_prefix}/include NO_DEFAULT_PATH)
mark_as_advanced(Torch_INCLUDE_DIR)
include(${Torch_DIR}/TorchConfigVersion.cmake OPTIONAL)  # sets PACKAGE_VERSION

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Torch
  REQUIRED_VARS ${torch_required} Torch_INCLUDE_DIR
  VERSION_VAR PACKAGE_VERSION
  REASON_FAILURE_MESSAGE "Torch_DIR is '${Torch_DIR}', tools/setup.sh installs a LibTorch.")

if(Torch_FOUND)
  foreach(name IN LISTS torch_names)
    add_library(Torch::${name} SHARED IMPORTED)
    set_target_properties(Torch::${name} PROPERTIES
      IMPORTED_LOCATION ${Torch_${name}_LIBRARY})
  endforeach()
  list(TRANSFORM torch_names PREPEND Torch::)
  if(LONGHAUL_WITH_CUDA)
    find_package(CUDAToolkit REQUIRED)
    list(APPEND torch_names CUDA::cudart)
  endif()
  # Operators register themselves when their library is loaded, so every library stays linked even
  # where no symbol of it is called.
  add_library(torch INTERFACE IMPORTED)
  set_target_properties(torch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES
      "${Torch_INCLUDE_DIR};${Torch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${torch_names}"
    INTERFACE_LINK_OPTIONS LINKER:--no-as-needed)
endif()
