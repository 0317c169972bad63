/** @file
 * Encoders and decoders as a table of functions that an application can add to.
 *
 * Built in: Opus, VP8, VP9 (profile 0), PCMU and PCMA. An application registers its own (hardware H.264, say) before it makes connections;
 * those then appear in offers and answers like the built-in ones. A codec registered later is preferred to an earlier one of the same MIME
 * type and format parameters.
 *
 * The library calls one encoder or decoder from one thread at a time, never with a lock held. Different ones run at the same time.
 */
#ifndef PEER_CODEC_H
#define PEER_CODEC_H

#include <peer/export.h>
#include <peer/frame.h>

PEER_BEGIN_DECLS

/** What a codec can do; values are added. */
typedef enum peer_codec_flags {
    PEER_CODEC_ENCODES = 1,         /**< has an encoder */
    PEER_CODEC_DECODES = 2,         /**< has a decoder */
    PEER_CODEC_CONCEALS = 4,        /**< its decoder can make up for lost sound */
    PEER_CODEC_RECOVERS = 8,        /**< its decoder can take lost sound from the frame that follows it (in-band FEC) */
    PEER_CODEC_POWER_EFFICIENT = 16 /**< it runs on hardware made for it: what getStats tells as powerEfficientEncoder and -Decoder */
} peer_codec_flags_t;

/** How an encoder is to work. Fill it with peer_encoder_settings_init() first. */
typedef struct peer_encoder_settings {
    size_t size;                /**< sizeof(peer_encoder_settings_t), set by the init function */
    uint32_t width;             /**< pixels, video; frames of another size may follow */
    uint32_t height;            /**< pixels, video */
    double framerate;           /**< frames per second, video */
    uint32_t bitrate_bps;       /**< target in bits per second */
    uint32_t channels;          /**< audio: 1 or 2, at most the codec's */
    uint32_t frame_duration_ms; /**< audio: 10, 20, 40 or 60 */
    double packet_loss;         /**< expected share of packets lost, 0 to 1: drives in-band FEC */
    bool dtx;                   /**< audio: send nothing in silence */
    const char *fmtp; /**< format parameters the receiver asked for ("useinbandfec=1;stereo=1"); NULL for none. Valid during the call */
    uint32_t temporal_layers; /**< video: 2 or 3 for a stream with so many temporal layers ("L1T2", "L1T3"), whose frames tell theirs; 0 or
                                 1: none. An encoder that has no layers makes a plain stream */
} peer_encoder_settings_t;

/** What may change while an encoder runs. Fill it with peer_encoder_rates_init() first. */
typedef struct peer_encoder_rates {
    size_t size;          /**< sizeof(peer_encoder_rates_t), set by the init function */
    uint32_t bitrate_bps; /**< target in bits per second; 0 leaves it */
    double framerate;     /**< frames per second; 0 leaves it */
    double packet_loss;   /**< expected share of packets lost, 0 to 1; negative leaves it */
} peer_encoder_rates_t;

/** How a decoder is to work. Fill it with peer_decoder_settings_init() first. */
typedef struct peer_decoder_settings {
    size_t size;       /**< sizeof(peer_decoder_settings_t), set by the init function */
    uint32_t channels; /**< audio: 1 or 2; what to give, whatever the stream holds */
    const char *fmtp;  /**< format parameters the sender announced; NULL for none. Valid during the call */
} peer_decoder_settings_t;

/**
 * Where a codec puts its results: any number of them, in order, from inside the call it was passed to. The frame's reference passes to the
 * sink. An encoder uses `encoded`, a decoder `video` or `audio`; the others may be NULL.
 */
typedef struct peer_codec_sink {
    void (*encoded)(void *context, peer_encoded_frame_t *frame); /**< takes an encoded frame */
    void (*video)(void *context, peer_video_frame_t *frame);     /**< takes a picture */
    void (*audio)(void *context, peer_audio_frame_t *frame);     /**< takes sound */
    void *context;                                               /**< passed to each */
} peer_codec_sink_t;

/**
 * A codec: what it is called in SDP, and its functions. Functions return 0 or a negative peer_error_t.
 *
 * A frame handed to an encoder or decoder is the caller's; a codec that keeps it takes a reference.
 */
