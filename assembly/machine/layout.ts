// Linear-memory map of the machine engine: every address is the one before plus its size, guest RAM last.
// Pure constant expressions, so that a view at an address folds to constants (no start function).
//
//   0          static data (opcode tables, written by the compiler)
//   CPU_AT     the running vCPU: registers, x87, vectors, then its TLB: one block, copied whole on a vCPU switch
//   CHIPS_AT   the chips, each an unmanaged struct in its socket
//   RINGS_AT   what crosses to the host: serial bytes, disk requests
//   FIRMWARE_AT  our firmware's own state
//   CODE_AT    decoded instructions, keyed by physical page
//   JIT_AT     the translator's workshop
//   ROM_AT     firmware, and the display adapter's expansion ROM
//   VRAM_AT    video memory
//   RAM_AT     guest physical memory, address 0 first
//
// The machine's state is CPU_AT up to CODE_AT and CONFIGURATION_ITEMS_AT up to the end of RAM: all but static data, what
// is derived, and what belongs to debuggers (INSPECT_AT up to DEBUGGER_END). Mutable globals hold nothing between two
// slices but the bookkeeping of CODE_AT and JIT_AT.

export const PAGE_SIZE: usize = 4096;

export const CPU_AT: usize = 0x40000;
export const CPU_SIZE: usize = 0x800; // registers and control state, cpu/state.ts
/** The end of that: two vector operands of the running instruction, where they must be addressed by element. */
export const VECTOR_SCRATCH_AT: usize = CPU_AT + CPU_SIZE - 32;
export const X87_AT: usize = CPU_AT + CPU_SIZE;
export const X87_SIZE: usize = 0x100; // eight registers of 16 bytes, then the control words, cpu/x87-state.ts
export const VECTORS_AT: usize = X87_AT + X87_SIZE;
export const VECTORS_SIZE: usize = 16 * 32; // YMM0-15, 32 bytes each, the XMM half first
export const TLB_AT: usize = VECTORS_AT + VECTORS_SIZE;
export const TLB_SET_SIZE: usize = 512 * 32; // 512 entries of 32 bytes, memory/tlb.ts
export const TLB_SIZE: usize = TLB_SET_SIZE * 2; // supervisor, then user
export const CPU_END: usize = TLB_AT + TLB_SIZE;

export const VCPUS_MAX: u32 = 8;
/** Where the vCPUs that are not running keep their block. */
export const PARKED_AT: usize = CPU_END;
export const PARKED_SIZE: usize = (CPU_END - CPU_AT) * <usize>VCPUS_MAX;

/** The board's own facts: RAM size, write-protected ranges (memory/physical.ts), virtual time (machine/clock.ts). */
export const BOARD_AT: usize = PARKED_AT + PARKED_SIZE;
export const BOARD_SIZE: usize = 0x200;
/** Room for what lives only during one instruction. */
export const SCRATCH_AT: usize = BOARD_AT + 0x100;
export const SCRATCH_SIZE: usize = 0x100;
export const CHIPS_AT: usize = (BOARD_AT + BOARD_SIZE + 63) & ~63;
export const CHIPS_SIZE: usize = 0x40000; // the sockets inside: machine/board.ts

export const RINGS_AT: usize = CHIPS_AT + CHIPS_SIZE;
export const RINGS_SIZE: usize = 0x80000; // the rings inside: rings/

/** What our firmware remembers between two of its services (firmware/bios/layout.ts). */
export const FIRMWARE_AT: usize = RINGS_AT + RINGS_SIZE;
export const FIRMWARE_SIZE: usize = 0x20000;

export const CODE_AT: usize = FIRMWARE_AT + FIRMWARE_SIZE;
export const CODE_HASH_AT: usize = CODE_AT; // u32 block address by hash of (physical address, mode)
export const CODE_HASH_ENTRIES: u32 = 0x10000;
export const CODE_PAGES_AT: usize = CODE_HASH_AT + <usize>CODE_HASH_ENTRIES * 4; // u32 by physical page: its first block
export const CODE_PAGES_SIZE: usize = 0x100000 * 4;
export const CODE_BLOCKS_AT: usize = CODE_PAGES_AT + CODE_PAGES_SIZE;
export const CODE_BLOCKS_SIZE: usize = 0x2000000;

