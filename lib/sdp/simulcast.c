/* Several encodings of one source: a=rid (RFC 8851) and a=simulcast (RFC 8853). */
#include "base/error.h"
#include "sdp/scan.h"

#include <string.h>

static bool is_rid(const char *id)
{
    if (id == NULL || *id == '\0')
        return false;
    for (; *id != '\0'; id++) {
        bool is_alphanumeric = (*id >= '0' && *id <= '9') || (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z');
        if (!is_alphanumeric && *id != '-' && *id != '_')
            return false;
    }
    return true;
}

static int scan_rid_payload_types(section_t *s, char *list, sdp_rid_t *rid)
{
    const char *word;
    while ((word = scan_part(&list, ',')) != NULL) {
        if (rid->payload_type_count == SDP_RID_FORMATS_MAX)
            return scan_fail("too many payload types");
        uint8_t *payload_type = ARENA_APPEND(&s->sdp->arena, rid->payload_types, rid->payload_type_count);
        if (payload_type == NULL)
            return error_no_memory();
        if (!scan_payload_type(word, payload_type))
            return scan_fail("pt= is not a list of payload types");
    }
    return 0;
}

static int scan_rid_restriction(section_t *s, char *text, sdp_rid_t *rid)
{
    while (*text == ' ')
        text++;
    char *value = text;
    const char *name = scan_part(&value, '=');
    if (!scan_is_token(name))
        return scan_fail("a restriction has no name");
    if (strcmp(name, "pt") == 0 && value != NULL)
        return scan_rid_payload_types(s, value, rid);
    sdp_attribute_t *restriction = ARENA_APPEND(&s->sdp->arena, rid->restrictions, rid->restriction_count);
    if (restriction == NULL)
        return error_no_memory();
    *restriction = (sdp_attribute_t){name, value};
    return 0;
}

int sdp_rid_scan(section_t *s, char *value)
{
    if (s->media->rid_count == SDP_RIDS_MAX)
        return scan_fail("too many of them");
    sdp_rid_t *rid = ARENA_APPEND(&s->sdp->arena, s->media->rids, s->media->rid_count);
    if (rid == NULL)
        return error_no_memory();
    rid->id = scan_word(&value);
    if (!is_rid(rid->id))
        return scan_fail("the identifier is not letters, digits, \"-\" and \"_\"");
    const char *direction = scan_word(&value);
    if (direction != NULL && strcmp(direction, "send") == 0)
        rid->direction = SDP_SENDONLY;
    else if (direction != NULL && strcmp(direction, "recv") == 0)
        rid->direction = SDP_RECVONLY;
    else
        return scan_fail("the direction is not send or recv");
    char *restrictions = scan_rest(&value), *one;
    while ((one = scan_part(&restrictions, ';')) != NULL) {
        int error = scan_rid_restriction(s, one, rid);
        if (error < 0)
            return error;
    }
    return 0;
}

static int scan_simulcast_streams(section_t *s, char *list, sdp_simulcast_stream_t **streams, size_t *count)
{
    char *alternatives, *id;
    if (scan_count(list, ';') + scan_count(list, ',') >= SDP_RIDS_MAX)
        return scan_fail("too many rids");
    while ((alternatives = scan_part(&list, ';')) != NULL) {
        sdp_simulcast_stream_t *stream = arena_append(&s->sdp->arena, (void **)streams, count, sizeof *stream);
        if (stream == NULL)
            return error_no_memory();
        while ((id = scan_part(&alternatives, ',')) != NULL) {
            sdp_simulcast_rid_t *rid = ARENA_APPEND(&s->sdp->arena, stream->rids, stream->rid_count);
            if (rid == NULL)
                return error_no_memory();
            rid->is_paused = id[0] == '~';
            rid->id = rid->is_paused ? id + 1 : id;
            if (!is_rid(rid->id))
                return error_set(PEER_ERROR_SYNTAX, "\"%.40s\" is not a rid", rid->id);
        }
    }
    return 0;
}

int sdp_simulcast_scan(section_t *s, char *value)
{
    sdp_simulcast_t *simulcast = &s->media->simulcast;
    const char *direction;
    while ((direction = scan_word(&value)) != NULL) {
        char *list = scan_word(&value);
        bool is_send = strcmp(direction, "send") == 0;
        if (list == NULL || (!is_send && strcmp(direction, "recv") != 0) ||
            (is_send ? simulcast->send_count : simulcast->receive_count) != 0)
            return scan_fail("not one list for send and one for recv at most");
        int error = is_send ? scan_simulcast_streams(s, list, &simulcast->send, &simulcast->send_count)
                            : scan_simulcast_streams(s, list, &simulcast->receive, &simulcast->receive_count);
        if (error < 0)
            return error;
        simulcast->is_present = true;
    }
    return simulcast->is_present ? 0 : scan_fail("no list");
}
