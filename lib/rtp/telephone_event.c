#include "rtp/telephone_event.h"

#include "base/bytes.h"

#include <string.h>

static const char tones[] = "0123456789*#ABCD";

#define END 0x80
#define VOLUME 0x3f

size_t rtp_telephone_event_parse(rtp_telephone_event_t events[RTP_TELEPHONE_EVENTS_MAX], const uint8_t *payload, size_t length)
{
    if (length % RTP_TELEPHONE_EVENT_SIZE != 0)
        return 0;
    size_t count = length / RTP_TELEPHONE_EVENT_SIZE;
    if (count > RTP_TELEPHONE_EVENTS_MAX)
        count = RTP_TELEPHONE_EVENTS_MAX;
    for (size_t i = 0; i < count; i++, payload += RTP_TELEPHONE_EVENT_SIZE)
        events[i] = (rtp_telephone_event_t){
            .code = payload[0], .is_end = (payload[1] & END) != 0, .volume = payload[1] & VOLUME, .duration = bytes_get_u16(payload + 2)};
    return count;
}

void rtp_telephone_event_write(uint8_t payload[RTP_TELEPHONE_EVENT_SIZE], const rtp_telephone_event_t *event)
{
    payload[0] = event->code;
    payload[1] = (uint8_t)((event->is_end ? END : 0) | (event->volume & VOLUME));
    bytes_put_u16(payload + 2, event->duration);
}

char rtp_telephone_event_tone(uint8_t code)
{
    return code < RTP_TELEPHONE_EVENT_CODES ? tones[code] : '\0';
}

int rtp_telephone_event_code(char tone)
{
    if (tone >= 'a' && tone <= 'd')
        tone = (char)(tone - 'a' + 'A');
    const char *found = tone != '\0' ? strchr(tones, tone) : NULL;
    return found != NULL ? (int)(found - tones) : -1;
}
