#include "runtime/recent_map.h"

#include "test.h"

#define ITEMS_MAX 1000
#define OWNER_ITEMS_MAX 10

static recent_key_t key_of(uint64_t number)
{
    return (recent_key_t){.words = {number, 0, number * 7}};
}

static recent_item_t *put(recent_map_t *map, recent_owner_t *owner, uint64_t number)
{
    recent_key_t key = key_of(number);
    recent_item_t *item = recent_map_put(map, owner, &key);
    CHECK(item != NULL && item->owner == owner);
    return item;
}

static recent_owner_t *owner_of(const recent_map_t *map, uint64_t number)
{
    recent_key_t key = key_of(number);
    const recent_item_t *item = recent_map_get(map, &key);
    return item != NULL ? item->owner : NULL;
}

TEST(what_was_put_is_found_until_its_owner_is_forgotten)
{
    recent_map_t *map = recent_map_new(1, ITEMS_MAX, ITEMS_MAX);
    recent_owner_t a = {0}, b = {0};
    for (uint64_t i = 0; i < 500; i++)
        put(map, i % 2 == 0 ? &a : &b, i);
    for (uint64_t i = 0; i < 500; i++)
        CHECK(owner_of(map, i) == (i % 2 == 0 ? &a : &b));
    CHECK(owner_of(map, 500) == NULL);
    recent_map_forget(map, &a);
    CHECK_INT(recent_map_count(map), 250);
    for (uint64_t i = 0; i < 500; i++)
        CHECK(owner_of(map, i) == (i % 2 == 0 ? NULL : &b));
    recent_map_free(map);
}

TEST(the_newest_of_an_owner_replaces_its_own_oldest_only)
{
    recent_map_t *map = recent_map_new(2, ITEMS_MAX, OWNER_ITEMS_MAX);
    recent_owner_t quiet = {0}, loud = {0};
    put(map, &quiet, 1000000);
    for (uint64_t i = 0; i < 10000; i++)
        put(map, &loud, i);
    CHECK_INT(loud.count, OWNER_ITEMS_MAX);
    CHECK_INT(recent_map_count(map), OWNER_ITEMS_MAX + 1);
    CHECK(owner_of(map, 1000000) == &quiet);
    CHECK(owner_of(map, 9989) == NULL && owner_of(map, 9990) == &loud);
    recent_map_free(map);
}

TEST(when_the_map_is_full_what_was_used_longest_ago_goes)
{
    recent_map_t *map = recent_map_new(3, ITEMS_MAX, OWNER_ITEMS_MAX);
    recent_owner_t owners[ITEMS_MAX / OWNER_ITEMS_MAX + 1] = {{0}};
    for (uint64_t i = 0; i < ITEMS_MAX; i++)
        put(map, &owners[i / OWNER_ITEMS_MAX], i);
    recent_key_t first = key_of(0);
    recent_map_use(map, recent_map_get(map, &first));
    put(map, &owners[ITEMS_MAX / OWNER_ITEMS_MAX], ITEMS_MAX);
    CHECK_INT(recent_map_count(map), ITEMS_MAX);
    CHECK(owner_of(map, 0) == &owners[0] && owner_of(map, 1) == NULL && owner_of(map, 2) == &owners[0]);
    CHECK_INT(owners[0].count, OWNER_ITEMS_MAX - 1);
    recent_map_free(map);
}

TEST(a_key_changes_its_owner_and_keeps_what_it_holds)
{
    recent_map_t *map = recent_map_new(4, ITEMS_MAX, OWNER_ITEMS_MAX);
    recent_owner_t a = {0}, b = {0};
    put(map, &a, 7)->time = 77;
    for (uint64_t i = 100; i < 100 + OWNER_ITEMS_MAX; i++)
        put(map, &b, i);
    CHECK_INT(put(map, &b, 7)->time, 77);
    CHECK_INT(a.count, 0);
    CHECK_INT(b.count, OWNER_ITEMS_MAX);
    recent_map_forget(map, &a);
    CHECK(owner_of(map, 7) == &b && owner_of(map, 100) == NULL);
    recent_map_free(map);
}
