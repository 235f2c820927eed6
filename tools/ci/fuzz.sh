#!/usr/bin/env bash
# Runs every fuzz target for a while, by default 10 seconds, from the committed corpus.
#   tools/ci/fuzz.sh [SECONDS [TARGET...]]
# New inputs are kept in build/fuzz/corpus; a finding is left in build/fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-10}
shift || true
mkdir -p build
env -u Torch_DIR cmake --preset fuzz >build/fuzz.log || { cat build/fuzz.log; exit 1; }
cmake --build build/fuzz --target fuzzers -- --quiet
if [ $# -eq 0 ]; then
  for program in build/fuzz/tests/fuzz/fuzz_*; do
    if [ -x "$program" ] && [ -f "$program" ]; then set -- "$@" "${program##*/fuzz_}"; fi
  done
fi
mkdir -p build/fuzz/findings

fuzz_one() {
  local name=$1 log=build/fuzz/findings/$1.log
  mkdir -p "build/fuzz/corpus/$name"
  if "build/fuzz/tests/fuzz/fuzz_$name" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$name-" \
    "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    printf 'fuzz: %s: %s\n' "$name" "$(grep -oE '^Done [0-9]+ runs in [0-9]+ second' "$log")"
  else
    tail -n 60 "$log"
    printf 'fuzz: %s: FAILED, input in build/fuzz/findings\n' "$name"
    return 1
  fi
}
export -f fuzz_one
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {} "$0"' "$seconds"
