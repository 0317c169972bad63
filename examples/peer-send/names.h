/* Paths that come from the other side, and what is shown of them. They are UTF-8, relative, and lead down only. */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define NAMES_PATH_MAX 4000  /* bytes of a path */
#define NAMES_NAME_MAX 255   /* of each of its names: what file systems take */
#define NAMES_SHOWN_SIZE 512 /* of what is shown */

/* Whether a path may be written below a directory: names between single slashes, none of them ".", ".." or too long; valid UTF-8 without
 * control characters. Names that only other systems reserve (CON, a:b) are names like others. */
bool names_path_is_safe(const char *path);

/* For a terminal: what is no UTF-8, controls it, or turns its writing around becomes "?", and what is too long is cut. Gives `shown`. */
const char *names_show(const char *text, char shown[NAMES_SHOWN_SIZE]);

/* The name under which the beginnings of `path` (or of its last name) are kept: ".part" behind it, or behind as much of it as a file
 * system takes and a hash of the rest. False when it is too long. */
bool names_part_of(const char *path, char part[NAMES_PATH_MAX + 100]);

#endif
