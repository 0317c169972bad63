/* What of peer-send needs no connection: codes, names, the manifest, and the stream that can be sent again. */
#include "code.h"
#include "conduit.h"
#include "manifest.h"
#include "names.h"
#include "stream.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TEST(a_code_is_read_as_it_is_written_and_as_it_is_heard)
{
    code_t code, read;
    for (int i = 0; i < 200; i++) {
        char spoken[sizeof code.text];
        CHECK(code_make(&code));
        CHECK(code_parse(&read, code.text));
        CHECK_TEXT(read.text, code.text);
        CHECK(strncmp(code.room, "send-", 5) == 0 && strncmp(code.room + 5, code.text, 4) == 0);
        for (size_t at = 0; at < sizeof spoken; at++)
            spoken[at] = code.text[at] == '-' ? ' ' : code.text[at] == 'k' ? 'C' : code.text[at] == 'i' ? 'Y' : code.text[at];
        CHECK(code_parse(&read, spoken));
        CHECK_TEXT(read.text, code.text);
    }
}

TEST(what_is_no_code_is_refused)
{
    code_t code;
    static const char *const wrong[] = {"",
                                        "4821",
                                        "4821-lusab-babad-gutih",
                                        "lusab-babad-gutih-tugad",
                                        "482-lusab-babad-gutih-tugad",
                                        "48211-lusab-babad-gutih-tugad",
                                        "4821-lusab-babad-gutih-tugad-tugad",
                                        "4821-lusab-babad-gutih-tugxd"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!code_parse(&code, wrong[i]));
}

TEST(most_slips_in_a_code_are_noticed)
{
    code_t code, read;
    int noticed = 0, slips = 0;
    CHECK(code_make(&code));
    for (char *at = code.text + 5; *at != '\0'; at++) {
        char right = *at;
        const char *others = strchr("aiou", right) != NULL ? "aiou" : "bdfghjklmnprstvz";
        for (; right != '-' && *others != '\0'; others++) {
            *at = *others;
            slips += *others != right;
            noticed += *others != right && !code_parse(&read, code.text);
        }
        *at = right;
    }
    CHECK(slips > 200 && noticed * 10 > slips * 8);
}

TEST(a_proof_fits_one_role_one_secret_and_two_certificates)
{
    uint8_t key[CODE_KEY_SIZE] = {1}, other[CODE_KEY_SIZE] = {2};
    char proof[CODE_MAC_SIZE], different[CODE_MAC_SIZE];
    code_mac(key, "send", "sha-256 A", "sha-256 B", proof);
    code_mac(key, "send", "sha-256 A", "sha-256 B", different);
    CHECK(code_macs_are_equal(proof, different));
    code_mac(key, "receive", "sha-256 A", "sha-256 B", different);
    CHECK(!code_macs_are_equal(proof, different));
    code_mac(other, "send", "sha-256 A", "sha-256 B", different);
    CHECK(!code_macs_are_equal(proof, different));
    code_mac(key, "send", "sha-256 B", "sha-256 A", different);
    CHECK(!code_macs_are_equal(proof, different));
    CHECK(!code_macs_are_equal(proof, "") && !code_macs_are_equal("", ""));
}

TEST(safe_paths_lead_down)
{
    static const char *const safe[] = {"a", "a/b", "...", ".a", "a b", "ä/名前", "-", "a\\b", "CON"};
    static const char *const unsafe[] = {"",
                                         "/",
                                         "/a",
                                         "a/",
                                         "a//b",
                                         ".",
                                         "..",
                                         "a/..",
                                         "../a",
                                         "a/./b",
                                         "a\nb",
                                         "\x7f",
                                         "\xc2\x80",
                                         "\xff",
                                         "\xc0\xaf",
                                         "\xed\xa0\x80",
                                         "\xf4\x90\x80\x80",
                                         "\xc3"};
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
        if (!names_path_is_safe(safe[i]))
            test_fail(__FILE__, __LINE__, "%s was refused", safe[i]);
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
        if (names_path_is_safe(unsafe[i]))
            test_fail(__FILE__, __LINE__, "number %zu was taken", i);
    char name[300];
    memset(name, 'x', sizeof name);
    name[256] = '\0';
    CHECK(!names_path_is_safe(name));
    name[255] = '\0';
    CHECK(names_path_is_safe(name));
}

