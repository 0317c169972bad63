#include "runtime/deadline_heap.h"

#include "base/random.h"
#include "test.h"

#define COUNT 1000

TEST(deadlines_come_out_in_order_of_time_however_they_were_moved)
{
    static deadline_t deadlines[COUNT];
    deadline_heap_t heap = {0};
    random_seeded_t generator;
    random_seeded_init(&generator, 1);
    random_source_t random = random_seeded_source(&generator);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(deadline_heap_reserve(&heap));
        deadlines[i] = (deadline_t){.time = PEER_TIME_NEVER};
    }
    for (size_t i = 0; i < 20 * COUNT; i++) {
        peer_time_t time = random_below(&random, 10) == 0 ? PEER_TIME_NEVER : (peer_time_t)random_below(&random, 5000);
        deadline_heap_set(&heap, &deadlines[random_below(&random, COUNT)], time);
    }
    size_t in_heap = 0, popped = 0;
    for (size_t i = 0; i < COUNT; i++)
        in_heap += deadlines[i].time != PEER_TIME_NEVER;
    CHECK_INT(heap.count, in_heap);
    peer_time_t last = 0;
    CHECK(deadline_heap_pop_due(&heap, -1) == NULL);
    for (deadline_t *deadline; (deadline = deadline_heap_pop_due(&heap, 5000)) != NULL; popped++) {
        CHECK(deadline->time >= last);
        last = deadline->time;
    }
    CHECK_INT(popped, in_heap);
    CHECK(deadline_heap_time(&heap) == PEER_TIME_NEVER);
    deadline_heap_clear(&heap);
}

TEST(an_owner_that_leaves_takes_its_deadline_along)
{
    deadline_heap_t heap = {0};
    deadline_t first = {.time = PEER_TIME_NEVER}, second = {.time = PEER_TIME_NEVER};
    CHECK(deadline_heap_reserve(&heap) && deadline_heap_reserve(&heap));
    deadline_heap_set(&heap, &first, 10);
    deadline_heap_set(&heap, &second, 20);
    deadline_heap_unreserve(&heap, &first);
    CHECK_INT(deadline_heap_time(&heap), 20);
    CHECK(deadline_heap_pop_due(&heap, 20) == &second);
    deadline_heap_clear(&heap);
}
