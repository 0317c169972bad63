/* The directory into which is received, and the only one in which anything is changed: paths come from the other side, and no symbolic link
 * below it is followed. */
#ifndef TREE_H
#define TREE_H

#include "manifest.h"

#include <stdbool.h>
#include <sys/stat.h>

typedef struct tree tree_t;

/* Makes the directory if need be. NULL, and errno, when it cannot be used. */
tree_t *tree_open(const char *directory);
void tree_close(tree_t *tree); /* NULL is allowed */

/* Bytes that a file system without quotas takes still. */
int64_t tree_free_bytes(const tree_t *tree);

/* All give false and `*why` (valid until the next call) when it cannot be. */

/* What is there under the entry's name, or under its part's; false without `*why` when there is nothing. */
bool tree_look(tree_t *tree, const char *path, struct stat *status, const char **why);
/* Opens a file there for reading; -1 when there is none. */
int tree_open_to_read(tree_t *tree, const char *path);
bool tree_make_directory(tree_t *tree, const char *path, const char **why);
/* A file for writing, with the directories above it; with `keeps` what is in it stays and it is as long as `length`. */
int tree_open_part(tree_t *tree, const char *part, bool keeps, int64_t length, const char **why);
/* The part becomes the file, with the entry's mode and time. Without `may_replace` only when there is none. Closes `file`. */
bool tree_finish(tree_t *tree, int file, const char *part, const entry_t *entry, bool may_replace, const char **why);
/* Mode and time of a directory, when nothing comes into it any more. */
void tree_finish_directory(tree_t *tree, const entry_t *entry);

#endif
