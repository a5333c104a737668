// PCI 2.1 configuration: mechanism 1 (ports CF8h, CFCh) and the configuration space of a function.
// A function is 256 bytes and, beside them, 256 bytes that say which bits software can write: with these two the
// header, the BARs' sizing protocol and every chip's own registers read and write alike.

export const PCI_VENDOR: u32 = 0x00;
export const PCI_DEVICE: u32 = 0x02;
export const PCI_COMMAND: u32 = 0x04;
export const PCI_STATUS: u32 = 0x06;
export const PCI_REVISION: u32 = 0x08;
export const PCI_CLASS: u32 = 0x09;
export const PCI_HEADER_TYPE: u32 = 0x0e;
export const PCI_BAR0: u32 = 0x10;
export const PCI_SUBSYSTEM: u32 = 0x2c;
export const PCI_ROM: u32 = 0x30;
export const PCI_CAPABILITIES: u32 = 0x34;
export const PCI_LINE: u32 = 0x3c;
export const PCI_PIN: u32 = 0x3d;

export const COMMAND_IO: u32 = 1 << 0;
export const COMMAND_MEMORY: u32 = 1 << 1;
export const COMMAND_MASTER: u32 = 1 << 2;
export const COMMAND_INTX_OFF: u32 = 1 << 10;
/** I/O, memory, bus master, parity, SERR#, INTx off. */
const COMMAND_WRITABLE: u32 = 0x0547;
/** Error bits of the status register: written with 1 to clear. */
const STATUS_CLEARABLE: u32 = 0xf900;

/** Red Hat's subsystem, as on every device of this machine. */
const SUBSYSTEM: u32 = 0x1100_1af4;

const ROM_ON: u32 = 1 << 0;

const SPACE: usize = 256;

@final
@unmanaged
export class PciFunction {
  /** Device number << 3 | function number. */
  address: u32;
  present: bool;
  /** The function pulls its interrupt pin. */
  intx: bool;
  // The space and its write mask follow the struct: see PCI_FUNCTION_SIZE.

  private at(offset: u32): usize {
    return changetype<usize>(this) + offsetof<PciFunction>() + <usize>offset;
  }

  /** The register of T's width (u8, u16, u32) at `offset`. */
  get<T>(offset: u32): u32 {
    return <u32>load<T>(this.at(offset));
  }

  set<T>(offset: u32, value: u32): void {
    store<T>(this.at(offset), <T>value);
  }

  /** Lets software write the bits of `mask` in the register at `offset`. */
  allow<T>(offset: u32, mask: u32): void {
    store<T>(this.at(offset), <T>mask, SPACE);
  }

  /** The header that every function has; clears everything else. `kind`: class << 16 | subclass << 8 | interface. */
  identify(address: u32, vendor: u32, device: u32, kind: u32, revision: u32): void {
    memory.fill(changetype<usize>(this), 0, PCI_FUNCTION_SIZE);
    this.address = address;
    this.present = true;
    this.set<u16>(PCI_VENDOR, vendor);
    this.set<u16>(PCI_DEVICE, device);
    this.set<u32>(PCI_REVISION, (kind << 8) | revision);
    this.set<u32>(PCI_SUBSYSTEM, SUBSYSTEM);
    this.allow<u16>(PCI_COMMAND, COMMAND_WRITABLE);
    this.allow<u8>(0x0c, 0xff); // cache line size and latency timer hold what is written
    this.allow<u8>(0x0d, 0xff);
    this.allow<u8>(PCI_LINE, 0xff);
  }

  /** A base address register of `size` bytes (a power of two); `flags` are its read-only low bits. */
  addBar(index: u32, size: u32, flags: u32): void {
    const offset = PCI_BAR0 + (index << 2);
    this.set<u32>(offset, flags);
    this.allow<u32>(offset, ~(size - 1));
  }

  /** The expansion ROM base address register (PCI 2.1 §6.2.5.2): bit 0 switches the ROM on. */
  addRom(size: u32): void {
    this.allow<u32>(PCI_ROM, ~(size - 1) | ROM_ON);
  }

  /** Where the expansion ROM decodes now, 0 for nowhere. */
  get romBar(): u32 {
    const rom = this.get<u32>(PCI_ROM);
    if ((this.get<u32>(PCI_COMMAND) & COMMAND_MEMORY) == 0 || (rom & ROM_ON) == 0) return 0;
    return rom & ~0x7ff;
  }

  /** Where I/O BAR `index` decodes now, 0 for nowhere. */
  ioBar(index: u32): u32 {
    if ((this.get<u32>(PCI_COMMAND) & COMMAND_IO) == 0) return 0;
    return this.get<u32>(PCI_BAR0 + (index << 2)) & 0xfffc;
  }

  /** Bytes that BAR `index` decodes; 0: there is none. */
  barSize(index: u32): u32 {
    return ~load<u32>(this.at(PCI_BAR0 + (index << 2)), SPACE) + 1;
  }

  /** Where memory BAR `index` decodes now, 0 for nowhere. */
  memoryBar(index: u32): u32 {
    if ((this.get<u32>(PCI_COMMAND) & COMMAND_MEMORY) == 0) return 0;
    return this.get<u32>(PCI_BAR0 + (index << 2)) & ~15;
  }

  /** The PIRQ (0 = A) that its pin leads to: slot S pin P to (S + P - 1) mod 4, pin A = 0. */
  get pirq(): i32 {
    const pin: u32 = this.get<u8>(PCI_PIN) - 1;
    return <i32>(((this.address >> 3) + pin + 3) & 3);
  }

  /** The PIRQ that the function pulls, or -1. */
  assertedPirq(): i32 {
    if (!this.present || !this.intx || (this.get<u16>(PCI_COMMAND) & COMMAND_INTX_OFF) != 0) return -1;
    return this.pirq;
  }

  read(offset: u32, size: u32): u32 {
    if (size == 1) return this.get<u8>(offset);
    return size == 2 ? this.get<u16>(offset) : this.get<u32>(offset);
  }

  write(offset: u32, size: u32, value: u32): void {
    for (let i: u32 = 0; i < size; i++) this.writeByte(offset + i, (value >> (i << 3)) & 0xff);
  }

  private writeByte(offset: u32, value: u32): void {
    if (offset >= <u32>SPACE) return;
    if (offset == PCI_STATUS + 1) {
      this.set<u8>(offset, this.get<u8>(offset) & ~(value & (STATUS_CLEARABLE >> 8)));
      return;
    }
    const mask: u32 = load<u8>(this.at(offset), SPACE);
    this.set<u8>(offset, <u8>((this.get<u8>(offset) & ~mask) | (value & mask)));
  }
}

export const PCI_FUNCTION_SIZE: usize = offsetof<PciFunction>() + 2 * SPACE;

/** CF8h: enable 31 | bus 23-16 | device 15-11 | function 10-8 | register 7-2. */
@final
@unmanaged
export class PciConfigPort {
  selected: u32;

  reset(): void {
    this.selected = 0;
  }

  /** Whether the data window leads to bus 0, the only one. */
  get selectsBus0(): bool {
    return (this.selected & 0x80ff_0000) == 0x8000_0000;
  }

  /** Device and function selected, as in PciFunction.address. */
  get target(): u32 {
    return (this.selected >> 8) & 0xff;
  }

  /** Register that byte `lane` (0-3) of the data window leads to. */
  register(lane: u32): u32 {
    return (this.selected & 0xfc) | lane;
  }
}
