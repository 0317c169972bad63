/** @file
 * Media in units: raw video frames, raw audio frames, and encoded frames of either kind.
 *
 * Every frame is immutable and counted: whoever holds a reference may read it from any thread, for as long as it likes, and nobody changes
 * it. A frame is made from a buffer description, either by copying the bytes or by adopting them with a callback that gives them back. Time
 * is in microseconds on the monotonic clock of the loop (CLOCK_MONOTONIC for the library's own sources): the moment of capture for what is
 * sent, the moment of presentation for what was received.
 */
#ifndef PEER_FRAME_H
#define PEER_FRAME_H

#include <peer/export.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

PEER_BEGIN_DECLS

/** What a track, codec or frame carries (MediaStreamTrack.kind). */
typedef enum peer_media_kind {
    PEER_MEDIA_AUDIO = 0, /**< "audio" */
    PEER_MEDIA_VIDEO = 1  /**< "video" */
} peer_media_kind_t;

/** Layout of the samples of a video frame (WebCodecs VideoPixelFormat). Colours are BT.601, limited range. */
typedef enum peer_video_format {
    PEER_VIDEO_I420 = 0, /**< planes Y, U, V; U and V have half the width and height, rounded up */
    PEER_VIDEO_NV12 = 1, /**< planes Y and UV interleaved, halved as in I420 */
    PEER_VIDEO_RGBA = 2  /**< one plane, bytes R, G, B, A */
} peer_video_format_t;

/** Layout of the samples of an audio frame; channels are interleaved. */
typedef enum peer_audio_format {
    PEER_AUDIO_S16 = 0, /**< int16_t, native byte order */
    PEER_AUDIO_F32 = 1  /**< float, full scale is -1 to 1 */
} peer_audio_format_t;

#define PEER_VIDEO_MAX_PLANES 3                    /**< planes of any video format */
#define PEER_VIDEO_MAX_SIDE 16384                  /**< largest width and height of a frame, in pixels */
#define PEER_AUDIO_MAX_CHANNELS 8                  /**< most channels of an audio frame */
#define PEER_AUDIO_MIN_RATE 8000                   /**< lowest sample rate of an audio frame, in Hz */
#define PEER_AUDIO_MAX_RATE 192000                 /**< highest sample rate of an audio frame, in Hz */
#define PEER_AUDIO_MAX_SAMPLES 192000              /**< most samples per channel in one audio frame */
#define PEER_ENCODED_MAX_LENGTH (16 * 1024 * 1024) /**< largest encoded frame, in bytes */
#define PEER_MIME_TYPE_SIZE 32                     /**< bytes of a MIME type with its NUL */
#define PEER_RID_SIZE 256                          /**< bytes of an RTP stream id with its NUL */

/**
 * Gives adopted memory back. Called exactly once, when the last reference to the frame goes (from whichever thread drops it), or never if
 * the call that was to adopt failed. It must not call the library.
 *
 * @param user  as given to the adopting call
 */
typedef void (*peer_frame_release_t)(void *user);

/* ---- video ---- */

/** A raw picture: a counted, immutable handle. */
typedef struct peer_video_frame peer_video_frame_t;

/** Describes the memory that a video frame is made from. Fill it with peer_video_buffer_init() first. */
typedef struct peer_video_buffer {
    size_t size;                                  /**< sizeof(peer_video_buffer_t), set by the init function */
    int32_t format;                               /**< peer_video_format_t */
    uint32_t width;                               /**< pixels, 1 to PEER_VIDEO_MAX_SIDE */
    uint32_t height;                              /**< pixels, 1 to PEER_VIDEO_MAX_SIDE */
    int32_t rotation;                             /**< clockwise degrees to turn it for display: 0, 90, 180 or 270 */
    int64_t timestamp_us;                         /**< capture or presentation time */
    const uint8_t *planes[PEER_VIDEO_MAX_PLANES]; /**< first byte of each plane of the format */
    uint32_t strides[PEER_VIDEO_MAX_PLANES];      /**< bytes from one row to the next; 0 means rows without gaps */
} peer_video_buffer_t;

/**
 * Fills a description with defaults: all zero, I420.
 *
 * @param buffer  the description
 * @param size    sizeof *buffer as the caller was compiled
 * @threadsafe
 */
PEER_API void peer_video_buffer_init(peer_video_buffer_t *buffer, size_t size);

