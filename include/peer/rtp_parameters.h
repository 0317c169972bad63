/** @file
 * What can be negotiated, what was, and how each encoding of a sender is made: RTCRtpCapabilities, RTCRtpSendParameters,
 * RTCRtpReceiveParameters and the dictionaries in them (W3C WebRTC §5.2, §5.3, §5.4; webrtc-priority, webrtc-svc, mst-content-hint).
 *
 * A member that JavaScript leaves out has a value here that says so: NULL for text, 0 for a number that cannot be 0, or a `has_…` beside
 * it.
 */
#ifndef PEER_RTP_PARAMETERS_H
#define PEER_RTP_PARAMETERS_H

#include <peer/types.h>

PEER_BEGIN_DECLS

/** RTCRtpCodec, and with a payload type RTCRtpCodecParameters. */
typedef struct peer_rtp_codec {
    size_t size;               /**< sizeof(peer_rtp_codec_t): the stride of arrays of it */
    const char *mime_type;     /**< "video/VP8": case does not matter */
    const char *sdp_fmtp_line; /**< format parameters, "minptime=10;useinbandfec=1"; NULL: none */
    uint32_t clock_rate;       /**< Hz */
    uint32_t channels;         /**< 0: not told, as for video */
    int32_t payload_type;      /**< 0 to 127; -1 in capabilities and preferences, where it is not looked at */
} peer_rtp_codec_t;

/** RTCRtpHeaderExtensionCapability, and with an id RTCRtpHeaderExtensionParameters (RFC 8285). */
typedef struct peer_rtp_header_extension {
    size_t size;       /**< sizeof(peer_rtp_header_extension_t): the stride of arrays of it */
    const char *uri;   /**< "urn:ietf:params:rtp-hdrext:sdes:mid" */
    int32_t id;        /**< 1 to 255; -1 in capabilities */
    int32_t encrypted; /**< 1 when it is sent encrypted (RFC 6904), else 0 */
    int32_t direction; /**< one of ::peer_direction_t. In capabilities that in which it is offered by default: PEER_DIRECTION_STOPPED is not
                            offered unless the application asks (W3C webrtc-extensions). In parameters the negotiated one */
} peer_rtp_header_extension_t;

#define PEER_RTP_ENCODINGS_MAX 8 /**< most encodings of one sender, and most simulcast streams of one receiver */

/** RTCRtpEncodingParameters: how one stream of a sender is made. Fill it with peer_rtp_encoding_init() first. */
typedef struct peer_rtp_encoding {
    size_t size;     /**< sizeof(peer_rtp_encoding_t): the stride of arrays of it */
    const char *rid; /**< RTP stream id: 1 to 255 letters, digits, '-' and '_' (RFC 8851 §10), of which receivers here tell apart those of
                        at most 32; NULL: none. Read-only afterwards */
    int32_t active;  /**< 1: it is sent; 0: nothing of it is encoded or sent, and no BYE says so */
    int32_t has_max_framerate; /**< 1: max_framerate holds; 0: no limit. Video only */
    double max_framerate;      /**< pictures a second, 0 or more; 0 freezes the picture */
    uint64_t max_bitrate_bps;  /**< the most bits a second, headers of IP and UDP not counted (RFC 3890 §6.2.2). Pictures are left out when
                                    the encoder cannot stay below; 0 lets one picture through */
    int32_t has_max_bitrate;   /**< 1: max_bitrate_bps holds; 0: no limit */
    double scale_resolution_down_by; /**< both sides of the picture are divided by it: 1.0 or more; 0: not given. Always given when read, 0
                                          for sound */
    const char *scalability_mode;    /**< temporal layers (webrtc-svc): "L1T1", "L1T2" or "L1T3"; NULL: as the encoder likes, one layer */
    int32_t priority;                /**< one of ::peer_priority_t: how much it matters. PEER_PRIORITY_UNSET is read as PEER_PRIORITY_LOW */
    int32_t network_priority; /**< one of ::peer_priority_t: the DSCP of its packets (RFC 8837); PEER_PRIORITY_UNSET: `priority` when that
                                   is not low, else the connection's */
    const peer_rtp_codec_t *codec; /**< the negotiated codec to send; NULL: the first that the peer listed */
    int32_t adaptive_ptime; /**< webrtc-extensions: 1 lets the length of sound packets follow the path. It is kept; packets stay at 20 ms */
} peer_rtp_encoding_t;

/**
 * Fills an encoding with what JavaScript's defaults are: active, no limits, no rid.
 *
 * @param encoding  the encoding
 * @param size      sizeof *encoding as the caller was compiled
 * @threadsafe
 */
