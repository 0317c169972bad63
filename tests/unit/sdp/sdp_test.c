#include "sdp/sdp.h"

#include "base/error.h"
#include "base/memory.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const vectors[] = {
    "aiortc-answer",  "aiortc-offer",  "chromium-answer", "chromium-offer", "chromium-offer-simulcast",
    "firefox-answer", "firefox-offer", "gst-offer",       "ndc-answer",     "node-datachannel-offer",
    "pion-answer",    "pion-offer",    "pion-v4-answer",  "pion-v4-offer",  "werift-answer",
    "werift-offer",
};
#define VECTOR_COUNT (sizeof vectors / sizeof *vectors)

static char *read_vector(const char *name, size_t *length)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/sdp/%s.sdp", VECTORS, name);
    return test_read_file(path, length);
}

static sdp_t *parse(const char *text)
{
    sdp_t *sdp = NULL;
    if (sdp_parse(text, strlen(text), &sdp) < 0)
        test_fail(__FILE__, __LINE__, "%s", peer_last_error_message());
    return sdp;
}

static sdp_t *parse_vector(const char *name)
{
    char *text = read_vector(name, NULL);
    sdp_t *sdp = parse(text);
    free(text);
    return sdp;
}

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of a text sorted inside each section, with the few spellings made equal that mean the same. Works in `text`. */
static char **sorted_lines(char *text, size_t *count)
{
    char **lines = calloc(4096, sizeof *lines);
    size_t n = 0, section = 0;
    for (char *line = strtok(text, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
        char *space = strstr(line, "msid-semantic: ");
        if (space != NULL)
            memmove(space + 14, space + 15, strlen(space + 15) + 1);
        if (strncmp(line, "a=ice-options:", 14) == 0)
            for (char *c = line; *c != '\0'; c++)
                if (*c == ',')
                    *c = ' ';
        for (size_t length = strlen(line); length > 0 && line[length - 1] == ' '; length--)
            line[length - 1] = '\0';
        if (line[0] == 'm') {
            qsort(lines + section, n - section, sizeof *lines, compare_lines);
            section = n;
        }
        lines[n++] = line;
    }
    qsort(lines + section, n - section, sizeof *lines, compare_lines);
    *count = n;
    return lines;
}

TEST(every_saved_offer_and_answer_keeps_every_line_when_parsed_and_written)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        char *original = read_vector(vectors[i], NULL);
        sdp_t *sdp = parse(original);
        text_t written = {0};
        sdp_write(sdp, &written);
        CHECK(!written.failed);
        size_t a_count, b_count;
        char **a = sorted_lines(original, &a_count), **b = sorted_lines(written.data, &b_count);
        for (size_t j = 0; j < a_count && j < b_count; j++)
            if (strcmp(a[j], b[j]) != 0)
                test_fail(__FILE__, __LINE__, "%s: \"%s\" became \"%s\"", vectors[i], a[j], b[j]);
        CHECK_INT(b_count, a_count);
        free(a);
        free(b);
        free(original);
        text_clear(&written);
        sdp_free(sdp);
    }
}

TEST(a_copy_writes_the_same_text)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        sdp_t *sdp = parse_vector(vectors[i]);
        sdp_t *copy = sdp_copy(sdp);
        text_t a = {0}, b = {0};
        sdp_write(sdp, &a);
        sdp_free(sdp);
        sdp_write(copy, &b);
        CHECK_TEXT(a.data, b.data);
        text_clear(&a);
        text_clear(&b);
        sdp_free(copy);
    }
}

TEST(malformed_descriptions_give_an_error_that_names_line_and_reason)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/sdp/bad/expected.txt", VECTORS);
    char *expected = test_read_file(path, NULL);
    size_t count = 0;
    char *next = expected;
    while (*next != '\0') {
        char *name = next, *message = strchr(next, '\t');
        *message++ = '\0';
        next = strchr(message, '\n');
        *next++ = '\0';
        char file[600];
        snprintf(file, sizeof file, "bad/%s", name);
        size_t length;
        char *text = read_vector(file, &length);
        sdp_t *sdp = NULL;
        int error = sdp_parse(text, length, &sdp);
        if (error != PEER_ERROR_SYNTAX || sdp != NULL || strcmp(peer_last_error_message(), message) != 0)
            test_fail(__FILE__, __LINE__, "%s: %d, \"%s\" instead of \"%s\"", name, error, peer_last_error_message(), message);
        free(text);
        count++;
    }
    CHECK(count > 80);
    free(expected);
}

