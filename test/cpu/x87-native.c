// Runs x87 instructions on the processor it stands on and prints what they did, as binary records that
// x87-native.test.ts reads. Usage: x87-native SEED CASES-PER-INSTRUCTION [portable]
// `portable` leaves out what processors of different makers answer differently: unmasked exceptions, and encodings
// that the manuals list as reserved.
//
//   +0    instruction length u8, then its bytes; a memory operand is [rsi]
//   +16   EFLAGS before u32, after u32
//   +24   state before: FCW, FSW, abridged FTW, 0 (u16 each), ST0 … ST7 of 10 bytes each
//   +112  state after
//   +200  128 bytes of memory before, +328 after
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct image { uint16_t fcw, fsw; uint8_t ftw, reserved; uint16_t fop; uint64_t fip, fdp; uint32_t mxcsr, mask; uint8_t st[8][16], xmm[16][16], rest[96]; };
static struct image in __attribute__((aligned(16))), out __attribute__((aligned(16)));
static uint8_t memory[128] __attribute__((aligned(64))), *code;

static uint64_t seed;
static uint64_t rnd(void) { seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17; return seed * 0x2545f4914f6cdd1dull; }
static uint64_t bits(void) { switch (rnd() % 6) { case 0: return rnd(); case 1: return 0; case 2: return ~0ull; case 3: return rnd() << (rnd() & 63); case 4: return ~0ull << (rnd() & 63); default: return 1ull << (rnd() & 63) | (rnd() & 3); } }

/** Extended values: mostly ordinary numbers near one another, then every odd kind. */
static void extended(uint8_t *to) {
  uint64_t mantissa = bits() | 1ull << 63; uint16_t exponent;
  switch (rnd() % 20) {
    case 0: exponent = 0; if (rnd() & 1) mantissa = bits() >> (rnd() % 64); break;
    case 1: exponent = 0; mantissa = 0; break;
    case 2: exponent = 0x7fff; if (rnd() & 1) mantissa = 1ull << 63; break;
    case 3: exponent = rnd() & 0x7fff; mantissa = bits(); break;
    case 4: exponent = 1 + rnd() % 70; break;
    case 5: exponent = 0x7ffe - rnd() % 70; break;
    case 6: exponent = 16383 - 1024 - rnd() % 60; break;
    case 7: exponent = 16383 + 1023 - rnd() % 4 + rnd() % 4; break;
    case 8: exponent = 16383 - 127 - rnd() % 30 + rnd() % 4; break;
    case 9: exponent = 16383 + 127 - rnd() % 4 + rnd() % 4; break;
    case 10: exponent = 16383 + 55 + rnd() % 12; break;
    case 11: exponent = 16383 + rnd() % 34; break;
    case 12: exponent = 16383 - 70 + rnd() % 140; break;
    default: exponent = 16383 - 5 + rnd() % 10; break;
  }
  exponent |= rnd() << 15; memcpy(to, &mantissa, 8); memcpy(to + 8, &exponent, 2);
}
static void state(const struct image *s) { uint16_t w[4] = {s->fcw, s->fsw, s->ftw, 0}; fwrite(w, 2, 4, stdout); for (int i = 0; i < 8; i++) fwrite(s->st[i], 1, 10, stdout); }

