/* The files of the web page, put into the program when it is built (page/embed.py). */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

typedef struct page_file {
    const char *name; /* "index.html"; NULL ends the list */
    const char *type; /* MIME type */
    const unsigned char *data;
    size_t length;
} page_file_t;

extern const page_file_t page_files[];

#endif
