// What the image tool says about itself: only what it does.
export const IMG_HELP = `usage: wasmqemu img COMMAND [options] FILE…

  amend [-q] [-f FMT] [-p] [--force] -o OPTIONS FILE
  bench [-c COUNT] [-d DEPTH] [-f FMT] [--flush-interval=N [--no-drain]] [-o OFFSET] [--pattern=BYTE] [-s SIZE] [-S STEP] [-w] [-U] FILE
  bitmap {--add | --remove | --clear | --enable | --disable | --merge SOURCE}… [-b FILE [-F FMT]] [-g SIZE] [-f FMT] FILE NAME
  cat [-f FMT] IMAGE[:PARTITION]:/PATH…
  check [-q] [-f FMT] [--output=human|json] [-r leaks|all] [-U] FILE
  commit [-q] [-f FMT] [-b BASE] [-d] [-p] [-r RATE] FILE
  compare [-f FMT] [-F FMT] [-p] [-q] [-s] [-U] FILE1 FILE2
  convert [-c] [-f FMT] [-O FMT] [-B BACKING -F FMT] [-o OPTIONS] [-l SNAPSHOT] [-S SIZE] [-m N] [-W] [-r RATE] [-n [--target-is-zero] [--target-image-opts]] [--bitmaps [--skip-broken-bitmaps]] [--salvage] [-p] [-q] [-U] FILE… TARGET
  cp [-f FMT] [-r] IMAGE[:PARTITION]:/PATH… TARGET
  create [-q] [-f FMT] [-b BACKING -F FMT] [-u] [-o OPTIONS] FILE [SIZE]
  dd [-f FMT] [-O FMT] [-U] [bs=SIZE] [count=N] [skip=N] if=FILE of=TARGET
  info [-f FMT] [--output=human|json] [--backing-chain] [-U] FILE
  ls [-f FMT] [-l] [-R] [-d] [--output=human|json] IMAGE[[:PARTITION]:/PATH]…
  map [-f FMT] [--output=human|json] [-s OFFSET] [-l LENGTH] [-U] FILE
  measure [--output=human|json] [-O FMT] [-o OPTIONS] [--size SIZE | [-f FMT] [-l SNAPSHOT] [-U] FILE]
  rebase [-q] [-f FMT] [-p] [-u [-U]] -b BACKING [-F FMT] FILE
  resize [-q] [-f FMT] [--shrink] [--preallocation=off|metadata|falloc|full] FILE [+|-]SIZE
  serve [-f FMT] [-p PORT | --socket PATH] [-b ADDRESS] [-r] [-x NAME]… [-U] FILE…
  snapshot [-q] [-l | -c NAME | -a NAME | -d NAME] FILE

Formats: raw, qcow2, luks, vdi, vmdk, vpc, vhdx, qed, qcow, parallels; to read: dmg, bochs, cloop. With --image-opts a FILE is options (driver=qcow2,file.filename=…); json:{…} works as a name. --object secret,id=ID,data=TEXT|file=FILE is a passphrase: for create -o encrypt.format=luks,encrypt.key-secret=ID, and to open with --image-opts driver=qcow2,encrypt.key-secret=ID,file.filename=FILE. Sizes take the suffixes k, M, G, T, P and E. Options and exit codes are qemu-img's.
`;
