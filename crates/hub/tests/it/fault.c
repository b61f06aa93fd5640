/* Makes syncing or writing a database fail on demand, for a process that preloads this library.
 * While the file "$SEAWORTHY_FAULT.sync" exists, fsync and fdatasync fail with EIO; they fail once,
 * and take the file away, when it is "$SEAWORTHY_FAULT.once". While "$SEAWORTHY_FAULT.space" exists,
 * writes to database files fail with ENOSPC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int armed(const char *name) {
  const char *base = getenv("SEAWORTHY_FAULT");
  char path[4096];
  if (base == NULL || snprintf(path, sizeof path, "%s.%s", base, name) >= (int)sizeof path) return 0;
  int kept = errno;
  int found = access(path, F_OK) == 0;
  errno = kept;
  return found;
}

static int sync_fails(void) {
  if (!armed("sync")) {
    char path[4096];
    if (!armed("once")) return 0;
    snprintf(path, sizeof path, "%s.once", getenv("SEAWORTHY_FAULT"));
    unlink(path);
  }
  errno = EIO;
  return 1;
}

static int is_database(int fd) {
  char link[64], target[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) return 0;
  target[length] = 0;
  return strstr(target, ".sqlite") != NULL;
}

#define FULL(fd) (armed("space") && is_database(fd) ? (errno = ENOSPC, 1) : 0)

int fsync(int fd) {
  if (sync_fails()) return -1;
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
  if (sync_fails()) return -1;
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  if (FULL(fd)) return -1;
  return ((ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  if (FULL(fd)) return -1;
  return ((ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite"))(
      fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  if (FULL(fd)) return -1;
  return ((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"))(
      fd, bytes, count, offset);
}