/** The translator's workshop: the region in work and its wasm module (jit/). */
export const JIT_AT: usize = CODE_BLOCKS_AT + CODE_BLOCKS_SIZE;
export const JIT_NODES_AT: usize = JIT_AT;
export const JIT_NODES_SIZE: usize = 0x8000; // nodes as found, their pages, a work list: jit/region.ts
export const JIT_GRAPH_AT: usize = JIT_NODES_AT + JIT_NODES_SIZE;
export const JIT_GRAPH_SIZE: usize = 0x8000; // the nodes in order, jit/graph.ts
export const JIT_INSN_AT: usize = JIT_GRAPH_AT + JIT_GRAPH_SIZE; // one instruction that the interpreter runs, and its end
export const JIT_VECTOR_AT: usize = JIT_INSN_AT + 0x40; // operands of vector code on its way through the core
export const JIT_REGIONS_MAX: u32 = 16384; // regions that may live at a time, jit/regions.ts
export const JIT_REGIONS_AT: usize = JIT_VECTOR_AT + 0x20;
export const JIT_REGION_SIZE: usize = 176;
export const JIT_REGION_PAGES_AT: usize = JIT_REGIONS_AT + JIT_REGION_SIZE * <usize>JIT_REGIONS_MAX;
export const JIT_REGION_PAGES: u32 = 4096; // lists of regions, by hash of a physical page
export const JIT_BODY_AT: usize = JIT_REGION_PAGES_AT + 4 * <usize>JIT_REGION_PAGES;
export const JIT_BODY_SIZE: usize = 0x40000;
export const JIT_MODULE_AT: usize = JIT_BODY_AT + JIT_BODY_SIZE;
export const JIT_MODULE_SIZE: usize = JIT_BODY_SIZE + 0x1000;
export const JIT_STATS_AT: usize = JIT_MODULE_AT + JIT_MODULE_SIZE; // u64 counters, jit/stats.ts
export const JIT_STATS_COUNTERS: u32 = 2560; // a few, then one for each operation

/** A TLB set that never holds anything, for accesses each of which must be looked at (cpu/state.ts: setCpl). */
export const EMPTY_TLB_AT: usize = (JIT_STATS_AT + 8 * <usize>JIT_STATS_COUNTERS + 63) & ~63;

/** What the firmware configuration device has to tell (firmware/configuration.ts): a table of items, then the items. */
export const CONFIGURATION_ITEMS_AT: usize = EMPTY_TLB_AT + TLB_SET_SIZE;
export const CONFIGURATION_AT: usize = CONFIGURATION_ITEMS_AT + 0x480;
export const CONFIGURATION_SIZE: usize = 0x2c000;
/** What the user has the guest told (firmware/told.ts). */
export const TOLD_AT: usize = CONFIGURATION_AT + CONFIGURATION_SIZE;
export const TOLD_SIZE: u32 = 0x4_0000;

/** The firmware's ROM ends where this does, as it ends at 4 GiB: its size is the image's, up to this. */
export const ROM_AT: usize = (TOLD_AT + <usize>TOLD_SIZE + 0xffff) & ~0xffff;
export const ROM_SIZE: u32 = 0x40_0000;
export const VIDEO_ROM_AT: usize = ROM_AT + <usize>ROM_SIZE;
export const VIDEO_ROM_SIZE: u32 = 0x1_0000;

/** Video memory: the frame buffer of the display adapter. */
export const VRAM_AT: usize = VIDEO_ROM_AT + <usize>VIDEO_ROM_SIZE;
export const VRAM_SIZE: u32 = 0x100_0000;

/** Guest physical address 0. */
export const RAM_AT: usize = VRAM_AT + <usize>VRAM_SIZE;
