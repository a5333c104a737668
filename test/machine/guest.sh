#!/usr/bin/env bash
# The guest of debian.test.ts, from Debian's packages: guest.sh CACHE
#   CACHE/guest/vmlinuz     Debian's amd64 kernel
#   CACHE/guest/initrd.gz   busybox with a shell on the console, and the modules for drives, ext4 and the power button
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/guest"; CACHE=$(cd "$1" && pwd); out=$CACHE/guest
# Several tests want it at once, and read it while the next one asks.
[ "$out/vmlinuz" -nt "$here/guest.sh" ] && [ "$out/vmlinuz" -nt "$here/guest-init.sh" ] && exit
. "$here/../../scripts/debian/packages.sh"

kernel=$(unpack "$(kernel_package linux-image-amd64)")
busybox=$(unpack busybox-static)
kmod=$(unpack kmod)
version=$(ls "$kernel/lib/modules")

# modprobe's table of dependencies is made when a kernel is installed; this one never is.
[ -e "$kernel/lib/modules/$version/modules.dep" ] ||
  (ln -sf kmod "$kmod/bin/depmod" && "$kmod/bin/depmod" -b "$kernel" "$version")

tree=$(mktemp -d); trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,proc,sys,dev,mnt}
cp "$busybox/bin/busybox" "$tree/bin/"
cp "$here/guest-init.sh" "$tree/init"; chmod +x "$tree/init"

# with_dependencies MODULE: its file and those it needs, as modules.dep lists them
with_dependencies() {
  sed -n "s#^\(\(.*/\)\?$1\.ko\): \?\(.*\)#\1 \3#p" "$kernel/lib/modules/$version/modules.dep"
}
for module in ata_piix sd_mod sr_mod isofs floppy virtio_pci virtio_blk virtio-rng button evdev qemu_fw_cfg ext4 crc32c_generic; do
  for file in $(with_dependencies "$module"); do
    install -D -m 644 "$kernel/lib/modules/$version/$file" "$tree/lib/modules/$version/$file"
  done
done
cp "$kernel/lib/modules/$version"/modules.{dep,alias,builtin,order} "$tree/lib/modules/$version/"

pack "$tree" "$out/initrd.$$"
cp "$kernel/boot/vmlinuz-$version" "$out/vmlinuz.$$"
mv "$out/initrd.$$" "$out/initrd.gz"
mv "$out/vmlinuz.$$" "$out/vmlinuz"
