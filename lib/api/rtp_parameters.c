/* RTCRtpSender.getParameters and setParameters, RTCRtpReceiver.getParameters (W3C WebRTC §5.2, §5.3). */
#include "api/rtp.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

typedef struct parameters {
    peer_rtp_parameters_t public; /* first: the two pointers are the same */
    arena_t arena;
} parameters_t;

void peer_rtp_parameters_free(peer_rtp_parameters_t *parameters)
{
    parameters_t *made = (parameters_t *)(void *)parameters;
    if (made == NULL)
        return;
    arena_clear(&made->arena);
    memory_free(made);
}

/* What is read-only, from the connection; a transceiver whose connection is gone has nothing negotiated. Under the lock. */
static bool fill(parameters_t *made, const peer_transceiver_t *transceiver, bool is_send)
{
    connection_rtp_t rtp = {.cname = ""};
    peer_rtp_parameters_t *parameters = &made->public;
    arena_t *arena = &made->arena;
    if (transceiver->implementation != NULL && !transceiver_rtp(transceiver->implementation, is_send, arena, &rtp))
        return false;
    parameters->codecs = api_rtp_codecs(arena, transceiver->kind, rtp.codecs, rtp.codec_count);
    parameters->codec_count = rtp.codec_count;
    parameters->header_extensions = api_rtp_extensions(arena, rtp.extensions, rtp.extension_count);
    parameters->header_extension_count = rtp.extension_count;
    parameters->rtcp_cname = arena_string(arena, rtp.cname);
    parameters->rtcp_reduced_size = rtp.has_reduced_size_rtcp;
    return parameters->codecs != NULL && parameters->header_extensions != NULL && parameters->rtcp_cname != NULL;
}

static parameters_t *new_parameters(void)
{
    parameters_t *made = MEMORY_NEW(parameters_t);
    if (made == NULL)
        return NULL;
    made->public.size = sizeof made->public;
    made->public.degradation_preference = PEER_DEGRADATION_UNSET;
    return made;
}

int peer_receiver_get_parameters(peer_receiver_t *receiver, peer_rtp_parameters_t **parameters)
{
    parameters_t *made = new_parameters();
    if (made == NULL)
        return error_no_memory();
    loop_lock(receiver->transceiver->loop);
    bool is_filled = fill(made, receiver->transceiver, false);
    loop_unlock(receiver->transceiver->loop);
    if (!is_filled) {
        peer_rtp_parameters_free(&made->public);
        return error_no_memory();
    }
    *parameters = &made->public;
    return 0;
}

/* ---- the sender's transaction ---- */

static size_t encodings_of(const struct peer_sender *sender, const connection_encoding_t **encodings)
{
    const peer_transceiver_t *transceiver = sender->transceiver;
    return transceiver->implementation != NULL ? transceiver_encodings(transceiver->implementation, encodings) : 0;
}

static bool fill_sender(parameters_t *made, const struct peer_sender *sender)
{
    int32_t kind = sender->transceiver->kind;
    const connection_encoding_t *encodings;
    connection_encoding_t last = connection_encoding_default(kind, 0, 1);
    size_t count = encodings_of(sender, &encodings);
    if (count == 0) {
        encodings = &last;
        count = 1;
    }
    made->public.transaction_id = arena_string(&made->arena, sender->transaction_id);
    made->public.encodings = api_rtp_encodings(&made->arena, kind, encodings, count);
    made->public.encoding_count = count;
    made->public.degradation_preference = sender->degradation_preference;
    return made->public.transaction_id != NULL && made->public.encodings != NULL && fill(made, sender->transceiver, true);
}

static uint32_t generation_of(const struct peer_sender *sender)
{
    const transceiver_t *implementation = sender->transceiver->implementation;
    return implementation != NULL ? transceiver_parameters_generation(implementation) : 0;
}

