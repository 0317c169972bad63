/* The perfect-negotiation pattern (W3C WebRTC §10.7): the variables have the names of the example there. */
#include "api/api.h"

#include "api/restart_policy.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/connection_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer_negotiator {
    atomic_uint references; /* the application's */
    atomic_uint holds;      /* the application's as one, and running callbacks' */
    peer_connection_t *pc;
    bool is_polite;
    peer_negotiator_events_t events;
    void *user;
    /* Held while a step of the pattern looks at the signaling state and acts on it: offers are made on the loop, messages come on any
     * thread. Outermost: the connection's calls take the loop's lock inside. No callback runs under it. */
    pthread_mutex_t step;
    pthread_mutex_t lock;   /* guards all below */
    bool is_ignoring_offer; /* ignoreOffer */
    bool has_ignored_offer; /* candidates of that offer may still come, also after the answer to ours */
    /* Descriptions that were set, as JSON, in the order of setting: the loop sends them before anything that follows from them. */
    char **descriptions;
    size_t description_count, description_capacity;
    restart_policy_t restarts;
    loop_timer_t *timer;           /* for them; NULL after the application's last reference */
    char ufrag[ICE_UFRAG_MAX + 1]; /* what was gathered for last: tells a new network from an ICE restart */
};

static void hold(void *listener)
{
    atomic_fetch_add(&((peer_negotiator_t *)listener)->holds, 1);
}

static void release(void *listener)
{
    peer_negotiator_t *negotiator = listener;
    if (atomic_fetch_sub(&negotiator->holds, 1) > 1)
        return;
    for (size_t i = 0; i < negotiator->description_count; i++)
        peer_string_free(negotiator->descriptions[i]);
    memory_free(negotiator->descriptions);
    peer_connection_unref(negotiator->pc);
    pthread_mutex_destroy(&negotiator->lock);
    pthread_mutex_destroy(&negotiator->step);
    memory_free(negotiator);
}

/* Given up by the application, perhaps in the callback before, or its connection closed: it is not called any more. */
static bool is_detached(const peer_negotiator_t *negotiator)
{
    return atomic_load(&negotiator->references) == 0 || peer_connection_signaling_state(negotiator->pc) == PEER_SIGNALING_CLOSED;
}

static void report(peer_negotiator_t *negotiator, int error)
{
    if (negotiator->events.on_error != NULL && !is_detached(negotiator))
        negotiator->events.on_error(negotiator, error, peer_last_error_message(), negotiator->user);
}

/* {"description":…} or {"candidate":…}; takes `value`, which is text of JSON. */
static void send_member(peer_negotiator_t *negotiator, const char *member, char *value)
{
    json_t *parsed = value != NULL ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL; /* null is a value */
    json_t *message = parsed != NULL ? json_pack("{s:o}", member, parsed) : NULL;
    char *json = message != NULL ? json_dumps(message, JSON_COMPACT) : NULL;
    if (json != NULL && !is_detached(negotiator))
        negotiator->events.send(negotiator, json, negotiator->user);
    else if (json == NULL)
        report(negotiator, error_no_memory());
    json_decref(message);
    free(json);
    peer_string_free(value);
}

/* Under `step`, after a local description was set: keeps it as it is now, for another step may change it before it is sent. */
static int keep_local_description(peer_negotiator_t *negotiator)
{
    peer_description_t *description = peer_connection_local_description(negotiator->pc);
    char *json = description != NULL ? peer_description_to_json(description) : NULL;
    peer_description_unref(description);
    pthread_mutex_lock(&negotiator->lock);
    void *descriptions = negotiator->descriptions;
    bool is_kept = json != NULL && memory_reserve(&descriptions, &negotiator->description_capacity, negotiator->description_count + 1,
                                                  sizeof *negotiator->descriptions);
    negotiator->descriptions = descriptions;
    if (is_kept)
        negotiator->descriptions[negotiator->description_count++] = json;
    pthread_mutex_unlock(&negotiator->lock);
    if (!is_kept)
        peer_string_free(json);
    return is_kept ? 0 : error_no_memory();
}

