#include "turn_server_private.h"

#include <stdlib.h>
#include <string.h>

#define PERMISSION_LIFETIME (300 * PEER_SECOND)
#define CHANNEL_LIFETIME (600 * PEER_SECOND)
#define FIRST_PORT 49152

turn_server_t *turn_server_new(const turn_server_config_t *config)
{
    turn_server_t *server = calloc(1, sizeof *server);
    server->config = *config;
    server->next_port = FIRST_PORT;
    return server;
}

void turn_server_restart(turn_server_t *server)
{
    while (server->allocations != NULL) {
        allocation_t *allocation = server->allocations;
        server->allocations = allocation->next;
        free(allocation);
    }
    turn_server_forget_nonces(server);
}

void turn_server_forget_nonces(turn_server_t *server)
{
    server->nonce[0] = '\0';
}

void turn_server_free(turn_server_t *server)
{
    turn_server_restart(server);
    free(server);
}

turn_server_faults_t *turn_server_faults(turn_server_t *server)
{
    return &server->faults;
}

const turn_server_counters_t *turn_server_counters(const turn_server_t *server)
{
    return &server->counters;
}

static void expire(turn_server_t *server, peer_time_t now)
{
    allocation_t **link = &server->allocations;
    while (*link != NULL) {
        allocation_t *allocation = *link;
        if (now < allocation->expires) {
            link = &allocation->next;
            continue;
        }
        *link = allocation->next;
        free(allocation);
    }
}

static allocation_t *find_by_client(const turn_server_t *server, peer_time_t now, const path_t *path)
{
    for (allocation_t *a = server->allocations; a != NULL; a = a->next)
        if (now < a->expires && a->path.protocol == path->protocol && address_equal(&a->path.local, &path->local) &&
            address_equal(&a->path.remote, &path->remote))
            return a;
    return NULL;
}

static allocation_t *find_by_relayed(const turn_server_t *server, peer_time_t now, const address_t *relayed)
{
    for (allocation_t *a = server->allocations; a != NULL; a = a->next)
        for (size_t i = 0; i < a->relayed_count; i++)
            if (now < a->expires && address_equal(&a->relayed[i], relayed))
                return a;
    return NULL;
}

static permission_t *find_permission(allocation_t *allocation, peer_time_t now, const address_t *peer)
{
    for (size_t i = 0; i < allocation->permission_count; i++)
        if (now < allocation->permissions[i].expires && address_ip_equal(&allocation->permissions[i].ip, peer))
            return &allocation->permissions[i];
    return NULL;
}

static channel_t *find_channel(allocation_t *allocation, peer_time_t now, const address_t *peer, uint16_t number)
{
    for (size_t i = 0; i < allocation->channel_count; i++) {
        channel_t *channel = &allocation->channels[i];
        if (now < channel->expires && (peer != NULL ? address_equal(&channel->peer, peer) : channel->number == number))
            return channel;
    }
    return NULL;
}

static const address_t *relayed_of(const allocation_t *allocation, uint8_t family)
{
    for (size_t i = 0; i < allocation->relayed_count; i++)
        if (allocation->relayed[i].family == family)
            return &allocation->relayed[i];
    return NULL;
}

size_t turn_server_allocations(const turn_server_t *server, peer_time_t now)
{
    size_t count = 0;
    for (allocation_t *a = server->allocations; a != NULL; a = a->next)
        count += now < a->expires;
    return count;
}

bool turn_server_is_relayed(const turn_server_t *server, peer_time_t now, const address_t *address)
{
    return find_by_relayed(server, now, address) != NULL;
}

bool turn_server_has_permission(const turn_server_t *server, peer_time_t now, const address_t *relayed, const address_t *peer)
{
    allocation_t *allocation = find_by_relayed(server, now, relayed);
    return allocation != NULL && find_permission(allocation, now, peer) != NULL;
}

uint16_t turn_server_channel(const turn_server_t *server, peer_time_t now, const address_t *relayed, const address_t *peer)
{
    allocation_t *allocation = find_by_relayed(server, now, relayed);
    channel_t *channel = allocation != NULL ? find_channel(allocation, now, peer, 0) : NULL;
    return channel != NULL ? channel->number : 0;
}

