#include "sender.h"

#include "meeting.h"
#include "names.h"
#include "protocol.h"
#include "scan.h"
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAILURES_SHOWN 20

typedef struct sender {
    conduit_t *conduit;
    progress_t *progress;
    manifest_t *manifest;
    stream_t *stream; /* of the standard input, once it is asked for */
    bool has_session; /* there was one before */
    int status;       /* when it is over */
    int64_t started_us;
    /* Of the connection: */
    int64_t before, sent, taken; /* bytes that need not be sent; that were sent; that the receiver has of these */
    bool has_go;
    json_t *result;
} sender_t;

static step_t fail(sender_t *sender, const char *format, const char *detail)
{
    char text[NAMES_SHOWN_SIZE + 200];
    snprintf(text, sizeof text, format, detail);
    progress_end(sender->progress);
    progress_note(sender->progress, "%s", text);
    conduit_write_json(sender->conduit, json_pack("{s:s, s:s}", "type", "abort", "error", text));
    conduit_linger(sender->conduit);
    sender->status = STATUS_INCOMPLETE;
    return OVER;
}

static stream_t *open_stream(sender_t *sender)
{
    if (sender->stream == NULL)
        sender->stream = stream_new(STDIN_FILENO);
    return sender->stream;
}

/* ---- what the receiver has already ---- */

/* Hashes the first bytes of a file. NULL when there are not so many, or the connection broke meanwhile. */
static digest_t *hash_file(sender_t *sender, const entry_t *entry, int64_t bytes)
{
    int file = open(entry->source, O_RDONLY | O_CLOEXEC);
    char *buffer = malloc(PROTOCOL_HASH_STEP);
    digest_t *digest = digest_new();
    while (file >= 0 && buffer != NULL && digest != NULL && bytes > 0 && !conduit_is_broken(sender->conduit)) {
        ssize_t length = read(file, buffer, bytes < PROTOCOL_HASH_STEP ? (size_t)bytes : PROTOCOL_HASH_STEP);
        if (length <= 0)
            break;
        digest_add(digest, buffer, (size_t)length);
        bytes -= length;
    }
    if (file >= 0)
        close(file);
    free(buffer);
    if (bytes == 0 && file >= 0)
        return digest;
    digest_free(digest);
    return NULL;
}

static step_t take_check(sender_t *sender, const json_t *object)
{
    entry_t *entry = protocol_entry(sender->manifest, object);
    int64_t bytes = protocol_number(object, "bytes");
    const char *theirs = json_string_value(json_object_get(object, "sha256"));
    char ours[DIGEST_HEX_SIZE] = "";
    if (entry == NULL || entry->is_directory || bytes < 0 || theirs == NULL)
        return fail(sender, "the receiver breaks the protocol%s", "");
    digest_free(entry->prefix);
    entry->prefix = NULL;
    if (entry->source == NULL && open_stream(sender) != NULL)
        stream_hash(sender->stream, bytes, ours);
    else if (entry->source != NULL && bytes <= entry->size && (entry->prefix = hash_file(sender, entry, bytes)) != NULL)
        digest_hex(entry->prefix, ours);
    bool is_same = ours[0] != '\0' && strcmp(ours, theirs) == 0;
    if (!is_same || bytes == entry->size) { /* a whole file is mostly there under its own name, and not asked for again */
        digest_free(entry->prefix);
        entry->prefix = NULL;
    }
    entry->compared = is_same ? bytes : 0;
    json_t *answer =
        json_pack("{s:s, s:I, s:b}", "type", "checked", "entry", (json_int_t)(entry - sender->manifest->entries), "same", is_same);
    return conduit_write_json(sender->conduit, answer) ? GOES_ON : BROKEN;
}

