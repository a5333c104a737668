// Intel 82093AA I/O APIC (data sheet 290566): 24 pins, each with a redirection entry that says which vector goes
// to whom. Two registers in memory: a selector at 00h and a window at 10h.
//
//   entry:  vector 7-0 | delivery 10-8 | logical 11 | sending 12 | low active 13 | remote IRR 14 | level 15 |
//           masked 16 | destination 63-56

const SELECT: u32 = 0x00;
const WINDOW: u32 = 0x10;

const ID: u32 = 0;
const VERSION: u32 = 1;
const ARBITRATION: u32 = 2;
const FIRST_ENTRY: u32 = 0x10;

export const IOAPIC_PINS: u32 = 24;
const VERSION_VALUE: u32 = 0x20 | ((IOAPIC_PINS - 1) << 16);

export const ENTRY_LOGICAL: u32 = 1 << 11;
export const ENTRY_LEVEL: u32 = 1 << 15;
export const ENTRY_MASKED: u32 = 1 << 16;
const ENTRY_REMOTE_IRR: u32 = 1 << 14;
const ENTRY_SENDING: u32 = 1 << 12;
const ENTRY_DELIVERY: u32 = 7 << 8;
const ENTRY_EXTINT: u32 = 7 << 8;

@final
@unmanaged
export class IoApic {
  private selected: u32;
  private id: u32;
  /** Level of the pins. */
  private lines: u32;
  /** Pins with something to send: a rising edge, or a level that nobody serves yet. */
  private requests: u32;
  // The redirection table follows the struct: see IOAPIC_SIZE.

  private at(pin: u32): usize {
    return changetype<usize>(this) + offsetof<IoApic>() + ((<usize>pin) << 3);
  }

  entry(pin: u32): u32 {
    return load<u32>(this.at(pin));
  }

  destination(pin: u32): u32 {
    return load<u8>(this.at(pin), 7);
  }

  reset(): void {
    this.selected = 0;
    this.id = 0;
    this.lines = 0;
    this.requests = 0;
    for (let pin: u32 = 0; pin < IOAPIC_PINS; pin++) store<u64>(this.at(pin), ENTRY_MASKED);
  }

  drive(pin: u32, level: bool): void {
    const bit: u32 = 1 << pin;
    const rises = level && (this.lines & bit) == 0;
    this.lines = level ? this.lines | bit : this.lines & ~bit;
    // An edge on a masked pin is lost (data sheet, "Interrupt Mask").
    if (rises && (this.entry(pin) & (ENTRY_LEVEL | ENTRY_MASKED)) == 0) this.requests |= bit;
  }

  /** A pin that has something to send now, or -1; it counts as sent. */
  takeRequest(): i32 {
    for (let waiting = this.requests | this.lines; waiting != 0; waiting &= waiting - 1) {
      const pin = ctz(waiting);
      const entry = this.entry(pin);
      if (entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)) continue;
      if (entry & ENTRY_LEVEL) {
        if ((this.lines & (1 << pin)) == 0) continue;
        store<u32>(this.at(pin), entry | ENTRY_REMOTE_IRR);
      } else if ((this.requests & (1 << pin)) == 0) continue;
      this.requests &= ~(1 << pin);
      return <i32>pin;
    }
    return -1;
  }

  /** A local APIC has ended a level-triggered vector: its pins may request again. */
  endOfInterrupt(vector: u32): void {
    for (let pin: u32 = 0; pin < IOAPIC_PINS; pin++) {
      const entry = this.entry(pin);
      if ((entry & 0xff) == vector && (entry & ENTRY_LEVEL) != 0)
        store<u32>(this.at(pin), entry & ~ENTRY_REMOTE_IRR);
    }
  }

  /** Whether a pin passes the 8259's interrupts through, vector and all. */
  passesExtInt(): bool {
    return (this.entry(0) & (ENTRY_MASKED | ENTRY_DELIVERY)) == ENTRY_EXTINT;
  }

  read(offset: u32): u32 {
    if (offset == SELECT) return this.selected;
    if (offset != WINDOW) return 0;
    switch (this.selected) {
      case ID:
      case ARBITRATION:
        return this.id;
      case VERSION:
        return VERSION_VALUE;
    }
    const index = this.selected - FIRST_ENTRY;
    return index < IOAPIC_PINS * 2 ? load<u32>(this.at(0) + ((<usize>index) << 2)) : 0;
  }

  write(offset: u32, value: u32): void {
    if (offset == SELECT) this.selected = value & 0xff;
    if (offset != WINDOW) return;
    if (this.selected == ID) this.id = value & 0x0f00_0000;
    const index = this.selected - FIRST_ENTRY;
    if (index < IOAPIC_PINS * 2) this.writeEntry(index >> 1, (index & 1) != 0, value);
  }

  private writeEntry(pin: u32, high: bool, value: u32): void {
    if (high) {
      store<u32>(this.at(pin), value & 0xff00_0000, 4);
      return;
    }
    const readOnly = ENTRY_REMOTE_IRR | ENTRY_SENDING;
    const entry = (value & 0x1_ffff & ~readOnly) | (this.entry(pin) & readOnly);
    // An entry that turns to edges forgets the level it was serving.
    store<u32>(this.at(pin), entry & ENTRY_LEVEL ? entry : entry & ~ENTRY_REMOTE_IRR);
    if (entry & ENTRY_LEVEL) this.requests &= ~(1 << pin);
  }
}

export const IOAPIC_SIZE: usize = offsetof<IoApic>() + ((<usize>IOAPIC_PINS) << 3);
