/* Parses the description on standard input and writes it from the model: whoever compares both sees what the parser lost. */
#include "sdp/sdp.h"
#include "base/error.h"
#include "base/text.h"

#include <stdio.h>

int main(void)
{
    static char text[1 << 20];
    size_t length = fread(text, 1, sizeof text, stdin);
    sdp_t *sdp = NULL;
    if (sdp_parse(text, length, &sdp) < 0) {
        fprintf(stderr, "%s\n", peer_last_error_message());
        return 1;
    }
    text_t written = {0};
    sdp_write(sdp, &written);
    fwrite(written.data, 1, written.length, stdout);
    text_clear(&written);
    sdp_free(sdp);
    return 0;
}
