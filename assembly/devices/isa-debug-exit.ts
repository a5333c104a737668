// QEMU's isa-debug-exit: a write ends the machine, with an exit code that the guest chooses. Test rigs live by it.

@final
@unmanaged
export class IsaDebugExit {
  /** First port and number of ports; no ports: not plugged in. Told by the host before power on. */
  base: u32;
  ports: u32;
  /** The code that the process ends with: always odd, so never success. */
  code: u32;

  write(value: u32): void {
    this.code = (value << 1) | 1;
  }
}
