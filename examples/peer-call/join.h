/* peer-call join: a session in a room, call after call, until the user or the clock ends it. */
#ifndef JOIN_H
#define JOIN_H

#include "options.h"

int join_run(const options_t *options); /* exit status */

#endif
