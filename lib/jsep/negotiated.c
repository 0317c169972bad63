/* The outcome of an answer, ours or theirs: for each m-line what is sent and received, and how. */
#include "base/error.h"
#include "jsep/session.h"

#include <string.h>

#define DEFAULT_MAX_MESSAGE_SIZE 65536 /* RFC 8841 §6.1 */
#define DEFAULT_SCTP_PORT 5000

typedef struct outcome { /* of one m-line */
    jsep_plan_t *plan;
    entry_t *entry;
    const sdp_media_t *local;
    const line_t *line; /* ours */
    const sdp_t *remote_sdp;
    const sdp_media_t *remote;
    choices_t theirs; /* the remote section's formats */
    jsep_media_t *media;
} outcome_t;

static arena_t *arena_of(const outcome_t *o)
{
    return &o->plan->box->arena;
}

static const jsep_configuration_t *configuration_of(const outcome_t *o)
{
    return &o->plan->session->configuration;
}

static int fill_payload(const outcome_t *o, jsep_payload_t *payload, const choice_t *ours, const choice_t *theirs, bool is_send)
{
    const jsep_codec_t *codec = &configuration_of(o)->codecs[ours->codec];
    const choice_t *own = is_send ? theirs : ours;
    const char **feedback = arena_array(arena_of(o), codec->feedback_count, sizeof *feedback);
    const char *fmtp = is_send ? theirs->fmtp : sdp_media_fmtp(o->local, ours->payload_type);
    payload->codec = codec;
    payload->codec_index = ours->codec;
    payload->payload_type = own->payload_type;
    payload->rtx_payload_type = ours->rtx >= 0 && theirs->rtx >= 0 ? own->rtx : -1;
    payload->fmtp = arena_string(arena_of(o), fmtp);
    if (feedback == NULL || payload->fmtp == NULL)
        return error_no_memory();
    for (size_t i = 0; i < codec->feedback_count; i++)
        if (jsep_codec_feedback_is_common(o->remote, theirs->payload_type, codec->feedback[i]))
            feedback[payload->feedback_count++] = codec->feedback[i];
    payload->feedback = feedback;
    return is_send && codec->kind == JSEP_VIDEO ? jsep_image_limits(arena_of(o), o->remote, theirs->payload_type, &payload->sizes) : 0;
}

/* To send: what they listed, in their order. To receive: what we listed, in ours. */
static int fill_payloads(outcome_t *o)
{
    jsep_media_t *media = o->media;
    jsep_payload_t *send = arena_array(arena_of(o), o->theirs.count, sizeof *send);
    jsep_payload_t *receive = arena_array(arena_of(o), o->line->choice_count, sizeof *receive);
    int error = send != NULL && receive != NULL ? 0 : error_no_memory();
    for (size_t i = 0; error == 0 && sends((int)media->direction) && i < o->theirs.count; i++) {
        const choice_t *theirs = &o->theirs.items[i], *ours = jsep_codec_find(o->line->choices, o->line->choice_count, theirs->codec);
        if (ours != NULL)
            error = fill_payload(o, &send[media->send_count++], ours, theirs, true);
    }
    for (size_t i = 0; error == 0 && receives((int)media->direction) && i < o->line->choice_count; i++) {
        const choice_t *ours = &o->line->choices[i], *theirs = jsep_codec_find(o->theirs.items, o->theirs.count, ours->codec);
        if (theirs != NULL)
            error = fill_payload(o, &receive[media->receive_count++], ours, theirs, false);
    }
    media->send = send;
    media->receive = receive;
    return error;
}

/* RFC 8285 §6: an answer keeps the number. One that does not leaves it open which holds. */
static const sdp_extmap_t *find_extmap(const sdp_media_t *media, const sdp_extmap_t *wanted)
{
    for (size_t i = 0; i < media->common.extmap_count; i++)
        if (media->common.extmaps[i].id == wanted->id && strcmp(media->common.extmaps[i].uri, wanted->uri) == 0)
            return &media->common.extmaps[i];
    return NULL;
}