TEST(what_is_shown_cannot_steer_a_terminal)
{
    char shown[NAMES_SHOWN_SIZE];
    CHECK_TEXT(names_show("a\033[2J\n\xff\xe2\x80\xae"
                          "b",
                          shown),
               "a?[2J???b");
    char long_name[2000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    CHECK(strlen(names_show(long_name, shown)) < NAMES_SHOWN_SIZE);
}

TEST(a_part_has_a_name_that_a_file_system_takes)
{
    char part[NAMES_PATH_MAX + 100], name[300] = "dir/", other[NAMES_PATH_MAX + 100];
    CHECK(names_part_of("dir/file", part));
    CHECK_TEXT(part, "dir/file.part");
    memset(name + 4, 'x', 255);
    CHECK(names_part_of(name, part) && strlen(part) - 4 <= NAMES_NAME_MAX);
    name[4 + 254] = 'y';
    CHECK(names_part_of(name, other) && strcmp(part, other) != 0);
}

static bool read_manifest(manifest_t *manifest, const char *text)
{
    const char *why = NULL;
    json_t *array = json_loads(text, 0, NULL);
    bool is_read = manifest_read(manifest, array, &why);
    json_decref(array);
    CHECK(is_read || why != NULL);
    return is_read;
}

TEST(a_manifest_goes_through_json)
{
    manifest_t manifest = {0}, read = {0};
    char paths[][8] = {"d", "d/ü", "stream"};
    const entry_t entries[] = {{.path = paths[0], .is_directory = true, .mode = 0750, .mtime_ns = 5},
                               {.path = paths[1], .size = 1LL << 40, .mode = 0644, .mtime_ns = -1},
                               {.path = paths[2], .size = MANIFEST_STREAM}};
    for (size_t i = 0; i < 3; i++)
        CHECK(manifest_add(&manifest, &entries[i]) != NULL);
    size_t at = 0;
    json_t *array = manifest_write(&manifest, &at);
    const char *why;
    CHECK_INT(at, 3);
    CHECK(manifest_read(&read, array, &why));
    for (size_t i = 0; i < 3; i++)
        CHECK(manifest_entries_are_equal(&manifest.entries[i], &read.entries[i]));
    CHECK_INT(read.bytes, 1LL << 40);
    json_decref(array);
    manifest_clear(&manifest);
    manifest_clear(&read);
}

TEST(a_manifest_from_outside_is_checked)
{
    static const char *const wrong[] = {
        "[{\"path\":\"../a\",\"size\":1}]", "[{\"path\":\"a\",\"size\":-1}]", "[{\"path\":\"a\"}]", "[{\"size\":1}]", "[5]",
        "[{\"path\":\"a\",\"size\":\"1\"}]"};
    manifest_t manifest = {0};
    const char *path;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!read_manifest(&manifest, wrong[i]));
    CHECK(read_manifest(
        &manifest,
        "[{\"path\":\"a\",\"size\":1,\"mode\":4095},{\"path\":\"a.b\",\"size\":9223372036854775807},{\"path\":\"c\",\"size\":5}]"));
    CHECK_INT(manifest.entries[0].mode, 0777); /* no set-uid */
    CHECK_INT(manifest.bytes, INT64_MAX);
    CHECK(!manifest_has_conflict(&manifest, &path));
    CHECK(manifest_has_path(&manifest, "a.b") && !manifest_has_path(&manifest, "b"));
    CHECK(read_manifest(&manifest, "[{\"path\":\"a/x\",\"size\":1}]"));
    CHECK(manifest_has_conflict(&manifest, &path)); /* a file above a file */
    CHECK_TEXT(path, "a/x");
    manifest_clear(&manifest);
}

TEST(a_stream_is_kept_until_it_is_taken)
{
    int ends[2];
    const uint8_t *bytes;
    size_t length;
    char hex[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE];
    uint8_t hash[DIGEST_SIZE];
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(write(ends[1], "0123456789", 10), 10);
    stream_t *stream = stream_new(ends[0]);
    CHECK_INT(stream_read(stream, -1, &bytes, &length), STREAM_BYTES);
    CHECK_INT(length, 10);
    stream_taken(stream, 4);
    CHECK(!stream_seek(stream, 3) && !stream_seek(stream, 11) && stream_seek(stream, 4));
    CHECK_INT(stream_read(stream, -1, &bytes, &length), STREAM_BYTES);
    CHECK_INT(length, 6);
    CHECK_BYTES(bytes, "456789", 6);
    digest_of("01234567", 8, hash);
    digest_to_hex(hash, expected);
    stream_hash(stream, 8, hex);
    CHECK_TEXT(hex, expected);
    stream_hash(stream, 3, hex); /* gone */
    CHECK_TEXT(hex, "");
    close(ends[1]);
    CHECK_INT(stream_read(stream, -1, &bytes, &length), STREAM_END);
    stream_free(stream);
    close(ends[0]);
}

TEST(a_conduit_holds_a_bounded_amount)
{
    static char bytes[1 << 20];
    conduit_t *conduit = conduit_new();
    size_t taken = 0;
    while (conduit_take(conduit, bytes, sizeof bytes, false))
        taken += sizeof bytes;
    CHECK(taken >= CONDUIT_WINDOW && taken <= CONDUIT_WAITING_MAX);
    conduit_free(conduit);
}
