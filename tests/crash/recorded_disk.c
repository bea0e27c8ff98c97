/*
 * A disk that is recorded: each write, truncation, flush, second name and removal in one directory
 * goes to a log, in its order. Loaded before the C library; started from Python.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int log_fd = -1;
static char directory[4096];

struct head {
    int64_t kind, name_size, at, size;
};

/* From now on, what happens in the directory is appended to the file that fd is open on. */
void disk_record(int fd, const char *where) {
    snprintf(directory, sizeof directory, "%s", where);
    log_fd = fd;
}

static void note(int kind, const char *name, off_t at, const void *data, size_t size) {
    struct head head = {kind, (int64_t)strlen(name), at, (int64_t)size};
    struct iovec parts[3] = {
        {&head, sizeof head}, {(void *)name, strlen(name)}, {(void *)data, data ? size : 0}};
    /* One call, so that the records of several processes do not mix. */
    syscall(SYS_writev, log_fd, parts, 3);
}

/* The name within the directory, "" for the directory itself; NULL for anything else. */
static const char *within(const char *path) {
    size_t length = strlen(directory);
    const char *rest = path + length;
    if (log_fd < 0 || strncmp(path, directory, length) != 0 || (*rest != 0 && *rest != '/')) {
        return NULL;
    }
    rest += *rest == '/';
    length = strlen(rest);
    /* What is in the -shm is made anew after a cut. */
    return length > 4 && strcmp(rest + length - 4, "-shm") == 0 ? NULL : rest;
}

static const char *name_of(int fd, char *room, size_t size) {
    char link[64];
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, room, size - 1);
    if (length < 0) {
        return NULL;
    }
    room[length] = 0;
    return within(room);
}

#define RECORDED(result, function, parameters, arguments, before, done, kind, at, data, size) \
    result function parameters {                                                             \
        static result(*real) parameters;                                                     \
        char room[4096];                                                                     \
        const char *name;                                                                    \
        result said;                                                                         \
        if (real == NULL) {                                                                  \
            real = (result(*) parameters)dlsym(RTLD_NEXT, #function);                        \
        }                                                                                    \
        before;                                                                              \
        said = real arguments;                                                               \
        if (log_fd >= 0 && (done) && (name = name_of(fd, room, sizeof room)) != NULL) {      \
            note(kind, name, at, data, size);                                                \
        }                                                                                    \
        return said;                                                                         \
    }

RECORDED(ssize_t, write, (int fd, const void *from, size_t count), (fd, from, count),
         off_t place = lseek(fd, 0, SEEK_CUR), said > 0, 'W', place, from, said)
RECORDED(ssize_t, pwrite, (int fd, const void *from, size_t count, off_t place),
         (fd, from, count, place), , said > 0, 'W', place, from, said)
RECORDED(ssize_t, pwrite64, (int fd, const void *from, size_t count, off64_t place),
         (fd, from, count, place), , said > 0, 'W', place, from, said)
RECORDED(int, ftruncate, (int fd, off_t length), (fd, length), , said == 0, 'T', length, NULL, 0)
RECORDED(int, ftruncate64, (int fd, off64_t length), (fd, length), , said == 0, 'T', length,
         NULL, 0)
RECORDED(int, fsync, (int fd), (fd), , said == 0, 'S', 0, NULL, 0)
RECORDED(int, fdatasync, (int fd), (fd), , said == 0, 'S', 0, NULL, 0)

int unlink(const char *path) {
    static int (*real)(const char *);
    const char *name;
    int said;
    if (real == NULL) {
        real = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    }
    said = real(path);
    if (said == 0 && (name = within(path)) != NULL) {
        note('U', name, 0, NULL, 0);
    }
    return said;
}

int link(const char *path, const char *new_path) {
    static int (*real)(const char *, const char *);
    const char *name, *new_name;
    int said;
    if (real == NULL) {
        real = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");
    }
    said = real(path, new_path);
    if (said == 0 && (name = within(path)) != NULL && (new_name = within(new_path)) != NULL) {
        note('L', new_name, 0, name, strlen(name));
    }
    return said;
}