TEST(every_truncation_and_every_single_byte_change_is_an_error_or_a_description)
{
    size_t length;
    char *text = read_vector("chromium-offer-simulcast", &length);
    for (size_t i = 0; i < length; i++) {
        sdp_t *sdp = NULL;
        if (sdp_parse(text, i, &sdp) == 0)
            sdp_free(sdp);
        sdp = NULL;
        char kept = text[i];
        text[i] = (char)(i * 37 + 1);
        if (sdp_parse(text, length, &sdp) == 0)
            sdp_free(sdp);
        text[i] = kept;
    }
    free(text);
}

TEST(chromium_offer_is_read_into_fields)
{
    sdp_t *sdp = parse_vector("chromium-offer");
    CHECK(sdp->origin.session_id == UINT64_C(8859657119395625277));
    CHECK_INT(sdp->origin.session_version, 2);
    CHECK_INT(sdp->media_count, 3);
    CHECK(sdp->common.extmap_allow_mixed);
    CHECK_TEXT(sdp->msid_semantic, "WMS");
    const sdp_group_t *bundle = sdp_group_find(sdp, "BUNDLE", "2");
    CHECK(bundle != NULL && bundle->mid_count == 3 && !sdp_group_has(bundle, "3"));

    const sdp_media_t *video = sdp_media_by_mid(sdp, "1");
    CHECK(video == &sdp->media[1]);
    CHECK_INT(video->format_count, 23);
    CHECK_TEXT(sdp_media_rtpmap(video, 96)->encoding, "VP8");
    CHECK_TEXT(sdp_media_fmtp(video, 97), "apt=96");
    CHECK_INT(sdp_media_rtpmap(&sdp->media[0], 111)->channels, 2);
    CHECK_INT(video->ssrc_group_count, 1);
    CHECK(video->ssrc_groups[0].ssrcs[1] == 4168459228u);
    CHECK_TEXT(video->ssrcs[0].attribute, "cname");
    CHECK_TEXT(video->msids[0].track, "3b1b7fef-1a77-4110-92b6-bfb82641bc41");
    CHECK_INT(video->candidate_count, 4);
    CHECK(video->candidates[2].is_tcp && video->candidates[2].tcptype == SDP_TCPTYPE_ACTIVE);
    CHECK_TEXT(sdp_candidate_extension(&video->candidates[1], "network-id"), "2");
    CHECK(sdp_media_setup(sdp, video) == SDP_SETUP_ACTPASS);
    CHECK(video->rtcp_mux && video->rtcp_rsize && video->has_rtcp && video->rtcp_port == 9);
    CHECK_TEXT(video->common.attributes[0].name, "rtcp-xr");
    CHECK_TEXT(video->common.attributes[0].value, "rcvr-rtt=all");
    CHECK_INT(sdp->media[2].sctp_port, 5000);
    CHECK_INT(sdp->media[2].max_message_size, 262144);
    sdp_free(sdp);
}

TEST(simulcast_and_rids_are_read)
{
    sdp_t *sdp = parse_vector("chromium-offer-simulcast");
    const sdp_media_t *video = &sdp->media[0];
    CHECK_INT(video->rid_count, 3);
    CHECK_TEXT(video->rids[1].id, "m");
    CHECK_INT(video->simulcast.send_count, 3);
    CHECK_TEXT(video->simulcast.send[2].rids[0].id, "l");
    sdp_free(sdp);
    sdp = parse(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=rid:1 send pt=96,97;max-width=1280;max-fps=30\r\na=rid:2 recv\r\n"
                     "a=simulcast:recv 2;~3,4 send 1\r\n");
    video = &sdp->media[0];
    CHECK_INT(video->rids[0].payload_type_count, 2);
    CHECK_TEXT(video->rids[0].restrictions[1].name, "max-fps");
    CHECK_TEXT(video->rids[0].restrictions[1].value, "30");
    CHECK_INT(video->simulcast.receive_count, 2);
    CHECK(video->simulcast.receive[1].rids[0].is_paused && !video->simulcast.receive[1].rids[1].is_paused);
    text_t text = {0};
    sdp_write(sdp, &text);
    CHECK(strstr(text.data, "a=rid:1 send pt=96,97;max-width=1280;max-fps=30\r\na=rid:2 recv\r\na=simulcast:send 1 recv 2;~3,4\r\n") !=
          NULL);
    text_clear(&text);
    sdp_free(sdp);
}

