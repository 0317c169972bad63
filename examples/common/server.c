#include "server.h"

#include "rooms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a client may do to us: a message of ROOMS_MESSAGE_MAX, this many a second, and this much waiting for it. */
#define VISITOR_MESSAGES_A_SECOND 300
#define VISITOR_WAITING_MESSAGES 256
#define VISITOR_WAITING_BYTES (4 * 1024 * 1024)

typedef struct letter {
    struct letter *next;
    size_t length;
    unsigned char bytes[]; /* LWS_PRE bytes of room, then the text */
} letter_t;

struct server {
    rooms_t *rooms;
    struct lws_vhost *vhost;
    const page_file_t *pages;
    bool is_quiet;
};

/* One client, as libwebsockets keeps it for a connection: fetching a file, or in a room. */
typedef struct visitor {
    server_t *server;
    struct lws *wsi;
    const page_file_t *file; /* HTTP: to be sent */
    member_t *member;        /* WebSocket: NULL when it was not let in */
    bool is_leaving;         /* closed as soon as the queue is empty */
    letter_t *first, **last;
    size_t waiting, waiting_bytes;
    char *incoming; /* the message being received */
    size_t incoming_length;
    int64_t second; /* of which `messages` is the count */
    unsigned messages;
    char room[ROOMS_NAME_MAX + 1];
} visitor_t;

static void post(void *user, const char *text, size_t length)
{
    visitor_t *visitor = user;
    letter_t *letter = NULL;
    if (visitor->waiting < VISITOR_WAITING_MESSAGES && visitor->waiting_bytes + length <= VISITOR_WAITING_BYTES)
        letter = malloc(sizeof *letter + LWS_PRE + length);
    if (letter == NULL) {
        lws_set_timeout(visitor->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        return;
    }
    letter->next = NULL;
    letter->length = length;
    memcpy(letter->bytes + LWS_PRE, text, length);
    *visitor->last = letter;
    visitor->last = &letter->next;
    visitor->waiting++;
    visitor->waiting_bytes += length;
    lws_callback_on_writable(visitor->wsi);
}

static int send_letter(visitor_t *visitor)
{
    letter_t *letter = visitor->first;
    if (letter != NULL) {
        if ((visitor->first = letter->next) == NULL)
            visitor->last = &visitor->first;
        visitor->waiting--;
        visitor->waiting_bytes -= letter->length;
        int sent = lws_write(visitor->wsi, letter->bytes + LWS_PRE, letter->length, LWS_WRITE_TEXT);
        free(letter);
        if (sent < 0)
            return -1;
    }
    if (visitor->first != NULL)
        lws_callback_on_writable(visitor->wsi);
    else if (visitor->is_leaving)
        return -1;
    return 0;
}

static void report(const visitor_t *visitor, const char *what)
{
    if (!visitor->server->is_quiet)
        printf("room %s: %s\n", visitor->room, what);
}

static void enter(visitor_t *visitor, server_t *server, struct lws *wsi)
{
    memset(visitor, 0, sizeof *visitor);
    visitor->server = server;
    visitor->wsi = wsi;
    visitor->last = &visitor->first;
    char path[ROOMS_NAME_MAX + 2] = "";
    const char *why = "";
    if (lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI) > 1 && rooms_name_is_valid(path + 1, strlen(path + 1)))
        memcpy(visitor->room, path + 1, strlen(path + 1) + 1);
    visitor->member = rooms_join(server->rooms, visitor->room, visitor, &why);
    if (visitor->member == NULL) {
        post(visitor, why, strlen(why));
        visitor->is_leaving = true;
    }
    report(visitor, visitor->member != NULL ? "somebody came" : "somebody was turned away");
}

static void leave(visitor_t *visitor)
{
    if (visitor->member != NULL) {
        rooms_leave(visitor->server->rooms, visitor->member);
        visitor->member = NULL;
        report(visitor, "somebody left");
    }
    for (letter_t *letter = visitor->first, *next; letter != NULL; letter = next) {
        next = letter->next;
        free(letter);
    }
    visitor->first = NULL;
    visitor->last = &visitor->first;
    free(visitor->incoming);
    visitor->incoming = NULL;
}

static int refuse(visitor_t *visitor, enum lws_close_status status, const char *why)
{
    lws_close_reason(visitor->wsi, status, (unsigned char *)(uintptr_t)why, strlen(why));
    leave(visitor); /* now, however long the client takes to close its end */
    return -1;
}

static int receive(visitor_t *visitor, const void *data, size_t length)
{
    if (visitor->member == NULL)
        return 0;
    if (lws_frame_is_binary(visitor->wsi))
        return refuse(visitor, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "messages are JSON text");
    if (visitor->incoming_length + length > ROOMS_MESSAGE_MAX)
        return refuse(visitor, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "a message has at most 256 KiB");
    char *grown = realloc(visitor->incoming, visitor->incoming_length + length + 1);
    if (grown == NULL)
        return -1;
    visitor->incoming = grown;
    memcpy(grown + visitor->incoming_length, data, length);
    visitor->incoming_length += length;
    if (!lws_is_final_fragment(visitor->wsi) || lws_remaining_packet_payload(visitor->wsi) != 0)
        return 0;

    int64_t second = now_us() / 1000000;
    if (second != visitor->second)
        visitor->messages = 0;
    visitor->second = second;
    if (++visitor->messages > VISITOR_MESSAGES_A_SECOND)
        return refuse(visitor, LWS_CLOSE_STATUS_POLICY_VIOLATION, "too many messages");
    bool taken = rooms_receive(visitor->server->rooms, visitor->member, visitor->incoming, visitor->incoming_length);
    free(visitor->incoming);
    visitor->incoming = NULL;
    visitor->incoming_length = 0;
    return taken ? 0 : refuse(visitor, LWS_CLOSE_STATUS_POLICY_VIOLATION, "messages are JSON objects without \"event\"");
}

