#include "scan.h"

#include "names.h"
#include "network.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct scan {
    manifest_t *manifest;
    progress_t *progress;
    size_t *left_out;
} scan_t;

static void tell(const scan_t *scan, const char *source, const char *why)
{
    char shown[NAMES_SHOWN_SIZE];
    progress_note(scan->progress, "left out: %s %s", names_show(source, shown), why);
}

static void leave_out(const scan_t *scan, const char *source, const char *why)
{
    tell(scan, source, why);
    ++*scan->left_out;
}

static int64_t time_of(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

static bool add(const scan_t *scan, const char *path, const char *source, const struct stat *status, int64_t size)
{
    const entry_t entry = {.path = (char *)(uintptr_t)path,
                           .source = (char *)(uintptr_t)source,
                           .is_directory = S_ISDIR(status->st_mode),
                           .size = size,
                           .mode = status->st_mode & 0777,
                           .mtime_ns = time_of(status)};
    if (!names_path_is_safe(path)) {
        leave_out(scan, source != NULL ? source : path, "has a name that is no UTF-8, has control characters, or is too long");
        return false;
    }
    if (manifest_add(scan->manifest, &entry) != NULL)
        return true;
    leave_out(scan, path, "is one file too many");
    return false;
}

static void add_directory(const scan_t *scan, const char *path, const char *source, const struct stat *status);

static void add_found(const scan_t *scan, const char *path, const char *source)
{
    struct stat status;
    if (lstat(source, &status) < 0)
        leave_out(scan, source, strerror(errno));
    else if (S_ISDIR(status.st_mode))
        add_directory(scan, path, source, &status);
    else if (S_ISLNK(status.st_mode))
        tell(scan, source, "is a symbolic link");
    else if (!S_ISREG(status.st_mode))
        tell(scan, source, "is no regular file");
    else if (access(source, R_OK) < 0)
        leave_out(scan, source, "cannot be read");
    else
        add(scan, path, source, &status, status.st_size);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* the same everywhere, whatever the locale */
}

static void add_directory(const scan_t *scan, const char *path, const char *source, const struct stat *status)
{
    struct dirent **found;
    if (!add(scan, path, source, status, 0))
        return;
    int count = scandir(source, &found, NULL, compare_names);
    if (count < 0) {
        leave_out(scan, source, "cannot be read");
        return;
    }
    for (int i = 0; i < count; i++) {
        const char *name = found[i]->d_name;
        char *inner = NULL, *inner_source = NULL;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && asprintf(&inner, "%s/%s", path, name) >= 0 &&
            asprintf(&inner_source, "%s/%s", source, name) >= 0)
            add_found(scan, inner, inner_source);
        free(inner);
        free(inner_source);
        free(found[i]);
    }
    free(found);
}

/* The last name of a path, which "." and "dir/" have too. */
static char *name_of(const char *path)
{
    char *real = NULL;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    char *copy = strndup(path, length), *slash = copy != NULL ? strrchr(copy, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : copy;
    if (name != NULL && (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || *name == '\0')) {
        real = realpath(path, NULL);
        slash = real != NULL ? strrchr(real, '/') : NULL;
        name = slash != NULL ? slash + 1 : NULL;
    }
    char *result = name != NULL && *name != '\0' ? strdup(name) : NULL;
    free(copy);
    free(real);
    return result;
}

bool scan_path(manifest_t *manifest, const char *path, const char *stream_name, progress_t *progress, size_t *left_out)
{
    const scan_t scan = {manifest, progress, left_out};
    struct stat status = {.st_mode = S_IFREG | 0644};
    if (strcmp(path, "-") == 0) {
        clock_gettime(CLOCK_REALTIME, &status.st_mtim);
        return add(&scan, stream_name, NULL, &status, MANIFEST_STREAM) || network_complain("--name %s: give a plain name", stream_name);
    }
    if (stat(path, &status) < 0 || access(path, R_OK) < 0)
        return network_complain("%s cannot be sent: %s", path, strerror(errno));
    char *name = name_of(path);
    if (name == NULL || !names_path_is_safe(name)) {
        free(name);
        return network_complain("%s cannot be sent: it has no name that can be sent", path);
    }
    bool is_sent = true;
    if (S_ISDIR(status.st_mode))
        add_directory(&scan, name, path, &status);
    else if (S_ISREG(status.st_mode))
        is_sent = add(&scan, name, path, &status, status.st_size);
    else
        is_sent =
            network_complain("%s cannot be sent: it is neither a file nor a directory. A pipe is sent by: peer-send - < %s", path, path);
    free(name);
    return is_sent;
}

void scan_again(manifest_t *manifest)
{
    struct stat status;
    manifest->bytes = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        entry_t *entry = &manifest->entries[i];
        if (entry->source != NULL && stat(entry->source, &status) == 0 && S_ISDIR(status.st_mode) == entry->is_directory) {
            entry->size = entry->is_directory ? 0 : status.st_size;
            entry->mode = status.st_mode & 0777;
            entry->mtime_ns = time_of(&status);
        }
        manifest->bytes += entry->size > 0 ? entry->size : 0;
    }
}
