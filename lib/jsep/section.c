/* The m-sections of our own descriptions (RFC 9429 §5.2.1, §5.3.1), made as structures; sdp_write() makes them text. */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <stdio.h>
#include <string.h>

#define PORT_DISCARD 9 /* RFC 9429 §5.2.1: while there is no candidate */

static const char rtp_protocol[] = "UDP/TLS/RTP/SAVPF";

static void choose_credentials(builder_t *builder, bool restarts_ice)
{
    jsep_session_t *session = builder->session;
    const state_t *state = &session->state;
    builder->ufrag = session->ice_ufrag;
    builder->pwd = session->ice_pwd;
    if (state->transport.local_ufrag != NULL) {
        builder->ufrag = state->transport.local_ufrag;
        builder->pwd = state->transport.local_pwd;
    }
    if (builder->type == JSEP_ANSWER && state->answer_ufrag[0] != '\0') {
        builder->ufrag = state->answer_ufrag;
        builder->pwd = state->answer_pwd;
    }
    /* RFC 9429 §5.2.3.1: before there is a description there is nothing to restart. */
    if (builder->type != JSEP_OFFER || state->transport.local_ufrag == NULL)
        return;
    bool is_old = strcmp(builder->ufrag, session->replaced_ufrags[0]) == 0 || strcmp(builder->ufrag, session->replaced_ufrags[1]) == 0;
    if (!restarts_ice && !is_old)
        return;
    bool is_used = strcmp(session->next_ufrag, builder->ufrag) == 0;
    if (session->next_ufrag[0] == '\0' || is_used) {
        random_text(&session->configuration.random, session->next_ufrag, ICE_UFRAG_LENGTH, RANDOM_ICE_CHARS);
        random_text(&session->configuration.random, session->next_pwd, ICE_PWD_LENGTH, RANDOM_ICE_CHARS);
    }
    builder->ufrag = session->next_ufrag;
    builder->pwd = session->next_pwd;
}

int jsep_builder_begin(builder_t *builder, jsep_session_t *session, jsep_type_t type, bool restarts_ice, size_t line_count)
{
    static const char *const ice_options[] = {"trickle", "ice2", "renomination"}; /* RFC 9429 §5.2.1, draft-thatcher-ice-renomination */
    *builder = (builder_t){.session = session, .type = type, .setup = SDP_SETUP_ACTPASS, .sdp = sdp_new()};
    builder->ice_options = ice_options;
    builder->ice_option_count = sizeof ice_options / sizeof *ice_options;
    sdp_t *sdp = builder->sdp;
    builder->description = sdp != NULL ? jsep_description_new(sdp) : NULL;
    if (builder->description == NULL) {
        builder->sdp = NULL;
        return error_no_memory();
    }
    builder->description->lines = arena_array(&sdp->arena, line_count, sizeof *builder->description->lines);
    if (builder->description->lines == NULL)
        return error_no_memory();
    choose_credentials(builder, restarts_ice);
    sdp->origin.session_id = session->session_id;
    sdp->origin.session_version = session->session_version + 1;
    sdp->ice_lite = session->configuration.ice_lite;
    sdp->has_msid_semantic = true;
    sdp->msid_semantic = "WMS";
    const char **id = ARENA_APPEND(&sdp->arena, sdp->msid_semantic_ids, sdp->msid_semantic_id_count);
    if (id == NULL)
        return error_no_memory();
    *id = "*";
    return 0;
}

void jsep_builder_clear(builder_t *builder)
{
    jsep_description_unref(builder->description);
    *builder = (builder_t){0};
}

static sdp_media_t *append_section(builder_t *builder, const char *type, const char *protocol, const char *mid)
{
    arena_t *arena = &builder->sdp->arena;
    sdp_media_t *media = ARENA_APPEND(arena, builder->sdp->media, builder->sdp->media_count);
    if (media == NULL)
        return NULL;
    media->type = arena_string(arena, type);
    media->protocol = arena_string(arena, protocol);
    media->mid = arena_string(arena, mid);
    media->port = PORT_DISCARD;
    media->port_count = 1;
    media->common.connection = (sdp_connection_t){"IN", "IP4", "0.0.0.0"};
    media->common.has_direction = true;
    if (media->type == NULL || media->protocol == NULL || (mid != NULL && media->mid == NULL))
        return NULL;
    return media;
}

