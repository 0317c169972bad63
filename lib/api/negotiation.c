/* RTCPeerConnection's negotiation: offers, answers, descriptions, candidates, and the states they lead to (W3C WebRTC §4.4.2). */
#include "api/api.h"

#include "base/error.h"
#include "base/memory.h"

#include <stddef.h>
#include <string.h>

void peer_offer_options_init(peer_offer_options_t *options, size_t size)
{
    memset(options, 0, size);
    options->size = size;
    if (size >= offsetof(peer_offer_options_t, offer_to_receive_audio) + sizeof options->offer_to_receive_audio)
        options->offer_to_receive_audio = -1;
    if (size >= offsetof(peer_offer_options_t, offer_to_receive_video) + sizeof options->offer_to_receive_video)
        options->offer_to_receive_video = -1;
}

static int take_description(int32_t type, char *sdp, peer_description_t **description)
{
    int result = peer_description_new(type, sdp, description);
    memory_free(sdp);
    return result;
}

int peer_connection_create_offer(peer_connection_t *pc, const peer_offer_options_t *options, peer_description_t **description)
{
    char *sdp = NULL;
    int result;
    peer_offer_options_t known;
    peer_offer_options_init(&known, sizeof known);
    if (description == NULL)
        return error_set(PEER_ERROR_TYPE, "description is NULL");
    if (options != NULL && options->size < sizeof options->size)
        return error_set(PEER_ERROR_TYPE, "options were not filled by peer_offer_options_init()");
    if (options != NULL)
        API_COPY_SIZED(&known, options);
    connection_offer_options_t given = {.ice_restart = known.ice_restart != 0,
                                        .offer_to_receive = {known.offer_to_receive_audio, known.offer_to_receive_video}};
    API_CALL_OPEN(pc, result, connection_create_offer(pc->connection, runtime_now(), &given, &sdp));
    return result < 0 ? result : take_description(PEER_SDP_OFFER, sdp, description);
}

int peer_connection_create_answer(peer_connection_t *pc, peer_description_t **description)
{
    char *sdp = NULL;
    int result;
    if (description == NULL)
        return error_set(PEER_ERROR_TYPE, "description is NULL");
    API_CALL_OPEN(pc, result, connection_create_answer(pc->connection, runtime_now(), &sdp));
    return result < 0 ? result : take_description(PEER_SDP_ANSWER, sdp, description);
}

int peer_connection_set_local_description(peer_connection_t *pc, const peer_description_t *description)
{
    int result;
    if (description == NULL)
        API_CALL_OPEN(pc, result, connection_set_local_description_implicitly(pc->connection, runtime_now()));
    else
        API_CALL_OPEN(pc, result,
                      connection_set_local_description(pc->connection, runtime_now(),
                                                       (connection_sdp_type_t)peer_description_type(description),
                                                       peer_description_sdp(description)));
    return result;
}

int peer_connection_set_remote_description(peer_connection_t *pc, const peer_description_t *description)
{
    int result;
    if (description == NULL)
        return error_set(PEER_ERROR_TYPE, "description is NULL");
    API_CALL_OPEN(pc, result,
                  connection_set_remote_description(pc->connection, runtime_now(),
                                                    (connection_sdp_type_t)peer_description_type(description),
                                                    peer_description_sdp(description)));
    return result;
}

int peer_connection_add_ice_candidate(peer_connection_t *pc, const peer_ice_candidate_t *candidate)
{
    int result;
    if (candidate == NULL)
        API_CALL_OPEN(pc, result, connection_add_ice_candidate(pc->connection, runtime_now(), "", NULL, -1, NULL));
    else
        API_CALL_OPEN(pc, result,
                      connection_add_ice_candidate(pc->connection, runtime_now(), peer_ice_candidate_candidate(candidate),
                                                   peer_ice_candidate_sdp_mid(candidate), peer_ice_candidate_sdp_mline_index(candidate),
                                                   peer_ice_candidate_username_fragment(candidate)));
    return result;
}

int peer_connection_restart_ice(peer_connection_t *pc)
{
    int result;
    API_CALL_OPEN(pc, result, connection_restart_ice(pc->connection, runtime_now()));
    return result;
}

static peer_description_t *get_description(const peer_connection_t *pc,
                                           int (*get)(const connection_t *connection, connection_sdp_type_t *type, char **sdp))
{
    connection_sdp_type_t type;
    char *sdp = NULL;
    peer_description_t *description = NULL;
    loop_lock(pc->loop);
    int result = get(pc->connection, &type, &sdp);
    loop_unlock(pc->loop);
    if (result > 0 && take_description((int32_t)type, sdp, &description) < 0)
        return NULL;
    return description;
}

peer_description_t *peer_connection_local_description(const peer_connection_t *pc)
{
    return get_description(pc, connection_local_description);
}

peer_description_t *peer_connection_remote_description(const peer_connection_t *pc)
{
    return get_description(pc, connection_remote_description);
}

static peer_description_t *get_one(const peer_connection_t *pc, connection_which_t which)
{
    connection_sdp_type_t type;
    char *sdp = NULL;
    peer_description_t *description = NULL;
    loop_lock(pc->loop);
    int result = connection_description(pc->connection, which, &type, &sdp);
    loop_unlock(pc->loop);
    if (result > 0 && take_description((int32_t)type, sdp, &description) < 0)
        return NULL;
    return description;
}

peer_description_t *peer_connection_current_local_description(const peer_connection_t *pc)
{
    return get_one(pc, CONNECTION_CURRENT_LOCAL);
}

peer_description_t *peer_connection_pending_local_description(const peer_connection_t *pc)
{
    return get_one(pc, CONNECTION_PENDING_LOCAL);
}

peer_description_t *peer_connection_current_remote_description(const peer_connection_t *pc)
{
    return get_one(pc, CONNECTION_CURRENT_REMOTE);
}

peer_description_t *peer_connection_pending_remote_description(const peer_connection_t *pc)
{
    return get_one(pc, CONNECTION_PENDING_REMOTE);
}

static int32_t get_state(const peer_connection_t *pc, int32_t (*get)(const connection_t *connection))
{
    loop_lock(pc->loop);
    int32_t state = get(pc->connection);
    loop_unlock(pc->loop);
    return state;
}

int32_t peer_connection_signaling_state(const peer_connection_t *pc)
{
    return get_state(pc, connection_signaling_state);
}

int32_t peer_connection_ice_gathering_state(const peer_connection_t *pc)
{
    return get_state(pc, connection_ice_gathering_state);
}

int32_t peer_connection_ice_connection_state(const peer_connection_t *pc)
{
    return get_state(pc, connection_ice_connection_state);
}

int32_t peer_connection_connection_state(const peer_connection_t *pc)
{
    return get_state(pc, connection_state);
}

int32_t peer_connection_can_trickle_ice_candidates(const peer_connection_t *pc)
{
    return get_state(pc, connection_can_trickle);
}

int32_t peer_connection_is_negotiation_needed(const peer_connection_t *pc)
{
    return get_state(pc, connection_negotiation_check);
}
