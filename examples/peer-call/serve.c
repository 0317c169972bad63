#include "serve.h"

#include "server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* localhost is an address too; other names are not resolved, because one may be several addresses. */
static const char *address_of(const options_t *options)
{
    if (options->host[0] == '\0')
        return NULL;
    return strcmp(options->host, "localhost") == 0 ? "127.0.0.1" : options->host;
}

static void greet(const options_t *options, int port)
{
    char name[OPTIONS_HOST_SIZE] = "localhost";
    bool is_everywhere = options->host[0] == '\0' || strcmp(options->host, "0.0.0.0") == 0 || strcmp(options->host, "::") == 0;
    if (is_everywhere)
        gethostname(name, sizeof name - 1);
    else
        memcpy(name, options->host, sizeof name);
    const char *secure = options->certificate != NULL ? "s" : "", *open = strchr(name, ':') != NULL ? "[" : "", *close = *open ? "]" : "";
    printf("The rendezvous is open, on port %d.\n"
           "  in a browser      http%s://%s%s%s:%d/ROOM\n"
           "  in a terminal     peer-call join ws%s://%s%s%s:%d/ROOM\n"
           "ROOM is any name that both sides agree on. Ctrl-C ends it; calls that are on go on.\n",
           port, secure, open, name, close, port, secure, open, name, close, port);
}

int serve_run(const options_t *options)
{
    mainloop_t *loop = mainloop_new();
    if (loop == NULL)
        return STATUS_NOT_CONNECTED;
    setvbuf(stdout, NULL, _IOLBF, 0);
    server_settings_t settings = {
        .host = address_of(options), .port = options->port, .certificate = options->certificate, .key = options->key};
    server_t *server = server_new(loop, &settings);
    if (server != NULL) {
        greet(options, server_port(server));
        mainloop_run(loop);
    }
    mainloop_free(loop);
    bool is_open = server != NULL;
    server_free(server);
    return is_open ? STATUS_CALL : STATUS_NOT_CONNECTED;
}