/**
 * Makes a frame from a copy of the described bytes.
 *
 * @param buffer  the description; nothing of it is kept
 * @param frame   receives a new reference, for peer_video_frame_unref()
 * @return 0, or PEER_ERROR_TYPE (a NULL argument or plane), PEER_ERROR_RANGE (format, side, stride or rotation), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_video_frame_new_copy(const peer_video_buffer_t *buffer, peer_video_frame_t **frame);

/**
 * Makes a frame that uses the described bytes in place. They must stay unchanged until `release` is called.
 *
 * @param buffer   the description
 * @param release  gives the memory back; NULL if it outlives every reference
 * @param user     passed to `release`
 * @param frame    receives a new reference, for peer_video_frame_unref()
 * @return as peer_video_frame_new_copy(); on failure the memory stays the caller's and `release` is not called
 * @threadsafe
 */
PEER_API int peer_video_frame_new_adopt(const peer_video_buffer_t *buffer, peer_frame_release_t release, void *user,
                                        peer_video_frame_t **frame);

/** Takes one more reference. @param frame the frame @return the same frame @threadsafe */
PEER_API peer_video_frame_t *peer_video_frame_ref(peer_video_frame_t *frame);
/** Drops a reference. @param frame the frame; NULL is allowed @threadsafe */
PEER_API void peer_video_frame_unref(peer_video_frame_t *frame);
/** @param frame the frame @return its peer_video_format_t @threadsafe */
PEER_API int32_t peer_video_frame_format(const peer_video_frame_t *frame);
/** @param frame the frame @return its width in pixels, before rotation @threadsafe */
PEER_API uint32_t peer_video_frame_width(const peer_video_frame_t *frame);
/** @param frame the frame @return its height in pixels, before rotation @threadsafe */
PEER_API uint32_t peer_video_frame_height(const peer_video_frame_t *frame);
/** @param frame the frame @return clockwise degrees to turn it for display @threadsafe */
PEER_API int32_t peer_video_frame_rotation(const peer_video_frame_t *frame);
/** @param frame the frame @return capture or presentation time in microseconds @threadsafe */
PEER_API int64_t peer_video_frame_timestamp_us(const peer_video_frame_t *frame);

/**
 * Gives the bytes of one plane.
 *
 * @param frame  the frame
 * @param plane  0 to 2
 * @return the first byte, valid while the reference is held; NULL when the format has no such plane
 * @threadsafe
 */
PEER_API const uint8_t *peer_video_frame_plane(const peer_video_frame_t *frame, uint32_t plane);

/**
 * Gives the distance between the rows of one plane.
 *
 * @param frame  the frame
 * @param plane  0 to 2
 * @return bytes; 0 when the format has no such plane
 * @threadsafe
 */
PEER_API uint32_t peer_video_frame_stride(const peer_video_frame_t *frame, uint32_t plane);

/**
 * Makes the same picture in another format.
 *
 * @param frame      the picture
 * @param format     the wanted peer_video_format_t
 * @param converted  receives a new reference: to `frame` itself when it has that format already
 * @return 0, or PEER_ERROR_TYPE, PEER_ERROR_RANGE (no such format), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_video_frame_convert(peer_video_frame_t *frame, int32_t format, peer_video_frame_t **converted);

/**
 * Makes the same picture in another size, of the same format, filtered; the aspect ratio is the caller's affair.
 *
 * @param frame   the picture
 * @param width   pixels, 1 to PEER_VIDEO_MAX_SIDE
 * @param height  pixels, 1 to PEER_VIDEO_MAX_SIDE
 * @param scaled  receives a new reference: to `frame` itself when it has that size already
 * @return 0, or PEER_ERROR_TYPE, PEER_ERROR_RANGE, PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_video_frame_scale(peer_video_frame_t *frame, uint32_t width, uint32_t height, peer_video_frame_t **scaled);

/* ---- audio ---- */

/** A stretch of raw sound: a counted, immutable handle. */
typedef struct peer_audio_frame peer_audio_frame_t;

/** Describes the memory that an audio frame is made from. Fill it with peer_audio_buffer_init() first. */
typedef struct peer_audio_buffer {
    size_t size;                  /**< sizeof(peer_audio_buffer_t), set by the init function */
    int32_t format;               /**< peer_audio_format_t */
    uint32_t sample_rate;         /**< Hz, PEER_AUDIO_MIN_RATE to PEER_AUDIO_MAX_RATE */
    uint32_t channels;            /**< 1 to PEER_AUDIO_MAX_CHANNELS */
    uint32_t samples_per_channel; /**< 1 to PEER_AUDIO_MAX_SAMPLES */
    int64_t timestamp_us;         /**< capture or presentation time of the first sample */
    const void *data;             /**< interleaved samples, aligned for their type */
} peer_audio_buffer_t;

/**
 * Fills a description with defaults: S16, 48,000 Hz, one channel, no samples.
 *
 * @param buffer  the description
 * @param size    sizeof *buffer as the caller was compiled
 * @threadsafe
 */
