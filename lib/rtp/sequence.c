/* Sequence numbers and timestamps that never wrap. */
#include "rtp/rtp.h"

int64_t rtp_unwrap_peek_u16(const rtp_unwrap_t *unwrap, uint16_t value)
{
    return unwrap->is_started ? unwrap->last + (int16_t)(value - (uint16_t)unwrap->last) : value;
}

int64_t rtp_unwrap_peek_u32(const rtp_unwrap_t *unwrap, uint32_t value)
{
    return unwrap->is_started ? unwrap->last + (int32_t)(value - (uint32_t)unwrap->last) : value;
}

static int64_t remember(rtp_unwrap_t *unwrap, int64_t value)
{
    if (!unwrap->is_started || value > unwrap->last)
        unwrap->last = value;
    unwrap->is_started = true;
    return value;
}

int64_t rtp_unwrap_u16(rtp_unwrap_t *unwrap, uint16_t value)
{
    return remember(unwrap, rtp_unwrap_peek_u16(unwrap, value));
}

int64_t rtp_unwrap_u32(rtp_unwrap_t *unwrap, uint32_t value)
{
    return remember(unwrap, rtp_unwrap_peek_u32(unwrap, value));
}
