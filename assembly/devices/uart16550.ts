// National PC16550D serial port (data sheet TL/C/8652). The line has no speed: a byte leaves as soon as the ring
// to the host has room, and arrives as soon as the receiver FIFO has.
//
//   offset 0  RBR / THR, divisor low with DLAB     4  MCR
//          1  IER, divisor high with DLAB          5  LSR
//          2  IIR / FCR                            6  MSR
//          3  LCR                                  7  scratch
import { SERIAL_IN_CAPACITY, SERIAL_OUT_CAPACITY, serialIn, serialOut } from "../rings/bytes";

const IER_RECEIVED: u32 = 1 << 0;
const IER_TRANSMITTER_EMPTY: u32 = 1 << 1;
const IER_LINE_STATUS: u32 = 1 << 2;
const IER_MODEM_STATUS: u32 = 1 << 3;

const IIR_NONE: u32 = 1;
const IIR_MODEM_STATUS: u32 = 0;
const IIR_TRANSMITTER_EMPTY: u32 = 2;
const IIR_RECEIVED: u32 = 4;
const IIR_LINE_STATUS: u32 = 6;
const IIR_TIMEOUT: u32 = 12;
const IIR_FIFOS: u32 = 0xc0;

const FCR_ENABLE: u32 = 1 << 0;
const FCR_CLEAR_RECEIVER: u32 = 1 << 1;
const FCR_CLEAR_TRANSMITTER: u32 = 1 << 2;

const LCR_DLAB: u32 = 1 << 7;

const MCR_OUT2: u32 = 1 << 3;
const MCR_LOOPBACK: u32 = 1 << 4;

const LSR_DATA_READY: u32 = 1 << 0;
const LSR_OVERRUN: u32 = 1 << 1;
const LSR_BREAK: u32 = 1 << 4;
const LSR_HOLDING_EMPTY: u32 = 1 << 5;
const LSR_TRANSMITTER_EMPTY: u32 = 1 << 6;

/** CTS, DSR and DCD as a terminal that is there and ready drives them. */
const MSR_TERMINAL: u32 = 0xb0;

const FIFO_SIZE: u32 = 16;

@final
@unmanaged
export class Uart16550 {
  /** FIFOs of 16 bytes, the oldest byte lowest. */
  private received0: u64;
  private received1: u64;
  private outgoing0: u64;
  private outgoing1: u64;
  private receivedCount: u32;
  private outgoingCount: u32;
  private interruptEnable: u32;
  private fifoControl: u32;
  private lineControl: u32;
  private modemControl: u32;
  /** Error bits of LSR, cleared by reading it. */
  private lineErrors: u32;
  private modemDeltas: u32;
  private scratch: u32;
  private divisorLow: u32;
  private divisorHigh: u32;
  /** The transmitter-empty interrupt waits: set when THR runs empty, cleared by writing THR or reading IIR. */
  private emptyPending: bool;
  /** Number of the port, for its rings. */
  private port: u32;
  /** Characters in the receiver FIFO up to that of a break, 0 if there is none: LSR tells of it when it is the next. */
  private upToBreak: u32;

  reset(port: u32): void {
    this.port = port;
    this.receivedCount = 0;
    this.outgoingCount = 0;
    this.interruptEnable = 0;
    this.fifoControl = 0;
    this.lineControl = 0;
    this.modemControl = MCR_OUT2;
    this.lineErrors = 0;
    this.modemDeltas = 0;
    this.scratch = 0;
    this.divisorLow = 12; // 9600 baud
    this.divisorHigh = 0;
    this.emptyPending = false;
    this.upToBreak = 0;
  }

  private get fifos(): bool {
    return (this.fifoControl & FCR_ENABLE) != 0;
  }

  private get depth(): u32 {
    return this.fifos ? FIFO_SIZE : 1;
  }

  private get triggerLevel(): u32 {
    if (!this.fifos) return 1;
    switch (this.fifoControl >> 6) {
      case 0:
        return 1;
      case 1:
        return 4;
      case 2:
        return 8;
      default:
        return 14;
    }
  }

