#include "base/error.h"
#include "base/memory.h"
#include "sdp/sdp.h"
#include "test.h"

#include <peer/error.h>

#include <stdlib.h>
#include <string.h>

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define VIDEO "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\n"

static int parse(const char *attribute, sdp_t **sdp)
{
    text_t text = {0};
    *sdp = NULL;
    text_addf(&text, HEAD VIDEO "a=imageattr:%s\r\n", attribute);
    int error = sdp_parse(text.data, text.length, sdp);
    text_clear(&text);
    return error;
}

static sdp_t *parsed(const char *attribute)
{
    sdp_t *sdp;
    if (parse(attribute, &sdp) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", attribute, peer_last_error_message());
    return sdp;
}

/* "48-1280 48-720 q100", and "!" where pixels cannot be square; several with commas between. */
static void check_receive(const char *attribute, const char *expected)
{
    sdp_t *sdp = parsed(attribute);
    const sdp_imageattr_t *image = &sdp->media[0].imageattrs[0];
    text_t text = {0};
    text_add(&text, image->has_receive ? "" : "none");
    for (size_t i = 0; i < image->receive_count; i++) {
        const sdp_image_size_t *size = &image->receive[i];
        text_addf(&text, "%s%u-%u %u-%u q%u%s", i > 0 ? ", " : "", size->min_width, size->max_width, size->min_height, size->max_height,
                  size->preference, size->has_square_pixels ? "" : "!");
    }
    if (strcmp(text.data != NULL ? text.data : "", expected) != 0)
        test_fail(__FILE__, __LINE__, "%s: \"%s\" instead of \"%s\"", attribute, text.data, expected);
    text_clear(&text);
    sdp_free(sdp);
}

TEST(sizes_of_pictures_are_read_in_every_form_of_rfc_6236)
{
    check_receive("* recv [x=[48:1280],y=[48:720],q=1.0]", "48-1280 48-720 q100");
    check_receive("97 recv [x=640,y=480]", "640-640 480-480 q50");
    check_receive("97 recv [x=[160:16:640],y=[120:16:480],q=0.25,par=[1.2-1.3]]", "160-640 120-480 q25");
    check_receive("97 recv [x=[800,320,640],y=[600,240]] [x=176,y=144,q=0.6]", "320-800 240-600 q50, 176-176 144-144 q60");
    check_receive("97 send [x=[480:16:800],y=[320:16:640],par=[1.2-1.3],q=0.6] [x=176,y=208] recv [x=330,y=250]", "330-330 250-250 q50");
    check_receive("97 recv [x=800,y=640,sar=1.1]", "800-800 640-640 q50!");
    check_receive("97 recv [x=1,y=999999,sar=[0.9091-1.0909]] [x=2,y=3,sar=[1.0,1.3333]] [x=4,y=5,sar=[1.2,1.3333]]",
                  "1-1 999999-999999 q50, 2-2 3-3 q50, 4-4 5-5 q50!");
    check_receive("97 recv [x=640,y=480,future=[1:2,[3]],q=1]", "640-640 480-480 q100");
    check_receive("97 recv *", "");
    check_receive("97 recv * send [x=1,y=1]", "");
    check_receive("97 send *", "none");
}

TEST(an_attribute_of_sizes_is_written_as_it_was_read)
{
    sdp_t *sdp = parsed("97 send * recv [x=[480:16:800],y=[320:16:640],par=[1.2-1.3],q=0.6] [x=176,y=208]");
    text_t text = {0};
    sdp_write(sdp, &text);
    CHECK(strstr(text.data, "a=imageattr:97 send * recv [x=[480:16:800],y=[320:16:640],par=[1.2-1.3],q=0.6] [x=176,y=208]\r\n") != NULL);
    text_clear(&text);
    sdp_free(sdp);
}

TEST(sizes_that_are_none_are_refused)
{
    static const char *const bad[] = {
        "97",
        "128 recv *",
        "x recv *",
        "97 recv",
        "97 recv *x",
        "97 both *",
        "97 recv * recv *",
        "97 send * send *",
        "97 [x=1,y=1]",
        "97 recv [x=1]",
        "97 recv [y=1,x=1]",
        "97 recv [x=0,y=1]",
        "97 recv [x=01,y=1]",
        "97 recv [x=1000000,y=1]",
        "97 recv [x=-1,y=1]",
        "97 recv [x=[2:1],y=1]",
        "97 recv [x=[1:2:3:4],y=1]",
        "97 recv [x=[1:2,y=1]",
        "97 recv [x=[1,],y=1]",
        "97 recv [x=[],y=1]",
        "97 recv [x=1,y=1",
        "97 recv [x=1,y=1][x=2,y=2]",
        "97 recv [x=1,y=1]x",
        "97 recv [x=1, y=1]",
        "97 recv [x=1,y=1,q=1.01]",
        "97 recv [x=1,y=1,q=2.0]",
        "97 recv [x=1,y=1,q=0.5,q=0.6]",
        "97 recv [x=1,y=1,q=]",
        "97 recv [x=1,y=1,q=.5]",
        "97 recv [x=1,y=1,sar=[1.1-0.9]]",
        "97 recv [x=1,y=1,sar=1.0,sar=1.0]",
        "97 recv [x=1,y=1,par=wide]",
        "97 recv [x=1,y=1,new]",
        "97 recv [x=1,y=1,new=[1]",
        "97 recv [x=1,y=1,=1]",
        "97 recv [x=1,y=1,]",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sdp_t *sdp;
        if (parse(bad[i], &sdp) != PEER_ERROR_SYNTAX || strstr(peer_last_error_message(), "line 7: a=imageattr: ") == NULL)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i], peer_last_error_message());
    }
}

TEST(a_side_names_no_more_sizes_than_can_be_looked_through)
{
    for (size_t count = SDP_IMAGE_SIZES_MAX; count <= SDP_IMAGE_SIZES_MAX + 1; count++) {
        text_t text = {0};
        sdp_t *sdp;
        text_add(&text, "* recv");
        for (size_t i = 0; i < count; i++)
            text_add(&text, " [x=1,y=1]");
        CHECK_INT(parse(text.data, &sdp), count <= SDP_IMAGE_SIZES_MAX ? 0 : PEER_ERROR_SYNTAX);
        sdp_free(sdp);
        text_clear(&text);
    }
}

TEST(reading_sizes_survives_every_failed_allocation)
{
    bool is_done = false;
    for (unsigned n = 1; !is_done; n++) {
        static const char text[] = HEAD VIDEO "a=imageattr:97 recv [x=1,y=1] [x=2,y=2]\r\na=imageattr:* recv [x=3,y=3]\r\n";
        sdp_t *sdp = NULL;
        memory_fail_nth(n);
        int error = sdp_parse(text, sizeof text - 1, &sdp);
        memory_fail_nth(0);
        is_done = error == 0;
        CHECK(is_done ? sdp != NULL : error == PEER_ERROR_NO_MEMORY && sdp == NULL);
        sdp_free(sdp);
    }
}
