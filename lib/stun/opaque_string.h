/* The OpaqueString profile (RFC 8265 §4.2): user names, passwords and realms of any language in the one form that both ends hash. */
#ifndef STUN_OPAQUE_STRING_H
#define STUN_OPAQUE_STRING_H

#include <stdbool.h>
#include <stddef.h>

#define OPAQUE_STRING_MAX 1024 /* octets, before and after */

/* Writes the prepared form and a NUL; `capacity` counts it. False when the text is empty, too long, not UTF-8, or has characters that the
 * FreeformClass does not allow (RFC 8264 §4.3), such as control characters. */
bool opaque_string_prepare(const char *text, size_t length, char *prepared, size_t capacity);

#endif
