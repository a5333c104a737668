#!/usr/bin/env bash
# Builds the benchmark's guests from Debian's packages: build.sh CACHE
#   CACHE/bench/vmlinuz64, vmlinuz32      Debian's kernels: linux-image-amd64; the i386 netboot installer's
#   CACHE/bench/initrd64.gz, initrd32.gz  an init that prints BENCH-START, runs bench.c, prints BENCH-DONE, powers off
# Needs apt-get, gcc with -m32 (gcc-multilib), cpio. Nothing is installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/bench"; CACHE=$(cd "$1" && pwd); out=$CACHE/bench
. "$here/../../scripts/debian/packages.sh"

if [ ! -e "$out/vmlinuz64" ]; then
  kernel=$(unpack "$(kernel_package linux-image-amd64)")
  cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz64"
fi
if [ ! -e "$out/vmlinuz32" ]; then
  installer=$(unpack debian-installer-12-netboot-i386)
  cp "$(find "$installer" -name linux -type f | head -1)" "$out/vmlinuz32"
fi

for bits in 64 32; do
  flags=-m64
  # v86 has SSE2 and no more: both 32-bit emulators run the same instructions.
  [ $bits = 64 ] || flags='-m32 -march=pentium4 -mfpmath=sse'
  tree=$(mktemp -d); mkdir -p "$tree/bin" "$tree/proc"
  gcc -O2 $flags -static -pthread "$here/bench.c" -o "$tree/bin/bench" -lm
  gcc -O2 $flags -static "$here/init.c" -o "$tree/init"
  pack "$tree" "$out/initrd$bits.gz"; rm -rf "$tree"
done
