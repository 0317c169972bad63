#include "base/crc32c.h"
#include "base/random.h"
#include "test.h"

TEST(crc32c_of_the_known_strings_is_right)
{
    uint8_t bytes[32];
    CHECK_INT(crc32c(0, "", 0), 0);
    CHECK_INT(crc32c(0, "123456789", 9), 0xe3069283u);
    memset(bytes, 0, sizeof bytes); /* RFC 3720 §B.4 */
    CHECK_INT(crc32c(0, bytes, sizeof bytes), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    CHECK_INT(crc32c(0, bytes, sizeof bytes), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    CHECK_INT(crc32c(0, bytes, sizeof bytes), 0x46dd794eu);
}

TEST(hardware_and_tables_agree_at_every_length_and_alignment)
{
    uint8_t bytes[2100];
    random_seeded_t generator;
    random_seeded_init(&generator, 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random_seeded_next(&generator);
    for (size_t length = 0; length < 2048; length++) {
        const uint8_t *p = bytes + length % 17;
        CHECK_INT(crc32c(0, p, length), crc32c_by_tables(0, p, length));
    }
    test_note("by hardware: %d", crc32c_is_by_hardware());
}

TEST(a_crc_continues_over_pieces)
{
    uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    uint32_t whole = crc32c(0, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut += 13)
        CHECK_INT(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut), whole);
}