void turn_server_begin(turn_server_request_t *request, stun_class_t class)
{
    stun_build_begin(&request->builder, request->response, sizeof request->response, class, request->message->method,
                     request->message->transaction_id);
}

void turn_server_finish(turn_server_request_t *request)
{
    const turn_server_faults_t *faults = &request->server->faults;
    stun_build_bytes(&request->builder, STUN_SOFTWARE, "test", 4);
    if (request->is_signed && !faults->has_no_integrity) {
        request->key[0] ^= faults->has_wrong_integrity;
        stun_build_integrity(&request->builder, request->hash, request->key, request->key_length);
    }
    stun_build_fingerprint(&request->builder);
    request->server->config.send(request->server->config.context, request->path, request->response, stun_build_end(&request->builder));
}

void turn_server_begin_error(turn_server_request_t *request, uint16_t code, const char *reason)
{
    request->server->counters.errors++;
    turn_server_begin(request, STUN_ERROR_RESPONSE);
    if (!request->server->faults.is_like_coturn) {
        stun_build_error(&request->builder, code, reason);
        return;
    }
    uint8_t value[128] = {0, 0, (uint8_t)(code / 100), (uint8_t)(code % 100)};
    size_t length = strlen(reason) < 120 ? strlen(reason) : 120;
    memcpy(value + 4, reason, length);
    stun_build_bytes(&request->builder, STUN_ERROR_CODE, value, (4 + length + 3) & ~(size_t)3);
}

void turn_server_answer_error(turn_server_request_t *request, uint16_t code, const char *reason)
{
    turn_server_begin_error(request, code, reason);
    turn_server_finish(request);
}

static void answer_allocated(turn_server_request_t *request, const allocation_t *allocation, uint8_t refused_family)
{
    static const address_t nothing = {.family = ADDRESS_IPV4};
    const turn_server_faults_t *faults = &request->server->faults;
    turn_server_begin(request, STUN_SUCCESS_RESPONSE);
    if (refused_family == 1 && faults->is_like_coturn)
        stun_build_xor_address(&request->builder, STUN_XOR_RELAYED_ADDRESS, &nothing);
    for (size_t i = 0; i < allocation->relayed_count; i++)
        stun_build_xor_address(&request->builder, STUN_XOR_RELAYED_ADDRESS,
                               faults->relayed.family != ADDRESS_NONE ? &faults->relayed : &allocation->relayed[i]);
    if (refused_family == 2 && faults->is_like_coturn)
        stun_build_xor_address(&request->builder, STUN_XOR_RELAYED_ADDRESS, &nothing);
    stun_build_u32(&request->builder, STUN_LIFETIME, faults->has_lifetime ? faults->lifetime : allocation->lifetime);
    stun_build_xor_address(&request->builder, STUN_XOR_MAPPED_ADDRESS, &request->path->remote);
    if (refused_family != 0) /* RFC 8656 §18.12 */
        stun_build_bytes(&request->builder, STUN_ADDRESS_ERROR_CODE, (const uint8_t[]){refused_family, 0, 4, 40}, 4);
    turn_server_finish(request);
}

static void add_relayed(turn_server_t *server, allocation_t *allocation, const address_t *ip)
{
    allocation->relayed[allocation->relayed_count] = *ip;
    allocation->relayed[allocation->relayed_count++].port = server->next_port++;
}

static uint32_t lifetime_for(const turn_server_request_t *request)
{
    uint32_t longest = request->server->config.lifetime != 0 ? request->server->config.lifetime : 600, wanted = longest;
    stun_get_u32(request->message, STUN_LIFETIME, &wanted);
    return wanted < longest ? wanted : longest;
}

