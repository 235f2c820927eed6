#!/usr/bin/env bash
# Every C++ and CUDA file that git does not ignore, as clang-format 14 leaves it; with --fix, makes it so.
set -euo pipefail
cd "$(dirname "$0")/../.."
format=$(command -v clang-format-14 || command -v clang-format)
if ! "$format" --version | grep -q 'version 14\.'; then
  echo "format: $("$format" --version); expected version 14" >&2
  exit 1
fi
mode=(--dry-run -Werror)
if [ "${1:-}" = --fix ]; then mode=(-i); fi
git ls-files -z --cached --others --exclude-standard '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -0 -r "$format" "${mode[@]}"
