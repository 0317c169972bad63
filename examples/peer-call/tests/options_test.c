#include "ice_servers.h"
#include "options.h"
#include "test.h"

#include <stdio.h>
#include <unistd.h>

/* Parses a line of words; complaints go nowhere. */
static bool parse(options_t *options, const char *line)
{
    static char copy[1000];
    static char *words[64];
    int count = 0;
    snprintf(copy, sizeof copy, "peer-call %s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    fflush(stderr);
    int saved = dup(STDERR_FILENO), out = dup(STDOUT_FILENO);
    FILE *nowhere = fopen("/dev/null", "w");
    dup2(fileno(nowhere), STDERR_FILENO);
    fflush(stdout);
    dup2(fileno(nowhere), STDOUT_FILENO);
    bool parsed = options_parse(options, count, words);
    fflush(stdout);
    dup2(saved, STDERR_FILENO);
    dup2(out, STDOUT_FILENO);
    close(saved);
    close(out);
    fclose(nowhere);
    return parsed;
}

TEST(urls_name_host_port_and_room)
{
    options_t options = {.network = {.port = 0}};
    CHECK(network_parse_url(&options.network, "ws://example.org:8080/tea", true));
    CHECK_TEXT(options.network.host, "example.org");
    CHECK_INT(options.network.port, 8080);
    CHECK_TEXT(options.network.room, "tea");
    CHECK(!options.network.is_tls);
    CHECK(network_parse_url(&options.network, "https://[2001:db8::1]/a.b-c", true));
    CHECK_TEXT(options.network.host, "2001:db8::1");
    CHECK_INT(options.network.port, 443);
    CHECK(options.network.is_tls);
    static const char *const wrong[] = {
        "tea",           "ws://host",     "ws://host/",     "ws:///tea",       "ws://host:0/tea", "ws://host:99999/tea", "ws://host:/tea",
        "ws://[::1/tea", "ws://host/a/b", "ftp://host/tea", "ws://host:1x/tea"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (network_parse_url(&options.network, wrong[i], true))
            test_fail(__FILE__, __LINE__, "%s was taken", wrong[i]);
}

TEST(listen_takes_host_and_port_or_one_of_them)
{
    options_t options = {.network = {.port = 8080}};
    CHECK(network_parse_listen(&options.network, ":9000"));
    CHECK_TEXT(options.network.host, "");
    CHECK_INT(options.network.port, 9000);
    CHECK(network_parse_listen(&options.network, "9001"));
    CHECK_INT(options.network.port, 9001);
    CHECK(network_parse_listen(&options.network, "[::1]:9002"));
    CHECK_TEXT(options.network.host, "::1");
    CHECK(network_parse_listen(&options.network, "127.0.0.1:0"));
    CHECK_INT(options.network.port, 0);
    CHECK(!network_parse_listen(&options.network, "127.0.0.1:http"));
}

TEST(join_takes_its_options)
{
    options_t options;
    CHECK(parse(&options, "join ws://h:1/r --video none --audio test --say one --say two --seconds 2.5 --report r.json --ice-server stun:s "
                          "--size 320x240@15"));
    CHECK_INT(options.command, COMMAND_JOIN);
    CHECK_TEXT(options.video, "none");
    CHECK_INT(options.say_count, 2);
    CHECK_TEXT(options.say[1], "two");
    CHECK(options.seconds == 2.5);
    CHECK(options.wait == 30);
    CHECK_TEXT(options.network.servers[0].urls, "stun:s");
    CHECK_INT(options.width, 320);
    CHECK_INT(options.rate, 15);
}

TEST(user_and_password_are_those_of_the_servers_before_them_or_of_all)
{
    options_t options;
    CHECK(parse(&options, "join ws://h:1/r --ice-server stun:a --ice-server turn:b --ice-user u --ice-password p --ice-server turns:c "
                          "--user v --password q"));
    CHECK_INT(options.network.server_count, 3);
    CHECK_TEXT(options.network.servers[1].urls, "turn:b");
    CHECK_TEXT(options.network.servers[1].username, "u");
    CHECK_TEXT(options.network.servers[1].credential, "p");
    CHECK_TEXT(options.network.servers[2].username, "v");
    CHECK_TEXT(options.network.servers[2].credential, "q");
    CHECK(parse(&options, "serve --user u --password p --ice-server turn:a"));
    CHECK_TEXT(options.network.servers[0].username, "u");
    CHECK_TEXT(options.network.servers[0].credential, "p");
    CHECK(parse(&options, "join ws://h:1/r --ice-server stun:a"));
    CHECK(options.network.servers[0].username == NULL && options.network.servers[0].credential == NULL);
}

TEST(how_it_connects_can_be_chosen)
{
    options_t options;
    CHECK(parse(&options, "join ws://h:1/r"));
    CHECK_INT(options.network.ice_tcp, PEER_ICE_TCP_ALL);
    CHECK(!options.network.is_relay_only && !options.explains && options.network.ca_file == NULL);
    CHECK(parse(&options, "join ws://h:1/r --relay-only --explain --ca-file /dev/null --ice-tcp=off"));
    CHECK(options.network.is_relay_only && options.explains);
    CHECK_TEXT(options.network.ca_file, "/dev/null");
    CHECK_INT(options.network.ice_tcp, PEER_ICE_TCP_OFF);
    CHECK(parse(&options, "join ws://h:1/r --ice-tcp"));
    CHECK_INT(options.network.ice_tcp, PEER_ICE_TCP_ALL);
}

static size_t read_servers(const char *text, peer_ice_server_t servers[NETWORK_SERVERS_MAX], json_t **array)
{
    *array = json_loads(text, 0, NULL);
    return ice_servers_from_json(*array, servers);
}

TEST(servers_go_through_json_and_nonsense_is_left_out)
{
    peer_ice_server_t servers[NETWORK_SERVERS_MAX];
    const peer_ice_server_t given[] = {{.urls = "stun:a stun:b"}, {.urls = "turn:c", .username = "u", .credential = "p"}};
    json_t *array = ice_servers_to_json(given, 2);
    char *text = json_dumps(array, JSON_COMPACT);
    CHECK_TEXT(text, "[{\"urls\":[\"stun:a\",\"stun:b\"]},{\"urls\":[\"turn:c\"],\"username\":\"u\",\"credential\":\"p\"}]");
    CHECK_INT(ice_servers_from_json(array, servers), 3);
    CHECK_TEXT(servers[1].urls, "stun:b");
    CHECK_TEXT(servers[2].credential, "p");
    free(text);
    json_decref(array);
    CHECK_INT(read_servers("[{\"urls\":\"stun:a\"},{\"urls\":5},5,{},{\"urls\":[5,\"stun:b\"]}]", servers, &array), 2);
    json_decref(array);
    CHECK_INT(read_servers("{\"urls\":\"stun:a\"}", servers, &array), 0);
    json_decref(array);
    array = json_array();
    for (int i = 0; i < 2 * NETWORK_SERVERS_MAX; i++)
        json_array_append_new(array, json_pack("{s:s}", "urls", "stun:a"));
    CHECK_INT(ice_servers_from_json(array, servers), NETWORK_SERVERS_MAX);
    json_decref(array);
}

TEST(what_makes_no_sense_is_refused)
{
    static const char *const wrong[] = {"",
                                        "jion ws://h:1/r",
                                        "join",
                                        "join --video test",
                                        "join ws://h:1/r more",
                                        "join ws://h:1/r --video /no/such/file",
                                        "join ws://h:1/r --seconds -1",
                                        "join ws://h:1/r --seconds x",
                                        "join ws://h:1/r --listen :1",
                                        "serve --say x",
                                        "serve x",
                                        "serve --certificate /dev/null",
                                        "join ws://h:1/r --nonsense",
                                        "join ws://h:1/r --say",
                                        "join ws://h:1/r --show loud",
                                        "demo --report x",
                                        "join ws://h:1/r --record-video avi",
                                        "join ws://h:1/r --video-codec av1",
                                        "join ws://h:1/r --log loud",
                                        "join ws://h:1/r --ca-file /no/such/file",
                                        "join ws://h:1/r --ice-tcp=maybe",
                                        "join ws://h:1/r --ice-user u --ice-password p",
                                        "serve --relay-only"};
    options_t options;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (parse(&options, wrong[i]))
            test_fail(__FILE__, __LINE__, "\"%s\" was taken", wrong[i]);
}

TEST(help_is_no_mistake)
{
    options_t options;
    CHECK(parse(&options, "--help"));
    CHECK_INT(options.command, COMMAND_NONE);
    CHECK(parse(&options, "join --help"));
    CHECK_INT(options.command, COMMAND_NONE);
}
