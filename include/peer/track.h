/** @file
 * MediaStreamTrack and MediaStream (W3C Media Capture and Streams §4), and the ways media enter and leave them.
 *
 * A track carries media at three levels: raw frames (libpeer encodes and decodes), encoded frames (the application has its own codec), and
 * RTP packets (forwarding). A local track takes any of them by the write functions; a remote one gives each sink the levels that it asks
 * for, and decodes only if a sink wants raw frames.
 */
#ifndef PEER_TRACK_H
#define PEER_TRACK_H

#include <peer/frame.h>
#include <peer/types.h>

PEER_BEGIN_DECLS

/** Gives "audio" or "video" for a ::peer_media_kind_t; "" for another value. @threadsafe */
PEER_API const char *peer_media_kind_name(int32_t kind);

/** MediaStreamTrackState. */
typedef enum peer_track_state { PEER_TRACK_LIVE = 0, PEER_TRACK_ENDED = 1 } peer_track_state_t;

/**
 * Makes a local track whose media the application writes.
 *
 * @param kind   one of ::peer_media_kind_t
 * @param label  for people; NULL for ""
 * @param track  receives the track
 * @return 0, PEER_ERROR_TYPE, PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_track_new(int32_t kind, const char *label, peer_track_t **track);
/**
 * As peer_track_new(), with an id that exists already: for bindings whose tracks have one.
 *
 * @param kind   one of ::peer_media_kind_t
 * @param id     1 to 127 bytes of UTF-8 without spaces and control characters; NULL: a new one
 * @param label  for people; NULL for ""
 * @param track  receives the track
 * @return 0, PEER_ERROR_TYPE (kind, id), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_track_new_with_id(int32_t kind, const char *id, const char *label, peer_track_t **track);
/**
 * Makes another track that gets the same media (W3C Media Capture and Streams §4.3.1, clone): what is written into the original, what its
 * source gives, or what is received. Each is enabled, stopped and sent for itself, and the source stops when the last of them has ended. A
 * clone has an id of its own; at first it is enabled, muted and ended as `track` is.
 *
 * @param track  any track, itself a clone perhaps
 * @param clone  receives the new track
 * @return 0, PEER_ERROR_TYPE, PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_track_clone(peer_track_t *track, peer_track_t **clone);
/** Takes a reference. @threadsafe */
PEER_API peer_track_t *peer_track_ref(peer_track_t *track);
/** Gives a reference back. @threadsafe */
PEER_API void peer_track_unref(peer_track_t *track);
/** One of ::peer_media_kind_t. @threadsafe */
PEER_API int32_t peer_track_kind(const peer_track_t *track);
/** Its id, unique, 36 characters for a local track. @threadsafe */
PEER_API const char *peer_track_id(const peer_track_t *track);
/** Its label. @threadsafe */
PEER_API const char *peer_track_label(const peer_track_t *track);
/** 1 unless it was disabled. @threadsafe */
PEER_API int32_t peer_track_enabled(const peer_track_t *track);
/** Disabling a local track sends silence or black instead of its media: "mute" in a user's words. @threadsafe */
PEER_API void peer_track_set_enabled(peer_track_t *track, int32_t enabled);
/** 1 while a remote track receives nothing (before its first packet, or when the peer stopped sending). @threadsafe */
PEER_API int32_t peer_track_muted(const peer_track_t *track);
/** One of ::peer_track_state_t. @threadsafe */
PEER_API int32_t peer_track_ready_state(const peer_track_t *track);
/** Ends it; its source stops once no other track uses it. @threadsafe */
PEER_API void peer_track_stop(peer_track_t *track);

/**
 * Writes a raw picture into a local video track. The frame is referenced, not copied.
 * @return 0; PEER_ERROR_TYPE (an audio track); PEER_ERROR_INVALID_STATE (ended, or a remote track)
 * @threadsafe
 */
PEER_API int peer_track_write_video(peer_track_t *track, peer_video_frame_t *frame);
/** Writes raw sound into a local audio track; any rate from 8,000 to 192,000 Hz, 1 or 2 channels. Errors as peer_track_write_video().
 * @threadsafe */
PEER_API int peer_track_write_audio(peer_track_t *track, peer_audio_frame_t *frame);
/**
 * Writes an encoded frame into a local track; it is sent as it is by every sender that negotiated its codec: as the encoding that its rid
 * names, or without one as the first. Errors as
 * peer_track_write_video().
 * @threadsafe
 */
PEER_API int peer_track_write_encoded(peer_track_t *track, peer_encoded_frame_t *frame);
/**
 * Writes a whole RTP packet into a local track: payload, marker and timestamp are sent as they are; SSRC, sequence number, payload type and
 * header extensions are the sender's own.
 *
 * @param track  the track
 * @param packet  RTP packet, without SRTP
 * @param length  bytes, at most 1,400
 * @return 0; PEER_ERROR_SYNTAX (no RTP packet), PEER_ERROR_RANGE; else as peer_track_write_video()
 * @threadsafe
 */
PEER_API int peer_track_write_rtp(peer_track_t *track, const void *packet, size_t length);

/**
 * Who gets a track's media and state. Members left NULL are not wanted, and cost nothing. For a remote track all come on its connection's
 * loop; the media of a local track come on the thread that writes it (its source's, for peer_get_user_media()), or on a loop that is named.
 * Frames are valid during the call; take a reference to keep one.
 */
