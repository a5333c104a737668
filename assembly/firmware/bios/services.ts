// The BIOS behind its stubs (firmware/bios.asm): a write to FIRMWARE_PORT comes here with the service's number on top of
// the stack. A service that says "not yet" is asked again, with the same registers, when something has happened.
import { CF, MODE_PROTECTED, cpu } from "../../cpu/state";
import { peek } from "../../cpu/exec/operand";
import { setArithmeticFlags } from "../../cpu/flags";
import { bootNext, bootStep } from "./boot";
import { serveDisk } from "./disk";
import { serveKeyboard, takeScanCode } from "./keyboard";
import { ROM_SEGMENT } from "./layout";
import { takeMouseByte } from "./mouse";
import { startBios } from "./post";
import { servePrinter, serveSerial } from "./serial";
import { conventionalMemory, equipment, serveSystem } from "./system";
import { serveTime } from "./time";
import { serveVideo } from "./video";

const POST: u32 = 0;

/** Only our stubs mean us: real mode, or virtual-8086 mode, in the ROM's segment. */
export function serveFirmware(): void {
  if (cpu.mode & MODE_PROTECTED || cpu.csSelector != ROM_SEGMENT) return;
  const done = serve(peek<u16>(0));
  setArithmeticFlags(done ? 0 : CF);
}

function serve(service: u32): bool {
  switch (service) {
    case POST:
      return startBios();
    case 0x09:
      return takeScanCode();
    case 0x10:
      return serveVideo();
    case 0x11:
      return equipment();
    case 0x12:
      return conventionalMemory();
    case 0x13:
    case 0x40:
      return serveDisk();
    case 0x14:
      return serveSerial();
    case 0x15:
      return serveSystem();
    case 0x16:
      return serveKeyboard();
    case 0x17:
      return servePrinter();
    case 0x18:
      return bootNext();
    case 0x19:
      return bootStep();
    case 0x1a:
      return serveTime();
    case 0x74:
      return takeMouseByte();
    default:
      return true;
  }
}
