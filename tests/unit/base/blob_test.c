#include "base/blob.h"
#include "base/memory.h"
#include "test.h"

#include <string.h>

TEST(a_blob_is_freed_by_its_last_holder)
{
    blob_t *blob = blob_new_copy("message", 7);
    CHECK(blob != NULL && blob->length == 7 && memcmp(blob->data, "message", 7) == 0);
    blob_t *other = blob_ref(blob);
    blob_unref(blob);
    CHECK(memcmp(other->data, "message", 7) == 0);
    blob_unref(other);
    blob_unref(NULL);
}

TEST(a_blob_grows_with_its_bytes)
{
    blob_t *blob = blob_new(4);
    CHECK(blob != NULL);
    memcpy(blob->data, "abcd", 4);
    blob->length = 4;
    CHECK(blob_reserve(&blob, 100000) && blob->capacity >= 100000 && memcmp(blob->data, "abcd", 4) == 0);
    size_t capacity = blob->capacity;
    CHECK(blob_reserve(&blob, 10) && blob->capacity == capacity);
    memory_fail_nth(1);
    CHECK(!blob_reserve(&blob, 200000) && blob->length == 4 && blob->capacity == capacity);
    memory_fail_nth(1);
    CHECK(blob_new(10) == NULL);
    memory_fail_nth(0);
    CHECK(!blob_reserve(&blob, SIZE_MAX) && blob_new(SIZE_MAX) == NULL);
    blob_unref(blob);
}

TEST(a_blob_gives_back_the_room_it_does_not_use)
{
    blob_t *blob = blob_new(100000);
    CHECK(blob != NULL);
    memcpy(blob->data, "abc", 3);
    blob->length = 3;
    memory_fail_nth(1);
    blob_trim(&blob);
    CHECK(blob->capacity == 100000);
    blob_trim(&blob);
    CHECK(blob->capacity == 3 && blob->length == 3 && memcmp(blob->data, "abc", 3) == 0);
    blob_unref(blob);
}
