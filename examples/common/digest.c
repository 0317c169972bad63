#include "digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

digest_t *digest_new(void)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1)
        return digest;
    EVP_MD_CTX_free(digest);
    return NULL;
}

digest_t *digest_copy(const digest_t *digest)
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    if (copy != NULL && EVP_MD_CTX_copy_ex(copy, digest) == 1)
        return copy;
    EVP_MD_CTX_free(copy);
    return NULL;
}

void digest_add(digest_t *digest, const void *data, size_t length)
{
    EVP_DigestUpdate(digest, data, length);
}

void digest_to_hex(const uint8_t bytes[DIGEST_SIZE], char hex[DIGEST_HEX_SIZE])
{
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

void digest_hex(const digest_t *digest, char hex[DIGEST_HEX_SIZE])
{
    uint8_t bytes[EVP_MAX_MD_SIZE] = {0};
    digest_t *copy = digest_copy(digest);
    hex[0] = '\0'; /* no hash is equal to it */
    if (copy != NULL && EVP_DigestFinal_ex(copy, bytes, NULL) == 1)
        digest_to_hex(bytes, hex);
    digest_free(copy);
}

void digest_free(digest_t *digest)
{
    EVP_MD_CTX_free(digest);
}

void digest_of(const void *data, size_t length, uint8_t bytes[DIGEST_SIZE])
{
    if (EVP_Digest(data, length, bytes, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* there is no OpenSSL without SHA-256 */
}