static void on_allocate(turn_server_request_t *request)
{
    turn_server_t *server = request->server;
    const stun_message_t *message = request->message;
    allocation_t *known = find_by_client(server, request->now, request->path);
    if (known != NULL) {
        if (memcmp(known->transaction_id, message->transaction_id, STUN_TRANSACTION_ID_SIZE) == 0)
            answer_allocated(request, known, 0); /* repeated */
        else
            turn_server_answer_error(request, 437, "Allocation Mismatch");
        return;
    }
    uint32_t transport, family = 0x01000000, additional = 0;
    if (!stun_get_u32(message, STUN_REQUESTED_TRANSPORT, &transport)) {
        turn_server_answer_error(request, STUN_ERROR_BAD_REQUEST, "Bad Request");
        return;
    }
    bool has_family = stun_get_u32(message, STUN_REQUESTED_ADDRESS_FAMILY, &family);
    bool has_additional = stun_get_u32(
        message, server->faults.is_like_coturn ? STUN_ADDITIONAL_ADDRESS_FAMILY_DRAFT : STUN_ADDITIONAL_ADDRESS_FAMILY, &additional);
    if (transport >> 24 != 17) {
        turn_server_answer_error(request, 442, "Unsupported Transport Protocol");
    } else if ((has_family && has_additional) || (has_additional && additional >> 24 != 2)) {
        turn_server_answer_error(request, STUN_ERROR_BAD_REQUEST, "Bad Request");
    } else if (server->config.quota != 0 && turn_server_allocations(server, request->now) >= server->config.quota) {
        turn_server_answer_error(request, 486, "Allocation Quota Reached");
    } else {
        bool wants_ipv4 = family >> 24 == 1, wants_ipv6 = family >> 24 == 2 || has_additional;
        bool has_ipv4 = wants_ipv4 && server->config.relay_ipv4.family != ADDRESS_NONE;
        bool has_ipv6 = wants_ipv6 && server->config.relay_ipv6.family != ADDRESS_NONE;
        if ((!has_ipv4 && !has_ipv6) || (has_additional && server->faults.refuses_dual)) {
            turn_server_answer_error(request, 440, "Address Family not Supported");
            return;
        }
        allocation_t *allocation = calloc(1, sizeof *allocation);
        allocation->path = *request->path;
        memcpy(allocation->transaction_id, message->transaction_id, STUN_TRANSACTION_ID_SIZE);
        allocation->lifetime = lifetime_for(request);
        allocation->expires = request->now + allocation->lifetime * PEER_SECOND;
        if (has_ipv4)
            add_relayed(server, allocation, &server->config.relay_ipv4);
        if (has_ipv6)
            add_relayed(server, allocation, &server->config.relay_ipv6);
        allocation->next = server->allocations;
        server->allocations = allocation;
        answer_allocated(request, allocation, (uint8_t)(!has_additional ? 0 : !has_ipv4 ? 1 : !has_ipv6 ? 2 : 0));
    }
}

static void on_refresh(turn_server_request_t *request, allocation_t *allocation)
{
    const turn_server_faults_t *faults = &request->server->faults;
    uint32_t lifetime = lifetime_for(request);
    allocation->expires = request->now + lifetime * PEER_SECOND;
    turn_server_begin(request, STUN_SUCCESS_RESPONSE);
    stun_build_u32(&request->builder, STUN_LIFETIME, faults->has_lifetime && lifetime != 0 ? faults->lifetime : lifetime);
    turn_server_finish(request);
}

static uint16_t permission_error(const turn_server_request_t *request, const allocation_t *allocation, const address_t *peer)
{
    if (relayed_of(allocation, peer->family) == NULL)
        return 443;
    return address_ip_equal(peer, &request->server->config.forbidden) ? 403 : 0;
}

static bool permit(turn_server_request_t *request, allocation_t *allocation, const address_t *peer)
{
    permission_t *permission = find_permission(allocation, request->now, peer);
    for (size_t i = 0; i < allocation->permission_count && permission == NULL; i++)
        if (request->now >= allocation->permissions[i].expires)
            permission = &allocation->permissions[i];
    if (permission == NULL && allocation->permission_count < MAX_PERMISSIONS)
        permission = &allocation->permissions[allocation->permission_count++];
    if (permission == NULL)
        return false;
    permission->ip = *peer;
    permission->ip.port = 0;
    permission->expires = request->now + PERMISSION_LIFETIME;
    return true;
}

