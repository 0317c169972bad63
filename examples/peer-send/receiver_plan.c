#include "receiver_private.h"

#include "mainloop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_SHOWN 10 /* of files that are in the way */
#define RANGES_MAX 500 /* in a message */

/* ---- the offer ---- */

/* What this process knows of entries that are offered again as they were. */
static void remember(manifest_t *manifest, const manifest_t *old)
{
    for (size_t i = 0; i < manifest->count && i < old->count; i++) {
        const entry_t *known = &old->entries[i];
        if (!manifest_entries_are_equal(&manifest->entries[i], known))
            continue;
        manifest->entries[i].is_done = known->is_done && !known->is_directory;
        manifest->entries[i].is_ours = known->is_ours;
    }
}

static step_t take_entries(receiver_t *receiver, manifest_t *manifest, int64_t count)
{
    step_t step = GOES_ON;
    const char *why = NULL, *type;
    while (step == GOES_ON && manifest->count < (size_t)count) {
        json_t *object;
        if ((step = receiver_next(receiver, &object, &type)) != GOES_ON)
            return step;
        const json_t *entries = json_object_get(object, "entries");
        if (strcmp(type, "entries") != 0 || json_array_size(entries) == 0)
            why = "it breaks the protocol";
        else if (manifest->count + json_array_size(entries) > (size_t)count)
            why = "it offers more than it said";
        if (why != NULL || !manifest_read(manifest, entries, &why))
            step = receiver_fail(receiver, "the offer is not taken: %s", why);
        json_decref(object);
    }
    const char *path;
    char shown[NAMES_SHOWN_SIZE];
    if (step == GOES_ON && manifest_has_conflict(manifest, &path))
        step = receiver_fail(receiver, "the offer is not taken: %s is in it twice", names_show(path, shown));
    return step;
}

static step_t take_offer(receiver_t *receiver)
{
    json_t *object;
    const char *type;
    step_t step = receiver_next(receiver, &object, &type);
    if (step != GOES_ON)
        return step;
    int64_t count = strcmp(type, "offer") == 0 ? protocol_number(object, "entries") : -1;
    json_decref(object);
    if (count < 1 || count > MANIFEST_ENTRIES_MAX)
        return receiver_fail(receiver, "the offer is not taken: it %s",
                             count > MANIFEST_ENTRIES_MAX ? "has too many files" : "makes no sense");
    manifest_t manifest = {0};
    step = take_entries(receiver, &manifest, count);
    if (step != GOES_ON) {
        manifest_clear(&manifest);
        return step;
    }
    remember(&manifest, &receiver->manifest);
    bool is_first = receiver->manifest.count == 0;
    manifest_clear(&receiver->manifest);
    receiver->manifest = manifest;
    if (is_first) {
        char extent[PROGRESS_EXTENT_SIZE], shown[NAMES_SHOWN_SIZE];
        size_t files = manifest_file_count(&manifest);
        names_show(manifest.entries[0].path, shown);
        progress_line(receiver->progress, "offered: %s%s, %zu file%s, %s", shown, manifest.count > 1 ? ", …" : "", files,
                      files == 1 ? "" : "s", progress_extent(manifest.bytes, manifest_has_stream(&manifest), extent));
        progress_event(receiver->progress,
                       json_pack("{s:s, s:I, s:I}", "event", "offer", "files", (json_int_t)files, "bytes", (json_int_t)manifest.bytes));
    }
    return GOES_ON;
}

/* ---- comparing ---- */

static step_t ask_whether_same(receiver_t *receiver, const entry_t *entry, int64_t bytes, const digest_t *digest)
{
    char hex[DIGEST_HEX_SIZE];
    digest_hex(digest, hex);
    json_t *check = json_pack("{s:s, s:I, s:I, s:s}", "type", "check", "entry", (json_int_t)(entry - receiver->manifest.entries), "bytes",
                              (json_int_t)bytes, "sha256", hex);
    return conduit_write_json(receiver->conduit, check) ? GOES_ON : BROKEN;
}

/* Of as many bytes as there are, which is told; NULL when it cannot be read. */
static digest_t *hash_local(receiver_t *receiver, const char *path, int64_t *bytes)
{
    int file = tree_open_to_read(receiver->tree, path);
    char *buffer = malloc(PROTOCOL_HASH_STEP);
    digest_t *digest = file >= 0 && buffer != NULL ? digest_new() : NULL;
    ssize_t length = 0;
    *bytes = 0;
    while (digest != NULL && (length = read(file, buffer, PROTOCOL_HASH_STEP)) > 0) {
        digest_add(digest, buffer, (size_t)length);
        *bytes += length;
        if (conduit_is_broken(receiver->conduit))
            length = -1;
        if (length < 0)
            break;
    }
    if (file >= 0)
        close(file);
    free(buffer);
    if (length == 0)
        return digest;
    digest_free(digest);
    return NULL;
}

