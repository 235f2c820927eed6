#!/usr/bin/env bash
# What takes too long for every change: clang-tidy on everything, every test under the sanitizers,
# long fuzzing, the slow tests. Prints one line per part and the commit for the page of results.
#   LONGHAUL_FUZZ_SECONDS   per target; by default 600
set -euo pipefail
cd "$(dirname "$0")/../.."
export LONGHAUL_VENV=${LONGHAUL_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/longhaul/venv}
export LONGHAUL_WITH_CUDA=ON
. tools/setup.sh
longhaul_setup dev
mkdir -p build/full

results=()
failed=0
# part NAME COMMAND...: runs on after a failure, so that one run shows all of them.
part() {
  local name=$1 start=$SECONDS outcome=passed
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "build/full/$name.log" || { outcome=FAILED; failed=1; }
  results+=("$(printf '%-12s %s, %d s' "$name" "$outcome" $((SECONDS - start)))")
}

build_and_test() {
  local preset=$1
  shift
  cmake --preset "$preset" -DLONGHAUL_WITH_CUDA=OFF && cmake --build "build/$preset" -- --quiet &&
    ctest --test-dir "build/$preset" --output-on-failure -j "$(nproc)" "$@"
}

tidy() {
  cmake --preset ci -B build/tidy -DCMAKE_CXX_COMPILER_LAUNCHER= && tools/ci/tidy.py build/tidy
}

part format tools/ci/format.sh
part tidy tidy
part asan build_and_test asan
part tsan build_and_test tsan
part release build_and_test release
part fuzz tools/ci/fuzz.sh "${LONGHAUL_FUZZ_SECONDS:-600}"

printf '\ncommit %s\n' "$(git rev-parse HEAD)"
printf '%s\n' "${results[@]}"
exit "$failed"
