/* OpenSSL and usrsctp read gettimeofday() themselves. An executable that links this has a gettimeofday() that stands still between calls of
 * virtual_time_set(), for every library in the process. */
#ifndef VIRTUAL_TIME_H
#define VIRTUAL_TIME_H

#include <stdint.h>

void virtual_time_set(int64_t now_us); /* a peer_time_t */
int64_t virtual_time_now(void);

#endif
