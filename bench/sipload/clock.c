/* Time, random numbers, and a wheel of timers: every timer here ends within 8 s, so one turn of it is enough. */
#include "sipload.h"

#include <sys/random.h>
#include <time.h>

#define TICK_BITS 23 /* 8.4 ms */
#define BUCKETS 1024

uint64_t now;
static struct timer wheel[BUCKETS];
static uint64_t last_tick;
static size_t armed;

uint64_t clock_read(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* xorshift: for names and masks, which nobody attacks here */
uint64_t random_bits(void)
{
    static uint64_t state;
    while (state == 0)
        if (getrandom(&state, sizeof state, 0) != sizeof state) die("no random numbers");
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void timers_start(void)
{
    for (int i = 0; i < BUCKETS; i++) wheel[i].next = wheel[i].previous = &wheel[i];
    last_tick = clock_read() >> TICK_BITS;
}

bool timers_armed(void) { return armed > 0; }

void timer_stop(struct timer *timer)
{
    if (timer->next == NULL) return;
    timer->next->previous = timer->previous;
    timer->previous->next = timer->next;
    timer->next = timer->previous = NULL;
    armed--;
}

void timer_set(struct timer *timer, uint64_t delay)
{
    timer_stop(timer);
    timer->due = now + delay;
    struct timer *head = &wheel[((timer->due >> TICK_BITS) + 1) % BUCKETS];
    timer->previous = head->previous;
    timer->next = head;
    head->previous->next = timer;
    head->previous = timer;
    armed++;
}

/* What fires may stop or set any timer: so they are taken from a list of their own, one by one. */
void timers_run(void)
{
    for (uint64_t tick = now >> TICK_BITS; last_tick < tick; last_tick++) {
        struct timer *head = &wheel[(last_tick + 1) % BUCKETS], due;
        if (head->next == head) continue;
        due = *head;
        due.next->previous = due.previous->next = &due;
        head->next = head->previous = head;
        while (due.next != &due) {
            struct timer *each = due.next;
            timer_stop(each);
            each->fire(each->of);
        }
    }
}
