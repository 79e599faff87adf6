#!/bin/sh
# Installs what `cargo xtask build-ebpf` needs on Debian 12: a compiler with the
# sources of `core`, the LLVM it was built with, and bpf-linker linked against
# that LLVM. Building the daemon itself needs none of this.
set -eu

BPF_LINKER_VERSION=0.13.0
LLVM_MAJOR=22
prefix=${BPF_LINKER_PREFIX:-/usr/local}

[ "$(id -u)" = 0 ] || { echo "setup-debian.sh: installing packages needs root: run it with sudo" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends \
    gcc libc6-dev rustc-web rust-web-src cargo-web \
    "llvm-$LLVM_MAJOR-dev" "libclang-$LLVM_MAJOR-dev" "libpolly-$LLVM_MAJOR-dev" \
    libzstd-dev libxml2-dev zlib1g-dev

if "$prefix/bin/bpf-linker" --version 2>/dev/null | grep -qF "$BPF_LINKER_VERSION"; then
    echo "setup-debian.sh: bpf-linker $BPF_LINKER_VERSION is already in $prefix/bin"
    exit 0
fi

# Debian's cargo: the one that has just been installed, whatever else is on PATH.
LLVM_PREFIX="/usr/lib/llvm-$LLVM_MAJOR" RUSTC=/usr/bin/rustc /usr/bin/cargo install bpf-linker \
    --version "$BPF_LINKER_VERSION" --locked --no-default-features --features "llvm-$LLVM_MAJOR" \
    --root "$prefix"
