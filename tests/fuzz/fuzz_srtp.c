/* Unprotects and protects packets made of the input, whole and after an honest packet was changed by it. Each part of the input is: profile
 * and operation (one byte), length (two bytes), bytes. */
#include "base/bytes.h"
#include "srtp/srtp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    uint16_t profile;
    size_t length;
} profiles[] = {{1, 60}, {7, 56}, {8, 88}};

static packet_t *honest(packet_pool_t *pool, srtp_session_t *session, bool is_rtcp, const uint8_t *change, size_t length)
{
    uint8_t bytes[64] = {0x80, 96, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4};
    if (is_rtcp)
        memcpy(bytes, "\x80\xc9\x00\x0f\x01\x02\x03\x04", 8);
    packet_t *packet = packet_new_copy(pool, bytes, sizeof bytes);
    /* Fails when the input has protected a later packet of this SSRC before. */
    is_rtcp ? srtp_session_protect_rtcp(session, packet) : srtp_session_protect_rtp(session, packet);
    for (size_t i = 0; i < length && i < packet->length; i++)
        packet->data[i] ^= change[i];
    return packet;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t material[88] = {1, 2, 3};
    packet_pool_t *pool = packet_pool_new();
    srtp_session_t *client[3], *server[3];
    for (size_t i = 0; i < 3; i++) {
        client[i] = srtp_session_new(profiles[i].profile, material, profiles[i].length, true);
        server[i] = srtp_session_new(profiles[i].profile, material, profiles[i].length, false);
    }
    reader_t reader;
    reader_init(&reader, data, size);
    uint8_t choice;
    uint16_t length;
    const uint8_t *bytes;
    while (reader_u8(&reader, &choice) && reader_u16(&reader, &length)) {
        if (length > reader_left(&reader))
            length = (uint16_t)reader_left(&reader);
        bytes = reader_bytes(&reader, length);
        bool is_rtcp = (choice & 4) != 0, is_honest = (choice & 8) != 0;
        srtp_session_t *from = client[(choice & 3) % 3], *to = server[(choice & 3) % 3];
        packet_t *packet = is_honest ? honest(pool, from, is_rtcp, bytes, length) : packet_new_copy(pool, bytes, length);
        if (packet == NULL)
            break;
        if ((choice & 16) != 0)
            is_rtcp ? srtp_session_protect_rtcp(from, packet) : srtp_session_protect_rtp(from, packet);
        size_t before = packet->length;
        bool is_accepted = is_rtcp ? srtp_session_unprotect_rtcp(to, packet) : srtp_session_unprotect_rtp(to, packet);
        if (is_accepted && packet->length >= before)
            abort();
        packet_unref(packet);
    }
    for (size_t i = 0; i < 3; i++) {
        srtp_session_free(client[i]);
        srtp_session_free(server[i]);
    }
    packet_pool_release(pool);
    return 0;
}
