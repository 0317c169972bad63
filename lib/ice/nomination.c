/* Nomination and selection (RFC 8445 §8.1): regular nomination when controlling, acceptance of the peer's when controlled, and which pair
 * carries data at any moment. */
#include "ice/agent.h"

#include "base/log.h"

/* How long a valid pair waits for a better one that is still unanswered. Data flows meanwhile, so nothing is lost by it; two round trips
 * and a retransmission tell whether the better pair works. A relayed pair costs a server for the whole call and so waits longer. */
#define PATIENCE_MIN (100 * PEER_MILLISECOND)
#define PATIENCE_MAX (500 * PEER_MILLISECOND)
#define PATIENCE_RELAYED (1 * PEER_SECOND)
/* A peer that repeats USE-CANDIDATE on one pair and no longer on another has moved; a higher priority no longer counts then. */
#define NOMINATION_LAPSE (3 * PEER_SECOND)

static peer_time_t patience_for(const ice_pair_t *pair)
{
    if (ice_pair_relays(pair) > 0)
        return PATIENCE_RELAYED;
    peer_time_t patience = 2 * pair->round_trip_time + ICE_CHECK_RTO;
    return patience < PATIENCE_MIN ? PATIENCE_MIN : patience > PATIENCE_MAX ? PATIENCE_MAX : patience;
}

/* Candidates that are still to come may make a better pair, unless this one is as direct as any. */
static bool may_be_surpassed(const ice_agent_t *agent, const ice_pair_t *pair)
{
    if (pair->local->view.type == ICE_CANDIDATE_HOST && pair->remote->view.type == ICE_CANDIDATE_HOST)
        return false;
    return !agent->has_end_of_remote_candidates || agent->gathering_state != ICE_GATHERING_COMPLETE;
}

/* After the conclusion another pair is nominated when the one in use is lost or in doubt, or, where the peer goes by the last nomination,
 * when there is a better one. */
static bool may_replace(const ice_agent_t *agent, const ice_pair_t *best)
{
    const ice_pair_t *selected = agent->selected;
    if (best == selected)
        return !best->is_nominated;
    if (selected == NULL || !selected->is_nominated || selected->is_suspect || !ice_pair_is_current(agent, selected))
        return true;
    return agent->remote_renominates && ice_pair_is_better(best, selected);
}

static bool is_better_unfinished(const ice_agent_t *agent, const ice_pair_t *best)
{
    for (size_t i = 0; i < agent->pair_count; i++) {
        const ice_pair_t *pair = agent->pairs[i];
        if (ice_pair_is_current(agent, pair) && ice_pair_is_unfinished(pair) && !pair->is_retired && ice_pair_is_better(pair, best))
            return true;
    }
    return false;
}

static void nominate(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair)
{
    pair->is_nominating = true;
    ice_check_send(agent, pair, now, true);
}

void ice_nomination_run(ice_agent_t *agent, peer_time_t now)
{
    agent->nominate_at = PEER_TIME_NEVER;
    if (!agent->is_controlling || !agent->has_remote_parameters || agent->local_parameters.is_lite)
        return;
    ice_pair_t *best = NULL;
    for (size_t i = 0; i < agent->pair_count; i++) {
        ice_pair_t *pair = agent->pairs[i];
        if (!ice_pair_is_current(agent, pair))
            continue;
        if (pair->is_nominating && !pair->is_suspect)
            return;
        if (ice_pair_is_valid(pair, now) && !pair->is_suspect && (best == NULL || ice_pair_is_better(pair, best)))
            best = pair;
    }
    if (best == NULL)
        return;
    if (agent->is_concluded) {
        if (may_replace(agent, best))
            nominate(agent, now, best);
        return;
    }
    peer_time_t patient_until = agent->first_valid_at + patience_for(best);
    if ((is_better_unfinished(agent, best) || may_be_surpassed(agent, best)) && now < patient_until) {
        agent->nominate_at = patient_until;
        return;
    }
    nominate(agent, now, best);
}

/* RFC 8445 §8.1.2: ordinary checks end. Pairs stay known, as the peer may still check them. Ones that could save a relay go on, where the
 * peer takes a later nomination: a slow or lossy path is no reason to pay for a relay during the whole call. */
static void conclude(ice_agent_t *agent, const ice_pair_t *nominated)
{
    agent->is_concluded = true;
    for (size_t i = 0; i < agent->pair_count; i++) {
        ice_pair_t *pair = agent->pairs[i];
        if (!ice_pair_is_unfinished(pair) || pair->is_remote_nominated ||
            (agent->remote_renominates && ice_pair_relays(pair) < ice_pair_relays(nominated)))
            continue;
        ice_check_list_untrigger(agent, pair);
        ice_transaction_cancel_pair(agent, pair);
        ice_link_drop(agent, pair->link);
        pair->state = ICE_PAIR_FROZEN;
        pair->is_retired = true;
    }
}

