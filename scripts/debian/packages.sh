# Sourced by the scripts that build guests: unpacks Debian's own packages into a cache folder, installing nothing.
#   CACHE   where packages are kept between runs
export LC_ALL=C
say() { printf '%s\n' "$*" >&2; }

# unpack PACKAGE: downloads and unpacks it once, prints its folder
unpack() {
  folder=$CACHE/$1
  if [ ! -e "$folder/.complete" ]; then
    rm -rf "$folder"; mkdir -p "$folder/.download"
    say "fetching Debian's package $1"
    (cd "$folder/.download" && apt-get -q -o APT::Sandbox::User=root download "$1" >&2)
    dpkg-deb -x "$folder"/.download/*.deb "$folder"
    rm -rf "$folder/.download"; touch "$folder/.complete"
  fi
  printf '%s\n' "$folder"
}

# kernel_package META: the package that a meta package such as linux-image-amd64 stands for today
kernel_package() {
  apt-cache depends "$1" | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1
}

# pack TREE FILE: a compressed initramfs. /dev/console is there before devtmpfs is: the kernel opens it for init.
pack() {
  mkdir -p "$1/dev"; [ -e "$1/dev/console" ] || mknod -m 600 "$1/dev/console" c 5 1
  (cd "$1" && find . | sort | cpio -o -H newc --quiet | gzip -1) > "$2"
}
