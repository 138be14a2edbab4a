/* The command line. */
#include "sipload.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options opt = {
    .path = "/ws", .user = "u", .clients = 1, .sockets = 1, .outstanding = 64, .cpu = -1, .sdp = 300, .expires = 600,
    .seconds = 10, .open_rate = 500,
};

static const char help[] =
    "Usage: sipload [options] options|register|call|idle|echo HOST:PORT\n"
    "\n"
    "Offers load to a SIP server and measures it. Lines of JSON on stdout: ready, begin, end.\n"
    "  options    OPTIONS, answered 200\n"
    "  register   REGISTERs that refresh, answered 200 with their Contact\n"
    "  call       INVITE, 180, 200, ACK, BYE, 200 between two halves of the clients, both played here\n"
    "  idle       registered WebSockets that only answer pings\n"
    "  echo       the octets of REGISTERs, which have to come back as they are: for a server that is none\n"
    "\n"
    "Who and how:\n"
    "  --transport udp|ws|wss   (udp); the certificate is not looked at\n"
    "  --path PATH              of the WebSocket; %d in it is the number of the user (/ws)\n"
    "  --origin URL             Origin of its handshake (none)\n"
    "  --local ADDRESS          source address (the system's choice)\n"
    "  --trusted-caller ADDRESS source address of callers over UDP, who then do not register\n"
    "  --clients N              users: one connection each, or sharing UDP sockets (1)\n"
    "  --users N                user names, given out in turn where clients are more (as many as clients)\n"
    "  --sockets N              UDP sockets for callers, and as many for callees (1)\n"
    "  --domain NAME            of the users (HOST)\n"
    "  --user PREFIX            user names are PREFIX0, PREFIX1... (u)\n"
    "  --password TEMPLATE      %d in it is the number of the user; without it no challenge is answered\n"
    "  --expires SECONDS        of registrations (600)\n"
    "  --sdp OCTETS             size of the session descriptions, 100 to 4000 (300)\n"
    "  --callee-answer          callees answer at once: so they always do\n"
    "\n"
    "How much:\n"
    "  --rate R                 begin R units a second, evenly; 0: as fast as they end (0)\n"
    "  --outstanding M          units under way at a time with --rate 0 (64)\n"
    "  --warmup S               seconds before the measured window (0)\n"
    "  --seconds S              the measured window (10)\n"
    "  --open-rate R            WebSockets opened a second (500)\n"
    "  --ping S                 idle: each client sends a double CRLF every S seconds (never)\n"
    "\n"
    "Measuring:\n"
    "  --cpu N                  run on that core alone\n"
    "  --pid PID                report CPU and memory of the session of that process\n"
    "  --help                   this text\n"
    "\n"
    "Exit status: 0 all went well; 1 something failed, was wrong or was dropped; 2 it could not begin.\n";

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("sipload: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    exit(2);
}

enum name {
    TRANSPORT, PATH, ORIGIN, LOCAL, TRUSTED, CLIENTS, USERS, SOCKETS, DOMAIN, USER, PASSWORD, EXPIRES, SDP, ANSWER,
    RATE, OUTSTANDING, WARMUP, SECONDS, OPEN_RATE, PING, CPU, PID, HELP,
};

static const struct option names[] = {
    {"transport", 1, NULL, TRANSPORT}, {"path", 1, NULL, PATH}, {"origin", 1, NULL, ORIGIN},
    {"local", 1, NULL, LOCAL}, {"trusted-caller", 1, NULL, TRUSTED}, {"clients", 1, NULL, CLIENTS},
    {"users", 1, NULL, USERS}, {"sockets", 1, NULL, SOCKETS}, {"domain", 1, NULL, DOMAIN}, {"user", 1, NULL, USER},
    {"password", 1, NULL, PASSWORD}, {"expires", 1, NULL, EXPIRES}, {"sdp", 1, NULL, SDP},
    {"callee-answer", 0, NULL, ANSWER}, {"rate", 1, NULL, RATE}, {"outstanding", 1, NULL, OUTSTANDING},
    {"warmup", 1, NULL, WARMUP}, {"seconds", 1, NULL, SECONDS}, {"open-rate", 1, NULL, OPEN_RATE},
    {"ping", 1, NULL, PING}, {"cpu", 1, NULL, CPU}, {"pid", 1, NULL, PID}, {"help", 0, NULL, HELP}, {0},
};

static double number(const char *name, const char *value, double least, double most)
{
    char *end;
    errno = 0;
    double found = strtod(value, &end);
    if (errno || end == value || *end || !(found >= least && found <= most))
        die("--%s %s: not a number from %g to %g", name, value, least, most);
    return found;
}

static int whole(const char *name, const char *value, double least, double most)
{
    double found = number(name, value, least, most);
    if (found != (int)found) die("--%s %s: not a whole number", name, value);
    return (int)found;
}

