#include "sdp/sdp.h"

#include "base/error.h"
#include "base/memory.h"
#include "test.h"

static sdp_candidate_t *parse(const char *text)
{
    sdp_candidate_t *candidate = NULL;
    if (sdp_candidate_parse(text, strlen(text), &candidate) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", text, peer_last_error_message());
    return candidate;
}

static void check_error(const char *text, const char *message)
{
    sdp_candidate_t *candidate = NULL;
    CHECK_INT(sdp_candidate_parse(text, strlen(text), &candidate), PEER_ERROR_SYNTAX);
    CHECK(candidate == NULL);
    CHECK_TEXT(peer_last_error_message(), message);
}

TEST(candidates_as_browsers_write_them_come_back_verbatim)
{
    static const char *const lines[] = {
        "candidate:1376895092 1 udp 2122265343 fd00::2 38762 typ host generation 0 ufrag brAA network-id 2 network-cost 10",
        "candidate:0 2 UDP 2122187006 192.0.2.2 44088 typ host",
        "candidate:842163049 1 udp 1677729535 198.51.100.7 46154 typ srflx raddr 192.0.2.2 rport 46154 generation 0",
        "candidate:1 1 TCP 1015021823 192.0.2.2 9 typ host tcptype active",
        "candidate:3 1 udp 41885439 203.0.113.1 50000 typ relay raddr 0.0.0.0 rport 0 ufrag x",
        "candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 3a7b1c2e-5f0e-4a53-9a6f-111122223333.local 51926 typ host",
        "candidate:1 256 udp 1 fe80::1 0 typ mystery x 1 y 2",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        sdp_candidate_t *candidate = parse(lines[i]);
        text_t text = {0};
        sdp_candidate_write(candidate, &text);
        CHECK_TEXT(text.data, lines[i]);
        text_clear(&text);
        memory_free(candidate);
    }
}

TEST(fields_and_extensions_of_a_candidate_are_read)
{
    sdp_candidate_t *c =
        parse("a=candidate:842163049 1 udp 1677729535 198.51.100.7 46154 typ srflx raddr 192.0.2.2 rport 46155 generation 1 ufrag "
              "abcd\r\n");
    CHECK_TEXT(c->foundation, "842163049");
    CHECK_INT(c->component, 1);
    CHECK(c->is_udp && !c->is_tcp);
    CHECK_INT(c->priority, 1677729535);
    CHECK_TEXT(c->address, "198.51.100.7");
    CHECK_INT(c->port, 46154);
    CHECK_INT(c->type, SDP_CANDIDATE_SRFLX);
    CHECK_TEXT(c->related_address, "192.0.2.2");
    CHECK_INT(c->related_port, 46155);
    CHECK_INT(c->extension_count, 2);
    CHECK_TEXT(sdp_candidate_extension(c, "ufrag"), "abcd");
    CHECK(sdp_candidate_extension(c, "network-id") == NULL);

    arena_t arena = {0};
    sdp_candidate_t copy;
    CHECK(sdp_candidate_copy(&arena, c, &copy));
    memory_free(c);
    CHECK_TEXT(sdp_candidate_extension(&copy, "generation"), "1");
    arena_clear(&arena);
}

TEST(a_candidate_by_itself_fails_with_the_field_named)
{
    check_error("", "candidate: the text does not begin with \"candidate:\"");
    check_error("candidat:1", "candidate: the text does not begin with \"candidate:\"");
    check_error("candidate:", "candidate: foundation is missing");
    check_error("candidate:1 1 udp 1 192.0.2.1 99999 typ host", "candidate: \"99999\" is not a valid port");
    check_error("candidate:1 1 udp 1 192.0.2.1 9 typ host\r\nx", "candidate: a line end or NUL inside the text");
    check_error("candidate:1 1 udp 1 192.0.2.1 9 host", "candidate: \"host\" is not a valid \"typ\"");
}
