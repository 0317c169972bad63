#include "runtime/mdns_message.h"

#include "test.h"

#define NAME "c1f3b0a2-6b7e-4d0b-9e51-0a6f4f6e5d11.local"

static const uint8_t response[] = {
    0,    0,   0x84, 0,   0,    0,   0,    2,   0,   0,   0,   1, /* header: 2 answers, 1 additional */
    4,    'h', 'o',  's', 't',  5,   'l',  'o', 'c', 'a', 'l', 0,  0,    1, 0x80, 1,    0, 0, 0,   120, 0, 4, 192, 0, 2, 7, /* host.local A,
                                                                                                                               cache-flush
                                                                                                                             */
    0xc0, 12,  0,    28,  0x80, 1,   0,    0,   0,   120, 0,   16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0,   0,   0, 0, 0,   0, 0, 0, 0,
    7,                                                                                                        /* its AAAA, compressed */
    5,    'o', 't',  'h', 'e',  'r', 0xc0, 17,  0,   1,   0,   1,  0,    0, 0,    120,  0, 4, 192, 0,   2, 8, /* other.local A */
};

TEST(a_query_asks_for_both_kinds_of_address_by_rfc_6762)
{
    uint8_t message[MDNS_QUERY_MAX];
    static const uint8_t expected[] = {0,   0, 0, 0, 0, 2, 0, 0,   0, 0,   0,   0,   1,   'a', 5, 'l', 'o', 'c', 'a',
                                       'l', 0, 0, 1, 0, 1, 1, 'a', 5, 'l', 'o', 'c', 'a', 'l', 0, 0,   28,  0,   1};
    CHECK_INT(mdns_write_query(message, sizeof message, "a.local"), sizeof expected);
    CHECK_BYTES(message, expected, sizeof expected);
    CHECK(mdns_write_query(message, sizeof message, NAME) != 0);
}

TEST(what_is_not_a_name_is_not_asked_for)
{
    uint8_t message[MDNS_QUERY_MAX];
    char long_label[80] = {0}, long_name[300] = {0};
    memset(long_label, 'a', 64);
    for (size_t i = 0; i < 290; i++)
        long_name[i] = i % 10 == 9 ? '.' : 'a';
    CHECK_INT(mdns_write_query(message, sizeof message, ""), 0);
    CHECK_INT(mdns_write_query(message, sizeof message, "a..local"), 0);
    CHECK_INT(mdns_write_query(message, sizeof message, ".local"), 0);
    CHECK_INT(mdns_write_query(message, sizeof message, long_label), 0);
    CHECK_INT(mdns_write_query(message, sizeof message, long_name), 0);
    CHECK_INT(mdns_write_query(message, 20, "host.local"), 0);
}

TEST(a_response_gives_its_addresses_under_their_names)
{
    mdns_record_t records[MDNS_RECORDS_MAX];
    char text[ADDRESS_TEXT_SIZE];
    size_t count;
    CHECK(mdns_parse_response(response, sizeof response, records, &count));
    CHECK_INT(count, 3);
    CHECK_TEXT(records[0].name, "host.local");
    CHECK_TEXT(address_ip_text(&records[0].address, text), "192.0.2.7");
    CHECK_TEXT(records[1].name, "host.local");
    CHECK_TEXT(address_ip_text(&records[1].address, text), "2001:db8::7");
    CHECK_TEXT(records[2].name, "other.local");
    CHECK_TEXT(address_ip_text(&records[2].address, text), "192.0.2.8");
}

TEST(a_response_cut_anywhere_gives_nothing)
{
    mdns_record_t records[MDNS_RECORDS_MAX];
    size_t count = 1;
    for (size_t length = 0; length < sizeof response; length++) {
        CHECK(!mdns_parse_response(response, length, records, &count));
        CHECK_INT(count, 0);
    }
}

TEST(queries_and_errors_are_not_responses)
{
    mdns_record_t records[MDNS_RECORDS_MAX];
    uint8_t message[sizeof response];
    size_t count;
    memcpy(message, response, sizeof message);
    message[2] = 0x04;
    CHECK(!mdns_parse_response(message, sizeof message, records, &count));
    message[2] = 0x8c;
    CHECK(!mdns_parse_response(message, sizeof message, records, &count));
    message[2] = 0x84;
    message[3] = 3;
    CHECK(!mdns_parse_response(message, sizeof message, records, &count));
}

TEST(names_that_point_forward_or_at_themselves_are_malformed)
{
    static const uint8_t self[] = {0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4};
    static const uint8_t forward[] = {0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 14, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4};
    static const uint8_t loop[] = {0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 'a', 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4};
    mdns_record_t records[MDNS_RECORDS_MAX];
    size_t count;
    CHECK(!mdns_parse_response(self, sizeof self, records, &count));
    CHECK(!mdns_parse_response(forward, sizeof forward, records, &count));
    CHECK(!mdns_parse_response(loop, sizeof loop, records, &count));
}