static char *next_description(peer_negotiator_t *negotiator)
{
    char *json = NULL;
    pthread_mutex_lock(&negotiator->lock);
    if (negotiator->description_count > 0) {
        json = negotiator->descriptions[0];
        negotiator->description_count--;
        memmove(negotiator->descriptions, negotiator->descriptions + 1, negotiator->description_count * sizeof *negotiator->descriptions);
    }
    pthread_mutex_unlock(&negotiator->lock);
    return json;
}

/* On the loop. */
static void send_descriptions(peer_negotiator_t *negotiator)
{
    char *json;
    while ((json = next_description(negotiator)) != NULL)
        send_member(negotiator, "description", json);
}

/* pc.onnegotiationneeded. makingOffer of the example is not needed: here the offer is made and set in one step. */
static void on_negotiation_needed(void *listener)
{
    peer_negotiator_t *negotiator = listener;
    int error = 0;
    pthread_mutex_lock(&negotiator->step);
    if (peer_connection_signaling_state(negotiator->pc) == PEER_SIGNALING_STABLE) { /* else an offer came, and the event comes again */
        error = peer_connection_set_local_description(negotiator->pc, NULL);
        if (error == 0)
            error = keep_local_description(negotiator);
    }
    pthread_mutex_unlock(&negotiator->step);
    if (error < 0)
        report(negotiator, error);
    send_descriptions(negotiator);
}

/* pc.onicecandidate */
static void on_ice_candidate(void *listener, const peer_ice_candidate_t *candidate)
{
    peer_negotiator_t *negotiator = listener;
    pthread_mutex_lock(&negotiator->step); /* another thread may just be setting the description that this candidate belongs to */
    pthread_mutex_unlock(&negotiator->step);
    send_descriptions(negotiator);
    send_member(negotiator, "candidate",
                candidate != NULL ? peer_ice_candidate_to_json(candidate) : json_dumps(json_null(), JSON_ENCODE_ANY));
}

/* ---- ICE restarts ---- */

/* Under `lock`, after the policy changed. The loop's lock is taken inside it, and never the other way round. */
static void set_timer(peer_negotiator_t *negotiator)
{
    if (negotiator->timer != NULL)
        loop_timer_set(negotiator->timer, negotiator->restarts.restart_at);
}

/* An interruption with a pair that is still selected is one of the path; without, the address that it started from has left this host. */
static bool has_selected_pair(peer_negotiator_t *negotiator)
{
    connection_ice_t ice;
    loop_lock(negotiator->pc->loop);
    connection_ice(negotiator->pc->connection, &ice);
    bool has_pair = ice_agent_send_path(ice.agent) != NULL;
    loop_unlock(negotiator->pc->loop);
    return has_pair;
}

static void on_ice_state(void *listener, int32_t state)
{
    peer_negotiator_t *negotiator = listener;
    bool is_gone = state == PEER_ICE_CONNECTION_DISCONNECTED && !has_selected_pair(negotiator);
    pthread_mutex_lock(&negotiator->lock);
    restart_policy_on_state(&negotiator->restarts, runtime_now(), state);
    if (is_gone)
        restart_policy_on_path_gone(&negotiator->restarts, runtime_now());
    set_timer(negotiator);
    pthread_mutex_unlock(&negotiator->lock);
}

/* Gathering again with the same credentials: an address has come to this host. A peer that follows nominations is moved to it by ICE
 * itself; others need new credentials to look at new pairs. */
static void on_ice_gathering_state(void *listener, int32_t state)
{
    peer_negotiator_t *negotiator = listener;
    connection_ice_t ice;
    char ufrag[ICE_UFRAG_MAX + 1];
    if (state != PEER_ICE_GATHERING_GATHERING)
        return;
    loop_lock(negotiator->pc->loop);
    connection_ice(negotiator->pc->connection, &ice);
    snprintf(ufrag, sizeof ufrag, "%s", connection_ice_ufrag(negotiator->pc->connection));
    loop_unlock(negotiator->pc->loop);
    pthread_mutex_lock(&negotiator->lock);
    if (strcmp(ufrag, negotiator->ufrag) != 0)
        memcpy(negotiator->ufrag, ufrag, sizeof ufrag);
    else if (!ice.peer_renominates)
        restart_policy_on_network(&negotiator->restarts, runtime_now());
    set_timer(negotiator);
    pthread_mutex_unlock(&negotiator->lock);
}