static void set_nominated(ice_agent_t *agent, ice_pair_t *pair, peer_time_t now, uint32_t nomination)
{
    pair->nominated_at = now;
    pair->nomination = nomination;
    pair->is_remote_nominated = pair->is_nominating = false;
    if (pair->is_nominated)
        return;
    pair->is_nominated = true;
    LOG_DEBUG("ice", agent->connection, "pair %u nominated", (unsigned)pair->id);
    conclude(agent, pair);
}

void ice_nomination_on_use_candidate(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair, uint32_t nomination)
{
    if (nomination != 0 && nomination < agent->last_nomination)
        return; /* overtaken by a later one */
    if (nomination != 0)
        agent->last_nomination = nomination;
    pair->pending_nomination = nomination;
    if (ice_pair_is_valid(pair, now))
        set_nominated(agent, pair, now, nomination);
    else if (!pair->is_consent_lost)
        pair->is_remote_nominated = true; /* as soon as our own check is answered (§7.3.1.5) */
}

void ice_nomination_on_success(ice_agent_t *agent, peer_time_t now, ice_pair_t *pair, const ice_transaction_t *transaction)
{
    if (!agent->is_controlling && pair->is_remote_nominated)
        set_nominated(agent, pair, now, pair->pending_nomination);
    else if (agent->is_controlling && transaction->is_nominating && pair->is_nominating) /* the last one is the one that counts for us */
        set_nominated(agent, pair, now, transaction->nomination != 0 ? transaction->nomination : ++agent->last_nomination);
}

static bool is_preferred(const ice_agent_t *agent, const ice_pair_t *a, const ice_pair_t *b)
{
    if (a->is_suspect != b->is_suspect)
        return b->is_suspect;
    /* After a restart the old pair is used until the new session has its own (RFC 8445 §12.1). */
    if (a->generation != b->generation)
        return ice_pair_is_current(agent, a) ? a->is_nominated : !b->is_nominated;
    if (a->is_nominated != b->is_nominated)
        return a->is_nominated;
    if (a->is_nominated && a->nomination != b->nomination)
        return a->nomination > b->nomination;
    if (a->is_nominated && a->nominated_at > b->nominated_at + NOMINATION_LAPSE)
        return true;
    if (a->is_nominated && b->nominated_at > a->nominated_at + NOMINATION_LAPSE)
        return false;
    return a->is_nominated ? a->priority > b->priority : ice_pair_is_better(a, b); /* §8.1.1: of several nominated ones the highest */
}

/* W3C's "failed" is due when consent would have ended; other pairs have that long. Before a nomination there is nothing to lose. */
void ice_nomination_lose(ice_agent_t *agent)
{
    if (agent->is_concluded || !agent->has_remote_parameters)
        agent->fail_at = agent->selected->consent_expires;
}

void ice_nomination_select(ice_agent_t *agent, peer_time_t now)
{
    ice_pair_t *best = NULL;
    for (size_t i = 0; i < agent->pair_count; i++)
        if (ice_pair_is_valid(agent->pairs[i], now) && (best == NULL || is_preferred(agent, agent->pairs[i], best)))
            best = agent->pairs[i];
    if (best == agent->selected)
        return;
    if (agent->selected != NULL) {
        agent->selected->questions = 0;
        if (agent->selected->is_suspect && best != NULL && ice_pair_is_current(agent, agent->selected) && !agent->local_parameters.is_lite)
            ice_check_list_trigger(agent, agent->selected); /* it may only have lost a few datagrams */
        if (best == NULL)
            ice_nomination_lose(agent);
    }
    agent->selected = best;
    agent->send_path = best != NULL ? &best->path : NULL;
    agent->is_disconnected = false;
    if (best == NULL)
        return;
    agent->fail_at = PEER_TIME_NEVER;
    ice_consent_begin(agent, best, now);
    if (best->base->kind == ICE_BASE_RELAY && best->base->query != NULL)
        turn_bind_channel(best->base->query->turn, now, &best->path.remote);
    if (ice_pair_is_current(agent, best) && best->is_nominated)
        ice_previous_release_pair(agent);
    agent->selected_pair_changes++;
    if (log_enabled(PEER_LOG_INFO)) {
        char local[ADDRESS_TEXT_SIZE], remote[ADDRESS_TEXT_SIZE];
        LOG_INFO("ice", agent->connection, "selected %s %s -> %s %s%s",
                 ice_candidate_type_name((ice_candidate_type_t)best->local->view.type), address_text(&best->path.local, local),
                 ice_candidate_type_name((ice_candidate_type_t)best->remote->view.type), address_text(&best->path.remote, remote),
                 best->is_nominated ? ", nominated" : "");
    }
    ice_output_push(agent, &(ice_output_t){.kind = ICE_OUTPUT_SELECTED_PAIR,
                                           .selected = {.local = &best->local->view,
                                                        .remote = &best->remote->view,
                                                        .path = best->path,
                                                        .is_nominated = best->is_nominated}});
}