PEER_API void peer_audio_buffer_init(peer_audio_buffer_t *buffer, size_t size);

/**
 * Makes a frame from a copy of the described samples.
 *
 * @param buffer  the description; nothing of it is kept
 * @param frame   receives a new reference, for peer_audio_frame_unref()
 * @return 0, or PEER_ERROR_TYPE (a NULL argument, no data), PEER_ERROR_RANGE (format, rate, channels or length), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_audio_frame_new_copy(const peer_audio_buffer_t *buffer, peer_audio_frame_t **frame);

/**
 * Makes a frame that uses the described samples in place. They must stay unchanged until `release` is called.
 *
 * @param buffer   the description
 * @param release  gives the memory back; NULL if it outlives every reference
 * @param user     passed to `release`
 * @param frame    receives a new reference, for peer_audio_frame_unref()
 * @return as peer_audio_frame_new_copy(); on failure the memory stays the caller's and `release` is not called
 * @threadsafe
 */
PEER_API int peer_audio_frame_new_adopt(const peer_audio_buffer_t *buffer, peer_frame_release_t release, void *user,
                                        peer_audio_frame_t **frame);

/** Takes one more reference. @param frame the frame @return the same frame @threadsafe */
PEER_API peer_audio_frame_t *peer_audio_frame_ref(peer_audio_frame_t *frame);
/** Drops a reference. @param frame the frame; NULL is allowed @threadsafe */
PEER_API void peer_audio_frame_unref(peer_audio_frame_t *frame);
/** @param frame the frame @return its peer_audio_format_t @threadsafe */
PEER_API int32_t peer_audio_frame_format(const peer_audio_frame_t *frame);
/** @param frame the frame @return samples per second of each channel @threadsafe */
PEER_API uint32_t peer_audio_frame_sample_rate(const peer_audio_frame_t *frame);
/** @param frame the frame @return its number of channels @threadsafe */
PEER_API uint32_t peer_audio_frame_channels(const peer_audio_frame_t *frame);
/** @param frame the frame @return samples of each channel @threadsafe */
PEER_API uint32_t peer_audio_frame_samples_per_channel(const peer_audio_frame_t *frame);
/** @param frame the frame @return capture or presentation time of the first sample, in microseconds @threadsafe */
PEER_API int64_t peer_audio_frame_timestamp_us(const peer_audio_frame_t *frame);
/** @param frame the frame @return its interleaved samples (int16_t or float), valid while the reference is held @threadsafe */
PEER_API const void *peer_audio_frame_data(const peer_audio_frame_t *frame);

/**
 * Makes the same sound in the other sample format; rate and channels stay.
 *
 * @param frame      the sound
 * @param format     the wanted peer_audio_format_t
 * @param converted  receives a new reference: to `frame` itself when it has that format already
 * @return 0, or PEER_ERROR_TYPE, PEER_ERROR_RANGE (no such format), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_audio_frame_convert(peer_audio_frame_t *frame, int32_t format, peer_audio_frame_t **converted);

/**
 * Measures the loudness: the root mean square over all channels, relative to full scale.
 *
 * @param frame  the sound
 * @return dBFS, 0 (a full-scale square wave) down to -127 (silence), as RFC 6464 counts it
 * @threadsafe
 */
PEER_API double peer_audio_frame_level_dbfs(const peer_audio_frame_t *frame);

/* ---- encoded ---- */

/** One picture or one stretch of sound as a codec wrote it: a counted, immutable handle. */
typedef struct peer_encoded_frame peer_encoded_frame_t;

/** Describes the memory that an encoded frame is made from. Fill it with peer_encoded_buffer_init() first. */
typedef struct peer_encoded_buffer {
    size_t size;              /**< sizeof(peer_encoded_buffer_t), set by the init function */
    const char *mime_type;    /**< "video/VP8", "audio/opus", …: shorter than PEER_MIME_TYPE_SIZE */
    const uint8_t *data;      /**< the frame's bytes; may be NULL when length is 0 */
    size_t length;            /**< at most PEER_ENCODED_MAX_LENGTH; 0 is a frame that the encoder left out (DTX) */
    int64_t timestamp_us;     /**< capture or presentation time */
    int64_t duration_us;      /**< how long it lasts; 0 if unknown */
    uint32_t rtp_timestamp;   /**< RTP timestamp of a received frame; senders derive it from timestamp_us */
    uint32_t width;           /**< pixels of a picture; 0 if unknown */
    uint32_t height;          /**< pixels of a picture; 0 if unknown */
    bool is_key;              /**< decodable without any frame before it; always true for sound */
    const char *rid;          /**< which encoding of a simulcast it is of, to send and as received; NULL: none. At most PEER_RID_SIZE - 1 */
    uint32_t temporal_layers; /**< how many temporal layers its stream has; 0: it does not tell */
    uint32_t temporal_id;     /**< the layer that it belongs to, 0 is the base; below temporal_layers, at most 4 */
    bool is_layer_sync;       /**< it needs frames of the base layer only: a receiver may begin with its layer here */
} peer_encoded_buffer_t;

