/* The SCTP transport of one peer connection with its data channels (RFC 8831, RFC 8832, W3C WebRTC §6), sans-IO: packets that DTLS has
 * decrypted go in, packets for DTLS, messages and events come out of sctp_poll(). It knows no DTLS and no SDP. An sctp_t belongs to one
 * loop and is called under that loop's lock only. */
#ifndef SCTP_SCTP_H
#define SCTP_SCTP_H

#include "base/blob.h"
#include "base/packet.h"
#include "base/random.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCTP_DEFAULT_PORT 5000                     /* RFC 8841 §5: what everyone writes in a=sctp-port */
#define SCTP_DEFAULT_MAX_MESSAGE_SIZE 262144       /* what we announce in a=max-message-size (RFC 8841 §6) unless told otherwise */
#define SCTP_DEFAULT_REMOTE_MAX_MESSAGE_SIZE 65536 /* RFC 8841 §6.1: the remote description says nothing */
#define SCTP_MAX_CHANNELS 65535                    /* ids 0 … 65534 (RFC 8832 §6) */
#define SCTP_MAX_BUFFERED (16u << 20)              /* bytes that wait on one channel, unless they are one message */
#define SCTP_MAX_REMOTE_LABELS (4u << 20)          /* bytes of labels and protocols of channels that the remote side opened */
#define SCTP_MAX_LABEL 65535                       /* bytes of a label, and of a protocol (W3C createDataChannel) */
#define SCTP_CHANNEL_ID_NONE (-1)

typedef struct sctp sctp_t;
typedef struct sctp_channel sctp_channel_t;

/* What the path carries, in sizes of SCTP packets. */
typedef struct sctp_path {
    size_t base_mtu; /* taken to pass everywhere; in use at first */
    size_t max_mtu;  /* nothing larger is tried (RFC 8899); the same as base_mtu: nothing is probed */
    size_t overhead; /* bytes that DTLS, a relay, UDP and IP add to each packet */
} sctp_path_t;

typedef struct sctp_config {
    packet_pool_t *pool; /* outlives the sctp_t */
    random_source_t random;
    uint16_t local_port; /* 0: SCTP_DEFAULT_PORT */
    sctp_path_t path;
    size_t max_message_size; /* largest message received; 0: SCTP_DEFAULT_MAX_MESSAGE_SIZE */
    size_t receive_window;   /* bytes of messages held until they are consumed; 0: SCTP_RECEIVE_WINDOW */
    uint16_t max_channels;   /* streams each way, so ids are below it; 0: SCTP_MAX_CHANNELS */
    uint32_t connection;     /* number of the connection, for the log */
} sctp_config_t;

typedef enum sctp_state {
    SCTP_STATE_NEW = 0, /* not started */
    SCTP_STATE_CONNECTING,
    SCTP_STATE_CONNECTED,
    SCTP_STATE_CLOSED /* by either side, or failed */
} sctp_state_t;

/* W3C RTCDataChannelState */
typedef enum sctp_channel_state {
    SCTP_CHANNEL_CONNECTING = 0,
    SCTP_CHANNEL_OPEN,
    SCTP_CHANNEL_CLOSING,
    SCTP_CHANNEL_CLOSED
} sctp_channel_state_t;

typedef struct sctp_channel_options {
    const char *label;               /* UTF-8 without NUL; NULL is "" */
    const char *protocol;            /* the same */
    bool is_unordered;               /* W3C ordered: false */
    int32_t max_retransmits;         /* 0 … 65535, or -1: no limit */
    int32_t max_packet_life_time_ms; /* 0 … 65535, or -1: no limit; not both */
    bool is_negotiated;              /* no DCEP; `id` is required then */
    int32_t id;        /* 0 … 65534, or SCTP_CHANNEL_ID_NONE: chosen by DTLS role (RFC 8832 §6). Only for negotiated ones. */
    uint16_t priority; /* RFC 8831 §6.4: 128, 256, 512, 1024; 0: 256 */
    bool is_described; /* a negotiated one that descriptions announce (RFC 8864): it waits for sctp_agree() */
} sctp_channel_options_t;

