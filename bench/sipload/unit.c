/* Units of work under way: found again by the number in their branch and Call-ID, each with room for its messages. */
#include "sipload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UNITS 65536 /* memory is touched only as far as they are used at a time */
#define T1 (500 * MS)
#define T2 (4000 * MS)
#define PATIENCE (8000 * MS)

static struct unit *units, *free_units;
static uint32_t made;
char run_id[9];
uint32_t units_busy;
size_t request_room, ack_room, dialog_room;
static char *rooms;
static size_t stride;

static void *reserve(size_t size)
{
    void *found = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) die("no memory");
    return found;
}

void units_start(void)
{
    bool call = opt.command == CALL;
    for (int i = 0; i < 8; i++) run_id[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[random_bits() % 36];
    request_room = 2048 + (call ? (size_t)opt.sdp : 0);
    ack_room = dialog_room = call ? 2048 : 0;
    stride = request_room + ack_room + dialog_room + (call ? request_room : 0);
    units = reserve(UNITS * sizeof *units);
    rooms = reserve(UNITS * stride);
}

static void fire(void *of)
{
    struct unit *unit = of;
    uint64_t age = now - unit->sent;
    if (age >= PATIENCE) {
        unit_fail(unit, "no answer");
        return;
    }
    bool invite = unit->what == CALL && unit->state == ASKING;
    if (opt.transport == UDP && !(invite && unit->provisional)) {
        stats.retransmitted++;
        wire_send(unit->caller->wire, unit->request, unit->request_size);
        unit->interval = unit->interval * 2 < T2 ? unit->interval * 2 : T2;
    } else {
        unit->interval = PATIENCE;
    }
    timer_set(&unit->again, unit->interval < PATIENCE - age ? unit->interval : PATIENCE - age);
}

static void fire_answer(void *of)
{
    struct unit *unit = of;
    uint64_t age = now - unit->answer_sent;
    if (age >= PATIENCE) return; /* the caller gives up as well */
    stats.retransmitted++;
    wire_send(unit->callee->wire, unit->answer, unit->answer_size);
    unit->answer_interval = unit->answer_interval * 2 < T2 ? unit->answer_interval * 2 : T2;
    timer_set(&unit->answer_again, unit->answer_interval);
}

static struct unit *unit_make(void)
{
    if (made == UNITS) return NULL;
    struct unit *unit = &units[made];
    char *room = rooms + made * stride;
    unit->index = made++;
    unit->request = room;
    unit->ack = room + request_room;
    unit->dialog = unit->ack + ack_room;
    unit->answer = unit->dialog + dialog_room;
    unit->again = (struct timer){.fire = fire, .of = unit};
    unit->answer_again = (struct timer){.fire = fire_answer, .of = unit};
    return unit;
}

struct unit *unit_new(enum command what, uint64_t due)
{
    struct unit *unit = free_units;
    if (unit) free_units = unit->next_free;
    else if (!(unit = unit_make())) return NULL;
    units_busy++;
    unit->generation = (unit->generation + 1) & 0xffffff;
    unit->what = what;
    unit->state = ASKING;
    unit->caller = unit->callee = NULL;
    unit->due = due;
    unit->cseq = unit->step = unit->acked_step = unit->challenges = 0;
    unit->proven = unit->provisional = unit->answered = unit->setting_up = unit->leaving = false;
    unit->setup = 0;
    unit->routes = (struct span){NULL, 0};
    struct out out = {unit->own_call_id, unit->own_call_id + sizeof unit->own_call_id, false};
    put(&out, run_id, 8);
    put_hex(&out, unit->index, 6);
    put_hex(&out, unit->generation, 6);
    unit->call_id = (struct span){unit->own_call_id, 20};
    memcpy(unit->own_tag, unit->own_call_id + 8, 12);
    unit->tag = (struct span){unit->own_tag, 12};
    return unit;
}

void unit_branch(struct unit *unit)
{
    struct out out = {unit->branch, unit->branch + sizeof unit->branch, false};
    PUT(&out, "z9hG4bK");
    put(&out, unit->own_call_id, 20);
    put_hex(&out, ++unit->step, 2);
}

static struct unit *numbered(const char *at, bool *ours)
{
    uint32_t index, generation;
    *ours = !memcmp(at, run_id, 8) && hex(at + 8, 6, &index) && hex(at + 14, 6, &generation) && index < made;
    if (!*ours || units[index].state == FREE || units[index].generation != generation) return NULL;
    return &units[index];
}

struct unit *unit_of_branch(struct span branch, uint32_t *step, bool *ours)
{
    *ours = branch.size == 29 && !memcmp(branch.at, "z9hG4bK", 7) && hex(branch.at + 27, 2, step);
    return *ours ? numbered(branch.at + 7, ours) : NULL;
}

struct unit *unit_of_call(struct span call_id, bool *ours)
{
    *ours = call_id.size == 20;
    return *ours ? numbered(call_id.at, ours) : NULL;
}

void unit_ask(struct unit *unit)
{
    unit->sent = now;
    unit->provisional = false;
    unit->interval = opt.transport == UDP ? T1 : PATIENCE;
    wire_send(unit->caller->wire, unit->request, unit->request_size);
    timer_set(&unit->again, unit->interval);
}

void unit_end(struct unit *unit, bool success)
{
    timer_stop(&unit->again);
    timer_stop(&unit->answer_again);
    if (unit->what == REGISTER) unit->caller->busy = false;
    unit->state = FREE;
    unit->next_free = free_units;
    free_units = unit;
    units_busy--;
    load_ended(unit, success);
}

void unit_fail(struct unit *unit, const char *why)
{
    static const char *names[] = {"OPTIONS", "REGISTER", "call", "", "echo"};
    stats.failed++;
    if (complain())
        fprintf(stderr, "sipload: failed: %s of %s: %s%s\n", names[unit->what], unit->caller->aor, why,
                unit->state == HANGING_UP ? " (to the BYE)" : "");
    unit_end(unit, false);
}

void units_fail(struct client *client, const char *why)
{
    for (uint32_t i = 0; i < made; i++) {
        bool takes_part = units[i].caller == client || units[i].callee == client;
        if (units[i].state != FREE && takes_part) unit_fail(&units[i], why);
    }
}
