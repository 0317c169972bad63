/* peer-call serve: the rendezvous, until it is ended. */
#ifndef SERVE_H
#define SERVE_H

#include "options.h"

int serve_run(const options_t *options); /* exit status */

#endif
