// The benchmark guest's first process. The kernel's command line says how much: bench.scale=F bench.only=NAME.
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

// Copies the value of `key=` in the kernel's command line, if it is there.
static void option(const char *line, const char *key, char *value, size_t size) {
  const char *at = strstr(line, key);
  if (at) {
    at += strlen(key);
    snprintf(value, size, "%.*s", (int)strcspn(at, " \n"), at);
  }
}

int main(void) {
  char line[4096] = "", scale[32] = "1", only[32] = "";
  mount("proc", "/proc", "proc", 0, 0);
  FILE *file = fopen("/proc/cmdline", "r");
  if (!file || !fgets(line, sizeof line, file)) puts("BENCH-WARNING no command line");
  option(line, "bench.scale=", scale, sizeof scale);
  option(line, "bench.only=", only, sizeof only);
  puts("BENCH-START");
  fflush(stdout);
  if (!fork()) {
    execl("/bin/bench", "bench", scale, only[0] ? only : NULL, (char *)NULL);
    _exit(1);
  }
  wait(NULL);
  puts("BENCH-DONE");
  fflush(stdout);
  sync();
  reboot(RB_POWER_OFF);
  for (;;) pause();
}
