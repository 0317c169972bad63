/* Random bytes come from a source that is given at creation: the operating system's in production, a seeded one in the simulator, so that
 * the same seed gives the same run. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct random_source {
    void (*fill)(void *context, void *bytes, size_t length); /* cannot fail */
    void *context;
} random_source_t;

void random_fill(const random_source_t *source, void *bytes, size_t length);
uint32_t random_u32(const random_source_t *source);
uint64_t random_u64(const random_source_t *source);
uint32_t random_below(const random_source_t *source, uint32_t limit); /* uniform in [0, limit) */
/* Writes `length` characters of `alphabet` and a NUL. */
void random_text(const random_source_t *source, char *text, size_t length, const char *alphabet);

#define RANDOM_ICE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" /* RFC 8839 §5.4 ice-char */

/* A seeded generator (xoshiro256**): for simulations and tests, never for secrets. */
typedef struct random_seeded {
    uint64_t state[4];
} random_seeded_t;

void random_seeded_init(random_seeded_t *generator, uint64_t seed);
uint64_t random_seeded_next(random_seeded_t *generator);
random_source_t random_seeded_source(random_seeded_t *generator);

#endif
