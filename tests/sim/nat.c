#include "nat.h"

#include "base/random.h"

#include <stdlib.h>

#define DEFAULT_TIMEOUT (120 * PEER_SECOND)
#define FIRST_PORT 1024
#define PORT_COUNT (65536 - FIRST_PORT)

/* Whom an inside address has sent to through a mapping, and when last: what filtering goes by. */
typedef struct contact {
    address_t remote;
    peer_time_t last_used;
} contact_t;

typedef struct mapping {
    transport_protocol_t protocol;
    address_t internal, external;
    address_t remote; /* that it was made for; family ADDRESS_NONE: on request, for everybody and for good */
    peer_time_t last_used;
    contact_t *contacts;
    size_t contact_count;
} mapping_t;

struct nat {
    nat_options_t options;
    address_t external;
    random_seeded_t generator;
    mapping_t *mappings;
    size_t mapping_count;
    uint16_t next_port;
    unsigned restarts;
};

nat_t *nat_new(const nat_options_t *options, const address_t *external, uint64_t seed)
{
    nat_t *nat = calloc(1, sizeof *nat);
    nat->options = *options;
    nat->external = *external;
    nat->next_port = 20000;
    if (nat->options.timeout_us == 0)
        nat->options.timeout_us = DEFAULT_TIMEOUT;
    random_seeded_init(&nat->generator, seed);
    return nat;
}

void nat_free(nat_t *nat)
{
    nat_forget(nat);
    free(nat->mappings);
    free(nat);
}

const nat_options_t *nat_options(const nat_t *nat)
{
    return &nat->options;
}

const address_t *nat_external(const nat_t *nat)
{
    return &nat->external;
}

void nat_forget(nat_t *nat)
{
    for (size_t i = 0; i < nat->mapping_count; i++)
        free(nat->mappings[i].contacts);
    nat->mapping_count = 0;
    nat->restarts++;
}

static bool is_same(nat_dependence_t dependence, const address_t *a, const address_t *b)
{
    return dependence == NAT_ENDPOINT_INDEPENDENT || (dependence == NAT_ADDRESS_DEPENDENT ? address_ip_equal(a, b) : address_equal(a, b));
}

static bool translates(const nat_t *nat, const address_t *address)
{
    return !nat->options.is_firewall && address->family == ADDRESS_IPV4;
}

static bool is_fresh(const nat_t *nat, transport_protocol_t protocol, peer_time_t last_used, peer_time_t now)
{
    return protocol == TRANSPORT_TCP || now < last_used + nat->options.timeout_us;
}

static void remove_stale(nat_t *nat, peer_time_t now)
{
    for (size_t i = nat->mapping_count; i-- > 0;) {
        mapping_t *mapping = &nat->mappings[i];
        if (mapping->remote.family == ADDRESS_NONE || is_fresh(nat, mapping->protocol, mapping->last_used, now))
            continue;
        free(mapping->contacts);
        *mapping = nat->mappings[--nat->mapping_count];
    }
}

static mapping_t *find_external(nat_t *nat, transport_protocol_t protocol, const address_t *external)
{
    for (size_t i = 0; i < nat->mapping_count; i++)
        if (nat->mappings[i].protocol == protocol && address_equal(&nat->mappings[i].external, external))
            return &nat->mappings[i];
    return NULL;
}

static mapping_t *find_internal(nat_t *nat, transport_protocol_t protocol, const address_t *internal, const address_t *to)
{
    for (size_t i = 0; i < nat->mapping_count; i++) {
        mapping_t *mapping = &nat->mappings[i];
        bool is_for_all = mapping->remote.family == ADDRESS_NONE || !translates(nat, internal);
        if (mapping->protocol == protocol && address_equal(&mapping->internal, internal) &&
            (is_for_all || is_same(nat->options.mapping, &mapping->remote, to)))
            return mapping;
    }
    return NULL;
}

