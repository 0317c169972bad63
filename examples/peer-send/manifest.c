#include "manifest.h"

#include "names.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES 32768

entry_t *manifest_add(manifest_t *manifest, const entry_t *entry)
{
    size_t length = strlen(entry->path);
    if (manifest->count == MANIFEST_ENTRIES_MAX || manifest->path_bytes + length > MANIFEST_PATHS_MAX)
        return NULL;
    if (manifest->count == manifest->capacity) {
        size_t capacity = manifest->capacity == 0 ? 64 : 2 * manifest->capacity;
        entry_t *grown = realloc(manifest->entries, capacity * sizeof *grown);
        if (grown == NULL)
            return NULL;
        manifest->entries = grown;
        manifest->capacity = capacity;
    }
    entry_t *added = &manifest->entries[manifest->count];
    *added = *entry;
    added->path = strdup(entry->path);
    added->source = entry->source != NULL ? strdup(entry->source) : NULL;
    if (added->path == NULL || (entry->source != NULL && added->source == NULL)) {
        free(added->path);
        free(added->source);
        return NULL;
    }
    added->from = -1;
    manifest->count++;
    manifest->path_bytes += length;
    if (entry->size > 0)
        manifest->bytes = entry->size > INT64_MAX - manifest->bytes ? INT64_MAX : manifest->bytes + entry->size;
    return added;
}

void manifest_clear(manifest_t *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        free(manifest->entries[i].path);
        free(manifest->entries[i].source);
        digest_free(manifest->entries[i].prefix);
    }
    free(manifest->entries);
    free(manifest->sorted);
    *manifest = (manifest_t){0};
}

/* In the order of their names, a directory before what is in it: '/' counts as the least character. */
static int compare_paths(const char *path, const char *other)
{
    while (*path != '\0' && *path == *other)
        path++, other++;
    int a = *path == '/' ? 1 : (unsigned char)*path, b = *other == '/' ? 1 : (unsigned char)*other;
    return a - b;
}

static int compare_entries(const void *a, const void *b)
{
    const entry_t *const *entry = a, *const *other = b;
    return compare_paths((*entry)->path, (*other)->path);
}

bool manifest_has_conflict(manifest_t *manifest, const char **path)
{
    *path = "";
    free(manifest->sorted);
    manifest->sorted = malloc((manifest->count + 1) * sizeof *manifest->sorted);
    if (manifest->sorted == NULL)
        return true;
    for (size_t i = 0; i < manifest->count; i++)
        manifest->sorted[i] = &manifest->entries[i];
    qsort(manifest->sorted, manifest->count, sizeof *manifest->sorted, compare_entries);
    for (size_t i = 1; i < manifest->count; i++) {
        const entry_t *before = manifest->sorted[i - 1];
        size_t length = strlen(before->path);
        *path = manifest->sorted[i]->path;
        if (strcmp(before->path, *path) == 0 ||
            (!before->is_directory && strncmp(before->path, *path, length) == 0 && (*path)[length] == '/'))
            return true;
    }
    return false;
}

bool manifest_has_path(const manifest_t *manifest, const char *path)
{
    const entry_t wanted = {.path = (char *)(uintptr_t)path}, *key = &wanted;
    return bsearch(&key, manifest->sorted, manifest->count, sizeof *manifest->sorted, compare_entries) != NULL;
}

size_t manifest_file_count(const manifest_t *manifest)
{
    size_t count = 0;
    for (size_t i = 0; i < manifest->count; i++)
        count += !manifest->entries[i].is_directory;
    return count;
}

bool manifest_has_stream(const manifest_t *manifest)
{
    for (size_t i = 0; i < manifest->count; i++)
        if (manifest->entries[i].size == MANIFEST_STREAM)
            return true;
    return false;
}

bool manifest_entries_are_equal(const entry_t *entry, const entry_t *other)
{
    return strcmp(entry->path, other->path) == 0 && entry->is_directory == other->is_directory && entry->size == other->size &&
           entry->mode == other->mode && entry->mtime_ns == other->mtime_ns;
}

json_t *manifest_write(const manifest_t *manifest, size_t *at)
{
    json_t *array = json_array();
    for (size_t bytes = 0; array != NULL && *at < manifest->count && bytes < BATCH_BYTES; ++*at) {
        const entry_t *entry = &manifest->entries[*at];
        json_t *object =
            json_pack("{s:s, s:i, s:I}", "path", entry->path, "mode", (int)entry->mode, "mtime_ns", (json_int_t)entry->mtime_ns);
        if (entry->is_directory)
            json_object_set_new(object, "directory", json_true());
        else
            json_object_set_new(object, "size", entry->size == MANIFEST_STREAM ? json_null() : json_integer(entry->size));
        if (json_array_append_new(array, object) < 0) {
            json_decref(array);
            return NULL;
        }
        bytes += strlen(entry->path) + 80;
    }
    return array;
}

bool manifest_read(manifest_t *manifest, const json_t *array, const char **why)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i), *size = json_object_get(object, "size");
        const char *path = json_string_value(json_object_get(object, "path"));
        entry_t entry = {.is_directory = json_is_true(json_object_get(object, "directory"))};
        if (path == NULL || strlen(path) != json_string_length(json_object_get(object, "path")) || !names_path_is_safe(path)) {
            *why = "a path leads out of the directory, or is none";
            return false;
        }
        if (!entry.is_directory && !json_is_null(size) && (!json_is_integer(size) || json_integer_value(size) < 0)) {
            *why = "a file has no size";
            return false;
        }
        entry.path = (char *)(uintptr_t)path; /* copied */
        entry.size = entry.is_directory ? 0 : json_is_null(size) ? MANIFEST_STREAM : json_integer_value(size);
        entry.mode = (uint32_t)json_integer_value(json_object_get(object, "mode")) & 0777;
        entry.mtime_ns = json_integer_value(json_object_get(object, "mtime_ns"));
        if (manifest_add(manifest, &entry) == NULL) {
            *why = "there are too many files";
            return false;
        }
    }
    return true;
}
