/*
 * A disk that fails once: the n-th write, flush or truncation of a file whose name has "bank.db"
 * in it. Loaded before the C library; armed from Python.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long countdown = -1;
static int what;
static int dies;
static int fired;

/* From now on: the at-th call fails with error; with then_die the next call kills the process. */
void disk_arm(long at, int error, int then_die) {
    countdown = at;
    what = error;
    dies = then_die;
    fired = 0;
}

int disk_fired(void) { return fired; }

static int fails(int descriptor) {
    char link[64], name[4096];
    ssize_t length;
    if (countdown < 0) {
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, name, sizeof name - 1);
    if (length < 0) {
        return 0;
    }
    name[length] = 0;
    if (strstr(name, "bank.db") == NULL) {
        return 0;
    }
    if (fired && dies) {
        kill(getpid(), SIGKILL);
    }
    if (fired || --countdown > 0) {
        return 0;
    }
    fired = 1;
    errno = what;
    return 1;
}

#define FAILING(result, name, parameters, arguments)                              \
    result name parameters {                                                     \
        static result(*real) parameters;                                         \
        if (real == NULL) {                                                      \
            real = (result(*) parameters)dlsym(RTLD_NEXT, #name);                \
        }                                                                        \
        return fails(fd) ? -1 : real arguments;                                  \
    }

FAILING(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size))
FAILING(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
FAILING(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at),
        (fd, from, size, at))
FAILING(int, fsync, (int fd), (fd))
FAILING(int, fdatasync, (int fd), (fd))
FAILING(int, ftruncate, (int fd, off_t size), (fd, size))
FAILING(int, ftruncate64, (int fd, off64_t size), (fd, size))
