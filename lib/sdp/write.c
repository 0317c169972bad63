/* A description as text, lines ended by CRLF, attributes in one fixed order. */
#include "sdp/scan.h"

#include <inttypes.h>

static void write_connection(const sdp_connection_t *connection, text_t *text)
{
    if (connection->network_type != NULL)
        text_addf(text, "c=%s %s %s\r\n", connection->network_type, connection->address_type, connection->address);
}

static void write_lines(const sdp_common_t *common, const char *types, text_t *text)
{
    for (size_t i = 0; i < common->line_count; i++)
        for (const char *type = types; *type != '\0'; type++)
            if (common->lines[i].type == *type)
                text_addf(text, "%c=%s\r\n", *type, common->lines[i].value);
}

static void write_bandwidths(const sdp_common_t *common, text_t *text)
{
    for (size_t i = 0; i < common->bandwidth_count; i++)
        text_addf(text, "b=%s:%" PRIu64 "\r\n", common->bandwidths[i].type, common->bandwidths[i].value);
}

static void write_attributes(const sdp_common_t *common, text_t *text)
{
    for (size_t i = 0; i < common->attribute_count; i++) {
        const sdp_attribute_t *attribute = &common->attributes[i];
        text_addf(text, attribute->value != NULL ? "a=%s:%s\r\n" : "a=%s%s\r\n", attribute->name,
                  attribute->value != NULL ? attribute->value : "");
    }
}

static void write_text_attribute(const char *name, const char *value, text_t *text)
{
    if (value != NULL)
        text_addf(text, "a=%s:%s\r\n", name, value);
}

static void write_flag(const char *name, bool is_set, text_t *text)
{
    if (is_set)
        text_addf(text, "a=%s\r\n", name);
}

static void write_words(const char *const *words, size_t count, text_t *text)
{
    for (size_t i = 0; i < count; i++) {
        text_add(text, " ");
        text_add(text, words[i]);
    }
}

static void write_fingerprint(const sdp_fingerprint_t *fingerprint, text_t *text)
{
    static const char digits[] = "0123456789ABCDEF";
    text_addf(text, "a=fingerprint:%s ", fingerprint->algorithm);
    for (size_t i = 0; i < fingerprint->length; i++) {
        const char pair[3] = {':', digits[fingerprint->bytes[i] >> 4], digits[fingerprint->bytes[i] & 15]};
        text_add_n(text, i == 0 ? pair + 1 : pair, i == 0 ? 2 : 3);
    }
    text_add(text, "\r\n");
}

static void write_transport(const sdp_common_t *common, text_t *text)
{
    write_text_attribute("ice-ufrag", common->ice_ufrag, text);
    write_text_attribute("ice-pwd", common->ice_pwd, text);
    if (common->ice_option_count > 0) {
        text_addf(text, "a=ice-options:%s", common->ice_options[0]);
        write_words(common->ice_options + 1, common->ice_option_count - 1, text);
        text_add(text, "\r\n");
    }
    for (size_t i = 0; i < common->fingerprint_count; i++)
        write_fingerprint(&common->fingerprints[i], text);
    if (common->setup != SDP_SETUP_NONE)
        write_text_attribute("setup", sdp_setup_name(common->setup), text);
    write_text_attribute("tls-id", common->tls_id, text);
}

static void write_extmaps(const sdp_common_t *common, text_t *text)
{
    for (size_t i = 0; i < common->extmap_count; i++) {
        const sdp_extmap_t *extmap = &common->extmaps[i];
        text_addf(text, "a=extmap:%u%s%s %s%s%s\r\n", extmap->id, extmap->has_direction ? "/" : "",
                  extmap->has_direction ? sdp_direction_name(extmap->direction) : "", extmap->uri, extmap->attributes != NULL ? " " : "",
                  extmap->attributes != NULL ? extmap->attributes : "");
    }
    write_flag("extmap-allow-mixed", common->extmap_allow_mixed, text);
}

static void write_rtcp(const sdp_media_t *media, text_t *text)
{
    if (media->has_rtcp) {
        const sdp_connection_t *c = &media->rtcp_connection;
        text_addf(text, "a=rtcp:%u", (unsigned)media->rtcp_port);
        if (c->network_type != NULL)
            text_addf(text, " %s %s %s", c->network_type, c->address_type, c->address);
        text_add(text, "\r\n");
    }
    write_flag("rtcp-mux", media->rtcp_mux, text);
    write_flag("rtcp-mux-only", media->rtcp_mux_only, text);
    write_flag("rtcp-rsize", media->rtcp_rsize, text);
}

static void write_any_payload_type(const char *name, int payload_type, text_t *text)
{
    if (payload_type == SDP_ANY_PAYLOAD_TYPE)
        text_addf(text, "a=%s:*", name);
    else
        text_addf(text, "a=%s:%d", name, payload_type);
}

