/* The session's state as a value: copying it, letting it go, finding things in it. Copies share the strings and descriptions, which are
 * counted and do not change (apart from the candidates of a description). */
#include "base/error.h"
#include "base/memory.h"
#include "jsep/session.h"

#include <string.h>

box_t *jsep_box_new(void)
{
    box_t *box = MEMORY_NEW(box_t);
    if (box != NULL)
        box->references = 1;
    return box;
}

box_t *jsep_box_ref(box_t *box)
{
    if (box != NULL)
        box->references++;
    return box;
}

void jsep_box_unref(box_t *box)
{
    if (box == NULL || --box->references > 0)
        return;
    arena_clear(&box->arena);
    memory_free(box);
}

description_t *jsep_description_new(sdp_t *sdp)
{
    description_t *description = MEMORY_NEW(description_t);
    if (description == NULL) {
        sdp_free(sdp);
        return NULL;
    }
    description->references = 1;
    description->sdp = sdp;
    description->tag = NO_LINE;
    return description;
}

description_t *jsep_description_ref(description_t *description)
{
    if (description != NULL)
        description->references++;
    return description;
}

void jsep_description_unref(description_t *description)
{
    if (description == NULL || --description->references > 0)
        return;
    memory_free(description->text);
    sdp_free(description->sdp);
    memory_free(description);
}

static void take_references(state_t *state)
{
    for (size_t i = 0; i < 4; i++)
        jsep_description_ref(state->descriptions[i]);
    for (size_t i = 0; i < state->entry_count; i++) {
        jsep_box_ref(state->entries[i].slots.box);
        jsep_box_ref(state->entries[i].slots.media_box);
    }
    jsep_box_ref(state->transport_box);
    jsep_box_ref(state->data_box);
}

int jsep_state_copy(const state_t *state, size_t more_entries, size_t line_count, state_t *copy)
{
    state_t next = *state;
    next.entry_capacity = state->entry_count + more_entries;
    next.line_capacity = line_count > state->line_capacity ? line_count : state->line_capacity;
    next.entries = memory_array(next.entry_capacity, sizeof *next.entries);
    next.by_line = memory_array(next.line_capacity, sizeof *next.by_line);
    if (next.entries == NULL || next.by_line == NULL) {
        memory_free(next.entries);
        memory_free(next.by_line);
        return error_no_memory();
    }
    if (state->entry_count != 0)
        memcpy(next.entries, state->entries, state->entry_count * sizeof *next.entries);
    jsep_state_bind_all(&next);
    take_references(&next);
    *copy = next;
    return 0;
}

void jsep_state_clear(state_t *state)
{
    for (size_t i = 0; i < 4; i++)
        jsep_description_unref(state->descriptions[i]);
    for (size_t i = 0; i < state->entry_count; i++) {
        jsep_box_unref(state->entries[i].slots.box);
        jsep_box_unref(state->entries[i].slots.media_box);
    }
    jsep_box_unref(state->transport_box);
    jsep_box_unref(state->data_box);
    memory_free(state->entries);
    memory_free(state->by_line);
    *state = (state_t){0};
}

entry_t *jsep_state_entry_by_line(const state_t *state, int mline_index)
{
    if (mline_index < 0 || (size_t)mline_index >= state->line_capacity || state->by_line[mline_index] == NO_LINE)
        return NULL;
    return &state->entries[state->by_line[mline_index]];
}

void jsep_state_bind(state_t *state, entry_t *entry, int mline_index)
{
    int old = entry->slots.mline_index;
    if (old >= 0 && (size_t)old < state->line_capacity && state->by_line[old] == (int)(entry - state->entries))
        state->by_line[old] = NO_LINE;
    entry->slots.mline_index = mline_index;
    if (mline_index >= 0 && (size_t)mline_index < state->line_capacity)
        state->by_line[mline_index] = (int)(entry - state->entries);
}

void jsep_state_bind_all(state_t *state)
{
    for (size_t i = 0; i < state->line_capacity; i++)
        state->by_line[i] = NO_LINE;
    for (size_t i = 0; i < state->entry_count; i++)
        if (state->entries[i].slots.mline_index >= 0 && (size_t)state->entries[i].slots.mline_index < state->line_capacity)
            state->by_line[state->entries[i].slots.mline_index] = (int)i;
}

entry_t *jsep_state_entry_by_id(const state_t *state, uint32_t id)
{
    size_t first = 0, end = state->entry_count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (state->entries[middle].transceiver->public.id < id)
            first = middle + 1;
        else
            end = middle;
    }
    return first < state->entry_count && state->entries[first].transceiver->public.id == id ? &state->entries[first] : NULL;
}

entry_t *jsep_state_entry_of(const state_t *state, const transceiver_t *transceiver)
{
    entry_t *entry = jsep_state_entry_by_id(state, transceiver->public.id);
    return entry != NULL && entry->transceiver == transceiver ? entry : NULL;
}

const sdp_t *jsep_last_answer(const state_t *state)
{
    static const jsep_which_t sides[] = {JSEP_CURRENT_LOCAL, JSEP_CURRENT_REMOTE};
    for (size_t i = 0; i < 2; i++)
        if (state->descriptions[sides[i]] != NULL && state->types[sides[i]] == JSEP_ANSWER)
            return state->descriptions[sides[i]]->sdp;
    return NULL;
}

uint32_t jsep_hash(const char *text)
{
    uint32_t value = 2166136261u; /* FNV-1a */
    for (; *text != '\0'; text++)
        value = (value ^ (uint8_t)*text) * 16777619u;
    return value;
}

const description_t *jsep_state_description(const state_t *state, jsep_which_t which)
{
    return state->descriptions[which];
}

const char *jsep_local_ufrag(const state_t *state, jsep_which_t which)
{
    const description_t *local = state->descriptions[which];
    return local != NULL && local->tag != NO_LINE ? local->sdp->media[local->tag].common.ice_ufrag : NULL;
}

int jsep_slots_set_strings(arena_t *arena, const char *const *strings, size_t count, const char *const **copy)
{
    const char **items = arena_array(arena, count, sizeof *items);
    if (items == NULL)
        return error_no_memory();
    for (size_t i = 0; i < count; i++) {
        items[i] = arena_string(arena, strings[i]);
        if (items[i] == NULL)
            return error_no_memory();
    }
    *copy = items;
    return 0;
}
