/* The code that brings two hosts together, such as 4821-lusab-babad-gutih-tugan: a number, which names the room at the rendezvous, and a
 * secret of 60 bits, which never leaves the two hosts and by which each proves to the other that nobody is in between. README.md tells why
 * that is enough. */
#ifndef CODE_H
#define CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_KEY_SIZE 32
#define CODE_MAC_SIZE 65 /* hexadecimal, and the NUL */

typedef struct code {
    char text[40]; /* as it is said */
    char room[24]; /* what the rendezvous sees of it */
} code_t;

/* A new one; false when there is no randomness. */
bool code_make(code_t *code);
/* Takes what somebody typed: capitals, spaces for dashes, and letters that sound like the right ones are forgiven. False when it is none,
 * or, but for one chance in 16, when there is a slip in it. */
bool code_parse(code_t *code, const char *text);

/* Stretches the secret, which takes about a tenth of a second: a guess costs that too. False when memory ran out. */
bool code_key(const code_t *code, uint8_t key[CODE_KEY_SIZE]);

/* What proves that whoever speaks knows the key, and sees these certificates at the two ends. `role` is who speaks: "send" or "receive". */
void code_mac(const uint8_t key[CODE_KEY_SIZE], const char *role, const char *sender_fingerprint, const char *receiver_fingerprint,
              char mac[CODE_MAC_SIZE]);
bool code_macs_are_equal(const char *mac, const char *other); /* in constant time */

#endif
