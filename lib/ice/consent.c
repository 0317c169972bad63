/* Consent freshness of the pair in use (RFC 7675), and whether it still answers. Consent requests go out about every 5 s and are not
 * repeated; one that stays unanswered is followed by further ones soon, so that a lost datagram is told from a lost path within the 5 s
 * after which W3C's "disconnected" is due. A pair that lost consent is never used again (§5.1). */
#include "ice/agent.h"

#include "base/log.h"

#define QUIET_TIME (600 * PEER_MILLISECOND)    /* traffic that stops this long is asked about at once; silence of Opus is 400 ms */
#define QUESTION_TIME (100 * PEER_MILLISECOND) /* between requests that decide which path lives; after the last one two round trips */
#define QUESTIONS 3                            /* so many unanswered, and other paths are tried */
#define SURE_TIME (1 * PEER_SECOND)            /* a pair that answered this short a time ago is not doubted */
#define RETRY_TIME (500 * PEER_MILLISECOND)    /* or two round trips, between unanswered requests */
#define SLOW_RETRY_TIME (1 * PEER_SECOND)      /* when many stayed unanswered */
#define SLOW_RETRY_AFTER 6
/* Requests go out at whole steps of the clock, so that a thousand connections of a loop share its wake-ups. */
#define STEP (20 * PEER_MILLISECOND)
#define SILENCE_TIME (5 * PEER_SECOND) /* nothing at all received: disconnected */
#define SILENCE_UNANSWERED 4
#define UNANSWERED_TIME (15 * PEER_SECOND) /* something is received, but our requests are not: the way there is broken */

/* A response that comes just behind the last traffic does not hide that the traffic stopped; one to the question whether it did, does. */
static peer_time_t quiet_at(const ice_pair_t *pair)
{
    if (pair->questions != 0 || pair->is_suspect || pair->last_traffic == 0 || pair->last_traffic + QUIET_TIME <= pair->last_response)
        return PEER_TIME_NEVER;
    return QUIET_TIME + (pair->last_traffic > pair->last_response ? pair->last_traffic : pair->last_response);
}

static peer_time_t next_probe(ice_agent_t *agent, peer_time_t now)
{
    /* RFC 7675 §5.1: 0.8 to 1.2 times the basic period */
    peer_time_t at = now + ICE_CONSENT_INTERVAL * 4 / 5 + random_below(&agent->random, (uint32_t)(ICE_CONSENT_INTERVAL * 2 / 5 - STEP) + 1);
    return (at + STEP - 1) / STEP * STEP;
}

void ice_consent_question(ice_pair_t *pair, peer_time_t now)
{
    if (pair->questions != 0 || pair->is_suspect)
        return;
    pair->questions = QUESTIONS + 1;
    pair->probe_at = now;
}

void ice_consent_begin(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now)
{
    pair->unanswered = 0;
    pair->probe_at = pair->is_suspect ? now : next_probe(agent, now);
    if (now >= pair->last_response + SURE_TIME) /* it worked some time ago */
        ice_consent_question(pair, now);
}

void ice_consent_on_response(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now)
{
    pair->last_received = pair->last_response = now;
    pair->consent_expires = now + ICE_CONSENT_LIFETIME;
    pair->unanswered = pair->questions = 0;
    if (pair == agent->selected)
        pair->probe_at = next_probe(agent, now);
}

static void send_probe(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now)
{
    peer_time_t least = pair->questions > 0 ? QUESTION_TIME : RETRY_TIME;
    peer_time_t retry = 2 * pair->round_trip_time > least ? 2 * pair->round_trip_time : least;
    if (pair->questions > 1)
        retry = QUESTION_TIME; /* before the last one answers are not waited for */
    pair->unanswered++;
    pair->probe_at = now + (pair->unanswered >= SLOW_RETRY_AFTER && retry < SLOW_RETRY_TIME ? SLOW_RETRY_TIME : retry);
    ice_transaction_t *transaction = ice_transaction_new(agent, ICE_TRANSACTION_CONSENT, &pair->path, now);
    if (transaction == NULL)
        return;
    transaction->pair = pair;
    transaction->is_nominating = agent->is_controlling && agent->remote_parameters.is_lite; /* our NAT may have another address for us */
    pair->consent_requests_sent++;
    transaction->rto = ICE_CONSENT_LIFETIME; /* how long an answer is welcome */
    ice_transaction_transmit(agent, transaction, now);
}

static bool is_silent(const ice_pair_t *pair, peer_time_t now)
{
    return (pair->unanswered >= SILENCE_UNANSWERED && now - pair->last_received >= SILENCE_TIME) ||
           (pair->unanswered > SILENCE_UNANSWERED && now - pair->last_response >= UNANSWERED_TIME);
}

void ice_consent_run(ice_agent_t *agent, peer_time_t now)
{
    ice_pair_t *pair = agent->selected;
    if (pair == NULL)
        return;
    if (now >= pair->consent_expires) {
        LOG_INFO("ice", agent->connection, "consent of pair %u expired", (unsigned)pair->id);
        ice_check_fail(agent, pair);
        pair->is_consent_lost = true;
        agent->is_disconnected = false;
        return;
    }
    if (agent->local_parameters.is_lite) { /* RFC 7675 §5.1: the peer's requests say that it consents */
        agent->is_disconnected = now - pair->last_received >= UNANSWERED_TIME;
        return;
    }
    if (now >= quiet_at(pair))
        ice_consent_question(pair, now);
    if (now >= pair->probe_at && pair->questions > 0 && --pair->questions == 0) {
        LOG_INFO("ice", agent->connection, "pair %u does not answer any more", (unsigned)pair->id);
        ice_recovery_doubt(agent, now, pair);
    }
    if (now >= pair->probe_at)
        send_probe(agent, pair, now);
    agent->is_disconnected = is_silent(pair, now);
}

peer_time_t ice_consent_deadline(const ice_agent_t *agent)
{
    const ice_pair_t *pair = agent->selected;
    if (pair == NULL)
        return PEER_TIME_NEVER;
    if (agent->local_parameters.is_lite)
        return agent->is_disconnected ? pair->consent_expires : time_earlier(pair->consent_expires, pair->last_received + UNANSWERED_TIME);
    peer_time_t deadline = time_earlier(pair->consent_expires, time_earlier(pair->probe_at, quiet_at(pair)));
    if (pair->unanswered >= SILENCE_UNANSWERED && !agent->is_disconnected)
        deadline = time_earlier(deadline, pair->last_received + SILENCE_TIME);
    if (pair->unanswered > SILENCE_UNANSWERED && !agent->is_disconnected)
        deadline = time_earlier(deadline, pair->last_response + UNANSWERED_TIME);
    return deadline;
}
