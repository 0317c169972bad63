/* How long the NAT keeps a binding that nothing uses (RFC 5780 §4.6). The server is asked from the second socket to answer to the port of a
 * binding that was left alone for a while. The RFC halves an interval with one binding at a time; several at once, each left alone longer
 * than the one before, take no longer than the last of them and divide the interval by their number. */
#include "nat/discovery.h"

#define PRECISE_ENOUGH (1 * PEER_SECOND)
#define PRECISE_ENOUGH_PART 20 /* or this part of what is measured */

/* How long after its wait a probe may take to be decided. */
static peer_time_t margin(const nat_discovery_t *discovery)
{
    return (NAT_TEST_TRANSMISSIONS + 1) * discovery->interval + discovery->last_wait;
}

static void begin_round(nat_discovery_t *discovery)
{
    discovery->lifetime.are_bound = false;
    discovery->test_count = discovery->lifetime.test_first; /* what comes late for a round that is over finds nothing */
    for (size_t i = 0; i < NAT_LIFETIME_PROBES; i++) {
        nat_probe_t *probe = &discovery->lifetime.probes[i];
        probe->bind = probe->alive = -1;
        nat_socket_close(discovery, NAT_SOCKET_PROBES + i); /* a fresh binding each, with no history */
        discovery->sockets[NAT_SOCKET_PROBES + i].state = NAT_SOCKET_WANTED;
    }
}

void nat_lifetime_begin(nat_discovery_t *discovery, peer_time_t now)
{
    nat_lifetime_t *lifetime = &discovery->lifetime;
    *lifetime = (nat_lifetime_t){.ends_at = now + discovery->lifetime_max,
                                 .low = -1,
                                 .high = PEER_TIME_NEVER,
                                 .round_low = -1,
                                 .round_high = PEER_TIME_NEVER,
                                 .test_first = discovery->test_count};
    peer_time_t longest = discovery->lifetime_max - margin(discovery);
    for (size_t i = 0; i < NAT_LIFETIME_PROBES; i++) /* the first at once: does the server do what RESPONSE-PORT asks for? */
        lifetime->probes[i].wait = longest > 0 ? longest * (peer_time_t)i / (NAT_LIFETIME_PROBES - 1) : 0;
    begin_round(discovery);
}

static bool are_sockets_open(const nat_discovery_t *discovery)
{
    for (size_t i = NAT_SOCKET_PROBES; i < NAT_MAX_SOCKETS; i++)
        if (discovery->sockets[i].state == NAT_SOCKET_WANTED || discovery->sockets[i].state == NAT_SOCKET_ASKED)
            return false;
    return true;
}

static void bind_all(nat_discovery_t *discovery, peer_time_t now)
{
    address_t server = nat_primary(discovery)->destination;
    discovery->lifetime.are_bound = true;
    for (uint8_t i = 0; i < NAT_LIFETIME_PROBES; i++) {
        uint8_t socket = (uint8_t)(NAT_SOCKET_PROBES + i);
        if (discovery->sockets[socket].state == NAT_SOCKET_OPEN)
            discovery->lifetime.probes[i].bind = nat_test_begin(
                discovery, now,
                &(nat_test_t){.kind = NAT_TEST_BIND, .sender = socket, .receiver = socket, .destination = server, .source = server});
    }
}

/* When the probe's question is due; PEER_TIME_NEVER: not any more, or the binding is not there yet. */
static peer_time_t due_time(const nat_discovery_t *discovery, const nat_probe_t *probe)
{
    if (probe->bind < 0 || probe->alive >= 0 || discovery->tests[probe->bind].state != NAT_TEST_ANSWERED)
        return PEER_TIME_NEVER;
    return discovery->tests[probe->bind].last_sent + probe->wait;
}

static void ask_due(nat_discovery_t *discovery, peer_time_t now)
{
    address_t server = nat_primary(discovery)->destination;
    for (uint8_t i = 0; i < NAT_LIFETIME_PROBES; i++) {
        nat_probe_t *probe = &discovery->lifetime.probes[i];
        if (now >= due_time(discovery, probe))
            probe->alive = nat_test_begin(discovery, now,
                                          &(nat_test_t){.kind = NAT_TEST_ALIVE,
                                                        .sender = NAT_SOCKET_SECOND,
                                                        .receiver = (uint8_t)(NAT_SOCKET_PROBES + i),
                                                        .destination = server,
                                                        .source = server,
                                                        .response_port = discovery->tests[probe->bind].mapped.port});
    }
}

