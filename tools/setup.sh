#!/usr/bin/env bash
# Installs what a build needs and exports where it is. Run it by itself, or source it and call
# longhaul_setup. Every step looks first, so a second run takes a second.
#
#   system packages   apt, when root on Debian or Ubuntu; otherwise one line to copy is printed
#   cmake, ninja      wheels in a virtual environment: LONGHAUL_VENV, by default .venv
#   LibTorch          a wheel in the same place, or the installation that Torch_DIR names
#   CUDA toolkit      only with LONGHAUL_WITH_CUDA=ON: the nvcc that is there, or wheels
#
# LONGHAUL_WITH_CUDA is ON where a GPU is visible, unless it is set. LONGHAUL_WITH_TORCH=OFF leaves
# LibTorch out. `longhaul_setup dev` adds what the checks in tools/ci need.

longhaul_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

longhaul_packages=(
  ca-certificates ccache g++ git pkg-config python3 python3-venv
  libbenchmark-dev libcli11-dev libfmt-dev libgmock-dev libgtest-dev liburing-dev libpcre2-dev
  libspdlog-dev libutf8proc-dev libyaml-cpp-dev nlohmann-json3-dev)
longhaul_dev_packages=(clang clang-format-14 clang-tidy-14 libclang-rt-14-dev)

longhaul_say() { printf 'setup: %s\n' "$*"; }
longhaul_fail() {
  printf 'setup: %s\n' "$*" >&2
  return 1
}

# Installs those of the named packages that are missing.
longhaul_install_packages() {
  if ! command -v apt-get >/dev/null; then
    longhaul_say "no apt here; install the counterparts of these Debian packages: $*"
    return 0
  fi
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    longhaul_fail "system packages are missing; install them with this line, then start again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
    return 1
  fi
  longhaul_say "system packages (0.1 to 0.3 GB to download): ${missing[*]}"
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
      >/dev/null || longhaul_fail "apt-get could not install: ${missing[*]}"
}

# longhaul_install_wheels GROUP SIZE REQUIREMENT... (options of pip first): installs the
# requirements unless the group's stamp names the same ones. Several checkouts may share the
# environment, so one installs while the others wait.
longhaul_install_wheels() {
  local group=$1 size=$2 stamp=$LONGHAUL_VENV/longhaul-$1
  shift 2
  [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return 0
  mkdir -p "$LONGHAUL_VENV" || return 1
  (
    flock 9
    [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && exit 0
    [ -x "$LONGHAUL_VENV/bin/python" ] || python3 -m venv "$LONGHAUL_VENV" || exit 1
    longhaul_say "$group: $size into $LONGHAUL_VENV ($*)"
    rm -f "$stamp"
    "$LONGHAUL_VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@" || exit 1
    printf '%s' "$*" >"$stamp"
  ) 9>"$LONGHAUL_VENV/longhaul-lock" ||
    longhaul_fail "pip could not install $*; behind a mirror, set PIP_INDEX_URL"
}

longhaul_site_packages() {
  "$LONGHAUL_VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
}

# The CPU half of LibTorch needs two small CUDA libraries to load, and none of the others.
longhaul_find_torch() {
  if [ -z "${Torch_DIR:-}" ]; then
    local wheel=torch==2.11.0
    if [ "$LONGHAUL_WITH_CUDA" = ON ]; then
      longhaul_install_wheels torch '2.7 GB to download, 4.6 GB on disk' "$wheel"
    elif [ "$(cat "$LONGHAUL_VENV/longhaul-torch" 2>/dev/null)" != "$wheel" ]; then
      longhaul_install_wheels torch '0.55 GB to download, 1.3 GB on disk' --no-deps "$wheel" \
        nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
    fi || {
      longhaul_fail "or set Torch_DIR to the folder share/cmake/Torch of a LibTorch 2.11"
      return 1
    }
    Torch_DIR=$(longhaul_site_packages)/torch/share/cmake/Torch
  fi
  export Torch_DIR
}

# LibTorch's libraries are of CUDA 13, so a toolkit of another major version does not do.
longhaul_find_cuda() {
  local nvcc
  for nvcc in "${CUDACXX:-}" "$(command -v nvcc)" "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc"; do
    if [ -x "$nvcc" ] && "$nvcc" --version | grep -q 'release 13\.'; then
      export CUDACXX=$nvcc
      return 0
    fi
  done
  longhaul_install_wheels cuda '0.11 GB to download, 0.3 GB on disk' \
    'cuda-toolkit[nvcc,crt,nvvm,cudart,cccl]==13.0.2' || return 1
  # nvcc looks for libraries in lib64 and the linker for plain names; the wheels have lib and
  # versioned names.
  local toolkit library
  toolkit=$(longhaul_site_packages)/nvidia/cu13
  ln -sfn lib "$toolkit/lib64"
  for library in "$toolkit"/lib/lib*.so.*; do
    ln -sf "${library##*/}" "${library%%.so.*}.so"
  done
  export CUDACXX=$toolkit/bin/nvcc
}

longhaul_setup() {
  export LONGHAUL_VENV=${LONGHAUL_VENV:-$longhaul_root/.venv}
  export LONGHAUL_WITH_TORCH=${LONGHAUL_WITH_TORCH:-ON}
  if [ -z "${LONGHAUL_WITH_CUDA:-}" ]; then
    LONGHAUL_WITH_CUDA=OFF
    if compgen -G '/dev/nvidia[0-9]*' >/dev/null || [ -e /dev/dxg ]; then
      LONGHAUL_WITH_CUDA=ON
    fi
  fi
  export LONGHAUL_WITH_CUDA

  local packages=("${longhaul_packages[@]}")
  if [ "${1:-}" = dev ]; then packages+=("${longhaul_dev_packages[@]}"); fi
  longhaul_install_packages "${packages[@]}" || return 1
  longhaul_install_wheels tools '30 MB to download' cmake==4.4.4 ninja==1.13.2 || return 1
  export PATH=$LONGHAUL_VENV/bin:$PATH
  if [ "$LONGHAUL_WITH_TORCH" = ON ]; then longhaul_find_torch || return 1; fi
  if [ "$LONGHAUL_WITH_CUDA" = ON ]; then longhaul_find_cuda || return 1; fi

  if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_CUDA_COMPILER_LAUNCHER=ccache
    export CCACHE_BASEDIR=$longhaul_root CCACHE_NOHASHDIR=1  # checkouts share their results
  fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  longhaul_setup "$@"
  longhaul_say "done. Tools are in $LONGHAUL_VENV/bin; configure with
  PATH=$LONGHAUL_VENV/bin:\$PATH Torch_DIR=${Torch_DIR:-} cmake --preset release"
fi
