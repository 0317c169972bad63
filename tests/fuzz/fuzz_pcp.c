/* Answers of a gateway, as anyone on the link may send them. */
#include "runtime/pcp_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pcp_map_t map = {.nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, .local = address_ipv4(192, 168, 1, 2, 5000), .lifetime_s = 77};
    uint8_t request[PCP_MAP_SIZE];
    if (!pcp_read_map(data, size, &map)) {
        if (map.external.family != ADDRESS_NONE || map.lifetime_s != 77)
            abort();
        return 0;
    }
    if (map.external.family != ADDRESS_IPV4 || size < PCP_MAP_SIZE)
        abort();
    pcp_write_map(request, &map); /* a renewal suggests what was assigned */
    if (memcmp(request + 24, data + 24, PCP_MAP_SIZE - 24) != 0 && memcmp(request + 40, data + 40, 20) != 0)
        abort();
    return 0;
}