static int append_format(builder_t *builder, sdp_media_t *media, const char *text)
{
    const char **format = ARENA_APPEND(&builder->sdp->arena, media->formats, media->format_count);
    if (format != NULL)
        *format = arena_string(&builder->sdp->arena, text);
    return format != NULL && *format != NULL ? 0 : error_no_memory();
}

static int append_payload_type(builder_t *builder, sdp_media_t *media, int payload_type)
{
    char text[8];
    snprintf(text, sizeof text, "%d", payload_type);
    return append_format(builder, media, text);
}

int jsep_section_rejected(builder_t *builder, const char *type, const char *protocol, const char *const *formats, size_t format_count,
                          const char *mid)
{
    sdp_media_t *media = append_section(builder, type, protocol, mid);
    if (media == NULL)
        return error_no_memory();
    media->port = 0;
    media->common.direction = SDP_INACTIVE;
    if (is_data(media))
        media->common.has_direction = false;
    for (size_t i = 0; i < format_count; i++)
        if (append_format(builder, media, formats[i]) < 0)
            return PEER_ERROR_NO_MEMORY;
    return format_count > 0 ? 0 : append_format(builder, media, "0");
}

/* The same in every section that is not rejected. RFC 9429 §5.2.1 has them only in the one that stands for the bundle; but an answerer may
 * drop that one, aiortc 1 refuses sections without credentials or a=setup, GStreamer 1.22 those that differ, and Chromium 156 those without
 * a=rtcp-mux. */
static int set_transport(builder_t *builder, sdp_media_t *media)
{
    const jsep_configuration_t *configuration = &builder->session->configuration;
    arena_t *arena = &builder->sdp->arena;
    sdp_common_t *common = &media->common;
    common->ice_ufrag = arena_string(arena, builder->ufrag);
    common->ice_pwd = arena_string(arena, builder->pwd);
    common->setup = builder->setup;
    common->tls_id = arena_string(arena, builder->session->state.tls_id);
    if (common->ice_ufrag == NULL || common->ice_pwd == NULL || common->tls_id == NULL)
        return error_no_memory();
    for (size_t i = 0; i < builder->ice_option_count; i++) {
        const char **option = ARENA_APPEND(arena, common->ice_options, common->ice_option_count);
        if (option == NULL)
            return error_no_memory();
        *option = builder->ice_options[i];
    }
    for (size_t i = 0; i < configuration->fingerprint_count; i++) {
        sdp_fingerprint_t *fingerprint = ARENA_APPEND(arena, common->fingerprints, common->fingerprint_count);
        if (fingerprint == NULL)
            return error_no_memory();
        *fingerprint = configuration->fingerprints[i]; /* the session outlives its descriptions */
    }
    return 0;
}

static int append_rtpmap(builder_t *builder, sdp_media_t *media, int payload_type, const char *encoding, uint32_t clock_rate,
                         uint32_t channels)
{
    sdp_rtpmap_t *rtpmap = ARENA_APPEND(&builder->sdp->arena, media->rtpmaps, media->rtpmap_count);
    if (rtpmap == NULL || append_payload_type(builder, media, payload_type) < 0)
        return error_no_memory();
    *rtpmap = (sdp_rtpmap_t){.payload_type = (uint8_t)payload_type, .encoding = encoding, .clock_rate = clock_rate, .channels = channels};
    if (channels > 1) {
        char text[12];
        snprintf(text, sizeof text, "%u", (unsigned)channels);
        rtpmap->parameters = arena_string(&builder->sdp->arena, text);
        if (rtpmap->parameters == NULL)
            return error_no_memory();
    }
    return 0;
}

static int append_fmtp(builder_t *builder, sdp_media_t *media, int payload_type, const char *parameters)
{
    char text[8];
    snprintf(text, sizeof text, "%d", payload_type);
    sdp_fmtp_t *fmtp = ARENA_APPEND(&builder->sdp->arena, media->fmtps, media->fmtp_count);
    if (fmtp == NULL)
        return error_no_memory();
    fmtp->format = arena_string(&builder->sdp->arena, text);
    fmtp->parameters = arena_string(&builder->sdp->arena, parameters);
    return fmtp->format != NULL && fmtp->parameters != NULL ? 0 : error_no_memory();
}

