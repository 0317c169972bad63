#include "lab.h"

#include "offload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVER_PATIENCE_MS 10000
#define REAP_PATIENCE_MS 10000
#define STEP_MS 5 /* between two looks at whether something has happened */
#define TURN_PORT 3478

struct lab {
    int home;                /* the namespace this process is in, as are the following */
    int places[LAB_PLACES];  /* two hosts and the server */
    int gateways[LAB_HOSTS]; /* -1 without a NAT */
    int tuns[LAB_PLACES];
    network_t *network;
    pid_t server;
    unsigned mtu;
    char directory[32]; /* of the server's files */
};

const char *const lab_addresses[LAB_PLACES] = {"198.51.100.1", "198.51.100.2", LAB_SERVER_ADDRESS};

static bool fail(const char *what)
{
    fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
    return false;
}

static void wait_a_step(void)
{
    nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
}

static bool enter(int network_namespace)
{
    return setns(network_namespace, CLONE_NEWNET) == 0;
}

/* Runs a line of the shell in a namespace. */
__attribute__((format(printf, 2, 3))) static bool run(int network_namespace, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof line)
        return false;
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        if (enter(network_namespace))
            execl("/bin/sh", "sh", "-ec", line, (char *)NULL);
        _exit(127);
    }
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
        return true;
    fprintf(stderr, "lab: failed: %s\n", line);
    return false;
}

/* A namespace of IPv4 alone: what the kernel says over IPv6 by itself would be counted with the rest. */
static bool make_namespace(const lab_t *lab, int *made)
{
    if (unshare(CLONE_NEWNET) < 0)
        return fail("a network namespace (are you root?)");
    *made = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (!enter(lab->home) || *made < 0)
        return fail("a network namespace");
    return run(*made,
               "ip link set lo up; for i in all default; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done 2>/dev/null || true");
}

/* The device through which a namespace reaches the network. */
static bool make_tun(lab_t *lab, size_t place, int network_namespace, const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (!enter(network_namespace))
        return fail("entering a namespace");
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    bool is_made = tun >= 0 && ioctl(tun, TUNSETIFF, &request) == 0 && offload_enable(tun);
    if (!enter(lab->home) || !is_made) {
        fail("/dev/net/tun");
        if (tun >= 0)
            close(tun);
        return false;
    }
    lab->tuns[place] = tun;
    return run(network_namespace, "ip addr add %s/24 dev %s; ip link set %s mtu %u txqueuelen 2000 up; ip route add default dev %s",
               lab_addresses[place], name, name, lab->mtu, name);
}

/* A host's gateway maps its only address to that of the network, keeps ports where it can, and lets in only answers. */
static bool make_nat(lab_t *lab, size_t host)
{
    if (!make_namespace(lab, &lab->gateways[host]) || !make_tun(lab, host, lab->gateways[host], "wan"))
        return false;
    return run(lab->gateways[host],
               "ip link add lan type veth peer name eth0 netns /proc/%d/fd/%d; ip addr add 10.0.%zu.1/24 dev lan; ip link set lan up",
               (int)getpid(), lab->places[host], host + 1) &&
           run(lab->places[host], "ip addr add 10.0.%zu.2/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.%zu.1", host + 1,
               host + 1) &&
           run(lab->gateways[host], "echo 1 >/proc/sys/net/ipv4/ip_forward; nft -f - <<END\n"
                                    "table ip nat {\n"
                                    " chain out { type nat hook postrouting priority srcnat;\n  oifname wan masquerade\n }\n"
                                    " chain in { type filter hook input priority filter;\n  iifname wan ct state new drop\n }\n"
                                    "}\nEND\n");
}

static bool can_connect(const lab_t *lab)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(TURN_PORT)};
    inet_pton(AF_INET, LAB_SERVER_ADDRESS, &address.sin_addr);
    if (!enter(lab->places[LAB_SERVER]))
        return false;
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_connected = enter(lab->home) && tcp >= 0 && connect(tcp, (struct sockaddr *)&address, sizeof address) == 0;
    if (tcp >= 0)
        close(tcp);
    return is_connected;
}

static bool start_server(lab_t *lab)
{
    strcpy(lab->directory, "/tmp/lab-XXXXXX");
    if (mkdtemp(lab->directory) == NULL) {
        *lab->directory = '\0';
        return fail("a directory for the server");
    }
    char pid_file[64], user_database[64];
    snprintf(pid_file, sizeof pid_file, "--pidfile=%s/pid", lab->directory);
    snprintf(user_database, sizeof user_database, "--userdb=%s/db", lab->directory);
    const char *const arguments[] = {"/bin/sh",
                                     "-c",
                                     "exec \"$0\" \"$@\" 2>/dev/null",
                                     "turnserver",
                                     "-n",
                                     "--no-cli",
                                     "--no-tls",
                                     "--no-dtls",
                                     "--log-file=/dev/null",
                                     "--simple-log",
                                     "--listening-ip=" LAB_SERVER_ADDRESS,
                                     "--relay-ip=" LAB_SERVER_ADDRESS,
                                     "--fingerprint",
                                     "--lt-cred-mech",
                                     "--user=" LAB_USER ":" LAB_PASSWORD,
                                     "--realm=bench.invalid",
                                     "--no-multicast-peers",
                                     pid_file,
                                     user_database,
                                     NULL};
    int to, from;
    lab->server = lab_spawn(lab, LAB_SERVER, arguments, &to, &from);
    if (lab->server < 0)
        return fail("turnserver");
    close(to);
    close(from);
    for (int waited = 0; waited < SERVER_PATIENCE_MS; waited += STEP_MS) {
        if (can_connect(lab))
            return true;
        if (waitpid(lab->server, NULL, WNOHANG) == lab->server) {
            lab->server = 0;
            break;
        }
        wait_a_step();
    }
    fprintf(stderr, "lab: turnserver (coturn) does not start\n");
    return false;
}

