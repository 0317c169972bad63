/* The simulated boxes behave as RFC 4787 says what it names. */
#include "nat.h"
#include "test.h"

static const address_t inside = {.family = ADDRESS_IPV4, .port = 5000, .bytes = {192, 168, 1, 2}};
static const address_t outside = {.family = ADDRESS_IPV4, .bytes = {198, 51, 100, 1}};
static const address_t x1 = {.family = ADDRESS_IPV4, .port = 1000, .bytes = {203, 0, 113, 1}};
static const address_t x1_other_port = {.family = ADDRESS_IPV4, .port = 1001, .bytes = {203, 0, 113, 1}};
static const address_t x2 = {.family = ADDRESS_IPV4, .port = 1000, .bytes = {203, 0, 113, 2}};

static address_t out(nat_t *nat, peer_time_t now, const address_t *to)
{
    address_t from = inside;
    CHECK(nat_outbound(nat, now, TRANSPORT_UDP, &from, to));
    return from;
}

static bool in(nat_t *nat, peer_time_t now, const address_t *from, address_t to)
{
    return nat_inbound(nat, now, TRANSPORT_UDP, from, &to) && address_equal(&to, &inside);
}

TEST(mapping_is_reused_for_what_its_kind_says) /* §4.1 */
{
    for (int kind = NAT_ENDPOINT_INDEPENDENT; kind <= NAT_ADDRESS_AND_PORT_DEPENDENT; kind++) {
        nat_t *nat = nat_new(&(nat_options_t){.mapping = (nat_dependence_t)kind, .ports = NAT_PORTS_RANDOM}, &outside, 1);
        address_t first = out(nat, 0, &x1), again = out(nat, 0, &x1), other_port = out(nat, 0, &x1_other_port), other = out(nat, 0, &x2);
        CHECK(address_ip_equal(&first, &outside));
        CHECK(address_equal(&first, &again));
        CHECK_INT(address_equal(&first, &other_port), kind != NAT_ADDRESS_AND_PORT_DEPENDENT);
        CHECK_INT(address_equal(&first, &other), kind == NAT_ENDPOINT_INDEPENDENT);
        nat_free(nat);
    }
}

TEST(filtering_lets_in_whom_its_kind_says) /* §5 */
{
    for (int kind = NAT_ENDPOINT_INDEPENDENT; kind <= NAT_ADDRESS_AND_PORT_DEPENDENT; kind++) {
        nat_t *nat = nat_new(&(nat_options_t){.filtering = (nat_dependence_t)kind}, &outside, 1);
        address_t unused = outside;
        unused.port = 5000;
        CHECK(!in(nat, 0, &x1, unused)); /* nothing was sent: nothing comes in */
        address_t mapped = out(nat, 0, &x1);
        CHECK(in(nat, 0, &x1, mapped));
        CHECK_INT(in(nat, 0, &x1_other_port, mapped), kind != NAT_ADDRESS_AND_PORT_DEPENDENT);
        CHECK_INT(in(nat, 0, &x2, mapped), kind == NAT_ENDPOINT_INDEPENDENT);
        nat_free(nat);
    }
}

TEST(ports_are_preserved_where_they_are_free_sequential_or_random) /* §4.2.1 */
{
    for (int ports = NAT_PORTS_PRESERVED; ports <= NAT_PORTS_RANDOM; ports++) {
        nat_t *nat = nat_new(&(nat_options_t){.mapping = NAT_ADDRESS_AND_PORT_DEPENDENT, .ports = (nat_ports_t)ports}, &outside, 1);
        address_t first = out(nat, 0, &x1), second = out(nat, 0, &x2);
        CHECK_INT(first.port == inside.port, ports == NAT_PORTS_PRESERVED);
        CHECK(second.port != first.port);
        CHECK_INT(second.port == first.port + 1, ports == NAT_PORTS_SEQUENTIAL);
        nat_free(nat);
    }
}

TEST(a_mapping_lives_by_outbound_packets_alone) /* §4.3 REQ-6 */
{
    nat_t *nat = nat_new(&(nat_options_t){.timeout_us = 30 * PEER_SECOND, .ports = NAT_PORTS_RANDOM}, &outside, 1);
    address_t mapped = out(nat, 0, &x1);
    out(nat, 20 * PEER_SECOND, &x1);
    CHECK(in(nat, 49 * PEER_SECOND, &x1, mapped)); /* which refreshes nothing */
    CHECK(!in(nat, 50 * PEER_SECOND, &x1, mapped));
    address_t next = out(nat, 50 * PEER_SECOND, &x1);
    CHECK(!address_equal(&next, &mapped));
    nat_free(nat);
}