TEST(media_inherit_session_attributes_unless_they_have_their_own)
{
    sdp_t *sdp =
        parse(HEAD "c=IN IP4 192.0.2.1\r\na=recvonly\r\na=setup:passive\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
                   "a=ice-options:trickle ice2\r\na=extmap:5 urn:session\r\na=fingerprint:SHA-1 "
                   "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13\r\na=tls-id:one\r\n"
                   "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
                   "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=sendonly\r\na=setup:active\r\na=ice-ufrag:efgh\r\na=extmap:1 urn:media\r\n"
                   "a=fingerprint:md5 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\r\n");
    size_t count;
    const sdp_media_t *first = &sdp->media[0], *second = &sdp->media[1];
    CHECK(sdp_media_direction(sdp, first) == SDP_RECVONLY && sdp_media_direction(sdp, second) == SDP_SENDONLY);
    CHECK(sdp_media_setup(sdp, first) == SDP_SETUP_PASSIVE && sdp_media_setup(sdp, second) == SDP_SETUP_ACTIVE);
    CHECK_TEXT(sdp_media_ice_ufrag(sdp, first), "abcd");
    CHECK_TEXT(sdp_media_ice_ufrag(sdp, second), "efgh");
    CHECK_TEXT(sdp_media_ice_pwd(sdp, second), "0123456789012345678901");
    CHECK(sdp_media_has_ice_option(sdp, second, "ice2") && !sdp_media_has_ice_option(sdp, second, "renomination"));
    CHECK_TEXT(sdp_media_fingerprints(sdp, first, &count)->algorithm, "sha-1");
    CHECK_INT(sdp_media_fingerprints(sdp, first, &count)->bytes[19], 0x13);
    CHECK_TEXT(sdp_media_fingerprints(sdp, second, &count)->algorithm, "md5");
    CHECK_INT(count, 1);
    CHECK_TEXT(sdp_media_extmaps(sdp, first, &count)->uri, "urn:session");
    CHECK_TEXT(sdp_media_extmaps(sdp, second, &count)->uri, "urn:media");
    CHECK_TEXT(sdp_media_connection(sdp, first)->address, "192.0.2.1");
    CHECK_TEXT(sdp_media_tls_id(sdp, first), "one");
    sdp_free(sdp);
}

TEST(line_ends_may_be_lf_and_the_last_may_be_missing)
{
    sdp_t *sdp = parse("v=0\no=- 1 2 IN IP4 127.0.0.1\ns= \nt=0 0\nm=audio 0 RTP/AVP 0");
    CHECK_INT(sdp->media_count, 1);
    sdp_free(sdp);
}

TEST(unknown_attributes_and_rare_lines_survive_in_order)
{
    sdp_t *sdp =
        parse("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\ni=about\r\nu=http://example.org\r\ne=x@example.org\r\np=+1\r\n"
              "t=1 2\r\nr=7d 1h 0 25h\r\nz=0 0\r\na=tool:x\r\na=rtcp-mux\r\n" AUDIO
              "i=title\r\nb=AS:30\r\nb=TIAS:30000\r\na=zeta:1\r\na=alpha\r\na=future-init:AAA=\r\na=ptime:2.5\r\na=maxptime:60\r\n");
    text_t text = {0};
    sdp_write(sdp, &text);
    CHECK_TEXT(text.data, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\ni=about\r\nu=http://example.org\r\ne=x@example.org\r\np=+1\r\n"
                          "t=1 2\r\nr=7d 1h 0 25h\r\nz=0 0\r\na=tool:x\r\na=rtcp-mux\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\ni=title\r\n"
                          "c=IN IP4 0.0.0.0\r\nb=AS:30\r\nb=TIAS:30000\r\na=maxptime:60\r\na=zeta:1\r\na=alpha\r\na=future-init:AAA=\r\n"
                          "a=ptime:2.5\r\n");
    text_clear(&text);
    sdp_free(sdp);
}

TEST(an_edited_description_may_have_its_bandwidth_line_anywhere)
{
    sdp_t *sdp = parse(HEAD AUDIO "a=mid:0\r\nb=AS:500\r\na=sendrecv\r\n");
    CHECK_INT(sdp->media[0].common.bandwidths[0].value, 500);
    sdp_free(sdp);
}

TEST(caps_bound_media_sections_and_lines)
{
    text_t text = {0};
    text_add(&text, HEAD);
    for (int i = 0; i < (int)SDP_MEDIA_MAX; i++)
        text_add(&text, "m=audio 0 RTP/AVP 0\r\n");
    sdp_t *sdp = NULL;
    CHECK_INT(sdp_parse(text.data, text.length, &sdp), 0);
    CHECK_INT(sdp->media_count, SDP_MEDIA_MAX);
    sdp_free(sdp);
    text_add(&text, "m=audio 0 RTP/AVP 0\r\n");
    CHECK_INT(sdp_parse(text.data, text.length, &sdp), PEER_ERROR_SYNTAX);
    CHECK_TEXT(peer_last_error_message(), "line 2053: too many m= lines");
    text_clear(&text);

    text_add(&text, HEAD AUDIO);
    for (int i = 0; i < (int)SDP_SECTION_LINES_MAX; i++)
        text_add(&text, "a=x\r\n");
    CHECK_INT(sdp_parse(text.data, text.length, &sdp), PEER_ERROR_SYNTAX);
    text_clear(&text);
}

