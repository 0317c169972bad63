/* Sends bytes that stay the caller's. */
#ifndef SEND_COPY_H
#define SEND_COPY_H

#include "base/error.h"
#include "sctp/sctp.h"

static inline int send_copy(sctp_channel_t *channel, peer_time_t now, const void *data, size_t length, bool is_text)
{
    blob_t *message = blob_new_copy(data, length);
    int code = message != NULL ? sctp_channel_send(channel, now, message, is_text) : error_no_memory();
    if (code < 0)
        blob_unref(message);
    return code;
}

#endif
