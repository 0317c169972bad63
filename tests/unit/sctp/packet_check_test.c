#include "sctp/packet_check.h"
#include "test.h"

static bool check(const uint8_t *chunks, size_t length)
{
    uint8_t packet[256] = {0};
    if (length > 0)
        memcpy(packet + 12, chunks, length);
    return packet_check_is_sound(packet, 12 + length);
}

#define SOUND(...) CHECK(check((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})))
#define UNSOUND(...) CHECK(!check((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})))

TEST(chunks_have_to_fill_the_packet)
{
    SOUND(11, 0, 0, 4);
    SOUND(11, 0, 0, 4, 14, 0, 0, 4);
    UNSOUND(11, 0, 0, 3);
    UNSOUND(11, 0, 0, 0);
    UNSOUND(11, 0, 0, 5);
    UNSOUND(11, 0, 0);
    UNSOUND(11, 0, 0, 4, 1);
    CHECK(!check(NULL, 0));
    CHECK(!packet_check_is_sound((const uint8_t[12]){0}, 11));
}

TEST(the_filling_of_the_last_chunk_may_be_missing)
{
    SOUND(0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 51, 'x');
    SOUND(0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 51, 'x', 0, 0, 0);
}

TEST(data_without_a_byte_of_data_is_unsound)
{
    UNSOUND(0, 3, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 51);
}

TEST(parameters_have_to_fill_their_chunk)
{
    SOUND(1, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 1);
    SOUND(1, 0, 0, 24, 0, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 1, 0xc0, 0, 0, 4);
    SOUND(1, 0, 0, 26, 0, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 1, 0x80, 8, 0, 6, 0x82, 0xc0, 0, 0);
    UNSOUND(1, 0, 0, 24, 0, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 1, 0xc0, 0, 0, 0);
    UNSOUND(1, 0, 0, 24, 0, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 1, 0xc0, 0, 0, 8);
    UNSOUND(1, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 9);
    SOUND(4, 0, 0, 8, 0, 1, 0, 4);
    UNSOUND(4, 0, 0, 8, 0, 1, 0, 3);
    UNSOUND(6, 0, 0, 8, 0, 12, 0, 9);
    UNSOUND(130, 0, 0, 4);
}

TEST(a_sack_has_as_many_blocks_as_it_says)
{
    SOUND(3, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 3);
    UNSOUND(3, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 3);
    UNSOUND(3, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0xff, 0xff);
    UNSOUND(3, 0, 0, 12, 0, 0, 0, 1, 0, 1, 0, 0);
}

TEST(kinds_that_webrtc_does_not_use_are_unsound)
{
    for (int type = 0; type < 256; type++) {
        uint8_t chunk[24] = {(uint8_t)type, 0, 0, 24};
        static const uint8_t refused[] = {12, 13, 15, 16, 64, 128, 129, 193, 194};
        for (size_t i = 0; i < sizeof refused; i++)
            if (refused[i] == type)
                CHECK(!check(chunk, sizeof chunk));
    }
}
