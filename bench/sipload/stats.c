/* Counters, a log-linear histogram (64 steps for each power of two: within 1.6 %), and the lines of JSON. */
#include "sipload.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct stats stats;
static uint64_t began, own_before, server_before, memory_before;

static int bucket(uint64_t value)
{
    if (value < 64) return (int)value;
    int power = 63 - __builtin_clzll(value);
    return (power - 5) * 64 + (int)(value >> (power - 6) & 63);
}

/* the middle of a bucket */
static double middle(int number)
{
    if (number < 64) return number;
    int power = number / 64 + 5;
    return ((double)(64 + number % 64) + 0.5) * (double)(1ull << (power - 6));
}

void histogram_add(struct histogram *of, uint64_t nanoseconds)
{
    of->counts[bucket(nanoseconds)]++;
    of->total++;
    if (nanoseconds > of->largest) of->largest = nanoseconds;
}

double histogram_us(const struct histogram *of, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)of->total), seen = 0;
    double largest = (double)of->largest / 1e3;
    for (int i = 0; i < 64 * 64; i++)
        if ((seen += of->counts[i]) > wanted) return middle(i) / 1e3 < largest ? middle(i) / 1e3 : largest;
    return largest;
}

static uint64_t own_cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

void stats_event(const char *name)
{
    printf("{\"event\":\"%s\"}\n", name);
    fflush(stdout);
}

void stats_start(void)
{
    if (!opt.pid) return;
    process_find();
    memory_before = process_memory();
}

void stats_begin(void)
{
    stats.done = 0;
    memset(&stats.first, 0, sizeof stats.first);
    memset(&stats.whole, 0, sizeof stats.whole);
    stats_event("begin");
    stats.measuring = true;
    own_before = own_cpu();
    if (opt.pid) server_before = process_cpu(true);
    began = now = clock_read();
}

void stats_end(void)
{
    now = clock_read();
    uint64_t server = opt.pid ? process_cpu(true) : 0, own = own_cpu();
    double seconds = (double)(now - began) / 1e9, units = (double)stats.done;
    int connected = 0;
    for (int i = 0; i < opt.clients; i++) connected += clients[i].connected && !clients[i].lost;
    if (opt.command == IDLE) units = seconds * connected; /* a connection held for a second */
    if (units < 1) units = 1;
    stats.measuring = false;
    printf("{\"event\":\"end\",\"done\":%llu,\"failed\":%llu,\"wrong\":%llu,\"retransmitted\":%llu,\"seconds\":%.4f,"
           "\"per_second\":%.1f,",
           (unsigned long long)stats.done, (unsigned long long)stats.failed, (unsigned long long)stats.wrong,
           (unsigned long long)stats.retransmitted, seconds, (double)stats.done / seconds);
    const struct histogram *h = &stats.first;
    printf("\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,", histogram_us(h, .5), histogram_us(h, .9),
           histogram_us(h, .99), histogram_us(h, 1));
    if (opt.command == CALL)
        printf("\"unit_p50_us\":%.1f,\"unit_p99_us\":%.1f,", histogram_us(&stats.whole, .5),
               histogram_us(&stats.whole, .99));
    if (opt.pid)
        printf("\"server_cpu_us_per_unit\":%.3f,\"server_kb\":%llu,\"server_kb_before\":%llu,",
               (double)(server - server_before) / 1e3 / units, (unsigned long long)process_memory(),
               (unsigned long long)memory_before);
    printf("\"own_cpu_us_per_unit\":%.3f,\"connections\":%d,\"dropped\":%llu}\n",
           (double)(own - own_before) / 1e3 / units, connected, (unsigned long long)stats.dropped);
    fflush(stdout);
}

bool complain(void)
{
    static int said;
    return said++ < 3;
}

void wrong(const char *why, const char *message, size_t size)
{
    stats.wrong++;
    if (complain()) fprintf(stderr, "sipload: wrong: %s\n%.*s\n", why, (int)(size > 1500 ? 1500 : size), message);
}
