#include "base/random.h"
#include "base/splay.h"
#include "test.h"

#include <stdlib.h>

#define COUNT 4096

TEST(a_splay_tree_finds_what_a_table_does_in_whatever_order_it_is_used)
{
    static splay_node_t nodes[COUNT];
    static bool is_in[COUNT];
    random_seeded_t generator;
    random_seeded_init(&generator, 1);
    random_source_t random = random_seeded_source(&generator);
    splay_t tree = {NULL};
    CHECK(splay_first(&tree) == NULL && splay_find(&tree, 1) == NULL);
    for (unsigned i = 0; i < 200000; i++) {
        uint32_t key = random_below(&random, i < 100000 ? COUNT : 64);
        CHECK((splay_find(&tree, key) != NULL) == is_in[key]);
        if (random_below(&random, 2) == 0) {
            splay_node_t twin = {.key = key};
            if (is_in[key]) {
                CHECK(!splay_insert(&tree, &twin));
                CHECK(splay_find(&tree, key) == &nodes[key]);
            } else {
                nodes[key].key = key;
                CHECK(splay_insert(&tree, &nodes[key]));
                is_in[key] = true;
            }
        } else if (is_in[key]) {
            if (i % 3 == 0)
                splay_find(&tree, random_below(&random, COUNT));
            splay_remove(&tree, &nodes[key]);
            is_in[key] = false;
        }
    }
    for (unsigned key = 0; key < COUNT; key++) { /* what is left comes in order */
        if (!is_in[key])
            continue;
        CHECK(splay_first(&tree) == &nodes[key]);
        splay_remove(&tree, &nodes[key]);
    }
    CHECK(tree.root == NULL);
}

TEST(a_splay_tree_of_a_million_in_order_is_not_a_list_to_its_users)
{
    enum { MANY = 1000000 };
    splay_node_t *nodes = calloc(MANY, sizeof *nodes);
    splay_t tree = {NULL};
    for (uint32_t i = 0; i < MANY; i++) {
        nodes[i].key = UINT64_MAX - i;
        CHECK(splay_insert(&tree, &nodes[i]));
    }
    for (uint32_t i = 0; i < MANY; i++) /* were each search linear, this would take hours */
        CHECK(splay_find(&tree, UINT64_MAX - i * UINT64_C(2654435761) % MANY) != NULL);
    free(nodes);
}
