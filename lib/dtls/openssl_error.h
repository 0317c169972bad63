/* OpenSSL's error queue as our errors. Only lib/dtls includes this. */
#ifndef DTLS_OPENSSL_ERROR_H
#define DTLS_OPENSSL_ERROR_H

#include <openssl/err.h>

/* The reason of the newest entry of the thread's queue, which is then emptied; "unknown reason" when there is none. */
static inline const char *openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason != NULL ? reason : "unknown reason";
}

/* Before a call whose SSL_get_error() matters: the queue has to be empty, and mostly is. Looking costs much less than clearing. */
static inline void openssl_forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

#endif
