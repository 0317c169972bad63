#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method: the one way that reaches key generation and signatures too */
#include "virtual_random.h"

#include "base/random.h"

#include <dlfcn.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static random_seeded_t generator;

/* For those who read the system's random bytes without having seeded anything (NSS refuses to start on noughts alone). */
__attribute__((constructor)) static void seed_first(void)
{
    random_seeded_init(&generator, 1);
}

static int bytes(unsigned char *buffer, int length)
{
    random_source_t source = random_seeded_source(&generator);
    random_fill(&source, buffer, (size_t)length);
    return 1;
}

static int status(void)
{
    return 1;
}

void virtual_random_seed(uint64_t seed)
{
    static const RAND_METHOD method = {.bytes = bytes, .pseudorand = bytes, .status = status};
    random_seeded_init(&generator, seed);
    RAND_set_rand_method(&method);
}

static long forward(long number, const long arguments[6])
{
    static long (*next)(long number, ...);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

/* usrsctp asks the kernel by syscall(SYS_getrandom, …) … */
long syscall(long number, ...)
{
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number != SYS_getrandom)
        return forward(number, arguments);
    bytes((unsigned char *)arguments[0], (int)arguments[1]);
    return arguments[1];
}

/* … or reads /dev/urandom. */
ssize_t read(int descriptor, void *buffer, size_t length)
{
    struct stat status_of;
    if (fstat(descriptor, &status_of) < 0 || !S_ISCHR(status_of.st_mode) || status_of.st_rdev != makedev(1, 9))
        return forward(SYS_read, (const long[6]){descriptor, (long)buffer, (long)length});
    bytes(buffer, (int)length);
    return (ssize_t)length;
}
