/* The Data Channel Establishment Protocol's two messages (RFC 8832 §5), as bytes. Strings are views into the message and not terminated. */
#ifndef SCTP_DCEP_H
#define SCTP_DCEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DCEP_OPEN_HEADER_SIZE 12
#define DCEP_ACK_SIZE 1
#define DCEP_DEFAULT_PRIORITY 256 /* RFC 8831 §6.4 normal */

typedef enum dcep_type { DCEP_UNKNOWN = 0, DCEP_ACK = 0x02, DCEP_OPEN = 0x03 } dcep_type_t;

typedef struct dcep_open {
    bool is_unordered;
    int32_t max_retransmits;         /* -1: no limit */
    int32_t max_packet_life_time_ms; /* -1: no limit */
    uint16_t priority;
    const char *label;
    uint16_t label_length;
    const char *protocol;
    uint16_t protocol_length;
} dcep_open_t;

/* DCEP_UNKNOWN for everything that is not a message of RFC 8832. */
dcep_type_t dcep_type(const uint8_t *data, size_t length);
/* False when it is no well-formed DATA_CHANNEL_OPEN: an unknown channel type, or lengths that do not add up. */
bool dcep_open_parse(dcep_open_t *open, const uint8_t *data, size_t length);
size_t dcep_open_size(const dcep_open_t *open);
/* Writes dcep_open_size() bytes. */
void dcep_open_write(const dcep_open_t *open, uint8_t *data);

#endif
