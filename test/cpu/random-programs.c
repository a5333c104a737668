// Random integer programs, run by the processor under this program, as native vectors (test/cpu/native-vectors.ts):
// what single instructions cannot show: flags that live across instructions, branches, loops, stores over stores.
//   cc -O1 -o random-programs random-programs.c && ./random-programs SEED COUNT [ROUNDS] > FILE; npm run cpu-tests -- FILE
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define DATA 0x10000000ul
#define CODE 0x20000000ul
#define STACK 0x30000000ul
#define REGION 0x2000
#define ENTRY (CODE + 0x100)
#define DATA_USED 256
#define STACK_USED 512
#define AF 0x10
#define RF 0x10000

enum { RCX = 1, RSP = 4, RBP = 5, COUNTER = 15 };

static const int GREGS[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static uint64_t state;
static uint64_t rnd(void) { // splitmix64
  uint64_t z = (state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}
static int below(int n) { return (int)(rnd() % (uint64_t)n); }

static int rounds = 5; // of a program's loop, at most
static uint8_t code[4096];
static int length;
static void emit(uint64_t value, int bytes) {
  for (; bytes; bytes--, value >>= 8) code[length++] = (uint8_t)value;
}

// A register that a program may change: not RSP, not RBP (which points at the data), not the loop's counter.
static int any(void) {
  int r;
  do r = below(15);
  while (r == RSP || r == RBP);
  return r;
}

// Prefixes, opcode and ModRM of `op` at width 1, 2, 4 or 8; a memory operand is [RBP + n] inside the data.
static void modrm(int width, int map, int op, int reg, int rm, int memory) {
  if (width == 2) emit(0x66, 1);
  emit(0x40 | (width == 8) << 3 | (reg >> 3) << 2 | (memory ? 0 : rm >> 3), 1);
  if (map) emit(0x0f, 1);
  emit(op, 1);
  if (memory) emit(0x45 | (reg & 7) << 3, 1), emit(below(120), 1);
  else emit(0xc0 | (reg & 7) << 3 | (rm & 7), 1);
}
static int width(void) { return 1 << below(4); }
static int immediate(int w) { return w == 8 ? 4 : w; }

// After an instruction that leaves flags undefined: one that defines them all.
static void define_flags(void) { modrm(8, 0, 0x01, any(), any(), 0); }

static void instruction(void) {
  int w = width(), wide = w == 1 ? 0 : 1, memory = below(3) == 0, reg = any(), rm = any();
  int sized = w == 1 ? 4 : w; // for what has no byte form
  switch (below(20)) {
    case 0: case 1: case 2: modrm(w, 0, below(8) << 3 | wide | below(2) << 1, reg, rm, memory); break; // ADD … CMP
    case 3: modrm(w, 0, 0x80 | wide, below(8), rm, memory), emit(rnd(), immediate(w)); break;
    case 4: modrm(sized, 0, 0x83, below(8), rm, memory), emit(rnd(), 1); break;
    case 5: modrm(w, 0, 0x88 | wide | below(2) << 1, reg, rm, memory); break; // MOV
    case 6: modrm(w, 0, 0xfe | wide, below(2), rm, memory); break; // INC, DEC
    case 7: modrm(w, 0, 0xf6 | wide, 2 + below(2), rm, memory); break; // NOT, NEG
    case 8: modrm(w, 0, 0xd0 | wide, (int[]){0, 1, 2, 3, 4, 5, 7}[below(7)], rm, memory); break; // shifts by 1
    case 9: modrm(w, 0, 0xc0 | wide, (int[]){0, 1, 2, 3, 4, 5, 7}[below(7)], rm, memory), emit(below(64), 1), define_flags(); break;
    case 10: modrm(1, 1, 0x90 + below(16), 0, rm, memory); break; // SETcc
    case 11: modrm(sized, 1, 0x40 + below(16), reg, rm, memory); break; // CMOVcc
    case 12: modrm(sized, 1, (int[]){0xb6, 0xb7, 0xbe, 0xbf}[below(4)], reg, rm, memory); break; // MOVZX, MOVSX
    case 13: modrm(sized, 0, 0x8d, reg, 0, 1); break; // LEA
    case 14: modrm(w, 0, 0x86 | wide, reg, rm, memory); break; // XCHG
    case 15: modrm(w, 1, (below(2) ? 0xb0 : 0xc0) | wide, reg, rm, memory); break; // CMPXCHG, XADD
    case 16: modrm(sized, 1, 0xaf, reg, rm, memory), define_flags(); break; // IMUL
    case 17: modrm(sized, 1, 0xba, 4 + below(4), rm, memory), emit(rnd(), 1), define_flags(); break; // BT … BTC
    case 18: emit(0x40 | reg >> 3, 1), emit(0x50 | (reg & 7), 1), emit(0x40 | rm >> 3, 1), emit(0x58 | (rm & 7), 1); break; // PUSH, POP
    case 19: modrm(w, 0, 0x84 | wide, reg, rm, memory); break; // TEST
  }
}

static void program(void) {
  length = 0;
  int loop = below(2);
  if (loop) emit(0x41, 1), emit(0xb8 | (COUNTER & 7), 1), emit(1 + below(rounds), 4); // MOV R15D, rounds
  int top = length;
  for (int n = 4 + below(16); n; n--) {
    int jump = below(5) == 0 ? length : -1;
    if (jump >= 0) emit(0x70 | below(16), 1), emit(0, 1); // Jcc over the next instruction
    instruction();
    if (jump >= 0) code[jump + 1] = (uint8_t)(length - jump - 2);
  }
  if (!loop) return;
  emit(0x41, 1), emit(0xff, 1), emit(0xc8 | (COUNTER & 7), 1); // DEC R15D
  emit(0x0f, 1), emit(0x85, 1), emit(top - length - 4, 4); // JNZ top
}

struct image { uint64_t r[16], rip, flags; uint8_t data[DATA_USED], stack[STACK_USED]; };
static struct image before, after;
static volatile int phase;
static gregset_t home;

static void handler(int number, siginfo_t *info, void *context) {
  (void)info;
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  if (phase == 0) { // leave for the program
    phase = 1;
    memcpy(home, g, sizeof home);
    for (int i = 0; i < 16; i++) g[GREGS[i]] = (greg_t)before.r[i];
    g[REG_RIP] = ENTRY, g[REG_EFL] = (greg_t)before.flags;
    return;
  }
  if (number != SIGTRAP) fprintf(stderr, "a program ended with signal %d\n", number), exit(1);
  for (int i = 0; i < 16; i++) after.r[i] = (uint64_t)g[GREGS[i]];
  after.rip = (uint64_t)g[REG_RIP] - 1, after.flags = (uint64_t)g[REG_EFL];
  memcpy(g, home, sizeof home);
}

static void hex(const char *name, const uint8_t *bytes, int n) {
  printf("%s", name);
  while (n--) printf("%02x", *bytes++);
}
static int writes(const uint8_t *old, const uint8_t *new, int n, uint64_t at, int some) {
  for (int i = 0; i < n; i++) if (old[i] != new[i]) printf("%s[\"%lx\",%u]", some++ ? "," : "", at + (uint64_t)i, new[i]);
  return some;
}

static void run_case(void) {
  program();
  for (int i = 0; i < 16; i++) before.r[i] = below(2) ? rnd() : rnd() >> below(64);
  before.r[RSP] = STACK + 0x100, before.r[RBP] = DATA;
  before.flags = 0x202 | (rnd() & 0x8c5);
  for (int i = 0; i < DATA_USED; i++) before.data[i] = (uint8_t)rnd();
  for (int i = 0; i < STACK_USED; i++) before.stack[i] = (uint8_t)rnd();
  memset((void *)CODE, 0xcc, REGION);
  memcpy((void *)ENTRY, code, (size_t)length);
  memcpy((void *)DATA, before.data, DATA_USED);
  memcpy((void *)STACK, before.stack, STACK_USED);
  phase = 0;
  raise(SIGUSR1);
  memcpy(after.data, (void *)DATA, DATA_USED);
  memcpy(after.stack, (void *)STACK, STACK_USED);

  hex("{\"bytes\":\"", code, length);
  for (int i = 0; i < 16; i++) printf("%s\"%lx\"", i ? "," : "\",\"r\":[", before.r[i]);
  printf("],\"flags\":%lu,\"mem\":[\"%lx\",", before.flags, DATA);
  hex("\"", before.data, DATA_USED);
  hex("\"],\"stack\":\"", before.stack, STACK_USED);
  printf("\",\"out\":{\"signal\":0,\"rip\":\"%lx\",\"flags\":%lu,\"undefined\":%d,\"r\":{", after.rip, after.flags & ~(uint64_t)RF, AF);
  for (int i = 0, some = 0; i < 16; i++)
    if (before.r[i] != after.r[i]) printf("%s\"%d\":\"%lx\"", some++ ? "," : "", i, after.r[i]);
  printf("},\"writes\":[");
  int some = writes(before.data, after.data, DATA_USED, DATA, 0);
  writes(before.stack, after.stack, STACK_USED, STACK, some);
  printf("]}}\n");
}

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "usage: random-programs SEED COUNT [ROUNDS]\n"), 2;
  for (uint64_t at = DATA; at <= STACK; at += 0x10000000)
    if (mmap((void *)at, REGION, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)at)
      return perror("mmap"), 1;
  static uint8_t alternate[65536];
  sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = sizeof alternate}, 0);
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (int i = 0; i < 5; i++) sigaction((int[]){SIGUSR1, SIGTRAP, SIGSEGV, SIGILL, SIGBUS}[i], &action, 0);
  if (argc > 3) rounds = atoi(argv[3]);
  state = strtoull(argv[1], 0, 0);
  printf("{\"form\":\"program\",\"op\":\"\",\"prefix\":\"\"}\n");
  for (int n = atoi(argv[2]); n > 0; n--) run_case();
  return 0;
}
