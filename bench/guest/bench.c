// Guest benchmark: one static program, run by the same initramfs in every emulator compared.
// Prints "BENCH name seconds" per kernel, timed by the guest's own monotonic clock, and a checksum that must
// agree everywhere. Usage: bench [scale]   (scale 1.0 = about 0.5-2 s per kernel under QEMU TCG on a 2020s
// server core)
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double scale = 1.0;
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}
static long n(double base) {
  long v = (long)(base * scale);
  return v < 1 ? 1 : v;
}

static uint32_t crc_table[256];
static void crc_init(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    crc_table[i] = c;
  }
}
static uint32_t crc32(uint32_t c, const uint8_t *p, size_t len) {
  c = ~c;
  while (len--) c = crc_table[(c ^ *p++) & 255] ^ (c >> 8);
  return ~c;
}

// Linked list walk, small matrix product, text state machine, table CRC: the mix that embedded integer suites
// use.
struct node {
  struct node *next;
  int value;
};
static uint64_t integer_mix(void) {
  enum { NODES = 512, DIM = 24 };
  static __thread struct node nodes[NODES];
  static __thread int a[DIM][DIM], b[DIM][DIM], c[DIM][DIM];
  static __thread char text[2048];
  uint64_t sum = 0;
  for (int i = 0; i < NODES; i++) {
    nodes[i].next = i + 1 < NODES ? &nodes[(i * 167 + 1) % NODES] : 0;
    nodes[i].value = i * 7;
  }
  for (int i = 0; i < DIM; i++)
    for (int j = 0; j < DIM; j++) {
      a[i][j] = i * j + 1;
      b[i][j] = i - j;
    }
  for (int i = 0; i < 2048; i++) text[i] = "0123456789+-.eE, xyz"[(i * 31 + i / 7) % 20];
  for (long r = 0, rounds = n(10000); r < rounds; r++) {
    int steps = 0;
    for (struct node *p = &nodes[r % NODES]; p && steps < 600; p = p->next, steps++) sum += p->value;
    for (int i = 0; i < DIM; i++)
      for (int j = 0; j < DIM; j++) {
        int s = 0;
        for (int k = 0; k < DIM; k++) s += a[i][k] * b[k][j];
        c[i][j] = s;
      }
    sum += c[r % DIM][(r * 3) % DIM];
    int state = 0;
    for (int i = 0; i < 2048; i++) {
      char ch = text[i];
      switch (state) {
      case 0: state = ch >= '0' && ch <= '9' ? 1 : ch == '+' || ch == '-' ? 2 : 0; break;
      case 1: state = ch == '.' ? 3 : ch == 'e' || ch == 'E' ? 4 : ch == ',' ? 0 : 1; break;
      case 2: state = ch >= '0' && ch <= '9' ? 1 : 0; break;
      case 3: state = ch == ',' ? 0 : 3; break;
      default: state = ch == ' ' ? 0 : 2;
      }
      sum += state;
    }
    sum ^= crc32(sum, (uint8_t *)text, sizeof text);
    a[r % DIM][0] ^= (int)sum & 15;
  }
  return sum;
}

