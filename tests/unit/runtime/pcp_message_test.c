#include "runtime/pcp_message.h"

#include "test.h"

static pcp_map_t example(void)
{
    return (pcp_map_t){.nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                       .local = address_ipv4(192, 168, 1, 2, 5000),
                       .external = address_ipv4(9, 9, 9, 9, 6000),
                       .lifetime_s = 3600};
}

static const uint8_t response[PCP_MAP_SIZE] = {
    2,    129,  0,    0,    0, 0, 0x0e, 0x10, 0, 0,  0,  7,  0,  0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, /* header */
    1,    2,    3,    4,    5, 6, 7,    8,    9, 10, 11, 12, 17, 0, 0,    0,                            /* nonce, protocol */
    0x13, 0x88, 0x17, 0x71, 0, 0, 0,    0,    0, 0,  0,  0,  0,  0, 0xff, 0xff, 9, 9, 9, 9,             /* 5000, 6001, 9.9.9.9 */
};

TEST(a_map_request_is_written_as_rfc_6887_says)
{
    static const uint8_t expected[PCP_MAP_SIZE] = {
        2,    1,    0,    0,    0, 0, 0x0e, 0x10, 0, 0,  0,  0,  0,  0, 0,    0,    0, 0, 0xff, 0xff, 192, 168, 1, 2, /* header */
        1,    2,    3,    4,    5, 6, 7,    8,    9, 10, 11, 12, 17, 0, 0,    0,                                      /* nonce, protocol */
        0x13, 0x88, 0x17, 0x70, 0, 0, 0,    0,    0, 0,  0,  0,  0,  0, 0xff, 0xff, 9, 9, 9,    9, /* 5000, 6000, 9.9.9.9 */
    };
    uint8_t message[PCP_MAP_SIZE];
    pcp_map_t map = example();
    pcp_write_map(message, &map);
    CHECK_BYTES(message, expected, sizeof expected);
}

TEST(its_answer_gives_the_external_address_and_the_lifetime)
{
    pcp_map_t map = example();
    char text[ADDRESS_TEXT_SIZE];
    map.lifetime_s = 100;
    CHECK(pcp_read_map(response, sizeof response, &map));
    CHECK_TEXT(address_text(&map.external, text), "9.9.9.9:6001");
    CHECK_INT(map.lifetime_s, 3600);
}

TEST(an_answer_to_something_else_or_cut_short_is_none)
{
    /* version, opcode, result, nonce, protocol, inner port, family of the address */
    static const size_t places[] = {0, 1, 3, 24, 36, 40, 54};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint8_t message[PCP_MAP_SIZE];
        pcp_map_t map = example();
        memcpy(message, response, sizeof message);
        message[places[i]] ^= 1;
        CHECK(!pcp_read_map(message, sizeof message, &map));
        CHECK_INT(map.external.port, 6000);
    }
    for (size_t length = 0; length < sizeof response; length++) {
        pcp_map_t map = example();
        CHECK(!pcp_read_map(response, length, &map));
    }
}
