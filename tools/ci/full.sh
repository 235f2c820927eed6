#!/usr/bin/env bash
# What takes too long for every change: clang-tidy on everything, every test under the sanitizers,
# long fuzzing, the slow tests. Prints one line per part and the commit for the page of results.
#   tools/ci/full.sh [PART...]   format tidy tsan asan release fuzz; by default all
#   LONGHAUL_FUZZ_SECONDS   per target; by default 600
set -euo pipefail
cd "$(dirname "$0")/../.."
export LONGHAUL_VENV=${LONGHAUL_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/longhaul/venv}
export LONGHAUL_WITH_CUDA=ON
. tools/setup.sh
longhaul_setup dev
mkdir -p build/full

all=(format tidy tsan asan release fuzz)
[ $# -gt 0 ] || set -- "${all[@]}"
for name in "$@"; do
  case " ${all[*]} " in *" $name "*) ;; *) echo "full: no part is called $name: ${all[*]}" >&2; exit 2 ;; esac
done
wanted=" $* "
results=()
failed=0
# part NAME COMMAND...: if it is wanted; runs on after a failure, so that one run shows all of them.
part() {
  local name=$1 start=$SECONDS outcome=passed
  shift
  [[ $wanted == *" $name "* ]] || return 0
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
# LeakSanitizer falls over its own records of thread-local memory at the end of some runs in bf16.
export ASAN_OPTIONS=intercept_tls_get_addr=0
part tsan build_and_test tsan
part asan build_and_test asan
part release build_and_test release
part fuzz tools/ci/fuzz.sh "${LONGHAUL_FUZZ_SECONDS:-600}"

printf '\ncommit %s\n' "$(git rev-parse HEAD)"
printf '%s\n' "${results[@]}"
exit "$failed"
