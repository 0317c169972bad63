/* The SCTP transport of one peer connection with its data channels (RFC 8831, RFC 8832, W3C WebRTC §6), sans-IO: packets that DTLS has
 * decrypted go in, packets for DTLS, messages and events come out of sctp_poll(). It knows no DTLS and no SDP.
 *
 * An sctp_t belongs to one loop and is called under that loop's lock only. The SCTP stack behind it is shared by the whole process, so
 * another loop's thread may cause output here; then `wake` is called. */
#ifndef SCTP_SCTP_H
#define SCTP_SCTP_H

#include "base/packet.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCTP_DEFAULT_PORT 5000                     /* RFC 8841 §5: what everyone writes in a=sctp-port */
#define SCTP_DEFAULT_MAX_MESSAGE_SIZE 262144       /* what we announce in a=max-message-size (RFC 8841 §6) unless told otherwise */
#define SCTP_DEFAULT_REMOTE_MAX_MESSAGE_SIZE 65536 /* RFC 8841 §6.1: the remote description says nothing */
#define SCTP_DEFAULT_MTU 1200                      /* largest SCTP packet, its common header included */
#define SCTP_MAX_CHANNELS 65535                    /* ids 0 … 65534 (RFC 8832 §6) */
#define SCTP_MAX_BUFFERED (16u << 20)              /* bytes that sctp_channel_send() keeps for one channel */
#define SCTP_MAX_LABEL 65535                       /* bytes of a label, and of a protocol (W3C createDataChannel) */
#define SCTP_CHANNEL_ID_NONE (-1)

typedef struct sctp sctp_t;
typedef struct sctp_channel sctp_channel_t;

typedef struct sctp_config {
    packet_pool_t *pool;     /* outlives the sctp_t */
    uint16_t local_port;     /* 0: SCTP_DEFAULT_PORT */
    size_t max_message_size; /* largest message received; 0: SCTP_DEFAULT_MAX_MESSAGE_SIZE */
    size_t mtu;              /* 0: SCTP_DEFAULT_MTU */
    uint16_t max_channels;   /* streams each way, so ids are below it; 0: 1024. Memory is taken for each from the start. */
    uint32_t connection;     /* number of the connection, for the log */
    /* Something is there to poll, or the deadline moved, because of a call on another sctp_t. Called on any thread, with internal locks
     * held: it may only note the fact and wake the loop. NULL: nobody is told (the next call of this sctp_t will show it). Never called
     * after sctp_free() has returned. */
    void (*wake)(void *context);
    void *wake_context;
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
} sctp_channel_options_t;

#define SCTP_CHANNEL_OPTIONS_INIT                                                                                                          \
    {                                                                                                                                      \
        .max_retransmits = -1, .max_packet_life_time_ms = -1, .id = SCTP_CHANNEL_ID_NONE                                                   \
    }

typedef enum sctp_output_type {
    SCTP_OUTPUT_SEND,                /* packet: give it to DTLS; the reference is the caller's */
    SCTP_OUTPUT_CONNECTED,           /* the association is up; ids of waiting channels are assigned */
    SCTP_OUTPUT_CHANNEL_ANNOUNCED,   /* channel: opened by the remote side (DCEP OPEN); it is open, W3C: datachannel event, then open */
    SCTP_OUTPUT_CHANNEL_OPEN,        /* channel: one of ours may send now */
    SCTP_OUTPUT_MESSAGE,             /* channel, data, length, is_text; data is valid until the next call on this sctp_t */
    SCTP_OUTPUT_BUFFERED_AMOUNT_LOW, /* channel: the amount fell to its threshold (W3C bufferedamountlow) */
    SCTP_OUTPUT_CHANNEL_CLOSING,     /* channel: the remote side closes it */
    SCTP_OUTPUT_CHANNEL_ERROR,       /* channel, error, message; CHANNEL_CLOSED follows, sooner or later */
    SCTP_OUTPUT_CHANNEL_CLOSED,      /* channel: the last output about it; W3C: close event */
    SCTP_OUTPUT_CLOSED               /* the association is over, after all channels were closed; error 0: closed by either side in order,
                                        else message and cause_code (an RFC 9260 §3.3.10 cause, or 0) tell the reason */
} sctp_output_type_t;

