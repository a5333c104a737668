// Motorola MC146818 real-time clock (data sheet ADI1039) with 128 bytes of CMOS RAM.
//
//   offset 0  write: index (bit 7 belongs to the NMI gate)      offset 1  data
//
//   00-05 seconds, minutes, hours, each with its alarm   0A  UIP 7 | divider 6-4 | rate 3-0
//   06    weekday, 1 = Sunday                            0B  SET PIE AIE UIE SQWE DM 24/12 DSE
//   07-09 day, month, year                               0C  IRQF PF AF UF
//   32    century                                        0D  VRT
import { NANOSECONDS, NEVER } from "../machine/clock";
import { daysToDate, dateToDays } from "./calendar";
import { ticksAt, timeOfTick } from "./ticks";

const SECONDS: u32 = 0x00;
const SECONDS_ALARM: u32 = 0x01;
const MINUTES: u32 = 0x02;
const MINUTES_ALARM: u32 = 0x03;
const HOURS: u32 = 0x04;
const HOURS_ALARM: u32 = 0x05;
const WEEKDAY: u32 = 0x06;
const DAY: u32 = 0x07;
const MONTH: u32 = 0x08;
const YEAR: u32 = 0x09;
const REGISTER_A: u32 = 0x0a;
const REGISTER_B: u32 = 0x0b;
const REGISTER_C: u32 = 0x0c;
const REGISTER_D: u32 = 0x0d;
const CENTURY: u32 = 0x32;

const A_UPDATE_IN_PROGRESS: u32 = 1 << 7;
const A_DIVIDER_ON: u32 = 2 << 4;
const B_SET: u32 = 1 << 7;
const B_PERIODIC: u32 = 1 << 6;
const B_ALARM: u32 = 1 << 5;
const B_UPDATE_ENDED: u32 = 1 << 4;
const B_BINARY: u32 = 1 << 2;
const B_24_HOURS: u32 = 1 << 1;
const C_INTERRUPT: u32 = 1 << 7;
const D_VALID: u32 = 1 << 7;

const HOURS_PM: u32 = 1 << 7;
/** Alarm values of C0h and above match anything. */
const ALARM_ANY: u32 = 0xc0;

const CRYSTAL: u64 = 32_768;
/** UIP rises 244 µs before the update, which takes 1984 µs (data sheet, table 5). */
const UPDATE_LEAD: u64 = 244_000 + 1_984_000;
const SECONDS_A_DAY: i64 = 86_400;

export const CMOS_SIZE: usize = 128;

@final
@unmanaged
export class Mc146818 {
  /** Unix seconds when the registers were last brought up to date. */
  private updatedAt: i64;
  /** What the guest's clock is ahead of the host's, in seconds. */
  private ahead: i64;
  /** Unix time of virtual time 0, in ns. */
  private epoch: u64;
  /** Periods of the periodic interrupt that have passed. */
  private periods: u64;
  private index: u32;
  // The 128 bytes of RAM follow the struct: see RTC_SIZE.

  private cell(index: u32): usize {
    return changetype<usize>(this) + offsetof<Mc146818>() + <usize>index;
  }

  private get(index: u32): u32 {
    return load<u8>(this.cell(index));
  }

  private set(index: u32, value: u32): void {
    store<u8>(this.cell(index), <u8>value);
  }

  get powered(): bool {
    return this.get(REGISTER_D) != 0;
  }

  /** Power on: the battery has kept the time, the RAM is what the board stores next. */
  powerOn(epoch: u64, now: u64): void {
    memory.fill(this.cell(0), 0, CMOS_SIZE);
    this.epoch = epoch;
    this.ahead = 0;
    this.index = 0;
    this.set(REGISTER_A, A_DIVIDER_ON | 6);
    this.set(REGISTER_B, B_24_HOURS);
    this.set(REGISTER_D, D_VALID);
    this.updatedAt = this.unixSeconds(now);
    this.periods = 0;
    this.showTime();
  }

  /** The RESET pin clears what could interrupt; time and RAM stay (data sheet, "RESET"). */
  reset(): void {
    this.set(REGISTER_B, this.get(REGISTER_B) & (B_SET | B_BINARY | B_24_HOURS | 1));
    this.set(REGISTER_C, 0);
    this.index = 0;
  }

  /** Virtual time 0 is `epoch` from now on, in Unix time in ns: the time shown follows as it does in a second's step. */
  countFrom(epoch: u64): void {
    this.epoch = epoch;
  }

