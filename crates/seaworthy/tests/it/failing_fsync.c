/* Loaded before libc: while the file named by FAILING_FSYNC exists, syncing a file fails as a dying
 * disk makes it fail. Everything else goes to the kernel untouched. */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refused(void) {
    const char *flag = getenv("FAILING_FSYNC");
    return flag != NULL && access(flag, F_OK) == 0;
}

int fsync(int descriptor) {
    if (refused()) { errno = EIO; return -1; }
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    if (refused()) { errno = EIO; return -1; }
    return (int)syscall(SYS_fdatasync, descriptor);
}