static int fill_extensions(outcome_t *o, const sdp_t *answer, const sdp_media_t *answered)
{
    size_t count;
    const sdp_extmap_t *extmaps = sdp_media_extmaps(answer, answered, &count);
    jsep_extension_t *extensions = arena_array(arena_of(o), configuration_of(o)->extension_count, sizeof *extensions);
    jsep_media_t *media = o->media;
    if (extensions == NULL)
        return error_no_memory();
    for (size_t i = 0; i < configuration_of(o)->extension_count; i++) {
        const jsep_extension_capability_t *ours = &configuration_of(o)->extensions[i];
        if (!jsep_extension_is_of(ours, o->entry->transceiver->public.kind))
            continue;
        for (size_t j = 0; j < count; j++) {
            if (strcmp(extmaps[j].uri, ours->uri) != 0 || extmaps[j].id > 255)
                continue;
            const sdp_extmap_t *local = answered == o->remote ? find_extmap(o->local, &extmaps[j]) : &extmaps[j];
            if (local == NULL)
                break;
            sdp_direction_t direction = answered == o->remote ? sdp_direction_reverse(extmaps[j].direction) : extmaps[j].direction;
            direction = (sdp_direction_t)(direction & local->direction & ours->direction);
            extensions[media->extension_count++] = (jsep_extension_t){ours->uri, extmaps[j].id, direction};
            break;
        }
    }
    media->extensions = extensions;
    return 0;
}

static const sdp_ssrc_group_t *group_of(const sdp_media_t *media, uint32_t ssrc, bool *is_first)
{
    for (size_t i = 0; i < media->ssrc_group_count; i++) {
        const sdp_ssrc_group_t *group = &media->ssrc_groups[i];
        bool is_repair = strcmp(group->semantics, "FID") == 0;
        for (size_t j = 0; is_repair && j < group->ssrc_count; j++) {
            *is_first = j == 0;
            if (group->ssrcs[j] == ssrc)
                return group;
        }
    }
    return NULL;
}

static bool has_ssrc(const jsep_remote_ssrc_t *ssrcs, size_t count, uint32_t ssrc)
{
    for (size_t i = 0; i < count; i++)
        if (ssrcs[i].ssrc == ssrc)
            return true;
    return false;
}

/* RFC 5576 §4: the SSRCs announced, those of a FID group joined (RFC 4588 §8.3). */
static int fill_remote_ssrcs(outcome_t *o)
{
    jsep_remote_ssrc_t found[JSEP_REMOTE_SSRCS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < o->remote->ssrc_count; i++) {
        const sdp_ssrc_t *line = &o->remote->ssrcs[i];
        if (line->attribute != NULL && line->value != NULL && strcmp(line->attribute, "cname") == 0 && o->media->remote_cname == NULL) {
            o->media->remote_cname = arena_string(arena_of(o), line->value);
            if (o->media->remote_cname == NULL)
                return error_no_memory();
        }
        if (has_ssrc(found, count, line->ssrc) || count == JSEP_REMOTE_SSRCS_MAX)
            continue;
        bool is_first = true;
        const sdp_ssrc_group_t *group = group_of(o->remote, line->ssrc, &is_first);
        if (group != NULL && !is_first)
            continue;
        found[count++] = (jsep_remote_ssrc_t){line->ssrc, group != NULL && group->ssrc_count > 1 ? group->ssrcs[1] : 0};
    }
    jsep_remote_ssrc_t *copy = arena_array(arena_of(o), count, sizeof *copy);
    if (copy == NULL)
        return error_no_memory();
    if (count != 0)
        memcpy(copy, found, count * sizeof *copy);
    o->media->remote_ssrcs = copy;
    o->media->remote_ssrc_count = count;
    return 0;
}

static bool has_encoding(const jsep_encoding_t *encodings, size_t count, const char *rid)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(encodings[i].rid, rid) == 0)
            return true;
    return false;
}

/* The streams of a list that `wanted` names too, with the pause that `wanted` asks for. */
static int fill_encodings(const outcome_t *o, const sdp_simulcast_stream_t *streams, size_t stream_count, const sdp_rid_t *wanted,
                          size_t wanted_count, sdp_direction_t direction, const jsep_encoding_t **encodings, size_t *count)
{
    jsep_encoding_t *items = arena_array(arena_of(o), JSEP_ENCODINGS_MAX, sizeof *items);
    if (items == NULL)
        return error_no_memory();
    for (size_t i = 0; i < stream_count && *count < JSEP_ENCODINGS_MAX; i++)
        for (size_t j = 0; j < wanted_count && *count < JSEP_ENCODINGS_MAX; j++) {
            const sdp_simulcast_rid_t *rid = &streams[i].rids[0];
            if (wanted[j].direction != direction || strcmp(wanted[j].id, rid->id) != 0 || has_encoding(items, *count, rid->id))
                continue;
            items[*count].rid = arena_string(arena_of(o), rid->id);
            items[*count].is_paused = rid->is_paused;
            if (jsep_rid_read_limits(arena_of(o), jsep_rid_find(o->remote, rid->id), &items[*count]) < 0 || items[*count].rid == NULL)
                return error_no_memory();
            ++*count;
        }
    *encodings = items;
    return 0;
}