/* Ranges of entries, [first, count, from]. */
static step_t take_want(sender_t *sender, const json_t *object)
{
    const json_t *ranges = json_object_get(object, "ranges");
    for (size_t i = 0; i < json_array_size(ranges); i++) {
        const json_t *range = json_array_get(ranges, i);
        json_int_t first = json_integer_value(json_array_get(range, 0)), count = json_integer_value(json_array_get(range, 1)),
                   from = json_integer_value(json_array_get(range, 2));
        if (first < 0 || count < 0 || from < 0 || (size_t)first > sender->manifest->count ||
            (size_t)count > sender->manifest->count - (size_t)first)
            return fail(sender, "the receiver breaks the protocol%s", "");
        for (json_int_t j = first; j < first + count; j++) {
            entry_t *entry = &sender->manifest->entries[j];
            if (from != 0 && from != entry->compared)
                return fail(sender, "the receiver breaks the protocol%s", "");
            entry->from = from;
        }
    }
    return GOES_ON;
}

static step_t take_message(sender_t *sender, const message_t *message)
{
    const char *type;
    json_t *object = protocol_parse(message, &type);
    char shown[NAMES_SHOWN_SIZE];
    step_t step = GOES_ON;
    if (strcmp(type, "have") == 0) {
        int64_t total = protocol_number(object, "total");
        const entry_t *entry = protocol_entry(sender->manifest, object);
        if (total > sender->taken && total <= sender->sent)
            sender->taken = total;
        if (entry != NULL && entry->source == NULL && sender->stream != NULL)
            stream_taken(sender->stream, protocol_number(object, "bytes"));
        progress_at(sender->progress, sender->before + sender->taken, NULL);
    } else if (strcmp(type, "check") == 0 && !sender->has_go) {
        step = take_check(sender, object);
    } else if (strcmp(type, "want") == 0 && !sender->has_go) {
        step = take_want(sender, object);
    } else if (strcmp(type, "go") == 0) {
        sender->has_go = true;
    } else if (strcmp(type, "result") == 0) {
        sender->result = json_incref(object);
    } else if (strcmp(type, "abort") == 0) {
        progress_end(sender->progress);
        progress_note(sender->progress, "the receiver gave up: %s", protocol_reason(object, "error", shown));
        sender->status = STATUS_INCOMPLETE;
        step = OVER;
    } else {
        step = fail(sender, "the receiver breaks the protocol%s", "");
    }
    json_decref(object);
    return step;
}

/* Takes what has come; with `waiting` one more at least. */
static step_t take_messages(sender_t *sender, bool waiting)
{
    step_t step = GOES_ON;
    for (message_t *message; step == GOES_ON && (message = conduit_read(sender->conduit, waiting)) != NULL; waiting = false) {
        step = take_message(sender, message);
        free(message);
    }
    return step == GOES_ON && conduit_is_broken(sender->conduit) ? BROKEN : step;
}

/* ---- offering ---- */

static step_t offer(sender_t *sender)
{
    manifest_t *manifest = sender->manifest;
    if (!conduit_write_json(sender->conduit, json_pack("{s:s, s:I, s:I}", "type", "offer", "entries", (json_int_t)manifest->count, "bytes",
                                                       (json_int_t)manifest->bytes)))
        return BROKEN;
    for (size_t at = 0; at < manifest->count;) {
        json_t *entries = manifest_write(manifest, &at);
        if (entries == NULL || !conduit_write_json(sender->conduit, json_pack("{s:s, s:o}", "type", "entries", "entries", entries)))
            return BROKEN;
    }
    return GOES_ON;
}

static void count_before(sender_t *sender)
{
    int64_t before = 0;
    bool is_endless = false;
    for (size_t i = 0; i < sender->manifest->count; i++) {
        const entry_t *entry = &sender->manifest->entries[i];
        is_endless |= entry->size == MANIFEST_STREAM;
        before += entry->from < 0 ? (entry->size > 0 ? entry->size : 0) : entry->from;
    }
    sender->before = before;
    progress_begin(sender->progress, is_endless ? -1 : sender->manifest->bytes, before);
}

/* ---- the bytes ---- */

