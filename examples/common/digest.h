/* SHA-256 of what passes by. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE 65 /* with the NUL */

typedef struct evp_md_ctx_st digest_t;

digest_t *digest_new(void);                    /* NULL when memory ran out */
digest_t *digest_copy(const digest_t *digest); /* NULL when memory ran out */
void digest_add(digest_t *digest, const void *data, size_t length);
/* Of what was added so far; more may follow. */
void digest_hex(const digest_t *digest, char hex[DIGEST_HEX_SIZE]);
void digest_free(digest_t *digest); /* NULL is allowed */

/* Of one piece. */
void digest_of(const void *data, size_t length, uint8_t bytes[DIGEST_SIZE]);
void digest_to_hex(const uint8_t bytes[DIGEST_SIZE], char hex[DIGEST_HEX_SIZE]);

#endif