/* What has the entry's name: the same file (is asked), something in the way, or nothing. */
static step_t look_at_file(receiver_t *receiver, entry_t *entry)
{
    struct stat status;
    const char *why;
    if (!tree_look(receiver->tree, entry->path, &status, &why)) {
        if (why != NULL)
            receiver_reject(receiver, entry, why);
        return GOES_ON;
    }
    if (S_ISDIR(status.st_mode)) {
        receiver_reject(receiver, entry, "a directory has its name");
        return GOES_ON;
    }
    entry->is_in_way = true;
    if (!S_ISREG(status.st_mode) || status.st_size != entry->size)
        return GOES_ON;
    int64_t bytes;
    digest_t *digest = hash_local(receiver, entry->path, &bytes);
    step_t step = GOES_ON;
    if (digest != NULL && bytes == entry->size) {
        entry->compared = bytes;
        step = ask_whether_same(receiver, entry, bytes, digest);
        entry->checks |= CHECK_FILE;
    }
    digest_free(digest);
    return step;
}

static step_t look_at_part(receiver_t *receiver, entry_t *entry)
{
    struct stat status;
    const char *why;
    char part[NAMES_PATH_MAX + 100];
    if (!receiver_find_part(receiver, entry, part) || !tree_look(receiver->tree, part, &status, &why))
        return GOES_ON;
    if (!entry->is_ours)
        entry->is_part_in_way = true; /* until it has proven to be a beginning of this file */
    if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_size == 0 ||
        (entry->size != MANIFEST_STREAM && status.st_size > entry->size))
        return GOES_ON;
    digest_t *digest = hash_local(receiver, part, &entry->compared);
    if (digest == NULL)
        return GOES_ON;
    entry->prefix = digest;
    entry->checks |= CHECK_PART;
    return ask_whether_same(receiver, entry, entry->compared, digest);
}

static step_t look_at_stdout(receiver_t *receiver)
{
    entry_t *only = NULL;
    for (size_t i = 0; i < receiver->manifest.count; i++) {
        entry_t *entry = &receiver->manifest.entries[i];
        if (!entry->is_directory && only == NULL)
            only = entry;
        else
            only = NULL, i = receiver->manifest.count;
    }
    if (only == NULL)
        return receiver_fail(receiver, "--output - takes one file, and more are offered");
    if (receiver->out_bytes == 0)
        return GOES_ON;
    only->compared = receiver->out_bytes;
    only->checks = CHECK_PART;
    only->prefix = digest_copy(receiver->out_digest);
    return only->prefix != NULL ? ask_whether_same(receiver, only, only->compared, only->prefix) : BROKEN;
}

static void take_verdict(entry_t *entry, bool is_same)
{
    if (entry->checks & CHECK_FILE) {
        entry->checks &= ~CHECK_FILE;
        entry->is_done = is_same;
        return;
    }
    entry->checks &= ~CHECK_PART;
    if (is_same) {
        entry->from = entry->compared;
        entry->is_part_in_way = false;
        entry->is_ours = true;
    }
}

/* Looks at all that is here; the answers come in the order of the questions. */
static step_t compare(receiver_t *receiver)
{
    manifest_t *manifest = &receiver->manifest;
    step_t step = receiver->goes_to_stdout ? look_at_stdout(receiver) : GOES_ON;
    for (size_t i = 0; i < manifest->count && !receiver->goes_to_stdout && step == GOES_ON; i++) {
        entry_t *entry = &manifest->entries[i];
        if (entry->is_directory || entry->is_done)
            continue;
        step = look_at_file(receiver, entry);
        if (step == GOES_ON && !entry->has_failed)
            step = look_at_part(receiver, entry);
    }
    for (size_t i = 0; i < manifest->count && step == GOES_ON; i++) {
        entry_t *entry = &manifest->entries[i];
        entry->from = 0;
        while (entry->checks != 0 && step == GOES_ON) {
            json_t *object;
            const char *type;
            if ((step = receiver_next(receiver, &object, &type)) != GOES_ON)
                break;
            if (strcmp(type, "checked") == 0 && protocol_entry(manifest, object) == entry)
                take_verdict(entry, json_is_true(json_object_get(object, "same")));
            else
                step = receiver_fail(receiver, "the sender breaks the protocol");
            json_decref(object);
        }
    }
    return step;
}

/* ---- asking ---- */

static bool is_blocked(const entry_t *entry)
{
    return !entry->is_directory && !entry->is_done && !entry->has_failed && (entry->is_in_way || entry->is_part_in_way);
}

