#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct name {
    int realm;
    char text[256];
    address_t address;
} name_t;

struct names {
    name_t *list;
    size_t count;
};

names_t *names_new(void)
{
    return calloc(1, sizeof(names_t));
}

void names_free(names_t *names)
{
    free(names->list);
    free(names);
}

void names_add(names_t *names, int realm, const char *name, const address_t *address)
{
    names->list = realloc(names->list, (names->count + 1) * sizeof *names->list);
    names->list[names->count] = (name_t){.realm = realm, .address = *address};
    snprintf(names->list[names->count++].text, sizeof names->list->text, "%s", name);
}

size_t names_find(const names_t *names, int realm, const char *name, address_t addresses[NAMES_FOUND_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < names->count && count < NAMES_FOUND_MAX; i++)
        if ((names->list[i].realm == NAMES_EVERYWHERE || names->list[i].realm == realm) && strcmp(names->list[i].text, name) == 0)
            addresses[count++] = names->list[i].address;
    return count;
}
