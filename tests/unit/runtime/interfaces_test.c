#include "runtime/interfaces.h"

#include "test.h"

#include <linux/if_addr.h>

static interface_address_t ipv6(const char *text, bool is_temporary, uint32_t index)
{
    interface_address_t interface = {.index = index, .is_temporary = is_temporary, .prefix_length = 64};
    CHECK(address_parse(&interface.address, text, 0));
    return interface;
}

TEST(the_host_has_a_loopback_address_and_it_comes_last)
{
    interface_address_t list[INTERFACES_MAX];
    size_t count = interfaces_list(list), loopbacks = 0;
    for (size_t i = 0; i < count; i++) {
        loopbacks += list[i].type == NETWORK_LOOPBACK;
        CHECK(loopbacks == 0 || list[i].type == NETWORK_LOOPBACK);
        CHECK(!address_is_link_local(&list[i].address) && list[i].address.port == 0);
    }
    CHECK(loopbacks != 0);
}

TEST(tentative_ipv6_addresses_are_not_used_and_deprecated_ones_are_known_as_such)
{
    bool is_temporary, is_deprecated;
    CHECK(interfaces_ipv6_flags_usable(IFA_F_PERMANENT, &is_temporary, &is_deprecated) && !is_temporary && !is_deprecated);
    CHECK(interfaces_ipv6_flags_usable(IFA_F_TEMPORARY, &is_temporary, &is_deprecated) && is_temporary && !is_deprecated);
    CHECK(interfaces_ipv6_flags_usable(IFA_F_TEMPORARY | IFA_F_DEPRECATED, &is_temporary, &is_deprecated) && is_deprecated);
    CHECK(!interfaces_ipv6_flags_usable(IFA_F_TENTATIVE, &is_temporary, &is_deprecated));
    CHECK(!interfaces_ipv6_flags_usable(IFA_F_DADFAILED, &is_temporary, &is_deprecated));
}

TEST(a_stable_ipv6_address_yields_to_a_temporary_one_of_its_prefix)
{
    interface_address_t list[] = {ipv6("2001:db8:0:1::1", false, 2), ipv6("2001:db8:0:1:aaaa::2", true, 2),
                                  ipv6("2001:db8:0:2::1", false, 2), ipv6("2001:db8:0:1::3", false, 3)};
    interfaces_prefer_temporary(list, 4);
    CHECK(list[0].is_spare && !list[1].is_spare && !list[2].is_spare && !list[3].is_spare);
}

TEST(a_deprecated_temporary_address_is_no_better_than_a_stable_one)
{
    interface_address_t list[] = {ipv6("2001:db8:0:1::1", false, 2), ipv6("2001:db8:0:1:aaaa::2", true, 2)};
    list[1].is_spare = true;
    interfaces_prefer_temporary(list, 2);
    CHECK(!list[0].is_spare && list[1].is_spare);
}

TEST(an_address_is_on_the_link_of_the_interface_that_has_its_network)
{
    interface_address_t list[2] = {{.index = 2, .prefix_length = 20}, {.index = 3, .prefix_length = 64}};
    address_t address;
    CHECK(address_parse(&list[0].address, "10.1.16.5", 0) && address_parse(&list[1].address, "2001:db8::5", 0));
    static const struct {
        const char *text;
        uint32_t index;
        bool is_on_link;
    } cases[] = {{"10.1.16.9", 2, true},     {"10.1.31.255", 2, true},    {"10.1.32.0", 2, false}, {"10.1.16.9", 3, false},
                 {"2001:db8::9:9", 3, true}, {"2001:db8:1::9", 3, false}, {"fe80::1", 3, true},    {"192.0.2.1", 2, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(address_parse(&address, cases[i].text, 5353));
        CHECK_INT(interfaces_are_on_link(list, 2, cases[i].index, &address), cases[i].is_on_link);
    }
}