#define SCTP_CHANNEL_OPTIONS_INIT                                                                                                          \
    {                                                                                                                                      \
        .max_retransmits = -1, .max_packet_life_time_ms = -1, .id = SCTP_CHANNEL_ID_NONE                                                   \
    }

typedef enum sctp_output_type {
    SCTP_OUTPUT_SEND,              /* packet: give it to DTLS; the reference is the caller's */
    SCTP_OUTPUT_CONNECTED,         /* the association is up; ids of waiting channels are assigned */
    SCTP_OUTPUT_CHANNEL_ANNOUNCED, /* channel: opened by the remote side (DCEP OPEN); it is open, W3C: datachannel event, then open */
    SCTP_OUTPUT_CHANNEL_OPEN,      /* channel: one of ours may send now */
    SCTP_OUTPUT_MESSAGE, /* channel, message (the reference is the taker's; sctp_consumed() once it is done with), is_text; of a streamed
                            one `part` */
    SCTP_OUTPUT_CHANNEL_ROOM,    /* channel: what was asked for by sctp_channel_ask_for_room() */
    SCTP_OUTPUT_CHANNEL_HANDED,  /* channel: some of what was sent has left; sctp_channel_apply_handed() is due in a task of its own */
    SCTP_OUTPUT_CHANNEL_CLOSING, /* channel: the remote side closes it */
    SCTP_OUTPUT_CHANNEL_ERROR,   /* channel, error, message; CHANNEL_CLOSED follows, sooner or later */
    SCTP_OUTPUT_CHANNEL_CLOSED,  /* channel: the last output about it; W3C: close event */
    SCTP_OUTPUT_CLOSED           /* the association is over, after all channels were closed; error 0: closed by either side in order,
                                    else message and cause_code (an RFC 9260 §3.3.10 cause, or 0) tell the reason */
} sctp_output_type_t;

enum { SCTP_PART_FIRST = 1, SCTP_PART_LAST = 2, SCTP_PART_LOST = 4, SCTP_PART = 8 /* set in every part */ };

typedef struct sctp_output {
    sctp_output_type_t type;
    packet_t *packet;
    sctp_channel_t *channel;
    blob_t *message; /* NULL when a streamed one was lost */
    unsigned part;   /* 0: a whole message; else SCTP_PART_… */
    bool is_text;
    int error; /* peer_error_t */
    uint16_t cause_code;
    bool is_of_association; /* CHANNEL_ERROR: the association failed, not the channel alone */
    const char *text;       /* valid until the next call on this sctp_t */
} sctp_output_t;

typedef struct sctp_stats {
    uint64_t packets_sent, packets_received;
    uint64_t bytes_sent, bytes_received; /* SCTP packets whole */
    uint32_t channels_opened, channels_closed;
    uint64_t chunks_sent, chunks_retransmitted, timeouts, messages_abandoned;
    uint64_t congestion_window, in_flight, pacing_rate;
    uint64_t held;   /* bytes received and not consumed */
    uint32_t rtt_us; /* smoothed; 0: not measured */
    uint32_t least_rtt_us;
    uint32_t receiver_window; /* what the remote side announces */
    uint32_t mtu;
    uint32_t black_holes; /* times that the mtu fell back */
    uint32_t unacked_chunks;
    uint16_t max_channels; /* W3C maxChannels: streams negotiated; 0 before CONNECTED */
    bool is_interleaved, is_checksum_zero;
} sctp_stats_t;

/* NULL when memory ran out. */
sctp_t *sctp_new(const sctp_config_t *config);
/* At any moment; nothing is sent (call sctp_terminate() and poll first if the remote side is to know). Frees every channel. */
void sctp_free(sctp_t *sctp);