static int append_feedback(builder_t *builder, sdp_media_t *media, int payload_type, const char *feedback)
{
    arena_t *arena = &builder->sdp->arena;
    sdp_rtcp_fb_t *item = ARENA_APPEND(arena, media->rtcp_fbs, media->rtcp_fb_count);
    size_t length = strcspn(feedback, " ");
    if (item == NULL)
        return error_no_memory();
    item->payload_type = payload_type;
    item->type = arena_string_n(arena, feedback, length);
    item->parameter = feedback[length] != '\0' ? feedback + length + 1 : NULL;
    return item->type != NULL ? 0 : error_no_memory();
}

static int set_codec(builder_t *builder, sdp_media_t *media, const choice_t *choice, const choices_t *choices, const sdp_media_t *offered)
{
    const jsep_codec_t *codecs = builder->session->configuration.codecs, *codec = &codecs[choice->codec];
    int error = append_rtpmap(builder, media, choice->payload_type, codec->name, codec->clock_rate, codec->channels);
    if (error == 0 && codec->fmtp != NULL)
        error = append_fmtp(builder, media, choice->payload_type, codec->fmtp);
    for (size_t i = 0; error == 0 && codec->redundancy_of != NULL && i < choices->count; i++) {
        if (!text_equal_ignore_case(codecs[choices->items[i].codec].name, codec->redundancy_of))
            continue;
        char text[16];
        snprintf(text, sizeof text, "%u/%u", choices->items[i].payload_type, choices->items[i].payload_type);
        error = append_fmtp(builder, media, choice->payload_type, text);
        break;
    }
    for (size_t i = 0; error == 0 && i < codec->feedback_count; i++)
        if (offered == NULL || jsep_codec_feedback_is_common(offered, choice->payload_type, codec->feedback[i]))
            error = append_feedback(builder, media, choice->payload_type, codec->feedback[i]);
    if (error == 0 && choice->rtx >= 0) {
        char text[16];
        snprintf(text, sizeof text, "apt=%u", choice->payload_type);
        error = append_rtpmap(builder, media, choice->rtx, "rtx", codec->clock_rate, 1);
        if (error == 0)
            error = append_fmtp(builder, media, choice->rtx, text);
    }
    return error;
}

static int append_msid(builder_t *builder, sdp_media_t *media, const char *stream, const char *track)
{
    sdp_msid_t *msid = ARENA_APPEND(&builder->sdp->arena, media->msids, media->msid_count);
    if (msid == NULL)
        return error_no_memory();
    msid->stream = arena_string(&builder->sdp->arena, stream);
    msid->track = arena_string(&builder->sdp->arena, track);
    return msid->stream != NULL && msid->track != NULL ? 0 : error_no_memory();
}

static int set_msids(builder_t *builder, sdp_media_t *media, const transceiver_t *t)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < t->public.sender_streams.count; i++)
        error = append_msid(builder, media, t->public.sender_streams.ids[i], t->sender_msid);
    if (t->public.sender_streams.count == 0)
        error = append_msid(builder, media, "-", t->sender_msid);
    return error;
}

static int append_ssrc(builder_t *builder, sdp_media_t *media, uint32_t ssrc)
{
    sdp_ssrc_t *item = ARENA_APPEND(&builder->sdp->arena, media->ssrcs, media->ssrc_count);
    if (item == NULL)
        return error_no_memory();
    *item = (sdp_ssrc_t){ssrc, "cname", builder->session->configuration.cname};
    return 0;
}

static int set_ssrcs(builder_t *builder, sdp_media_t *media, const transceiver_t *t, const choices_t *choices)
{
    bool has_rtx = false;
    for (size_t i = 0; i < choices->count; i++)
        has_rtx = has_rtx || choices->items[i].rtx >= 0;
    if (append_ssrc(builder, media, t->public.ssrc) < 0)
        return PEER_ERROR_NO_MEMORY;
    if (!has_rtx)
        return 0;
    arena_t *arena = &builder->sdp->arena;
    sdp_ssrc_group_t *group = ARENA_APPEND(arena, media->ssrc_groups, media->ssrc_group_count);
    uint32_t *first = group != NULL ? ARENA_APPEND(arena, group->ssrcs, group->ssrc_count) : NULL;
    if (first == NULL)
        return error_no_memory();
    *first = t->public.ssrc;
    uint32_t *second = ARENA_APPEND(arena, group->ssrcs, group->ssrc_count);
    if (second == NULL)
        return error_no_memory();
    *second = t->public.rtx_ssrc;
    group->semantics = "FID";
    return append_ssrc(builder, media, t->public.rtx_ssrc);
}

