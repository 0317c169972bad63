#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method: the one way that reaches key generation and signatures too */
#include "virtual_random.h"

#include "base/random.h"

#include <openssl/rand.h>

static random_seeded_t generator;

static int bytes(unsigned char *buffer, int length)
{
    random_source_t source = random_seeded_source(&generator);
    random_fill(&source, buffer, (size_t)length);
    return 1;
}

static int status(void)
{
    return 1;
}

void virtual_random_seed(uint64_t seed)
{
    static const RAND_METHOD method = {.bytes = bytes, .pseudorand = bytes, .status = status};
    random_seeded_init(&generator, seed);
    RAND_set_rand_method(&method);
}
