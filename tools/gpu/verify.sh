#!/usr/bin/env bash
# Checks the CUDA code on the GPU of this machine and writes a page of results.
#
#   tools/gpu/verify.sh [--results FILE] [--model FOLDER]   builds from the sources, then checks
#   tools/gpu/verify.sh --pack ARCHIVE.tar.gz               builds and packs; needs no GPU
#   ./verify.sh [--results FILE] [--model FOLDER]           beside the unpacked binaries: checks them
#
# What is checked: CUDA's handles, the conformance suite of devices on a CudaDevice (with and
# without waits on streams, with and without locked memory), every kernel's CUDA body against its
# reference, and memory errors with compute-sanitizer where that works. Packed binaries need no
# network, no CUDA toolkit and no other file of the project.
#
# Training is checked where it can be: gradients of every node kind against autograd, the golden
# models against transformers, generation, plans against the resident plan to the bit, and a
# fine-tune in 256 MiB of device memory, of a seeded random model of SmolLM2-135M's shape or, with
# --model, of the model in FOLDER. Those tests (test_gpu_numerics) want LibTorch 2.11 with CUDA 13
# and cuBLASLt on LD_LIBRARY_PATH, for example of the torch wheel: .../torch/lib, .../nvidia/cu13/lib.
#
# Exit code: 0 all passed, 1 something failed, 2 wrong arguments, 3 no NVIDIA GPU here.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
results='' archive='' model=''
declare -A names=([--results]=results [--pack]=archive [--model]=model)
while [ $# -gt 0 ]; do
  case $1 in
    --results | --pack | --model)
      [ $# -ge 2 ] || { printf 'verify: %s needs a path\n' "$1" >&2; exit 2; }
      declare "${names[$1]}=$2"
      shift 2 ;;
    *) printf 'verify: unknown argument %s\n' "$1" >&2; exit 2 ;;
  esac
done

say() { printf 'verify: %s\n' "$*"; }
has_gpu() { compgen -G '/dev/nvidia[0-9]*' >/dev/null || [ -e /dev/dxg ]; }

archive_of() { "${CXX:-c++}" "-print-file-name=lib$1.a"; }

# Leaves the programs in build/gpu/bin, beside this script: no RPATH, libraries of others linked in.
build() {
  cd "$here/../.." || return 1
  export LONGHAUL_WITH_TORCH=OFF LONGHAUL_WITH_CUDA=ON
  # shellcheck source=tools/setup.sh
  . tools/setup.sh && longhaul_setup || return 1
  local build=build/gpu
  mkdir -p "$build" || return 1
  cmake --preset release -B "$build" -DLONGHAUL_WITH_TORCH=OFF -DLONGHAUL_WITH_CUDA=ON \
    -DLONGHAUL_BUILD_TESTS=ON -DCMAKE_SKIP_RPATH=ON "-Dpkgcfg_lib_LIBURING_uring=$(archive_of uring)" \
    "-DCMAKE_EXE_LINKER_FLAGS=-static-libstdc++ -static-libgcc" >"$build/configure.log" ||
    { cat "$build/configure.log"; return 1; }
  cmake --build "$build" --target tests/cuda/all tests/runtime/all tests/kernels/all || return 1
  rm -rf "${build:?}/bin" && mkdir -p "$build/bin" || return 1
  local program
  for program in "$build"/tests/{cuda,runtime,kernels}/test_*; do
    case $program in *.cmake | *_executor* | *_host_device | *_simd_*) continue ;; esac
    if [ -f "$program" ] && [ -x "$program" ]; then
      strip -o "$build/bin/${program##*/}" "$program" || return 1
    fi
  done
  build_training || return 1
  cp "$here/verify.sh" "$build/bin/" && git rev-parse HEAD >"$build/bin/commit" || return 1
  programs=$PWD/$build/bin
}

# The tests of training, with LibTorch linked as it is found at run time, and the models they read.
build_training() {
  local build=build/gpu_training libraries
  (
    export LONGHAUL_WITH_TORCH=ON
    longhaul_setup || exit 3
    mkdir -p "$build/static"  # Debian's configuration of yaml-cpp knows the shared library only
    printf 'add_library(yaml-cpp STATIC IMPORTED)\nset_target_properties(yaml-cpp PROPERTIES IMPORTED_LOCATION %s)\n' \
      "$(archive_of yaml-cpp)" >"$build/static/yaml-cpp-config.cmake"
    # Tests are listed when they run: without RPATH the program does not start here.
    cmake --preset release -B "$build" -DLONGHAUL_WITH_TORCH=ON -DLONGHAUL_WITH_CUDA=ON \
      -DLONGHAUL_BUILD_TESTS=ON -DCMAKE_SKIP_RPATH=ON \
      -DCMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE=PRE_TEST "-Dyaml-cpp_DIR=$PWD/$build/static" \
      "-Dpkgcfg_lib_LIBURING_uring=$(archive_of uring)" \
      "-Dpkgcfg_lib_PCRE2_pcre2-8=$(archive_of pcre2-8)" \
      "-Dpkgcfg_lib_UTF8PROC_utf8proc=$(archive_of utf8proc)" >"$build.log" &&
      cmake --build "$build" --target test_gpu_numerics
  )
  case $? in
    0) ;;
    3) say 'without LibTorch: training is left out'; return 0 ;;
    *) return 1 ;;
  esac
  libraries=$(sed -n 's/^Torch_DIR[^=]*=//p' "$build/CMakeCache.txt")
  printf '%s\n' "${libraries%/share/cmake/Torch}/lib" "${libraries%/torch/share/cmake/Torch}/nvidia/cu13/lib" \
    >build/gpu/torch_libraries
  strip -o build/gpu/bin/test_gpu_numerics "$build/tests/emulated_gpu/test_gpu_numerics" &&
    mkdir -p build/gpu/bin/{tests/golden,configs} &&
    cp -r tests/golden/models build/gpu/bin/tests/golden/ && cp -r configs/plans build/gpu/bin/configs/
}

