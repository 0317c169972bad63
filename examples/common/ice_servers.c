#include "ice_servers.h"

#include <string.h>

static json_t *urls_to_json(const char *urls)
{
    json_t *array = json_array();
    for (size_t length; *urls != '\0'; urls += length + strspn(urls + length, " ")) {
        length = strcspn(urls, " ");
        if (length > 0)
            json_array_append_new(array, json_stringn(urls, length));
    }
    return array;
}

json_t *ice_servers_to_json(const peer_ice_server_t *servers, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *server = json_pack("{s:o}", "urls", urls_to_json(servers[i].urls));
        if (servers[i].username != NULL)
            json_object_set_new(server, "username", json_string(servers[i].username));
        if (servers[i].credential != NULL)
            json_object_set_new(server, "credential", json_string(servers[i].credential));
        json_array_append_new(array, server);
    }
    return array;
}

static size_t take(const json_t *server, const json_t *url, peer_ice_server_t *to, size_t count)
{
    if (count == NETWORK_SERVERS_MAX || !json_is_string(url))
        return count;
    to[count] = (peer_ice_server_t){.urls = json_string_value(url),
                                    .username = json_string_value(json_object_get(server, "username")),
                                    .credential = json_string_value(json_object_get(server, "credential"))};
    return count + 1;
}

size_t ice_servers_from_json(const json_t *array, peer_ice_server_t servers[NETWORK_SERVERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *server = json_array_get(array, i), *urls = json_object_get(server, "urls");
        count = take(server, urls, servers, count);
        for (size_t j = 0; j < json_array_size(urls); j++)
            count = take(server, json_array_get(urls, j), servers, count);
    }
    return count;
}

bool ice_servers_are_usable(const peer_ice_server_t *servers, size_t count, const char *ca_file)
{
    peer_configuration_t configuration;
    peer_configuration_init(&configuration, sizeof configuration);
    configuration.loop = peer_loop_new(PEER_LOOP_MANUAL);
    configuration.ice_servers = servers;
    configuration.ice_server_count = count;
    configuration.ca_file = ca_file;
    peer_connection_t *pc = configuration.loop != NULL ? peer_connection_new(&configuration, NULL, NULL) : NULL;
    if (pc != NULL)
        peer_connection_close(pc);
    peer_connection_unref(pc);
    peer_loop_unref(configuration.loop);
    return pc != NULL;
}
