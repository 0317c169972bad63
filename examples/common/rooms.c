#include "rooms.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct room room_t;

struct member {
    void *user;
    room_t *room;
    unsigned stale; /* how often the other has left without this one having said it is ready again */
};

struct room {
    char name[ROOMS_NAME_MAX + 1];
    member_t *members[2]; /* in the order they came */
};

struct rooms {
    rooms_tell_t tell;
    char *ice_servers; /* NULL: none */
    room_t *rooms[ROOMS_MAX];
    size_t count;
};

rooms_t *rooms_new(rooms_tell_t tell, const char *ice_servers)
{
    rooms_t *rooms = calloc(1, sizeof *rooms);
    if (rooms == NULL)
        return NULL;
    rooms->tell = tell;
    if (ice_servers != NULL && (rooms->ice_servers = strdup(ice_servers)) == NULL) {
        free(rooms);
        return NULL;
    }
    return rooms;
}

void rooms_free(rooms_t *rooms)
{
    if (rooms != NULL)
        free(rooms->ice_servers);
    free(rooms);
}

bool rooms_name_is_valid(const char *name, size_t length)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    if (length == 0 || length > ROOMS_NAME_MAX || name[0] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] == '\0' || strchr(allowed, name[i]) == NULL)
            return false;
    return true;
}

static room_t *find_or_make(rooms_t *rooms, const char *name)
{
    for (size_t i = 0; i < rooms->count; i++)
        if (strcmp(rooms->rooms[i]->name, name) == 0)
            return rooms->rooms[i];
    if (rooms->count == ROOMS_MAX)
        return NULL;
    room_t *room = calloc(1, sizeof *room);
    if (room == NULL)
        return NULL;
    snprintf(room->name, sizeof room->name, "%s", name);
    rooms->rooms[rooms->count++] = room;
    return room;
}

static void remove_room(rooms_t *rooms, room_t *room)
{
    for (size_t i = 0; i < rooms->count; i++) {
        if (rooms->rooms[i] == room) {
            rooms->rooms[i] = rooms->rooms[--rooms->count];
            break;
        }
    }
    free(room);
}

static void tell(rooms_t *rooms, member_t *member, const char *text)
{
    rooms->tell(member->user, text, strlen(text));
}

static void welcome(rooms_t *rooms, member_t *member)
{
    static const char format[] = "{\"event\":\"joined\",\"room\":\"%s\"%s%s}";
    const char *comma = rooms->ice_servers != NULL ? ",\"iceServers\":" : "",
               *servers = rooms->ice_servers != NULL ? rooms->ice_servers : "";
    size_t size = sizeof format + ROOMS_NAME_MAX + strlen(comma) + strlen(servers);
    char *text = malloc(size);
    if (text == NULL)
        return;
    snprintf(text, size, format, member->room->name, comma, servers);
    tell(rooms, member, text);
    free(text);
}

member_t *rooms_join(rooms_t *rooms, const char *name, void *user, const char **why)
{
    *why = "{\"event\":\"refused\",\"reason\":\"the rendezvous is full\"}";
    if (!rooms_name_is_valid(name, strlen(name))) {
        *why = "{\"event\":\"refused\",\"reason\":\"a room's name has 1 to 64 letters, digits, dots, dashes or underscores\"}";
        return NULL;
    }
    room_t *room = find_or_make(rooms, name);
    if (room == NULL)
        return NULL;
    if (room->members[1] != NULL) {
        *why = "{\"event\":\"full\",\"reason\":\"two are in this room already\"}";
        return NULL;
    }
    member_t *member = calloc(1, sizeof *member);
    if (member == NULL) {
        if (room->members[0] == NULL)
            remove_room(rooms, room);
        return NULL;
    }
    member->user = user;
    member->room = room;
    member_t *first = room->members[0];
    room->members[first == NULL ? 0 : 1] = member;

    welcome(rooms, member);
    if (first != NULL) {
        tell(rooms, first, "{\"event\":\"present\",\"polite\":false}");
        tell(rooms, member, "{\"event\":\"present\",\"polite\":true}");
    }
    return member;
}

void rooms_leave(rooms_t *rooms, member_t *member)
{
    room_t *room = member->room;
    if (room->members[0] == member) {
        room->members[0] = room->members[1];
        room->members[1] = NULL;
    } else {
        room->members[1] = NULL;
    }
    free(member);
    member_t *other = room->members[0];
    if (other == NULL) {
        remove_room(rooms, room);
        return;
    }
    other->stale++;
    tell(rooms, other, "{\"event\":\"left\"}");
}

bool rooms_receive(rooms_t *rooms, member_t *member, const char *text, size_t length)
{
    if (length > ROOMS_MESSAGE_MAX)
        return false;
    json_t *message = json_loadb(text, length, 0, NULL); /* jansson bounds the depth of nesting itself */
    bool is_message = json_is_object(message) && json_object_get(message, "event") == NULL;
    bool is_ready = is_message && json_is_true(json_object_get(message, "ready"));
    json_decref(message);
    if (!is_message)
        return false;
    if (is_ready) {
        if (member->stale > 0)
            member->stale--;
        return true;
    }
    room_t *room = member->room;
    member_t *other = room->members[0] == member ? room->members[1] : room->members[0];
    if (other != NULL && member->stale == 0)
        rooms->tell(other->user, text, length);
    return true;
}

size_t rooms_count(const rooms_t *rooms)
{
    return rooms->count;
}