static bool ask(receiver_t *receiver, size_t blocked)
{
    char answer[32] = "", shown[NAMES_SHOWN_SIZE];
    size_t told = 0;
    for (size_t i = 0; i < receiver->manifest.count && told < NAMES_SHOWN; i++) {
        const entry_t *entry = &receiver->manifest.entries[i];
        if (is_blocked(entry)) {
            names_show(entry->path, shown);
            progress_note(receiver->progress, "exists already: %s%s", shown, entry->is_in_way ? "" : ".part");
            told++;
        }
    }
    if (told < blocked)
        progress_note(receiver->progress, "… and %zu more", blocked - told);
    if (!isatty(STDIN_FILENO))
        return false;
    progress_ask(receiver->progress, true);
    fprintf(stderr, "Overwrite %s? [y/N] ", blocked == 1 ? "it" : "them");
    fflush(stderr);
    bool may = fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
    progress_ask(receiver->progress, false);
    return may;
}

static void settle_what_is_in_the_way(receiver_t *receiver)
{
    size_t blocked = 0;
    for (size_t i = 0; i < receiver->manifest.count; i++)
        blocked += is_blocked(&receiver->manifest.entries[i]);
    if (blocked == 0)
        return;
    if (receiver->settings.overwrites)
        receiver->permission = MAY_OVERWRITE;
    if (receiver->permission == NOT_ASKED)
        receiver->permission = ask(receiver, blocked) ? MAY_OVERWRITE : MAY_NOT;
    if (receiver->permission == MAY_OVERWRITE)
        return;
    for (size_t i = 0; i < receiver->manifest.count; i++)
        if (is_blocked(&receiver->manifest.entries[i]))
            receiver_reject(receiver, &receiver->manifest.entries[i], "something of this name exists, and was kept; --yes overwrites");
}

/* ---- saying what is wanted ---- */

static bool is_wanted(const entry_t *entry)
{
    return !entry->is_directory && !entry->is_done && !entry->has_failed;
}

static step_t check_room(receiver_t *receiver)
{
    int64_t needed = 0, there = receiver->tree != NULL ? tree_free_bytes(receiver->tree) : INT64_MAX;
    char sizes[2][PROGRESS_SIZE];
    for (size_t i = 0; i < receiver->manifest.count; i++) {
        const entry_t *entry = &receiver->manifest.entries[i];
        int64_t more = is_wanted(entry) && entry->size > entry->from ? entry->size - entry->from : 0;
        needed = more > INT64_MAX - needed ? INT64_MAX : needed + more;
    }
    if (needed <= there)
        return GOES_ON;
    return receiver_fail(receiver, "there is no room for it: %s are needed, and %s free", progress_size(needed, sizes[0]),
                         progress_size(there, sizes[1]));
}

static step_t send_ranges(receiver_t *receiver, json_t **ranges)
{
    bool is_sent = conduit_write_json(receiver->conduit, json_pack("{s:s, s:o}", "type", "want", "ranges", *ranges));
    *ranges = json_array();
    return is_sent && *ranges != NULL ? GOES_ON : BROKEN;
}

static step_t want(receiver_t *receiver)
{
    const manifest_t *manifest = &receiver->manifest;
    json_t *ranges = json_array();
    step_t step = GOES_ON;
    for (size_t i = 0; i < manifest->count && step == GOES_ON;) {
        const entry_t *entry = &manifest->entries[i];
        size_t first = i++;
        if (!is_wanted(entry))
            continue;
        while (entry->from == 0 && i < manifest->count && is_wanted(&manifest->entries[i]) && manifest->entries[i].from == 0)
            i++;
        json_array_append_new(ranges, json_pack("[I, I, I]", (json_int_t)first, (json_int_t)(i - first), (json_int_t)entry->from));
        if (json_array_size(ranges) == RANGES_MAX)
            step = send_ranges(receiver, &ranges);
    }
    if (step == GOES_ON)
        step = send_ranges(receiver, &ranges);
    json_decref(ranges);
    return step == GOES_ON && conduit_write_json(receiver->conduit, json_pack("{s:s}", "type", "go")) ? GOES_ON : BROKEN;
}

/* How far the bar is when it begins. */
static void count_before(receiver_t *receiver)
{
    bool is_endless = false;
    receiver->before = 0;
    for (size_t i = 0; i < receiver->manifest.count; i++) {
        const entry_t *entry = &receiver->manifest.entries[i];
        is_endless |= entry->size == MANIFEST_STREAM;
        receiver->before += is_wanted(entry) ? entry->from : entry->size > 0 ? entry->size : 0;
    }
    progress_begin(receiver->progress, is_endless ? -1 : receiver->manifest.bytes, receiver->before);
    char size[PROGRESS_SIZE];
    if (receiver->before > 0)
        progress_note(receiver->progress, "%s are here already", progress_size(receiver->before, size));
}

step_t receiver_plan(receiver_t *receiver)
{
    step_t step = take_offer(receiver);
    if (step == GOES_ON)
        step = compare(receiver);
    if (step == GOES_ON) {
        settle_what_is_in_the_way(receiver);
        step = check_room(receiver);
    }
    if (step == GOES_ON)
        count_before(receiver);
    if (receiver->started_us == 0)
        receiver->started_us = now_us();
    return step == GOES_ON ? want(receiver) : step;
}
