/* RTCConfiguration, checked and translated: servers, network, and what belongs together. W3C WebRTC §4.4.1.6. */
#include "api/configuration.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <peer/certificate.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SERVERS_MAX API_SERVERS_MAX
#define USERNAME_MAX 508    /* RFC 8489 §14.3 */
#define CREDENTIAL_MAX 1024 /* no text gives a limit */
#define RECEIVE_WINDOW_MIN 65536u
#define PAIRS_MAX 1000
#define POOL_MAX 255 /* W3C: an octet */

void peer_configuration_init(peer_configuration_t *configuration, size_t size)
{
    memset(configuration, 0, size);
    configuration->size = size;
}

/* ---- servers ---- */

static int check_credential(const char *url, const char *text, size_t maximum, const char *what, const char *member)
{
    if (text == NULL || *text == '\0')
        return error_set(PEER_ERROR_INVALID_ACCESS, "%s needs a %s: the server's `%s` is not given", url, what, member);
    size_t length = strlen(text);
    if (length > maximum)
        return error_set(PEER_ERROR_INVALID_ACCESS, "%s: the %s has more than %zu bytes", url, what, maximum);
    if (!text_is_utf8(text, length))
        return error_set(PEER_ERROR_INVALID_ACCESS, "%s: the %s is not UTF-8", url, what);
    return 0;
}

static int add_server(api_configuration_t *read, const peer_ice_server_t *given, const char *url, size_t length)
{
    ice_server_url_t parsed;
    int error = ice_server_url_parse(url, length, &parsed);
    if (error < 0 || read->server_count == SERVERS_MAX) /* W3C WebRTC §4.4.1.6: the list is truncated */
        return error;
    char *text = memory_string_n(url, length), *host = memory_string(parsed.host);
    ice_server_t *server = &read->servers[read->server_count++];
    *server = (ice_server_t){.kind = parsed.kind, .transport = parsed.transport, .url = text, .host = host, .port = parsed.port};
    if (text == NULL || host == NULL)
        return error_no_memory();
    if (parsed.kind != ICE_SERVER_TURN)
        return 0;
    server->username = given->username;
    server->password = given->credential;
    error = check_credential(text, given->username, USERNAME_MAX, "user name", "username");
    return error < 0 ? error : check_credential(text, given->credential, CREDENTIAL_MAX, "password", "credential");
}

static int read_server(api_configuration_t *read, const peer_ice_server_t *given, size_t index)
{
    const char *urls = given->urls != NULL ? given->urls : "";
    bool has_url = false;
    for (size_t length; *urls != '\0'; urls += length + strspn(urls + length, " ")) {
        length = strcspn(urls, " ");
        int error = length > 0 ? add_server(read, given, urls, length) : 0;
        has_url |= length > 0;
        if (error < 0)
            return error_prefix(error, "ICE server %zu: ", index);
    }
    return has_url ? 0 : error_set(PEER_ERROR_SYNTAX, "ICE server %zu has no URL", index);
}

/* ---- the rest ---- */

static int check_choice(int32_t value, int32_t last, const char *member)
{
    return value < 0 || value > last ? error_set(PEER_ERROR_RANGE, "%s is 0 to %d, not %d", member, last, value) : 0;
}

/* Found now, and not when the first secured server is asked. */
static int check_ca_file(const char *path)
{
    char line[256];
    bool has_certificate = false;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return error_set(errno == ENOENT ? PEER_ERROR_NOT_FOUND : PEER_ERROR_NOT_READABLE, "ca_file %s: %s", path, strerror(errno));
    errno = 0;
    while (!has_certificate && fgets(line, sizeof line, file) != NULL) /* RFC 7468 §5.1; the second is OpenSSL's own */
        has_certificate =
            strncmp(line, "-----BEGIN CERTIFICATE-----", 27) == 0 || strncmp(line, "-----BEGIN TRUSTED CERTIFICATE-----", 35) == 0;
    int error = 0;
    if (ferror(file))
        error = error_set(PEER_ERROR_NOT_READABLE, "ca_file %s: %s", path, strerror(errno));
    else if (!has_certificate)
        error = error_set(PEER_ERROR_NOT_READABLE, "ca_file %s holds no certificate in PEM form", path);
    fclose(file);
    return error;
}

