// Intel 8259A programmable interrupt controller (data sheet 231468). Two of them sit on the board, the second's
// INT on the first's line 2. ELCR, the edge/level register that the PIIX3 adds, is at home here too.
//
//   offset 0  write: ICW1 (bit 4), OCW3 (bit 3), OCW2;  read: IRR or ISR, as OCW3 chose
//   offset 1  write: ICW2 … ICW4 while initialising, else the mask (OCW1);  read: the mask

const ICW1: u32 = 1 << 4;
const ICW1_SINGLE: u32 = 1 << 1;
const ICW1_NEEDS_ICW4: u32 = 1 << 0;
const ICW4_AUTOMATIC_EOI: u32 = 1 << 1;
const ICW4_FULLY_NESTED: u32 = 1 << 4;
const OCW3: u32 = 1 << 3;
const OCW3_POLL: u32 = 1 << 2;

/** What a chip without a request puts on the bus: the vector of line 7. */
const SPURIOUS: u32 = 7;

@final
@unmanaged
export class I8259 {
  /** Requests latched, one bit a line. */
  private requests: u32;
  /** Requests being served. */
  private inService: u32;
  private mask: u32;
  /** Level of the pins now. */
  private lines: u32;
  /** ELCR: lines that request as long as they are high. */
  private levelTriggered: u32;
  /** Lines that ELCR may change; the others are wired as edges. */
  private levelSelectable: u32;
  private vectorBase: u32;
  /** The line of highest priority. */
  private first: u32;
  /** Number of the ICW that offset 1 takes next; 0 when initialised. */
  private expected: u32;
  private needsIcw4: bool;
  private single: bool;
  private automaticEoi: bool;
  private rotateOnAutomaticEoi: bool;
  private fullyNested: bool;
  private specialMask: bool;
  private readsInService: bool;
  private poll: bool;
  /** The chip's place in the cascade: lines of the first that carry a second, or 0 for the second itself. */
  private cascade: u32;

  reset(cascade: u32, levelSelectable: u32): void {
    this.lines = 0;
    this.levelTriggered = 0;
    this.levelSelectable = levelSelectable;
    this.cascade = cascade;
    this.vectorBase = 0;
    this.initialise();
    this.expected = 0;
  }

  /** What ICW1 resets (data sheet, "Initialization command word 1"). */
  private initialise(): void {
    this.requests = 0;
    this.inService = 0;
    this.mask = 0;
    this.first = 0;
    this.needsIcw4 = false;
    this.single = false;
    this.automaticEoi = false;
    this.rotateOnAutomaticEoi = false;
    this.fullyNested = false;
    this.specialMask = false;
    this.readsInService = false;
    this.poll = false;
  }

  /** Sets the level of pin IR`line`. A rising edge stays latched until it is acknowledged. */
  drive(line: u32, level: bool): void {
    const bit: u32 = 1 << line;
    const rises = level && (this.lines & bit) == 0;
    this.lines = level ? this.lines | bit : this.lines & ~bit;
    if (this.levelTriggered & bit) this.requests = level ? this.requests | bit : this.requests & ~bit;
    else if (rises) this.requests |= bit;
    // A secondary that has nothing to ask any more takes its request back.
    else if (!level) this.requests &= ~(bit & this.cascade);
  }

  /** The INT pin. */
  get intr(): bool {
    return this.pending() >= 0;
  }

  /** The line that would be acknowledged now, or -1. */
  private pending(): i32 {
    const wanted: u32 = this.requests & ~this.mask;
    if (wanted == 0) return -1;
    // Requests wait for whatever of the same or a higher priority is in service. In special mask mode masked
    // lines in service hold nothing back, and in fully nested mode a second's line may interrupt itself.
    let holding: u32 = this.inService;
    if (this.specialMask) holding &= ~this.mask;
    for (let i: u32 = 0; i < 8; i++) {
      const line = (this.first + i) & 7;
      const bit: u32 = 1 << line;
      if (holding & bit) return this.fullyNested && (wanted & bit & this.cascade) != 0 ? <i32>line : -1;
      if (wanted & bit) return <i32>line;
    }
    return -1;
  }

