/*
 * Descriptors that are watched: a write, truncation, flush or close by SQLite of a file that is
 * not one of the store's, a write of the program into one of the store's, and a close of what is
 * closed already, each give a line in the report. Loaded before the C library; the directory of
 * the store and the report are in BANKCORE_WATCHED and BANKCORE_WATCHED_REPORT.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static const char *directory, *report;

__attribute__((constructor)) static void begin(void) {
    directory = getenv("BANKCORE_WATCHED");
    report = getenv("BANKCORE_WATCHED_REPORT");
}

static int is_sqlite(void *caller) {
    Dl_info found;
    return dladdr(caller, &found) && found.dli_fname && strstr(found.dli_fname, "libsqlite3");
}

/* Plain system calls, so that the report is not watched itself. */
static void tell(const char *what, int fd, const char *name) {
    char line[4400];
    int kept = errno;
    int to = syscall(SYS_openat, AT_FDCWD, report, O_WRONLY | O_APPEND | O_CREAT, 0600);
    int size = snprintf(line, sizeof line, "%s %d %s\n", what, fd, name);
    syscall(SYS_write, to, line, size);
    syscall(SYS_close, to);
    errno = kept;
}

/* Where fd leads; "" where that is nowhere. */
static void look(int fd, char *name, size_t size) {
    char link[64];
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, name, size - 1);
    name[length < 0 ? 0 : length] = 0;
}

static int is_in_store(const char *name) {
    return strncmp(name, directory, strlen(directory)) == 0;
}

/* SQLite has files of its own elsewhere: temporary ones, and where it takes chance from. */
static int is_foreign(const char *name) {
    return !is_in_store(name) && strstr(name, "etilqs") == NULL &&
           strcmp(name, "/dev/urandom") != 0;
}

/* These are called by SQLite alone. */
#define WATCHED(result, function, parameters, arguments)                                     \
    result function parameters {                                                             \
        static result(*real) parameters;                                                     \
        char name[4096];                                                                     \
        if (real == NULL) {                                                                  \
            real = (result(*) parameters)dlsym(RTLD_NEXT, #function);                        \
        }                                                                                    \
        if (report != NULL) {                                                                \
            look(fd, name, sizeof name);                                                     \
            if (is_foreign(name)) {                                                          \
                tell("foreign " #function, fd, name);                                        \
            }                                                                                \
        }                                                                                    \
        return real arguments;                                                               \
    }

WATCHED(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
WATCHED(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at),
        (fd, from, size, at))
WATCHED(int, fdatasync, (int fd), (fd))
WATCHED(int, ftruncate, (int fd, off_t size), (fd, size))
WATCHED(int, ftruncate64, (int fd, off64_t size), (fd, size))

ssize_t write(int fd, const void *from, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    char name[4096];
    if (real == NULL) {
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    }
    if (report != NULL) {
        look(fd, name, sizeof name);
        if (is_in_store(name) && !is_sqlite(__builtin_return_address(0))) {
            tell("the program wrote into", fd, name);
        }
    }
    return real(fd, from, size);
}

int close(int fd) {
    static int (*real)(int);
    char name[4096];
    int said;
    if (real == NULL) {
        real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    }
    if (report == NULL) {
        return real(fd);
    }
    look(fd, name, sizeof name);
    said = real(fd);
    if (said != 0 && errno == EBADF) {
        tell("closed twice", fd, name);
    } else if (is_sqlite(__builtin_return_address(0)) && is_foreign(name)) {
        tell("foreign close", fd, name);
    }
    return said;
}