TEST(a_permission_of_a_mapping_that_lives_ends_alone)
{
    nat_t *nat = nat_new(&(nat_options_t){.timeout_us = 30 * PEER_SECOND, .filtering = NAT_ADDRESS_DEPENDENT}, &outside, 1);
    address_t mapped = out(nat, 0, &x1);
    for (int i = 1; i <= 4; i++)
        out(nat, i * 10 * PEER_SECOND, &x2);
    CHECK(!in(nat, 40 * PEER_SECOND, &x1, mapped));
    CHECK(in(nat, 40 * PEER_SECOND, &x2, mapped));
    nat_free(nat);
}

TEST(a_box_that_was_restarted_knows_nothing_and_maps_anew)
{
    for (int ports = NAT_PORTS_PRESERVED; ports <= NAT_PORTS_RANDOM; ports++) {
        nat_t *nat = nat_new(&(nat_options_t){.ports = (nat_ports_t)ports}, &outside, 1);
        address_t mapped = out(nat, 0, &x1);
        nat_forget(nat);
        CHECK(!in(nat, 0, &x1, mapped));
        address_t next = out(nat, 0, &x1);
        CHECK(!address_equal(&next, &mapped));
        CHECK(in(nat, 0, &x1, next));
        nat_free(nat);
    }
}

TEST(udp_and_tcp_are_mapped_and_blocked_apart)
{
    nat_t *nat = nat_new(&(nat_options_t){.blocks_udp = true, .only_tcp_port = 443}, &outside, 1);
    address_t from = inside, https = x1;
    https.port = 443;
    CHECK(!nat_outbound(nat, 0, TRANSPORT_UDP, &from, &https));
    CHECK(!nat_outbound(nat, 0, TRANSPORT_TCP, &from, &x1));
    CHECK(address_equal(&from, &inside));
    CHECK(nat_outbound(nat, 0, TRANSPORT_TCP, &from, &https));
    CHECK(!in(nat, 0, &https, from));
    CHECK(nat_inbound(nat, 0, TRANSPORT_TCP, &https, &from));
    CHECK(address_equal(&from, &inside));
    nat_free(nat);
}

TEST(a_firewall_filters_and_leaves_addresses_alone_and_so_does_every_box_with_ipv6)
{
    for (int i = 0; i < 2; i++) {
        nat_t *nat = nat_new(&(nat_options_t){.is_firewall = i == 0, .filtering = NAT_ADDRESS_AND_PORT_DEPENDENT}, &outside, 1);
        address_t host, far, from;
        address_parse(&host, i == 0 ? "198.51.100.2" : "2001:db8::2", 5000);
        address_parse(&far, i == 0 ? "203.0.113.1" : "2001:db8:1::2", 1000);
        from = host;
        CHECK(!nat_inbound(nat, 0, TRANSPORT_UDP, &far, &from));
        CHECK(nat_outbound(nat, 0, TRANSPORT_UDP, &from, &far));
        CHECK(address_equal(&from, &host));
        CHECK(nat_inbound(nat, 0, TRANSPORT_UDP, &far, &from));
        CHECK(address_equal(&from, &host));
        nat_free(nat);
    }
}

TEST(a_mapped_port_is_for_everybody_and_is_what_the_outside_sees)
{
    nat_t *nat = nat_new(
        &(nat_options_t){.mapping = NAT_ADDRESS_AND_PORT_DEPENDENT, .filtering = NAT_ADDRESS_AND_PORT_DEPENDENT, .maps_on_request = true},
        &outside, 1);
    address_t mapped, again;
    CHECK(nat_map(nat, 0, &inside, &mapped));
    CHECK(nat_map(nat, 0, &inside, &again));
    CHECK(address_equal(&mapped, &again));
    CHECK(in(nat, 0, &x2, mapped));
    again = out(nat, 0, &x1);
    CHECK(address_equal(&mapped, &again));
    nat_free(nat);
    nat = nat_new(&(nat_options_t){0}, &outside, 1);
    CHECK(!nat_map(nat, 0, &inside, &mapped));
    nat_free(nat);
}
