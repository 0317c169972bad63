/* OpenSSL as a part of this library. */
#include <openssl/crypto.h>

/* At exit OpenSSL takes itself apart. Threads of ours may be in it at that moment (a loop that ends, a handshake): nobody waits for them,
 * and what is left belongs to a process that is gone with it. Whoever has initialised OpenSSL before keeps the way it was done. */
__attribute__((constructor)) static void keep_openssl_until_the_end(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}
