/* The last error of the calling thread, and the one way to report one: return error_set(PEER_ERROR_…, "what and where"). */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <peer/error.h>
#include <stddef.h>

/* Keeps the message for peer_last_error_message() and returns the code. */
PEER_PRINTF(2, 3) int error_set(peer_error_t code, const char *format, ...);
int error_no_memory(void);

/* Puts a prefix before the message kept last, as in "m-line 2: …", and returns `code`. */
PEER_PRINTF(2, 3) int error_prefix(int code, const char *format, ...);

/* The line of a description, from 1, that the error set last is about: for peer_last_error_sdp_line(). */
void error_set_sdp_line(size_t line);

#endif
