/* The tests' harness: TEST(sentence_proven) { CHECK(…); } registers itself; main() runs them all (or those whose name contains the first
 * argument) and prints TAP. A failed CHECK ends its test. */
#ifndef TEST_H
#define TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
} test_case_t;

void test_register(test_case_t *test);
_Noreturn void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a TAP comment */
/* The whole file as a NUL-terminated string (free it); fails the test when it cannot be read. */
char *test_read_file(const char *path, size_t *length);

#define TEST(name)                                                                                                                         \
    static void name(void);                                                                                                                \
    static test_case_t name##_case = {#name, name, NULL};                                                                                  \
    __attribute__((constructor)) static void name##_register(void)                                                                         \
    {                                                                                                                                      \
        test_register(&name##_case);                                                                                                       \
    }                                                                                                                                      \
    static void name(void)

#define CHECK(condition)                                                                                                                   \
    do {                                                                                                                                   \
        if (!(condition))                                                                                                                  \
            test_fail(__FILE__, __LINE__, "not true: %s", #condition);                                                                     \
    } while (0)

#define CHECK_INT(actual, expected)                                                                                                        \
    do {                                                                                                                                   \
        long long test_a = (long long)(actual), test_e = (long long)(expected);                                                            \
        if (test_a != test_e)                                                                                                              \
            test_fail(__FILE__, __LINE__, "%s is %lld, expected %lld (%s)", #actual, test_a, test_e, #expected);                           \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                                                                       \
    do {                                                                                                                                   \
        const char *test_a = (actual), *test_e = (expected);                                                                               \
        if (test_a == NULL || test_e == NULL ? test_a != test_e : strcmp(test_a, test_e) != 0)                                             \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #actual, test_a ? test_a : "NULL", test_e ? test_e : "NULL");   \
    } while (0)

#define CHECK_BYTES(actual, expected, size)                                                                                                \
    do {                                                                                                                                   \
        if (memcmp((actual), (expected), (size)) != 0)                                                                                     \
            test_fail(__FILE__, __LINE__, "%s differs from %s", #actual, #expected);                                                       \
    } while (0)

#endif
