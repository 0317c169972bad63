/* Candidates as the application holds them, and their JSON. The text is kept as it came; its fields are read once. */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"
#include "ice/ice.h"
#include "sdp/sdp.h"

#include <jansson.h>
#include <string.h>

struct peer_ice_candidate {
    atomic_uint references;
    char *text;
    char *mid;
    char *ufrag;
    char *url; /* of the server that gave it: one of our own only */
    const char *relay_protocol;
    int32_t mline_index;
    sdp_candidate_t *parsed; /* NULL at the end of candidates, and where the text is no candidate */
};

const char *peer_ice_candidate_type_name(int32_t type)
{
    static const char *const names[] = {"host", "srflx", "prflx", "relay"};
    return API_NAME(names, type);
}

static void free_candidate(peer_ice_candidate_t *candidate)
{
    memory_free(candidate->text);
    memory_free(candidate->mid);
    memory_free(candidate->ufrag);
    memory_free(candidate->url);
    memory_free(candidate->parsed);
    memory_free(candidate);
}

int peer_ice_candidate_new(const char *text, const char *sdp_mid, int32_t sdp_mline_index, const char *username_fragment,
                           peer_ice_candidate_t **result)
{
    if (result == NULL)
        return error_set(PEER_ERROR_TYPE, "result is NULL");
    if (text == NULL)
        text = "";
    if (sdp_mid == NULL && sdp_mline_index < 0)
        return error_set(PEER_ERROR_TYPE, "a candidate needs sdpMid or sdpMLineIndex");
    if (strlen(text) > API_CANDIDATE_MAX || (sdp_mid != NULL && strlen(sdp_mid) > API_CANDIDATE_MAX) ||
        (username_fragment != NULL && strlen(username_fragment) > API_CANDIDATE_MAX))
        return error_set(PEER_ERROR_SYNTAX, "a candidate has at most %u bytes", API_CANDIDATE_MAX);
    sdp_candidate_t *parsed = NULL;
    if (*text != '\0' && sdp_candidate_parse(text, strlen(text), &parsed) == PEER_ERROR_NO_MEMORY)
        return PEER_ERROR_NO_MEMORY; /* other errors do not matter here (W3C WebRTC §4.8.1.1): it has no parts then, and is not added */
    peer_ice_candidate_t *candidate = MEMORY_NEW(peer_ice_candidate_t);
    if (candidate == NULL) {
        memory_free(parsed);
        return error_no_memory();
    }
    atomic_init(&candidate->references, 1);
    candidate->parsed = parsed;
    candidate->mline_index = sdp_mline_index;
    candidate->text = memory_string(strncmp(text, "a=candidate:", 12) == 0 ? text + 2 : text);
    candidate->mid = memory_string(sdp_mid);
    candidate->ufrag = memory_string(username_fragment);
    if (candidate->text == NULL || (sdp_mid != NULL && candidate->mid == NULL) || (username_fragment != NULL && candidate->ufrag == NULL)) {
        free_candidate(candidate);
        return error_no_memory();
    }
    *result = candidate;
    return 0;
}

int api_ice_candidate_new(const connection_event_t *event, peer_ice_candidate_t **result)
{
    int error = peer_ice_candidate_new(event->text, event->candidate.mid, event->candidate.mline_index, event->candidate.ufrag, result);
    if (error < 0)
        return error;
    (*result)->url = memory_string(event->candidate.url);
    if (event->candidate.relay_protocol >= 0)
        (*result)->relay_protocol = ice_server_transport_name((ice_server_transport_t)event->candidate.relay_protocol);
    return 0;
}

static bool is_string_or_null(const json_t *value)
{
    return value == NULL || json_is_null(value) || json_is_string(value);
}

int peer_ice_candidate_from_json(const char *json, size_t length, peer_ice_candidate_t **result)
{
    json_t *object = NULL;
    int error = api_json_object(json, length, &object);
    if (error < 0)
        return error;
    const json_t *text = json_object_get(object, "candidate"), *mid = json_object_get(object, "sdpMid");
    const json_t *index = json_object_get(object, "sdpMLineIndex"), *ufrag = json_object_get(object, "usernameFragment");
    bool has_index = index != NULL && !json_is_null(index);
    if (!is_string_or_null(text) || !is_string_or_null(mid) || !is_string_or_null(ufrag))
        error = error_set(PEER_ERROR_TYPE, "\"candidate\", \"sdpMid\" and \"usernameFragment\" are strings");
    else if (has_index && (!json_is_integer(index) || json_integer_value(index) < 0 || json_integer_value(index) > UINT16_MAX))
        error = error_set(PEER_ERROR_TYPE, "\"sdpMLineIndex\" is no number from 0 to 65535");
    else
        error = peer_ice_candidate_new(json_string_value(text), json_string_value(mid), has_index ? (int32_t)json_integer_value(index) : -1,
                                       json_string_value(ufrag), result);
    json_decref(object);
    return error;
}

