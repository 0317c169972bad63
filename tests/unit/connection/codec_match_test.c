/* The codec dictionary match of W3C WebRTC §5.4. */
#include "connection/parameters.h"
#include "test.h"

static bool match(connection_rtp_codec_t first, connection_rtp_codec_t second, bool ignores_asymmetrical)
{
    bool result = connection_codec_match(&first, &second, ignores_asymmetrical);
    CHECK_INT(connection_codec_match(&second, &first, ignores_asymmetrical), result);
    return result;
}

static connection_rtp_codec_t codec(const char *name, uint32_t clock_rate, uint32_t channels, const char *fmtp)
{
    return (connection_rtp_codec_t){.name = name, .fmtp = fmtp, .clock_rate = clock_rate, .channels = channels, .payload_type = -1};
}

TEST(names_match_without_case_and_rates_and_channels_exactly)
{
    CHECK(match(codec("VP8", 90000, 0, NULL), codec("vp8", 90000, 0, NULL), false));
    CHECK(!match(codec("VP8", 90000, 0, NULL), codec("VP9", 90000, 0, NULL), true));
    CHECK(!match(codec("opus", 48000, 2, NULL), codec("opus", 16000, 2, NULL), true));
    CHECK(!match(codec("opus", 48000, 2, NULL), codec("opus", 48000, 1, NULL), true));
    CHECK(!match(codec("opus", 48000, 2, NULL), codec("opus", 48000, 0, NULL), true)); /* one side does not tell */
}

TEST(format_parameters_are_there_on_both_sides_or_on_neither)
{
    CHECK(!match(codec("opus", 48000, 2, "minptime=10"), codec("opus", 48000, 2, NULL), true));
    CHECK(!match(codec("opus", 48000, 2, "minptime=10"), codec("opus", 48000, 2, NULL), false));
}

TEST(format_parameters_match_in_any_order_and_spacing)
{
    CHECK(match(codec("opus", 48000, 2, "minptime=10;useinbandfec=1"), codec("opus", 48000, 2, " useinbandfec=1 ; MINPTIME=10;"), false));
    CHECK(!match(codec("opus", 48000, 2, "minptime=10;useinbandfec=1"), codec("opus", 48000, 2, "minptime=10"), false));
    CHECK(!match(codec("opus", 48000, 2, "minptime=10"), codec("opus", 48000, 2, "minptime=20"), false));
}

TEST(asymmetrical_parameters_can_be_ignored_and_symmetrical_ones_cannot)
{
    CHECK(match(codec("opus", 48000, 2, "minptime=10"), codec("opus", 48000, 2, "stereo=1"), true));
    CHECK(match(codec("H264", 90000, 0, "profile-level-id=42e01f;packetization-mode=1"),
                codec("H264", 90000, 0, "packetization-mode=1;profile-level-id=42E034"), true)); /* another level */
    CHECK(!match(codec("H264", 90000, 0, "profile-level-id=42e01f;packetization-mode=1"),
                 codec("H264", 90000, 0, "packetization-mode=1;profile-level-id=42e034"), false));
    CHECK(!match(codec("H264", 90000, 0, "profile-level-id=42e01f;packetization-mode=1"),
                 codec("H264", 90000, 0, "profile-level-id=42e01f"), true)); /* 0 when it is not said */
    CHECK(!match(codec("H264", 90000, 0, "profile-level-id=42e01f;packetization-mode=1"),
                 codec("H264", 90000, 0, "profile-level-id=64001f;packetization-mode=1"), true));
    CHECK(!match(codec("VP9", 90000, 0, "profile-id=0"), codec("VP9", 90000, 0, "profile-id=2"), true));
}

TEST(format_parameters_without_keys_are_compared_as_they_are)
{
    CHECK(match(codec("red", 48000, 2, "111/111"), codec("red", 48000, 2, "111/111"), true));
    CHECK(!match(codec("red", 48000, 2, "111/111"), codec("red", 48000, 2, "63/63"), true));
    CHECK(!match(codec("telephone-event", 8000, 1, "0-15"), codec("telephone-event", 8000, 1, "x=1"), true));
    CHECK(match(codec("x", 8000, 1, ""), codec("x", 8000, 1, ""), false));
    CHECK(!match(codec("x", 8000, 1, "=1"), codec("x", 8000, 1, "=2"), true));
}

TEST(the_same_codec_is_found_whatever_parameters_a_side_writes)
{
    connection_rtp_codec_t ours = codec("opus", 48000, 2, "minptime=10;useinbandfec=1"), theirs = codec("opus", 48000, 2, NULL);
    CHECK(connection_codec_is_same(&ours, &theirs));
    ours = codec("VP9", 90000, 0, "profile-id=0"), theirs = codec("VP9", 90000, 0, NULL); /* RFC 9628 §7.1: 0 is the default */
    CHECK(connection_codec_is_same(&ours, &theirs));
    theirs.fmtp = "profile-id=1";
    CHECK(!connection_codec_is_same(&ours, &theirs));
}