  /** A byte of CMOS RAM, as the maker's set-up program would store it. */
  store(index: u32, value: u32): void {
    this.set(index, value);
  }

  /** The IRQ pin. */
  get irq(): bool {
    return (this.get(REGISTER_C) & C_INTERRUPT) != 0;
  }

  private unixSeconds(now: u64): i64 {
    return <i64>((this.epoch + now) / NANOSECONDS) + this.ahead;
  }

  private get stopped(): bool {
    // SET, or a divider chain held in reset (A bits 6-4 = 11x).
    return (this.get(REGISTER_B) & B_SET) != 0 || (this.get(REGISTER_A) & 0x60) == 0x60;
  }

  /** Ticks of the crystal in a period, 0 when none is chosen (data sheet, table 5). */
  private get periodTicks(): u64 {
    const rate = this.get(REGISTER_A) & 15;
    if (rate == 0) return 0;
    return 1 << ((rate < 3 ? rate + 7 : rate) - 1);
  }

  private raise(flag: u32): void {
    const flags = this.get(REGISTER_C) | flag;
    const enabled = this.get(REGISTER_B) & (B_PERIODIC | B_ALARM | B_UPDATE_ENDED);
    this.set(REGISTER_C, flags & enabled ? flags | C_INTERRUPT : flags);
  }

  /** Brings registers and flags up to `now`. */
  advance(now: u64): void {
    const ticks = this.periodTicks;
    if (ticks != 0) {
      const periods = ticksAt(now, CRYSTAL) / ticks;
      if (periods != this.periods) this.raise(B_PERIODIC);
      this.periods = periods;
    }
    const second = this.unixSeconds(now);
    if (second == this.updatedAt) return;
    if (this.stopped) {
      // Time stands still: the host's runs on without it.
      this.ahead -= second - this.updatedAt;
      return;
    }
    const alarm = this.alarmBetween(this.updatedAt, second);
    this.updatedAt = second;
    this.showTime();
    if (alarm) this.raise(B_ALARM);
    this.raise(B_UPDATE_ENDED);
  }

  /** Whether the alarm falls in one of the seconds after `from` up to `to`. */
  private alarmBetween(from: i64, to: i64): bool {
    const next = this.nextAlarm(from);
    return next != i64.MAX_VALUE && next <= to;
  }

  /** The first second after `from` that the alarm matches; MAX_VALUE if it never does. */
  private nextAlarm(from: i64): i64 {
    const hours = this.get(HOURS_ALARM);
    const hour: i64 =
      hours >= ALARM_ANY && (this.get(REGISTER_B) & B_24_HOURS) != 0 ? -1 : this.decodeHours(hours);
    const minute: i64 = this.get(MINUTES_ALARM) >= ALARM_ANY ? -1 : this.decode(this.get(MINUTES_ALARM));
    const second: i64 = this.get(SECONDS_ALARM) >= ALARM_ANY ? -1 : this.decode(this.get(SECONDS_ALARM));
    if (hour > 23 || minute > 59 || second > 59) return i64.MAX_VALUE;
    // Two days of minutes at most; within the matching minute one second.
    let time = from + 1;
    for (let steps = 0; steps < 3000; steps++) {
      const inDay = floorModulo(time, SECONDS_A_DAY);
      const inMinute = inDay % 60;
      const fits = (hour < 0 || inDay / 3600 == hour) && (minute < 0 || (inDay / 60) % 60 == minute);
      if (fits && second < 0) return time;
      if (fits && second >= inMinute) return time + second - inMinute;
      time += 60 - inMinute;
    }
    return i64.MAX_VALUE;
  }

  /** When the IRQ pin could rise next. */
  deadline(now: u64): u64 {
    const enabled = this.get(REGISTER_B);
    let deadline = NEVER;
    const ticks = this.periodTicks;
    if (enabled & B_PERIODIC && ticks != 0)
      deadline = timeOfTick((ticksAt(now, CRYSTAL) / ticks + 1) * ticks, CRYSTAL);
    if (this.stopped) return deadline;
    if (enabled & B_UPDATE_ENDED) deadline = min(deadline, this.timeOf(this.updatedAt + 1));
    if (enabled & B_ALARM) {
      const alarm = this.nextAlarm(this.updatedAt);
      if (alarm != i64.MAX_VALUE) deadline = min(deadline, this.timeOf(alarm));
    }
    return deadline;
  }