static int check_choices(const peer_configuration_t *given)
{
    const struct {
        int32_t value, last;
        const char *member;
    } choices[] = {{given->loopback_policy, PEER_LOOPBACK_NEVER, "loopback_policy"},
                   {given->ice_transport_policy, PEER_ICE_TRANSPORT_RELAY, "ice_transport_policy"},
                   {given->ice_tcp_policy, PEER_ICE_TCP_OFF, "ice_tcp_policy"},
                   {given->address_policy, PEER_ADDRESSES_DEFAULT_ROUTE, "address_policy"},
                   {given->network_priority, PEER_PRIORITY_HIGH, "network_priority"},
                   {given->bundle_policy, PEER_BUNDLE_MAX_BUNDLE, "bundle_policy"},
                   {given->rtcp_mux_policy, PEER_RTCP_MUX_NEGOTIATE, "rtcp_mux_policy"}};
    int error = 0;
    for (size_t i = 0; error == 0 && i < sizeof choices / sizeof *choices; i++)
        error = check_choice(choices[i].value, choices[i].last, choices[i].member);
    return error;
}

static int check(const peer_configuration_t *given)
{
    if (given->ice_server_count > 0 && given->ice_servers == NULL)
        return error_set(PEER_ERROR_TYPE, "ice_servers is NULL");
    for (size_t i = 0; i < given->certificate_count; i++)
        if (given->certificates == NULL || given->certificates[i] == NULL)
            return error_set(PEER_ERROR_TYPE, "certificates is NULL, or certificate %zu of it", i);
    if (given->mtu != 0 && (given->mtu < 576 || given->mtu > 1400))
        return error_set(PEER_ERROR_RANGE, "an MTU is 576 to 1,400, not %u", given->mtu);
    if (given->port_minimum > given->port_maximum)
        return error_set(PEER_ERROR_RANGE, "the port range %u to %u is empty", given->port_minimum, given->port_maximum);
    if (given->shared_port != 0 && given->port_maximum != 0)
        return error_set(PEER_ERROR_RANGE, "shared_port and a range of ports exclude each other");
    if (given->ice_candidate_pool_size > POOL_MAX)
        return error_set(PEER_ERROR_RANGE, "ice_candidate_pool_size is 0 to %d, not %u", POOL_MAX, given->ice_candidate_pool_size);
    if (given->receive_window != 0 && given->receive_window < RECEIVE_WINDOW_MIN)
        return error_set(PEER_ERROR_RANGE, "receive_window is %u bytes at least, not %u", RECEIVE_WINDOW_MIN, given->receive_window);
    if (given->maximum_candidate_pairs > PAIRS_MAX)
        return error_set(PEER_ERROR_RANGE, "maximum_candidate_pairs is 0 to %d, not %u", PAIRS_MAX, given->maximum_candidate_pairs);
    if (given->ice_lite != 0 && given->ice_transport_policy == PEER_ICE_TRANSPORT_RELAY)
        return error_set(PEER_ERROR_NOT_SUPPORTED, "an ice_lite endpoint has no relayed candidates to confine itself to");
    int error = check_choices(given);
    if (error == 0 && given->rtcp_mux_policy == PEER_RTCP_MUX_NEGOTIATE) /* W3C WebRTC §4.2.5: it need not be implemented */
        return error_set(PEER_ERROR_NOT_SUPPORTED, "rtcp_mux_policy \"negotiate\": RTP and RTCP always share a port");
    return error == 0 && given->ca_file != NULL ? check_ca_file(given->ca_file) : error;
}

int api_configuration_read(const peer_configuration_t *given, api_configuration_t *read)
{
    read->server_count = 0;
    read->network = (loop_network_t){.loopback = (loop_loopback_t)given->loopback_policy,
                                     .port_min = given->port_minimum,
                                     .port_max = given->port_maximum,
                                     .listens_on_tcp = given->ice_tcp_policy == PEER_ICE_TCP_ALL,
                                     .address_policy = (loop_address_policy_t)given->address_policy,
                                     .shared_port = given->shared_port,
                                     .ca_file = given->ca_file};
    int error = check(given);
    for (size_t i = 0; error == 0 && i < given->ice_server_count && i < SERVERS_MAX; i++)
        error = read_server(read, &given->ice_servers[i], i);
    return error;
}

void api_configuration_clear(api_configuration_t *read)
{
    for (size_t i = 0; i < read->server_count; i++) {
        memory_free((char *)read->servers[i].url);
        memory_free((char *)read->servers[i].host);
    }
    read->server_count = 0;
}

/* ---- kept ---- */

