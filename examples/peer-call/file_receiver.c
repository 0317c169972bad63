#include "file_transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_MAX 4096 /* bytes of a JSON text from the other side */
#define NAMES_TRIED 100

struct file_receiver {
    peer_data_channel_t *channel;
    const char *directory;
    char name[101];
    char path[4096];
    FILE *file; /* NULL until the header came, and when nothing is kept */
    EVP_MD_CTX *hash;
    bool has_header, is_done;
    int64_t size, taken;
    file_count_t count;
    file_done_t done;
    void *user;
};

void file_safe_name(const char *name, char safe[101])
{
    const char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\');
    const char *from = slash != NULL && (backslash == NULL || slash > backslash) ? slash + 1 : backslash != NULL ? backslash + 1 : name;
    size_t length = 0;
    while (*from == '.')
        from++;
    for (; *from != '\0' && length < 100; from++)
        if ((unsigned char)*from >= 0x20 && *from != 0x7f)
            safe[length++] = *from;
    if (((unsigned char)*from & 0xc0) == 0x80) /* no half of a character at the cut */
        while (length > 0 && ((unsigned char)safe[--length] & 0xc0) == 0x80)
            continue;
    safe[length] = '\0';
    if (length == 0)
        memcpy(safe, "file", 5);
}

static void finish(file_receiver_t *receiver, const char *error)
{
    if (receiver->is_done)
        return;
    receiver->is_done = true;
    json_t *json = error == NULL ? json_pack("{s:b}", "ok", 1) : json_pack("{s:b, s:s}", "ok", 0, "error", error);
    char *answer = json_dumps(json, JSON_COMPACT);
    if (answer != NULL)
        peer_data_channel_send(receiver->channel, answer, strlen(answer), 1);
    free(answer);
    json_decref(json);
    if (receiver->file != NULL && fclose(receiver->file) != 0 && error == NULL)
        error = "the disk took no more";
    receiver->file = NULL;
    if (error != NULL && receiver->path[0] != '\0')
        unlink(receiver->path);
    receiver->done(receiver->user, receiver->name, receiver->taken, error);
}

/* Never over a file that is there, nor through a link: NAME, then NAME.2, NAME.3 and so on. */
static bool create_file(file_receiver_t *receiver)
{
    if (mkdir(receiver->directory, 0777) < 0 && errno != EEXIST)
        return false;
    int descriptor = -1;
    for (int i = 1; i <= NAMES_TRIED && descriptor < 0; i++) {
        char number[16] = "";
        if (i > 1)
            snprintf(number, sizeof number, ".%d", i);
        snprintf(receiver->path, sizeof receiver->path, "%s/%s%s", receiver->directory, receiver->name, number);
        descriptor = open(receiver->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    }
    receiver->file = descriptor >= 0 ? fdopen(descriptor, "wb") : NULL;
    if (receiver->file == NULL)
        receiver->path[0] = '\0';
    return receiver->file != NULL;
}

static void take_header(file_receiver_t *receiver, json_t *header)
{
    json_t *size = json_object_get(header, "size");
    const char *name = json_string_value(json_object_get(header, "name"));
    receiver->has_header = true;
    if (name != NULL)
        file_safe_name(name, receiver->name);
    receiver->size = json_is_integer(size) ? json_integer_value(size) : -1;
    if (receiver->size < 0 || receiver->size > FILE_SIZE_MAX)
        finish(receiver, "the header announces no size, or too large a one");
    else if (receiver->directory != NULL && !create_file(receiver))
        finish(receiver, "the file could not be made");
}

static void take_trailer(file_receiver_t *receiver, json_t *trailer)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned length = 0;
    EVP_DigestFinal_ex(receiver->hash, digest, &length);
    for (unsigned i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    json_t *announced = json_object_get(trailer, "sha256"); /* null from a page that may not compute it */
    if (receiver->taken != receiver->size)
        finish(receiver, "bytes are missing");
    else if (json_is_string(announced) ? strcmp(json_string_value(announced), hex) != 0 : !json_is_null(announced))
        finish(receiver, "the SHA-256 differs");
    else
        finish(receiver, NULL);
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    file_receiver_t *receiver = user;
    receiver->count(receiver->user, length);
    if (receiver->is_done)
        return;
    if (is_text) {
        json_t *json = length <= HEADER_MAX ? json_loadb(data, length, 0, NULL) : NULL;
        if (!json_is_object(json))
            finish(receiver, "header and trailer are JSON objects");
        else if (!receiver->has_header)
            take_header(receiver, json);
        else
            take_trailer(receiver, json);
        json_decref(json);
        return;
    }
    receiver->taken += (int64_t)length;
    if (!receiver->has_header || receiver->taken > receiver->size) {
        finish(receiver, "more bytes than were announced");
        return;
    }
    EVP_DigestUpdate(receiver->hash, data, length);
    if (receiver->file != NULL && fwrite(data, 1, length, receiver->file) != length)
        finish(receiver, "the disk took no more");
}

static void on_close(peer_data_channel_t *channel, void *user)
{
    finish(user, "broken off");
}

file_receiver_t *file_receiver_new(peer_data_channel_t *channel, const char *directory, file_count_t count, file_done_t done, void *user)
{
    static const peer_data_channel_events_t events = {.on_message = on_message, .on_close = on_close};
    file_receiver_t *receiver = calloc(1, sizeof *receiver);
    if (receiver == NULL)
        return NULL;
    receiver->directory = directory;
    receiver->count = count;
    receiver->done = done;
    receiver->user = user;
    receiver->hash = EVP_MD_CTX_new();
    if (receiver->hash == NULL || EVP_DigestInit_ex(receiver->hash, EVP_sha256(), NULL) != 1) {
        file_receiver_free(receiver);
        return NULL;
    }
    file_safe_name(peer_data_channel_label(channel) + strlen(FILE_LABEL), receiver->name);
    receiver->channel = peer_data_channel_ref(channel);
    peer_data_channel_set_events(channel, &events, receiver);
    return receiver;
}

void file_receiver_free(file_receiver_t *receiver)
{
    if (receiver == NULL)
        return;
    if (receiver->channel != NULL)
        peer_data_channel_set_events(receiver->channel, NULL, NULL);
    peer_data_channel_unref(receiver->channel);
    if (receiver->file != NULL) { /* cut short */
        fclose(receiver->file);
        unlink(receiver->path);
    }
    EVP_MD_CTX_free(receiver->hash);
    free(receiver);
}
