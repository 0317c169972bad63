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

/* The next chunk of a packet's body; false at its end, and with reader->failed when a length does not fit. The last one may lack its
 * padding. */
bool sctp_chunk_read(reader_t *reader, sctp_chunk_t *chunk);
/* Begins a chunk: where, for sctp_chunk_end(), which fills in the length and pads. What does not fit makes the writer fail. */
size_t sctp_chunk_begin(writer_t *writer, uint8_t type, uint8_t flags);
bool sctp_chunk_end(writer_t *writer, size_t at);
/* A whole chunk. False, and nothing is written, when it does not fit. */
bool sctp_chunk_write(writer_t *writer, uint8_t type, uint8_t flags, const void *value, size_t length);

typedef struct sctp_header {
    uint16_t source_port;
    uint16_t destination_port;
    uint32_t tag;
    uint32_t checksum;
} sctp_header_t;

bool sctp_header_read(reader_t *reader, sctp_header_t *header);
bool sctp_header_write(writer_t *writer, const sctp_header_t *header);
/* CRC32c of a packet, its checksum field taken as zero (RFC 9260 §6.8); in the same form as sctp_header_t's. */
uint32_t sctp_checksum(const uint8_t *packet, size_t length);
void sctp_checksum_put(uint8_t *packet, uint32_t checksum);

/* Parameters of chunks, and error causes: the same form (RFC 9260 §3.2.1, §3.3.10). */
typedef enum sctp_parameter_type {
    SCTP_PARAMETER_HEARTBEAT = 1,
    SCTP_PARAMETER_IPV4 = 5,
    SCTP_PARAMETER_IPV6 = 6,
    SCTP_PARAMETER_COOKIE = 7,
    SCTP_PARAMETER_UNRECOGNIZED = 8,
    SCTP_PARAMETER_COOKIE_PRESERVATIVE = 9,
    SCTP_PARAMETER_HOST_NAME = 11,
    SCTP_PARAMETER_ADDRESS_TYPES = 12,
    SCTP_PARAMETER_RESET_OUTGOING = 13, /* RFC 6525 §4 */
    SCTP_PARAMETER_RESET_INCOMING = 14,
    SCTP_PARAMETER_RESET_TSN = 15,
    SCTP_PARAMETER_RESPONSE = 16,
    SCTP_PARAMETER_ADD_OUTGOING = 17,
    SCTP_PARAMETER_ADD_INCOMING = 18,
    SCTP_PARAMETER_ECN = 0x8000,
    SCTP_PARAMETER_ZERO_CHECKSUM = 0x8001, /* RFC 9653 */
    SCTP_PARAMETER_RANDOM = 0x8002,        /* RFC 4895, which nobody speaks under DTLS */
    SCTP_PARAMETER_CHUNK_LIST = 0x8003,
    SCTP_PARAMETER_HMAC = 0x8004,
    SCTP_PARAMETER_PADDING = 0x8005,
    SCTP_PARAMETER_EXTENSIONS = 0x8008, /* RFC 5061 §4.2.7 */
    /* Not IANA's; whoever does not know it skips it (RFC 9260 §3.2.1). Its four bytes are the largest packet that its sender takes. */
    SCTP_PARAMETER_LARGEST_PACKET = 0x8c50,
    SCTP_PARAMETER_FORWARD_TSN = 0xc000,
    SCTP_PARAMETER_ADAPTATION = 0xc006
} sctp_parameter_type_t;

