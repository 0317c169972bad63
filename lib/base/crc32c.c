#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HARDWARE_X86 1
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__linux__) && defined(__GNUC__)
#define HARDWARE_ARM 1
#include <sys/auxv.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* reflected */

/* The instruction takes three cycles and a new one may start every cycle: three runs of this many bytes go side by side and are joined. */
#define LANE 128

typedef uint32_t (*update_t)(uint32_t state, const uint8_t *p, size_t length);

static uint32_t tables[8][256];    /* state after a byte followed by 0 … 7 zero bytes */
static uint32_t skip_lane[4][256]; /* state after LANE zero bytes, by the bytes of the state */
static update_t update;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static inline uint64_t load_u64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

static uint32_t update_by_tables(uint32_t state, const uint8_t *p, size_t length)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; length >= 8; p += 8, length -= 8) {
        uint64_t v = load_u64(p) ^ state;
        state = tables[7][v & 255] ^ tables[6][(v >> 8) & 255] ^ tables[5][(v >> 16) & 255] ^ tables[4][(v >> 24) & 255] ^
                tables[3][(v >> 32) & 255] ^ tables[2][(v >> 40) & 255] ^ tables[1][(v >> 48) & 255] ^ tables[0][v >> 56];
    }
#endif
    for (; length > 0; p++, length--)
        state = (state >> 8) ^ tables[0][(state ^ *p) & 255];
    return state;
}

#if defined(HARDWARE_X86) || defined(HARDWARE_ARM)
static inline uint32_t skip(uint32_t state)
{
    return skip_lane[0][state & 255] ^ skip_lane[1][(state >> 8) & 255] ^ skip_lane[2][(state >> 16) & 255] ^ skip_lane[3][state >> 24];
}
#endif

#ifdef HARDWARE_X86
__attribute__((target("sse4.2"))) static uint32_t update_by_hardware(uint32_t state, const uint8_t *p, size_t length)
{
    for (; length >= 3 * LANE; p += 3 * LANE, length -= 3 * LANE) {
        uint64_t a = state, b = 0, c = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            a = _mm_crc32_u64(a, load_u64(p + i));
            b = _mm_crc32_u64(b, load_u64(p + LANE + i));
            c = _mm_crc32_u64(c, load_u64(p + 2 * LANE + i));
        }
        state = skip(skip((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
    }
    uint64_t wide = state;
    for (; length >= 8; p += 8, length -= 8)
        wide = _mm_crc32_u64(wide, load_u64(p));
    state = (uint32_t)wide;
    for (; length > 0; p++, length--)
        state = _mm_crc32_u8(state, *p);
    return state;
}

static bool has_hardware(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(HARDWARE_ARM)
/* Written as instructions: the intrinsics want a compiler option for the whole file. */
static inline uint32_t arm_u64(uint32_t state, uint64_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(state) : "r"(value));
    return state;
}

static inline uint32_t arm_u8(uint32_t state, uint8_t value)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(state) : "r"((uint32_t)value));
    return state;
}

static uint32_t update_by_hardware(uint32_t state, const uint8_t *p, size_t length)
{
    for (; length >= 3 * LANE; p += 3 * LANE, length -= 3 * LANE) {
        uint32_t a = state, b = 0, c = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            a = arm_u64(a, load_u64(p + i));
            b = arm_u64(b, load_u64(p + LANE + i));
            c = arm_u64(c, load_u64(p + 2 * LANE + i));
        }
        state = skip(skip(a) ^ b) ^ c;
    }
    for (; length >= 8; p += 8, length -= 8)
        state = arm_u64(state, load_u64(p));
    for (; length > 0; p++, length--)
        state = arm_u8(state, *p);
    return state;
}

static bool has_hardware(void)
{
    return (getauxval(AT_HWCAP) & (1ul << 7)) != 0; /* HWCAP_CRC32 */
}
#endif

static void choose(void)
{
    static const uint8_t zeros[LANE];
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t state = byte;
        for (int bit = 0; bit < 8; bit++)
            state = (state >> 1) ^ ((state & 1) != 0 ? POLYNOMIAL : 0);
        tables[0][byte] = state;
    }
    for (size_t zero_count = 1; zero_count < 8; zero_count++)
        for (size_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[zero_count - 1][byte];
            tables[zero_count][byte] = (before >> 8) ^ tables[0][before & 255];
        }
    for (uint32_t place = 0; place < 4; place++)
        for (uint32_t byte = 0; byte < 256; byte++)
            skip_lane[place][byte] = update_by_tables(byte << (8 * place), zeros, LANE);
    update = update_by_tables;
#if defined(HARDWARE_X86) || defined(HARDWARE_ARM)
    if (has_hardware())
        update = update_by_hardware;
#endif
}

uint32_t crc32c(uint32_t crc, const void *data, size_t length)
{
    pthread_once(&once, choose);
    return ~update(~crc, data, length);
}

uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t length)
{
    pthread_once(&once, choose);
    return ~update_by_tables(~crc, data, length);
}

bool crc32c_is_by_hardware(void)
{
    pthread_once(&once, choose);
    return update != update_by_tables;
}
