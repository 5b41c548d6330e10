/*
 * What newlib asks of an operating system: memory, the console, and files in
 * RAM for the programs that insist on files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

#include "program.h"

void console_write(const char *s, size_t n);

extern char heap_start[], heap_end[];

void *sbrk(ptrdiff_t n)
{
    static char *top;
    char *old;

    if (!top)
        top = heap_start;
    if (n > heap_end - top) {
        errno = ENOMEM;
        return (void *)-1;
    }
    old = top;
    top += n;
    return old;
}

struct file {
    char name[64];
    char *data;
    size_t size, room;
};

static struct file files[16];
static struct {
    struct file *file;
    size_t at;
} fds[16];

int open(const char *name, int flags, ...)
{
    struct file *f = 0;
    int i;

    for (i = 0; i < 16 && !f; i++)
        if (!strcmp(files[i].name, name))
            f = &files[i];
    for (i = 0; i < 16 && !f && (flags & O_CREAT); i++)
        if (!files[i].name[0]) {
            f = &files[i];
            strncpy(f->name, name, sizeof f->name - 1);
        }
    if (!f) {
        errno = ENOENT;
        return -1;
    }
    if (flags & O_TRUNC)
        f->size = 0;
    for (i = 3; i < 16; i++)
        if (!fds[i].file) {
            fds[i].file = f;
            fds[i].at = flags & O_APPEND ? f->size : 0;
            return i;
        }
    errno = EMFILE;
    return -1;
}

int close(int fd)
{
    fds[fd].file = 0;
    return 0;
}

ssize_t read(int fd, void *data, size_t n)
{
    struct file *f = fds[fd].file;

    if (!f || fds[fd].at >= f->size)
        return 0;
    if (n > f->size - fds[fd].at)
        n = f->size - fds[fd].at;
    memcpy(data, f->data + fds[fd].at, n);
    fds[fd].at += n;
    return (ssize_t)n;
}

ssize_t write(int fd, const void *data, size_t n)
{
    struct file *f = fds[fd].file;
    size_t end = fds[fd].at + n;

    if (!f) {
        console_write(data, n);
        return (ssize_t)n;
    }
    if (end > f->room) {
        f->room = 2 * end;
        f->data = realloc(f->data, f->room);
        if (!f->data)
            fail("no memory for file", fd);
    }
    if (fds[fd].at > f->size)
        memset(f->data + f->size, 0, fds[fd].at - f->size);
    memcpy(f->data + fds[fd].at, data, n);
    fds[fd].at = end;
    if (end > f->size)
        f->size = end;
    return (ssize_t)n;
}

off_t lseek(int fd, off_t to, int whence)
{
    struct file *f = fds[fd].file;

    if (!f) {
        errno = ESPIPE;
        return -1;
    }
    if (whence == SEEK_CUR)
        to += (off_t)fds[fd].at;
    else if (whence == SEEK_END)
        to += (off_t)f->size;
    fds[fd].at = (size_t)to;
    return to;
}

int fstat(int fd, struct stat *st)
{
    memset(st, 0, sizeof *st);
    st->st_mode = fds[fd].file ? S_IFREG : S_IFCHR;
    st->st_size = fds[fd].file ? (off_t)fds[fd].file->size : 0;
    return 0;
}

char *getcwd(char *name, size_t n) { return strncpy(name, "/", n); }

int isatty(int fd) { return !fds[fd].file; }

int unlink(const char *name)
{
    int i;

    for (i = 0; i < 16; i++)
        if (!strcmp(files[i].name, name)) {
            free(files[i].data);
            memset(&files[i], 0, sizeof files[i]);
            return 0;
        }
    errno = ENOENT;
    return -1;
}

/* Time stands still: what a program does must not depend on it. */
int gettimeofday(struct timeval *tv, void *zone)
{
    (void)zone;
    tv->tv_sec = 1000000000;
    tv->tv_usec = 0;
    return 0;
}

clock_t times(struct tms *t)
{
    memset(t, 0, sizeof *t);
    return 0;
}

int kill(pid_t pid, int sig)
{
    (void)pid;
    fail("signal", sig);
}

pid_t getpid(void) { return 1; }
void _exit(int code) { fail("exit", code); }

/* There are no processes and no links. */
static int unknown(void)
{
    errno = ENOSYS;
    return -1;
}
int fork(void) { return unknown(); }
int execve(const char *name, char *const *args, char *const *env) { return unknown(); }
int wait(int *status) { return unknown(); }
int link(const char *from, const char *to) { return unknown(); }
