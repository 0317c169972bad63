/* The two clocks of the operating system, read here alone. */
#ifndef RUNTIME_CLOCK_H
#define RUNTIME_CLOCK_H

#include "base/time.h"

#include <stdint.h>

peer_time_t runtime_now(void);      /* the monotonic one, by which everything runs */
int64_t runtime_unix_time_us(void); /* since 1970: for certificates, and for what is told to people and peers */

#endif