typedef struct peer_track_sink {
    size_t size; /**< sizeof the struct, set by peer_track_sink_init() */
    /** A picture; decoded, if the track is a remote one. */
    void (*on_video_frame)(peer_track_t *track, peer_video_frame_t *frame, void *user);
    /** A stretch of sound; decoded, if the track is a remote one. */
    void (*on_audio_frame)(peer_track_t *track, peer_audio_frame_t *frame, void *user);
    /** Whole frames before decoding, in decoding order; of a simulcast those of every stream, see peer_encoded_frame_rid(). */
    void (*on_encoded_frame)(peer_track_t *track, peer_encoded_frame_t *frame, void *user);
    /** Packets as received, in order of arrival, retransmitted ones included. */
    void (*on_rtp)(peer_track_t *track, const void *packet, size_t length, void *user);
    /** mute: nothing is received for now. */
    void (*on_mute)(peer_track_t *track, void *user);
    /** unmute: media come. */
    void (*on_unmute)(peer_track_t *track, void *user);
    /** ended: it is over for good. */
    void (*on_ended)(peer_track_t *track, void *user);
    /** A receiver of this local track needs a key frame (PLI or FIR came): for an application that writes encoded frames or RTP. */
    void (*on_key_frame_request)(peer_track_t *track, void *user);
    /** As on_rtp, and called in its place when it is set: with the rid of the simulcast stream, or NULL. */
    void (*on_stream_rtp)(peer_track_t *track, const void *packet, size_t length, const char *rid, void *user);
    /** As on_key_frame_request, and called in its place when it is set: with the rid of the encoding, or NULL. */
    void (*on_stream_key_frame_request)(peer_track_t *track, const char *rid, void *user);
    /** The peer sent a DTMF tone (RFC 4733) in place of the sound of this remote track: "0" to "9", "*", "#", "A" to "D". It has just ended
     * and lasted so many milliseconds. Packets of such tones do not come by on_rtp. */
    void (*on_tone)(peer_track_t *track, const char *tone, int32_t duration_ms, void *user);
    /** Of a local track: all comes on this loop, in order, instead of the thread that writes, which does not wait. NULL: on that thread.
     * When 8 pictures or 2 s of sound wait to be delivered, more are left out. A loop of its own thread or a manual one; a remote track's
     * sinks have its connection's. */
    peer_loop_t *loop;
} peer_track_sink_t;

/** Fills a sink with the defaults. @threadsafe */
PEER_API void peer_track_sink_init(peer_track_sink_t *sink, size_t size);

/**
 * Adds a sink to a track, local (self view: what is written comes out) or remote.
 *
 * @param track  the track
 * @param sink  copied
 * @param user  passed to its callbacks, and names it for peer_track_remove_sink()
 * @return 0, PEER_ERROR_QUOTA_EXCEEDED (more than 16), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_track_add_sink(peer_track_t *track, const peer_track_sink_t *sink, void *user);
/** Removes the sinks that were added with `user`. Called from an event, none of their callbacks comes afterwards. @threadsafe */
PEER_API void peer_track_remove_sink(peer_track_t *track, void *user);

/** Makes an empty stream with a new id. @return the stream, or NULL when memory ran out @threadsafe */
PEER_API peer_stream_t *peer_stream_new(void);
/** Makes an empty stream with an id that exists already, as for peer_track_new_with_id(). @return the stream, or NULL: PEER_ERROR_TYPE (the
 * id), PEER_ERROR_NO_MEMORY @threadsafe */
PEER_API peer_stream_t *peer_stream_new_with_id(const char *id);
/** Takes a reference. @threadsafe */
PEER_API peer_stream_t *peer_stream_ref(peer_stream_t *stream);
/** Gives a reference back. @threadsafe */
PEER_API void peer_stream_unref(peer_stream_t *stream);
/** Its id. @threadsafe */
PEER_API const char *peer_stream_id(const peer_stream_t *stream);
/** Adds a track, once. @return 0 or PEER_ERROR_NO_MEMORY @threadsafe */
PEER_API int peer_stream_add_track(peer_stream_t *stream, peer_track_t *track);
/** Removes a track if it is there. @threadsafe */
PEER_API void peer_stream_remove_track(peer_stream_t *stream, peer_track_t *track);
/** How many tracks it has. @threadsafe */
PEER_API size_t peer_stream_track_count(const peer_stream_t *stream);
/** The track at `index`, borrowed from the stream; NULL beyond the end. @threadsafe */
PEER_API peer_track_t *peer_stream_track(const peer_stream_t *stream, size_t index);

/** Events of a stream: the tracks that the peer adds to it and removes from it (W3C Media Capture and Streams §4.2). What the application
 * does itself, by peer_stream_add_track() and peer_stream_remove_track(), is not told. Members left NULL are not delivered. */
typedef struct peer_stream_events {
    size_t size; /**< sizeof the struct, set by peer_stream_events_init() */
    /** addtrack: after the track is in, before the connection's on_track for it (W3C WebRTC §4.4.1.5). */
    void (*on_add_track)(peer_stream_t *stream, peer_track_t *track, void *user);
    /** removetrack: after the track is out; its mute came before. */
    void (*on_remove_track)(peer_stream_t *stream, peer_track_t *track, void *user);
} peer_stream_events_t;

/** Fills the struct with the defaults. @threadsafe */
PEER_API void peer_stream_events_init(peer_stream_events_t *events, size_t size);

/**
 * Sets the events of a stream; those set before are replaced. They come on the loop of the connection whose stream it is, in W3C's order
 * among its events. An event that is being delivered while this is called may still come to the old ones.
 *
 * @param stream  a stream of peer_track_event_t
 * @param events  copied; NULL ends them
 * @param user    passed to every event
 * @return 0 or PEER_ERROR_TYPE (not filled by peer_stream_events_init())
 * @threadsafe
 */
PEER_API int peer_stream_set_events(peer_stream_t *stream, const peer_stream_events_t *events, void *user);

PEER_END_DECLS

#endif
