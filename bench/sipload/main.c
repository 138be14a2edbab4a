/* sipload: a load generator for SIP over UDP and WebSocket. */
#include "sipload.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void enough_files(void)
{
    struct rlimit limit;
    rlim_t needed = 64 + 2 * (rlim_t)opt.sockets + (opt.transport == UDP ? 0 : (rlim_t)opt.clients);
    if (getrlimit(RLIMIT_NOFILE, &limit)) die("getrlimit: %s", strerror(errno));
    if (limit.rlim_cur >= needed) return;
    rlim_t most = limit.rlim_max;
    limit.rlim_cur = needed;
    if (limit.rlim_max < needed) limit.rlim_max = needed; /* root may */
    if (setrlimit(RLIMIT_NOFILE, &limit))
        die("%llu open files are needed and at most %llu are allowed (ulimit -Hn)", (unsigned long long)needed,
            (unsigned long long)most);
}

static void one_core(void)
{
    cpu_set_t set;
    if (opt.cpu < 0) return;
    CPU_ZERO(&set);
    CPU_SET(opt.cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("--cpu %d: %s", opt.cpu, strerror(errno));
}

int main(int argc, char **argv)
{
    options_parse(argc, argv);
    enough_files();
    one_core();
    prctl(PR_SET_TIMERSLACK, 1000);
    signal(SIGPIPE, SIG_IGN);
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll: %s", strerror(errno));
    timers_start();
    units_start();
    if (opt.command == CALL) calls_start();
    if (opt.transport != UDP) ws_start();
    clients_make();
    stats_start();
    load_run();
}
