// Floppy disks by the size of their image: how their sectors lie, at which data rate, and the drive that takes them.

/** Drive types as CMOS byte 10h names them. */
const DRIVE_1200K: u32 = 2;
const DRIVE_1440K: u32 = 4;
const DRIVE_2880K: u32 = 5;

/** Data rates as DSR and CCR name them, in kb/s (82078 data sheet §2.1.5). */
const RATE_500: u32 = 0;
const RATE_300: u32 = 1;
const RATE_250: u32 = 2;
const RATE_1000: u32 = 3;

const ROWS: u32 = 10;
/** sectors of the image, sectors a track, heads, cylinders, drive, rate */
// prettier-ignore
const FORMATS = memory.data<u32>([
   320,  8, 1, 40, DRIVE_1200K, RATE_300,
   360,  9, 1, 40, DRIVE_1200K, RATE_300,
   640,  8, 2, 40, DRIVE_1200K, RATE_300,
   720,  9, 2, 40, DRIVE_1200K, RATE_300,
  1440,  9, 2, 80, DRIVE_1440K, RATE_250,
  2400, 15, 2, 80, DRIVE_1200K, RATE_500,
  2880, 18, 2, 80, DRIVE_1440K, RATE_500,
  3360, 21, 2, 80, DRIVE_1440K, RATE_500,
  3444, 21, 2, 82, DRIVE_1440K, RATE_500,
  5760, 36, 2, 80, DRIVE_2880K, RATE_1000,
]);

@final
@unmanaged
export class FloppyFormat {
  private sectors: u32;
  sectorsPerTrack: u32;
  heads: u32;
  cylinders: u32;
  /** CMOS type of the drive that a PC has for such disks. */
  drive: u32;
  private rate: u32;

  /** Double density may be read at 250 or 300 kb/s: which one, the speed of the motor decides. */
  readableAt(rate: u32): bool {
    return (
      rate == this.rate ||
      (rate == RATE_300 && this.rate == RATE_250) ||
      (rate == RATE_250 && this.rate == RATE_300)
    );
  }
}

/** How an image of `sectors` is laid out; odd sizes, and no disk at all, as the largest. */
export function floppyFormat(sectors: u64): FloppyFormat {
  for (let row: usize = 0; row < <usize>ROWS; row++) {
    const format = FORMATS + row * offsetof<FloppyFormat>();
    if (<u64>load<u32>(format) == sectors) return changetype<FloppyFormat>(format);
  }
  return changetype<FloppyFormat>(FORMATS + <usize>(ROWS - 1) * offsetof<FloppyFormat>());
}