/**
 * Fills a description with defaults: all zero.
 *
 * @param buffer  the description
 * @param size    sizeof *buffer as the caller was compiled
 * @threadsafe
 */
PEER_API void peer_encoded_buffer_init(peer_encoded_buffer_t *buffer, size_t size);

/**
 * Makes a frame from a copy of the described bytes.
 *
 * @param buffer  the description; nothing of it is kept
 * @param frame   receives a new reference, for peer_encoded_frame_unref()
 * @return 0, or PEER_ERROR_TYPE (a NULL argument, no MIME type, no data), PEER_ERROR_RANGE (length or side), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_encoded_frame_new_copy(const peer_encoded_buffer_t *buffer, peer_encoded_frame_t **frame);

/**
 * Makes a frame that uses the described bytes in place. They must stay unchanged until `release` is called. The MIME type is copied.
 *
 * @param buffer   the description
 * @param release  gives the memory back; NULL if it outlives every reference
 * @param user     passed to `release`
 * @param frame    receives a new reference, for peer_encoded_frame_unref()
 * @return as peer_encoded_frame_new_copy(); on failure the memory stays the caller's and `release` is not called
 * @threadsafe
 */
PEER_API int peer_encoded_frame_new_adopt(const peer_encoded_buffer_t *buffer, peer_frame_release_t release, void *user,
                                          peer_encoded_frame_t **frame);

/** Takes one more reference. @param frame the frame @return the same frame @threadsafe */
PEER_API peer_encoded_frame_t *peer_encoded_frame_ref(peer_encoded_frame_t *frame);
/** Drops a reference. @param frame the frame; NULL is allowed @threadsafe */
PEER_API void peer_encoded_frame_unref(peer_encoded_frame_t *frame);
/** @param frame the frame @return its MIME type, owned by the frame @threadsafe */
PEER_API const char *peer_encoded_frame_mime_type(const peer_encoded_frame_t *frame);
/** @param frame the frame @return peer_media_kind_t, by its MIME type @threadsafe */
PEER_API int32_t peer_encoded_frame_kind(const peer_encoded_frame_t *frame);
/** @param frame the frame @return its bytes, valid while the reference is held; NULL when empty @threadsafe */
PEER_API const uint8_t *peer_encoded_frame_data(const peer_encoded_frame_t *frame);
/** @param frame the frame @return its number of bytes @threadsafe */
PEER_API size_t peer_encoded_frame_length(const peer_encoded_frame_t *frame);
/** @param frame the frame @return capture or presentation time in microseconds @threadsafe */
PEER_API int64_t peer_encoded_frame_timestamp_us(const peer_encoded_frame_t *frame);
/** @param frame the frame @return how long it lasts in microseconds; 0 if unknown @threadsafe */
PEER_API int64_t peer_encoded_frame_duration_us(const peer_encoded_frame_t *frame);
/** @param frame the frame @return its RTP timestamp, as received @threadsafe */
PEER_API uint32_t peer_encoded_frame_rtp_timestamp(const peer_encoded_frame_t *frame);
/** @param frame the frame @return pixels; 0 if unknown @threadsafe */
PEER_API uint32_t peer_encoded_frame_width(const peer_encoded_frame_t *frame);
/** @param frame the frame @return pixels; 0 if unknown @threadsafe */
PEER_API uint32_t peer_encoded_frame_height(const peer_encoded_frame_t *frame);
/** @param frame the frame @return true if nothing before it is needed to decode it @threadsafe */
PEER_API bool peer_encoded_frame_is_key(const peer_encoded_frame_t *frame);
/** @param frame the frame @return the rid of its encoding (RFC 8851), owned by the frame; NULL without simulcast @threadsafe */
PEER_API const char *peer_encoded_frame_rid(const peer_encoded_frame_t *frame);
/** @param frame the frame @return the number of temporal layers; 0 if it does not tell @threadsafe */
PEER_API uint32_t peer_encoded_frame_temporal_layers(const peer_encoded_frame_t *frame);
/** @param frame the frame @return its temporal layer; 0 is the base @threadsafe */
PEER_API uint32_t peer_encoded_frame_temporal_id(const peer_encoded_frame_t *frame);
/** @param frame the frame @return true if it needs frames of the base layer only @threadsafe */
PEER_API bool peer_encoded_frame_is_layer_sync(const peer_encoded_frame_t *frame);

PEER_END_DECLS

#endif
