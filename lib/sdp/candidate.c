/* The candidate attribute (RFC 8839 §5.1, RFC 6544 §4.5), in a description or trickled by itself. Whether an address can be used is the
 * agent's affair: here it only has to be one word that could be an address or a host name. */
#include "base/error.h"
#include "base/memory.h"
#include "sdp/scan.h"

#include <string.h>

#define COMPONENT_MAX 256 /* RFC 8839 §5.1: component-id is 1 to 256 */
#define FOUNDATION_MAX 32

static int fail(const char *what, const char *word)
{
    if (word == NULL)
        return error_set(PEER_ERROR_SYNTAX, "candidate: %s is missing", what);
    return error_set(PEER_ERROR_SYNTAX, "candidate: \"%.40s\" is not a valid %s", word, what);
}

static bool is_address(const char *text)
{
    if (text == NULL || *text == '\0' || strlen(text) > 255)
        return false;
    for (; *text != '\0'; text++) {
        bool is_alphanumeric = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
        if (!is_alphanumeric && strchr(".:-_%", *text) == NULL)
            return false;
    }
    return true;
}

static sdp_candidate_type_t type_of(const char *text)
{
    for (int type = SDP_CANDIDATE_HOST; type <= SDP_CANDIDATE_RELAY; type++)
        if (text_equal_ignore_case(text, sdp_candidate_type_name((sdp_candidate_type_t)type)))
            return (sdp_candidate_type_t)type;
    return SDP_CANDIDATE_OTHER;
}

static int scan_tcptype(const char *word, sdp_tcptype_t *tcptype)
{
    for (int type = SDP_TCPTYPE_ACTIVE; type <= SDP_TCPTYPE_SO; type++) {
        if (strcmp(word, sdp_tcptype_name((sdp_tcptype_t)type)) == 0) {
            *tcptype = (sdp_tcptype_t)type;
            return 0;
        }
    }
    return fail("tcptype", word);
}

static int scan_extensions(char *cursor, sdp_candidate_t *c, sdp_attribute_t *extensions, size_t room)
{
    const char *name;
    while ((name = scan_word(&cursor)) != NULL) {
        const char *value = scan_word(&cursor);
        if (value == NULL)
            return error_set(PEER_ERROR_SYNTAX, "candidate: the extension \"%.40s\" has no value", name);
        int error = 0;
        if (strcmp(name, "raddr") == 0) {
            if (c->related_address != NULL || !is_address(value))
                return fail("raddr", value);
            c->related_address = value;
        } else if (strcmp(name, "rport") == 0) {
            if (c->has_related_port || !scan_u16(value, &c->related_port))
                return fail("rport", value);
            c->has_related_port = true;
        } else if (strcmp(name, "tcptype") == 0) {
            error = c->tcptype != SDP_TCPTYPE_NONE ? fail("tcptype", value) : scan_tcptype(value, &c->tcptype);
        } else if (c->extension_count == room) {
            error = error_set(PEER_ERROR_SYNTAX, "candidate: too many extensions");
        } else {
            extensions[c->extension_count++] = (sdp_attribute_t){name, value};
        }
        if (error < 0)
            return error;
    }
    return 0;
}

int sdp_candidate_scan(char *value, sdp_candidate_t *candidate, sdp_attribute_t *extensions, size_t room)
{
    sdp_candidate_t c = {.extensions = extensions};
    char *cursor = value;
    c.foundation = scan_word(&cursor);
    if (!scan_is_visible(c.foundation) || strlen(c.foundation) > FOUNDATION_MAX)
        return fail("foundation", c.foundation);
    const char *word = scan_word(&cursor);
    if (!scan_u32(word, COMPONENT_MAX, &c.component) || c.component == 0)
        return fail("component", word);
    c.transport = scan_word(&cursor);
    if (!scan_is_token(c.transport))
        return fail("transport", c.transport);
    c.is_udp = text_equal_ignore_case(c.transport, "udp");
    c.is_tcp = text_equal_ignore_case(c.transport, "tcp");
    word = scan_word(&cursor);
    if (!scan_u32(word, UINT32_MAX, &c.priority))
        return fail("priority", word);
    c.address = scan_word(&cursor);
    if (!is_address(c.address))
        return fail("address", c.address);
    word = scan_word(&cursor);
    if (!scan_u16(word, &c.port))
        return fail("port", word);
    word = scan_word(&cursor);
    if (word == NULL || strcmp(word, "typ") != 0)
        return fail("\"typ\"", word);
    c.type_text = scan_word(&cursor);
    if (!scan_is_token(c.type_text))
        return fail("type", c.type_text);
    c.type = type_of(c.type_text);
    int error = scan_extensions(cursor, &c, extensions, room);
    if (error == 0)
        *candidate = c;
    return error;
}