  /** INTA: moves the winning request into service and returns its line; 7 when none is left. */
  acknowledge(): u32 {
    const line = this.pending();
    if (line < 0) return SPURIOUS;
    const bit: u32 = 1 << line;
    if ((this.levelTriggered & bit) == 0) this.requests &= ~bit;
    if (!this.automaticEoi) this.inService |= bit;
    else if (this.rotateOnAutomaticEoi) this.first = (line + 1) & 7;
    return <u32>line;
  }

  vector(line: u32): u32 {
    return this.vectorBase | line;
  }

  read(offset: u32): u32 {
    if (this.poll) {
      // The poll word: bit 7 = a request was there, and it is acknowledged by this read.
      this.poll = false;
      return this.intr ? 0x80 | this.acknowledge() : 0;
    }
    if (offset == 1) return this.mask;
    return this.readsInService ? this.inService : this.requests;
  }

  write(offset: u32, value: u32): void {
    if (offset == 1) this.writeData(value);
    else if (value & ICW1) {
      this.initialise();
      this.single = (value & ICW1_SINGLE) != 0;
      this.needsIcw4 = (value & ICW1_NEEDS_ICW4) != 0;
      this.expected = 2;
    } else if (value & OCW3) this.writeOcw3(value);
    else this.writeOcw2(value);
  }

  private writeData(value: u32): void {
    switch (this.expected) {
      case 2:
        this.vectorBase = value & 0xf8;
        this.expected = this.single ? (this.needsIcw4 ? 4 : 0) : 3;
        break;
      case 3: // The cascade is wired; what ICW3 says about it changes nothing.
        this.expected = this.needsIcw4 ? 4 : 0;
        break;
      case 4:
        this.automaticEoi = (value & ICW4_AUTOMATIC_EOI) != 0;
        this.fullyNested = (value & ICW4_FULLY_NESTED) != 0;
        this.expected = 0;
        break;
      default:
        this.mask = value;
    }
  }

  /** End of interrupt and rotation (data sheet, "Operation command word 2": R, SL, EOI in bits 7-5). */
  private writeOcw2(value: u32): void {
    const named = value & 7;
    switch (value >> 5) {
      case 0: // rotate in automatic EOI mode: clear
        this.rotateOnAutomaticEoi = false;
        break;
      case 1: // non-specific EOI
        this.endOfInterrupt();
        break;
      case 3: // specific EOI
        this.inService &= ~(1 << named);
        break;
      case 4: // rotate in automatic EOI mode: set
        this.rotateOnAutomaticEoi = true;
        break;
      case 5: {
        // rotate on non-specific EOI
        const line = this.endOfInterrupt();
        if (line >= 0) this.first = (line + 1) & 7;
        break;
      }
      case 6: // set priority
        this.first = (named + 1) & 7;
        break;
      case 7: // rotate on specific EOI
        this.inService &= ~(1 << named);
        this.first = (named + 1) & 7;
        break;
    }
  }

  /** Ends the service of highest priority; returns its line, or -1. */
  private endOfInterrupt(): i32 {
    for (let i: u32 = 0; i < 8; i++) {
      const line = (this.first + i) & 7;
      const bit: u32 = 1 << line;
      if ((this.inService & bit) == 0 || (this.specialMask && (this.mask & bit) != 0)) continue;
      this.inService &= ~bit;
      return <i32>line;
    }
    return -1;
  }

  private writeOcw3(value: u32): void {
    this.poll = (value & OCW3_POLL) != 0;
    if (value & 2) this.readsInService = (value & 1) != 0;
    if (value & 0x40) this.specialMask = (value & 0x20) != 0;
  }

  /** ELCR, ports 4D0h and 4D1h (PIIX3 data sheet §2.5.3). */
  readElcr(): u32 {
    return this.levelTriggered;
  }

  writeElcr(value: u32): void {
    this.levelTriggered = value & this.levelSelectable;
    this.requests = (this.requests & ~this.levelTriggered) | (this.lines & this.levelTriggered);
  }
}
