/* The tests' transactions: each sends a Binding request until its answer comes or its patience ends (RFC 8489 §6.2.1, more hastily: here
 * silence is an answer too). What answers mean together is told by discovery.c, judge.c and lifetime.c. */
#include "nat/discovery.h"

#include <string.h>

static unsigned transmissions_of(const nat_test_t *test)
{
    return test->is_patient ? NAT_REACH_TRANSMISSIONS : NAT_TEST_TRANSMISSIONS;
}

static peer_time_t wait_of(const nat_discovery_t *discovery, const nat_test_t *test)
{
    bool is_last = test->transmissions == transmissions_of(test);
    if (test->is_patient)
        return is_last ? NAT_REACH_LAST_WAIT : NAT_REACH_RTO << (test->transmissions - 1);
    return is_last ? discovery->last_wait : discovery->interval;
}

static void transmit(nat_discovery_t *discovery, peer_time_t now, nat_test_t *test)
{
    const nat_socket_t *sender = &discovery->sockets[test->sender];
    if (test->transmissions++ == 0)
        test->first_sent = now;
    test->last_sent = now;
    test->next_at = now + wait_of(discovery, test);
    packet_t *packet = packet_new(discovery->pool, PACKET_SMALL);
    if (packet == NULL)
        return; /* as if the network had lost it */
    stun_builder_t builder;
    stun_build_begin(&builder, packet->data, PACKET_SMALL, STUN_REQUEST, STUN_BINDING, test->id);
    if (test->change != 0)
        stun_build_u32(&builder, STUN_CHANGE_REQUEST, test->change);
    if (test->response_port != 0)
        stun_build_u32(&builder, STUN_RESPONSE_PORT, (uint32_t)test->response_port << 16); /* RFC 5780 §7.5: then padding */
    packet->length = stun_build_end(&builder);
    packet->time = now;
    packet->path = (path_t){.socket = sender->number, .protocol = TRANSPORT_UDP, .local = sender->local, .remote = test->destination};
    packet_queue_push(&discovery->queue, packet);
}

int nat_test_begin(nat_discovery_t *discovery, peer_time_t now, const nat_test_t *test)
{
    if (discovery->test_count == NAT_MAX_TESTS)
        return -1;
    nat_test_t *begun = &discovery->tests[discovery->test_count];
    *begun = *test;
    begun->is_patient = test->kind == NAT_TEST_REACH;
    random_fill(&discovery->random, begun->id, sizeof begun->id);
    transmit(discovery, now, begun);
    return (int)discovery->test_count++;
}

void nat_test_hasten(nat_discovery_t *discovery, peer_time_t now, nat_test_t *test)
{
    test->is_patient = false;
    test->transmissions = 0;
    transmit(discovery, now, test);
}

void nat_test_run(nat_discovery_t *discovery, peer_time_t now)
{
    for (size_t i = 0; i < discovery->test_count; i++) {
        nat_test_t *test = &discovery->tests[i];
        if (test->state != NAT_TEST_ASKED || now < test->next_at)
            continue;
        if (test->transmissions < transmissions_of(test))
            transmit(discovery, now, test);
        else
            test->state = NAT_TEST_UNANSWERED;
    }
}

peer_time_t nat_test_deadline(const nat_discovery_t *discovery)
{
    peer_time_t deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < discovery->test_count; i++)
        if (discovery->tests[i].state == NAT_TEST_ASKED)
            deadline = time_earlier(deadline, discovery->tests[i].next_at);
    return deadline;
}

/* OTHER-ADDRESS (RFC 5780 §7.4) makes us send where the server says: not to ourselves, and nowhere that a server cannot be. */
static bool take_other(const nat_discovery_t *discovery, const nat_test_t *test, const stun_message_t *message, address_t *other)
{
    const address_t *server = &test->destination;
    if (!stun_get_address(message, STUN_OTHER_ADDRESS, other) || !nat_address_is_plausible(other, server))
        return false;
    return !address_ip_equal(other, server) && other->port != server->port && !address_ip_equal(other, &test->mapped) &&
           !address_ip_equal(other, &discovery->sockets[test->receiver].local);
}

static nat_test_state_t take_answer(const nat_discovery_t *discovery, nat_test_t *test, const stun_message_t *message)
{
    if (message->class != STUN_SUCCESS_RESPONSE)
        return NAT_TEST_REFUSED;
    if (test->change != 0 || test->response_port != 0)
        return NAT_TEST_ANSWERED; /* that it came is all */
    address_t other;
    if (!stun_get_mapped_address(message, &test->mapped) || !nat_mapped_is_usable(&test->mapped, &discovery->sockets[test->receiver].local))
        return NAT_TEST_REFUSED;
    if (take_other(discovery, test, message, &other))
        test->other = other;
    return NAT_TEST_ANSWERED;
}

static nat_test_t *find(nat_discovery_t *discovery, const uint8_t *id)
{
    for (size_t i = 0; i < discovery->test_count; i++)
        if (memcmp(discovery->tests[i].id, id, STUN_TRANSACTION_ID_SIZE) == 0)
            return &discovery->tests[i];
    return NULL;
}

/* Answers have no integrity: who knows the transaction's number, and sends from where the answer must come, is believed. */
void nat_test_on_message(nat_discovery_t *discovery, peer_time_t now, size_t socket, const address_t *source, const stun_message_t *message)
{
    nat_test_t *test = find(discovery, message->transaction_id);
    if (test == NULL || test->state != NAT_TEST_ASKED || message->method != STUN_BINDING)
        return;
    if (test->kind == NAT_TEST_HAIRPIN) {
        if (message->class == STUN_REQUEST && socket == test->receiver)
            test->state = NAT_TEST_ANSWERED;
        return;
    }
    if (message->class != STUN_SUCCESS_RESPONSE && message->class != STUN_ERROR_RESPONSE)
        return;
    if (socket == test->receiver && address_equal(source, &test->source)) {
        test->state = take_answer(discovery, test, message);
        test->answered_at = now;
    } else if (socket == test->sender && address_equal(source, &test->destination)) {
        test->state = NAT_TEST_REFUSED; /* an error, or a server that knows no CHANGE-REQUEST or RESPONSE-PORT */
    }
}
