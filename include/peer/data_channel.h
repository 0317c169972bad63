/** @file
 * RTCDataChannel (W3C WebRTC §6.2; RFC 8831, RFC 8832).
 */
#ifndef PEER_DATA_CHANNEL_H
#define PEER_DATA_CHANNEL_H

#include <peer/error.h>
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
    int32_t max_packet_life_time; /**< milliseconds after which a message is given up, 0 to 65,535; -1: none */
    int32_t max_retransmits;      /**< retransmissions after which a message is given up, 0 to 65,535; -1: none. Not both */
    const char *protocol;         /**< subprotocol, at most 65,535 bytes; NULL for "" */
    int32_t negotiated;           /**< 1: both sides create it with the same id, and nothing is announced */
    int32_t id;                   /**< of a negotiated channel: stream id, 0 to 65,534. Otherwise ignored, as in W3C: the library chooses */
    int32_t priority;       /**< one of ::peer_priority_t: the channel's share while several have data waiting (RFC 8831 §6.4: very low
                                 1, low 2, medium 4, high 8 parts); PEER_PRIORITY_UNSET is low, as in W3C webrtc-priority */
    int32_t in_description; /**< 1: announced by the description (RFC 8864) instead of in band: with negotiated and an id; the peer gets it
                               by on_data_channel. It opens when the peer's answer has it, and fails when the answer has not */
} peer_data_channel_init_t;

/** Fills the struct with the defaults: ordered and reliable, announced to the peer. @threadsafe */
PEER_API void peer_data_channel_init_init(peer_data_channel_init_t *init, size_t size);

/** Which part of a message peer_data_channel_events_t::on_message_part brings; bits, none of them in a part from the middle. */
typedef enum peer_message_part {
    PEER_MESSAGE_PART_FIRST = 1, /**< a message begins */
    PEER_MESSAGE_PART_LAST = 2,  /**< it ends with this part */
    PEER_MESSAGE_PART_LOST = 4   /**< no more of it comes: its sender gave it up (maxRetransmits, maxPacketLifeTime), or closed the channel;
                                      no bytes */
} peer_message_part_t;

/** Events of a channel, on the connection's loop. Those left NULL are not delivered. */
typedef struct peer_data_channel_events {
    /** open: messages can be sent now. */
    void (*on_open)(peer_data_channel_t *channel, void *user);
    /** A whole message; `data` is valid during the call, and may be NULL when `length` is 0. Text is UTF-8 as the peer wrote it: it is not
     * checked, and no NUL follows. */
    void (*on_message)(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user);
    /** bufferedAmount fell to bufferedAmountLowThreshold or below. */
    void (*on_buffered_amount_low)(peer_data_channel_t *channel, void *user);
    /** closing: the peer closes it. */
    void (*on_closing)(peer_data_channel_t *channel, void *user);
    /** error: the channel failed; on_close follows. The error is valid during the call. */
    void (*on_error)(peer_data_channel_t *channel, const peer_rtc_error_t *error, void *user);
    /** close: nothing comes or goes any more. */
    void (*on_close)(peer_data_channel_t *channel, void *user);
    /** A part of a long message, once peer_data_channel_set_streaming() has asked for parts: `part` is of the bits of
     * ::peer_message_part_t. Parts of one message come in order, and no other message of the channel comes in between. A character of a
     * text may be cut in two. */
    void (*on_message_part)(peer_data_channel_t *channel, const void *data, size_t length, int32_t part, int32_t is_text, void *user);
    void (*reserved[3])(void); /**< NULL: for events to come */
} peer_data_channel_events_t;

/** Takes a reference. @threadsafe */
PEER_API peer_data_channel_t *peer_data_channel_ref(peer_data_channel_t *channel);
/** Gives a reference back; a channel that nobody holds stays open until it is closed. @threadsafe */
PEER_API void peer_data_channel_unref(peer_data_channel_t *channel);
/** Sets (or replaces) the events, which are copied (NULL: none), and their user pointer. @threadsafe */
PEER_API void peer_data_channel_set_events(peer_data_channel_t *channel, const peer_data_channel_events_t *events, void *user);

/** Its label. @threadsafe */
PEER_API const char *peer_data_channel_label(const peer_data_channel_t *channel);
/** Its subprotocol. @threadsafe */
PEER_API const char *peer_data_channel_protocol(const peer_data_channel_t *channel);
/** 1 when messages keep their order. @threadsafe */
PEER_API int32_t peer_data_channel_ordered(const peer_data_channel_t *channel);
/** maxPacketLifeTime in milliseconds, or -1. @threadsafe */
PEER_API int32_t peer_data_channel_max_packet_life_time(const peer_data_channel_t *channel);
/** maxRetransmits, or -1. @threadsafe */
PEER_API int32_t peer_data_channel_max_retransmits(const peer_data_channel_t *channel);
/** 1 when both sides made it with the same id (negotiated). @threadsafe */
PEER_API int32_t peer_data_channel_negotiated(const peer_data_channel_t *channel);
/** Its priority, one of ::peer_priority_t but PEER_PRIORITY_UNSET. @threadsafe */
PEER_API int32_t peer_data_channel_priority(const peer_data_channel_t *channel);
/** Its stream id, or -1 before it is known. @threadsafe */
PEER_API int32_t peer_data_channel_id(const peer_data_channel_t *channel);
/** One of ::peer_data_channel_state_t. @threadsafe */
PEER_API int32_t peer_data_channel_ready_state(const peer_data_channel_t *channel);
/** Bytes that were sent, or pulled from a source, and are not yet handed to the transport. It falls between events, never during one
 * (§6.2 bufferedAmount), and stays as it was when the channel closes. @threadsafe */
