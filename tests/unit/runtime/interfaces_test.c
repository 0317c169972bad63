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

TEST(deprecated_and_tentative_ipv6_addresses_are_not_used)
{
    bool is_temporary;
    CHECK(interfaces_ipv6_flags_usable(IFA_F_PERMANENT, &is_temporary) && !is_temporary);
    CHECK(interfaces_ipv6_flags_usable(IFA_F_TEMPORARY, &is_temporary) && is_temporary);
    CHECK(!interfaces_ipv6_flags_usable(IFA_F_TEMPORARY | IFA_F_DEPRECATED, &is_temporary));
    CHECK(!interfaces_ipv6_flags_usable(IFA_F_TENTATIVE, &is_temporary));
    CHECK(!interfaces_ipv6_flags_usable(IFA_F_DADFAILED, &is_temporary));
}

TEST(a_stable_ipv6_address_yields_to_a_temporary_one_of_its_prefix)
{
    interface_address_t list[INTERFACES_MAX];
    list[0] = ipv6("2001:db8:0:1::1", false, 2);
    list[1] = ipv6("2001:db8:0:1:aaaa::2", true, 2);
    list[2] = ipv6("2001:db8:0:2::1", false, 2);
    list[3] = ipv6("2001:db8:0:1::3", false, 3);
    CHECK_INT(interfaces_prefer_temporary(list, 4), 3);
    CHECK(list[0].is_temporary);
    CHECK_INT(list[1].address.bytes[7], 2);
    CHECK_INT(list[2].index, 3);
}