static void write_one_rtcp_fb(const sdp_rtcp_fb_t *feedback, text_t *text)
{
    write_any_payload_type("rtcp-fb", feedback->payload_type, text);
    text_addf(text, " %s%s%s\r\n", feedback->type, feedback->parameter != NULL ? " " : "",
              feedback->parameter != NULL ? feedback->parameter : "");
}

static void write_one_fmtp(const sdp_fmtp_t *fmtp, text_t *text)
{
    text_addf(text, "a=fmtp:%s%s%s\r\n", fmtp->format, *fmtp->parameters != '\0' ? " " : "", fmtp->parameters);
}

static void write_codecs(const sdp_media_t *media, text_t *text)
{
    for (size_t i = 0; i < media->rtpmap_count; i++) {
        const sdp_rtpmap_t *rtpmap = &media->rtpmaps[i];
        text_addf(text, "a=rtpmap:%u %s/%" PRIu32 "%s%s\r\n", rtpmap->payload_type, rtpmap->encoding, rtpmap->clock_rate,
                  rtpmap->parameters != NULL ? "/" : "", rtpmap->parameters != NULL ? rtpmap->parameters : "");
    }
    for (size_t i = 0; i < media->rtcp_fb_count; i++)
        write_one_rtcp_fb(&media->rtcp_fbs[i], text);
    for (size_t i = 0; i < media->fmtp_count; i++)
        write_one_fmtp(&media->fmtps[i], text);
    for (size_t i = 0; i < media->imageattr_count; i++) {
        write_any_payload_type("imageattr", media->imageattrs[i].payload_type, text);
        text_addf(text, " %s\r\n", media->imageattrs[i].text);
    }
}

static void write_rid(const sdp_rid_t *rid, text_t *text)
{
    const char *separator = " ";
    text_addf(text, "a=rid:%s %s", rid->id, rid->direction == SDP_SENDONLY ? "send" : "recv");
    if (rid->payload_type_count > 0) {
        text_addf(text, " pt=%u", rid->payload_types[0]);
        for (size_t i = 1; i < rid->payload_type_count; i++)
            text_addf(text, ",%u", rid->payload_types[i]);
        separator = ";";
    }
    for (size_t i = 0; i < rid->restriction_count; i++) {
        const sdp_attribute_t *restriction = &rid->restrictions[i];
        text_addf(text, "%s%s%s%s", separator, restriction->name, restriction->value != NULL ? "=" : "",
                  restriction->value != NULL ? restriction->value : "");
        separator = ";";
    }
    text_add(text, "\r\n");
}

static void write_simulcast_streams(const char *direction, const sdp_simulcast_stream_t *streams, size_t count, text_t *text)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0)
            text_addf(text, "%s ", direction);
        for (size_t j = 0; j < streams[i].rid_count; j++)
            text_addf(text, "%s%s%s", j > 0 ? "," : i > 0 ? ";" : "", streams[i].rids[j].is_paused ? "~" : "", streams[i].rids[j].id);
    }
}

static void write_simulcast(const sdp_simulcast_t *simulcast, text_t *text)
{
    if (!simulcast->is_present)
        return;
    text_add(text, "a=simulcast:");
    write_simulcast_streams("send", simulcast->send, simulcast->send_count, text);
    write_simulcast_streams(simulcast->send_count > 0 ? " recv" : "recv", simulcast->receive, simulcast->receive_count, text);
    text_add(text, "\r\n");
}

static void write_ssrcs(const sdp_media_t *media, text_t *text)
{
    for (size_t i = 0; i < media->ssrc_group_count; i++) {
        const sdp_ssrc_group_t *group = &media->ssrc_groups[i];
        text_addf(text, "a=ssrc-group:%s", group->semantics);
        for (size_t j = 0; j < group->ssrc_count; j++)
            text_addf(text, " %" PRIu32, group->ssrcs[j]);
        text_add(text, "\r\n");
    }
    for (size_t i = 0; i < media->ssrc_count; i++) {
        const sdp_ssrc_t *ssrc = &media->ssrcs[i];
        text_addf(text, "a=ssrc:%" PRIu32, ssrc->ssrc);
        if (ssrc->attribute != NULL)
            text_addf(text, " %s%s%s", ssrc->attribute, ssrc->value != NULL ? ":" : "", ssrc->value != NULL ? ssrc->value : "");
        text_add(text, "\r\n");
    }
}

static void write_candidates(const sdp_media_t *media, text_t *text)
{
    for (size_t i = 0; i < media->candidate_count; i++) {
        text_add(text, "a=");
        sdp_candidate_write(&media->candidates[i], text);
        text_add(text, "\r\n");
    }
    write_flag("end-of-candidates", media->common.end_of_candidates, text);
    if (media->remote_candidate_count == 0)
        return;
    text_add(text, "a=remote-candidates:");
    for (size_t i = 0; i < media->remote_candidate_count; i++) {
        const sdp_remote_candidate_t *remote = &media->remote_candidates[i];
        text_addf(text, "%s%" PRIu32 " %s %u", i > 0 ? " " : "", remote->component, remote->address, (unsigned)remote->port);
    }
    text_add(text, "\r\n");
}

