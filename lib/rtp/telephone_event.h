/* The payload of audio/telephone-event (RFC 4733 §2.3): named events, here the sixteen DTMF tones, as reports of four octets. When which
 * report leaves, and what is made of those that came, is media's affair. */
#ifndef RTP_TELEPHONE_EVENT_H
#define RTP_TELEPHONE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTP_TELEPHONE_EVENT_NAME "telephone-event"
#define RTP_TELEPHONE_EVENT_SIZE 4
#define RTP_TELEPHONE_EVENTS_MAX 16         /* in one packet; what follows is not looked at */
#define RTP_TELEPHONE_EVENT_SEGMENT 0xffffu /* the longest duration that one report tells, in timestamp units (§2.5.1.3) */
#define RTP_TELEPHONE_EVENT_CODES 16        /* DTMF: codes 0 to 15 (§3.2) */

typedef struct rtp_telephone_event {
    uint8_t code;
    bool is_end;
    uint8_t volume;    /* -dBm0: 0 is loudest, 63 softest */
    uint16_t duration; /* since the packet's timestamp and the reports before it, in timestamp units */
} rtp_telephone_event_t;

/* Reads the reports of a payload, earliest first (§2.5.1.5); how many, 0 when it is malformed: empty, or cut short. */
size_t rtp_telephone_event_parse(rtp_telephone_event_t events[RTP_TELEPHONE_EVENTS_MAX], const uint8_t *payload, size_t length);
void rtp_telephone_event_write(uint8_t payload[RTP_TELEPHONE_EVENT_SIZE], const rtp_telephone_event_t *event);

/* The key of a code, '0' to '9', '*', '#', 'A' to 'D'; 0 for another code. */
char rtp_telephone_event_tone(uint8_t code);
/* The code of a key, small letters as large ones; -1 for another character. */
int rtp_telephone_event_code(char tone);

#endif
