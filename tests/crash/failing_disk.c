/*
 * A disk that fails once: the n-th call of some kinds on a file whose name has "bank.db" in it.
 * Loaded before the C library; armed from Python.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>

/* The kinds of calls. */
enum { WRITES = 1, FLUSHES = 2, TRUNCATIONS = 4, OPENINGS = 8, LOCKS = 16, UNLOCKS = 32, READS = 64 };

static long countdown = -1;
static int kinds;
static int what;
static int then;
static int fired;

/* What the calls of these kinds do after the one that failed. */
enum { GO_ON, DIE, FAIL };

/* From now on: the at-th call of these kinds fails with error, and then come the others. */
void disk_arm(long at, int of_kinds, int error, int and_then) {
    countdown = at;
    kinds = of_kinds;
    what = error;
    then = and_then;
    fired = 0;
}

/* The kind of the call that failed; 0 if there was none. */
int disk_fired(void) { return fired; }

static int named_fails(int kind, const char *name) {
    if (countdown < 0 || !(kinds & kind) || strstr(name, "bank.db") == NULL) {
        return 0;
    }
    if (fired && then == DIE) {
        kill(getpid(), SIGKILL);
    }
    if (fired ? then != FAIL : --countdown > 0) {
        return 0;
    }
    fired = kind;
    errno = what;
    return 1;
}

static int fails(int kind, int descriptor) {
    char link[64], name[4096];
    ssize_t length;
    if (countdown < 0 || !(kinds & kind)) {
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, name, sizeof name - 1);
    if (length < 0) {
        return 0;
    }
    name[length] = 0;
    return named_fails(kind, name);
}

#define FAILING(kind, result, name, parameters, arguments)                        \
    result name parameters {                                                     \
        static result(*real) parameters;                                         \
        if (real == NULL) {                                                      \
            real = (result(*) parameters)dlsym(RTLD_NEXT, #name);                \
        }                                                                        \
        return fails(kind, fd) ? -1 : real arguments;                            \
    }

FAILING(WRITES, ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size))
FAILING(WRITES, ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at),
        (fd, from, size, at))
FAILING(WRITES, ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at),
        (fd, from, size, at))
FAILING(READS, ssize_t, pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
FAILING(READS, ssize_t, pread64, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at))
FAILING(FLUSHES, int, fsync, (int fd), (fd))
FAILING(FLUSHES, int, fdatasync, (int fd), (fd))
FAILING(TRUNCATIONS, int, ftruncate, (int fd, off_t size), (fd, size))
FAILING(TRUNCATIONS, int, ftruncate64, (int fd, off64_t size), (fd, size))
FAILING(operation & LOCK_UN ? UNLOCKS : LOCKS, int, flock, (int fd, int operation),
        (fd, operation))

/* The third argument of each is there only sometimes. */
#define OPENING(name)                                                            \
    int name(const char *path, int flags, ...) {                                 \
        static int (*real)(const char *, int, ...);                              \
        va_list rest;                                                            \
        int mode;                                                                \
        if (real == NULL) {                                                      \
            real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);     \
        }                                                                        \
        va_start(rest, flags);                                                   \
        mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, int) : 0;          \
        va_end(rest);                                                            \
        return named_fails(OPENINGS, path) ? -1 : real(path, flags, mode);       \
    }

OPENING(open)
OPENING(open64)

/* Of these calls only those fail with which SQLite locks; that it unlocks cannot fail. */
#define LOCKING(name)                                                            \
    int name(int fd, int command, ...) {                                         \
        static int (*real)(int, int, ...);                                       \
        va_list rest;                                                            \
        void *argument;                                                          \
        int locks;                                                               \
        if (real == NULL) {                                                      \
            real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name);              \
        }                                                                        \
        va_start(rest, command);                                                 \
        argument = va_arg(rest, void *);                                         \
        va_end(rest);                                                            \
        locks = (command == F_SETLK || command == F_SETLKW) &&                   \
                ((struct flock *)argument)->l_type != F_UNLCK;                   \
        return locks && fails(LOCKS, fd) ? -1 : real(fd, command, argument);     \
    }

LOCKING(fcntl)
LOCKING(fcntl64)
