/* SCTP packets and chunks on the wire (RFC 9260 §3; RFC 3758, 4820, 6525, 8260, 9653): views of what came, writers for what goes. A view
 * points into the packet. Nothing here has a state. */
#ifndef SCTP_CHUNK_H
#define SCTP_CHUNK_H

#include "base/bytes.h"

#define SCTP_COMMON_HEADER_SIZE 12
#define SCTP_CHECKSUM_OFFSET 8
#define SCTP_CHUNK_HEADER_SIZE 4
#define SCTP_DATA_HEADER_SIZE 16   /* RFC 9260 §3.3.1 */
#define SCTP_I_DATA_HEADER_SIZE 20 /* RFC 8260 §2.1 */

typedef enum sctp_chunk_type {
    SCTP_CHUNK_DATA = 0,
    SCTP_CHUNK_INIT = 1,
    SCTP_CHUNK_INIT_ACK = 2,
    SCTP_CHUNK_SACK = 3,
    SCTP_CHUNK_HEARTBEAT = 4,
    SCTP_CHUNK_HEARTBEAT_ACK = 5,
    SCTP_CHUNK_ABORT = 6,
    SCTP_CHUNK_SHUTDOWN = 7,
    SCTP_CHUNK_SHUTDOWN_ACK = 8,
    SCTP_CHUNK_ERROR = 9,
    SCTP_CHUNK_COOKIE_ECHO = 10,
    SCTP_CHUNK_COOKIE_ACK = 11,
    SCTP_CHUNK_SHUTDOWN_COMPLETE = 14,
    SCTP_CHUNK_I_DATA = 0x40,
    SCTP_CHUNK_RE_CONFIG = 0x82,
    SCTP_CHUNK_PAD = 0x84,
    SCTP_CHUNK_FORWARD_TSN = 0xc0,
    SCTP_CHUNK_I_FORWARD_TSN = 0xc2
} sctp_chunk_type_t;

#define SCTP_DATA_END 0x01
#define SCTP_DATA_BEGIN 0x02
#define SCTP_DATA_UNORDERED 0x04
#define SCTP_DATA_IMMEDIATE 0x08 /* RFC 7053: acknowledge at once */

typedef struct sctp_chunk {
    uint8_t type;
    uint8_t flags;
    const uint8_t *value; /* behind the chunk header */
    size_t length;        /* of the value, padding not counted */
} sctp_chunk_t;

/* The next chunk of a packet's body; false at its end, and with reader->failed when a length does not fit. */
bool sctp_chunk_read(reader_t *reader, sctp_chunk_t *chunk);

/* A DATA or I-DATA chunk. The stream sequence number of DATA is in message_id; the fragment number of DATA is unknown (0). */
typedef struct sctp_data {
    uint32_t tsn;
    uint16_t stream;
    uint32_t message_id;       /* I-DATA: MID; DATA: SSN, meaningless when unordered */
    uint32_t fragment;         /* I-DATA: FSN, 0 in a first fragment */
    uint32_t payload_protocol; /* I-DATA: in a first fragment only */
    uint8_t flags;
    bool is_interleaved; /* I-DATA */
    const uint8_t *data;
    size_t length;
} sctp_data_t;

bool sctp_data_parse(const sctp_chunk_t *chunk, sctp_data_t *data); /* false: malformed; an empty one parses (length 0) */
/* Header and payload, padded. False, and nothing is written, when it does not fit. */
bool sctp_data_write(writer_t *writer, const sctp_data_t *data);
static inline size_t sctp_data_header_size(bool is_interleaved)
{
    return is_interleaved ? SCTP_I_DATA_HEADER_SIZE : SCTP_DATA_HEADER_SIZE;
}

typedef struct sctp_sack {
    uint32_t cumulative;
    uint32_t window; /* a_rwnd */
    uint16_t gap_count;
    uint16_t duplicate_count;
    const uint8_t *gaps; /* gap_count pairs of 16-bit offsets from `cumulative`, first and last, in network order */
} sctp_sack_t;

bool sctp_sack_parse(const sctp_chunk_t *chunk, sctp_sack_t *sack);

/* FORWARD-TSN and I-FORWARD-TSN: the skipped streams are read by sctp_forward_read(). */
typedef struct sctp_forward {
    uint32_t cumulative;
    bool is_interleaved;
    reader_t streams;
} sctp_forward_t;

typedef struct sctp_forward_stream {
    uint16_t stream;
    bool is_unordered;   /* I-FORWARD-TSN only */
    uint32_t message_id; /* SSN or MID: the largest skipped */
} sctp_forward_stream_t;

bool sctp_forward_parse(const sctp_chunk_t *chunk, sctp_forward_t *forward);
bool sctp_forward_read(sctp_forward_t *forward, sctp_forward_stream_t *stream);

/* Serial arithmetic (RFC 9260 §1.6, RFC 1982). */
static inline bool sctp_tsn_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

#endif
