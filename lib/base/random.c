#include "base/random.h"

#include <string.h>

void random_fill(const random_source_t *source, void *bytes, size_t length)
{
    source->fill(source->context, bytes, length);
}

uint32_t random_u32(const random_source_t *source)
{
    uint32_t value;
    random_fill(source, &value, sizeof value);
    return value;
}

uint64_t random_u64(const random_source_t *source)
{
    uint64_t value;
    random_fill(source, &value, sizeof value);
    return value;
}

uint32_t random_below(const random_source_t *source, uint32_t limit)
{
    if (limit < 2)
        return 0;
    uint32_t usable = UINT32_MAX - UINT32_MAX % limit; /* the rest would favour small values */
    uint32_t value;
    do
        value = random_u32(source);
    while (value >= usable);
    return value % limit;
}

/* Letters come from a block of random bytes: one request of the source, where each may be a system call. */
void random_text(const random_source_t *source, char *text, size_t length, const char *alphabet)
{
    uint8_t block[64];
    size_t count = strlen(alphabet), used = sizeof block, done = 0;
    size_t usable = count != 0 ? 256 - 256 % count : 0; /* bytes above would favour the alphabet's beginning */
    while (done < length && usable != 0) {
        if (used == sizeof block) {
            random_fill(source, block, sizeof block);
            used = 0;
        }
        if (block[used++] < usable)
            text[done++] = alphabet[block[used - 1] % count];
    }
    text[done] = '\0';
}

static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_seeded_init(random_seeded_t *generator, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        generator->state[i] = split_mix(&seed);
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t random_seeded_next(random_seeded_t *generator)
{
    uint64_t *s = generator->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void fill_seeded(void *context, void *bytes, size_t length)
{
    uint8_t *p = bytes;
    while (length > 0) {
        uint64_t value = random_seeded_next(context);
        size_t step = length < sizeof value ? length : sizeof value;
        memcpy(p, &value, step);
        p += step;
        length -= step;
    }
}

random_source_t random_seeded_source(random_seeded_t *generator)
{
    return (random_source_t){.fill = fill_seeded, .context = generator};
}