PEER_API void peer_rtp_encoding_init(peer_rtp_encoding_t *encoding, size_t size);

/** RTCDegradationPreference (mst-content-hint): what is to suffer when not all can be had. */
typedef enum peer_degradation_preference {
    PEER_DEGRADATION_UNSET = -1,              /**< not given */
    PEER_DEGRADATION_MAINTAIN_FRAMERATE = 0,  /**< "maintain-framerate" */
    PEER_DEGRADATION_MAINTAIN_RESOLUTION = 1, /**< "maintain-resolution" */
    PEER_DEGRADATION_BALANCED = 2             /**< "balanced" */
} peer_degradation_preference_t;

/** Gives "maintain-framerate", …; "" for another value. @threadsafe */
PEER_API const char *peer_degradation_preference_name(int32_t preference);

/**
 * RTCRtpSendParameters, RTCRtpReceiveParameters: a copy that belongs to whoever asked for it.
 *
 * To change how a sender encodes, get its parameters, change members of `encodings` in place (pointers in them may be set to texts and
 * codecs of the application's own) and give them to peer_sender_set_parameters(). All else is read-only.
 */
typedef struct peer_rtp_parameters {
    size_t size;                                          /**< sizeof(peer_rtp_parameters_t) */
    const char *transaction_id;                           /**< which peer_sender_get_parameters() it is of; NULL for a receiver */
    peer_rtp_encoding_t *encodings;                       /**< of a sender; NULL for a receiver */
    size_t encoding_count;                                /**< their number, 1 to PEER_RTP_ENCODINGS_MAX; 0 for a receiver */
    const peer_rtp_codec_t *codecs;                       /**< negotiated, RTX included; in order of preference */
    size_t codec_count;                                   /**< 0 before negotiation */
    const peer_rtp_header_extension_t *header_extensions; /**< negotiated for this direction */
    size_t header_extension_count;                        /**< 0 before negotiation */
    const char *rtcp_cname;                               /**< the CNAME of what is sent (RFC 7022); "" for a receiver */
    int32_t rtcp_reduced_size;                            /**< 1 when RTCP of reduced size (RFC 5506) was negotiated, else 0 */
    int32_t degradation_preference;                       /**< one of ::peer_degradation_preference_t: kept for the application */
} peer_rtp_parameters_t;

/**
 * Gives how a sender encodes and transmits now (W3C §5.2 getParameters). It opens a transaction: the parameters given out last are the ones
 * that peer_sender_set_parameters() takes, once, until negotiation changes them.
 *
 * @param sender      the sender
 * @param parameters  receives the copy, for peer_rtp_parameters_free()
 * @return 0 or PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_sender_get_parameters(peer_sender_t *sender, peer_rtp_parameters_t **parameters);

/**
 * Changes how a sender encodes, without negotiation (W3C §5.2 setParameters). It takes effect with the next picture.
 *
 * @param sender      the sender
 * @param parameters  what peer_sender_get_parameters() gave last, with changed encodings; stays the caller's
 * @return 0, or PEER_ERROR_INVALID_STATE (stopped or closed; none were given out since the last change), PEER_ERROR_INVALID_MODIFICATION
 *         (the number or order of encodings, or a read-only member, differs from what was given out; a codec that is not negotiated;
 *         a scalability mode that no codec has), PEER_ERROR_RANGE (a scale below 1, a negative frame rate), PEER_ERROR_TYPE (a priority or
 *         preference that does not exist), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_sender_set_parameters(peer_sender_t *sender, const peer_rtp_parameters_t *parameters);

/**
 * Gives what a receiver is prepared to receive (W3C §5.3 getParameters): all that a local offer lists, and after the answer what both have.
 *
 * @param receiver    the receiver
 * @param parameters  receives the copy, for peer_rtp_parameters_free()
 * @return 0 or PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_receiver_get_parameters(peer_receiver_t *receiver, peer_rtp_parameters_t **parameters);

/** Releases parameters, and what they point to as given out. NULL is allowed. @threadsafe */
PEER_API void peer_rtp_parameters_free(peer_rtp_parameters_t *parameters);

/** RTCRtpCapabilities: what can be negotiated, in order of preference. A copy that belongs to whoever asked for it. */
typedef struct peer_rtp_capabilities {
    size_t size;                                          /**< sizeof(peer_rtp_capabilities_t) */
    const peer_rtp_codec_t *codecs;                       /**< with one entry for RTX (RFC 4588) where it is negotiated */
    size_t codec_count;                                   /**< their number */
    const peer_rtp_header_extension_t *header_extensions; /**< those that can be negotiated */
    size_t header_extension_count;                        /**< their number */
} peer_rtp_capabilities_t;