typedef struct sctp_output {
    sctp_output_type_t type;
    packet_t *packet;
    sctp_channel_t *channel;
    const uint8_t *data;
    size_t length;
    bool is_text;
    int error; /* peer_error_t */
    uint16_t cause_code;
    const char *message; /* valid until the next call on this sctp_t */
} sctp_output_t;

typedef struct sctp_stats {
    uint64_t packets_sent, packets_received;
    uint64_t bytes_sent, bytes_received; /* SCTP packets whole */
    uint32_t channels_opened, channels_closed;
    uint32_t rtt_us; /* smoothed; 0: not measured */
    uint32_t congestion_window;
    uint32_t receiver_window; /* what the remote side announces */
    uint32_t mtu;
    uint32_t unacked_chunks;
    uint16_t max_channels; /* W3C maxChannels: streams negotiated; 0 before CONNECTED */
} sctp_stats_t;

/* NULL when memory ran out. */
sctp_t *sctp_new(const sctp_config_t *config);
/* At any moment; nothing is sent (call sctp_terminate() and poll first if the remote side is to know). Frees every channel. */
void sctp_free(sctp_t *sctp);

/* What the remote description says; before sctp_start(), and again after each renegotiation. remote_max_message_size 0: no limit. */
void sctp_set_remote(sctp_t *sctp, uint16_t remote_port, size_t remote_max_message_size);
/* The path carries SCTP packets of this size from now on. */
void sctp_set_mtu(sctp_t *sctp, size_t mtu);

/* DTLS is up: connects. Both sides do (RFC 8841 §9.3), the INITs cross. is_dtls_client: our channels take even ids (RFC 8832 §6). */
int sctp_start(sctp_t *sctp, peer_time_t now, bool is_dtls_client);
/* Ends the association at once with an ABORT, which sctp_poll() gives; every channel closes. Later calls do nothing. */
void sctp_terminate(sctp_t *sctp, peer_time_t now);
sctp_state_t sctp_state(const sctp_t *sctp);

/* A decrypted packet; takes the reference. Before sctp_start() a few are kept. Never fails: what is wrong is dropped. */
void sctp_input(sctp_t *sctp, peer_time_t now, packet_t *packet);
void sctp_timeout(sctp_t *sctp, peer_time_t now);
peer_time_t sctp_deadline(const sctp_t *sctp); /* or PEER_TIME_NEVER */
/* One thing to do, in order; false: nothing left. Any number of calls may come between two polls. */
bool sctp_poll(sctp_t *sctp, sctp_output_t *output);

void sctp_stats_get(sctp_t *sctp, sctp_stats_t *stats);

/* Opens a channel; also before the association is up: then it stays connecting until CONNECTED.
 * NULL after error_set(): PEER_ERROR_TYPE (label, protocol, both limits, id), PEER_ERROR_OPERATION (id in use, no id left),
 * PEER_ERROR_INVALID_STATE (closed association), PEER_ERROR_NO_MEMORY. */
sctp_channel_t *sctp_open(sctp_t *sctp, peer_time_t now, const sctp_channel_options_t *options);

/* Sends one message; copied once. 0, or PEER_ERROR_INVALID_STATE (not open), PEER_ERROR_TYPE (larger than the remote side accepts),
 * PEER_ERROR_OPERATION (more than SCTP_MAX_BUFFERED would wait; nothing was taken), PEER_ERROR_NO_MEMORY. */
int sctp_channel_send(sctp_channel_t *channel, peer_time_t now, const void *data, size_t length, bool is_text);
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

/* W3C bufferedAmount: bytes of payload accepted by sctp_channel_send() and not yet handed to the SCTP stack. It rises in
 * sctp_channel_send() and falls only in sctp_poll(), also for what was handed on at once; it does not fall when the channel closes. */
uint64_t sctp_channel_buffered_amount(const sctp_channel_t *channel);
uint64_t sctp_channel_buffered_amount_low_threshold(const sctp_channel_t *channel);
void sctp_channel_set_buffered_amount_low_threshold(sctp_channel_t *channel, uint64_t threshold);

typedef struct sctp_channel_stats {
    uint64_t messages_sent, bytes_sent, messages_received, bytes_received; /* W3C RTCDataChannelStats */
} sctp_channel_stats_t;
sctp_channel_stats_t sctp_channel_stats(const sctp_channel_t *channel);

#endif