PEER_API uint64_t peer_data_channel_buffered_amount(const peer_data_channel_t *channel);
/** bufferedAmountLowThreshold. @threadsafe */
PEER_API uint64_t peer_data_channel_buffered_amount_low_threshold(const peer_data_channel_t *channel);
/** Sets the amount at which on_buffered_amount_low comes; 0 at first. @threadsafe */
PEER_API void peer_data_channel_set_buffered_amount_low_threshold(peer_data_channel_t *channel, uint64_t bytes);

/**
 * Sends a message (§6.2 send).
 *
 * @param channel  the channel
 * @param data     copied before the call returns; NULL only with length 0
 * @param length   bytes
 * @param is_text  1: UTF-8 text, which is not checked; 0: binary
 * @return 0, PEER_ERROR_INVALID_STATE (not open), PEER_ERROR_TYPE (larger than the peer takes), PEER_ERROR_OPERATION (16 MiB are waiting
 * already: wait for on_buffered_amount_low), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_data_channel_send(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text);

/** Some of a message's bytes. */
typedef struct peer_buffer {
    const void *data; /**< NULL only with length 0 */
    size_t length;    /**< bytes */
} peer_buffer_t;

/**
 * Sends one message that is gathered from several buffers, as writev() does: a header and a body need not be copied together first.
 *
 * @param channel  the channel
 * @param buffers  copied before the call returns
 * @param count    how many; 0 is an empty message
 * @param is_text  1: the whole is UTF-8 text; 0: binary
 * @return as peer_data_channel_send()
 * @threadsafe
 */
PEER_API int peer_data_channel_sendv(peer_data_channel_t *channel, const peer_buffer_t *buffers, size_t count, int32_t is_text);

/** What a source's `pull` returns besides a number of bytes. */
typedef enum peer_source_result {
    PEER_SOURCE_WAIT = -1, /**< nothing now: asked again after peer_data_channel_resume_source() */
    PEER_SOURCE_END = -2   /**< that was all: the source is taken off the channel */
} peer_source_result_t;

/** Messages that are made when there is room for them: a file of any size flows in constant memory, and is read straight into what is sent.
 */
typedef struct peer_data_source {
    size_t size;         /**< sizeof the struct, set by peer_data_source_init() */
    size_t message_size; /**< largest message; 0: 65,536. Never more than the peer takes */
    int32_t is_text;     /**< 1: messages are UTF-8 text */
    /** Writes the next message, `capacity` bytes at most, and returns its length (0: an empty message), or one of ::peer_source_result_t.
     * Called on the connection's loop, without locks, so any function of the library may be called. It should not wait: the loop would.
     * Any other result ends the source. */
    int64_t (*pull)(peer_data_channel_t *channel, void *buffer, size_t capacity, void *user);
    /** The source is off the channel, at its end, by peer_data_channel_set_source(), or because the channel closed: the last call with this
     * `user`. NULL: not told. On the loop. */
    void (*on_end)(peer_data_channel_t *channel, void *user);
    void *user; /**< passed to both */
} peer_data_source_t;

/** Fills the struct with the defaults. @threadsafe */
PEER_API void peer_data_source_init(peer_data_source_t *source, size_t size);

/**
 * Has the channel ask for messages as the network takes them. Messages of peer_data_channel_send() may come in between.
 *
 * @param channel  the channel; it may still be connecting
 * @param source   copied; NULL takes the present one off
 * @return 0, PEER_ERROR_TYPE (no `pull`), PEER_ERROR_INVALID_STATE (closing or closed)
 * @threadsafe
 */
PEER_API int peer_data_channel_set_source(peer_data_channel_t *channel, const peer_data_source_t *source);

/** After PEER_SOURCE_WAIT: there is something again. May be called at any time. @threadsafe */
PEER_API void peer_data_channel_resume_source(peer_data_channel_t *channel);

/**
 * Has long messages come in parts, as they arrive, by on_message_part (they are dropped if that is NULL): a message may be larger than
 * memory should be. What is larger than the configuration's `maximum_message_size` is still not accepted: raise that too.
 *
 * @param channel    the channel
 * @param threshold  messages longer than so many bytes come in parts; shorter ones by on_message. 0: all whole, the default
 * @return 0 or PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_data_channel_set_streaming(peer_data_channel_t *channel, size_t threshold);

/**
 * Stops (1) or resumes (0) on_message and on_message_part. What arrives meanwhile waits, and counts against the connection's receive
 * window: when that is full the peer stops sending, on all channels. on_close waits for what was received before.
 * @threadsafe
 */
PEER_API void peer_data_channel_set_paused(peer_data_channel_t *channel, int32_t is_paused);

/** Closes it after what was sent has left (§6.2 close): from now on no message comes, a source is not asked any more, and on_close comes
 * when both sides have closed it. @threadsafe */
PEER_API void peer_data_channel_close(peer_data_channel_t *channel);

PEER_END_DECLS

#endif