int sdp_candidate_parse(const char *text, size_t length, sdp_candidate_t **candidate)
{
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r' || text[length - 1] == ' '))
        length--;
    if (length >= 2 && memcmp(text, "a=", 2) == 0) {
        text += 2;
        length -= 2;
    }
    static const char prefix[] = "candidate:";
    if (length < sizeof prefix - 1 || memcmp(text, prefix, sizeof prefix - 1) != 0)
        return error_set(PEER_ERROR_SYNTAX, "candidate: the text does not begin with \"candidate:\"");
    text += sizeof prefix - 1;
    length -= sizeof prefix - 1;
    if (length > SDP_LINE_MAX)
        return error_set(PEER_ERROR_SYNTAX, "candidate: the text is too long");
    if (memchr(text, '\0', length) != NULL || memchr(text, '\n', length) != NULL || memchr(text, '\r', length) != NULL)
        return error_set(PEER_ERROR_SYNTAX, "candidate: a line end or NUL inside the text");

    size_t spaces = 0;
    for (size_t i = 0; i < length; i++)
        if (text[i] == ' ')
            spaces++;
    size_t room = spaces < SDP_TOKENS_MAX ? spaces / 2 : SDP_TOKENS_MAX / 2;
    char *block = memory_new(sizeof(sdp_candidate_t) + room * sizeof(sdp_attribute_t) + length + 1);
    if (block == NULL)
        return error_no_memory();
    sdp_candidate_t *parsed = (sdp_candidate_t *)(void *)block;
    sdp_attribute_t *extensions = (sdp_attribute_t *)(void *)(block + sizeof *parsed);
    char *words = block + sizeof *parsed + room * sizeof *extensions;
    memcpy(words, text, length);
    int error = sdp_candidate_scan(words, parsed, extensions, room);
    if (error < 0)
        memory_free(block);
    else
        *candidate = parsed;
    return error;
}

void sdp_candidate_write(const sdp_candidate_t *c, text_t *text)
{
    text_addf(text, "candidate:%s %u %s %u %s %u typ %s", c->foundation, (unsigned)c->component, c->transport, (unsigned)c->priority,
              c->address, (unsigned)c->port, c->type_text != NULL ? c->type_text : sdp_candidate_type_name(c->type));
    if (c->related_address != NULL)
        text_addf(text, " raddr %s", c->related_address);
    if (c->has_related_port)
        text_addf(text, " rport %u", (unsigned)c->related_port);
    if (c->tcptype != SDP_TCPTYPE_NONE)
        text_addf(text, " tcptype %s", sdp_tcptype_name(c->tcptype));
    for (size_t i = 0; i < c->extension_count; i++)
        text_addf(text, " %s %s", c->extensions[i].name, c->extensions[i].value);
}

const char *sdp_candidate_extension(const sdp_candidate_t *candidate, const char *name)
{
    for (size_t i = 0; i < candidate->extension_count; i++)
        if (strcmp(candidate->extensions[i].name, name) == 0)
            return candidate->extensions[i].value;
    return NULL;
}

static bool copy_string(arena_t *arena, const char **string)
{
    if (*string == NULL)
        return true;
    *string = arena_string(arena, *string);
    return *string != NULL;
}

bool sdp_candidate_copy(arena_t *arena, const sdp_candidate_t *candidate, sdp_candidate_t *copy)
{
    sdp_candidate_t c = *candidate;
    sdp_attribute_t *extensions = arena_array(arena, c.extension_count, sizeof *extensions);
    if (extensions == NULL || !copy_string(arena, &c.foundation) || !copy_string(arena, &c.transport) || !copy_string(arena, &c.address) ||
        !copy_string(arena, &c.type_text) || !copy_string(arena, &c.related_address))
        return false;
    for (size_t i = 0; i < c.extension_count; i++) {
        extensions[i] = c.extensions[i];
        if (!copy_string(arena, &extensions[i].name) || !copy_string(arena, &extensions[i].value))
            return false;
    }
    c.extensions = extensions;
    *copy = c;
    return true;
}

const char *sdp_candidate_type_name(sdp_candidate_type_t type)
{
    static const char *const names[] = {"", "host", "srflx", "prflx", "relay"};
    return names[type];
}

const char *sdp_tcptype_name(sdp_tcptype_t type)
{
    static const char *const names[] = {"", "active", "passive", "so"};
    return names[type];
}