static bool say_end(sender_t *sender, size_t index, const char *sha256, const char *error)
{
    char shown[NAMES_SHOWN_SIZE];
    if (error != NULL)
        progress_note(sender->progress, "%s was not sent: %s", names_show(sender->manifest->entries[index].path, shown), error);
    return conduit_write_json(sender->conduit,
                              error == NULL ? json_pack("{s:s, s:I, s:s}", "type", "end", "entry", (json_int_t)index, "sha256", sha256)
                                            : json_pack("{s:s, s:I, s:s}", "type", "end", "entry", (json_int_t)index, "error", error));
}

static step_t send_bytes(sender_t *sender, const void *bytes, size_t length)
{
    step_t step = take_messages(sender, false);
    while (step == GOES_ON && sender->sent + (int64_t)length - sender->taken > CONDUIT_WINDOW)
        step = take_messages(sender, true);
    if (step != GOES_ON)
        return step;
    sender->sent += (int64_t)length;
    return conduit_write(sender->conduit, bytes, length, false) ? GOES_ON : BROKEN;
}

static step_t send_stream(sender_t *sender, size_t index)
{
    char hex[DIGEST_HEX_SIZE];
    const entry_t *entry = &sender->manifest->entries[index];
    if (open_stream(sender) == NULL || !stream_seek(sender->stream, entry->from))
        return say_end(sender, index, NULL, "the stream has gone on, and cannot be begun again") ? GOES_ON : BROKEN;
    for (;;) {
        const uint8_t *bytes;
        size_t length;
        step_t step = GOES_ON;
        switch (stream_read(sender->stream, conduit_descriptor(sender->conduit), &bytes, &length)) {
        case STREAM_BYTES:
            step = send_bytes(sender, bytes, length);
            break;
        case STREAM_WAITS:
            step = take_messages(sender, false);
            break;
        case STREAM_FAILED:
            return say_end(sender, index, NULL, "the input cannot be read") ? GOES_ON : BROKEN;
        case STREAM_END:
            stream_hash(sender->stream, stream_position(sender->stream), hex);
            return say_end(sender, index, hex, NULL) ? GOES_ON : BROKEN;
        }
        if (step != GOES_ON)
            return step;
    }
}

/* Sends an open file from entry->from on; it is what it was when it was offered, or else the receiver is told. */
static step_t send_open_file(sender_t *sender, size_t index, int file)
{
    const entry_t *entry = &sender->manifest->entries[index];
    digest_t *digest = entry->from == 0        ? digest_new()
                       : entry->prefix != NULL ? digest_copy(entry->prefix)
                                               : hash_file(sender, entry, entry->from);
    char *buffer = malloc(CONDUIT_CHUNK), hex[DIGEST_HEX_SIZE];
    int64_t left = entry->size - entry->from;
    step_t step = digest != NULL && buffer != NULL ? GOES_ON : BROKEN; /* memory ran out, or so it is */
    while (step == GOES_ON) {
        ssize_t length = read(file, buffer, CONDUIT_CHUNK);
        if (length == 0 && left == 0) {
            digest_hex(digest, hex);
            step = say_end(sender, index, hex, NULL) ? GOES_ON : BROKEN;
            break;
        }
        if (length <= 0 || length > left) {
            step = say_end(sender, index, NULL, length < 0 ? strerror(errno) : "the file changed while it was sent") ? GOES_ON : BROKEN;
            break;
        }
        digest_add(digest, buffer, (size_t)length);
        left -= length;
        step = send_bytes(sender, buffer, (size_t)length);
    }
    digest_free(digest);
    free(buffer);
    return step;
}

