#include "conclusion.h"

#include <jansson.h>
#include <stdio.h>

void conclusion_of(const char *report, char *text, size_t size)
{
    json_t *json = report != NULL ? json_loads(report, 0, NULL) : NULL;
    const json_t *conclusion = json_object_get(json, "conclusion"), *findings = json_object_get(conclusion, "findings");
    const char *sentence = json_string_value(json_object_get(conclusion, "text"));
    size_t length = (size_t)snprintf(text, size, "%s", sentence != NULL ? sentence : "no way was found.");
    for (size_t i = 0; i < json_array_size(findings) && length < size; i++) {
        sentence = json_string_value(json_object_get(json_array_get(findings, i), "text"));
        length += (size_t)snprintf(text + length, size - length, " %s", sentence != NULL ? sentence : "");
    }
    json_decref(json);
}
