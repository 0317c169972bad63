/* Certificates made before they are asked for: a new connection then waits for none. Each is still for one connection alone (W3C WebRTC
 * §4.4.1.1 generates it for the connection; a shared one would let strangers tell that two connections are of one process). */
#ifndef RUNTIME_CERTIFICATE_RESERVE_H
#define RUNTIME_CERTIFICATE_RESERVE_H

#include "dtls/certificate.h"

#include <stddef.h>

#define CERTIFICATE_RESERVE_MAX 16      /* ready at a time */
#define CERTIFICATE_RESERVE_AGE_S 3600  /* older ones are thrown away: their lifetime is to begin when the connection's does */
#define CERTIFICATE_RESERVE_LINGER_S 10 /* the thread that makes them ends after so long without work */

/* A new certificate as certificate_generate() makes it, with an ECDSA key and the default lifetime; the caller's. One from the reserve, or
 * made on the spot when it is empty; either way the reserve is filled again behind the caller's back. Any thread. */
int certificate_reserve_take(certificate_t **certificate);

size_t certificate_reserve_count(void); /* ready now */

#endif
