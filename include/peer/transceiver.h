/** @file
 * RTCRtpTransceiver, RTCRtpSender, RTCRtpReceiver (W3C WebRTC §5).
 *
 * They outlive their connection, and being negotiated away or rolled back, for whoever holds a reference: then they are stopped, answer
 * with their last state, and what changes them fails with PEER_ERROR_INVALID_STATE.
 */
#ifndef PEER_TRANSCEIVER_H
#define PEER_TRANSCEIVER_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCRtpTransceiverDirection. */
typedef enum peer_direction {
    PEER_DIRECTION_SENDRECV = 0,
    PEER_DIRECTION_SENDONLY = 1,
    PEER_DIRECTION_RECVONLY = 2,
    PEER_DIRECTION_INACTIVE = 3,
    PEER_DIRECTION_STOPPED = 4
} peer_direction_t;

/** Gives "sendrecv", …; "" for another value. @threadsafe */
PEER_API const char *peer_direction_name(int32_t direction);

/** Takes a reference. @threadsafe */
PEER_API peer_transceiver_t *peer_transceiver_ref(peer_transceiver_t *transceiver);
/** Gives a reference back. @threadsafe */
PEER_API void peer_transceiver_unref(peer_transceiver_t *transceiver);
/** Kind of both tracks, one of ::peer_media_kind_t. @threadsafe */
PEER_API int32_t peer_transceiver_kind(const peer_transceiver_t *transceiver);
/**
 * Its mid, or NULL before negotiation.
 *
 * The string stays valid as long as the transceiver lives, whatever happens to the connection, except where rollbacks give it ever new
 * mids: then the eight that were last read from it are kept.
 * @threadsafe
 */
PEER_API const char *peer_transceiver_mid(const peer_transceiver_t *transceiver);
/** Preferred direction, one of ::peer_direction_t. @threadsafe */
PEER_API int32_t peer_transceiver_direction(const peer_transceiver_t *transceiver);
/** Negotiated direction, one of ::peer_direction_t, or -1 before the first answer. @threadsafe */
PEER_API int32_t peer_transceiver_current_direction(const peer_transceiver_t *transceiver);
/**
 * Sets the preferred direction; takes effect with the next negotiation.
 * @return 0, PEER_ERROR_TYPE (no direction, or "stopped"), PEER_ERROR_INVALID_STATE (closed, stopping or stopped)
 * @threadsafe
 */
PEER_API int peer_transceiver_set_direction(peer_transceiver_t *transceiver, int32_t direction);
/**
 * Stops it for good (§5.4 stop): it sends and receives no more, its direction is "stopped", and its remote track ends (on_ended comes from
 * the loop). Once that has been negotiated its current direction is "stopped", too, and the connection lists it no more. Again, it does
 * nothing.
 * @return 0 or PEER_ERROR_INVALID_STATE (closed)
 * @threadsafe
 */
PEER_API int peer_transceiver_stop(peer_transceiver_t *transceiver);
/** Its sender; a new reference. @threadsafe */
PEER_API peer_sender_t *peer_transceiver_sender(const peer_transceiver_t *transceiver);
/** Its receiver; a new reference. @threadsafe */
PEER_API peer_receiver_t *peer_transceiver_receiver(const peer_transceiver_t *transceiver);

/** Takes a reference. @threadsafe */
PEER_API peer_sender_t *peer_sender_ref(peer_sender_t *sender);
/** Gives a reference back. @threadsafe */
PEER_API void peer_sender_unref(peer_sender_t *sender);
/** The transceiver that it is half of: borrowed, lives as long as the sender. @threadsafe */
PEER_API peer_transceiver_t *peer_sender_transceiver(const peer_sender_t *sender);
/** The track that is sent; a new reference, or NULL. @threadsafe */
PEER_API peer_track_t *peer_sender_track(const peer_sender_t *sender);
/** transport (§5.2): what its media go over; a new reference, always to the same object. NULL before a description has negotiated it, and
 * again when that was rolled back. @threadsafe */
PEER_API peer_dtls_transport_t *peer_sender_transport(const peer_sender_t *sender);
/** dtmf (§7.1): what sends keypad tones beside the sender's sound; a new reference, always to the same object. NULL for video. @threadsafe
 */
PEER_API peer_dtmf_sender_t *peer_sender_dtmf(peer_sender_t *sender);
/**
 * Sends another track, or none, without negotiation (§5.2 replaceTrack).
 * @return 0, PEER_ERROR_TYPE (the other kind), PEER_ERROR_INVALID_STATE (closed or stopped)
 * @threadsafe
 */
