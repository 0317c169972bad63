/* The worker of the side that receives. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include "conduit.h"
#include "progress.h"

typedef struct receiver_settings {
    conduit_t *conduit;
    progress_t *progress;
    const char *output; /* directory; "-": the standard output */
    bool overwrites;    /* without asking */
} receiver_settings_t;

/* Receives until all is there, over as many connections as it takes; waits for them. The exit status. */
int receiver_run(const receiver_settings_t *settings);

#endif
