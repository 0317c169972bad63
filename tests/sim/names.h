/* Names of the simulated world: servers', which everybody can look up, and those that hosts publish in their own realm by multicast DNS. */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H

#include "base/address.h"

#define NAMES_EVERYWHERE (-1)
#define NAMES_FOUND_MAX 4

typedef struct names names_t;

names_t *names_new(void);
void names_free(names_t *names);
void names_add(names_t *names, int realm, const char *name, const address_t *address);
/* How many there are, as heard from a realm. */
size_t names_find(const names_t *names, int realm, const char *name, address_t addresses[NAMES_FOUND_MAX]);

#endif