/* What the remote description says; before sctp_start(), and again after each renegotiation. remote_max_message_size 0: no limit. */
void sctp_set_remote(sctp_t *sctp, uint16_t remote_port, size_t remote_max_message_size);
/* W3C maxMessageSize: what sctp_channel_send() takes; SIZE_MAX: any size. */
size_t sctp_max_message_size(const sctp_t *sctp);
/* Other bounds of the path, or another path. */
void sctp_set_path(sctp_t *sctp, peer_time_t now, const sctp_path_t *path, bool is_new);
/* The descriptions agree on the DTLS role: channels get their ids, our own even ones if we are the client (RFC 8832 §6). Once. */
void sctp_set_role(sctp_t *sctp, bool is_dtls_client);

/* Our INIT chunk for a description (draft-hancke-tsvwg-snap); bytes written. */
size_t sctp_local_init(sctp_t *sctp, uint8_t *bytes, size_t capacity);
/* The remote side's INIT chunk, as its description gives it, and it has ours: sctp_start() then needs no handshake. False, and nothing
 * changed, when it is no good. Before sctp_start(). */
bool sctp_set_remote_init(sctp_t *sctp, const uint8_t *init, size_t length);

/* DTLS is up, and sctp_set_role() was called: connects. Both sides do (RFC 8841 §9.3), the INITs cross. */
int sctp_start(sctp_t *sctp, peer_time_t now);
/* Ends the association at once with an ABORT, which sctp_poll() gives; every channel closes. Later calls do nothing. */
void sctp_terminate(sctp_t *sctp, peer_time_t now);
/* Another association takes the place of this one, for another DTLS association: what channels there are close, and it is to be started
 * again. PEER_ERROR_NO_MEMORY changes nothing. */
int sctp_renew(sctp_t *sctp);
sctp_state_t sctp_state(const sctp_t *sctp);

/* A decrypted packet; takes the reference. Before sctp_start() a few are kept. Never fails: what is wrong is dropped. */
void sctp_input(sctp_t *sctp, peer_time_t now, packet_t *packet);
void sctp_timeout(sctp_t *sctp, peer_time_t now);
peer_time_t sctp_deadline(const sctp_t *sctp); /* or PEER_TIME_NEVER */
/* One thing to do, in order; false: nothing left. Any number of calls may come between two polls. */
bool sctp_poll(sctp_t *sctp, peer_time_t now, sctp_output_t *output);
/* The taker of messages is done with so many of their bytes: the remote side may send as many more. */
void sctp_consumed(sctp_t *sctp, peer_time_t now, size_t bytes);

void sctp_stats_get(sctp_t *sctp, sctp_stats_t *stats);

/* Opens a channel; also before the association is up: then it stays connecting until CONNECTED.
 * NULL after error_set(): PEER_ERROR_TYPE (label, protocol, both limits, id), PEER_ERROR_OPERATION (id in use, no id left),
 * PEER_ERROR_INVALID_STATE (closed association), PEER_ERROR_NO_MEMORY. */
sctp_channel_t *sctp_open(sctp_t *sctp, peer_time_t now, const sctp_channel_options_t *options);

/* Offer and answer have this channel, is_described and is_negotiated: ours may open; one that is not here is the remote side's, and is
 * announced when the association is up. Errors as of sctp_open(). */
int sctp_agree(sctp_t *sctp, peer_time_t now, const sctp_channel_options_t *options);
/* What sctp_agree() would say of one that is not here, memory apart. */
int sctp_check_agree(const sctp_t *sctp, const sctp_channel_options_t *options);
/* One of them leaves the channel of this stream out: it closes, and fails if it was never agreed. No other than a described one. */
void sctp_withdraw(sctp_t *sctp, peer_time_t now, uint16_t stream);
bool sctp_is_described(const sctp_t *sctp, int32_t id); /* is a described channel on this stream that does not close? */

