#include "base/splay.h"

/* Top-down splaying (Sleator and Tarjan 1985): the node of the key, or one that would be its neighbour, becomes the root. */
static splay_node_t *splay(splay_node_t *root, uint64_t key)
{
    splay_node_t sides = {NULL, NULL, 0}, *less = &sides, *more = &sides;
    for (;;) {
        if (key < root->key) {
            splay_node_t *child = root->left;
            if (child != NULL && key < child->key) {
                root->left = child->right;
                child->right = root;
                root = child;
            }
            if (root->left == NULL)
                break;
            more->left = root;
            more = root;
            root = root->left;
        } else if (key > root->key) {
            splay_node_t *child = root->right;
            if (child != NULL && key > child->key) {
                root->right = child->left;
                child->left = root;
                root = child;
            }
            if (root->right == NULL)
                break;
            less->right = root;
            less = root;
            root = root->right;
        } else {
            break;
        }
    }
    less->right = root->left;
    more->left = root->right;
    root->left = sides.right;
    root->right = sides.left;
    return root;
}

splay_node_t *splay_find(splay_t *tree, uint64_t key)
{
    if (tree->root == NULL)
        return NULL;
    if (tree->root->key != key)
        tree->root = splay(tree->root, key);
    return tree->root->key == key ? tree->root : NULL;
}

splay_node_t *splay_first(splay_t *tree)
{
    if (tree->root == NULL)
        return NULL;
    if (tree->root->left != NULL)
        tree->root = splay(tree->root, 0);
    return tree->root;
}

bool splay_insert(splay_t *tree, splay_node_t *node)
{
    node->left = node->right = NULL;
    if (tree->root != NULL) {
        splay_node_t *root = tree->root = splay(tree->root, node->key);
        if (root->key == node->key)
            return false;
        if (node->key < root->key) {
            node->left = root->left;
            node->right = root;
            root->left = NULL;
        } else {
            node->right = root->right;
            node->left = root;
            root->right = NULL;
        }
    }
    tree->root = node;
    return true;
}

void splay_remove(splay_t *tree, splay_node_t *node)
{
    if (tree->root != node)
        tree->root = splay(tree->root, node->key);
    if (node->left == NULL) {
        tree->root = node->right;
    } else {
        tree->root = splay(node->left, node->key);
        tree->root->right = node->right;
    }
}
