/* The ciphers and the hash of SRTP for libsrtp, on OpenSSL. A distribution's libsrtp may be built on NSS, where AES-GCM costs twice as
 * much, AES-CM four times, and each session loads NSS's modules anew and keeps tens of kilobytes. libsrtp takes others' ciphers by a public
 * call. */
#ifndef SRTP_CRYPTO_H
#define SRTP_CRYPTO_H

#include <stdbool.h>

/* After srtp_init(), once for the process. libsrtp checks them against its own test vectors; false when it refuses one: then it goes on
 * with its own. */
bool crypto_install(void);

#endif