static void write_sctp(const sdp_media_t *media, text_t *text)
{
    if (media->has_sctp_port)
        text_addf(text, "a=sctp-port:%u\r\n", (unsigned)media->sctp_port);
    if (media->sctp_init != NULL)
        text_addf(text, "a=sctp-init:%s\r\n", media->sctp_init);
    if (media->sctpmap.is_present) {
        text_addf(text, "a=sctpmap:%u %s", (unsigned)media->sctpmap.port, media->sctpmap.application);
        if (media->sctpmap.streams != 0)
            text_addf(text, " %" PRIu32, media->sctpmap.streams);
        text_add(text, "\r\n");
    }
    if (media->has_max_message_size)
        text_addf(text, "a=max-message-size:%" PRIu64 "\r\n", media->max_message_size);
    sdp_data_channels_write(media, text);
}

static void write_media(const sdp_media_t *media, text_t *text)
{
    const sdp_common_t *common = &media->common;
    text_addf(text, "m=%s %u", media->type, (unsigned)media->port);
    if (media->port_count > 1)
        text_addf(text, "/%u", (unsigned)media->port_count);
    text_addf(text, " %s", media->protocol);
    write_words(media->formats, media->format_count, text);
    text_add(text, "\r\n");
    write_lines(common, "i", text);
    write_connection(&common->connection, text);
    write_bandwidths(common, text);
    write_lines(common, "k", text);

    write_candidates(media, text);
    write_transport(common, text);
    write_text_attribute("mid", media->mid, text);
    write_flag("bundle-only", media->bundle_only, text);
    write_extmaps(common, text);
    write_flag(sdp_direction_name(common->direction), common->has_direction, text);
    for (size_t i = 0; i < media->msid_count; i++)
        text_addf(text, "a=msid:%s%s%s\r\n", media->msids[i].stream, media->msids[i].track != NULL ? " " : "",
                  media->msids[i].track != NULL ? media->msids[i].track : "");
    write_rtcp(media, text);
    write_codecs(media, text);
    if (media->ptime != 0)
        text_addf(text, "a=ptime:%" PRIu32 "\r\n", media->ptime);
    if (media->maxptime != 0)
        text_addf(text, "a=maxptime:%" PRIu32 "\r\n", media->maxptime);
    for (size_t i = 0; i < media->rid_count; i++)
        write_rid(&media->rids[i], text);
    write_simulcast(&media->simulcast, text);
    write_ssrcs(media, text);
    write_sctp(media, text);
    write_attributes(common, text);
}

static void write_origin(const sdp_origin_t *origin, text_t *text)
{
    text_addf(text, "o=%s %" PRIu64 " %" PRIu64 " %s %s %s\r\n", origin->username != NULL ? origin->username : "-", origin->session_id,
              origin->session_version, origin->network_type != NULL ? origin->network_type : "IN",
              origin->address_type != NULL ? origin->address_type : "IP4", origin->address != NULL ? origin->address : "127.0.0.1");
}

void sdp_write(const sdp_t *sdp, text_t *text)
{
    const sdp_common_t *common = &sdp->common;
    bool has_time = false;
    for (size_t i = 0; i < common->line_count; i++)
        has_time = has_time || common->lines[i].type == 't';

    text_add(text, "v=0\r\n");
    write_origin(&sdp->origin, text);
    text_addf(text, "s=%s\r\n", sdp->session_name != NULL ? sdp->session_name : "-");
    write_lines(common, "iuep", text);
    write_connection(&common->connection, text);
    write_bandwidths(common, text);
    if (!has_time)
        text_add(text, "t=0 0\r\n");
    write_lines(common, "trzk", text);

    for (size_t i = 0; i < sdp->group_count; i++) {
        text_addf(text, "a=group:%s", sdp->groups[i].semantics);
        write_words(sdp->groups[i].mids, sdp->groups[i].mid_count, text);
        text_add(text, "\r\n");
    }
    write_flag("ice-lite", sdp->ice_lite, text);
    write_extmaps(common, text);
    if (sdp->has_msid_semantic) {
        text_addf(text, "a=msid-semantic:%s", sdp->msid_semantic);
        write_words(sdp->msid_semantic_ids, sdp->msid_semantic_id_count, text);
        text_add(text, "\r\n");
    }
    write_transport(common, text);
    write_flag("end-of-candidates", common->end_of_candidates, text);
    write_flag(sdp_direction_name(common->direction), common->has_direction, text);
    write_attributes(common, text);
    for (size_t i = 0; i < sdp->media_count; i++)
        write_media(&sdp->media[i], text);
}
