#include "rooms.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

/* What each visitor was told, one text after the other. */
typedef struct visitor {
    char heard[1000];
} visitor_t;

static void tell(void *user, const char *text, size_t length)
{
    visitor_t *visitor = user;
    size_t have = strlen(visitor->heard);
    snprintf(visitor->heard + have, sizeof visitor->heard - have, "%.*s;", (int)length, text);
}

static const char *take(visitor_t *visitor)
{
    static char taken[1000];
    memcpy(taken, visitor->heard, sizeof taken);
    visitor->heard[0] = '\0';
    return taken;
}

static bool say(rooms_t *rooms, member_t *member, const char *text)
{
    return rooms_receive(rooms, member, text, strlen(text));
}

TEST(two_meet_and_the_second_is_polite)
{
    rooms_t *rooms = rooms_new(tell, NULL);
    visitor_t a = {""}, b = {""};
    const char *why;
    member_t *first = rooms_join(rooms, "tea", &a, &why);
    CHECK_TEXT(take(&a), "{\"event\":\"joined\",\"room\":\"tea\"};");
    member_t *second = rooms_join(rooms, "tea", &b, &why);
    CHECK_TEXT(take(&a), "{\"event\":\"present\",\"polite\":false};");
    CHECK_TEXT(take(&b), "{\"event\":\"joined\",\"room\":\"tea\"};{\"event\":\"present\",\"polite\":true};");
    CHECK(say(rooms, first, "{\"description\":{}}"));
    CHECK_TEXT(take(&b), "{\"description\":{}};");
    CHECK_TEXT(take(&a), "");
    rooms_leave(rooms, first);
    rooms_leave(rooms, second);
    CHECK_INT(rooms_count(rooms), 0);
    rooms_free(rooms);
}

TEST(who_enters_is_told_the_servers_of_the_rendezvous)
{
    rooms_t *rooms = rooms_new(tell, "[{\"urls\":[\"stun:a\"]}]");
    visitor_t a = {""};
    const char *why;
    member_t *member = rooms_join(rooms, "tea", &a, &why);
    CHECK_TEXT(take(&a), "{\"event\":\"joined\",\"room\":\"tea\",\"iceServers\":[{\"urls\":[\"stun:a\"]}]};");
    rooms_leave(rooms, member);
    rooms_free(rooms);
}

TEST(a_third_is_told_that_the_room_is_full)
{
    rooms_t *rooms = rooms_new(tell, NULL);
    visitor_t a = {""}, b = {""}, c = {""};
    const char *why;
    member_t *first = rooms_join(rooms, "tea", &a, &why), *second = rooms_join(rooms, "tea", &b, &why);
    CHECK(rooms_join(rooms, "tea", &c, &why) == NULL);
    CHECK(strstr(why, "\"full\"") != NULL);
    rooms_leave(rooms, first);
    member_t *third = rooms_join(rooms, "tea", &c, &why);
    CHECK(third != NULL);
    rooms_leave(rooms, second);
    rooms_leave(rooms, third);
    rooms_free(rooms);
}

TEST(what_belongs_to_the_call_before_is_dropped_until_the_member_is_ready)
{
    rooms_t *rooms = rooms_new(tell, NULL);
    visitor_t a = {""}, b = {""}, c = {""};
    const char *why;
    member_t *first = rooms_join(rooms, "tea", &a, &why), *second = rooms_join(rooms, "tea", &b, &why);
    rooms_leave(rooms, second);
    second = rooms_join(rooms, "tea", &c, &why);
    take(&a);
    take(&c);
    CHECK(say(rooms, first, "{\"candidate\":{\"old\":1}}"));
    CHECK_TEXT(take(&c), "");
    CHECK(say(rooms, first, "{\"ready\":true}"));
    CHECK_TEXT(take(&c), "");
    CHECK(say(rooms, first, "{\"candidate\":{\"new\":1}}"));
    CHECK_TEXT(take(&c), "{\"candidate\":{\"new\":1}};");
    CHECK(say(rooms, second, "{\"candidate\":{\"its\":1}}")); /* the one who came has nothing old */
    CHECK_TEXT(take(&a), "{\"candidate\":{\"its\":1}};");
    rooms_leave(rooms, first);
    CHECK_TEXT(take(&c), "{\"event\":\"left\"};");
    rooms_leave(rooms, second);
    rooms_free(rooms);
}

TEST(the_first_who_comes_back_is_the_second_now)
{
    rooms_t *rooms = rooms_new(tell, NULL);
    visitor_t a = {""}, b = {""};
    const char *why;
    member_t *first = rooms_join(rooms, "tea", &a, &why), *second = rooms_join(rooms, "tea", &b, &why);
    rooms_leave(rooms, first);
    take(&a);
    take(&b);
    first = rooms_join(rooms, "tea", &a, &why);
    CHECK(strstr(take(&a), "\"polite\":true") != NULL);
    CHECK(strstr(take(&b), "\"polite\":false") != NULL);
    rooms_leave(rooms, second);
    rooms_leave(rooms, first);
    rooms_free(rooms);
}

TEST(who_sends_no_json_or_poses_as_the_rendezvous_is_shown_out)
{
    rooms_t *rooms = rooms_new(tell, NULL);
    visitor_t a = {""}, b = {""};
    const char *why;
    member_t *first = rooms_join(rooms, "tea", &a, &why), *second = rooms_join(rooms, "tea", &b, &why);
    take(&b);
    CHECK(!say(rooms, first, "hello"));
    CHECK(!say(rooms, first, "[1]"));
    CHECK(!say(rooms, first, ""));
    CHECK(!say(rooms, first, "{\"event\":\"left\"}"));
    char *deep = malloc(ROOMS_MESSAGE_MAX + 1);
    memset(deep, '[', ROOMS_MESSAGE_MAX);
    CHECK(!rooms_receive(rooms, first, deep, ROOMS_MESSAGE_MAX));
    CHECK(!rooms_receive(rooms, first, deep, ROOMS_MESSAGE_MAX + 1));
    free(deep);
    CHECK_TEXT(take(&b), "");
    rooms_leave(rooms, first);
    rooms_leave(rooms, second);
    rooms_free(rooms);
}

TEST(rooms_are_bounded_and_their_names_are_plain)
{
    rooms_t *rooms = rooms_new(tell, NULL);
    static visitor_t visitors[ROOMS_MAX + 1];
    member_t *members[ROOMS_MAX];
    const char *why;
    for (int i = 0; i < ROOMS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "room%d", i);
        CHECK((members[i] = rooms_join(rooms, name, &visitors[i], &why)) != NULL);
    }
    CHECK(rooms_join(rooms, "one-more", &visitors[ROOMS_MAX], &why) == NULL);
    for (int i = 0; i < ROOMS_MAX; i++)
        rooms_leave(rooms, members[i]);
    CHECK(rooms_join(rooms, "", &visitors[0], &why) == NULL);
    CHECK(!rooms_name_is_valid("-x", 2));
    CHECK(!rooms_name_is_valid("a/b", 3));
    CHECK(!rooms_name_is_valid("a\"b", 3));
    CHECK(!rooms_name_is_valid("a\0b", 3));
    CHECK(rooms_name_is_valid("A.b_c-9", 7));
    rooms_free(rooms);
}