static int append_rid(builder_t *builder, sdp_media_t *media, const char *id, sdp_direction_t direction)
{
    arena_t *arena = &builder->sdp->arena;
    sdp_simulcast_t *simulcast = &media->simulcast;
    sdp_rid_t *rid = ARENA_APPEND(arena, media->rids, media->rid_count);
    sdp_simulcast_stream_t *stream = direction == SDP_SENDONLY ? ARENA_APPEND(arena, simulcast->send, simulcast->send_count)
                                                               : ARENA_APPEND(arena, simulcast->receive, simulcast->receive_count);
    sdp_simulcast_rid_t *item = rid != NULL && stream != NULL ? ARENA_APPEND(arena, stream->rids, stream->rid_count) : NULL;
    const char *copy = arena_string(arena, id);
    if (item == NULL || copy == NULL)
        return error_no_memory();
    rid->id = item->id = copy;
    rid->direction = direction;
    simulcast->is_present = true;
    return 0;
}

/* W3C WebRTC §4.4.2, final steps to create an answer: of alternatives only the first counts. */
static bool streams_have(const sdp_simulcast_stream_t *streams, size_t count, const char *rid)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(streams[i].rids[0].id, rid) == 0)
            return true;
    return false;
}

static bool has_rid(const sdp_media_t *media, const char *id)
{
    for (size_t i = 0; i < media->rid_count; i++)
        if (strcmp(media->rids[i].id, id) == 0)
            return true;
    return false;
}

/* RFC 8853 §5.3: an answer keeps what was offered and is wanted; one alternative of each stream. */
static int set_simulcast(builder_t *builder, sdp_media_t *media, const entry_t *entry, sdp_direction_t direction,
                         const sdp_media_t *offered, const choices_t *choices)
{
    const slots_t *slots = &entry->slots;
    int error = 0;
    for (size_t i = 0; error == 0 && sends((int)direction) && (slots->rid_count > 1 || offered != NULL) && i < slots->rid_count; i++)
        if (offered == NULL || (streams_have(offered->simulcast.receive, offered->simulcast.receive_count, slots->rids[i]) &&
                                jsep_rid_is_possible(jsep_rid_find(offered, slots->rids[i]), SDP_SENDONLY, choices)))
            error = append_rid(builder, media, slots->rids[i], SDP_SENDONLY);
    if (error < 0 || offered == NULL || !receives((int)direction) || !builder->session->configuration.receives_simulcast)
        return error;
    for (size_t i = 0; error == 0 && i < offered->simulcast.send_count && media->simulcast.receive_count < JSEP_ENCODINGS_MAX; i++) {
        const char *id = offered->simulcast.send[i].rids[0].id;
        if (!has_rid(media, id) && /* one that stands twice, or that we send: RFC 8851 §4 */
            jsep_rid_is_possible(jsep_rid_find(offered, id), SDP_RECVONLY, choices))
            error = append_rid(builder, media, id, SDP_RECVONLY);
    }
    return error;
}

static int set_rcvr_rtt(builder_t *builder, sdp_media_t *media)
{
    sdp_attribute_t *attribute = ARENA_APPEND(&builder->sdp->arena, media->common.attributes, media->common.attribute_count);
    if (attribute == NULL)
        return error_no_memory();
    *attribute = (sdp_attribute_t){"rtcp-xr", "rcvr-rtt=all"};
    return 0;
}

static int set_line(builder_t *builder, const transceiver_t *t, const choices_t *choices)
{
    line_t *line = &builder->description->lines[builder->sdp->media_count - 1];
    line->transceiver = t->public.id;
    line->choice_count = choices->count;
    line->choices = arena_array(&builder->sdp->arena, choices->count, sizeof *line->choices);
    if (line->choices == NULL)
        return error_no_memory();
    memcpy(line->choices, choices->items, choices->count * sizeof *line->choices);
    return 0;
}

/* RFC 9429 §5.2.2: once they are in our description they stay, whatever becomes of the direction. */
static bool had_msids(const builder_t *builder, const entry_t *entry)
{
    const description_t *local = builder->session->state.descriptions[JSEP_CURRENT_LOCAL];
    int line = entry->slots.mline_index;
    return local != NULL && line != NO_LINE && (size_t)line < local->sdp->media_count && local->sdp->media[line].msid_count > 0 &&
           local->lines != NULL && local->lines[line].transceiver == entry->transceiver->public.id;
}