static step_t send_file(sender_t *sender, size_t index)
{
    const entry_t *entry = &sender->manifest->entries[index];
    struct stat status;
    int file = open(entry->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    step_t step;
    if (file < 0 || fstat(file, &status) < 0 || lseek(file, entry->from, SEEK_SET) < 0)
        step = say_end(sender, index, NULL, strerror(errno)) ? GOES_ON : BROKEN;
    else if (!S_ISREG(status.st_mode) || status.st_size != entry->size)
        step = say_end(sender, index, NULL, "the file changed after it was offered") ? GOES_ON : BROKEN;
    else
        step = send_open_file(sender, index, file);
    if (file >= 0)
        close(file);
    return step;
}

static step_t send_all(sender_t *sender)
{
    for (size_t i = 0; i < sender->manifest->count; i++) {
        const entry_t *entry = &sender->manifest->entries[i];
        if (entry->from < 0 || entry->is_directory)
            continue;
        progress_at(sender->progress, sender->before + sender->taken, entry->path);
        if (!conduit_write_json(sender->conduit,
                                json_pack("{s:s, s:I, s:I}", "type", "file", "entry", (json_int_t)i, "from", (json_int_t)entry->from)))
            return BROKEN;
        step_t step = entry->source == NULL ? send_stream(sender, i) : send_file(sender, i);
        if (step != GOES_ON)
            return step;
    }
    return conduit_write_json(sender->conduit, json_pack("{s:s}", "type", "complete")) ? GOES_ON : BROKEN;
}

/* ---- a connection from its beginning to its end ---- */

static step_t take_result(sender_t *sender)
{
    char size[PROGRESS_SIZE], shown[NAMES_SHOWN_SIZE];
    int64_t received = protocol_number(sender->result, "received"), bytes = protocol_number(sender->result, "bytes");
    const json_t *failures = json_object_get(sender->result, "failures");
    progress_at(sender->progress, sender->before + sender->sent, NULL);
    progress_end(sender->progress);
    conduit_write_json(sender->conduit, json_pack("{s:s}", "type", "bye"));
    conduit_linger(sender->conduit);
    for (size_t i = 0; i < json_array_size(failures) && i < FAILURES_SHOWN; i++) {
        const entry_t *entry = protocol_entry(sender->manifest, json_array_get(failures, i));
        char path[NAMES_SHOWN_SIZE];
        if (entry != NULL)
            progress_note(sender->progress, "%s: %s", names_show(entry->path, path),
                          protocol_reason(json_array_get(failures, i), "error", shown));
    }
    bool is_whole = protocol_number(sender->result, "failed") == 0;
    sender->status = is_whole ? STATUS_DONE : STATUS_INCOMPLETE;
    progress_line(sender->progress, "%s %lld file%s, %s%s",
                  is_whole ? "sent and checked:" : "not all arrived; what did:", (long long)received, received == 1 ? "" : "s",
                  progress_size(bytes > 0 ? bytes : 0, size), is_whole ? ", all as they are here" : "");
    progress_event(sender->progress, json_pack("{s:s, s:i, s:I, s:I, s:I, s:f}", "event", "done", "status", sender->status, "files",
                                               (json_int_t)received, "failed", (json_int_t)protocol_number(sender->result, "failed"),
                                               "bytes", (json_int_t)bytes, "seconds", (double)(now_us() - sender->started_us) / 1e6));
    return OVER;
}

static step_t run_session(sender_t *sender)
{
    if (sender->has_session)
        scan_again(sender->manifest);
    sender->has_session = true;
    sender->sent = sender->taken = 0;
    sender->has_go = false;
    for (size_t i = 0; i < sender->manifest->count; i++) {
        entry_t *entry = &sender->manifest->entries[i];
        digest_free(entry->prefix);
        entry->prefix = NULL;
        entry->compared = 0;
        entry->from = -1;
    }
    step_t step = offer(sender);
    while (step == GOES_ON && !sender->has_go)
        step = take_messages(sender, true);
    if (step != GOES_ON)
        return step;
    if (sender->started_us == 0)
        sender->started_us = now_us();
    count_before(sender);
    step = send_all(sender);
    while (step == GOES_ON && sender->result == NULL)
        step = take_messages(sender, true);
    return step == GOES_ON ? take_result(sender) : step;
}

int sender_run(const sender_settings_t *settings)
{
    sender_t sender = {
        .conduit = settings->conduit, .progress = settings->progress, .manifest = settings->manifest, .status = STATUS_INCOMPLETE};
    while (conduit_wait(sender.conduit, 0))
        if (run_session(&sender) == OVER)
            break;
    stream_free(sender.stream);
    json_decref(sender.result);
    return sender.status;
}
