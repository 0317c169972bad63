#include "code.h"

#include "digest.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

/* 16 bits a word, as in the proquints of D. S. Wilkerson (arXiv:0901.4016): consonants and vowels in turn, so that it can be spoken in most
 * languages. */
static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aiou";
#define DIGITS 4
#define WORDS 4
#define LETTERS (WORDS * 5)

/* scrypt (RFC 7914): 32 MiB and about a tenth of a second for a guess. */
#define SCRYPT_N (1 << 15)
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_MEMORY (64u << 20)

/* The last letter is drawn from the others: a slip of the tongue or a finger is mostly noticed here and now. */
static char check_letter(const char *digits, const char *letters)
{
    uint8_t hash[32];
    char text[DIGITS + LETTERS];
    memcpy(text, digits, DIGITS);
    memcpy(text + DIGITS, letters, LETTERS - 1);
    digest_of(text, DIGITS + LETTERS - 1, hash);
    return consonants[hash[0] & 15];
}

static void write_code(code_t *code, const char *digits, const char *letters)
{
    snprintf(code->text, sizeof code->text, "%.4s-%.5s-%.5s-%.5s-%.5s", digits, letters, letters + 5, letters + 10, letters + 15);
    snprintf(code->room, sizeof code->room, "send-%.4s", digits);
}

bool code_make(code_t *code)
{
    uint8_t random[2 * WORDS + 4];
    char letters[LETTERS + 1], digits[DIGITS + 1];
    if (RAND_bytes(random, sizeof random) != 1)
        return false;
    for (size_t i = 0; i < WORDS; i++) {
        unsigned bits = (unsigned)random[2 * i] << 8 | random[2 * i + 1];
        char *word = letters + 5 * i;
        word[0] = consonants[bits >> 12];
        word[1] = vowels[bits >> 10 & 3];
        word[2] = consonants[bits >> 6 & 15];
        word[3] = vowels[bits >> 4 & 3];
        word[4] = consonants[bits & 15];
    }
    uint32_t number;
    memcpy(&number, random + 2 * WORDS, sizeof number);
    snprintf(digits, sizeof digits, "%u", 1000 + number % 9000);
    letters[LETTERS - 1] = check_letter(digits, letters);
    write_code(code, digits, letters);
    OPENSSL_cleanse(random, sizeof random);
    return true;
}

/* The letter that was meant by one that sounds like it. */
static char letter_meant(char letter)
{
    static const char heard[] = "cqwye", meant[] = "kkvii";
    letter = (char)tolower((unsigned char)letter);
    const char *at = strchr(heard, letter);
    return at != NULL && letter != '\0' ? meant[at - heard] : letter;
}

bool code_parse(code_t *code, const char *text)
{
    char digits[DIGITS + 1] = "", letters[LETTERS + 1] = "";
    size_t digit_count = 0, letter_count = 0;
    for (; *text != '\0'; text++) {
        char letter = letter_meant(*text);
        if (strchr(" -_.\t\r\n", letter) != NULL)
            continue;
        if (isdigit((unsigned char)letter) && digit_count < DIGITS && letter_count == 0)
            digits[digit_count++] = letter;
        else if (digit_count == DIGITS && letter_count < LETTERS && strchr(letter_count % 5 % 2 == 0 ? consonants : vowels, letter) != NULL)
            letters[letter_count++] = letter;
        else
            return false;
    }
    if (letter_count < LETTERS || letters[LETTERS - 1] != check_letter(digits, letters))
        return false;
    write_code(code, digits, letters);
    return true;
}

bool code_key(const code_t *code, uint8_t key[CODE_KEY_SIZE])
{
    char salt[64];
    int length = snprintf(salt, sizeof salt, "peer-send 1 %s", code->room);
    return EVP_PBE_scrypt(code->text, strlen(code->text), (const unsigned char *)salt, (size_t)length, SCRYPT_N, SCRYPT_R, SCRYPT_P,
                          SCRYPT_MEMORY, key, CODE_KEY_SIZE) == 1;
}

void code_mac(const uint8_t key[CODE_KEY_SIZE], const char *role, const char *sender_fingerprint, const char *receiver_fingerprint,
              char mac[CODE_MAC_SIZE])
{
    char text[512];
    uint8_t bytes[EVP_MAX_MD_SIZE] = {0};
    unsigned size = 0;
    int length = snprintf(text, sizeof text, "peer-send 1\n%s\n%s\n%s\n", role, sender_fingerprint, receiver_fingerprint);
    HMAC(EVP_sha256(), key, CODE_KEY_SIZE, (const unsigned char *)text, (size_t)length, bytes, &size);
    digest_to_hex(bytes, mac);
}

bool code_macs_are_equal(const char *mac, const char *other)
{
    return strlen(mac) == CODE_MAC_SIZE - 1 && strlen(other) == CODE_MAC_SIZE - 1 && CRYPTO_memcmp(mac, other, CODE_MAC_SIZE - 1) == 0;
}
