/** @file
 * RTCDataChannel (W3C WebRTC §6.2; RFC 8831, RFC 8832).
 */
#ifndef PEER_DATA_CHANNEL_H
#define PEER_DATA_CHANNEL_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCDataChannelState. */
typedef enum peer_data_channel_state {
    PEER_DATA_CHANNEL_CONNECTING = 0,
    PEER_DATA_CHANNEL_OPEN = 1,
    PEER_DATA_CHANNEL_CLOSING = 2,
    PEER_DATA_CHANNEL_CLOSED = 3
} peer_data_channel_state_t;

/** Gives "connecting", …; "" for another value. @threadsafe */
PEER_API const char *peer_data_channel_state_name(int32_t state);

/** RTCDataChannelInit. Fill with peer_data_channel_init_init(). */
typedef struct peer_data_channel_init {
    size_t size;                  /**< sizeof the struct, set by peer_data_channel_init_init() */
    int32_t ordered;              /**< 1: messages arrive in the order they were sent, the default; 0: they may overtake each other */
    int32_t max_packet_life_time; /**< milliseconds after which a message is given up; -1: none */
    int32_t max_retransmits;      /**< retransmissions after which a message is given up; -1: none */
    const char *protocol;         /**< subprotocol; NULL for "" */
    int32_t negotiated;           /**< 1: both sides create it with the same id, and nothing is announced */
    int32_t id;                   /**< of a negotiated channel: stream id, 0 to 65,534. Otherwise ignored, as in W3C: the library chooses */
} peer_data_channel_init_t;

/** Fills the struct with the defaults: ordered and reliable, announced to the peer. @threadsafe */
PEER_API void peer_data_channel_init_init(peer_data_channel_init_t *init, size_t size);

/** Events of a channel, on the connection's loop. Those left NULL are not delivered. */
typedef struct peer_data_channel_events {
    /** open: messages can be sent now. */
    void (*on_open)(peer_data_channel_t *channel, void *user);
    /** A whole message; `data` is valid during the call, and for text is UTF-8 of `length` bytes without a NUL. */
    void (*on_message)(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user);
    /** bufferedAmount fell to bufferedAmountLowThreshold or below. */
    void (*on_buffered_amount_low)(peer_data_channel_t *channel, void *user);
    /** closing: the peer closes it. */
    void (*on_closing)(peer_data_channel_t *channel, void *user);
    /** The channel failed; on_close follows. */
    void (*on_error)(peer_data_channel_t *channel, const char *message, void *user);
    /** close: nothing comes or goes any more. */
    void (*on_close)(peer_data_channel_t *channel, void *user);
} peer_data_channel_events_t;

/** Takes a reference. @threadsafe */
PEER_API peer_data_channel_t *peer_data_channel_ref(peer_data_channel_t *channel);
/** Gives a reference back; a channel that nobody holds stays open until it is closed. @threadsafe */
PEER_API void peer_data_channel_unref(peer_data_channel_t *channel);
/** Sets (or replaces) the events and their user pointer. @threadsafe */
PEER_API void peer_data_channel_set_events(peer_data_channel_t *channel, const peer_data_channel_events_t *events, void *user);

/** Its label. @threadsafe */
PEER_API const char *peer_data_channel_label(const peer_data_channel_t *channel);
/** Its subprotocol. @threadsafe */
PEER_API const char *peer_data_channel_protocol(const peer_data_channel_t *channel);
/** 1 when messages keep their order. @threadsafe */
PEER_API int32_t peer_data_channel_ordered(const peer_data_channel_t *channel);
/** Its stream id, or -1 before it is known. @threadsafe */
PEER_API int32_t peer_data_channel_id(const peer_data_channel_t *channel);
/** One of ::peer_data_channel_state_t. @threadsafe */
PEER_API int32_t peer_data_channel_ready_state(const peer_data_channel_t *channel);
/** Bytes given to peer_data_channel_send() and not yet handed to the transport. @threadsafe */
PEER_API uint64_t peer_data_channel_buffered_amount(const peer_data_channel_t *channel);
/** Sets the amount at which on_buffered_amount_low comes; 0 at first. @threadsafe */
PEER_API void peer_data_channel_set_buffered_amount_low_threshold(peer_data_channel_t *channel, uint64_t bytes);

/**
 * Sends a message (§6.2 send).
 *
 * @param channel  the channel
 * @param data     copied before the call returns; NULL only with length 0
 * @param length   bytes
 * @param is_text  1: UTF-8 text; 0: binary
 * @return 0, PEER_ERROR_INVALID_STATE (not open), PEER_ERROR_TYPE (larger than the peer takes), PEER_ERROR_OPERATION (16 MiB are waiting
 * already: wait for on_buffered_amount_low), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_data_channel_send(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text);

/** Closes it after what was sent has left (§6.2 close). @threadsafe */
PEER_API void peer_data_channel_close(peer_data_channel_t *channel);

PEER_END_DECLS

#endif