static bool join_network(lab_t *lab, const lab_options_t *options)
{
    network_port_t ports[LAB_PLACES];
    size_t count = options->has_server ? LAB_PLACES : LAB_HOSTS;
    for (size_t i = 0; i < count; i++) {
        struct in_addr address;
        inet_pton(AF_INET, lab_addresses[i], &address);
        ports[i] = (network_port_t){.tun = lab->tuns[i], .address = ntohl(address.s_addr)};
        if (i == LAB_SERVER)
            continue;
        /* Each host's link takes half of the way between them, and the losses of what it sends. */
        ports[i].up = ports[i].down = options->path;
        ports[i].up.delay_us /= 2;
        ports[i].up.jitter_us = 0;
        ports[i].down.delay_us -= ports[i].up.delay_us;
        ports[i].down.loss = 0;
    }
    lab->network = network_new(ports, count, options->seed);
    if (lab->network == NULL)
        return fail("the emulated network");
    for (size_t i = 0; i < count; i++)
        lab->tuns[i] = -1;
    return true;
}

static bool build(lab_t *lab, const lab_options_t *options)
{
    for (size_t i = 0; i < (options->has_server ? LAB_PLACES : LAB_HOSTS); i++) {
        if (!make_namespace(lab, &lab->places[i]))
            return false;
        bool is_joined = i < LAB_HOSTS && options->has_nat ? make_nat(lab, i) : make_tun(lab, i, lab->places[i], "eth0");
        if (!is_joined)
            return false;
    }
    return join_network(lab, options) && (!options->has_server || start_server(lab));
}

lab_t *lab_new(const lab_options_t *options)
{
    lab_t *lab = calloc(1, sizeof *lab);
    if (lab == NULL)
        return NULL;
    for (size_t i = 0; i < LAB_PLACES; i++)
        lab->places[i] = lab->tuns[i] = -1;
    lab->gateways[0] = lab->gateways[1] = -1;
    lab->mtu = options->mtu != 0 ? options->mtu : LAB_MTU;
    lab->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (lab->home >= 0 && build(lab, options))
        return lab;
    lab_free(lab);
    return NULL;
}

static void close_some(const int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
}

void lab_free(lab_t *lab)
{
    if (lab == NULL)
        return;
    if (lab->server > 0) {
        kill(lab->server, SIGTERM);
        lab_reap(lab->server);
    }
    if (*lab->directory != '\0') {
        char path[64];
        snprintf(path, sizeof path, "%s/pid", lab->directory);
        unlink(path);
        snprintf(path, sizeof path, "%s/db", lab->directory);
        unlink(path);
        rmdir(lab->directory);
    }
    network_free(lab->network);
    close_some(lab->tuns, LAB_PLACES);
    close_some(lab->gateways, LAB_HOSTS);
    close_some(lab->places, LAB_PLACES);
    close_some(&lab->home, 1);
    free(lab);
}

bool lab_enter_loopback(unsigned mtu)
{
    if (unshare(CLONE_NEWNET) < 0)
        return fail("a network namespace (are you root?)");
    int made = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    bool is_done = made >= 0 && run(made,
                                    "ip link add eth0 mtu %u type veth peer name eth1; ip addr add %s/24 dev eth0; ip link set eth1 up; "
                                    "ip link set eth0 up; ip link set lo mtu %u up",
                                    mtu, lab_addresses[0], mtu);
    if (made >= 0)
        close(made);
    return is_done;
}

bool lab_command(const lab_t *lab, size_t place, const char *line)
{
    return run(lab->places[place], "%s", line);
}

network_t *lab_network(lab_t *lab)
{
    return lab->network;
}

pid_t lab_spawn(const lab_t *lab, size_t place, const char *const *arguments, int *to, int *from)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(out, O_CLOEXEC) < 0) {
        close_some(in, 2);
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if ((lab == NULL || enter(lab->places[place])) && dup2(in[0], STDIN_FILENO) >= 0 && dup2(out[1], STDOUT_FILENO) >= 0)
            execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        fprintf(stderr, "lab: %s: %s\n", arguments[0], strerror(errno));
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    if (child < 0) {
        close(in[1]);
        close(out[0]);
        return -1;
    }
    *to = in[1];
    *from = out[0];
    return child;
}

void lab_reap(pid_t process)
{
    for (int waited = 0; waited < REAP_PATIENCE_MS; waited += STEP_MS) {
        if (waitpid(process, NULL, WNOHANG) != 0)
            return;
        wait_a_step();
    }
    kill(process, SIGKILL);
    waitpid(process, NULL, 0);
}