/* `count` of an item between two texts, in one section. */
static int parse_many(const char *before, const char *item, size_t count, const char *after)
{
    text_t text = {0};
    sdp_t *sdp = NULL;
    text_add(&text, HEAD AUDIO);
    text_add(&text, before);
    for (size_t i = 0; i < count; i++)
        text_add(&text, item);
    text_add(&text, after);
    int error = sdp_parse(text.data, text.length, &sdp);
    sdp_free(sdp);
    text_clear(&text);
    return error;
}

TEST(caps_bound_what_is_looked_for_in_each_other)
{
    static const struct {
        const char *before, *item, *after;
        size_t most;
    } caps[] = {{"", "a=rid:a send\r\n", "", SDP_RIDS_MAX},
                {"a=simulcast:send a", ";a", "\r\n", SDP_RIDS_MAX - 1},
                {"a=simulcast:send a", ",a", " recv b\r\n", SDP_RIDS_MAX - 1},
                {"a=mid:", "m", "\r\n", SDP_MID_MAX},
                {"a=rid:a send pt=0", ",0", "\r\n", SDP_RID_FORMATS_MAX - 1},
                {"a=ssrc-group:FID", " 1", "\r\n", SDP_GROUPED_SSRCS_MAX},
                {"", "a=ssrc-group:FID 1 2\r\n", "", SDP_GROUPED_SSRCS_MAX / 2}};
    for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
        CHECK_INT(parse_many(caps[i].before, caps[i].item, caps[i].most, caps[i].after), 0);
        CHECK_INT(parse_many(caps[i].before, caps[i].item, caps[i].most + 1, caps[i].after), PEER_ERROR_SYNTAX);
        CHECK(strstr(peer_last_error_message(), "too many") != NULL || strstr(peer_last_error_message(), "is longer") != NULL);
    }
}

TEST(parsing_survives_every_failed_allocation)
{
    char *text = read_vector("firefox-offer", NULL);
    bool done = false;
    for (unsigned n = 1; !done; n++) {
        sdp_t *sdp = NULL;
        memory_fail_nth(n);
        int error = sdp_parse(text, strlen(text), &sdp);
        memory_fail_nth(0);
        done = error == 0;
        CHECK(done ? sdp != NULL : error == PEER_ERROR_NO_MEMORY && sdp == NULL);
        sdp_free(sdp);
    }
    free(text);
}

TEST(a_new_description_is_written_as_rfc_9429_says)
{
    sdp_t *sdp = sdp_new();
    sdp->origin.session_id = 7;
    text_t text = {0};
    sdp_write(sdp, &text);
    CHECK_TEXT(text.data, "v=0\r\no=- 7 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    text_clear(&text);
    sdp_free(sdp);
}

TEST(fmtp_parameters_are_found_whatever_their_spelling)
{
    const char *value;
    size_t length;
    const char *text = "profile-level-id=42e01f; Packetization-Mode = 1 ;x; useinbandfec=";
    CHECK(sdp_fmtp_parameter(text, "packetization-mode", &value, &length));
    CHECK(length == 1 && *value == '1');
    CHECK(sdp_fmtp_parameter(text, "PROFILE-level-id", &value, &length));
    CHECK(length == 6 && memcmp(value, "42e01f", 6) == 0);
    CHECK(sdp_fmtp_parameter(text, "x", &value, &length) && length == 0);
    CHECK(sdp_fmtp_parameter(text, "useinbandfec", &value, &length) && length == 0);
    CHECK(!sdp_fmtp_parameter(text, "profile", &value, &length));
    CHECK(!sdp_fmtp_parameter("", "x", &value, &length));
    CHECK(!sdp_fmtp_parameter("111/111", "apt", &value, &length));
}

TEST(directions_reverse)
{
    CHECK(sdp_direction_reverse(SDP_SENDONLY) == SDP_RECVONLY && sdp_direction_reverse(SDP_RECVONLY) == SDP_SENDONLY);
    CHECK(sdp_direction_reverse(SDP_SENDRECV) == SDP_SENDRECV && sdp_direction_reverse(SDP_INACTIVE) == SDP_INACTIVE);
}
