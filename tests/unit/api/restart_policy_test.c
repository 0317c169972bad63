/* When a negotiator restarts ICE by itself. */
#include "api/restart_policy.h"

#include "test.h"

#include <peer/connection.h>

#define NOW (100 * PEER_SECOND)

static restart_policy_t connected(bool is_polite)
{
    restart_policy_t policy;
    restart_policy_init(&policy, is_polite);
    restart_policy_on_state(&policy, NOW, PEER_ICE_CONNECTION_CHECKING);
    restart_policy_on_state(&policy, NOW, PEER_ICE_CONNECTION_CONNECTED);
    CHECK_INT(policy.restart_at, PEER_TIME_NEVER);
    return policy;
}

TEST(an_interruption_is_given_time_to_end_by_itself)
{
    restart_policy_t policy = connected(false);
    restart_policy_on_state(&policy, NOW, PEER_ICE_CONNECTION_DISCONNECTED);
    CHECK_INT(policy.restart_at, NOW + RESTART_PATIENCE);
    CHECK(!restart_policy_is_due(&policy, NOW + RESTART_PATIENCE - 1, false));
    restart_policy_on_state(&policy, NOW + 1, PEER_ICE_CONNECTION_CONNECTED);
    CHECK_INT(policy.restart_at, PEER_TIME_NEVER);
    CHECK(!restart_policy_is_due(&policy, NOW + RESTART_PATIENCE, false));
    restart_policy_on_state(&policy, NOW + 2, PEER_ICE_CONNECTION_DISCONNECTED);
    CHECK(restart_policy_is_due(&policy, NOW + 2 + RESTART_PATIENCE, false));
    CHECK(!restart_policy_is_due(&policy, NOW + 3 + RESTART_PATIENCE, false));
}

TEST(a_failure_is_answered_at_once_and_the_polite_side_lets_the_other_begin)
{
    restart_policy_t impolite = connected(false), polite = connected(true);
    restart_policy_on_state(&impolite, NOW, PEER_ICE_CONNECTION_FAILED);
    restart_policy_on_state(&polite, NOW, PEER_ICE_CONNECTION_FAILED);
    CHECK(restart_policy_is_due(&impolite, NOW, false));
    CHECK(!restart_policy_is_due(&polite, NOW, false));
    restart_policy_on_state(&polite, NOW + 1, PEER_ICE_CONNECTION_CHECKING); /* the other's restart has come */
    CHECK_INT(polite.restart_at, PEER_TIME_NEVER);
    restart_policy_on_state(&polite, NOW + 2, PEER_ICE_CONNECTION_FAILED); /* or it has not */
    CHECK(restart_policy_is_due(&polite, NOW + 2 + RESTART_POLITENESS, false));
}

TEST(there_is_one_restart_at_a_time_and_a_failure_is_tried_again)
{
    restart_policy_t policy = connected(false);
    restart_policy_on_state(&policy, NOW, PEER_ICE_CONNECTION_FAILED);
    CHECK(restart_policy_is_due(&policy, NOW, false));
    CHECK_INT(policy.restart_at, NOW + RESTART_INTERVAL); /* should no state follow */
    restart_policy_on_state(&policy, NOW + 1, PEER_ICE_CONNECTION_CHECKING);
    CHECK_INT(policy.restart_at, PEER_TIME_NEVER);
    restart_policy_on_state(&policy, NOW + 2, PEER_ICE_CONNECTION_FAILED);
    CHECK_INT(policy.restart_at, NOW + RESTART_INTERVAL);
    CHECK(!restart_policy_is_due(&policy, NOW + RESTART_INTERVAL, true)); /* an offer is out */
    CHECK(!restart_policy_is_due(&policy, NOW + RESTART_INTERVAL + 1, false));
    CHECK(restart_policy_is_due(&policy, NOW + 2 * RESTART_INTERVAL, false));
}

TEST(a_new_network_is_used_at_once_in_a_call_and_by_the_checks_before_it)
{
    restart_policy_t policy;
    restart_policy_init(&policy, true);
    restart_policy_on_state(&policy, NOW, PEER_ICE_CONNECTION_CHECKING);
    restart_policy_on_network(&policy, NOW);
    CHECK_INT(policy.restart_at, PEER_TIME_NEVER);
    restart_policy_on_state(&policy, NOW, PEER_ICE_CONNECTION_CONNECTED);
    restart_policy_on_network(&policy, NOW + 1);
    CHECK(restart_policy_is_due(&policy, NOW + 1, false));
    restart_policy_on_network(&policy, NOW + 2);
    CHECK_INT(policy.restart_at, NOW + 1 + RESTART_NETWORK_INTERVAL);
}

TEST(a_path_whose_own_end_is_gone_is_not_waited_for_also_by_the_polite_side)
{
    restart_policy_t policy = connected(true);
    restart_policy_on_path_gone(&policy, NOW); /* it has another already */
    CHECK_INT(policy.restart_at, PEER_TIME_NEVER);
    restart_policy_on_state(&policy, NOW, PEER_ICE_CONNECTION_DISCONNECTED);
    restart_policy_on_path_gone(&policy, NOW);
    CHECK(!restart_policy_is_due(&policy, NOW + RESTART_GONE_PATIENCE - 1, false));
    CHECK(restart_policy_is_due(&policy, NOW + RESTART_GONE_PATIENCE, false));
    restart_policy_on_state(&policy, NOW + RESTART_GONE_PATIENCE + 1, PEER_ICE_CONNECTION_DISCONNECTED);
    restart_policy_on_path_gone(&policy, NOW + RESTART_GONE_PATIENCE + 1);
    CHECK_INT(policy.restart_at, NOW + RESTART_GONE_PATIENCE + RESTART_NETWORK_INTERVAL);
}

TEST(it_can_be_turned_off_and_on_again)
{
    restart_policy_t policy = connected(false);
    restart_policy_on_state(&policy, NOW, PEER_ICE_CONNECTION_FAILED);
    restart_policy_set_off(&policy, true);
    CHECK(!restart_policy_is_due(&policy, NOW, false));
    restart_policy_on_state(&policy, NOW + 1, PEER_ICE_CONNECTION_DISCONNECTED);
    restart_policy_on_network(&policy, NOW + 1);
    CHECK_INT(policy.restart_at, PEER_TIME_NEVER);
    restart_policy_set_off(&policy, false);
    restart_policy_on_state(&policy, NOW + 2, PEER_ICE_CONNECTION_FAILED);
    CHECK(restart_policy_is_due(&policy, NOW + 2, false));
}