static void on_create_permission(turn_server_request_t *request, allocation_t *allocation)
{
    const stun_message_t *message = request->message;
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) { /* all or none (RFC 8656 §10.2) */
        for (size_t i = 0; i < message->attribute_count; i++) {
            address_t peer;
            if (message->attributes[i].type != STUN_XOR_PEER_ADDRESS)
                continue;
            uint16_t code = stun_get_xor_address_at(message, i, &peer) ? permission_error(request, allocation, &peer) : 400;
            if (code == 0 && pass == 1 && !permit(request, allocation, &peer))
                code = 508;
            if (code != 0) {
                turn_server_answer_error(request, code, "No");
                return;
            }
            count++;
        }
    }
    if (count == 0) {
        turn_server_answer_error(request, STUN_ERROR_BAD_REQUEST, "Bad Request");
        return;
    }
    turn_server_begin(request, STUN_SUCCESS_RESPONSE);
    turn_server_finish(request);
}

static void on_channel_bind(turn_server_request_t *request, allocation_t *allocation)
{
    uint32_t number;
    address_t peer;
    if (!stun_get_u32(request->message, STUN_CHANNEL_NUMBER, &number) ||
        !stun_get_xor_address(request->message, STUN_XOR_PEER_ADDRESS, &peer) || number >> 16 < 0x4000 || number >> 16 > 0x4fff) {
        turn_server_answer_error(request, STUN_ERROR_BAD_REQUEST, "Bad Request");
        return;
    }
    uint16_t code = permission_error(request, allocation, &peer);
    channel_t *of_number = find_channel(allocation, request->now, NULL, (uint16_t)(number >> 16));
    channel_t *of_peer = find_channel(allocation, request->now, &peer, 0);
    if (of_number != of_peer)
        code = 400; /* bound to others (§12.2) */
    if (code == 0 && of_peer == NULL) {
        if (allocation->channel_count == MAX_CHANNELS)
            code = 508;
        else
            of_peer = &allocation->channels[allocation->channel_count++];
    }
    if (code != 0 || !permit(request, allocation, &peer)) {
        turn_server_answer_error(request, code != 0 ? code : 508, "No");
        return;
    }
    *of_peer = (channel_t){(uint16_t)(number >> 16), peer, request->now + CHANNEL_LIFETIME};
    turn_server_begin(request, STUN_SUCCESS_RESPONSE);
    turn_server_finish(request);
}

static void on_binding(turn_server_request_t *request)
{
    turn_server_begin(request, STUN_SUCCESS_RESPONSE);
    stun_build_xor_address(&request->builder, STUN_XOR_MAPPED_ADDRESS, &request->path->remote);
    turn_server_finish(request);
}

static void redirect(turn_server_request_t *request)
{
    const turn_server_config_t *config = &request->server->config;
    turn_server_begin_error(request, STUN_ERROR_TRY_ALTERNATE, "Try Alternate");
    stun_build_address(&request->builder, STUN_ALTERNATE_SERVER, &config->alternate);
    if (config->alternate_domain != NULL)
        stun_build_bytes(&request->builder, STUN_ALTERNATE_DOMAIN, config->alternate_domain, strlen(config->alternate_domain));
    turn_server_finish(request);
}

static void on_request(turn_server_request_t *request)
{
    turn_server_t *server = request->server;
    uint16_t method = request->message->method;
    server->counters.requests[method & 15]++;
    if (method == server->faults.silent_method)
        return;
    bool is_redirected = method == STUN_ALLOCATE && server->config.alternate.family != ADDRESS_NONE;
    if (is_redirected && !server->config.authenticates_alternate) {
        redirect(request);
        return;
    }
    if (!turn_server_is_authenticated(request))
        return;
    if (method == server->faults.error_method && server->faults.error_code != 0) {
        turn_server_answer_error(request, server->faults.error_code,
                                 server->faults.error_reason != NULL ? server->faults.error_reason : "");
        return;
    }
    if (is_redirected) {
        redirect(request);
        return;
    }
    if (method == STUN_BINDING || method == STUN_ALLOCATE) {
        (method == STUN_BINDING ? on_binding : on_allocate)(request);
        return;
    }
    allocation_t *allocation = find_by_client(server, request->now, request->path);
    if (allocation == NULL)
        turn_server_answer_error(request, 437, "Allocation Mismatch");
    else if (method == STUN_REFRESH)
        on_refresh(request, allocation);
    else if (method == STUN_CREATE_PERMISSION)
        on_create_permission(request, allocation);
    else if (method == STUN_CHANNEL_BIND)
        on_channel_bind(request, allocation);
    else
        turn_server_answer_error(request, STUN_ERROR_BAD_REQUEST, "Bad Request");
}

