/* W3C WebRTC §4.7.3, "check if negotiation is needed", from the text of the descriptions. It shares nothing with the library but the
 * transceivers' attributes, which any application can read. */
#include "negotiation_model.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct section {
    const char *begin, *end;
} section_t;

static char *write(const model_side_t *side, jsep_which_t which, jsep_type_t *type)
{
    text_t text = {0};
    return jsep_description_write(model_session(side), which, type, &text) ? text_take(&text) : NULL;
}

static bool find_section(const char *sdp, int index, section_t *section)
{
    const char *at = sdp != NULL ? strstr(sdp, "\nm=") : NULL;
    for (; at != NULL && index > 0; index--)
        at = strstr(at + 1, "\nm=");
    if (at == NULL || index < 0)
        return false;
    section->begin = at + 1;
    section->end = strstr(at + 1, "\nm=");
    if (section->end == NULL)
        section->end = at + strlen(at);
    return true;
}

/* The next line in the section that begins so, behind `from` (NULL: the first one). */
static const char *find_line(const section_t *section, const char *from, const char *beginning)
{
    const char *line = from != NULL ? strchr(from, '\n') + 1 : section->begin;
    for (; line < section->end && *line != '\0'; line = strchr(line, '\n') + 1)
        if (strncmp(line, beginning, strlen(beginning)) == 0)
            return line;
    return NULL;
}

static bool has_word(const section_t *section, const char *line)
{
    const char *at = find_line(section, NULL, line);
    return at != NULL && (at[strlen(line)] == '\r' || at[strlen(line)] == '\n');
}

static bool is_section_rejected(const section_t *section)
{
    const char *port = strchr(section->begin, ' ');
    return strncmp(port, " 0 ", 3) == 0 && !has_word(section, "a=bundle-only");
}

#define SENDS 1
#define RECEIVES 2

static int direction_of(const section_t *section)
{
    if (has_word(section, "a=sendonly"))
        return SENDS;
    if (has_word(section, "a=recvonly"))
        return RECEIVES;
    return has_word(section, "a=inactive") ? 0 : SENDS | RECEIVES;
}

static int reverse(int direction)
{
    return ((direction & SENDS) != 0 ? RECEIVES : 0) | ((direction & RECEIVES) != 0 ? SENDS : 0);
}

static int direction_of_transceiver(const jsep_transceiver_t *t)
{
    return (strncmp(sdp_direction_name(t->direction), "send", 4) == 0 ? SENDS : 0) |
           (strstr(sdp_direction_name(t->direction), "recv") != NULL ? RECEIVES : 0);
}

static bool has_stream(const jsep_transceiver_t *t, const char *name, size_t length)
{
    for (size_t i = 0; i < t->sender_streams.count; i++)
        if (strlen(t->sender_streams.ids[i]) == length && strncmp(t->sender_streams.ids[i], name, length) == 0)
            return true;
    return false;
}

/* "doesn't contain a single a=msid line, or the number of MSIDs, or the MSID values themselves, differ" */
static bool msids_differ(const section_t *section, const jsep_transceiver_t *t)
{
    size_t lines = 0, named = 0;
    for (const char *line = find_line(section, NULL, "a=msid:"); line != NULL; line = find_line(section, line, "a=msid:")) {
        const char *name = line + strlen("a=msid:");
        size_t length = strcspn(name, " \r\n");
        lines++;
        if (length == 1 && *name == '-')
            continue;
        named++;
        if (!has_stream(t, name, length))
            return true;
    }
    return lines == 0 || named != t->sender_streams.count;
}

typedef struct descriptions {
    char *local, *remote;
    jsep_type_t type;
} descriptions_t;

static bool transceiver_needs_it(const descriptions_t *current, const jsep_transceiver_t *t)
{
    section_t local, remote;
    bool is_in_local = find_section(current->local, t->mline_index, &local);
    bool is_in_remote = find_section(current->remote, t->mline_index, &remote);
    if (t->is_stopping && !t->is_stopped)
        return true;
    if (t->is_stopped)
        return t->mid != NULL && !(is_in_local && is_section_rejected(&local)) && !(is_in_remote && is_section_rejected(&remote));
    char mid[160];
    snprintf(mid, sizeof mid, "a=mid:%s", t->mid != NULL ? t->mid : "");
    if (t->mid == NULL || !is_in_local || (find_line(&local, NULL, "a=mid:") != NULL && !has_word(&local, mid)))
        return true; /* not associated with an m= section in it */
    int wanted = direction_of_transceiver(t), ours = direction_of(&local);
    if ((wanted & SENDS) != 0 && msids_differ(&local, t))
        return true;
    int theirs = is_in_remote ? reverse(direction_of(&remote)) : -1;
    if (current->type == JSEP_OFFER)
        return ours != wanted && theirs != wanted;
    return is_in_remote && ours != (wanted & theirs);
}

static bool has_negotiated_data(const char *local)
{
    section_t section;
    for (int i = 0; find_section(local, i, &section); i++)
        if (strncmp(section.begin, "m=application ", 14) == 0 && !is_section_rejected(&section))
            return true;
    return false;
}

bool model_needs_negotiation(const model_side_t *side)
{
    descriptions_t current = {0};
    jsep_type_t remote_type;
    size_t count;
    jsep_transceiver_t *const *all = jsep_transceivers(model_session(side), &count);
    current.local = write(side, JSEP_CURRENT_LOCAL, &current.type);
    current.remote = write(side, JSEP_CURRENT_REMOTE, &remote_type);
    bool is_needed = side->replaced_count > 0 || (side->has_created_channel && !has_negotiated_data(current.local));
    for (size_t i = 0; !is_needed && i < count; i++)
        is_needed = transceiver_needs_it(&current, all[i]);
    memory_free(current.local);
    memory_free(current.remote);
    return is_needed;
}

/* ---- [[LocalIceCredentialsToReplace]] ---- */

static void remember(model_side_t *side, jsep_which_t which)
{
    jsep_type_t type;
    char *sdp = write(side, which, &type);
    const char *at = sdp != NULL ? strstr(sdp, "a=ice-ufrag:") : NULL;
    if (at != NULL)
        snprintf(side->replaced[side->replaced_count++], sizeof side->replaced[0], "%.*s", (int)strcspn(at, "\r\n"), at);
    memory_free(sdp);
}

void model_remember_credentials(model_side_t *side)
{
    side->replaced_count = 0;
    remember(side, JSEP_CURRENT_LOCAL);
    remember(side, JSEP_PENDING_LOCAL);
}

void model_forget_credentials(model_side_t *side)
{
    jsep_type_t type;
    char *sdp = write(side, JSEP_CURRENT_LOCAL, &type), line[72];
    for (size_t i = 0; sdp != NULL && i < side->replaced_count; i++) {
        snprintf(line, sizeof line, "%s\r", side->replaced[i]);
        if (strstr(sdp, line) != NULL) {
            memory_free(sdp);
            return;
        }
    }
    side->replaced_count = 0;
    memory_free(sdp);
}
