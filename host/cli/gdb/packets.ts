// Packets of the GDB remote protocol (GDB manual, "Overview" of the remote protocol): $data#checksum, acknowledged by
// + or -; a byte 03h between packets interrupts the guest.

export const INTERRUPT = "\x03";

/** Finds packets in what comes in; INTERRUPT stands for itself. */
export class PacketReader {
  private rest = "";

  constructor(private readonly acknowledge: (sign: "+" | "-") => void) {}

  push(more: string): string[] {
    this.rest += more;
    const packets: string[] = [];
    for (;;) {
      const first = this.rest[0];
      if (first === undefined) return packets;
      if (first !== "$") {
        if (first === INTERRUPT) packets.push(INTERRUPT);
        this.rest = this.rest.slice(1);
        continue;
      }
      const end = this.rest.indexOf("#");
      if (end < 0 || this.rest.length < end + 3) return packets;
      const data = this.rest.slice(1, end);
      const sound = Number.parseInt(this.rest.slice(end + 1, end + 3), 16) === checksum(data);
      this.acknowledge(sound ? "+" : "-");
      if (sound) packets.push(data);
      this.rest = this.rest.slice(end + 3);
    }
  }
}

export function packet(data: string): string {
  return `$${data}#${checksum(data).toString(16).padStart(2, "0")}`;
}

function checksum(data: string): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += data.charCodeAt(at);
  return sum & 0xff;
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
