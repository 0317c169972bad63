/* A description line by line (RFC 8866 §5, §9). v=, o= and s= open it and t= has to be there; apart from that lines of a section are taken
 * in any order, since applications that edit descriptions put b= lines anywhere. */
#include "base/error.h"
#include "base/memory.h"
#include "sdp/scan.h"

#include <string.h>

typedef struct parser {
    section_t section;
    char *cursor;
    char *end;
    size_t line;          /* number of the line being read, from 1 */
    size_t section_lines; /* read in this section */
    bool has_time;
} parser_t;

static int fail(const char *what)
{
    return error_set(PEER_ERROR_SYNTAX, "%s", what);
}

/* Ends the next line with a NUL and returns it; NULL at the end of the text. */
static char *next_line(parser_t *parser)
{
    if (parser->cursor >= parser->end)
        return NULL;
    char *line = parser->cursor;
    char *end = memchr(line, '\n', (size_t)(parser->end - line));
    if (end == NULL)
        end = parser->end;
    parser->cursor = end + 1;
    parser->line++;
    *end = '\0';
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    return line;
}

static int scan_origin(char *value, sdp_origin_t *origin)
{
    origin->username = scan_word(&value);
    if (origin->username == NULL)
        return fail("o= has no user name");
    if (!scan_u64(scan_word(&value), UINT64_MAX, &origin->session_id))
        return fail("the session id in o= is not a number");
    if (!scan_u64(scan_word(&value), UINT64_MAX, &origin->session_version))
        return fail("the session version in o= is not a number");
    origin->network_type = scan_word(&value);
    origin->address_type = scan_word(&value);
    origin->address = scan_word(&value);
    if (!scan_is_token(origin->network_type) || !scan_is_token(origin->address_type) || !scan_is_visible(origin->address))
        return fail("o= has no network type, address type and address");
    return scan_rest(&value) == NULL ? 0 : fail("o= has more than six fields");
}

int sdp_connection_scan(char *value, sdp_connection_t *connection)
{
    connection->network_type = scan_word(&value);
    connection->address_type = scan_word(&value);
    connection->address = scan_word(&value);
    if (!scan_is_token(connection->network_type) || !scan_is_token(connection->address_type) || !scan_is_visible(connection->address))
        return fail("a network type, an address type and an address are needed");
    return scan_rest(&value) == NULL ? 0 : fail("something stands behind the address");
}

static int scan_bandwidth(section_t *section, char *value)
{
    sdp_common_t *common = section->common;
    sdp_bandwidth_t *bandwidth = ARENA_APPEND(&section->sdp->arena, common->bandwidths, common->bandwidth_count);
    if (bandwidth == NULL)
        return error_no_memory();
    bandwidth->type = scan_part(&value, ':');
    if (!scan_is_token(bandwidth->type) || !scan_u64(value, UINT64_MAX, &bandwidth->value))
        return fail("b= is not a type, a colon and a number");
    return 0;
}

static int scan_other(section_t *section, char type, char *value)
{
    sdp_common_t *common = section->common;
    sdp_line_t *line = ARENA_APPEND(&section->sdp->arena, common->lines, common->line_count);
    if (line == NULL)
        return error_no_memory();
    *line = (sdp_line_t){type, value};
    return 0;
}

/* "t=start stop", kept verbatim: nobody uses the times (RFC 9429 §5.8.1). */
static int scan_time(parser_t *parser, char *value)
{
    const char *start = value;
    size_t digits = strspn(value, "0123456789");
    size_t more = value[digits] == ' ' ? strspn(value + digits + 1, "0123456789") : 0;
    if (digits == 0 || more == 0 || start[digits + 1 + more] != '\0')
        return fail("t= is not two numbers");
    parser->has_time = true;
    return scan_other(&parser->section, 't', value);
}

static bool is_rtp(const char *protocol)
{
    return strncmp(protocol, "RTP/", 4) == 0 || strstr(protocol, "/RTP/") != NULL;
}

static bool is_protocol(const char *protocol)
{
    if (protocol == NULL)
        return false;
    bool part_is_empty = true;
    for (; *protocol != '\0'; protocol++) {
        const char one[2] = {*protocol, '\0'};
        if (*protocol == '/' ? part_is_empty : !scan_is_token(one))
            return false;
        part_is_empty = *protocol == '/';
    }
    return !part_is_empty;
}

static int scan_formats(arena_t *arena, char *value, sdp_media_t *media)
{
    const char *word;
    while ((word = scan_word(&value)) != NULL) {
        uint8_t payload_type;
        if (is_rtp(media->protocol) ? !scan_payload_type(word, &payload_type) : !scan_is_visible(word))
            return error_set(PEER_ERROR_SYNTAX, "m=: \"%.40s\" is not a payload type", word);
        if (media->format_count == SDP_TOKENS_MAX)
            return fail("m= has too many formats");
        const char **format = ARENA_APPEND(arena, media->formats, media->format_count);
        if (format == NULL)
            return error_no_memory();
        *format = word;
    }
    return media->format_count > 0 ? 0 : fail("m= has no format");
}

