#include "runtime/certificate_reserve.h"

#include "test.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TAKEN 40

/* The thread that makes them needs its while: until one is there, or the patience is over. */
static bool wait_for_one(void)
{
    for (int i = 0; i < 3000 && certificate_reserve_count() == 0; i++)
        usleep(10000);
    return certificate_reserve_count() > 0;
}

static fingerprint_t fingerprint_of(const certificate_t *certificate)
{
    fingerprint_t fingerprint = {0};
    CHECK_INT(certificate_fingerprint(certificate, FINGERPRINT_SHA_256, &fingerprint), 0);
    return fingerprint;
}

TEST(every_connection_gets_a_certificate_of_its_own)
{
    fingerprint_t seen[TAKEN];
    for (size_t i = 0; i < TAKEN; i++) {
        certificate_t *certificate = NULL;
        if (i == TAKEN / 2)
            CHECK(wait_for_one()); /* whether made on the spot or before */
        CHECK_INT(certificate_reserve_take(&certificate), 0);
        seen[i] = fingerprint_of(certificate);
        for (size_t j = 0; j < i; j++)
            CHECK(!fingerprint_equal(&seen[i], &seen[j]));
        certificate_unref(certificate);
    }
}

TEST(one_from_the_reserve_is_as_good_as_a_new_one)
{
    certificate_t *certificate = NULL, *back = NULL;
    CHECK_INT(certificate_reserve_take(&certificate), 0);
    certificate_unref(certificate);
    CHECK(wait_for_one());
    CHECK_INT(certificate_reserve_take(&certificate), 0);
    int64_t expires_s = certificate_expires_ms(certificate) / 1000, now_s = time(NULL);
    CHECK(expires_s <= now_s + CERTIFICATE_LIFETIME_DEFAULT_S);
    CHECK(expires_s > now_s + CERTIFICATE_LIFETIME_DEFAULT_S - CERTIFICATE_RESERVE_AGE_S);
    char *pem = certificate_pem(certificate), *key = certificate_private_key_pem(certificate);
    CHECK_INT(certificate_from_pem(&back, pem, key), 0);
    fingerprint_t a = fingerprint_of(certificate), b = fingerprint_of(back);
    CHECK(fingerprint_equal(&a, &b));
    free(pem);
    free(key);
    certificate_unref(certificate);
    certificate_unref(back);
}

TEST(the_reserve_is_bounded)
{
    for (size_t i = 0; i < 8 * CERTIFICATE_RESERVE_MAX; i++) {
        certificate_t *certificate = NULL;
        CHECK_INT(certificate_reserve_take(&certificate), 0);
        certificate_unref(certificate);
        CHECK(certificate_reserve_count() <= CERTIFICATE_RESERVE_MAX);
    }
}

/* A child has the parent's memory: with the certificates in it, two processes would show the same one. */
TEST(a_child_process_does_not_use_what_its_parent_made)
{
    int pipes[2];
    certificate_t *certificate = NULL;
    CHECK_INT(certificate_reserve_take(&certificate), 0);
    certificate_unref(certificate);
    CHECK(wait_for_one());
    CHECK_INT(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        fingerprint_t theirs = {0};
        bool is_made = certificate_reserve_take(&certificate) == 0 &&
                       certificate_fingerprint(certificate, FINGERPRINT_SHA_256, &theirs) == 0 &&
                       write(pipes[1], &theirs, sizeof theirs) == (ssize_t)sizeof theirs;
        _exit(is_made ? 0 : 1);
    }
    CHECK(child > 0);
    fingerprint_t theirs;
    int status = -1;
    CHECK_INT(read(pipes[0], &theirs, sizeof theirs), (ssize_t)sizeof theirs);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    for (size_t i = 0; i <= CERTIFICATE_RESERVE_MAX; i++) {
        CHECK_INT(certificate_reserve_take(&certificate), 0);
        fingerprint_t ours = fingerprint_of(certificate);
        CHECK(!fingerprint_equal(&ours, &theirs));
        certificate_unref(certificate);
    }
    close(pipes[0]);
    close(pipes[1]);
}
