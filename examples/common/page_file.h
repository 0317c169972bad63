/* A file of a web page that is put into a program when it is built. */
#ifndef PAGE_FILE_H
#define PAGE_FILE_H

#include <stddef.h>

typedef struct page_file {
    const char *name; /* "index.html"; NULL ends a list */
    const char *type; /* MIME type */
    const unsigned char *data;
    size_t length;
} page_file_t;

#endif
