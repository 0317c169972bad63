#include "base/arena.h"

#include "base/memory.h"
#include "test.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

TEST(parts_are_zeroed_aligned_and_do_not_overlap)
{
    arena_t arena = {0};
    unsigned char *parts[200];
    size_t sizes[200];
    for (size_t i = 0; i < 200; i++) {
        sizes[i] = i * 7 % 90 + 1;
        parts[i] = i % 3 == 0 ? (unsigned char *)arena_string_n(&arena, "", 0) : arena_new(&arena, sizes[i]);
        if (i % 3 == 0)
            sizes[i] = 1;
        else
            CHECK_INT((uintptr_t)parts[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < sizes[i]; j++)
            CHECK_INT(parts[i][j], 0);
        memset(parts[i], (int)(i + 1), sizes[i]);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            CHECK_INT(parts[i][j], (unsigned char)(i + 1));
    arena_clear(&arena);
    CHECK(arena.blocks == NULL);
}

TEST(strings_are_copies_and_end)
{
    arena_t arena = {0};
    char *texts[100], source[8];
    for (int i = 0; i < 100; i++) {
        snprintf(source, sizeof source, "text%d", i);
        texts[i] = i % 2 == 0 ? arena_string(&arena, source) : arena_string_n(&arena, "cut off", 3);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(source, sizeof source, "text%d", i);
        CHECK_TEXT(texts[i], i % 2 == 0 ? source : "cut");
    }
    CHECK(arena_string(&arena, NULL) == NULL);
    char *large = arena_string_n(&arena, NULL, 0);
    CHECK_TEXT(large, "");
    arena_clear(&arena);
}

TEST(an_array_grows_item_by_item)
{
    arena_t arena = {0};
    uint32_t *items = NULL;
    size_t count = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t *item = ARENA_APPEND(&arena, items, count);
        CHECK(item != NULL);
        CHECK_INT(*item, 0);
        *item = i;
    }
    CHECK_INT(count, 1000);
    for (uint32_t i = 0; i < count; i++)
        CHECK_INT(items[i], i);
    arena_clear(&arena);
}

TEST(what_is_too_large_is_refused_and_what_is_large_has_a_block_of_its_own)
{
    arena_t arena = {0};
    CHECK(arena_new(&arena, SIZE_MAX) == NULL);
    CHECK(arena_array(&arena, SIZE_MAX / 2, 4) == NULL);
    CHECK(arena_string_n(&arena, "", SIZE_MAX) == NULL);
    unsigned char *large = arena_new(&arena, 1000000);
    CHECK(large != NULL);
    large[999999] = 1;
    CHECK(arena_new(&arena, 16) != NULL);
    arena_clear(&arena);
}

TEST(without_memory_nothing_changes)
{
    arena_t arena = {0};
    uint64_t *items = NULL;
    size_t count = 0;
    memory_fail_nth(1);
    CHECK(arena_new(&arena, 8) == NULL);
    memory_fail_nth(1);
    CHECK(arena_string(&arena, "text") == NULL);
    memory_fail_nth(1);
    CHECK(ARENA_APPEND(&arena, items, count) == NULL);
    memory_fail_nth(0);
    CHECK_INT(count, 0);
    CHECK(items == NULL);
    arena_clear(&arena);
}