static void relay_out(turn_server_t *server, peer_time_t now, allocation_t *allocation, const address_t *peer, const uint8_t *data,
                      size_t length)
{
    const address_t *relayed = relayed_of(allocation, peer->family);
    if (relayed == NULL || find_permission(allocation, now, peer) == NULL) {
        server->counters.dropped++;
        return;
    }
    path_t path = {.local = *relayed, .remote = *peer};
    server->config.send(server->config.context, &path, data, length);
}

static void on_channel_data(turn_server_t *server, peer_time_t now, const path_t *path, const uint8_t *data, size_t length)
{
    server->counters.channel_packets++;
    allocation_t *allocation = find_by_client(server, now, path);
    size_t size = bytes_get_u16(data + 2);
    channel_t *channel = allocation != NULL ? find_channel(allocation, now, NULL, bytes_get_u16(data)) : NULL;
    if (channel == NULL || 4 + size > length || (path->protocol == TRANSPORT_TCP && length != 4 + ((size + 3) & ~(size_t)3)))
        server->counters.dropped++;
    else
        relay_out(server, now, allocation, &channel->peer, data + 4, size);
}

static void on_indication(turn_server_t *server, peer_time_t now, const path_t *path, const stun_message_t *message)
{
    server->counters.indications++;
    allocation_t *allocation = find_by_client(server, now, path);
    address_t peer;
    const uint8_t *data;
    size_t length;
    if (allocation == NULL || message->method != STUN_SEND || !stun_get_xor_address(message, STUN_XOR_PEER_ADDRESS, &peer) ||
        !stun_get_bytes(message, STUN_DATA_ATTRIBUTE, &data, &length))
        server->counters.dropped++;
    else
        relay_out(server, now, allocation, &peer, data, length);
}

static void relay_in(turn_server_t *server, peer_time_t now, allocation_t *allocation, const address_t *peer, const uint8_t *data,
                     size_t length)
{
    if (find_permission(allocation, now, peer) == NULL && !server->faults.needs_no_permission) {
        server->counters.dropped++;
        return;
    }
    static const uint8_t id[STUN_TRANSACTION_ID_SIZE] = {1};
    uint8_t *bytes = malloc(length + 64);
    size_t size = 4 + length;
    channel_t *channel = find_channel(allocation, now, peer, 0);
    if (channel != NULL) {
        bytes_put_u16(bytes, channel->number);
        bytes_put_u16(bytes + 2, (uint16_t)length);
        memcpy(bytes + 4, data, length);
        while (allocation->path.protocol == TRANSPORT_TCP && size % 4 != 0)
            bytes[size++] = 0;
    } else {
        stun_builder_t builder;
        stun_build_begin(&builder, bytes, length + 64, STUN_INDICATION, STUN_DATA, id);
        stun_build_xor_address(&builder, STUN_XOR_PEER_ADDRESS, peer);
        stun_build_bytes(&builder, STUN_DATA_ATTRIBUTE, data, length);
        size = stun_build_end(&builder);
    }
    server->config.send(server->config.context, &allocation->path, bytes, size);
    free(bytes);
}

void turn_server_input(turn_server_t *server, peer_time_t now, const path_t *path, const uint8_t *data, size_t length)
{
    expire(server, now);
    if (server->faults.is_silent)
        return;
    allocation_t *relaying = find_by_relayed(server, now, &path->local);
    if (relaying != NULL) {
        relay_in(server, now, relaying, &path->remote, data, length);
        return;
    }
    if (length >= 4 && data[0] >= 64 && data[0] <= 79) {
        on_channel_data(server, now, path, data, length);
        return;
    }
    stun_message_t message;
    if (!stun_parse(&message, data, length))
        return;
    turn_server_request_t request = {.server = server, .now = now, .path = path, .message = &message};
    if (message.class == STUN_REQUEST)
        on_request(&request);
    else if (message.class == STUN_INDICATION)
        on_indication(server, now, path, &message);
}
