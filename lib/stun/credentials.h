/* The long-term credential mechanism (RFC 8489 §9.2), the client's side: it takes a server's challenge (realm, nonce, password algorithms),
 * signs requests with it and judges responses. Challenges that would lower the security are not followed (§9.2.1), and no more of them than
 * STUN_MAX_CHALLENGES for one request. Whoever owns the request repeats it; this file only says whether. */
#ifndef STUN_CREDENTIALS_H
#define STUN_CREDENTIALS_H

#include "stun/stun.h"

#define STUN_USERNAME_MAX 508  /* octets (§14.3) */
#define STUN_PASSWORD_MAX 1023 /* octets of the prepared form */
#define STUN_REALM_MAX 763     /* octets (§14.9) */
#define STUN_NONCE_MAX 763     /* octets (§14.10) */
#define STUN_MAX_CHALLENGES 4  /* of one request, however often it is made anew */

typedef struct stun_credentials stun_credentials_t;

/* Copies what it is given, in the form of OpaqueString. With a NULL user name there are none, and a server that asks for them is refused.
 * 0, or PEER_ERROR_INVALID_ACCESS when a text has characters or a length that cannot be, PEER_ERROR_NO_MEMORY; then *credentials is NULL.
 */
int stun_credentials_new(const char *username, const char *password, stun_credentials_t **credentials);
void stun_credentials_free(stun_credentials_t *credentials); /* NULL is allowed */

/* What is to be remembered of a request, through all transactions that it takes. Zero at first. */
typedef struct stun_attempt {
    uint32_t generation; /* of the realm and key that it was signed with last; 0: it was not signed */
    unsigned challenges;
    bool had_forgery; /* a response was not authentic: if no other comes, that is the news (§9.2.5) */
} stun_attempt_t;

/* Adds what the last challenge demands, integrity included; nothing before the first one. Only FINGERPRINT may follow. */
void stun_credentials_sign(const stun_credentials_t *credentials, stun_attempt_t *attempt, stun_builder_t *builder);

typedef enum stun_verdict {
    STUN_VERDICT_ACCEPT,  /* authentic, or not signed and not asked to be */
    STUN_VERDICT_RETRY,   /* a challenge: make the request anew, with a new transaction */
    STUN_VERDICT_REFUSE,  /* the request failed, `why` says in which way */
    STUN_VERDICT_DISCARD, /* as if it had never come */
} stun_verdict_t;

/* Judges the response to a request (§9.2.5). `why` is set when it refuses, to a static text. */
stun_verdict_t stun_credentials_judge(stun_credentials_t *credentials, stun_attempt_t *attempt, const stun_message_t *response,
                                      const char **why);

#endif
