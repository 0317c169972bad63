#include "runtime/address_policy.h"

#include "test.h"

#define ETHERNET 2
#define WIFI 3
#define LOOPBACK 1

static interface_address_t on(uint32_t index, const char *text)
{
    interface_address_t interface = {.index = index,
                                     .type = index == LOOPBACK ? NETWORK_LOOPBACK
                                             : index == WIFI   ? NETWORK_WIFI
                                                               : NETWORK_ETHERNET};
    CHECK(address_parse(&interface.address, text, 0));
    return interface;
}

static interface_address_t spare(interface_address_t interface)
{
    interface.is_spare = true;
    return interface;
}

static default_sources_t sources_of(const char *ipv4, const char *ipv6)
{
    default_sources_t sources = {0};
    CHECK(ipv4 == NULL || address_parse(&sources.ipv4, ipv4, 0));
    CHECK(ipv6 == NULL || address_parse(&sources.ipv6, ipv6, 0));
    return sources;
}

/* The selected addresses as one text. */
static const char *selection(const loop_network_t *network, default_sources_t sources, const interface_address_t *list, size_t count)
{
    static char text[INTERFACES_MAX * ADDRESS_TEXT_SIZE];
    char one[ADDRESS_TEXT_SIZE];
    const interface_address_t *selected[INTERFACES_MAX];
    size_t selected_count = address_policy_select(network, &sources, list, count, selected);
    text[0] = '\0';
    for (size_t i = 0; i < selected_count; i++) {
        strcat(text, i != 0 ? " " : "");
        strcat(text, address_ip_text(&selected[i]->address, one));
    }
    return text;
}

static size_t host(interface_address_t list[])
{
    size_t count = 0;
    list[count++] = on(ETHERNET, "192.0.2.1");
    list[count++] = on(ETHERNET, "10.0.0.1");
    list[count++] = on(ETHERNET, "fd00::1");
    list[count++] = spare(on(ETHERNET, "2001:db8:1::1"));
    list[count++] = on(ETHERNET, "2001:db8:1::aaaa");
    list[count++] = on(WIFI, "198.51.100.1");
    list[count++] = on(WIFI, "2001:db8:2::1");
    list[count++] = on(LOOPBACK, "127.0.0.1");
    list[count++] = on(LOOPBACK, "::1");
    return count;
}

TEST(by_default_all_addresses_are_used_but_spare_ones_and_loopback)
{
    interface_address_t list[INTERFACES_MAX];
    size_t count = host(list);
    const loop_network_t network = {.loopback = LOOP_LOOPBACK_IF_ALONE};
    CHECK_TEXT(selection(&network, sources_of(NULL, NULL), list, count),
               "192.0.2.1 10.0.0.1 fd00::1 2001:db8:1::aaaa 198.51.100.1 2001:db8:2::1");
}

TEST(loopback_is_used_when_alone_always_or_never)
{
    interface_address_t list[INTERFACES_MAX];
    size_t count = host(list);
    loop_network_t network = {.loopback = LOOP_LOOPBACK_ALWAYS, .without_ipv6 = true};
    CHECK_TEXT(selection(&network, sources_of(NULL, NULL), list, count), "192.0.2.1 10.0.0.1 198.51.100.1 127.0.0.1");
    network.loopback = LOOP_LOOPBACK_IF_ALONE;
    CHECK_TEXT(selection(&network, sources_of(NULL, NULL), list + 7, 2), "127.0.0.1");
    network.without_ipv6 = false;
    CHECK_TEXT(selection(&network, sources_of(NULL, NULL), list + 7, 2), "127.0.0.1 ::1");
    network.loopback = LOOP_LOOPBACK_NEVER;
    CHECK_TEXT(selection(&network, sources_of(NULL, NULL), list + 7, 2), "");
}

TEST(mode_2_uses_the_addresses_of_the_interface_that_the_default_route_goes_through)
{
    interface_address_t list[INTERFACES_MAX];
    size_t count = host(list);
    loop_network_t network = {.address_policy = LOOP_ADDRESSES_DEFAULT_ROUTE_AND_PRIVATE};
    CHECK_TEXT(selection(&network, sources_of("192.0.2.1", NULL), list, count), "192.0.2.1 10.0.0.1 fd00::1 2001:db8:1::aaaa");
    CHECK_TEXT(selection(&network, sources_of("198.51.100.1", "2001:db8:2::1"), list, count), "198.51.100.1 2001:db8:2::1");
    network.without_ipv4 = true;
    CHECK_TEXT(selection(&network, sources_of("192.0.2.1", NULL), list, count), "fd00::1 2001:db8:1::aaaa");
}

TEST(mode_3_uses_one_address_of_each_family)
{
    interface_address_t list[INTERFACES_MAX];
    size_t count = host(list);
    const loop_network_t network = {.address_policy = LOOP_ADDRESSES_DEFAULT_ROUTE};
    CHECK_TEXT(selection(&network, sources_of("10.0.0.1", "2001:db8:2::1"), list, count), "10.0.0.1 2001:db8:2::1");
    CHECK_TEXT(selection(&network, sources_of(NULL, "2001:db8:1::1"), list, count),
               "2001:db8:1::1"); /* the kernel's choice, spare or not */
}

TEST(without_a_default_route_modes_2_and_3_show_nothing_of_the_host)
{
    interface_address_t list[INTERFACES_MAX];
    size_t count = host(list);
    loop_network_t network = {.address_policy = LOOP_ADDRESSES_DEFAULT_ROUTE_AND_PRIVATE, .loopback = LOOP_LOOPBACK_NEVER};
    CHECK_TEXT(selection(&network, sources_of(NULL, NULL), list, count), "");
    network.address_policy = LOOP_ADDRESSES_DEFAULT_ROUTE;
    CHECK_TEXT(selection(&network, sources_of(NULL, NULL), list, count), "");
    network.loopback = LOOP_LOOPBACK_IF_ALONE;
    CHECK_TEXT(selection(&network, sources_of(NULL, NULL), list, count), "127.0.0.1 ::1");
}
