/* What the association needs of a certificate. Only lib/dtls includes this. */
#ifndef DTLS_CERTIFICATE_PRIVATE_H
#define DTLS_CERTIFICATE_PRIVATE_H

#include "dtls/certificate.h"
#include "dtls/context.h"

/* As dtls_context_open(). */
SSL *certificate_open(const certificate_t *certificate);
int certificate_x509_fingerprint(X509 *x509, fingerprint_hash_t hash, fingerprint_t *fingerprint);

#endif