  /** The INTR pin; on a PC OUT2 gates it. */
  get intr(): bool {
    return (this.modemControl & (MCR_OUT2 | MCR_LOOPBACK)) == MCR_OUT2 && this.identify() != IIR_NONE;
  }

  /** IIR bits 3-0: the waiting interrupt of highest priority (data sheet, table IV). */
  private identify(): u32 {
    const enabled: u32 = this.interruptEnable;
    if (enabled & IER_LINE_STATUS && this.errors != 0) return IIR_LINE_STATUS;
    if (enabled & IER_RECEIVED && this.receivedCount != 0)
      return this.receivedCount >= this.triggerLevel ? IIR_RECEIVED : IIR_TIMEOUT;
    if (enabled & IER_TRANSMITTER_EMPTY && this.emptyPending) return IIR_TRANSMITTER_EMPTY;
    if (enabled & IER_MODEM_STATUS && this.modemDeltas != 0) return IIR_MODEM_STATUS;
    return IIR_NONE;
  }

  /** Moves bytes between the FIFOs and the rings. */
  exchange(): void {
    const out = serialOut(this.port);
    if (this.outgoingCount != 0 && out.fill(SERIAL_OUT_CAPACITY) < SERIAL_OUT_CAPACITY) {
      do {
        out.put(this.takeOutgoing(), SERIAL_OUT_CAPACITY);
      } while (this.outgoingCount != 0 && out.fill(SERIAL_OUT_CAPACITY) < SERIAL_OUT_CAPACITY);
      if (this.outgoingCount == 0) this.emptyPending = true;
    }
    if (this.modemControl & MCR_LOOPBACK) return;
    const incoming = serialIn(this.port);
    while (this.receivedCount < this.depth && incoming.fill(SERIAL_IN_CAPACITY) != 0)
      this.receive(incoming.take(SERIAL_IN_CAPACITY));
  }

  /** The line is held down for longer than a character: a null character, marked as a break. */
  sendBreak(): void {
    this.receive(0);
    this.upToBreak = this.receivedCount;
  }

  /** Errors of the line and of the character that is read next. */
  private get errors(): u32 {
    return this.lineErrors | (this.upToBreak == 1 ? LSR_BREAK : 0);
  }

  /** Whether bytes wait for room in the ring to the host. */
  get blocked(): bool {
    return this.outgoingCount != 0;
  }

  private receive(byte: u32): void {
    if (this.receivedCount >= this.depth) {
      this.lineErrors |= LSR_OVERRUN;
      return;
    }
    const shift = (this.receivedCount & 7) << 3;
    const cleared = ~((<u64>0xff) << shift);
    if (this.receivedCount < 8) this.received0 = (this.received0 & cleared) | ((<u64>byte) << shift);
    else this.received1 = (this.received1 & cleared) | ((<u64>byte) << shift);
    this.receivedCount++;
  }

  private takeReceived(): u32 {
    if (this.receivedCount == 0) return 0;
    const byte = <u32>(this.received0 & 0xff);
    this.received0 = (this.received0 >> 8) | (this.received1 << 56);
    this.received1 >>= 8;
    this.receivedCount--;
    if (this.upToBreak != 0) this.upToBreak--;
    return byte;
  }

  private takeOutgoing(): u32 {
    const byte = <u32>(this.outgoing0 & 0xff);
    this.outgoing0 = (this.outgoing0 >> 8) | (this.outgoing1 << 56);
    this.outgoing1 >>= 8;
    this.outgoingCount--;
    return byte;
  }

