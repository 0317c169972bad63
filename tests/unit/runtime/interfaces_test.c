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
