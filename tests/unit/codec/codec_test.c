#include "base/memory.h"
#include "codec/codec.h"
#include "test.h"

#include <peer/codec.h>
#include <peer/error.h>

static int no_decoder(const peer_decoder_settings_t *settings, void **decoder)
{
    return PEER_ERROR_NOT_SUPPORTED;
}

static int no_decode(void *decoder, peer_encoded_frame_t *frame, const peer_codec_sink_t *sink)
{
    return PEER_ERROR_OPERATION;
}

static void no_free(void *decoder)
{
}

static peer_codec_t own_codec(const char *mime_type)
{
    return (peer_codec_t){.size = sizeof(peer_codec_t),
                          .mime_type = mime_type,
                          .kind = PEER_MEDIA_VIDEO,
                          .clock_rate = 90000,
                          .fmtp = "packetization-mode=1",
                          .flags = PEER_CODEC_DECODES,
                          .decoder_new = no_decoder,
                          .decode = no_decode,
                          .decoder_free = no_free};
}

TEST(the_built_in_codecs_are_found_by_mime_type_in_any_case)
{
    CHECK(peer_codec_find("AUDIO/PCMA") == peer_codec_find("audio/pcma"));
    CHECK_INT(peer_codec_find("audio/pcmu")->clock_rate, 8000);
#ifdef PEER_HAVE_OPUS
    CHECK_INT(peer_codec_find("audio/opus")->clock_rate, 48000);
    CHECK_TEXT(peer_codec_at(0)->mime_type, "audio/opus");
#endif
#ifdef PEER_HAVE_VPX
    CHECK_INT(peer_codec_find("video/vp9")->clock_rate, 90000);
#endif
    CHECK(peer_codec_find("video/none") == NULL);
    CHECK(peer_codec_find(NULL) == NULL);
    CHECK(peer_codec_at(peer_codec_count()) == NULL);
    CHECK(peer_codec_at((size_t)-1) == NULL);
}

TEST(a_codec_that_is_not_whole_is_refused)
{
    peer_codec_t codec = own_codec("video/X-none");
    CHECK_INT(peer_codec_register(NULL), PEER_ERROR_TYPE);
    codec.mime_type = "audio/X-none";
    CHECK_INT(peer_codec_register(&codec), PEER_ERROR_SYNTAX);
    codec.mime_type = "video/X none";
    CHECK_INT(peer_codec_register(&codec), PEER_ERROR_SYNTAX);
    codec.mime_type = "video/X-none";
    codec.flags |= PEER_CODEC_ENCODES;
    CHECK_INT(peer_codec_register(&codec), PEER_ERROR_TYPE);
    codec.flags = PEER_CODEC_DECODES | PEER_CODEC_RECOVERS;
    CHECK_INT(peer_codec_register(&codec), PEER_ERROR_TYPE);
    codec.flags = PEER_CODEC_DECODES;
    codec.clock_rate = 0;
    CHECK_INT(peer_codec_register(&codec), PEER_ERROR_RANGE);
    codec.clock_rate = 90000;
    for (unsigned n = 1; n <= 4; n++) {
        memory_fail_nth(n);
        CHECK_INT(peer_codec_register(&codec), PEER_ERROR_NO_MEMORY);
    }
    memory_fail_nth(0);
    CHECK(peer_codec_find("video/X-none") == NULL);
}

TEST(an_application_s_codec_stands_before_the_built_in_ones_and_is_copied)
{
    size_t before = peer_codec_count();
    char name[] = "video/VP8";
    peer_codec_t codec = own_codec(name);
    CHECK_INT(peer_codec_register(&codec), 0);
    name[8] = '7';
    CHECK_INT(peer_codec_count(), before + 1);
    const peer_codec_t *found = peer_codec_find("video/VP8");
    CHECK(found == peer_codec_at(0));
    CHECK_TEXT(found->fmtp, "packetization-mode=1");
    CHECK_TEXT(found->implementation, "unknown");
}

TEST(the_register_has_a_bound)
{
    peer_codec_t codec = own_codec("video/X-many");
    int error = 0;
    while (error == 0)
        error = peer_codec_register(&codec);
    CHECK_INT(error, PEER_ERROR_QUOTA_EXCEEDED);
    CHECK_INT(peer_codec_count(), PEER_CODEC_MAX);
}

TEST(format_parameters_are_read_by_name)
{
    const char *fmtp = "minptime=10; useinbandfec=1 ;maxaveragebitrate=20000;cbr=x";
    CHECK_INT(fmtp_number(fmtp, "minptime", 0), 10);
    CHECK_INT(fmtp_number(fmtp, "useinbandfec", 0), 1);
    CHECK_INT(fmtp_number(fmtp, "MaxAverageBitrate", 0), 20000);
    CHECK_INT(fmtp_number(fmtp, "cbr", 7), 7);
    CHECK_INT(fmtp_number(fmtp, "time", 7), 7);
    CHECK_INT(fmtp_number(NULL, "time", 7), 7);
    CHECK_INT(fmtp_number(";;;", "time", 7), 7);
}