static int fill_simulcast(outcome_t *o)
{
    jsep_media_t *media = o->media;
    const sdp_simulcast_t *theirs = &o->remote->simulcast;
    int error = 0;
    if (sends((int)media->direction))
        error = fill_encodings(o, theirs->receive, theirs->receive_count, o->local->rids, o->local->rid_count, SDP_SENDONLY,
                               &media->send_encodings, &media->send_encoding_count);
    if (error == 0 && receives((int)media->direction))
        error = fill_encodings(o, theirs->send, theirs->send_count, o->local->rids, o->local->rid_count, SDP_RECVONLY,
                               &media->receive_encodings, &media->receive_encoding_count);
    return error;
}

/* RFC 9429 §5.10: b=AS counts RTCP (5 %) and headers (of 50 packets of 40 bytes a second) in. What is hardly more than the headers of so
 * many packets is meant for fewer of them: half is left then. */
static uint64_t without_headers(uint64_t kilobits)
{
    uint64_t rate = kilobits * 950, headers = 50 * 40 * 8;
    return rate > 2 * headers ? rate - headers : rate / 2;
}

static void fill_limits(outcome_t *o)
{
    const sdp_common_t *common = &o->remote->common;
    uint64_t tias = 0;
    for (size_t i = 0; i < common->bandwidth_count; i++) {
        const sdp_bandwidth_t *bandwidth = &common->bandwidths[i];
        bool is_as = strcmp(bandwidth->type, "AS") == 0; /* kilobits (RFC 8866 §5.8); TIAS is more exact (RFC 3890) */
        if (strcmp(bandwidth->type, "TIAS") == 0)
            tias = bandwidth->value;
        else if (is_as && bandwidth->value <= UINT64_MAX / 1000)
            o->media->max_bitrate_bps = without_headers(bandwidth->value);
    }
    if (tias != 0)
        o->media->max_bitrate_bps = tias;
    o->media->ptime = o->remote->ptime;
    o->media->maxptime = o->remote->maxptime;
}

static int fill_media(outcome_t *o, const sdp_t *answer, const sdp_media_t *answered)
{
    const jsep_configuration_t *configuration = configuration_of(o);
    const jsep_transceiver_t *t = &o->entry->transceiver->public;
    jsep_media_t *media = o->media;
    bool is_ours = answered == o->local;
    sdp_direction_t direction = sdp_media_direction(answer, answered);
    media->direction = is_ours ? direction : (sdp_direction_t)(sdp_direction_reverse(direction) & o->local->common.direction);
    if (o->entry->is_stopping)
        media->direction = SDP_INACTIVE;
    media->mid = arena_string(arena_of(o), o->entry->slots.mid);
    media->extmap_allow_mixed = configuration->extmap_allow_mixed && sdp_media_extmap_allow_mixed(o->remote_sdp, o->remote);
    media->rtcp_rsize = configuration->rtcp_rsize && sdp_media_rtcp_rsize(o->remote_sdp, o->remote);
    media->rcvr_rtt = configuration->rcvr_rtt && jsep_has_rcvr_rtt(o->remote);
    media->ssrc = t->ssrc;
    media->rtx_ssrc = t->rtx_ssrc;
    media->cname = configuration->cname;
    if (o->entry->slots.receiver_streams.count > 0)
        media->remote_stream = arena_string(arena_of(o), o->entry->slots.receiver_streams.ids[0]);
    if (media->mid == NULL)
        return error_no_memory();
    fill_limits(o);
    int error = fill_payloads(o);
    if (error == 0)
        error = fill_extensions(o, answer, answered);
    if (error == 0)
        error = fill_remote_ssrcs(o);
    return error == 0 ? fill_simulcast(o) : error;
}

static bool has_common_codec(const outcome_t *o)
{
    for (size_t i = 0; i < o->theirs.count; i++)
        if (jsep_codec_find(o->line->choices, o->line->choice_count, o->theirs.items[i].codec) != NULL &&
            !configuration_of(o)->codecs[o->theirs.items[i].codec].is_auxiliary)
            return true;
    return false;
}

