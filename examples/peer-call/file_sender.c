#include "file_transfer.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK_SIZE (64 * 1024)          /* every implementation of today takes that much in a message */
#define BUFFERED_MAX (1024 * 1024)      /* no more is handed in until ... */
#define BUFFERED_LOW (BUFFERED_MAX / 4) /* ... this little is left */

struct file_sender {
    peer_data_channel_t *channel;
    FILE *file;
    EVP_MD_CTX *hash;
    int64_t size, sent;
    const char *name; /* in the label of the channel */
    bool has_trailer; /* all was handed in */
    bool is_done;
    file_done_t done;
    void *user;
};

static void finish(file_sender_t *sender, const char *error)
{
    if (sender->is_done)
        return;
    sender->is_done = true;
    peer_data_channel_close(sender->channel);
    sender->done(sender->user, sender->name, sender->size, error);
}

static bool send_json(file_sender_t *sender, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    bool sent = text != NULL && peer_data_channel_send(sender->channel, text, strlen(text), 1) == 0;
    free(text);
    json_decref(json);
    return sent;
}

static bool send_trailer(file_sender_t *sender)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned length = 0;
    EVP_DigestFinal_ex(sender->hash, digest, &length);
    for (unsigned i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    sender->has_trailer = true;
    return send_json(sender, json_pack("{s:s}", "sha256", hex));
}

/* Hands chunks in as long as few bytes wait; on_buffered_amount_low calls again. */
static void pump(file_sender_t *sender)
{
    static const char refused[] = "the channel took no more";
    char chunk[CHUNK_SIZE];
    while (!sender->is_done && !sender->has_trailer && peer_data_channel_buffered_amount(sender->channel) <= BUFFERED_MAX) {
        size_t length = fread(chunk, 1, sizeof chunk, sender->file);
        if (length == 0) {
            if (ferror(sender->file) || sender->sent != sender->size)
                finish(sender, "the file changed or could not be read while it was sent");
            else if (!send_trailer(sender))
                finish(sender, refused);
            return;
        }
        EVP_DigestUpdate(sender->hash, chunk, length);
        sender->sent += (int64_t)length;
        if (peer_data_channel_send(sender->channel, chunk, length, 0) < 0)
            finish(sender, peer_last_error_message());
    }
}

static void on_open(peer_data_channel_t *channel, void *user)
{
    file_sender_t *sender = user;
    peer_data_channel_set_buffered_amount_low_threshold(channel, BUFFERED_LOW);
    if (send_json(sender, json_pack("{s:s, s:I}", "name", sender->name, "size", (json_int_t)sender->size)))
        pump(sender);
    else
        finish(sender, "the header could not be sent");
}

static void on_buffered_amount_low(peer_data_channel_t *channel, void *user)
{
    pump(user);
}

static void on_message(peer_data_channel_t *channel, const void *data, size_t length, int32_t is_text, void *user)
{
    json_t *answer = json_loadb(data, length, 0, NULL);
    const char *error = json_string_value(json_object_get(answer, "error"));
    if (json_is_true(json_object_get(answer, "ok")))
        finish(user, NULL);
    else
        finish(user, error != NULL ? error : "the other side did not take it");
    json_decref(answer);
}

static void on_close(peer_data_channel_t *channel, void *user)
{
    finish(user, "the other side closed the channel");
}

file_sender_t *file_sender_new(peer_connection_t *pc, const char *path, file_done_t done, void *user)
{
    static const peer_data_channel_events_t events = {
        .on_open = on_open, .on_message = on_message, .on_buffered_amount_low = on_buffered_amount_low, .on_close = on_close};
    file_sender_t *sender = calloc(1, sizeof *sender);
    struct stat status;
    if (sender == NULL)
        return NULL;
    sender->done = done;
    sender->user = user;
    sender->file = fopen(path, "rb");
    sender->hash = EVP_MD_CTX_new();
    if (sender->file == NULL || fstat(fileno(sender->file), &status) < 0 || !S_ISREG(status.st_mode)) {
        fprintf(stderr, "peer-call: %s cannot be sent: %s\n", path, sender->file == NULL ? strerror(errno) : "it is no regular file");
        file_sender_free(sender);
        return NULL;
    }
    sender->size = status.st_size;
    const char *slash = strrchr(path, '/');
    char label[300];
    snprintf(label, sizeof label, FILE_LABEL "%s", slash != NULL ? slash + 1 : path);
    if (sender->hash == NULL || EVP_DigestInit_ex(sender->hash, EVP_sha256(), NULL) != 1 ||
        peer_connection_create_data_channel(pc, label, NULL, &events, sender, &sender->channel) < 0) {
        fprintf(stderr, "peer-call: %s cannot be sent: %s\n", path, peer_last_error_message());
        file_sender_free(sender);
        return NULL;
    }
    sender->name = peer_data_channel_label(sender->channel) + strlen(FILE_LABEL);
    return sender;
}

void file_sender_free(file_sender_t *sender)
{
    if (sender == NULL)
        return;
    if (sender->channel != NULL)
        peer_data_channel_set_events(sender->channel, NULL, NULL);
    peer_data_channel_unref(sender->channel);
    if (sender->file != NULL)
        fclose(sender->file);
    EVP_MD_CTX_free(sender->hash);
    free(sender);
}