/**
 * Gives what senders of a kind can negotiate (W3C §5.2 getCapabilities): registered codecs that have an encoder and can be packetized.
 *
 * @param kind          one of ::peer_media_kind_t
 * @param capabilities  receives the copy, for peer_rtp_capabilities_free()
 * @return 0, PEER_ERROR_TYPE (no such kind: JavaScript gives null), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_sender_get_capabilities(int32_t kind, peer_rtp_capabilities_t **capabilities);

/**
 * Gives what receivers of a kind can negotiate (W3C §5.3 getCapabilities): registered codecs that have a decoder and a payload format.
 *
 * @param kind          one of ::peer_media_kind_t
 * @param capabilities  receives the copy, for peer_rtp_capabilities_free()
 * @return 0, PEER_ERROR_TYPE (no such kind: JavaScript gives null), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_receiver_get_capabilities(int32_t kind, peer_rtp_capabilities_t **capabilities);

/** Releases capabilities. NULL is allowed. @threadsafe */
PEER_API void peer_rtp_capabilities_free(peer_rtp_capabilities_t *capabilities);

/**
 * Says which codecs later offers and answers list for a transceiver, and in which order (W3C §5.4 setCodecPreferences). Leaving
 * "video/rtx" out leaves retransmission by RTX out.
 *
 * @param transceiver  the transceiver
 * @param codecs       codecs of the capabilities of its kind; of equal ones the first counts
 * @param count        their number; 0 goes back to the default
 * @return 0, or PEER_ERROR_INVALID_MODIFICATION (one that is not in the capabilities, or nothing but RTX, RED, FEC and comfort noise),
 *         PEER_ERROR_TYPE (no MIME type), PEER_ERROR_INVALID_STATE (the connection is gone), PEER_ERROR_NO_MEMORY
 * @threadsafe
 */
PEER_API int peer_transceiver_set_codec_preferences(peer_transceiver_t *transceiver, const peer_rtp_codec_t *codecs, size_t count);

/**
 * Gives which header extensions later offers and answers of a transceiver have, and in which direction (W3C webrtc-extensions
 * getHeaderExtensionsToNegotiate). At first those of the first transceiver of its kind, or what the library offers by default; an answer
 * sets them to what it left.
 *
 * @param transceiver  the transceiver
 * @param extensions   receives up to `capacity` of them, whose texts live for ever and whose ids are -1; the first has its `size` set: that
 *                     is how far they are apart (0: as the library was compiled). May be NULL when capacity is 0
 * @param capacity     how many fit
 * @return how many there are: all that the library has for the kind
 * @threadsafe
 */
PEER_API size_t peer_transceiver_get_header_extensions_to_negotiate(const peer_transceiver_t *transceiver,
                                                                    peer_rtp_header_extension_t *extensions, size_t capacity);

/**
 * Changes them (W3C webrtc-extensions setHeaderExtensionsToNegotiate). It takes effect with the next offer or answer, and does not make
 * negotiation needed. A direction beyond what the library can do is restricted. One that was stopped anyway, and is left so, is answered
 * all the same where the peer offers it.
 *
 * @param transceiver  the transceiver
 * @param extensions   what peer_transceiver_get_header_extensions_to_negotiate() gave, with changed directions
 * @param count        their number
 * @return 0, or PEER_ERROR_INVALID_MODIFICATION (not just those, in their order; the mid in another direction than sendrecv, or the video
 *         orientation stopped: they are mandatory), PEER_ERROR_TYPE (no URI, no direction), PEER_ERROR_INVALID_STATE (the connection is
 * gone)
 * @threadsafe
 */
PEER_API int peer_transceiver_set_header_extensions_to_negotiate(peer_transceiver_t *transceiver,
                                                                 const peer_rtp_header_extension_t *extensions, size_t count);

/**
 * Gives what the last answer left of them (W3C webrtc-extensions getNegotiatedHeaderExtensions): those it left out are stopped. As
 * peer_transceiver_get_header_extensions_to_negotiate().
 *
 * @param transceiver  the transceiver
 * @param extensions   receives up to `capacity` of them
 * @param capacity     how many fit
 * @return how many there are; 0 before an answer
 * @threadsafe
 */
PEER_API size_t peer_transceiver_get_negotiated_header_extensions(const peer_transceiver_t *transceiver,
                                                                  peer_rtp_header_extension_t *extensions, size_t capacity);

PEER_END_DECLS

#endif