static int negotiate_media(outcome_t *o, size_t index, const sdp_t *answer, const sdp_media_t *answered)
{
    slots_t *slots = &o->entry->slots;
    jsep_codec_match(o->plan->session, o->entry->transceiver->public.kind, o->remote, &o->theirs);
    if (!has_common_codec(o))
        return error_set(PEER_ERROR_INVALID_ACCESS, "m-line %zu: the answer has none of the codecs that were offered", index);
    o->media = arena_new(arena_of(o), sizeof *o->media);
    if (o->media == NULL)
        return error_no_memory();
    int error = fill_media(o, answer, answered);
    if (error < 0)
        return error;
    jsep_box_unref(slots->media_box);
    slots->media_box = jsep_box_ref(o->plan->box);
    slots->media = o->media;
    return jsep_plan_line_effect(o->plan, JSEP_EFFECT_MEDIA, o->entry, (int)index);
}

static uint16_t sctp_port_of(const sdp_media_t *media)
{
    uint64_t port;
    if (media->has_sctp_port)
        return media->sctp_port;
    if (media->sctpmap.is_present)
        return media->sctpmap.port;
    if (text_parse_u64(media->formats[0], strlen(media->formats[0]), UINT16_MAX, &port))
        return (uint16_t)port;
    return DEFAULT_SCTP_PORT;
}

static int negotiate_data(jsep_plan_t *plan, size_t index, const sdp_media_t *local, const sdp_media_t *remote)
{
    state_t *next = &plan->next;
    jsep_data_t *copy = arena_new(&plan->box->arena, sizeof *copy);
    jsep_data_t data = {
        .mid = arena_string(&plan->box->arena, local->mid), .local_port = sctp_port_of(local), .remote_port = sctp_port_of(remote)};
    data.remote_max_message_size = remote->has_max_message_size ? remote->max_message_size : DEFAULT_MAX_MESSAGE_SIZE;
    if (local->sctp_init != NULL && remote->sctp_init != NULL)
        data.remote_sctp_init = arena_string(&plan->box->arena, remote->sctp_init);
    if (copy == NULL || (local->mid != NULL && data.mid == NULL) ||
        (local->sctp_init != NULL && remote->sctp_init != NULL && data.remote_sctp_init == NULL))
        return error_no_memory();
    int error = jsep_negotiate_data_channels(plan, local, remote, &data);
    if (error < 0)
        return error;
    *copy = data;
    jsep_box_unref(next->data_box);
    next->data_box = jsep_box_ref(plan->box);
    next->data = data;
    next->has_data = true;
    jsep_effect_t *effect = jsep_plan_effect(plan, JSEP_EFFECT_DATA);
    if (effect == NULL)
        return PEER_ERROR_NO_MEMORY;
    effect->mline_index = (int)index;
    effect->mid = data.mid;
    effect->data = copy;
    return 0;
}

static int reject(jsep_plan_t *plan, entry_t *entry, size_t index, bool is_for_data)
{
    int error = jsep_plan_line_effect(plan, JSEP_EFFECT_MLINE_REJECTED, entry, (int)index);
    if (error == 0 && is_for_data) {
        plan->next.has_data = false;
        error = jsep_plan_line_effect(plan, JSEP_EFFECT_DATA_REJECTED, NULL, (int)index);
    }
    return error;
}

int jsep_negotiate(jsep_plan_t *plan, const description_t *local, const sdp_t *remote, const sdp_t *answer)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < answer->media_count; i++) {
        entry_t *entry = jsep_state_entry_by_line(&plan->next, (int)i);
        const sdp_media_t *ours = &local->sdp->media[i], *theirs = &remote->media[i], *answered = &answer->media[i];
        if (is_rejected(answered) && plan->type == JSEP_PRANSWER) {
            continue; /* it frees nothing: the final answer may still accept (RFC 9429 §4.1.8) */
        } else if (is_rejected(answered)) {
            error = reject(plan, entry, i, is_data(answered));
        } else if (is_data(answered)) {
            error = negotiate_data(plan, i, ours, theirs);
        } else if (entry != NULL && !entry->is_stopped) {
            outcome_t outcome = {
                .plan = plan, .entry = entry, .local = ours, .line = &local->lines[i], .remote_sdp = remote, .remote = theirs};
            error = negotiate_media(&outcome, i, answer, answered);
            if (plan->type == JSEP_ANSWER)
                jsep_extensions_settle(plan->session, entry, answer, answered, answered == theirs);
        }
    }
    return error;
}