typedef enum sctp_cause {
    SCTP_CAUSE_INVALID_STREAM = 1,
    SCTP_CAUSE_MISSING_PARAMETER = 2,
    SCTP_CAUSE_STALE_COOKIE = 3,
    SCTP_CAUSE_OUT_OF_RESOURCE = 4,
    SCTP_CAUSE_UNRESOLVABLE_ADDRESS = 5,
    SCTP_CAUSE_UNRECOGNIZED_CHUNK = 6,
    SCTP_CAUSE_INVALID_PARAMETER = 7,
    SCTP_CAUSE_UNRECOGNIZED_PARAMETERS = 8,
    SCTP_CAUSE_NO_USER_DATA = 9,
    SCTP_CAUSE_COOKIE_IN_SHUTDOWN = 10,
    SCTP_CAUSE_NEW_ADDRESSES = 11,
    SCTP_CAUSE_USER_ABORT = 12,
    SCTP_CAUSE_PROTOCOL_VIOLATION = 13
} sctp_cause_t;

typedef struct sctp_parameter {
    uint16_t type;
    const uint8_t *value;
    size_t length; /* of the value, padding not counted */
} sctp_parameter_t;

bool sctp_parameter_read(reader_t *reader, sctp_parameter_t *parameter); /* as sctp_chunk_read() */
/* False, and nothing is written, when it does not fit. */
bool sctp_parameter_write(writer_t *writer, uint16_t type, const void *value, size_t length);

/* INIT and INIT ACK (RFC 9260 §3.3.2, §3.3.3). */
typedef struct sctp_init {
    uint32_t tag;
    uint32_t window;
    uint16_t outbound_streams;
    uint16_t inbound_streams;
    uint32_t initial_tsn;
    reader_t parameters;
} sctp_init_t;

bool sctp_init_parse(const sctp_chunk_t *chunk, sctp_init_t *init); /* the fixed part; values are not judged */
/* The fixed part: to be called behind sctp_chunk_begin(), parameters follow. */
bool sctp_init_write(writer_t *writer, const sctp_init_t *init);

/* One parameter of a RE-CONFIG chunk (RFC 6525 §4). Which fields count depends on the type; `streams` are numbers in network order. */
typedef struct sctp_reconfig {
    uint16_t type;
    uint32_t sequence;     /* of the request; of a response: of the request that it answers */
    uint32_t response_to;  /* RESET_OUTGOING: the incoming reset request that it obeys */
    uint32_t last_tsn;     /* RESET_OUTGOING */
    uint16_t count;        /* ADD_…: streams to add */
    uint32_t result;       /* RESPONSE */
    bool has_tsns;         /* RESPONSE: the next two are there */
    uint32_t sender_tsn;   /* … the responder's next one */
    uint32_t receiver_tsn; /* … the one it expects next */
    const uint8_t *streams;
    size_t stream_count;
} sctp_reconfig_t;

typedef enum sctp_reconfig_result {
    SCTP_RECONFIG_NOTHING_TO_DO = 0,
    SCTP_RECONFIG_PERFORMED = 1,
    SCTP_RECONFIG_DENIED = 2,
    SCTP_RECONFIG_WRONG_STREAM = 3,
    SCTP_RECONFIG_ALREADY_IN_PROGRESS = 4,
    SCTP_RECONFIG_BAD_SEQUENCE = 5,
    SCTP_RECONFIG_IN_PROGRESS = 6
} sctp_reconfig_result_t;

bool sctp_reconfig_parse(const sctp_parameter_t *parameter, sctp_reconfig_t *reconfig); /* false: malformed, or of another type */
/* False, and nothing is written, when it does not fit. */
bool sctp_reconfig_write(writer_t *writer, const sctp_reconfig_t *reconfig);

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
/* The same back (the duplicates' numbers, in network order, are given apart). False, and nothing is written, when it does not fit. */
bool sctp_sack_write(writer_t *writer, const sctp_sack_t *sack, const uint8_t *duplicates);

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
/* False, and nothing is written, when it does not fit. */
bool sctp_forward_write(writer_t *writer, uint32_t cumulative, bool is_interleaved, const sctp_forward_stream_t *streams, size_t count);

/* Serial arithmetic (RFC 9260 §1.6, RFC 1982). */
static inline bool sctp_tsn_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

#endif