# Whether the programs that need LibTorch find it; libraries of the build's own environment count.
find_libtorch() {
  if [ -f "$here/../../build/gpu/torch_libraries" ]; then
    LD_LIBRARY_PATH=$(paste -sd: "$here/../../build/gpu/torch_libraries"):${LD_LIBRARY_PATH:-}
    export LD_LIBRARY_PATH
  fi
  ! ldd "$programs/test_gpu_numerics" | grep -q 'not found'
}

# run_program NAME COMMAND...: one row of the table. A program that ran nothing on the GPU failed.
run_program() {
  local name=$1 log=$logs/$1.log start=$SECONDS status passed skipped failures outcome=passed
  shift
  timeout --kill-after=30 900 "$@" >"$log" 2>&1
  status=$?
  passed=$(grep -c '^\[       OK \]' "$log")
  skipped=$(grep -c '^\[  SKIPPED \] .*ms)$' "$log")
  failures=$(grep -c '^\[  FAILED  \] .*ms)$' "$log")
  if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    outcome='HUNG: ended after 900 s'
  elif [ "$status" -ne 0 ]; then
    outcome="FAILED: exit code $status"
  elif [ "$passed" -eq 0 ] || [ "$skipped" -ne 0 ]; then
    outcome='FAILED: tests were skipped'
  fi
  if [ "$outcome" != passed ]; then
    failed=1
    tail -n 40 "$log"
  fi
  rows+=("| $name | $passed | $failures | $skipped | $((SECONDS - start)) | $outcome |")
  say "$name: $outcome, $passed tests, $((SECONDS - start)) s"
}

# From the folder of the programs, where tests/golden lies.
check_training() {
  if ! find_libtorch; then
    rows+=('| gpu_numerics | 0 | 0 | 0 | 0 | left out: libraries are missing, LibTorch or others |')
    say 'gpu_numerics: left out, not all of its libraries are found (ldd test_gpu_numerics)'
    return
  fi
  local part
  for part in Models/Golden Kinds/NodeGradients Models/EngineGeneration WrongSchedule.OfNothing Settings/PlanBits \
    FineTune; do
    run_program "gpu_numerics.${part//\//_}" env -C "$programs" "$programs/test_gpu_numerics" "--gtest_filter=$part*"
  done
}

check_programs() {
  local program name
  for program in "$programs"/test_*; do
    name=${program##*/test_}
    case $name in
      gpu_numerics) check_training ;;
      runtime_device_*) run_program "$name" "$program" '--gtest_filter=*/Cuda*' ;;
      *) run_program "$name" "$program" ;;
    esac
  done
}

# The sanitizer needs rights that some containers lack: a program that is known to pass tells.
check_memory() {
  local program name
  if ! command -v compute-sanitizer >/dev/null; then
    sanitizer='compute-sanitizer is not installed'
  elif ! timeout 300 compute-sanitizer --error-exitcode 9 "$programs/test_cuda_stream" \
    >"$logs/sanitizer.log" 2>&1; then
    sanitizer='compute-sanitizer does not work here:'$'\n\n```\n'$(tail -n 5 "$logs/sanitizer.log")$'\n```'
  else
    sanitizer='Rows with "memcheck" and "racecheck" ran under compute-sanitizer.'
    for program in "$programs"/test_kernels_*; do
      name=${program##*/test_}
      run_program "$name.memcheck" compute-sanitizer --error-exitcode 9 "$program"
      run_program "$name.racecheck" compute-sanitizer --tool racecheck --error-exitcode 9 "$program"
    done
  fi
  say "${sanitizer%%$'\n'*}"
}

write_page() {
  {
    printf '# CUDA code on a GPU\n\n'
    if command -v nvidia-smi >/dev/null; then
      nvidia-smi --query-gpu=name,compute_cap,memory.total,driver_version --format=csv,noheader |
        sed 's/^/- GPU: /'
    fi
    printf -- '- system: %s\n- commit: %s\n- date: %s\n- command: tools/gpu/verify.sh\n\n' \
      "$(uname -sr)" "$(cat "$programs/commit")" "$(date -u +%Y-%m-%d)"
    printf '| program | passed | failed | skipped | seconds | outcome |\n|---|---|---|---|---|---|\n'
    printf '%s\n' "${rows[@]}"
    printf '\n'
    grep -sh '^fine-tune: ' "$logs/gpu_numerics.FineTune.log"
    printf '\n%s\n' "$sanitizer"
  } >"$results"
}

if [ -n "$archive" ]; then
  mkdir -p "$(dirname "$archive")" && archive=$(cd "$(dirname "$archive")" && pwd)/${archive##*/}
  build && tar -C "$programs" -czf "$archive" . && say "packed $archive" || exit 1
  exit 0
fi
if ! has_gpu; then
  say 'no NVIDIA GPU on this machine: nothing was checked'
  exit 3
fi
[ -z "$results" ] || results=$(realpath -m "$results")
if [ -n "$model" ]; then
  [ -f "$model/config.json" ] || { say "$model: no model folder, it has no config.json" >&2; exit 2; }
  LONGHAUL_MODEL=$(realpath "$model") && export LONGHAUL_MODEL
fi
if compgen -G "$here/test_*" >/dev/null; then programs=$here; else build || exit 1; fi
results=${results:-$programs/results.md}
logs=$programs/logs
mkdir -p "$logs" "$(dirname "$results")"
rows=() failed=0 sanitizer=''
check_programs
check_memory
write_page
say "results are in $results, what the programs printed in $logs"
exit "$failed"
