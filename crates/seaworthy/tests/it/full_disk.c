/* Loaded before libc: while the file named by FULL_DISK_FLAG exists, writing to any file below the
 * folder FULL_DISK_FOLDER fails as on a disk that is full. Everything else goes to the kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int full(int descriptor) {
    const char *flag = getenv("FULL_DISK_FLAG"), *folder = getenv("FULL_DISK_FOLDER");
    char link[64], path[4096];
    if (flag == NULL || folder == NULL || access(flag, F_OK) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = '\0';
    return strncmp(path, folder, strlen(folder)) == 0;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (full(descriptor)) { errno = ENOSPC; return -1; }
    return syscall(SYS_write, descriptor, bytes, count);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (full(descriptor)) { errno = ENOSPC; return -1; }
    return syscall(SYS_writev, descriptor, parts, count);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    if (full(descriptor)) { errno = ENOSPC; return -1; }
    return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}