/* RFC 9429 §5.2.1: the least of what the codecs can be received in. */
static void set_maxptime(builder_t *builder, sdp_media_t *media, const choices_t *choices)
{
    for (size_t i = 0; i < choices->count; i++) {
        uint32_t limit = builder->session->configuration.codecs[choices->items[i].codec].max_ptime;
        if (limit != 0 && (media->maxptime == 0 || limit < media->maxptime))
            media->maxptime = limit;
    }
}

/* RFC 9429 §5.2.2: what an answer has settled is not offered again. */
static void set_rtcp(builder_t *builder, sdp_media_t *media, const sdp_media_t *offered, const sdp_media_t *answered)
{
    bool wants_rsize = builder->session->configuration.rtcp_rsize;
    media->rtcp_mux = true;
    if (builder->type == JSEP_OFFER) {
        media->rtcp_mux_only = answered == NULL; /* RFC 8858 §4.1 */
        media->rtcp_rsize = wants_rsize && (answered == NULL || answered->rtcp_rsize);
        media->has_rtcp = answered == NULL;
        media->rtcp_port = PORT_DISCARD;
        media->rtcp_connection = (sdp_connection_t){"IN", "IP4", "0.0.0.0"};
    } else {
        media->rtcp_rsize = wants_rsize && offered->rtcp_rsize;
    }
}

int jsep_section_rtp(builder_t *builder, const entry_t *entry, const char *mid, sdp_direction_t direction, const choices_t *choices,
                     const sdp_t *offer, const sdp_media_t *offered, const sdp_media_t *answered, numbering_t *numbering)
{
    const jsep_configuration_t *configuration = &builder->session->configuration;
    const transceiver_t *t = entry->transceiver;
    const char *type = t->public.kind == JSEP_AUDIO ? "audio" : "video";
    sdp_media_t *media =
        append_section(builder, offered != NULL ? offered->type : type, offered != NULL ? offered->protocol : rtp_protocol, mid);
    if (media == NULL || set_line(builder, t, choices) < 0 || set_transport(builder, media) < 0)
        return error_no_memory();
    media->common.direction = direction;
    set_rtcp(builder, media, offered, answered);
    media->common.extmap_allow_mixed =
        configuration->extmap_allow_mixed && (offered == NULL || sdp_media_extmap_allow_mixed(offer, offered));
    int error = 0;
    for (size_t i = 0; error == 0 && i < choices->count; i++)
        error = set_codec(builder, media, &choices->items[i], choices, offered);
    if (t->public.kind == JSEP_AUDIO)
        set_maxptime(builder, media, choices);
    if (error == 0)
        error = jsep_extensions_write(builder->session, &builder->sdp->arena, media, entry, offer, offered, numbering);
    /* By the wanted direction, also where an answer cannot grant it: else negotiation would be needed for ever (W3C §4.7.3). */
    if (error == 0 && (sends((int)t->public.direction) || had_msids(builder, entry)))
        error = set_msids(builder, media, t);
    if (error == 0)
        error = set_simulcast(builder, media, entry, direction, offered, choices);
    if (error == 0 && sends((int)direction) && media->simulcast.send_count == 0)
        error = set_ssrcs(builder, media, t, choices);
    if (error == 0 && configuration->rcvr_rtt && (offered == NULL || jsep_has_rcvr_rtt(offered)))
        error = set_rcvr_rtt(builder, media);
    return error;
}

int jsep_section_data(builder_t *builder, const char *mid, const sdp_media_t *like)
{
    const jsep_configuration_t *configuration = &builder->session->configuration;
    bool is_answer = builder->type == JSEP_ANSWER; /* which takes the form of the offer; offers have the right one (RFC 9429 §5.1.2) */
    sdp_media_t *media = append_section(builder, "application", is_answer ? like->protocol : "UDP/DTLS/SCTP", mid);
    if (media == NULL || set_transport(builder, media) < 0)
        return error_no_memory();
    media->common.has_direction = false;
    media->has_max_message_size = true;
    media->max_message_size = configuration->max_message_size;
    if (configuration->sctp_init != NULL && (like == NULL || like->sctp_init != NULL)) {
        media->sctp_init = arena_string(&builder->sdp->arena, configuration->sctp_init);
        if (media->sctp_init == NULL)
            return error_no_memory();
    }
    if (jsep_section_data_channels(builder, media, is_answer ? like : NULL) < 0)
        return PEER_ERROR_NO_MEMORY;
    /* The form before RFC 8841, as aiortc 1.4 still writes it. */
    if (is_answer && like->sctpmap.is_present && !like->has_sctp_port) {
        media->sctpmap =
            (sdp_sctpmap_t){.is_present = true, .port = configuration->sctp_port, .application = "webrtc-datachannel", .streams = 65535};
        return append_payload_type(builder, media, configuration->sctp_port);
    }
    media->has_sctp_port = true;
    media->sctp_port = configuration->sctp_port;
    return append_format(builder, media, "webrtc-datachannel");
}