/* A page of another site must not enter rooms in its visitor's name: what a browser calls the origin is to be us. */
static bool origin_is_ours(struct lws *wsi)
{
    char origin[256], host[256];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) == 0)
        return true; /* no browser */
    if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0 || lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
        return false;
    const char *site = strstr(origin, "://");
    return site != NULL && strcmp(site + 3, host) == 0;
}

static const page_file_t *find_file(const page_file_t *file, const char *path, size_t length)
{
    const char *name = "index.html";
    if (length > 3 && memcmp(path, "/-/", 3) == 0) {
        name = path + 3;
        length -= 3;
    } else if (length == 1 || rooms_name_is_valid(path + 1, length - 1)) {
        length = strlen(name);
    } else {
        return NULL;
    }
    for (; file != NULL && file->name != NULL; file++)
        if (strlen(file->name) == length && memcmp(file->name, name, length) == 0)
            return file;
    return NULL;
}

static int add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at, unsigned char *end)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name, (const unsigned char *)value, (int)strlen(value), at, end);
}

static int answer(visitor_t *visitor, struct lws *wsi, const char *path, size_t length)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) == 0)
        return lws_return_http_status(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED, NULL) != 0 || lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
    const server_t *server = lws_vhost_user(lws_get_vhost(wsi));
    const page_file_t *file = find_file(server->pages, path, length);
    if (file == NULL)
        return lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, NULL) != 0 || lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
    unsigned char buffer[LWS_PRE + 1024], *start = buffer + LWS_PRE, *at = start, *end = buffer + sizeof buffer - 1;
    if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, file->type, file->length, &at, end) != 0 ||
        add_header(wsi, "cache-control:", "no-cache", &at, end) != 0 ||
        add_header(wsi, "x-content-type-options:", "nosniff", &at, end) != 0 ||
        add_header(wsi, "content-security-policy:",
                   "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob: mediastream:; img-src 'self' data: blob:", &at,
                   end) != 0 ||
        lws_finalize_write_http_header(wsi, start, &at, end) != 0)
        return -1;
    visitor->file = file;
    lws_callback_on_writable(wsi);
    return 0;
}

static int send_file(visitor_t *visitor, struct lws *wsi)
{
    const page_file_t *file = visitor->file;
    if (file == NULL)
        return 0;
    visitor->file = NULL;
    unsigned char *buffer = malloc(LWS_PRE + file->length);
    if (buffer == NULL)
        return -1;
    memcpy(buffer + LWS_PRE, file->data, file->length);
    int sent = lws_write(wsi, buffer + LWS_PRE, file->length, LWS_WRITE_HTTP_FINAL);
    free(buffer);
    return sent < 0 || lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

static int on_client(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t length)
{
    visitor_t *visitor = session;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return answer(visitor, wsi, in, length);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return send_file(visitor, wsi);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return origin_is_ours(wsi) ? 0 : -1;
    case LWS_CALLBACK_ESTABLISHED:
        enter(visitor, lws_vhost_user(lws_get_vhost(wsi)), wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return receive(visitor, in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return send_letter(visitor);
    case LWS_CALLBACK_CLOSED:
        leave(visitor);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, session, in, length);
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "peer-call", .callback = on_client, .per_session_data_size = sizeof(visitor_t), .rx_buffer_size = 16384}, {0}};

/* A client that answers no ping is gone. */
static const lws_retry_bo_t idle = {.secs_since_valid_ping = 20, .secs_since_valid_hangup = 30};

server_t *server_new(mainloop_t *loop, const server_settings_t *settings)
{
    server_t *server = calloc(1, sizeof *server);
    if (server == NULL || (server->rooms = rooms_new(post, settings->ice_servers)) == NULL) {
        server_free(server);
        return NULL;
    }
    server->is_quiet = settings->is_quiet;
    server->pages = settings->pages;
    struct lws_context_creation_info info = {0};
    info.vhost_name = "rendezvous";
    info.port = settings->port;
    info.iface = settings->host;
    info.protocols = protocols;
    info.user = server;
    info.keepalive_timeout = 20;
    info.timeout_secs = 10;
    info.retry_and_idle_policy = &idle;
    info.ssl_cert_filepath = settings->certificate;
    info.ssl_private_key_filepath = settings->key;
    info.options = LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    if (settings->certificate != NULL) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.alpn = "http/1.1";
    }
    if (settings->host != NULL && strchr(settings->host, ':') == NULL)
        info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    server->vhost = lws_create_vhost(mainloop_context(loop), &info);
    if (server->vhost == NULL) {
        fprintf(stderr, "%s: cannot listen on %s port %d: choose a free port and an address of this host with --listen HOST:PORT%s\n",
                program_invocation_short_name, settings->host != NULL ? settings->host : "all addresses", settings->port,
                settings->certificate != NULL ? ", and check that --certificate and --key are PEM files that belong together" : "");
        server_free(server);
        return NULL;
    }
    return server;
}

int server_port(const server_t *server)
{
    return lws_get_vhost_listen_port(server->vhost);
}

void server_free(server_t *server)
{
    if (server == NULL)
        return;
    rooms_free(server->rooms);
    free(server);
}
