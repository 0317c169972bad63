/* What is sent: files, directories and streams, in the order in which they go. The sender makes it of what is named on its command line
 * (scan.h), the receiver of what it is told. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "digest.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_ENTRIES_MAX 1000000
#define MANIFEST_PATHS_MAX (128u << 20) /* bytes of all paths */
#define CHECK_FILE 1u
#define CHECK_PART 2u
#define MANIFEST_STREAM (-1) /* the size of what ends when it ends */

typedef struct entry {
    char *path;   /* relative, names_path_is_safe(); unique */
    char *source; /* the sender: where it is; NULL: the standard input */
    bool is_directory;
    int64_t size;  /* MANIFEST_STREAM: not known */
    uint32_t mode; /* permissions */
    int64_t mtime_ns;
    /* Of a transfer: */
    int64_t from;     /* the sender: first byte that is wanted; -1: nothing is */
    digest_t *prefix; /* of the bytes before `from`, when some were compared */
    int64_t compared; /* so many bytes were compared, and, at the sender, are the same */
    /* The receiver: */
    bool is_done;        /* all of it is here, and compared */
    bool is_ours;        /* the .part file was made by this process */
    bool is_in_way;      /* something else has its name ... */
    bool is_part_in_way; /* ... or its part's */
    unsigned checks;     /* that are not answered: of CHECK_… */
    bool has_failed;     /* it will not be here */
} entry_t;

typedef struct manifest {
    entry_t *entries;
    size_t count, capacity;
    size_t path_bytes;
    int64_t bytes;          /* of all files whose size is known */
    const entry_t **sorted; /* by path, once manifest_has_conflict() was asked */
} manifest_t;

/* Adds a copy of an entry, its texts included; NULL when there are too many, or memory ran out. */
entry_t *manifest_add(manifest_t *manifest, const entry_t *entry);
void manifest_clear(manifest_t *manifest);
/* Whether two entries have the same path, or one is a file above the other; `path` is then one of them. */
bool manifest_has_conflict(manifest_t *manifest, const char **path);
bool manifest_has_path(const manifest_t *manifest, const char *path); /* after that */
size_t manifest_file_count(const manifest_t *manifest);
bool manifest_has_stream(const manifest_t *manifest);
bool manifest_entries_are_equal(const entry_t *entry, const entry_t *other);

/* As JSON: entries from `*at` on, as many as make about 32 KiB; `*at` moves on. NULL when memory ran out. */
json_t *manifest_write(const manifest_t *manifest, size_t *at);
/* Adds what manifest_write() gave at the other side; hostile input. False and `*why` (static) when it may not be. */
bool manifest_read(manifest_t *manifest, const json_t *array, const char **why);

#endif
