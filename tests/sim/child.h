/* Runs something in a process of its own, so that it finds the libraries as they are at a start: OpenSSL draws random bytes when it is
 * first used. */
#ifndef SIM_CHILD_H
#define SIM_CHILD_H

#include <stdint.h>

uint64_t child_run(uint64_t (*function)(uint64_t argument), uint64_t argument);

#endif