static void run(const uint8_t *insn, int length, int kind, int portable) {
  uint8_t record[24] = {0}; uint64_t flags = 2 | (rnd() & 0x8d5), after;
  memset(&in, 0, sizeof in); in.mxcsr = 0x1f80;
  in.fcw = 0x40 | (rnd() % 3 ? 0x300 : (rnd() % 3 + (rnd() % 3 ? 2 : 0)) << 8 & 0x300) | (rnd() & 3) << 10 | (portable || rnd() % 2 ? 0x3f : rnd() & 0x3f);
  if ((in.fcw & 0x300) == 0x100) in.fcw |= 0x300; // precision 01 is reserved
  in.fsw = (rnd() & 7) << 11 | (rnd() & 0x4700) | (rnd() % 4 ? 0 : rnd() & in.fcw & 0x3f);
  in.ftw = rnd() % 6 ? 0xff : rnd(); if (length >= 1 && kind == 'L') in.ftw = rnd() % 6 ? in.ftw & ~(1 << ((in.fsw >> 11) - 1 & 7)) : rnd();
  for (int i = 0; i < 8; i++) extended(in.st[i]);
  for (int i = 0; i < 128; i += 8) { uint64_t v = bits(); memcpy(memory + i, &v, 8); }
  uint64_t value = bits(); uint32_t single = (uint32_t)value;
  switch (kind == 'L' ? insn[0] == 0xd9 ? 's' : insn[0] == 0xdd ? 'd' : insn[1] == 0x26 ? 'b' : 'x' : kind) {
    case 's': single = (single & 0x807fffff) | (uint32_t)(rnd() % 3 ? 127 - 4 + rnd() % 8 : rnd() % 3 ? rnd() & 0xff : rnd() & 1 ? 0xff : 0) << 23; if (rnd() % 12 == 0) single &= ~0x7fffffu; memcpy(memory, &single, 4); break;
    case 'd': value = (value & ~(0x7ffull << 52)) | (uint64_t)(rnd() % 3 ? 1023 - 4 + rnd() % 8 : rnd() % 3 ? rnd() & 0x7ff : rnd() & 1 ? 0x7ff : 0) << 52; if (rnd() % 12 == 0) value &= ~0ull << 52; memcpy(memory, &value, 8); break;
    case 'x': extended(memory); break;
    case 'b': for (int i = 0; i < 10; i++) memory[i] = i == 9 ? rnd() & 0x80 : rnd() % 10 << 4 | rnd() % 10; break;
    case 'e': case 'f': { // an environment or a whole state: what an unmasked pending exception would do is tested elsewhere
      uint16_t control = rnd() | 0x3f; if ((control & 0x300) == 0x100) control |= 0x200; memcpy(memory, &control, 2);
      int start = kind == 'e' ? 0 : insn[0] == 0x66 ? 14 : 28; if (start) for (int i = 0; i < 8; i++) extended(memory + start + 10 * i);
      break; }
    case 'c': { uint16_t control = rnd(); if ((control & 0x300) == 0x100) control |= 0x200; memcpy(memory, &control, 2); break; }
  }
  record[0] = length; memcpy(record + 1, insn, length); memcpy(code, insn, length); code[length] = 0xc3;
  uint8_t before[128]; memcpy(before, memory, 128);
  __asm__ volatile("fxrstor %2\n pushq %3\n popfq\n call *%4\n pushfq\n popq %0\n fxsave %1\n fninit\n cld"
    : "=&r"(after), "=m"(out) : "m"(in), "r"(flags), "r"(code), "S"(memory) : "rax", "memory", "cc");
  // AX is FNSTSW's destination; the image's status word says the same, so it is not recorded.
  uint32_t f[2] = {(uint32_t)flags, (uint32_t)after & 0x8d5}; memcpy(record + 16, f, 8);
  fwrite(record, 1, 24, stdout); state(&in); state(&out); fwrite(before, 1, 128, stdout); fwrite(memory, 1, 128, stdout);
}

int main(int argc, char **argv) {
  if (argc < 3) { fprintf(stderr, "usage: x87-native SEED CASES-PER-INSTRUCTION [portable]\n"); return 2; }
  seed = strtoull(argv[1], 0, 0) * 0x9e3779b97f4a7c15ull | 1; int cases = atoi(argv[2]), portable = argc > 3;
  code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) { perror("mmap"); return 1; }
  // Memory forms, by opcode and ModRM.reg: s single, d double, x extended, b BCD, i integer, e environment, f full state, c control word, L load; '-' invalid.
  static const char *const forms[8] = {"ssssssss", "L-sseci-", "iiiiiiii", "LLii-L-x", "dddddddd", "LLddf-fi", "iiiiiiii", "LLiiLLbi"};
  for (int op = 0; op < 8; op++) for (int reg = 0; reg < 8; reg++) {
    int kind = forms[op][reg]; if (kind == '-') continue;
    if (op == 1 && reg == 6) kind = 'i'; // FNSTENV
    if (op == 1 && reg == 7) kind = 'i';
    for (int n = 0; n < cases; n++) { uint8_t insn[3] = {0x66, 0xd8 + op, reg << 3 | 6}; int prefixed = op == 1 && (reg == 4 || reg == 6) || op == 5 && (reg == 4 || reg == 6) ? rnd() & 1 : 0; run(insn + !prefixed, 2 + prefixed, kind == 'b' ? 'i' : kind, portable); }
  }
  for (int op = 0; op < 8; op++) for (int rest = 0; rest < 64; rest++) {
    int reg = rest >> 3; uint8_t insn[2] = {0xd8 + op, 0xc0 | rest};
    if (op == 1 && (rest == 0x22 || rest == 0x23 || rest == 0x26 || rest == 0x27 || rest == 0x2f || (rest > 0x10 && rest < 0x18))) continue;
    if (op == 2 && reg >= 4 && rest != 0x29) continue;
    if (op == 3 && (rest == 0x20 || rest == 0x21 || rest >= 0x24 && rest < 0x28 || reg == 7)) continue;
    if (op == 5 && reg >= 6) continue;
    if (op == 6 && reg == 3 && rest != 0x19) continue;
    if (op == 7 && (reg == 4 || reg == 7)) continue;
    if (portable && (op == 1 && reg == 3 || op == 4 && (reg == 2 || reg == 3) || op == 5 && reg == 1 || op == 6 && reg == 2 || op == 7 && reg < 4)) continue;
    int single = op == 1 && rest >= 0x20; // D9 E0 … FF: one instruction each
    // Of the functions that approximate, unmasked exceptions would make one unit a different answer.
    int approximate = op == 1 && (rest >= 0x30 && rest < 0x34 || rest == 0x39 || rest == 0x3b || rest >= 0x3e);
    for (int n = 0; n < (single ? cases : (cases + 3) / 4); n++) run(insn, 2, op == 1 && reg < 1 || op == 1 && reg == 5 ? 'L' : 'r', portable || approximate);
  }
  return 0;
}
