/** @file
 * getUserMedia (W3C Media Capture and Streams §10): tracks from built-in sources and files.
 */
#ifndef PEER_MEDIA_DEVICES_H
#define PEER_MEDIA_DEVICES_H

#include <peer/track.h>
#include <peer/types.h>

PEER_BEGIN_DECLS

/** MediaStreamConstraints for a native program. Fill with peer_media_constraints_init(). */
typedef struct peer_media_constraints {
    size_t size;              /**< sizeof the struct, set by peer_media_constraints_init() */
    int32_t audio;            /**< 1: an audio track is wanted */
    int32_t video;            /**< 1: a video track is wanted */
    const char *audio_device; /**< NULL or "test": speech-like tones; else the path of a WAV file, played in a loop */
    const char *video_device; /**< NULL or "test": a moving test picture with a frame counter and clock; else the path of a Y4M or IVF file,
                                 in a loop */
    int32_t width;            /**< of the test picture, 64 to 7,680, even; 0: 640 */
    int32_t height;           /**< of the test picture, 48 to 4,320, even; 0: 480 */
    int32_t frame_rate;       /**< of the test picture, 1 to 120; 0: 30 */
    int32_t sample_rate;      /**< of the test sound; 0: 48,000 */
    int32_t channel_count;    /**< of the test sound, 1 or 2; 0: 1 */
} peer_media_constraints_t;

/** Fills the constraints with the defaults (neither audio nor video). @threadsafe */
PEER_API void peer_media_constraints_init(peer_media_constraints_t *constraints, size_t size);

/**
 * Opens sources and gives a stream with a track of each kind wanted; they run until the tracks are stopped or released.
 *
 * @param constraints  what is wanted
 * @param stream       receives the stream
 * @return 0, PEER_ERROR_TYPE (neither audio nor video wanted), PEER_ERROR_NOT_FOUND (no such file), PEER_ERROR_NOT_READABLE (the file
 * cannot be read or is not of a known kind), PEER_ERROR_OVERCONSTRAINED (size or rate out of range), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_get_user_media(const peer_media_constraints_t *constraints, peer_stream_t **stream);

/**
 * Has the source of a track be another (W3C Media Capture and Streams §4.3.3, applyConstraints): another size or rate, or another file. The
 * track stays the same, and is sent on without negotiation; its clones follow.
 *
 * @param track        a track of peer_get_user_media(), or a clone of one
 * @param constraints  as there; what is said about the other kind is ignored
 * @return 0, PEER_ERROR_TYPE, PEER_ERROR_INVALID_STATE (a track without such a source, or ended); else as peer_get_user_media(), and then
 * nothing has changed
 * @threadsafe
 */
PEER_API int peer_track_apply_constraints(peer_track_t *track, const peer_media_constraints_t *constraints);

PEER_END_DECLS

#endif