char *peer_ice_candidate_to_json(const peer_ice_candidate_t *candidate)
{
    json_t *object =
        json_pack("{s:s, s:s?, s:o, s:s?}", "candidate", candidate->text, "sdpMid", candidate->mid, "sdpMLineIndex",
                  candidate->mline_index >= 0 ? json_integer(candidate->mline_index) : json_null(), "usernameFragment", candidate->ufrag);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (text == NULL)
        error_no_memory();
    return text;
}

peer_ice_candidate_t *peer_ice_candidate_ref(peer_ice_candidate_t *candidate)
{
    atomic_fetch_add_explicit(&candidate->references, 1, memory_order_relaxed);
    return candidate;
}

void peer_ice_candidate_unref(peer_ice_candidate_t *candidate)
{
    if (candidate != NULL && atomic_fetch_sub_explicit(&candidate->references, 1, memory_order_acq_rel) == 1)
        free_candidate(candidate);
}

const char *peer_ice_candidate_candidate(const peer_ice_candidate_t *candidate)
{
    return candidate->text;
}

const char *peer_ice_candidate_sdp_mid(const peer_ice_candidate_t *candidate)
{
    return candidate->mid;
}

int32_t peer_ice_candidate_sdp_mline_index(const peer_ice_candidate_t *candidate)
{
    return candidate->mline_index;
}

const char *peer_ice_candidate_username_fragment(const peer_ice_candidate_t *candidate)
{
    return candidate->ufrag;
}

const char *peer_ice_candidate_foundation(const peer_ice_candidate_t *candidate)
{
    return candidate->parsed != NULL ? candidate->parsed->foundation : NULL;
}

int32_t peer_ice_candidate_component(const peer_ice_candidate_t *candidate)
{
    return candidate->parsed != NULL ? (int32_t)candidate->parsed->component : 0;
}

uint32_t peer_ice_candidate_priority(const peer_ice_candidate_t *candidate)
{
    return candidate->parsed != NULL ? candidate->parsed->priority : 0;
}

const char *peer_ice_candidate_address(const peer_ice_candidate_t *candidate)
{
    return candidate->parsed != NULL ? candidate->parsed->address : NULL;
}

const char *peer_ice_candidate_protocol(const peer_ice_candidate_t *candidate)
{
    if (candidate->parsed == NULL)
        return NULL;
    return candidate->parsed->is_udp ? "udp" : candidate->parsed->is_tcp ? "tcp" : NULL;
}

uint16_t peer_ice_candidate_port(const peer_ice_candidate_t *candidate)
{
    return candidate->parsed != NULL ? candidate->parsed->port : 0;
}

int32_t peer_ice_candidate_type(const peer_ice_candidate_t *candidate)
{
    return candidate->parsed != NULL && candidate->parsed->type != SDP_CANDIDATE_OTHER
               ? (int32_t)candidate->parsed->type - SDP_CANDIDATE_HOST
               : -1;
}

const char *peer_ice_candidate_related_address(const peer_ice_candidate_t *candidate)
{
    return candidate->parsed != NULL ? candidate->parsed->related_address : NULL;
}

uint16_t peer_ice_candidate_related_port(const peer_ice_candidate_t *candidate)
{
    return candidate->parsed != NULL && candidate->parsed->has_related_port ? candidate->parsed->related_port : 0;
}

const char *peer_ice_candidate_tcp_type(const peer_ice_candidate_t *candidate)
{
    const char *name = candidate->parsed != NULL ? ice_tcp_type_name((ice_tcp_type_t)candidate->parsed->tcptype) : "";
    return *name != '\0' ? name : NULL;
}

const char *peer_ice_candidate_relay_protocol(const peer_ice_candidate_t *candidate)
{
    return candidate->relay_protocol;
}

const char *peer_ice_candidate_url(const peer_ice_candidate_t *candidate)
{
    return candidate->url;
}