/* Sends one message, which nobody changes any more; takes the reference when it returns 0. PEER_ERROR_INVALID_STATE (not open),
 * PEER_ERROR_TYPE (larger than the remote side accepts), PEER_ERROR_OPERATION (more than SCTP_MAX_BUFFERED would wait),
 * PEER_ERROR_NO_MEMORY. */
int sctp_channel_send(sctp_channel_t *channel, peer_time_t now, blob_t *message, bool is_text);
/* The same of a message that was asked for when there was room: what was sent meanwhile does not keep it out. */
int sctp_channel_send_asked(sctp_channel_t *channel, peer_time_t now, blob_t *message, bool is_text);
/* What sctp_channel_send() would say to a message of this length, memory apart. */
int sctp_channel_check_send(const sctp_channel_t *channel, size_t length);
/* CHANNEL_ROOM comes once, when the channel is open and no more than `threshold` bytes wait. */
void sctp_channel_ask_for_room(sctp_channel_t *channel, peer_time_t now, size_t threshold);
/* Messages longer than `threshold` come in parts; 0: whole. 0 or PEER_ERROR_NO_MEMORY. */
int sctp_channel_set_streaming(sctp_channel_t *channel, size_t threshold);
/* Messages wait, and what comes after them (closing, error, closed) too. */
void sctp_channel_set_paused(sctp_channel_t *channel, peer_time_t now, bool is_paused);
/* Closing: what was sent before goes first, then both directions of the stream are reset (RFC 8831 §6.7). Idempotent. */
void sctp_channel_close(sctp_channel_t *channel, peer_time_t now);
/* The caller forgets the channel: no output names it any more; it is closed if need be and freed when that is done. Otherwise a channel
 * stays readable, also after CHANNEL_CLOSED, until sctp_free(). */
void sctp_channel_release(sctp_channel_t *channel, peer_time_t now);

void sctp_channel_set_user(sctp_channel_t *channel, void *user);
void *sctp_channel_user(const sctp_channel_t *channel);
sctp_channel_state_t sctp_channel_state(const sctp_channel_t *channel);
int32_t sctp_channel_id(const sctp_channel_t *channel); /* SCTP_CHANNEL_ID_NONE until assigned */
const char *sctp_channel_label(const sctp_channel_t *channel);
const char *sctp_channel_protocol(const sctp_channel_t *channel);
bool sctp_channel_is_ordered(const sctp_channel_t *channel);
bool sctp_channel_is_negotiated(const sctp_channel_t *channel);
int32_t sctp_channel_max_retransmits(const sctp_channel_t *channel);         /* -1: none */
int32_t sctp_channel_max_packet_life_time_ms(const sctp_channel_t *channel); /* -1: none */
uint16_t sctp_channel_priority(const sctp_channel_t *channel);

/* W3C bufferedAmount: bytes of payload accepted by sctp_channel_send() that have not left for the first time. It rises in
 * sctp_channel_send() and falls only in sctp_channel_apply_handed(); it does not fall when the channel closes. */
uint64_t sctp_channel_buffered_amount(const sctp_channel_t *channel);
/* Takes off what has left. True: the amount fell to its threshold with that (W3C bufferedamountlow). */
bool sctp_channel_apply_handed(sctp_channel_t *channel);
uint64_t sctp_channel_buffered_amount_low_threshold(const sctp_channel_t *channel);
void sctp_channel_set_buffered_amount_low_threshold(sctp_channel_t *channel, uint64_t threshold);

typedef struct sctp_channel_stats {
    uint64_t messages_sent, bytes_sent, messages_received, bytes_received; /* W3C RTCDataChannelStats */
} sctp_channel_stats_t;
sctp_channel_stats_t sctp_channel_stats(const sctp_channel_t *channel);
/* All that the caller knows and has not released, in the order of their making. `channel` NULL: the first; NULL: no more. */
sctp_channel_t *sctp_next_channel(const sctp_t *sctp, const sctp_channel_t *channel);
uint32_t sctp_channel_number(const sctp_channel_t *channel); /* no other one of the transport's has or had it */

#endif