static void on_timer(void *user, peer_time_t now)
{
    peer_negotiator_t *negotiator = user;
    if (is_detached(negotiator))
        return;
    bool is_negotiating = peer_connection_signaling_state(negotiator->pc) != PEER_SIGNALING_STABLE;
    pthread_mutex_lock(&negotiator->lock);
    bool is_due = restart_policy_is_due(&negotiator->restarts, now, is_negotiating);
    set_timer(negotiator);
    pthread_mutex_unlock(&negotiator->lock);
    if (!is_due)
        return;
    LOG_INFO("api", 0, "the negotiator restarts ICE");
    int error = peer_connection_restart_ice(negotiator->pc);
    if (error < 0)
        report(negotiator, error);
}

void peer_negotiator_set_restarts_ice(peer_negotiator_t *negotiator, int32_t restarts_ice)
{
    pthread_mutex_lock(&negotiator->lock);
    restart_policy_set_off(&negotiator->restarts, restarts_ice == 0);
    set_timer(negotiator);
    pthread_mutex_unlock(&negotiator->lock);
}

/* ---- life ---- */

peer_negotiator_t *peer_negotiator_new(peer_connection_t *pc, int32_t polite, const peer_negotiator_events_t *events, void *user)
{
    if (pc == NULL || events == NULL || events->send == NULL) {
        error_set(PEER_ERROR_TYPE, "a negotiator needs a connection and a send function");
        return NULL;
    }
    peer_negotiator_t *negotiator = MEMORY_NEW(peer_negotiator_t);
    if (negotiator == NULL) {
        error_no_memory();
        return NULL;
    }
    atomic_init(&negotiator->references, 1);
    atomic_init(&negotiator->holds, 1);
    pthread_mutex_init(&negotiator->lock, NULL);
    pthread_mutex_init(&negotiator->step, NULL);
    negotiator->pc = peer_connection_ref(pc);
    negotiator->is_polite = polite != 0;
    negotiator->events = *events;
    negotiator->user = user;
    restart_policy_init(&negotiator->restarts, negotiator->is_polite);
    negotiator->timer = loop_timer_new(pc->loop, on_timer, negotiator);
    if (negotiator->timer == NULL) {
        release(negotiator);
        return NULL;
    }
    hold(negotiator); /* the timer's */
    const api_listener_t listener = {
        on_negotiation_needed, on_ice_candidate, on_ice_state, on_ice_gathering_state, hold, release, negotiator};
    if (!api_connection_set_listener(pc, &listener)) {
        error_set(PEER_ERROR_INVALID_STATE, "the connection is closed, or has a negotiator");
        loop_timer_free(negotiator->timer, release);
        release(negotiator);
        return NULL;
    }
    return negotiator;
}

peer_negotiator_t *peer_negotiator_ref(peer_negotiator_t *negotiator)
{
    if (atomic_fetch_add_explicit(&negotiator->references, 1, memory_order_relaxed) == 0)
        hold(negotiator); /* in a callback, after the last reference had gone */
    return negotiator;
}

void peer_negotiator_unref(peer_negotiator_t *negotiator)
{
    if (negotiator == NULL || atomic_fetch_sub_explicit(&negotiator->references, 1, memory_order_acq_rel) > 1)
        return;
    api_connection_set_listener(negotiator->pc, NULL);
    pthread_mutex_lock(&negotiator->lock);
    loop_timer_t *timer = negotiator->timer;
    negotiator->timer = NULL;
    pthread_mutex_unlock(&negotiator->lock);
    loop_timer_free(timer, release);
    release(negotiator);
}

static void run_send_descriptions(void *argument)
{
    send_descriptions(argument);
    release(argument);
}

/* Under `step`: answers the offer that was just set. The answer is sent by the loop, as every message is. */
static int answer(peer_negotiator_t *negotiator)
{
    int result = peer_connection_set_local_description(negotiator->pc, NULL);
    if (result == 0)
        result = keep_local_description(negotiator);
    if (result < 0)
        return result;
    hold(negotiator);
    result = loop_post(negotiator->pc->loop, run_send_descriptions, negotiator);
    if (result < 0)
        release(negotiator);
    return result;
}

