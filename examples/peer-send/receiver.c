#include "receiver_private.h"

#include "meeting.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAILURES_TOLD 100
#define SENDER_RETURNS_S 10 /* to hear the result, when the connection broke just then */

/* ---- for both halves ---- */

step_t receiver_fail(receiver_t *receiver, const char *format, ...)
{
    char text[NAMES_SHOWN_SIZE + 200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    progress_end(receiver->progress);
    progress_note(receiver->progress, "%s", text);
    conduit_write_json(receiver->conduit, json_pack("{s:s, s:s}", "type", "abort", "error", text));
    conduit_linger(receiver->conduit);
    receiver->status = STATUS_INCOMPLETE;
    return OVER;
}

static step_t take_abort(receiver_t *receiver, const json_t *object)
{
    char shown[NAMES_SHOWN_SIZE];
    progress_end(receiver->progress);
    progress_note(receiver->progress, "the sender gave up: %s", protocol_reason(object, "error", shown));
    receiver->status = STATUS_INCOMPLETE;
    return OVER;
}

step_t receiver_next(receiver_t *receiver, json_t **object, const char **type)
{
    message_t *message = conduit_read(receiver->conduit, true);
    if (message == NULL)
        return BROKEN;
    *object = protocol_parse(message, type);
    free(message);
    if (*object == NULL)
        return receiver_fail(receiver, "the sender breaks the protocol");
    if (strcmp(*type, "abort") != 0)
        return GOES_ON;
    take_abort(receiver, *object);
    json_decref(*object);
    return OVER;
}

bool receiver_find_part(const receiver_t *receiver, const entry_t *entry, char part[NAMES_PATH_MAX + 100])
{
    if (!names_part_of(entry->path, part))
        return false;
    while (manifest_has_path(&receiver->manifest, part)) { /* another one that comes has this name */
        char longer[NAMES_PATH_MAX + 100];
        if (!names_part_of(part, longer) || strlen(part) > NAMES_PATH_MAX)
            return false;
        memcpy(part, longer, sizeof longer);
    }
    return true;
}

void receiver_reject(receiver_t *receiver, entry_t *entry, const char *why)
{
    char shown[NAMES_SHOWN_SIZE];
    entry->has_failed = true;
    free(entry->source); /* which the receiver has no other use for: the reason, for the result */
    entry->source = strdup(why);
    progress_note(receiver->progress, "%s: %s", names_show(entry->path, shown), why);
}

/* ---- the file that comes ---- */

static void give_up(receiver_t *receiver, const char *why)
{
    snprintf(receiver->trouble_text, sizeof receiver->trouble_text, "%s", why);
    if (receiver->trouble == NULL)
        receiver->trouble = receiver->trouble_text;
}

/* What came of it stays: it is gone on with when the connection is back. */
static void let_go(receiver_t *receiver)
{
    if (receiver->file >= 0 && !receiver->goes_to_stdout) {
        if (receiver->has_hole && ftruncate(receiver->file, receiver->position) < 0)
            progress_note(receiver->progress, "the last zeros could not be kept: %s", strerror(errno));
        close(receiver->file);
    }
    receiver->file = -1;
    receiver->current = NULL;
    digest_free(receiver->digest);
    receiver->digest = NULL;
}

static step_t take_file(receiver_t *receiver, const json_t *object)
{
    entry_t *entry = protocol_entry(&receiver->manifest, object);
    if (entry == NULL || receiver->current != NULL || entry->is_directory || entry->is_done || entry->has_failed ||
        protocol_number(object, "from") != entry->from)
        return receiver_fail(receiver, "the sender breaks the protocol");
    receiver->current = entry;
    receiver->position = entry->from;
    receiver->trouble = NULL;
    receiver->has_hole = false;
    receiver->digest = entry->from > 0 && entry->prefix != NULL ? digest_copy(entry->prefix) : digest_new();
    if (receiver->digest == NULL)
        return receiver_fail(receiver, "memory ran out");
    const char *why = "its name is too long";
    if (receiver->goes_to_stdout)
        receiver->file = STDOUT_FILENO;
    else if (receiver_find_part(receiver, entry, receiver->part))
        receiver->file = tree_open_part(receiver->tree, receiver->part, entry->from > 0, entry->from, &why);
    if (receiver->goes_to_stdout && receiver->out_bytes != entry->from)
        give_up(receiver, "the beginning went out already, and cannot be taken back");
    else if (receiver->file < 0)
        give_up(receiver, why);
    else
        entry->is_ours = true;
    return GOES_ON;
}

static bool is_zero(const char *bytes, size_t length)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static bool write_all(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

/* Zeros become a hole, so that a sparse file stays one. */
static bool keep(receiver_t *receiver, const char *bytes, size_t length)
{
    bool is_hole = !receiver->goes_to_stdout && is_zero(bytes, length);
    if (is_hole && lseek(receiver->file, (off_t)length, SEEK_CUR) < 0)
        return false;
    if (!is_hole && !write_all(receiver->file, bytes, length))
        return false;
    receiver->has_hole = is_hole;
    return true;
}

static step_t acknowledge(receiver_t *receiver)
{
    receiver->acknowledged = receiver->taken;
    const entry_t *entry = receiver->current;
    return conduit_write_json(receiver->conduit,
                              json_pack("{s:s, s:I, s:I, s:I}", "type", "have", "total", (json_int_t)receiver->taken, "entry",
                                        (json_int_t)(entry - receiver->manifest.entries), "bytes", (json_int_t)receiver->position))
               ? GOES_ON
               : BROKEN;
}

static step_t take_bytes(receiver_t *receiver, const message_t *message)
{
    entry_t *entry = receiver->current;
    int64_t length = (int64_t)message->length;
    if (entry == NULL || length == 0 || (entry->size != MANIFEST_STREAM && length > entry->size - receiver->position))
        return receiver_fail(receiver, "the sender breaks the protocol: more bytes than it said");
    if (receiver->trouble == NULL && !keep(receiver, message->bytes, message->length)) {
        if (errno == ENOSPC || errno == EDQUOT || receiver->goes_to_stdout)
            return receiver_fail(receiver, "it could not be written: %s. What has come is kept", strerror(errno));
        give_up(receiver, strerror(errno));
    }
    digest_add(receiver->digest, message->bytes, message->length);
    if (receiver->goes_to_stdout && receiver->trouble == NULL) {
        digest_add(receiver->out_digest, message->bytes, message->length);
        receiver->out_bytes += length;
    }
    receiver->position += length;
    receiver->taken += length;
    progress_at(receiver->progress, receiver->before + receiver->taken, entry->path);
    return receiver->taken - receiver->acknowledged >= PROTOCOL_ACKNOWLEDGE ? acknowledge(receiver) : GOES_ON;
}

static bool put_in_place(receiver_t *receiver, entry_t *entry)
{
    const char *why;
    if (receiver->goes_to_stdout)
        return true;
    if (receiver->has_hole && ftruncate(receiver->file, receiver->position) < 0) {
        give_up(receiver, strerror(errno));
        return false;
    }
    int file = receiver->file;
    receiver->file = -1;
    bool may_replace = entry->is_in_way && receiver->permission == MAY_OVERWRITE;
    if (tree_finish(receiver->tree, file, receiver->part, entry, may_replace, &why))
        return true;
    give_up(receiver, why);
    return false;
}

static step_t take_end(receiver_t *receiver, const json_t *object)
{
    entry_t *entry = receiver->current;
    char hex[DIGEST_HEX_SIZE], shown[NAMES_SHOWN_SIZE];
    const char *theirs = json_string_value(json_object_get(object, "sha256"));
    if (entry == NULL || protocol_entry(&receiver->manifest, object) != entry)
        return receiver_fail(receiver, "the sender breaks the protocol");
    digest_hex(receiver->digest, hex);
    if (receiver->trouble == NULL && theirs == NULL)
        give_up(receiver, protocol_reason(object, "error", shown));
    else if (receiver->trouble == NULL && entry->size != MANIFEST_STREAM && receiver->position != entry->size)
        give_up(receiver, "bytes are missing");
    else if (receiver->trouble == NULL && strcmp(theirs, hex) != 0)
        give_up(receiver, "it is not what was sent: the SHA-256 differs. What came is kept in the .part file");
    entry->is_done = receiver->trouble == NULL && put_in_place(receiver, entry);
    if (entry->is_done) {
        progress_event(receiver->progress, json_pack("{s:s, s:s, s:I, s:s}", "event", "file", "path", entry->path, "bytes",
                                                     (json_int_t)receiver->position, "sha256", hex));
        if (entry->size == MANIFEST_STREAM)
            receiver->manifest.bytes += receiver->position;
    } else {
        receiver_reject(receiver, entry, receiver->trouble);
    }
    let_go(receiver);
    return GOES_ON;
}

/* ---- the end ---- */

static void make_directories(receiver_t *receiver)
{
    const char *why;
    for (size_t i = 0; i < receiver->manifest.count && !receiver->goes_to_stdout; i++) {
        entry_t *entry = &receiver->manifest.entries[i];
        if (!entry->is_directory)
            continue;
        if (tree_make_directory(receiver->tree, entry->path, &why))
            entry->is_done = true;
        else
            receiver_reject(receiver, entry, why);
    }
}

static step_t conclude(receiver_t *receiver)
{
    manifest_t *manifest = &receiver->manifest;
    size_t failed = 0, files = 0;
    int64_t bytes = manifest->bytes;
    char size[PROGRESS_SIZE];
    json_t *failures = json_array();
    for (size_t i = manifest->count; i-- > 0;) { /* what is inside first: it changes the time of its directory */
        entry_t *entry = &manifest->entries[i];
        if (entry->is_directory && entry->is_done)
            tree_finish_directory(receiver->tree, entry);
        files += !entry->is_directory && entry->is_done;
        if (entry->is_done || (entry->is_directory && receiver->goes_to_stdout))
            continue;
        bytes -= entry->size > 0 ? entry->size : 0;
        if (failed++ < FAILURES_TOLD)
            json_array_append_new(failures, json_pack("{s:I, s:s}", "entry", (json_int_t)i, "error",
                                                      entry->source != NULL ? entry->source : "it was not sent"));
    }
    receiver->status = failed == 0 ? STATUS_DONE : STATUS_INCOMPLETE;
    receiver->is_concluded = true;
    progress_end(receiver->progress);
    double seconds = (double)(now_us() - receiver->started_us) / 1e6;
    progress_line(receiver->progress, "received %zu file%s, %s in %.1f s%s", files, files == 1 ? "" : "s", progress_size(bytes, size),
                  seconds, failed == 0 ? ", all checked" : "; not all is here");
    progress_event(receiver->progress,
                   json_pack("{s:s, s:i, s:I, s:I, s:I, s:f}", "event", "done", "status", receiver->status, "files", (json_int_t)files,
                             "failed", (json_int_t)failed, "bytes", (json_int_t)bytes, "seconds", seconds));
    if (!conduit_write_json(receiver->conduit, json_pack("{s:s, s:I, s:I, s:I, s:o}", "type", "result", "received", (json_int_t)files,
                                                         "failed", (json_int_t)failed, "bytes", (json_int_t)bytes, "failures", failures)))
        return BROKEN;
    message_t *bye = conduit_read(receiver->conduit, true);
    free(bye);
    return bye != NULL ? OVER : BROKEN;
}

/* ---- a connection from its beginning to its end ---- */

static step_t take_message(receiver_t *receiver, const message_t *message)
{
    if (!message->is_text)
        return take_bytes(receiver, message);
    const char *type;
    json_t *object = protocol_parse(message, &type);
    step_t step;
    if (strcmp(type, "file") == 0)
        step = take_file(receiver, object);
    else if (strcmp(type, "end") == 0)
        step = take_end(receiver, object);
    else if (strcmp(type, "abort") == 0)
        step = take_abort(receiver, object);
    else if (strcmp(type, "complete") == 0 && receiver->current == NULL)
        step = conclude(receiver);
    else
        step = receiver_fail(receiver, "the sender breaks the protocol");
    json_decref(object);
    return step;
}

static step_t run_session(receiver_t *receiver)
{
    receiver->taken = receiver->acknowledged = 0;
    step_t step = receiver_plan(receiver);
    if (step == GOES_ON)
        make_directories(receiver);
    while (step == GOES_ON) {
        message_t *message = conduit_read(receiver->conduit, true);
        step = message != NULL ? take_message(receiver, message) : BROKEN;
        free(message);
    }
    let_go(receiver);
    return step;
}

int receiver_run(const receiver_settings_t *settings)
{
    receiver_t *receiver = calloc(1, sizeof *receiver);
    if (receiver == NULL)
        return STATUS_INCOMPLETE;
    receiver->settings = *settings;
    receiver->conduit = settings->conduit;
    receiver->progress = settings->progress;
    receiver->goes_to_stdout = strcmp(settings->output, "-") == 0;
    receiver->status = STATUS_INCOMPLETE;
    receiver->file = -1;
    receiver->out_digest = digest_new();
    if (!receiver->goes_to_stdout && (receiver->tree = tree_open(settings->output)) == NULL) {
        progress_note(receiver->progress, "%s cannot be used: %s. Give --output a directory that you may write to", settings->output,
                      strerror(errno));
        receiver->status = STATUS_USAGE;
    } else {
        while (conduit_wait(receiver->conduit, receiver->is_concluded ? SENDER_RETURNS_S : 0))
            if (run_session(receiver) == OVER)
                break;
    }
    int status = receiver->status;
    manifest_clear(&receiver->manifest);
    tree_close(receiver->tree);
    digest_free(receiver->out_digest);
    free(receiver);
    return status;
}