TEST(an_address_of_the_wrong_size_is_malformed_and_a_good_bye_is_no_address)
{
    uint8_t message[] = {0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4};
    mdns_record_t records[MDNS_RECORDS_MAX];
    size_t count;
    CHECK(mdns_parse_response(message, sizeof message, records, &count));
    CHECK_INT(count, 1);
    message[22] = 0;
    CHECK(mdns_parse_response(message, sizeof message, records, &count));
    CHECK_INT(count, 0);
    message[16] = 28;
    CHECK(!mdns_parse_response(message, sizeof message, records, &count));
}

static const uint8_t query[] = {
    0,    7,   0,   0,   0,   3, 0,   1,   0,   0,   0,   0,                  /* header: 3 questions, 1 known answer */
    4,    'h', 'o', 's', 't', 5, 'l', 'o', 'c', 'a', 'l', 0, 0,   1, 0x80, 1, /* host.local A, by unicast */
    0xc0, 12,  0,   28,  0,   1,                                              /* its AAAA */
    0xc0, 12,  0,   1,   0,   3,                                              /* of another class */
    0xc0, 12,  0,   1,   0,   1, 0,   0,   0,   60,  0,   4, 192, 0, 2,    7, /* known */
};

TEST(a_query_gives_its_questions_and_what_is_known_already)
{
    mdns_query_t parsed;
    char text[ADDRESS_TEXT_SIZE];
    CHECK(mdns_parse_query(query, sizeof query, &parsed));
    CHECK_INT(parsed.id, 7);
    CHECK_INT(parsed.question_count, 2);
    CHECK_TEXT(parsed.questions[0].name, "host.local");
    CHECK_INT(parsed.questions[0].type, MDNS_TYPE_A);
    CHECK(parsed.questions[0].wants_unicast && !parsed.questions[1].wants_unicast);
    CHECK_INT(parsed.questions[1].type, MDNS_TYPE_AAAA);
    CHECK_INT(parsed.known_count, 1);
    CHECK_INT(parsed.known[0].ttl, 60);
    CHECK_TEXT(address_ip_text(&parsed.known[0].address, text), "192.0.2.7");
    for (size_t length = 0; length < sizeof query; length++)
        CHECK(!mdns_parse_query(query, length, &parsed));
    CHECK(!mdns_parse_query(response, sizeof response, &parsed));
}

TEST(a_response_tells_the_address_and_that_there_is_no_other_type)
{
    uint8_t message[MDNS_RESPONSE_MAX];
    static const uint8_t expected[] = {
        0,    0,   0x84, 0,   0,    0,   0,   1,   0, 0,   0, 1,                                              /* header */
        1,    'a', 5,    'l', 'o',  'c', 'a', 'l', 0, 0,   1, 0x80, 1,    0,  0, 0, 120,  0, 4, 192, 0, 2, 7, /* A, cache-flush */
        0xc0, 12,  0,    47,  0x80, 1,   0,   0,   0, 120, 0, 5,    0xc0, 12, 0, 1, 0x40,                     /* NSEC */
    };
    mdns_response_t told = {.id = 7,
                            .answers = {{.name = "a.local", .address = address_ipv4(192, 0, 2, 7, 0)}},
                            .answer_count = 1,
                            .additional = {{.name = "a.local", .has_ipv4 = true}},
                            .additional_count = 1};
    CHECK_INT(mdns_write_response(message, sizeof message, &told), sizeof expected);
    CHECK_BYTES(message, expected, sizeof expected);
    /* A resolver of plain DNS is told in its own terms: RFC 6762 §6.7. */
    const mdns_question_t question = {.name = "a.local", .type = MDNS_TYPE_A};
    told.legacy = &question;
    mdns_record_t records[MDNS_RECORDS_MAX];
    size_t count, length = mdns_write_response(message, sizeof message, &told);
    CHECK(length != 0 && message[1] == 7 && message[5] == 1);
    CHECK(mdns_parse_response(message, length, records, &count));
    CHECK_INT(count, 1);
    CHECK_INT(records[0].ttl, 10);
}

TEST(a_response_leaves_out_what_does_not_fit)
{
    uint8_t message[MDNS_RESPONSE_MAX];
    char names[MDNS_RECORDS_MAX][MDNS_NAME_SIZE];
    mdns_response_t told = {.answer_count = MDNS_RECORDS_MAX};
    mdns_record_t records[MDNS_RECORDS_MAX];
    size_t count;
    for (size_t i = 0; i < MDNS_RECORDS_MAX; i++) {
        memset(names[i], 'a', 150);
        memcpy(names[i] + 60, ".", 1);
        memcpy(names[i] + 120, ".", 1);
        names[i][0] = (char)('a' + i);
        names[i][150] = '\0';
        told.answers[i] = (mdns_answer_t){.name = names[i], .address = address_ipv4(192, 0, 2, 7, 0)};
    }
    size_t length = mdns_write_response(message, sizeof message, &told);
    CHECK(mdns_parse_response(message, length, records, &count));
    CHECK_INT(count, (MDNS_RESPONSE_MAX - 12) / (152 + 14));
}