void api_configuration_drop(peer_configuration_t *kept)
{
    for (size_t i = 0; kept->ice_servers != NULL && i < kept->ice_server_count; i++) {
        const peer_ice_server_t *server = &kept->ice_servers[i];
        memory_free((void *)(uintptr_t)server->urls);
        memory_free((void *)(uintptr_t)server->username);
        memory_free((void *)(uintptr_t)server->credential);
    }
    for (size_t i = 0; kept->certificates != NULL && i < kept->certificate_count; i++)
        peer_certificate_unref(kept->certificates[i]);
    memory_free((void *)(uintptr_t)kept->ice_servers);
    memory_free((void *)(uintptr_t)kept->certificates);
    memory_free((void *)(uintptr_t)kept->ca_file);
    *kept = (peer_configuration_t){.size = sizeof *kept};
}

static bool keep_string(const char *given, const char **kept)
{
    *kept = memory_string(given);
    return given == NULL || *kept != NULL;
}

static bool keep_server(const peer_ice_server_t *given, peer_ice_server_t *kept)
{
    return keep_string(given->urls, &kept->urls) && keep_string(given->username, &kept->username) &&
           keep_string(given->credential, &kept->credential);
}

int api_configuration_keep(const peer_configuration_t *given, peer_configuration_t *kept)
{
    peer_ice_server_t *servers = given->ice_server_count > 0 ? memory_array(given->ice_server_count, sizeof *servers) : NULL;
    peer_certificate_t **certificates =
        given->certificate_count > 0 ? memory_array(given->certificate_count, sizeof(peer_certificate_t *)) : NULL;
    bool is_kept = (servers != NULL || given->ice_server_count == 0) && (certificates != NULL || given->certificate_count == 0);
    *kept = *given;
    kept->size = sizeof *kept;
    kept->ice_servers = servers;
    kept->certificates = certificates;
    is_kept &= keep_string(given->ca_file, &kept->ca_file);
    for (size_t i = 0; is_kept && i < given->ice_server_count; i++)
        is_kept = keep_server(&given->ice_servers[i], &servers[i]);
    for (size_t i = 0; is_kept && i < given->certificate_count; i++)
        certificates[i] = given->certificates[i] != NULL ? peer_certificate_ref(given->certificates[i]) : NULL;
    if (is_kept)
        return 0;
    api_configuration_drop(kept);
    return error_no_memory();
}

static bool is_same_text(const char *first, const char *second)
{
    return first == NULL || second == NULL ? first == second : strcmp(first, second) == 0;
}

static bool has_same_certificates(const peer_configuration_t *old, const peer_configuration_t *given)
{
    bool is_same = old->certificate_count == given->certificate_count && (given->certificates != NULL || given->certificate_count == 0);
    for (size_t i = 0; is_same && i < given->certificate_count; i++)
        is_same = old->certificates[i] == given->certificates[i];
    return is_same;
}

int api_configuration_check_change(const peer_configuration_t *old, const peer_configuration_t *given, bool has_local_description)
{
    const struct {
        bool is_same;
        const char *member;
    } members[] = {
        {has_same_certificates(old, given), "certificates"},
        {old->bundle_policy == given->bundle_policy, "bundle_policy"},
        {old->rtcp_mux_policy == given->rtcp_mux_policy, "rtcp_mux_policy"},
        {old->ice_candidate_pool_size == given->ice_candidate_pool_size || !has_local_description, "ice_candidate_pool_size"},
        {old->loop == given->loop, "loop"},
        {old->port_minimum == given->port_minimum, "port_minimum"},
        {old->port_maximum == given->port_maximum, "port_maximum"},
        {old->loopback_policy == given->loopback_policy, "loopback_policy"},
        {old->mtu == given->mtu, "mtu"},
        {old->maximum_message_size == given->maximum_message_size, "maximum_message_size"},
        {old->ice_tcp_policy == given->ice_tcp_policy, "ice_tcp_policy"},
        {old->address_policy == given->address_policy, "address_policy"},
        {old->ice_lite == given->ice_lite, "ice_lite"},
        {old->hide_addresses == given->hide_addresses, "hide_addresses"},
        {old->port_mapping == given->port_mapping, "port_mapping"},
        {old->shared_port == given->shared_port, "shared_port"},
        {is_same_text(old->ca_file, given->ca_file), "ca_file"},
        {old->network_priority == given->network_priority, "network_priority"},
        {old->maximum_candidate_pairs == given->maximum_candidate_pairs, "maximum_candidate_pairs"},
        {old->receive_window == given->receive_window, "receive_window"},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!members[i].is_same)
            return error_set(PEER_ERROR_INVALID_MODIFICATION, "%s cannot be changed%s", members[i].member,
                             strcmp(members[i].member, "ice_candidate_pool_size") == 0 ? " after a local description was set" : "");
    return 0;
}
