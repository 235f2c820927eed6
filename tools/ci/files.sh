#!/usr/bin/env bash
# What must not be in the repository: files over 500 kB, outputs of a build or a run, trailing
# spaces, a last line without its end.
set -euo pipefail
cd "$(dirname "$0")/../.."
failed=0
complain() {
  printf '%s\n' "$@" >&2
  failed=1
}

while IFS= read -r -d '' file; do
  [ -f "$file" ] || continue
  if [ "$(stat -c %s "$file")" -gt 500000 ]; then complain "$file: more than 500 kB"; fi
  case $file in
    tests/data/* | tests/golden/* | tests/fuzz/corpus/* | LICENSE) continue ;;  # kept to the byte
    *.o | *.a | *.so | *.gguf | *.safetensors | *.pyc | */CMakeCache.txt)
      complain "$file: an output" ;;
  esac
  if [ -s "$file" ] && grep -qI . "$file" && [ -n "$(tail -c 1 "$file")" ]; then
    complain "$file: no newline at the end"
  fi
done < <(git ls-files -z)

spaces=$(git grep -nIE '[[:blank:]]+$' -- ':!tests/data' ':!tests/golden' ':!tests/fuzz/corpus' || true)
if [ -n "$spaces" ]; then complain "trailing spaces:" "$spaces"; fi
exit "$failed"
