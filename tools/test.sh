#!/usr/bin/env bash
# Installs what is missing, builds, runs the whole test suite.
#   LONGHAUL_BUILD_DIR   where to build; by default build/release
# Arguments go to ctest: `tools/test.sh -R Schedule`.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh
longhaul_setup

build=${LONGHAUL_BUILD_DIR:-build/release}
preset=release
targets=(all)
if [ "${CI:-}" = true ]; then
  preset=ci
  targets+=(all_verify_interface_header_sets)
fi
cmake --preset "$preset" -B "$build" -DLONGHAUL_WITH_TORCH="$LONGHAUL_WITH_TORCH" \
  -DLONGHAUL_WITH_CUDA="$LONGHAUL_WITH_CUDA" -DLONGHAUL_BUILD_TESTS=ON
cmake --build "$build" --target "${targets[@]}"
ctest --test-dir "$build" --output-on-failure -j "$(nproc)" "$@"