static address_t free_external(nat_t *nat, transport_protocol_t protocol, const address_t *internal)
{
    address_t external = nat->external;
    external.port = internal->port;
    /* After a restart the same port would be the same mapping as before: a box that preserves ports does not lose any. */
    bool is_preserved = nat->options.ports == NAT_PORTS_PRESERVED && nat->restarts == 0;
    while (!is_preserved || find_external(nat, protocol, &external) != NULL) {
        if (nat->options.ports == NAT_PORTS_RANDOM)
            external.port = (uint16_t)(FIRST_PORT + random_seeded_next(&nat->generator) % PORT_COUNT);
        else
            external.port = nat->next_port = nat->next_port == 65535 ? FIRST_PORT : (uint16_t)(nat->next_port + 1);
        is_preserved = true; /* now it only has to be free */
    }
    return external;
}

static mapping_t *add(nat_t *nat, transport_protocol_t protocol, const address_t *internal, const address_t *to)
{
    mapping_t mapping = {.protocol = protocol, .internal = *internal, .external = *internal};
    if (translates(nat, internal))
        mapping.external = free_external(nat, protocol, internal);
    if (to != NULL)
        mapping.remote = *to;
    nat->mappings = realloc(nat->mappings, (nat->mapping_count + 1) * sizeof *nat->mappings);
    nat->mappings[nat->mapping_count] = mapping;
    return &nat->mappings[nat->mapping_count++];
}

static void note_contact(mapping_t *mapping, peer_time_t now, const address_t *to)
{
    mapping->last_used = now;
    for (size_t i = 0; i < mapping->contact_count; i++) {
        if (address_equal(&mapping->contacts[i].remote, to)) {
            mapping->contacts[i].last_used = now;
            return;
        }
    }
    mapping->contacts = realloc(mapping->contacts, (mapping->contact_count + 1) * sizeof *mapping->contacts);
    mapping->contacts[mapping->contact_count++] = (contact_t){*to, now};
}

bool nat_outbound(nat_t *nat, peer_time_t now, transport_protocol_t protocol, address_t *from, const address_t *to)
{
    if (protocol == TRANSPORT_UDP ? nat->options.blocks_udp : nat->options.only_tcp_port != 0 && to->port != nat->options.only_tcp_port)
        return false;
    remove_stale(nat, now);
    mapping_t *mapping = find_internal(nat, protocol, from, to);
    if (mapping == NULL)
        mapping = add(nat, protocol, from, to);
    note_contact(mapping, now, to);
    *from = mapping->external;
    return true;
}

bool nat_inbound(nat_t *nat, peer_time_t now, transport_protocol_t protocol, const address_t *from, address_t *to)
{
    if (protocol == TRANSPORT_UDP && nat->options.blocks_udp)
        return false;
    remove_stale(nat, now);
    const mapping_t *mapping = find_external(nat, protocol, to);
    if (mapping == NULL)
        return false;
    bool is_welcome = mapping->remote.family == ADDRESS_NONE;
    for (size_t i = 0; i < mapping->contact_count && !is_welcome; i++)
        is_welcome = is_same(nat->options.filtering, &mapping->contacts[i].remote, from) &&
                     is_fresh(nat, protocol, mapping->contacts[i].last_used, now);
    if (is_welcome)
        *to = mapping->internal;
    return is_welcome;
}

bool nat_map(nat_t *nat, peer_time_t now, const address_t *internal, address_t *external)
{
    if (!nat->options.maps_on_request || !translates(nat, internal))
        return false;
    remove_stale(nat, now);
    for (size_t i = 0; i < nat->mapping_count; i++) {
        if (nat->mappings[i].remote.family == ADDRESS_NONE && address_equal(&nat->mappings[i].internal, internal)) {
            *external = nat->mappings[i].external;
            return true;
        }
    }
    *external = add(nat, TRANSPORT_UDP, internal, NULL)->external;
    return true;
}
