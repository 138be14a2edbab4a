/* When what begins and ends: connecting, registering, warming up, measuring, draining. */
#include "sipload.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

enum phase { START, WARM, MEASURE, DRAIN, LEAVE };
static enum phase phase;
static uint64_t phase_end, rate_start, rate_begun, open_start, next_ping, progress;
static int opened, wanted, settled, next_client, pinged;
int poller;

void load_abandon(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("sipload: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    stats_event("failed");
    exit(1);
}

bool load_starting(void) { return phase == START; }

void load_settled(void)
{
    settled++;
    progress = now;
}

void load_ended(struct unit *unit, bool success)
{
    if (unit->setting_up) {
        if (!success) load_abandon("%s could not register", unit->caller->aor);
        load_settled();
        return;
    }
    if (!success || !stats.measuring) return;
    uint64_t whole = now - unit->due;
    stats.done++;
    histogram_add(&stats.first, unit->what == CALL ? unit->setup : whole);
    if (unit->what == CALL) histogram_add(&stats.whole, whole);
}

/* starting */

static bool registers(const struct client *client)
{
    return opt.command != OPTIONS && opt.command != ECHO && !(opt.has_trusted && client->calls);
}

static void start_more(void)
{
    if (now - progress > 15 * SECOND)
        load_abandon("%d of %d clients are ready, and for 15 s no other became so", settled, wanted);
    if (opt.transport == UDP) {
        while (opened < opt.clients && units_busy < 32) {
            struct client *client = &clients[opened++];
            if (registers(client)) client_connected(client);
            else load_settled();
        }
        return;
    }
    double due = (double)(now - open_start) / 1e9 * opt.open_rate;
    while (opened < opt.clients && opened <= due && opened - settled < 100) client_connect(&clients[opened++]);
}

static void next_phase(void)
{
    switch (phase) {
    case START:
        stats_event("ready");
        phase = WARM;
        rate_start = now = clock_read();
        phase_end = now + (uint64_t)(opt.warmup * 1e9);
        next_ping = now;
        break;
    case WARM:
        phase = MEASURE;
        stats_begin();
        phase_end = now + (uint64_t)(opt.seconds * 1e9);
        break;
    case MEASURE:
        stats_end();
        phase = DRAIN;
        phase_end = now + 2 * SECOND;
        break;
    case DRAIN:
        if (units_busy) {
            fprintf(stderr, "sipload: failed: %u units had not ended 2 s after the window\n", units_busy);
            exit(1);
        }
        phase = LEAVE;
        phase_end = now + 10 * SECOND;
        opened = 0;
        break;
    case LEAVE: exit(stats.failed || stats.wrong || stats.dropped);
    }
}

/* Take registrations over UDP back: else the next run's calls fork to sockets that are gone. A WebSocket's end is
   enough. */
static void leave_more(void)
{
    while (opened < opt.clients && units_busy < 32) {
        struct client *client = &clients[opened++];
        if (opt.transport != UDP || !client->registered) continue;
        struct unit *unit = unit_new(REGISTER, now);
        unit->caller = client;
        unit->leaving = true;
        register_begin(unit);
    }
}

static bool over(void)
{
    switch (phase) {
    case START: return settled == wanted;
    case DRAIN: return !units_busy || now >= phase_end;
    case LEAVE: return (opened == opt.clients && !units_busy) || now >= phase_end;
    default: return now >= phase_end;
    }
}

/* running */

static struct client *pick(int first, int count)
{
    for (int tried = 0; tried < count; tried++) {
        struct client *found = &clients[first + next_client++ % count];
        if (!found->lost && !(opt.command == REGISTER && found->busy)) return found;
    }
    return NULL;
}

/* false where it has to wait */
static bool begin(uint64_t due)
{
    int callers = opt.command == CALL ? opt.clients / 2 : opt.clients;
    struct client *caller = pick(0, callers), *callee = NULL;
    if (!caller) return false;
    if (opt.command == CALL) {
        /* another pair each time round */
        callee = &clients[callers + (next_client - 1 + (next_client - 1) / callers) % callers];
        if (callee->lost) return false;
    }
    struct unit *unit = unit_new(opt.command, due);
    if (!unit) {
        stats.failed++;
        if (complain()) fprintf(stderr, "sipload: failed: 65536 units are under way, the server does not keep up\n");
        return true;
    }
    unit->caller = caller;
    unit->callee = callee;
    if (next_client > 1 << 30) next_client = 0;
    if (opt.command == CALL) call_begin(unit);
    else if (opt.command == REGISTER || opt.command == ECHO) register_begin(unit);
    else options_begin(unit);
    return true;
}

static uint64_t due_of(uint64_t number) { return rate_start + (uint64_t)((double)number * 1e9 / opt.rate); }

static void begin_more(void)
{
    if (opt.command == IDLE) return;
    if (opt.rate > 0) {
        for (int i = 0; i < 64 && due_of(rate_begun) <= now && begin(due_of(rate_begun)); i++) rate_begun++;
    } else {
        while (units_busy < (uint32_t)opt.outstanding && begin(now)) {}
    }
}

static void ping_more(void)
{
    uint64_t every = (uint64_t)(opt.ping * 1e9 / opt.clients);
    while (opt.ping > 0 && next_ping <= now) {
        struct client *client = &clients[pinged++ % opt.clients];
        if (!client->lost) ws_ping(client->wire);
        next_ping += every ? every : 1;
    }
}

static uint64_t until(void)
{
    uint64_t found = now + 100 * MS;
    if (timers_armed()) found = now + 8 * MS;
    if (phase != START && phase_end < found) found = phase_end;
    if (phase == START && opened < opt.clients) found = now + MS;
    if ((phase == WARM || phase == MEASURE) && opt.rate > 0 && opt.command != IDLE && due_of(rate_begun) < found) {
        /* what is due already waits for a client that is free */
        uint64_t due = due_of(rate_begun);
        found = due > now ? due : now + MS;
    }
    if (opt.ping > 0 && (phase == WARM || phase == MEASURE) && next_ping < found) found = next_ping;
    return found > now ? found - now : 0;
}

static void turn(void)
{
    static struct epoll_event events[256];
    uint64_t left = until();
    struct timespec wait = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};
    static bool old; /* before Linux 5.11, and under valgrind */
    int found = old ? 0 : epoll_pwait2(poller, events, 256, &wait, NULL);
    if (found < 0 && errno == ENOSYS) old = true;
    if (old) {
        struct pollfd one = {.fd = poller, .events = POLLIN};
        ppoll(&one, 1, &wait, NULL);
        found = epoll_wait(poller, events, 256, 0);
    }
    now = clock_read();
    for (int i = 0; i < found; i++) {
        struct wire *wire = events[i].data.ptr;
        if (wire->batch) udp_readable(wire);
        else ws_event(wire, events[i].events);
    }
    udp_flush();
    timers_run();
    udp_flush();
}

static volatile sig_atomic_t stopped;

static void on_signal(int number) { stopped = 1; }

/* At a signal the window ends at once; before it there is none, and only the registrations are taken back. */
static void stop(void)
{
    stopped = 0;
    phase_end = now;
    if (phase == START || phase == WARM) {
        stats.failed++;
        stats_event("failed");
        phase = DRAIN;
    }
}

void load_run(void)
{
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    wanted = opt.clients;
    open_start = progress = now = clock_read();
    for (;;) {
        if (phase == START) start_more();
        else if (phase == LEAVE) leave_more();
        else if (phase != DRAIN) begin_more();
        if (phase == WARM || phase == MEASURE) ping_more();
        udp_flush();
        turn();
        if (stopped) stop();
        if (over()) next_phase();
    }
}
