#!/usr/bin/env bash
# The pure layers build and pass their tests where neither LibTorch nor CUDA is known.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build
env -u Torch_DIR cmake --preset release -B build/pure -DCMAKE_COMPILE_WARNING_AS_ERROR=ON \
  -DLONGHAUL_WITH_TORCH=OFF -DLONGHAUL_WITH_CUDA=OFF >build/pure.log || { cat build/pure.log; exit 1; }
cmake --build build/pure -- --quiet
ctest --test-dir build/pure --output-on-failure -j "$(nproc)" --quiet -O build/pure/ctest.log ||
  { tail -n 100 build/pure/ctest.log; exit 1; }
tail -n 12 build/pure/ctest.log
