// What the image tool says about itself: only what it does.
export const IMG_HELP = `usage: wasmqemu img COMMAND [options] FILE…

  create [-q] [-f FMT] [-b BACKING -F FMT] [-u] [-o OPTIONS] FILE [SIZE]
  info [-f FMT] [--output=human|json] [--backing-chain] [-U] FILE
  convert [-f FMT] [-O FMT] [-o OPTIONS] [-S SIZE] [-n [--target-is-zero]] [-p] [-q] [-U] FILE… TARGET

Formats: raw, qcow2. Sizes take the suffixes k, M, G, T, P and E. Options and exit codes are qemu-img's.
`;