#define R(x, k) (((x) >> (k)) | ((x) << (32 - (k))))
static uint64_t sha256_work(void) {
  uint32_t k[64],
      h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
      w[64];
  for (int i = 0; i < 64; i++)
    k[i] = (uint32_t)(i * 2654435761u) ^ 0x428a2f98; // the work of SHA-256, not its constants
  for (long blk = 0, blocks = n(200000); blk < blocks; blk++) {
    for (int i = 0; i < 16; i++) w[i] = (uint32_t)(blk * 16 + i) * 0x9e3779b1u;
    for (int i = 16; i < 64; i++) {
      uint32_t s0 = R(w[i - 15], 7) ^ R(w[i - 15], 18) ^ (w[i - 15] >> 3),
               s1 = R(w[i - 2], 17) ^ R(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    memcpy(v, h, 32);
    for (int i = 0; i < 64; i++) {
      uint32_t t1 = v[7] + (R(v[4], 6) ^ R(v[4], 11) ^ R(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) +
                    k[i] + w[i],
               t2 =
                   (R(v[0], 2) ^ R(v[0], 13) ^ R(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      v[7] = v[6];
      v[6] = v[5];
      v[5] = v[4];
      v[4] = v[3] + t1;
      v[3] = v[2];
      v[2] = v[1];
      v[1] = v[0];
      v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += v[i];
  }
  return h[0] ^ h[7];
}

static uint64_t memory_copy(void) {
  size_t len = 8 << 20;
  char *a = malloc(len), *b = malloc(len);
  memset(a, 1, len);
  uint64_t sum = 0;
  for (long r = 0, rounds = n(60); r < rounds; r++) {
    memcpy(b, a, len);
    memset(a, (int)r, len);
    sum += (uint8_t)b[r * 4099 % len];
  }
  free(a);
  free(b);
  return sum;
}
static uint64_t pointer_chase(void) {
  size_t count = 1 << 20;
  uint32_t *next = malloc(count * 4);
  for (size_t i = 0; i < count; i++) next[i] = (uint32_t)((i * 1664525u + 1013904223u) & (count - 1));
  uint32_t p = 0;
  for (long i = 0, rounds = n(8e6); i < rounds; i++) p = next[p];
  free(next);
  return p;
}
static uint64_t bytecode_vm(void) {
  // A tiny stack machine: the branch pattern of scripting languages.
  static const uint8_t prog[] = {0, 1, 2, 3, 4, 5, 6, 7, 1, 3, 5, 2, 4, 6, 8};
  uint64_t acc = 1, sp = 0, stack[16] = {0};
  for (long r = 0, rounds = n(2e6); r < rounds; r++)
    for (const uint8_t *pc = prog; pc < prog + sizeof prog; pc++) {
      switch (*pc) {
      case 0:
        stack[sp & 15] = acc;
        sp++;
        break;
      case 1: acc += r; break;
      case 2: acc ^= acc >> 3; break;
      case 3: acc = acc * 5 + 1; break;
      case 4:
        sp--;
        acc += stack[sp & 15];
        break;
      case 5: acc = (acc << 7) | (acc >> 57); break;
      case 6:
        if (acc & 4) acc ^= 0x55;
        break;
      case 7: acc -= sp; break;
      default: sp &= 15;
      }
    }
  return acc;
}
typedef int (*cmp_t)(const void *, const void *);
static int cmp_u32(const void *x, const void *y) {
  uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
  return a < b ? -1 : a > b;
}
static uint64_t sort_calls(void) { // indirect calls and returns
  size_t count = 100000;
  uint32_t *v = malloc(count * 4);
  uint64_t sum = 0;
  for (long r = 0, rounds = n(8); r < rounds; r++) {
    uint32_t x = (uint32_t)r + 1;
    for (size_t i = 0; i < count; i++) {
      x ^= x << 13;
      x ^= x >> 17;
      x ^= x << 5;
      v[i] = x;
    }
    qsort(v, count, 4, (cmp_t)cmp_u32);
    sum += v[count / 2];
  }
  free(v);
  return sum;
}
static __attribute__((noinline)) unsigned fib(unsigned k) { return k < 2 ? k : fib(k - 1) + fib(k - 2); }
static uint64_t recursion(void) {
  uint64_t s = 0;
  for (long r = 0, rounds = n(100); r < rounds; r++) s += fib(27 + (s & 1));
  return s;
}
static uint64_t nbody_double(void) {
  double x[5] = {0, 4.84, 8.34, 12.89, 15.37}, y[5] = {0, -1.16, 4.12, -15.11, -25.9},
         vx[5] = {0, .6, -1.01, 1.08, .97}, vy[5] = {0, 2.8, 1.8, .86, .59},
         m[5] = {39.4, .03, .011, .0017, .002};
  for (long s = 0, steps = n(400000); s < steps; s++) {
    for (int i = 0; i < 5; i++)
      for (int j = i + 1; j < 5; j++) {
        double dx = x[i] - x[j], dy = y[i] - y[j], d = dx * dx + dy * dy + .01, g = .001 / (d * sqrt(d));
        vx[i] -= dx * m[j] * g;
        vy[i] -= dy * m[j] * g;
        vx[j] += dx * m[i] * g;
        vy[j] += dy * m[i] * g;
      }
    for (int i = 0; i < 5; i++) {
      x[i] += .001 * vx[i];
      y[i] += .001 * vy[i];
    }
  }
  uint64_t bits;
  memcpy(&bits, &x[3], 8);
  return bits >> 16;
}
static uint64_t x87_extended(void) {
  volatile long double seed = 1.0000001L;
  long double a = seed, s = 0;
  for (long i = 1, rounds = n(3e6); i <= rounds; i++) {
    a = a * seed + 1.0L / i;
    s += a / (1.0L + i);
    if (s > 1e6L) s -= 1e6L;
  }
  return (uint64_t)(s * 1e6L);
}
static uint64_t float_vector(void) {
  enum { LEN = 4096 };
  static float p[LEN], q[LEN];
  for (int i = 0; i < LEN; i++) {
    p[i] = i * .25f;
    q[i] = 1.f / (i + 1);
  }
  for (long r = 0, rounds = n(30000); r < rounds; r++)
    for (int i = 0; i < LEN; i++) p[i] = p[i] * .999f + q[i];
  uint32_t b;
  memcpy(&b, &p[77], 4);
  return b;
}
static uint64_t syscalls(void) {
  uint64_t s = 0;
  for (long i = 0, rounds = n(600000); i < rounds; i++) s += syscall(SYS_getppid) >= 0;
  return s;
}
static uint64_t page_faults(void) {
  uint64_t s = 0;
  for (long r = 0, rounds = n(40); r < rounds; r++) {
    size_t len = 4 << 20;
    char *p = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < len; i += 4096) p[i] = 1;
    s += p[4096];
    munmap(p, len);
  }
  return s;
}
static uint64_t fork_exec(void) {
  uint64_t s = 0;
  for (long i = 0, rounds = n(150); i < rounds; i++) {
    pid_t c = fork();
    if (!c) {
      execl("/proc/self/exe", "bench", "--true", (char *)0);
      _exit(1);
    }
    int st;
    waitpid(c, &st, 0);
    s += WIFEXITED(st) && !WEXITSTATUS(st);
  }
  return s;
}
static uint64_t pipe_switch(void) {
  int a[2], b[2];
  if (pipe(a) || pipe(b)) return 0;
  char ch = 0;
  long rounds = n(20000);
  pid_t c = fork();
  if (!c) {
    for (long i = 0; i < rounds; i++)
      if (read(a[0], &ch, 1) != 1 || write(b[1], &ch, 1) != 1) _exit(1);
    _exit(0);
  }
  uint64_t s = 0;
  for (long i = 0; i < rounds; i++) s += write(a[1], &ch, 1) == 1 && read(b[0], &ch, 1) == 1;
  waitpid(c, 0, 0);
  return s;
}
static void *worker(void *out) {
  *(uint64_t *)out = integer_mix();
  return 0;
}
static uint64_t two_threads(void) {
  pthread_t t[2];
  uint64_t r[2];
  for (int i = 0; i < 2; i++) pthread_create(&t[i], 0, worker, &r[i]);
  for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
  return r[0] + r[1];
}
static uint64_t lock_contention(void) {
  static uint64_t counter;
  uint64_t s = 0;
  for (long i = 0, rounds = n(20e6); i < rounds; i++) s = __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
  return s;
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "--true")) return 0;
  if (argc > 1) scale = atof(argv[1]);
  const char *only = argc > 2 ? argv[2] : 0;
  crc_init();
  struct {
    const char *name;
    uint64_t (*run)(void);
  } all[] = {{"integer", integer_mix}, {"sha256", sha256_work},     {"memcpy", memory_copy},
             {"chase", pointer_chase}, {"bytecode", bytecode_vm},   {"qsort", sort_calls},
             {"fib", recursion},       {"nbody", nbody_double},     {"x87", x87_extended},
             {"vector", float_vector}, {"atomic", lock_contention}, {"syscall", syscalls},
             {"fault", page_faults},   {"fork", fork_exec},         {"pipe", pipe_switch},
             {"threads2", two_threads}};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
    if (only && strcmp(only, all[i].name)) continue;
    double t = now();
    uint64_t sum = all[i].run();
    t = now() - t;
    printf("BENCH %s %.3f %016llx\n", all[i].name, t, (unsigned long long)sum);
    fflush(stdout);
  }
  return 0;
}