static socklen_t resolve(const char *host, const char *port, int family, int flags, struct sockaddr_storage *to)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM, .ai_flags = flags}, *found;
    int status = getaddrinfo(host, port, &hints, &found);
    if (status) die("%s: %s", host, gai_strerror(status));
    socklen_t size = found->ai_addrlen;
    memcpy(to, found->ai_addr, size);
    freeaddrinfo(found);
    return size;
}

static const char *clean(const char *name, const char *value, const char *never)
{
    if (!*value || value[strcspn(value, never)]) die("--%s: not a value that can stand there: '%s'", name, value);
    if (strlen(value) > 100) die("--%s: too long", name);
    return value;
}

static void one(int name, const char *value)
{
    const char *called = names[name].name;
    switch ((enum name)name) {
    case TRANSPORT:
        if (!strcmp(value, "udp")) opt.transport = UDP;
        else if (!strcmp(value, "ws")) opt.transport = WS;
        else if (!strcmp(value, "wss")) opt.transport = WSS;
        else die("--transport is udp, ws or wss, not '%s'", value);
        break;
    case PATH: opt.path = clean(called, value, " \r\n"); break;
    case ORIGIN: opt.origin = clean(called, value, " \r\n"); break;
    case LOCAL:
        resolve(value, NULL, AF_UNSPEC, AI_NUMERICHOST, &opt.local);
        opt.has_local = true;
        break;
    case TRUSTED:
        resolve(value, NULL, AF_UNSPEC, AI_NUMERICHOST, &opt.trusted);
        opt.has_trusted = true;
        break;
    case CLIENTS: opt.clients = whole(called, value, 1, 1e6); break;
    case USERS: opt.users = whole(called, value, 1, 1e6); break;
    case SOCKETS: opt.sockets = whole(called, value, 1, 100); break;
    case DOMAIN: opt.domain = clean(called, value, " <>\"@;\r\n"); break;
    case USER: opt.user = clean(called, value, " <>\"@:;,\r\n"); break;
    case PASSWORD: opt.password = clean(called, value, "\r\n"); break;
    case EXPIRES: opt.expires = whole(called, value, 1, 1e9); break;
    case SDP: opt.sdp = whole(called, value, 100, SDP_MAX); break;
    case ANSWER: break;
    case RATE: opt.rate = number(called, value, 0, 1e7); break;
    case OUTSTANDING: opt.outstanding = whole(called, value, 1, 60000); break;
    case WARMUP: opt.warmup = number(called, value, 0, 1e6); break;
    case SECONDS: opt.seconds = number(called, value, 0.01, 1e6); break;
    case OPEN_RATE: opt.open_rate = number(called, value, 0.1, 1e6); break;
    case PING: opt.ping = number(called, value, 0.1, 1e6); break;
    case CPU: opt.cpu = whole(called, value, 0, 1023); break;
    case PID: opt.pid = whole(called, value, 1, 1e9); break;
    case HELP:
        fputs(help, stdout);
        exit(0);
    }
}

static void target(char *value)
{
    char *colon = strrchr(value, ':'), *host = value;
    if (!colon || !colon[1]) die("'%s' is not HOST:PORT", value);
    *colon = 0;
    size_t size = strlen(host);
    if (*host == '[' && host[size - 1] == ']') host[size - 1] = 0, host++;
    opt.host = host;
    opt.port = colon + 1;
    opt.server_size = resolve(host, opt.port, AF_UNSPEC, AI_NUMERICSERV, &opt.server);
    if (!opt.domain) opt.domain = host;
}

static void agree(void)
{
    bool udp = opt.transport == UDP;
    if (opt.has_local && opt.local.ss_family != opt.server.ss_family) die("--local is of another family than HOST");
    if (opt.has_trusted && opt.trusted.ss_family != opt.server.ss_family)
        die("--trusted-caller is of another family than HOST");
    if (opt.has_trusted && (!udp || opt.command != CALL)) die("--trusted-caller is for call over UDP");
    if (opt.command == IDLE && udp) die("idle is for --transport ws or wss");
    if (opt.ping > 0 && opt.command != IDLE) die("--ping is for idle");
    if (!opt.users || opt.users > opt.clients) opt.users = opt.clients;
    if (opt.command == CALL && opt.users < opt.clients) die("call needs a user for each client: it is meant for one");
    if (opt.command == CALL && opt.clients < 2) die("call needs --clients 2 or more");
    if (opt.pid && getsid(opt.pid) < 0) die("--pid %d: %s", opt.pid, strerror(errno));
    if (opt.password && strstr(opt.password, "%d") != strchr(opt.password, '%'))
        die("--password: only %%d may follow a %% sign, once");
}

void options_parse(int argc, char **argv)
{
    static const char *commands[] = {"options", "register", "call", "idle", "echo"};
    int found;
    while ((found = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (found == '?') die("see --help");
        one(found, optarg);
    }
    if (argc - optind != 2) die("a command and HOST:PORT are needed; see --help");
    for (found = 0; found < 5; found++)
        if (!strcmp(argv[optind], commands[found])) break;
    if (found == 5) die("'%s' is not options, register, call, idle or echo", argv[optind]);
    opt.command = (enum command)found;
    target(argv[optind + 1]);
    agree();
}