static int scan_media(parser_t *parser, char *value)
{
    sdp_t *sdp = parser->section.sdp;
    if (sdp->media_count == SDP_MEDIA_MAX)
        return fail("too many m= lines");
    sdp_media_t *media = ARENA_APPEND(&sdp->arena, sdp->media, sdp->media_count);
    if (media == NULL)
        return error_no_memory();
    parser->section = (section_t){.sdp = sdp, .media = media, .common = &media->common};
    parser->section_lines = 0;

    media->type = scan_word(&value);
    char *port = scan_word(&value);
    media->protocol = scan_word(&value);
    if (!scan_is_token(media->type))
        return fail("m= has no media type");
    media->port_count = 1;
    const char *first = scan_part(&port, '/');
    if (!scan_u16(first, &media->port))
        return fail("the port in m= is not a number from 0 to 65535");
    if (port != NULL && (!scan_u16(port, &media->port_count) || media->port_count == 0))
        return fail("the number of ports in m= is not a positive number");
    if (!is_protocol(media->protocol))
        return fail("m= has no transport protocol");
    return scan_formats(&sdp->arena, value, media);
}

static int scan_line(parser_t *parser, char *line)
{
    static const char opening[] = "vos";
    section_t *section = &parser->section;
    if (line[0] == '\0')
        return fail("an empty line");
    if (line[1] != '=')
        return error_set(PEER_ERROR_SYNTAX, "\"%.40s\" does not begin with a letter and \"=\"", line);
    if (parser->line <= 3 && line[0] != opening[parser->line - 1])
        return error_set(PEER_ERROR_SYNTAX, "%c= is expected here", opening[parser->line - 1]);
    if (++parser->section_lines > SDP_SECTION_LINES_MAX)
        return fail("too many lines in one section");

    char type = line[0], *value = line + 2;
    if (type == 'm')
        return scan_media(parser, value);
    if (type == 'a')
        return sdp_attribute_scan(section, value);
    if (*value == '\0' && type != 's')
        return error_set(PEER_ERROR_SYNTAX, "%c= has no value", type);
    switch (type) {
    case 'c':
        /* Several c= lines of one media section are for hierarchical multicast (RFC 8866 §5.7); the last one is kept. */
        if (sdp_connection_scan(value, &section->common->connection) < 0)
            return error_prefix(PEER_ERROR_SYNTAX, "c=: ");
        return 0;
    case 'b':
        return scan_bandwidth(section, value);
    case 'i':
    case 'k':
        return scan_other(section, type, value);
    default:
        break;
    }
    if (section->media != NULL)
        return error_set(PEER_ERROR_SYNTAX, "\"%c=\" has no place in a media section", type);
    switch (type) {
    case 'v':
        return parser->line == 1 && strcmp(value, "0") == 0 ? 0 : fail("v= is not 0, or stands twice");
    case 'o':
        return parser->line == 2 ? scan_origin(value, &section->sdp->origin) : fail("o= stands twice");
    case 's':
        section->sdp->session_name = value;
        return parser->line == 3 ? 0 : fail("s= stands twice");
    case 't':
        return scan_time(parser, value);
    case 'u':
    case 'e':
    case 'p':
    case 'r':
    case 'z':
        return scan_other(section, type, value);
    default:
        return error_set(PEER_ERROR_SYNTAX, "\"%c=\" is not a line of SDP", type);
    }
}

static int parse_lines(parser_t *parser)
{
    char *line;
    while ((line = next_line(parser)) != NULL) {
        if (parser->line > SDP_LINES_MAX)
            return fail("too many lines");
        if (strlen(line) > SDP_LINE_MAX)
            return fail("the line is too long");
        if (strchr(line, '\r') != NULL)
            return fail("a carriage return inside the line");
        int error = scan_line(parser, line);
        if (error < 0)
            return error;
    }
    if (parser->line < 3)
        return fail("the description ends before its v=, o= and s= lines");
    return parser->has_time ? 0 : fail("the description has no t= line");
}

sdp_t *sdp_new(void)
{
    return MEMORY_NEW(sdp_t);
}

void sdp_free(sdp_t *sdp)
{
    if (sdp == NULL)
        return;
    arena_clear(&sdp->arena);
    memory_free(sdp);
}

int sdp_parse(const char *text, size_t length, sdp_t **sdp)
{
    if (length > SDP_LENGTH_MAX) {
        error_set(PEER_ERROR_SYNTAX, "the description is longer than %u bytes", SDP_LENGTH_MAX);
        error_set_sdp_line(1);
        return PEER_ERROR_SYNTAX;
    }
    const char *nul = length != 0 ? memchr(text, '\0', length) : NULL;
    if (nul != NULL) {
        size_t line = 1;
        for (const char *c = text; c < nul; c++)
            line += *c == '\n';
        error_set(PEER_ERROR_SYNTAX, "line %zu: the description contains a NUL byte", line);
        error_set_sdp_line(line);
        return PEER_ERROR_SYNTAX;
    }
    sdp_t *parsed = sdp_new();
    char *copy = parsed != NULL ? arena_string_n(&parsed->arena, text, length) : NULL;
    if (copy == NULL) {
        sdp_free(parsed);
        return error_no_memory();
    }
    parser_t parser = {.section = {.sdp = parsed, .common = &parsed->common}, .cursor = copy, .end = copy + length};
    int error = parse_lines(&parser);
    if (error == 0 && !sdp_index(parsed))
        error = error_no_memory();
    if (error < 0) {
        sdp_free(parsed);
        if (error == PEER_ERROR_SYNTAX) {
            size_t line = parser.line > 0 ? parser.line : 1; /* an empty text */
            error_prefix(error, "line %zu: ", line);
            error_set_sdp_line(line);
        }
        return error;
    }
    *sdp = parsed;
    return 0;
}

sdp_t *sdp_copy(const sdp_t *sdp)
{
    text_t text = {0};
    sdp_write(sdp, &text);
    sdp_t *copy = NULL;
    if (!text.failed)
        sdp_parse(text.data, text.length, &copy);
    text_clear(&text);
    return copy;
}