typedef struct peer_codec {
    size_t size;                /**< sizeof(peer_codec_t) */
    const char *mime_type;      /**< "audio/opus", "video/VP8", …: compared without regard to case */
    int32_t kind;               /**< peer_media_kind_t */
    uint32_t clock_rate;        /**< RTP clock in Hz, as in a=rtpmap */
    uint32_t channels;          /**< as in a=rtpmap: 2 for Opus, 1 for PCMU, 0 for video */
    uint32_t sample_rate;       /**< audio: rate of the raw sound that it takes and gives, in Hz; 0 for video */
    const char *fmtp;           /**< its own format parameters for offers; NULL for none */
    uint32_t flags;             /**< peer_codec_flags_t, added */
    const char *implementation; /**< name for getStats, such as "libvpx" */

    /** Makes an encoder. @param settings how it is to work, valid during the call @param encoder receives it */
    int (*encoder_new)(const peer_encoder_settings_t *settings, void **encoder);
    /**
     * Encodes one picture of any format and size: a change of size starts with a key frame.
     * The encoder may leave a picture out to keep its rate, then nothing is emitted.
     */
    int (*encode_video)(void *encoder, peer_video_frame_t *frame, bool force_key, const peer_codec_sink_t *sink);
    /** Encodes sound: S16 at `sample_rate`, with the channels and duration of the settings exactly. */
    int (*encode_audio)(void *encoder, peer_audio_frame_t *frame, const peer_codec_sink_t *sink);
    /** Changes the targets; takes effect with the next frame. */
    int (*set_rates)(void *encoder, const peer_encoder_rates_t *rates);
    /** Frees an encoder; NULL is not passed. */
    void (*encoder_free)(void *encoder);

    /** Makes a decoder. @param settings how it is to work, valid during the call @param decoder receives it */
    int (*decoder_new)(const peer_decoder_settings_t *settings, void **decoder);
    /** Decodes one frame. PEER_ERROR_OPERATION says that it was corrupt or lacks the frames it builds on. */
    int (*decode)(void *decoder, peer_encoded_frame_t *frame, const peer_codec_sink_t *sink);
    /** Makes up `samples` samples per channel of lost sound. NULL without PEER_CODEC_CONCEALS. */
    int (*conceal)(void *decoder, uint32_t samples, int64_t timestamp_us, const peer_codec_sink_t *sink);
    /**
     * Takes the `samples` samples per channel that come just before `next` from the redundancy inside `next`, which is decoded by a call of
     * its own later; conceals where there is none. NULL without PEER_CODEC_RECOVERS.
     */
    int (*recover)(void *decoder, peer_encoded_frame_t *next, uint32_t samples, int64_t timestamp_us, const peer_codec_sink_t *sink);
    /** Frees a decoder; NULL is not passed. */
    void (*decoder_free)(void *decoder);

    /**
     * The quantizer of the last picture written, as its bitstream has it (VP8: y_ac_qi, 0 to 127; VP9: base_q_idx, 0 to 255), for qpSum of
     * getStats; negative when it is not known. NULL: it never is.
     */
    int32_t (*encoder_quantizer)(void *encoder);
    /** The same of the last picture decoded. */
    int32_t (*decoder_quantizer)(void *decoder);
} peer_codec_t;

#define PEER_CODEC_MAX 64 /**< most codecs that can be registered, the built-in ones included */

/**
 * Fills settings with defaults: 640×480 at 30 frames a second and 1 Mbit/s for video, one channel of 20 ms at 32 kbit/s for audio.
 *
 * @param settings  the settings
 * @param size      sizeof *settings as the caller was compiled
 * @param kind      peer_media_kind_t
 * @threadsafe
 */
PEER_API void peer_encoder_settings_init(peer_encoder_settings_t *settings, size_t size, int32_t kind);

/**
 * Fills rates so that they change nothing.
 *
 * @param rates  the rates
 * @param size   sizeof *rates as the caller was compiled
 * @threadsafe
 */
PEER_API void peer_encoder_rates_init(peer_encoder_rates_t *rates, size_t size);

/**
 * Fills settings with defaults: one channel.
 *
 * @param settings  the settings
 * @param size      sizeof *settings as the caller was compiled
 * @threadsafe
 */
PEER_API void peer_decoder_settings_init(peer_decoder_settings_t *settings, size_t size);

/**
 * Adds a codec for the whole process, for good.
 *
 * @param codec  its table; copied, strings included. Its functions must stay loaded
 * @return 0, or PEER_ERROR_TYPE (no MIME type, a function missing that its flags promise), PEER_ERROR_RANGE (kind, rates, channels),
 *         PEER_ERROR_SYNTAX (the MIME type is not kind/name), PEER_ERROR_QUOTA_EXCEEDED (PEER_CODEC_MAX are there), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_codec_register(const peer_codec_t *codec);

/**
 * Counts the registered codecs, the built-in ones included.
 *
 * @return their number
 * @threadsafe
 */
PEER_API size_t peer_codec_count(void);

/**
 * Gives a registered codec in order of preference: the application's, the latest first; then Opus, PCMU, PCMA, VP8, VP9.
 *
 * @param index  0 to peer_codec_count() - 1
 * @return the codec, which stays valid for good; NULL past the end
 * @threadsafe
 */
PEER_API const peer_codec_t *peer_codec_at(size_t index);

/**
 * Finds the preferred codec with a MIME type.
 *
 * @param mime_type  "video/VP8", …: case does not matter
 * @return the codec, which stays valid for good; NULL when there is none
 * @threadsafe
 */
PEER_API const peer_codec_t *peer_codec_find(const char *mime_type);

PEER_END_DECLS

#endif