  private transmit(byte: u32): void {
    this.emptyPending = false;
    if (this.modemControl & MCR_LOOPBACK) {
      this.receive(byte);
      this.emptyPending = true;
      return;
    }
    if (this.outgoingCount < this.depth) {
      const shift = (this.outgoingCount & 7) << 3;
      const cleared = ~((<u64>0xff) << shift);
      if (this.outgoingCount < 8) this.outgoing0 = (this.outgoing0 & cleared) | ((<u64>byte) << shift);
      else this.outgoing1 = (this.outgoing1 & cleared) | ((<u64>byte) << shift);
      this.outgoingCount++;
    }
    this.exchange();
  }

  read(offset: u32): u32 {
    switch (offset) {
      case 0: {
        if (this.lineControl & LCR_DLAB) return this.divisorLow;
        const byte = this.takeReceived();
        this.exchange();
        return byte;
      }
      case 1:
        return this.lineControl & LCR_DLAB ? this.divisorHigh : this.interruptEnable;
      case 2: {
        const identity = this.identify();
        if (identity == IIR_TRANSMITTER_EMPTY) this.emptyPending = false;
        return identity | (this.fifos ? IIR_FIFOS : 0);
      }
      case 3:
        return this.lineControl;
      case 4:
        return this.modemControl;
      case 5: {
        this.exchange();
        const status =
          (this.receivedCount != 0 ? LSR_DATA_READY : 0) |
          this.errors |
          (this.outgoingCount == 0 ? LSR_HOLDING_EMPTY | LSR_TRANSMITTER_EMPTY : 0);
        this.lineErrors = 0;
        if (this.upToBreak == 1) this.upToBreak = 0;
        return status;
      }
      case 6: {
        const status = this.modemStatus() | this.modemDeltas;
        this.modemDeltas = 0;
        return status;
      }
      default:
        return this.scratch;
    }
  }

  write(offset: u32, value: u32): void {
    switch (offset) {
      case 0:
        if (this.lineControl & LCR_DLAB) this.divisorLow = value;
        else this.transmit(value);
        break;
      case 1:
        if (this.lineControl & LCR_DLAB) this.divisorHigh = value;
        else this.writeInterruptEnable(value & 15);
        break;
      case 2:
        this.writeFifoControl(value);
        break;
      case 3:
        this.lineControl = value;
        break;
      case 4:
        this.writeModemControl(value & 31);
        break;
      case 7:
        this.scratch = value;
        break;
    }
  }

  private writeInterruptEnable(value: u32): void {
    // Turning the interrupt on while THR is empty makes it wait at once.
    const turnedOn = value & ~this.interruptEnable & IER_TRANSMITTER_EMPTY;
    if (turnedOn && this.outgoingCount == 0) this.emptyPending = true;
    this.interruptEnable = value;
  }

  private writeFifoControl(value: u32): void {
    const toggles = ((value ^ this.fifoControl) & FCR_ENABLE) != 0;
    if (toggles || (value & FCR_CLEAR_RECEIVER) != 0) {
      this.receivedCount = 0;
      this.upToBreak = 0;
    }
    if (toggles || (value & FCR_CLEAR_TRANSMITTER) != 0) {
      if (this.outgoingCount != 0) this.emptyPending = true;
      this.outgoingCount = 0;
    }
    // Without bit 0 the other bits are not programmed.
    this.fifoControl = value & FCR_ENABLE ? value & 0xc9 : 0;
    this.exchange();
  }

  /** In loopback the modem inputs are the modem outputs: CTS = RTS, DSR = DTR, RI = OUT1, DCD = OUT2. */
  private modemStatus(): u32 {
    const control: u32 = this.modemControl;
    if ((control & MCR_LOOPBACK) == 0) return MSR_TERMINAL;
    return ((control & 2) << 3) | ((control & 1) << 5) | ((control & 12) << 4);
  }

  private writeModemControl(value: u32): void {
    const before = this.modemStatus();
    this.modemControl = value;
    const changed = (before ^ this.modemStatus()) >> 4;
    // RI reports its falling edge only.
    const ringEnded = before & ~this.modemStatus() & 0x40;
    this.modemDeltas |= (changed & 11) | (ringEnded ? 4 : 0);
    this.exchange();
  }
}