  /** Virtual time of a second on the guest's clock. */
  private timeOf(second: i64): u64 {
    return <u64>(second - this.ahead) * NANOSECONDS - this.epoch;
  }

  private encode(value: u32): u32 {
    return this.get(REGISTER_B) & B_BINARY ? value : ((value / 10) << 4) | (value % 10);
  }

  private decode(value: u32): u32 {
    return this.get(REGISTER_B) & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
  }

  private encodeHours(hours: u32): u32 {
    if (this.get(REGISTER_B) & B_24_HOURS) return this.encode(hours);
    return this.encode(((hours + 11) % 12) + 1) | (hours >= 12 ? HOURS_PM : 0);
  }

  private decodeHours(value: u32): u32 {
    if (this.get(REGISTER_B) & B_24_HOURS) return this.decode(value);
    return (this.decode(value & ~HOURS_PM) % 12) + (value & HOURS_PM ? 12 : 0);
  }

  /** Writes `updatedAt` into the time registers. */
  private showTime(): void {
    const inDay = <u32>floorModulo(this.updatedAt, SECONDS_A_DAY);
    const days = (this.updatedAt - inDay) / SECONDS_A_DAY;
    const date = daysToDate(<i32>days);
    const year = date >> 9;
    this.set(SECONDS, this.encode(inDay % 60));
    this.set(MINUTES, this.encode((inDay / 60) % 60));
    this.set(HOURS, this.encodeHours(inDay / 3600));
    this.set(WEEKDAY, <u32>floorModulo(days + 4, 7) + 1); // 1 January 1970 was a Thursday
    this.set(DAY, this.encode(date & 31));
    this.set(MONTH, this.encode((date >> 5) & 15));
    this.set(YEAR, this.encode(year % 100));
    this.set(CENTURY, this.encode(year / 100));
  }

  /** Takes the time that the guest has written into the registers. */
  private takeTime(): void {
    const year = this.decode(this.get(CENTURY)) * 100 + this.decode(this.get(YEAR));
    const days = dateToDays(year, this.decode(this.get(MONTH)), this.decode(this.get(DAY)));
    const seconds =
      this.decodeHours(this.get(HOURS)) * 3600 +
      this.decode(this.get(MINUTES)) * 60 +
      this.decode(this.get(SECONDS));
    const time = <i64>days * SECONDS_A_DAY + seconds;
    this.ahead += time - this.updatedAt;
    this.updatedAt = time;
  }

  read(offset: u32, now: u64): u32 {
    if (offset == 0) return 0xff;
    this.advance(now);
    const value = this.get(this.index);
    switch (this.index) {
      case REGISTER_A: {
        const inSecond = (this.epoch + now) % NANOSECONDS;
        return !this.stopped && inSecond >= NANOSECONDS - UPDATE_LEAD ? value | A_UPDATE_IN_PROGRESS : value;
      }
      case REGISTER_C:
        this.set(REGISTER_C, 0);
        return value;
      default:
        return value;
    }
  }

  write(offset: u32, value: u32, now: u64): void {
    if (offset == 0) {
      this.index = value & 0x7f;
      return;
    }
    this.advance(now);
    const index: u32 = this.index;
    switch (index) {
      case REGISTER_A: {
        this.set(REGISTER_A, value & ~A_UPDATE_IN_PROGRESS);
        const ticks = this.periodTicks;
        if (ticks != 0) this.periods = ticksAt(now, CRYSTAL) / ticks;
        break;
      }
      case REGISTER_B:
        // SET also switches update-ended interrupts off (data sheet, "SET").
        this.set(REGISTER_B, value & B_SET ? value & ~B_UPDATE_ENDED : value);
        this.raise(0);
        break;
      case REGISTER_C:
      case REGISTER_D:
        break;
      default:
        this.set(index, value);
        if (
          (index <= YEAR && index != WEEKDAY && (index & 1) == 0) ||
          (index >= DAY && index <= YEAR) ||
          index == CENTURY
        )
          this.takeTime();
    }
  }
}

export const RTC_SIZE: usize = offsetof<Mc146818>() + CMOS_SIZE;

function floorModulo(value: i64, modulus: i64): i64 {
  const remainder = value % modulus;
  return remainder < 0 ? remainder + modulus : remainder;
}