typedef enum verdict { PENDING, ALIVE, GONE, NOTHING } verdict_t;

static verdict_t judge(const nat_discovery_t *discovery, const nat_probe_t *probe)
{
    if (probe->bind < 0)
        return NOTHING;
    if (probe->alive < 0)
        return discovery->tests[probe->bind].state == NAT_TEST_ASKED || due_time(discovery, probe) != PEER_TIME_NEVER ? PENDING : NOTHING;
    switch (discovery->tests[probe->alive].state) {
    case NAT_TEST_ASKED:
        return PENDING;
    case NAT_TEST_ANSWERED:
        return ALIVE;
    case NAT_TEST_UNANSWERED:
        return GONE;
    case NAT_TEST_REFUSED:
        break;
    }
    return NOTHING;
}

/* Probes are decided from the shortest wait on: what follows one that is gone says nothing new. True when the round is over. */
static bool narrow(nat_discovery_t *discovery)
{
    nat_lifetime_t *lifetime = &discovery->lifetime;
    for (size_t i = 0; i < NAT_LIFETIME_PROBES; i++) {
        const nat_probe_t *probe = &lifetime->probes[i];
        switch (judge(discovery, probe)) {
        case PENDING:
            return false;
        case ALIVE:
            lifetime->low = probe->wait;
            break;
        case GONE:
            lifetime->high = probe->wait;
            return true;
        case NOTHING:
            if (lifetime->low < 0)
                return true; /* the server cannot answer to another port, or there is no binding to ask about */
            break;
        }
    }
    return true;
}

static bool is_precise(const nat_lifetime_t *lifetime)
{
    peer_time_t width = lifetime->high - lifetime->low;
    return width <= PRECISE_ENOUGH || width <= lifetime->low / PRECISE_ENOUGH_PART;
}

static void tell(const nat_lifetime_t *lifetime, nat_result_t *result)
{
    result->lifetime_s = lifetime->low < 0 ? -1 : (int32_t)(lifetime->low / PEER_SECOND);
    result->lifetime_below_s =
        lifetime->low < 0 || lifetime->high == PEER_TIME_NEVER ? -1 : (int32_t)((lifetime->high + PEER_SECOND - 1) / PEER_SECOND);
}

/* Divides what is left of the interval, as far as the time that is left reaches into it. False: that would tell no more. */
static bool begin_next_round(nat_discovery_t *discovery, peer_time_t now)
{
    nat_lifetime_t *lifetime = &discovery->lifetime;
    if (lifetime->low < 0 || lifetime->high == PEER_TIME_NEVER || is_precise(lifetime))
        return false;
    peer_time_t last = time_earlier(lifetime->high, lifetime->ends_at - margin(discovery) - now);
    if (last <= lifetime->low + PRECISE_ENOUGH)
        return false;
    for (size_t i = 0; i < NAT_LIFETIME_PROBES; i++)
        lifetime->probes[i].wait = lifetime->low + (last - lifetime->low) * (peer_time_t)(i + 1) / (NAT_LIFETIME_PROBES + 1);
    begin_round(discovery);
    return true;
}

bool nat_lifetime_run(nat_discovery_t *discovery, peer_time_t now)
{
    nat_lifetime_t *lifetime = &discovery->lifetime;
    if (!are_sockets_open(discovery))
        return false;
    if (!lifetime->are_bound)
        bind_all(discovery, now);
    ask_due(discovery, now);
    if (!narrow(discovery))
        return false;
    tell(lifetime, discovery->result);
    bool has_learnt = lifetime->low != lifetime->round_low || lifetime->high != lifetime->round_high;
    lifetime->round_low = lifetime->low;
    lifetime->round_high = lifetime->high;
    return !has_learnt || !begin_next_round(discovery, now);
}

peer_time_t nat_lifetime_deadline(const nat_discovery_t *discovery)
{
    peer_time_t deadline = PEER_TIME_NEVER;
    for (size_t i = 0; i < NAT_LIFETIME_PROBES && discovery->lifetime.are_bound; i++)
        deadline = time_earlier(deadline, due_time(discovery, &discovery->lifetime.probes[i]));
    return deadline;
}
