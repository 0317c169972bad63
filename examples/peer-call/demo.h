/* peer-call demo: the rendezvous and both sides of a call on this machine, each side a process of its own. */
#ifndef DEMO_H
#define DEMO_H

#include "options.h"

int demo_run(const options_t *options); /* exit status */

#endif