/* Under `step`. */
static int take_description(peer_negotiator_t *negotiator, const peer_description_t *description)
{
    bool is_offer = peer_description_type(description) == PEER_SDP_OFFER;
    bool is_collision = is_offer && peer_connection_signaling_state(negotiator->pc) != PEER_SIGNALING_STABLE;
    bool is_ignoring = !negotiator->is_polite && is_collision;
    pthread_mutex_lock(&negotiator->lock);
    negotiator->is_ignoring_offer = is_ignoring;
    negotiator->has_ignored_offer |= is_ignoring;
    pthread_mutex_unlock(&negotiator->lock);
    if (is_ignoring)
        return 0;
    int result = peer_connection_set_remote_description(negotiator->pc, description);
    if (result < 0 || !is_offer)
        return result;
    return answer(negotiator);
}

static int receive_description(peer_negotiator_t *negotiator, const peer_description_t *description)
{
    pthread_mutex_lock(&negotiator->step);
    int result = take_description(negotiator, description);
    pthread_mutex_unlock(&negotiator->step);
    return result;
}

static int receive_candidate(peer_negotiator_t *negotiator, const char *json)
{
    peer_ice_candidate_t *candidate = NULL;
    int result = 0;
    if (json != NULL)
        result = peer_ice_candidate_from_json(json, strlen(json), &candidate);
    if (result == 0)
        result = peer_connection_add_ice_candidate(negotiator->pc, candidate);
    peer_ice_candidate_unref(candidate);
    pthread_mutex_lock(&negotiator->lock);
    bool is_forgiven = negotiator->is_ignoring_offer || (negotiator->has_ignored_offer && result == PEER_ERROR_OPERATION);
    pthread_mutex_unlock(&negotiator->lock);
    return is_forgiven ? 0 : result; /* candidates of an ignored offer fit nothing */
}

static int receive(peer_negotiator_t *negotiator, const char *json, size_t length)
{
    json_t *message;
    int result = api_json_object(json, length, &message);
    if (result < 0)
        return result;
    json_t *description = json_object_get(message, "description"), *candidate = json_object_get(message, "candidate");
    json_t *member = description != NULL ? description : candidate;
    char *text = member != NULL && !json_is_null(member) ? json_dumps(member, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (member == NULL) {
        result = error_set(PEER_ERROR_TYPE, "neither \"description\" nor \"candidate\" is in the message");
    } else if (member == description) {
        peer_description_t *parsed = NULL;
        result =
            text != NULL ? peer_description_from_json(text, strlen(text), &parsed) : error_set(PEER_ERROR_TYPE, "\"description\" is null");
        if (result == 0)
            result = receive_description(negotiator, parsed);
        peer_description_unref(parsed);
    } else {
        result = receive_candidate(negotiator, text);
    }
    free(text);
    json_decref(message);
    return result;
}

/* An error of peer_negotiator_receive() on its way to on_error. */
typedef struct refusal {
    peer_negotiator_t *negotiator;
    int error;
    char message[256];
} refusal_t;

static void run_report(void *argument)
{
    refusal_t *refusal = argument;
    peer_negotiator_t *negotiator = refusal->negotiator;
    if (negotiator->events.on_error != NULL && !is_detached(negotiator))
        negotiator->events.on_error(negotiator, refusal->error, refusal->message, negotiator->user);
    memory_free(refusal);
    release(negotiator);
}

/* Events come from the loop, never from inside a call. */
static void report_later(peer_negotiator_t *negotiator, int error)
{
    refusal_t *refusal = MEMORY_NEW(refusal_t);
    if (refusal == NULL)
        return;
    *refusal = (refusal_t){.negotiator = negotiator, .error = error};
    snprintf(refusal->message, sizeof refusal->message, "%s", peer_last_error_message());
    hold(negotiator);
    if (loop_post(negotiator->pc->loop, run_report, refusal) < 0) {
        memory_free(refusal);
        release(negotiator);
    }
}

int peer_negotiator_receive(peer_negotiator_t *negotiator, const char *json, size_t length)
{
    int result = receive(negotiator, json, length);
    if (result < 0 && negotiator->events.on_error != NULL)
        report_later(negotiator, result);
    return result;
}
