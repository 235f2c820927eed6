#!/usr/bin/env bash
# Installs what a build needs and exports where it is. Run it by itself, or source it and call
# longhaul_setup. Every step looks first, so a second run takes a second.
#
#   system packages   apt, when root on Debian or Ubuntu; otherwise one line to copy is printed
#   cmake, ninja      wheels in a virtual environment: LONGHAUL_VENV, by default .venv
#   LibTorch          the same way, or an installation named by Torch_DIR
#   CUDA toolkit      only with LONGHAUL_WITH_CUDA=ON: the nvcc that is there, or wheels
#
# LONGHAUL_WITH_TORCH=OFF leaves LibTorch out; LONGHAUL_WITH_CUDA is ON where a GPU is visible
# unless it is set. `longhaul_setup dev` adds what the checks of tools/ci need.

longhaul_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

readonly longhaul_torch_wheel=torch==2.11.0
readonly longhaul_build_wheels=(cmake==4.4.4 ninja==1.13.2)
readonly longhaul_cuda_wheel='cuda-toolkit[nvcc,crt,nvvm,cudart,cccl]==13.0.2'
readonly longhaul_packages=(
  ca-certificates g++ git pkg-config python3 python3-venv ccache
  libbenchmark-dev libcli11-dev libfmt-dev libgmock-dev libgtest-dev liburing-dev libpcre2-dev
  libspdlog-dev libutf8proc-dev libyaml-cpp-dev nlohmann-json3-dev)
readonly longhaul_dev_packages=(clang clang-format-14 clang-tidy-14 libclang-rt-14-dev)

longhaul_say() { printf 'setup: %s\n' "$*"; }
longhaul_fail() {
  printf 'setup: %s\n' "$*" >&2
  return 1
}

# Installs those of the named packages that are missing.
longhaul_install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    longhaul_say "not a Debian or Ubuntu system; expected here are the counterparts of: $*"
    return 0
  fi
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    longhaul_fail "system packages are missing; install them with this line and run me again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
    return 1
  fi
  longhaul_say "installing system packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null
}

longhaul_gpu_is_visible() { compgen -G '/dev/nvidia[0-9]*' >/dev/null || [ -e /dev/dxg ]; }

# Installs wheels into the environment unless its stamp says that these were installed before.
longhaul_install_wheels() {
  local stamp=$LONGHAUL_VENV/longhaul-wheels wanted="$*"
  if [ -x "$LONGHAUL_VENV/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    return 0
  fi
  mkdir -p "$LONGHAUL_VENV"
  (
    flock 9
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0
    longhaul_say "installing into $LONGHAUL_VENV: $wanted"
    [ -x "$LONGHAUL_VENV/bin/python" ] || python3 -m venv "$LONGHAUL_VENV"
    "$LONGHAUL_VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    printf '%s' "$wanted" >"$stamp"
  ) 9>"$LONGHAUL_VENV/longhaul-lock" || longhaul_fail "could not install $wanted"
}

longhaul_setup() {
  export LONGHAUL_VENV=${LONGHAUL_VENV:-$longhaul_root/.venv}
  export LONGHAUL_WITH_TORCH=${LONGHAUL_WITH_TORCH:-ON}
  if [ -z "${LONGHAUL_WITH_CUDA:-}" ]; then
    LONGHAUL_WITH_CUDA=OFF
    if longhaul_gpu_is_visible; then LONGHAUL_WITH_CUDA=ON; fi
  fi
  export LONGHAUL_WITH_CUDA

  local packages=("${longhaul_packages[@]}") wheels=("${longhaul_build_wheels[@]}")
  if [ "${1:-}" = dev ]; then packages+=("${longhaul_dev_packages[@]}"); fi
  longhaul_install_packages "${packages[@]}" || return 1

  if [ "$LONGHAUL_WITH_TORCH" = ON ] && [ -z "${Torch_DIR:-}" ]; then
    wheels+=("$longhaul_torch_wheel")
  fi
  longhaul_install_wheels "${wheels[@]}" || return 1
  export PATH=$LONGHAUL_VENV/bin:$PATH
  if [ "$LONGHAUL_WITH_TORCH" = ON ]; then
    Torch_DIR=${Torch_DIR:-$("$LONGHAUL_VENV/bin/python" -c 'import sysconfig
print(sysconfig.get_path("purelib"))')/torch/share/cmake/Torch}
    export Torch_DIR
  fi
  if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_CUDA_COMPILER_LAUNCHER=ccache
    export CCACHE_BASEDIR=$longhaul_root CCACHE_NOHASHDIR=1
    export CCACHE_SLOPPINESS=pch_defines,time_macros
  fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  longhaul_setup "$@"
  longhaul_say "done: LibTorch $LONGHAUL_WITH_TORCH, CUDA $LONGHAUL_WITH_CUDA, tools in $LONGHAUL_VENV/bin"
fi
