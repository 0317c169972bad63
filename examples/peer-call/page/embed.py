#!/usr/bin/env python3
"""Writes files as a C table of bytes: embed.py OUTPUT FILE..."""
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

output, *paths = sys.argv[1:]
with open(output, "w") as out:
    out.write('#include "page.h"\n\n')
    for number, path in enumerate(paths):
        with open(path, "rb") as file:
            data = file.read()
        rows = [", ".join(map(str, data[i:i + 32])) for i in range(0, len(data), 32)]
        out.write("static const unsigned char file_%d[] = {\n%s};\n\n" % (number, ",\n".join(rows)))
    out.write("const page_file_t page_files[] = {\n")
    for number, path in enumerate(paths):
        name = os.path.basename(path)
        out.write('    {"%s", "%s", file_%d, sizeof file_%d},\n' % (name, TYPES[os.path.splitext(name)[1]], number, number))
    out.write("    {0},\n};\n")