/* Everything that is not rejected, the transport's m-line first. */
static int write_group(builder_t *builder)
{
    sdp_t *sdp = builder->sdp;
    int tag = builder->description->tag;
    sdp_group_t *group = tag != NO_LINE && sdp->media[tag].mid != NULL ? ARENA_APPEND(&sdp->arena, sdp->groups, sdp->group_count) : NULL;
    if (tag == NO_LINE || sdp->media[tag].mid == NULL)
        return 0;
    if (group == NULL)
        return error_no_memory();
    group->semantics = "BUNDLE";
    for (size_t i = 0; i <= sdp->media_count; i++) {
        size_t line = i == 0 ? (size_t)tag : i - 1;
        if (is_rejected(&sdp->media[line]) || sdp->media[line].mid == NULL || (i > 0 && line == (size_t)tag))
            continue;
        const char **mid = ARENA_APPEND(&sdp->arena, group->mids, group->mid_count);
        if (mid == NULL)
            return error_no_memory();
        *mid = sdp->media[line].mid;
    }
    /* The first of the groups: Pion looks at no other one. */
    sdp_group_t bundle = *group;
    memmove(sdp->groups + 1, sdp->groups, (sdp->group_count - 1) * sizeof bundle);
    sdp->groups[0] = bundle;
    return 0;
}

int jsep_builder_end(builder_t *builder, bool has_group, description_t **description)
{
    description_t *d = builder->description;
    for (size_t i = 0; d->tag == NO_LINE && i < builder->sdp->media_count; i++)
        if (!is_rejected(&builder->sdp->media[i]))
            d->tag = (int)i;
    if (has_group && write_group(builder) < 0)
        return PEER_ERROR_NO_MEMORY;
    if (!sdp_index(builder->sdp))
        return error_no_memory();
    if (jsep_description_add_candidates(builder->session, d) < 0)
        return PEER_ERROR_NO_MEMORY;
    *description = d;
    builder->description = NULL;
    return 0;
}

/* RFC 8445 §5.1.4: the one most likely to work. */
static const sdp_candidate_t *default_candidate(const sdp_media_t *media)
{
    const sdp_candidate_t *best = NULL;
    for (size_t i = 0; i < media->candidate_count; i++) {
        const sdp_candidate_t *candidate = &media->candidates[i];
        bool is_name = strspn(candidate->address, "0123456789.") != strlen(candidate->address) && strchr(candidate->address, ':') == NULL;
        if (!candidate->is_udp || candidate->component != 1 || candidate->port == 0 || is_name)
            continue;
        if (best == NULL || candidate->type > best->type || (candidate->type == best->type && strchr(best->address, ':') != NULL))
            best = candidate;
    }
    return best;
}

int jsep_description_add_candidates(const jsep_session_t *session, description_t *description)
{
    sdp_t *sdp = description->sdp;
    sdp_media_t *tagged = description->tag != NO_LINE ? &sdp->media[description->tag] : NULL;
    if (tagged == NULL || strcmp(tagged->common.ice_ufrag, session->candidate_ufrag) != 0)
        return 0;
    for (; description->candidate_count < session->candidate_count; description->candidate_count++) {
        sdp_candidate_t *candidate = ARENA_APPEND(&sdp->arena, tagged->candidates, tagged->candidate_count);
        if (candidate == NULL)
            return error_no_memory();
        if (!sdp_candidate_copy(&sdp->arena, &session->candidates[description->candidate_count], candidate)) {
            tagged->candidate_count--;
            return error_no_memory();
        }
    }
    tagged->common.end_of_candidates = session->candidates_ended;
    const sdp_candidate_t *chosen = default_candidate(tagged);
    for (size_t i = 0; chosen != NULL && i < sdp->media_count; i++) {
        sdp_media_t *media = &sdp->media[i];
        if (is_rejected(media) || media->bundle_only)
            continue;
        media->port = chosen->port;
        media->common.connection = (sdp_connection_t){"IN", strchr(chosen->address, ':') != NULL ? "IP6" : "IP4", chosen->address};
    }
    return 0;
}
