#include "serve.h"

#include "ice_servers.h"
#include "page.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* localhost is an address too; other names are not resolved, because one may be several addresses. */
static const char *address_of(const options_t *options)
{
    if (options->network.host[0] == '\0')
        return NULL;
    return strcmp(options->network.host, "localhost") == 0 ? "127.0.0.1" : options->network.host;
}

static void greet(const options_t *options, int port)
{
    char name[NETWORK_HOST_SIZE] = "localhost";
    bool is_everywhere =
        options->network.host[0] == '\0' || strcmp(options->network.host, "0.0.0.0") == 0 || strcmp(options->network.host, "::") == 0;
    if (is_everywhere)
        gethostname(name, sizeof name - 1);
    else
        memcpy(name, options->network.host, sizeof name);
    const char *secure = options->certificate != NULL ? "s" : "", *open = strchr(name, ':') != NULL ? "[" : "", *close = *open ? "]" : "";
    printf("The rendezvous is open, on port %d.\n"
           "  in a browser      http%s://%s%s%s:%d/ROOM\n"
           "  in a terminal     peer-call join ws%s://%s%s%s:%d/ROOM\n"
           "ROOM is any name that both sides agree on. Ctrl-C ends it; calls that are on go on.\n",
           port, secure, open, name, close, port, secure, open, name, close, port);
}

/* What members are told of; NULL when there is nothing. False, with a message on stderr, when they make no sense. */
static bool write_servers(const options_t *options, char **text)
{
    *text = NULL;
    if (options->network.server_count == 0)
        return true;
    if (!ice_servers_are_usable(options->network.servers, options->network.server_count, NULL)) {
        fprintf(stderr, "peer-call: %s. Give --ice-server stun:HOST, or turn:HOST with --ice-user and --ice-password\n",
                peer_last_error_message());
        return false;
    }
    json_t *array = ice_servers_to_json(options->network.servers, options->network.server_count);
    *text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    return *text != NULL;
}

int serve_run(const options_t *options)
{
    char *ice_servers;
    if (!write_servers(options, &ice_servers))
        return STATUS_USAGE;
    mainloop_t *loop = mainloop_new();
    if (loop == NULL) {
        free(ice_servers);
        return STATUS_NOT_CONNECTED;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    server_settings_t settings = {.host = address_of(options),
                                  .port = options->network.port,
                                  .certificate = options->certificate,
                                  .key = options->key,
                                  .ice_servers = ice_servers,
                                  .pages = page_files};
    server_t *server = server_new(loop, &settings);
    free(ice_servers);
    if (server != NULL) {
        greet(options, server_port(server));
        mainloop_run(loop);
    }
    mainloop_free(loop);
    bool is_open = server != NULL;
    server_free(server);
    return is_open ? STATUS_CALL : STATUS_NOT_CONNECTED;
}
