#!/usr/bin/env bash
# Installs what is missing, builds, runs the whole test suite.
#   LONGHAUL_BUILD_DIR   where to build; default build/release
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
longhaul_setup

build=${LONGHAUL_BUILD_DIR:-build/release}
preset=release
if [ "${CI:-}" = true ]; then preset=ci; fi
cmake --preset "$preset" -B "$build" -DLONGHAUL_WITH_TORCH="$LONGHAUL_WITH_TORCH" \
  -DLONGHAUL_WITH_CUDA="$LONGHAUL_WITH_CUDA"
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure -j "$(nproc)"
