/* An ordered set of things that hold a node, by 64-bit keys. A splay tree: what was looked for last is found at once, a walk in order costs
 * O(1) a step, and any sequence of n operations, however hostile, O(n log n). Owns nothing, allocates nothing. */
#ifndef BASE_SPLAY_H
#define BASE_SPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct splay_node {
    struct splay_node *left, *right;
    uint64_t key; /* may be changed in place as long as the order stays */
} splay_node_t;

typedef struct splay {
    splay_node_t *root;
} splay_t;

splay_node_t *splay_find(splay_t *tree, uint64_t key); /* NULL when absent */
splay_node_t *splay_first(splay_t *tree);              /* of the least key; NULL when empty */
bool splay_insert(splay_t *tree, splay_node_t *node);  /* false, and nothing changed, when the key is there */
void splay_remove(splay_t *tree, splay_node_t *node);  /* which is in the tree */

#endif