int peer_sender_get_parameters(peer_sender_t *sender, peer_rtp_parameters_t **parameters)
{
    parameters_t *made = new_parameters();
    if (made == NULL)
        return error_no_memory();
    loop_lock(sender->transceiver->loop);
    char before[API_ID_SIZE];
    memcpy(before, sender->transaction_id, sizeof before);
    api_new_id(sender->transaction_id);
    bool is_filled = fill_sender(made, sender);
    if (is_filled)
        sender->transaction_generation = generation_of(sender); /* after the encodings were brought up to date */
    else
        memcpy(sender->transaction_id, before, sizeof before);
    loop_unlock(sender->transceiver->loop);
    if (!is_filled) {
        peer_rtp_parameters_free(&made->public);
        return error_no_memory();
    }
    *parameters = &made->public;
    return 0;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool are_same_codecs(const peer_rtp_parameters_t *given, const peer_rtp_parameters_t *own)
{
    if (given->codec_count != own->codec_count || (own->codec_count > 0 && given->codecs == NULL))
        return false;
    for (size_t i = 0; i < own->codec_count; i++) {
        const peer_rtp_codec_t *a = API_RTP_ITEM(given->codecs, i), *b = &own->codecs[i];
        if (!is_same_text(a->mime_type, b->mime_type) || !is_same_text(a->sdp_fmtp_line, b->sdp_fmtp_line) ||
            a->clock_rate != b->clock_rate || a->channels != b->channels || a->payload_type != b->payload_type)
            return false;
    }
    return true;
}

static bool are_same_extensions(const peer_rtp_parameters_t *given, const peer_rtp_parameters_t *own)
{
    if (given->header_extension_count != own->header_extension_count ||
        (own->header_extension_count > 0 && given->header_extensions == NULL))
        return false;
    for (size_t i = 0; i < own->header_extension_count; i++) {
        const peer_rtp_header_extension_t *a = API_RTP_ITEM(given->header_extensions, i), *b = &own->header_extensions[i];
        if (!is_same_text(a->uri, b->uri) || a->id != b->id || (a->encrypted != 0) != (b->encrypted != 0))
            return false;
    }
    return true;
}

/* "Any parameter marked as read-only has a value that is different", and the number and order of encodings. */
static int check_read_only(const peer_rtp_parameters_t *given, const peer_rtp_parameters_t *own)
{
    const char *what = NULL;
    if (!is_same_text(given->transaction_id, own->transaction_id))
        what = "the transaction id";
    else if (given->encoding_count != own->encoding_count || given->encodings == NULL)
        what = "the number of encodings";
    else if (!are_same_codecs(given, own))
        what = "codecs";
    else if (!are_same_extensions(given, own))
        what = "header extensions";
    else if (!is_same_text(given->rtcp_cname, own->rtcp_cname) || (given->rtcp_reduced_size != 0) != (own->rtcp_reduced_size != 0))
        what = "RTCP parameters";
    for (size_t i = 0; what == NULL && i < own->encoding_count; i++)
        if (!is_same_text(((const peer_rtp_encoding_t *)API_RTP_ITEM(given->encodings, i))->rid, own->encodings[i].rid))
            what = "a rid, or the order of encodings";
    return what == NULL
               ? 0
               : error_set(PEER_ERROR_INVALID_MODIFICATION, "%s cannot be changed, or these are not the parameters given out last", what);
}

/* "Any encoding contains a codec not found in choosableCodecs": the negotiated ones, or before that those of the capabilities. */
static int check_codec(const connection_rtp_codec_t *codec, int32_t kind, const connection_rtp_t *negotiated, arena_t *arena)
{
    connection_codec_t known[API_CODECS_MAX];
    connection_rtp_t choosable = *negotiated;
    if (choosable.codec_count == 0 && !connection_capabilities(known, api_list_codecs(known), kind, true, arena, &choosable))
        return error_no_memory();
    for (size_t i = 0; i < choosable.codec_count; i++)
        if (choosable.codecs[i].index != CONNECTION_CODEC_RTX && connection_codec_match(codec, &choosable.codecs[i], true))
            return 0;
    return error_set(PEER_ERROR_INVALID_MODIFICATION, "%.64s was not negotiated", codec->name);
}

static int read_encodings(const peer_rtp_parameters_t *given, const struct peer_sender *sender, arena_t *arena,
                          connection_encoding_t encodings[CONNECTION_ENCODINGS_MAX])
{
    int32_t kind = sender->transceiver->kind;
    connection_rtp_t negotiated;
    if (!transceiver_rtp(sender->transceiver->implementation, true, arena, &negotiated))
        return error_no_memory();
    for (size_t i = 0; i < given->encoding_count; i++) {
        connection_rtp_codec_t *codec = arena_new(arena, sizeof *codec);
        int error =
            codec != NULL ? api_rtp_encoding_read(API_RTP_ITEM(given->encodings, i), kind, &encodings[i], codec) : error_no_memory();
        if (error == 0 && encodings[i].codec != NULL)
            error = check_codec(encodings[i].codec, kind, &negotiated, arena);
        if (error < 0)
            return error;
        if (encodings[i].scale_resolution_down_by == 0)
            encodings[i].scale_resolution_down_by = 1;
    }
    return 0;
}

static int apply(struct peer_sender *sender, const peer_rtp_parameters_t *given, const parameters_t *own)
{
    transceiver_t *implementation = sender->transceiver->implementation;
    connection_encoding_t encodings[CONNECTION_ENCODINGS_MAX];
    arena_t arena = {0};
    int error = check_read_only(given, &own->public);
    if (error == 0)
        error = read_encodings(given, sender, &arena, encodings);
    if (error == 0)
        error = transceiver_set_encodings(implementation, runtime_now(), encodings, given->encoding_count);
    arena_clear(&arena);
    return error;
}

static int check_transaction(const struct peer_sender *sender)
{
    const peer_transceiver_t *transceiver = sender->transceiver;
    if (transceiver->pc == NULL || transceiver->pc->is_closed ||
        transceiver_direction(transceiver->implementation) == PEER_DIRECTION_STOPPED)
        return error_set(PEER_ERROR_INVALID_STATE, "the transceiver is stopped");
    const connection_encoding_t *encodings;
    encodings_of(sender, &encodings); /* what negotiation has made of them counts */
    if (sender->transaction_id[0] == '\0' || sender->transaction_generation != generation_of(sender))
        return error_set(PEER_ERROR_INVALID_STATE, "parameters are changed after they were asked for, once, and before a negotiation");
    return 0;
}

int peer_sender_set_parameters(peer_sender_t *sender, const peer_rtp_parameters_t *parameters)
{
    peer_rtp_parameters_t given = {.degradation_preference = PEER_DEGRADATION_UNSET, .rtcp_cname = ""};
    if (parameters == NULL || parameters->size < sizeof parameters->size)
        return error_set(PEER_ERROR_TYPE, "parameters without their size");
    API_COPY_SIZED(&given, parameters);
    if (given.degradation_preference < PEER_DEGRADATION_UNSET || given.degradation_preference > PEER_DEGRADATION_BALANCED)
        return error_set(PEER_ERROR_TYPE, "%d is no degradation preference", given.degradation_preference);
    parameters_t *own = new_parameters();
    if (own == NULL)
        return error_no_memory();
    loop_lock(sender->transceiver->loop);
    int result = check_transaction(sender);
    if (result == 0 && !fill_sender(own, sender))
        result = error_no_memory();
    if (result == 0)
        result = apply(sender, &given, own);
    if (result == 0) {
        sender->transaction_id[0] = '\0'; /* [[LastReturnedParameters]] is null */
        sender->degradation_preference = given.degradation_preference;
        api_connection_touch(sender->transceiver->pc);
    }
    loop_unlock(sender->transceiver->loop);
    peer_rtp_parameters_free(&own->public);
    return result;
}
