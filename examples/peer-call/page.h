/* The files of the web page, put into the program when it is built (page/embed.py). */
#ifndef PAGE_H
#define PAGE_H

#include "page_file.h"

extern const page_file_t page_files[];

#endif