PEER_API int peer_sender_replace_track(peer_sender_t *sender, peer_track_t *track);
/**
 * Sets the streams that the peer is to find the track in (§5.2 setStreams); takes effect with the next negotiation, which is needed then.
 *
 * @param sender   the sender
 * @param streams  may be NULL when stream_count is 0
 * @param stream_count  how many, at most 64; one that stands twice counts once
 * @return 0, PEER_ERROR_INVALID_STATE (closed), PEER_ERROR_TYPE (a stream is NULL), PEER_ERROR_INVALID_ACCESS (an id that cannot stand in a
 *         description), PEER_ERROR_RANGE, PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_sender_set_streams(peer_sender_t *sender, peer_stream_t *const *streams, size_t stream_count);
/**
 * Sets the rate that the built-in encoder aims at.
 * @param sender  the sender
 * @param bitrate_bps  bits a second, 6,000 to 50,000,000; 0 for the default of the codec and picture size
 * @return 0, PEER_ERROR_RANGE, PEER_ERROR_INVALID_STATE
 * @threadsafe
 */
PEER_API int peer_sender_set_bitrate(peer_sender_t *sender, uint32_t bitrate_bps);

/** Takes a reference. @threadsafe */
PEER_API peer_receiver_t *peer_receiver_ref(peer_receiver_t *receiver);
/** Gives a reference back. @threadsafe */
PEER_API void peer_receiver_unref(peer_receiver_t *receiver);
/** The transceiver that it is half of: borrowed, lives as long as the receiver. @threadsafe */
PEER_API peer_transceiver_t *peer_receiver_transceiver(const peer_receiver_t *receiver);
/** The track that is received, never NULL; a new reference. @threadsafe */
PEER_API peer_track_t *peer_receiver_track(const peer_receiver_t *receiver);
/** transport (§5.3): what its media come over; as peer_sender_transport(). @threadsafe */
PEER_API peer_dtls_transport_t *peer_receiver_transport(const peer_receiver_t *receiver);
/** RTCRtpContributingSource and RTCRtpSynchronizationSource (§5.3). */
typedef struct peer_rtp_source {
    size_t size;                   /**< sizeof the struct */
    uint32_t source;               /**< SSRC or CSRC */
    uint32_t rtp_timestamp;        /**< of the last packet that it was in */
    double timestamp_ms;           /**< when that came: milliseconds since 1970 */
    int32_t has_audio_level;       /**< 1 if that packet told how loud it is */
    double audio_level;            /**< 0 (silence) to 1 (0 dBov), linear (RFC 6464) */
    int32_t has_capture_timestamp; /**< 1 if it is known when that packet's media were captured: the header extension abs-capture-time was
                                        negotiated (W3C webrtc-extensions) */
    double capture_timestamp_ms;   /**< captureTimestamp: that moment, in milliseconds since 1900 on the NTP clock of the system that
                                        captured it. Two of one system can be compared */
    int32_t has_sender_capture_time_offset; /**< 1 if the sender has told the next */
    double sender_capture_time_offset_ms;   /**< senderCaptureTimeOffset: how much the sender's NTP clock is ahead of the capturing
                                                 system's, as it estimates; 0 when they are one */
} peer_rtp_source_t;

/**
 * getSynchronizationSources: whom sound or pictures came from in the last 10 seconds, latest first.
 *
 * @param receiver  the receiver
 * @param sources   receives up to `capacity` of them; the first has its `size` set: that is how far they are apart (0: as the library was
 *                  compiled). May be NULL when capacity is 0
 * @param capacity  how many fit
 * @return how many there are
 * @threadsafe
 */
PEER_API size_t peer_receiver_get_synchronization_sources(const peer_receiver_t *receiver, peer_rtp_source_t *sources, size_t capacity);
/** getContributingSources: whose sound a mixer says it has put together (CSRCs, RFC 3550 §5.1). As
 * peer_receiver_get_synchronization_sources(). @threadsafe */
PEER_API size_t peer_receiver_get_contributing_sources(const peer_receiver_t *receiver, peer_rtp_source_t *sources, size_t capacity);
/**
 * jitterBufferTarget: the least time that media are held before they are played, so that fewer come too late.
 *
 * @param receiver   the receiver
 * @param target_ms  0 to 4,000; negative (W3C: null): as little as the network allows, the default
 * @return 0 or PEER_ERROR_RANGE
 * @threadsafe
 */
PEER_API int peer_receiver_set_jitter_buffer_target(peer_receiver_t *receiver, double target_ms);
/** What was set last; negative (W3C: null) if nothing was. @threadsafe */
PEER_API double peer_receiver_jitter_buffer_target(const peer_receiver_t *receiver);
/** Asks the peer for a key frame (RTCP PLI, RFC 4585 §6.3.1), for an application that decodes itself. @return 0 or PEER_ERROR_INVALID_STATE
 * @threadsafe */
PEER_API int peer_receiver_request_key_frame(peer_receiver_t *receiver);

PEER_END_DECLS

#endif
