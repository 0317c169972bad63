/* Makes the random numbers of OpenSSL, and of usrsctp, follow from a seed, so that a simulated connection
 * gives the same bytes every time. Tests only: there are no secrets afterwards. */
#ifndef VIRTUAL_RANDOM_H
#define VIRTUAL_RANDOM_H

#include <stdint.h>

void virtual_random_seed(uint64_t seed);

#endif
