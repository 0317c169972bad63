/* What formats share that put one whole frame into one packet: audio. */
#ifndef RTP_SINGLE_H
#define RTP_SINGLE_H

#include "rtp/payload.h"

bool rtp_single_begin(rtp_packetizer_t *packetizer, rtp_payload_context_t *context, const uint8_t *frame, size_t length,
                      size_t payload_max);
size_t rtp_single_next(rtp_packetizer_t *packetizer, uint8_t *out);
size_t rtp_single_assemble(const rtp_fragment_t *fragments, size_t count, uint8_t *frame, size_t capacity);

#endif
