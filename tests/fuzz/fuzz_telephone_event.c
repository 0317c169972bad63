/* Telephone events: the payload's parser, and a listener that gets packets of them in any order with any timestamps. Every tone that comes
 * out is a key, and has a duration that its reports can tell. */
#include "media/media.h"
#include "rtp/telephone_event.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
    rtp_telephone_event_t events[RTP_TELEPHONE_EVENTS_MAX];
    uint8_t written[RTP_TELEPHONE_EVENT_SIZE];
    size_t count = rtp_telephone_event_parse(events, data, size);
    if (count > RTP_TELEPHONE_EVENTS_MAX || (count > 0) != (size > 0 && size % RTP_TELEPHONE_EVENT_SIZE == 0))
        abort();
    for (size_t i = 0; i < count; i++) {
        rtp_telephone_event_write(written, &events[i]);
        written[1] |= data[RTP_TELEPHONE_EVENT_SIZE * i + 1] & 0x40; /* reserved */
        if (memcmp(written, data + RTP_TELEPHONE_EVENT_SIZE * i, sizeof written) != 0)
            abort();
    }
}

static void drain(media_session_t *session)
{
    media_output_t output;
    while (media_session_poll(session, &output)) {
        if (output.type == MEDIA_OUTPUT_EVENT && (rtp_telephone_event_tone(output.event) == '\0' || output.duration_us < 0))
            abort();
        media_output_clear(&output);
    }
}

/* Each packet: 1 octet of how much later, 2 of sequence, 3 of timestamp, 1 of marker and length, then the payload. */
static void listen(const uint8_t *data, size_t size)
{
    random_seeded_t generator;
    random_seeded_init(&generator, 1);
    packet_pool_t *pool = packet_pool_new();
    media_session_t *session =
        media_session_new(&(media_session_config_t){.pool = pool, .random = random_seeded_source(&generator), .cname = "fuzz"});
    media_codec_t codecs[] = {
        {.format = &rtp_payload_opus, .clock_rate = 48000, .payload_type = 111, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE},
        {.clock_rate = 48000, .payload_type = 110, .rtx_payload_type = MEDIA_NO_PAYLOAD_TYPE, .is_event = true}};
    uint32_t ssrc = 77;
    media_add_receiver(
        session, &(media_receiver_config_t){.kind = MEDIA_AUDIO, .codecs = codecs, .codec_count = 2, .ssrcs = &ssrc, .ssrc_count = 1});
    peer_time_t now = PEER_SECOND;
    while (size >= 7) {
        now += data[0] * PEER_MILLISECOND;
        size_t length = data[6] & 0x3f;
        length = length <= size - 7 ? length : size - 7;
        packet_t *packet = packet_new(pool, 200);
        if (packet == NULL)
            break;
        bool is_sound = (data[6] & 0x40) != 0;
        const uint8_t header[] = {
            0x80, (uint8_t)((data[6] & 0x80) | (is_sound ? 111 : 110)), data[1], data[2], 0, data[3], data[4], data[5], 0, 0, 0, 77};
        memcpy(packet->data, header, sizeof header);
        memcpy(packet->data + sizeof header, data + 7, length);
        packet->length = sizeof header + length;
        if (media_session_deadline(session) <= now)
            media_session_timeout(session, now);
        media_session_input_rtp(session, now, packet);
        packet_unref(packet);
        drain(session);
        data += 7 + length;
        size -= 7 + length;
    }
    for (int i = 0; i < 100 && media_session_deadline(session) != PEER_TIME_NEVER; i++) {
        now = media_session_deadline(session) > now ? media_session_deadline(session) : now;
        media_session_timeout(session, now);
        drain(session);
    }
    media_session_free(session);
    if (packet_pool_outstanding(pool) != 0)
        abort();
    packet_pool_release(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size);
    listen(data, size);
    return 0;
}
