/** @file
 * RTCDTMFSender (W3C WebRTC §7): keypad tones beside the sound that a sender sends, as telephone events (RFC 4733). Events of the other
 * side come to the sinks of its track (on_tone, peer/track.h).
 *
 * It is part of its sender, and lives as long as that.
 */
#ifndef PEER_DTMF_SENDER_H
#define PEER_DTMF_SENDER_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** Takes a reference. @threadsafe */
PEER_API peer_dtmf_sender_t *peer_dtmf_sender_ref(peer_dtmf_sender_t *dtmf);
/** Gives a reference back; NULL is allowed. @threadsafe */
PEER_API void peer_dtmf_sender_unref(peer_dtmf_sender_t *dtmf);

/** Events of a DTMF sender. They come on its connection's loop. */
typedef struct peer_dtmf_sender_events {
    size_t size; /**< sizeof the struct, set by peer_dtmf_sender_events_init() */
    /** tonechange (§7.3): a tone has begun, "," included; "" when the last one and the gap behind it are over. */
    void (*on_tone_change)(peer_dtmf_sender_t *dtmf, const char *tone, void *user);
} peer_dtmf_sender_events_t;

/** Fills the struct with the defaults. @threadsafe */
PEER_API void peer_dtmf_sender_events_init(peer_dtmf_sender_events_t *events, size_t size);
/**
 * Sets who is told.
 * @param dtmf    the sender
 * @param events  copied; NULL: nobody
 * @param user    passed to the events
 * @return 0 or PEER_ERROR_TYPE (not filled by peer_dtmf_sender_events_init())
 * @threadsafe
 */
PEER_API int peer_dtmf_sender_set_events(peer_dtmf_sender_t *dtmf, const peer_dtmf_sender_events_t *events, void *user);

/**
 * Plays tones (§7.2 insertDTMF). They replace those that wait; the one that plays is played to its end. "" takes the waiting ones away.
 * Tones end early, without an event, when they cannot be sent any more (see peer_dtmf_sender_can_insert_dtmf()).
 *
 * @param dtmf               the sender
 * @param tones              "0" to "9", "A" to "D" (or small letters), "#", "*", and ",": a pause of 2 s
 * @param duration_ms        of each tone: 40 to 6,000, what is outside is taken as the nearest of the two; negative: 100
 * @param inter_tone_gap_ms  between tones: 30 to 6,000, likewise; negative: 70
 * @return 0; PEER_ERROR_INVALID_STATE (none can be sent now), PEER_ERROR_INVALID_CHARACTER, PEER_ERROR_TYPE (tones is NULL),
 *         PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_dtmf_sender_insert_dtmf(peer_dtmf_sender_t *dtmf, const char *tones, int32_t duration_ms, int32_t inter_tone_gap_ms);
/** canInsertDTMF: 1 while the connection is "connected", the sender has a track, sends, is active, and telephone events were negotiated.
 * @threadsafe */
PEER_API int32_t peer_dtmf_sender_can_insert_dtmf(const peer_dtmf_sender_t *dtmf);
/** toneBuffer: the tones that are still to be played, letters large. Give it back with peer_string_free(); NULL when memory ran out.
 * @threadsafe */
PEER_API char *peer_dtmf_sender_tone_buffer(const peer_dtmf_sender_t *dtmf);

PEER_END_DECLS

#endif
