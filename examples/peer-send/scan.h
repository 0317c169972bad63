/* The sender's manifest: the files, directories and streams that its command line names. */
#ifndef SCAN_H
#define SCAN_H

#include "manifest.h"
#include "progress.h"

/* Adds what a path names: a file, a directory with all that is in it, or "-", the standard input, which goes by the name `stream_name`.
 * Symbolic links are followed where they are named, not where they are found in a directory: what they point to may lie anywhere. What is
 * left out is told; what could not be sent is counted, too. False, with a message, when what was named cannot be sent. */
bool scan_path(manifest_t *manifest, const char *path, const char *stream_name, progress_t *progress, size_t *left_out);
/* Brings sizes and times up to date; what is gone keeps its own. */
void scan_again(manifest_t *manifest);

#endif
