/* Any text is a server's URL or an error; what is taken has a host and a port, and comes out of its normal form again. */
#include "ice/ice.h"

#include "base/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const schemes[2][4] = {{"stun", "stun", "stuns", "stuns"}, {"turn", "turn", "turns", "turns"}};
    static const char *const queries[] = {"udp", "tcp", "tcp", "udp"};
    ice_server_url_t url, again;
    if (ice_server_url_parse((const char *)data, size, &url) < 0)
        return 0;
    char text[2 * ICE_HOST_NAME_MAX];
    bool is_literal = strchr(url.host, ':') != NULL;
    int length = snprintf(text, sizeof text, "%s:%s%s%s:%u?transport=%s", schemes[url.kind][url.transport], is_literal ? "[" : "", url.host,
                          is_literal ? "]" : "", url.port, queries[url.transport]);
    if (url.host[0] == '\0' || url.port == 0 || ice_server_url_parse(text, (size_t)length, &again) < 0)
        abort();
    if (again.kind != url.kind || again.transport != url.transport || again.port != url.port || strcmp(again.host, url.host) != 0)
        abort();
    return 0;
}
