/* Files over a data channel "file:NAME": {"name","size"} as text, the bytes in binary chunks, {"sha256"} as text. The receiver checks size
 * and hash and answers {"ok":true} or {"ok":false,"error"}; then the sender closes the channel. page/file.js speaks the same. */
#ifndef FILE_TRANSFER_H
#define FILE_TRANSFER_H

#include <peer/peer.h>
#include <stdbool.h>

#define FILE_LABEL "file:"
#define FILE_SIZE_MAX (1LL << 36) /* bytes that are taken from the other side */

/* It is over. `error` is NULL when the file arrived intact; `name` and `size` are as far as they are known. */
typedef void (*file_done_t)(void *user, const char *name, int64_t size, const char *error);

typedef struct file_sender file_sender_t;
/* Opens a channel and sends. NULL, with a message on stderr, when that cannot be. */
file_sender_t *file_sender_new(peer_connection_t *pc, const char *path, file_done_t done, void *user);
void file_sender_free(file_sender_t *sender); /* when it is done, or its connection closed; `done` is not called any more */

typedef struct file_receiver file_receiver_t;
typedef void (*file_count_t)(void *user, size_t bytes); /* each message, for the statistics */
/* Takes a channel that the peer opened. Into `directory`; NULL: the bytes are checked and let go. NULL when memory ran out. */
file_receiver_t *file_receiver_new(peer_data_channel_t *channel, const char *directory, file_count_t count, file_done_t done, void *user);
void file_receiver_free(file_receiver_t *receiver);

/* The name under which a received file is kept: the last part of `name` without control characters, at most 100 bytes, no leading dot;
 * "file" if nothing is left. `safe` holds 101 bytes. */
void file_safe_name(const char *name, char safe[101]);

#endif
