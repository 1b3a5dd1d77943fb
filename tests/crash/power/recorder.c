/* Records what a process writes below a folder, and what it syncs: for LD_PRELOAD.
 *
 * POWER_FOLDER is the folder, POWER_LOG the file to which records are appended. Each record is one
 * write() to a file that is opened for appending, so that those of several processes stay whole and
 * in order: type (1 byte), length of the path (2), offset (8), length of the data (4), path, data.
 *
 * W data written at an offset     T truncated to an offset       C created, or emptied
 * U unlinked                      B a sync begins                E it has ended
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FILES 4096
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static char *paths[MOST_FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;

static const char *recorded(const char *path)
{
    const char *folder = getenv("POWER_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    return length && path && strncmp(path, folder, length) == 0 ? path : NULL;
}

static void record(char type, const char *path, uint64_t offset, const void *data, uint32_t size)
{
    uint16_t length = (uint16_t)strlen(path);
    size_t total = 15 + length + size;
    char *bytes = malloc(total);
    bytes[0] = type;
    memcpy(bytes + 1, &length, 2);
    memcpy(bytes + 3, &offset, 8);
    memcpy(bytes + 11, &size, 4);
    memcpy(bytes + 15, path, length);
    if (size)
        memcpy(bytes + 15 + length, data, size);
    pthread_mutex_lock(&lock);
    if (log_file < 0)
        log_file = NEXT(open)(getenv("POWER_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (NEXT(write)(log_file, bytes, total) != (ssize_t)total)
        abort();
    pthread_mutex_unlock(&lock);
    free(bytes);
}

static char *path_of(int file)
{
    return file >= 0 && file < MOST_FILES ? paths[file] : NULL;
}

static void opened(int file, const char *path, int flags, int existed)
{
    if (file < 0 || file >= MOST_FILES || !recorded(path))
        return;
    paths[file] = strdup(path);
    if (flags & O_TRUNC || !existed)
        record('C', path, 0, NULL, 0);
}

static int exists(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0;
}

#define OPEN(name)                                                       \
    int name(const char *path, int flags, ...)                           \
    {                                                                    \
        va_list more;                                                    \
        va_start(more, flags);                                           \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
        va_end(more);                                                    \
        int existed = exists(path);                                      \
        int file = NEXT(name)(path, flags, mode);                        \
        opened(file, path, flags, existed);                              \
        return file;                                                     \
    }

OPEN(open)
OPEN(open64)

int close(int file)
{
    if (path_of(file)) {
        free(paths[file]);
        paths[file] = NULL;
    }
    return NEXT(close)(file);
}

ssize_t write(int file, const void *data, size_t size)
{
    char *path = path_of(file);
    off_t at = path ? lseek(file, 0, SEEK_CUR) : 0;
    ssize_t done = NEXT(write)(file, data, size);
    if (path && done > 0)
        record('W', path, (uint64_t)at, data, (uint32_t)done);
    return done;
}

#define PWRITE(name, offset_type)                                        \
    ssize_t name(int file, const void *data, size_t size, offset_type at) \
    {                                                                    \
        ssize_t done = NEXT(name)(file, data, size, at);                 \
        if (path_of(file) && done > 0)                                   \
            record('W', path_of(file), (uint64_t)at, data, (uint32_t)done); \
        return done;                                                     \
    }

PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset_type)                                      \
    int name(int file, offset_type size)                                 \
    {                                                                    \
        int done = NEXT(name)(file, size);                               \
        if (path_of(file) && done == 0)                                  \
            record('T', path_of(file), (uint64_t)size, NULL, 0);         \
        return done;                                                     \
    }

TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                       \
    int name(int file)                                                   \
    {                                                                    \
        char *path = path_of(file);                                      \
        if (path)                                                        \
            record('B', path, (uint64_t)getpid(), NULL, 0);              \
        int done = NEXT(name)(file);                                     \
        if (path && done == 0)                                           \
            record('E', path, (uint64_t)getpid(), NULL, 0);              \
        return done;                                                     \
    }

SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path)
{
    int done = NEXT(unlink)(path);
    if (done == 0 && recorded(path))
        record('U', path, 0, NULL, 0);
    return done;
}
