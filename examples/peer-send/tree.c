#include "tree.h"

#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BETWEEN (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct tree {
    int directory;
    int parent; /* of the path used last; -1: none */
    char parent_path[NAMES_PATH_MAX + 100];
    char why[200];
};

tree_t *tree_open(const char *directory)
{
    tree_t *tree = calloc(1, sizeof *tree);
    if (tree == NULL)
        return NULL;
    tree->parent = -1;
    if (mkdir(directory, 0777) < 0 && errno != EEXIST) {
        free(tree);
        return NULL;
    }
    tree->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree->directory < 0) {
        free(tree);
        return NULL;
    }
    return tree;
}

void tree_close(tree_t *tree)
{
    if (tree == NULL)
        return;
    if (tree->parent >= 0)
        close(tree->parent);
    close(tree->directory);
    free(tree);
}

int64_t tree_free_bytes(const tree_t *tree)
{
    struct statvfs status;
    return fstatvfs(tree->directory, &status) == 0 ? (int64_t)(status.f_bavail * status.f_frsize) : INT64_MAX;
}

static bool failed(tree_t *tree, const char *what, int error, const char **why)
{
    const char *text = error == ELOOP || error == ENOTDIR ? "a symbolic link or a file is in the way of its directory" : strerror(error);
    snprintf(tree->why, sizeof tree->why, "%s: %s", what, text);
    *why = tree->why;
    return false;
}

/* Goes down one directory, which is made where it lacks and `makes`. */
static int go_down(int from, const char *name, bool makes)
{
    int to = openat(from, name, BETWEEN);
    if (to < 0 && errno == ENOENT && makes && (mkdirat(from, name, 0777) == 0 || errno == EEXIST))
        to = openat(from, name, BETWEEN);
    return to;
}

/* The directory that holds `path`, and the last name; -1 and errno. It stays the tree's. */
static int find_parent(tree_t *tree, const char *path, bool makes, const char **name)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    *name = slash != NULL ? slash + 1 : path;
    if (slash == NULL)
        return tree->directory;
    if (tree->parent >= 0 && strlen(tree->parent_path) == length && memcmp(tree->parent_path, path, length) == 0)
        return tree->parent;
    if (tree->parent >= 0)
        close(tree->parent);
    tree->parent = -1;
    memcpy(tree->parent_path, path, length);
    tree->parent_path[length] = '\0';
    int at = tree->directory;
    for (char *next = tree->parent_path; next != NULL;) {
        char *end = strchr(next, '/');
        if (end != NULL)
            *end = '\0';
        int below = go_down(at, next, makes);
        int error = errno;
        if (at != tree->directory)
            close(at);
        if (end != NULL)
            *end = '/';
        if (below < 0) {
            errno = error;
            return -1;
        }
        at = below;
        next = end != NULL ? end + 1 : NULL;
    }
    return tree->parent = at;
}

bool tree_look(tree_t *tree, const char *path, struct stat *status, const char **why)
{
    const char *name;
    *why = NULL;
    int parent = find_parent(tree, path, false, &name);
    if (parent >= 0 && fstatat(parent, name, status, AT_SYMLINK_NOFOLLOW) == 0)
        return true;
    return errno == ENOENT ? false : failed(tree, "it cannot be looked at", errno, why);
}

int tree_open_to_read(tree_t *tree, const char *path)
{
    const char *name;
    int parent = find_parent(tree, path, false, &name);
    return parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

bool tree_make_directory(tree_t *tree, const char *path, const char **why)
{
    const char *name;
    int parent = find_parent(tree, path, true, &name), made = parent >= 0 ? go_down(parent, name, true) : -1;
    if (made < 0)
        return failed(tree, "the directory cannot be made", errno, why);
    close(made);
    return true;
}

int tree_open_part(tree_t *tree, const char *part, bool keeps, int64_t length, const char **why)
{
    const char *name;
    struct stat status;
    int parent = find_parent(tree, part, true, &name);
    if (parent >= 0 && !keeps)
        unlinkat(parent, name, 0); /* never written into: it may have another name elsewhere */
    int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (keeps ? 0 : O_CREAT | O_EXCL);
    int file = parent >= 0 ? openat(parent, name, flags, 0600) : -1;
    if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) && ftruncate(file, length) == 0 &&
        lseek(file, length, SEEK_SET) == length)
        return file;
    failed(tree, "the file cannot be made", errno, why);
    if (file >= 0)
        close(file);
    return -1;
}

static bool put_in_place(int parent, const char *from, const char *to, bool may_replace)
{
    if (may_replace)
        return renameat(parent, from, parent, to) == 0;
    if (renameat2(parent, from, parent, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL) /* which a file system gives that does not know it */
        return false;
    return linkat(parent, from, parent, to, 0) == 0 && unlinkat(parent, from, 0) == 0;
}

static void times_of(const entry_t *entry, struct timespec times[2])
{
    int64_t seconds = entry->mtime_ns / 1000000000, rest = entry->mtime_ns % 1000000000;
    if (rest < 0)
        seconds--, rest += 1000000000;
    times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    times[1] = (struct timespec){.tv_sec = seconds, .tv_nsec = rest};
}

bool tree_finish(tree_t *tree, int file, const char *part, const entry_t *entry, bool may_replace, const char **why)
{
    const char *part_name, *name;
    struct timespec times[2];
    times_of(entry, times);
    bool is_kept = fchmod(file, entry->mode) == 0 && futimens(file, times) == 0;
    int error = errno;
    if (close(file) < 0)
        return failed(tree, "it could not be written", errno, why);
    if (!is_kept && error != EPERM && error != EOPNOTSUPP) /* which file systems without modes or times give */
        return failed(tree, "its mode or time cannot be set", error, why);
    int parent = find_parent(tree, part, false, &part_name);
    find_parent(tree, entry->path, false, &name);
    if (parent >= 0 && put_in_place(parent, part_name, name, may_replace))
        return true;
    return failed(tree, "it cannot take its name", errno, why);
}

void tree_finish_directory(tree_t *tree, const entry_t *entry)
{
    const char *name;
    struct timespec times[2];
    times_of(entry, times);
    int parent = find_parent(tree, entry->path, false, &name);
    int directory = parent >= 0 ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (directory < 0)
        return; /* it is there, which is what counts */
    if (futimens(directory, times) < 0 || fchmod(directory, entry->mode) < 0)
        errno = 0; /* file systems without modes or times */
    close(directory);
}
