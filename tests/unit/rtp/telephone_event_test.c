/* Telephone events on the wire (RFC 4733 §2.3). */
#include "rtp/telephone_event.h"
#include "test.h"

TEST(a_report_is_code_end_volume_and_duration)
{
    static const uint8_t expected[] = {11, 0x8a, 0x03, 0x20}; /* "#", E, -10 dBm0, 800 units: 100 ms at 8 kHz */
    uint8_t payload[RTP_TELEPHONE_EVENT_SIZE];
    rtp_telephone_event_t events[RTP_TELEPHONE_EVENTS_MAX];
    rtp_telephone_event_write(payload, &(rtp_telephone_event_t){.code = 11, .is_end = true, .volume = 10, .duration = 800});
    CHECK_BYTES(payload, expected, sizeof expected);
    CHECK_INT(rtp_telephone_event_parse(events, payload, sizeof payload), 1);
    CHECK_INT(events[0].code, 11);
    CHECK(events[0].is_end);
    CHECK_INT(events[0].volume, 10);
    CHECK_INT(events[0].duration, 800);
    payload[1] = 0x7f; /* the reserved bit is no part of the volume */
    CHECK_INT(rtp_telephone_event_parse(events, payload, sizeof payload), 1);
    CHECK(!events[0].is_end);
    CHECK_INT(events[0].volume, 63);
}

TEST(several_reports_may_be_in_one_packet)
{
    static const uint8_t payload[] = {1, 0x80, 1, 0, 2, 0, 0, 9};
    rtp_telephone_event_t events[RTP_TELEPHONE_EVENTS_MAX];
    CHECK_INT(rtp_telephone_event_parse(events, payload, sizeof payload), 2);
    CHECK_INT(events[0].duration, 256);
    CHECK_INT(events[1].code, 2);
    CHECK_INT(events[1].duration, 9);
    uint8_t many[100 * RTP_TELEPHONE_EVENT_SIZE] = {0};
    CHECK_INT(rtp_telephone_event_parse(events, many, sizeof many), RTP_TELEPHONE_EVENTS_MAX);
}

TEST(payloads_that_are_empty_or_cut_short_are_malformed)
{
    static const uint8_t payload[] = {1, 0x80, 1, 0, 2, 0, 0};
    rtp_telephone_event_t events[RTP_TELEPHONE_EVENTS_MAX];
    for (size_t length = 0; length <= sizeof payload; length++)
        CHECK_INT(rtp_telephone_event_parse(events, payload, length), length == 4);
}

TEST(the_keys_of_a_telephone_have_the_codes_of_rfc_4733_table_3)
{
    static const char tones[] = "0123456789*#ABCD";
    for (int i = 0; i < RTP_TELEPHONE_EVENT_CODES; i++) {
        CHECK_INT(rtp_telephone_event_code(tones[i]), i);
        CHECK_INT(rtp_telephone_event_tone((uint8_t)i), tones[i]);
    }
    CHECK_INT(rtp_telephone_event_code('a'), 12);
    CHECK_INT(rtp_telephone_event_code('d'), 15);
    static const char others[] = "eE,; \x7f\xff";
    for (size_t i = 0; i < sizeof others; i++) /* the NUL too */
        CHECK_INT(rtp_telephone_event_code(others[i]), -1);
    CHECK_INT(rtp_telephone_event_tone(16), 0);
}
