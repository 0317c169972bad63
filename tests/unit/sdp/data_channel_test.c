/* Data channels in a description (RFC 8864). */
#include "sdp/sdp.h"

#include "base/error.h"
#include "test.h"

#include <string.h>

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"

static int parse_lines(const char *lines, sdp_t **sdp)
{
    text_t text = {0};
    text_add(&text, HEAD);
    text_add(&text, lines);
    int error = sdp_parse(text.data, text.length, sdp);
    text_clear(&text);
    return error;
}

TEST(a_channel_is_read_into_fields_and_written_again)
{
    static const char lines[] = "a=dcmap:2 subprotocol=\"bfcp\";label=\"a%22;%25 b\";ordered=false;max-retr=3;priority=512\r\n"
                                "a=dcmap:65534 max-time=15000\r\n"
                                "a=dcmap:0\r\n"
                                "a=dcsa:2 accept-types:message/cpim text/plain\r\n";
    sdp_t *sdp = NULL;
    CHECK_INT(parse_lines(lines, &sdp), 0);
    const sdp_media_t *media = &sdp->media[0];
    CHECK_INT(media->dcmap_count, 3);
    const sdp_dcmap_t *first = &media->dcmaps[0], *second = &media->dcmaps[1], *third = sdp_media_dcmap(media, 0);
    CHECK_INT(first->stream, 2);
    CHECK_TEXT(first->subprotocol, "bfcp");
    CHECK_TEXT(first->label, "a\";% b");
    CHECK(first->is_unordered);
    CHECK_INT(first->max_retr, 3);
    CHECK_INT(first->max_time, -1);
    CHECK_INT(first->priority, 512);
    CHECK_INT(second->stream, 65534);
    CHECK_INT(second->max_time, 15000);
    CHECK(third == &media->dcmaps[2] && !third->is_unordered && third->max_retr == -1 && third->priority == 0);
    CHECK_TEXT(third->label, "");
    CHECK(sdp_media_dcmap(media, 1) == NULL);
    CHECK_INT(media->dcsa_count, 1);
    CHECK_INT(media->dcsas[0].stream, 2);
    CHECK_TEXT(media->dcsas[0].attribute, "accept-types:message/cpim text/plain");
    text_t text = {0};
    sdp_write(sdp, &text);
    CHECK(strstr(text.data, "a=dcmap:2 subprotocol=\"bfcp\";label=\"a%22;%25 b\";ordered=false;max-retr=3;priority=512\r\n") != NULL);
    CHECK(strstr(text.data, "a=dcmap:65534 max-time=15000\r\na=dcmap:0\r\na=dcsa:2 accept-types:message/cpim text/plain\r\n") != NULL);
    text_clear(&text);
    sdp_free(sdp);
}

TEST(what_is_no_channel_is_named_with_its_line)
{
    static const char *const wrong[] = {
        "a=dcmap:65536\r\n",
        "a=dcmap:x\r\n",
        "a=dcmap:1 label\r\n",
        "a=dcmap:1 label=a\r\n",
        "a=dcmap:1 label=\"a\r\n",
        "a=dcmap:1 label=\"%4\"\r\n",
        "a=dcmap:1 label=\"%00\"\r\n",
        "a=dcmap:1 label=\"a\"b\r\n",
        "a=dcmap:1 label=\"a\";\r\n",
        "a=dcmap:1 label=\"a\";label=\"b\"\r\n",
        "a=dcmap:1 colour=\"red\"\r\n",
        "a=dcmap:1 ordered=no\r\n",
        "a=dcmap:1 max-retr=-1\r\n",
        "a=dcmap:1 max-retr=4294967296\r\n",
        "a=dcmap:1 max-retr=1;max-time=1\r\n",
        "a=dcmap:1 priority=65536\r\n",
        "a=dcsa:1\r\n",
        "a=dcsa:x accept-types:a\r\n",
    };
    sdp_t *sdp = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_INT(parse_lines(wrong[i], &sdp), PEER_ERROR_SYNTAX);
        CHECK(strstr(peer_last_error_message(), "line 7") != NULL);
    }
    CHECK_INT(parse_lines("a=dcmap:1\r\na=dcmap:1 ordered=false\r\n", &sdp), PEER_ERROR_SYNTAX);
    CHECK(strstr(peer_last_error_message(), "line 8") != NULL && strstr(peer_last_error_message(), "twice") != NULL);
}

TEST(strings_are_bounded_so_that_what_was_read_can_be_written_and_read_again)
{
    for (size_t over = 0; over < 2; over++) {
        text_t lines = {0};
        sdp_t *sdp = NULL;
        text_add(&lines, "a=dcmap:1 label=\"");
        for (size_t i = 0; i < SDP_DCMAP_STRINGS_MAX + over; i++)
            text_add(&lines, "\xc3");
        text_add(&lines, "\"\r\n");
        CHECK_INT(parse_lines(lines.data, &sdp), over ? PEER_ERROR_SYNTAX : 0);
        sdp_t *copy = sdp != NULL ? sdp_copy(sdp) : NULL;
        CHECK(over || strlen(copy->media[0].dcmaps[0].label) == SDP_DCMAP_STRINGS_MAX);
        sdp_free(copy);
        sdp_free(sdp);
        text_clear(&lines);
    }
}

TEST(a_section_holds_a_bounded_number_of_channels)
{
    text_t lines = {0};
    sdp_t *sdp = NULL;
    for (unsigned i = 0; i < SDP_DCMAPS_MAX; i++)
        text_addf(&lines, "a=dcmap:%u\r\n", i);
    CHECK_INT(parse_lines(lines.data, &sdp), 0);
    CHECK_INT(sdp->media[0].dcmap_count, SDP_DCMAPS_MAX);
    sdp_free(sdp);
    text_addf(&lines, "a=dcmap:%u\r\n", SDP_DCMAPS_MAX);
    CHECK_INT(parse_lines(lines.data, &sdp), PEER_ERROR_SYNTAX);
    CHECK(strstr(peer_last_error_message(), "more data channels") != NULL);
    text_clear(&lines);
}
