/* The worker of the side that sends. */
#ifndef SENDER_H
#define SENDER_H

#include "conduit.h"
#include "manifest.h"
#include "progress.h"

typedef struct sender_settings {
    conduit_t *conduit;
    progress_t *progress;
    manifest_t *manifest;
} sender_settings_t;

/* Sends until all is there, over as many connections as it takes; waits for them. The exit status. */
int sender_run(const sender_settings_t *settings);

#endif
