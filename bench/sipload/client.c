/* The users: their names, their wires, and the pieces of their REGISTERs that never change. */
#include "sipload.h"

#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client *clients;

char *text(const char *format, ...)
{
    va_list arguments;
    char *made;
    va_start(arguments, format);
    if (vasprintf(&made, format, arguments) < 0) die("no memory");
    va_end(arguments);
    return made;
}

static const char *letters(int count)
{
    static char found[4][40];
    static int next;
    char *at = found[next++ % 4];
    for (int i = 0; i < count; i++) at[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[random_bits() % 36];
    at[count] = 0;
    return at;
}

char *numbered_text(const char *pattern, int number)
{
    const char *place = strstr(pattern, "%d");
    if (!place) return text("%s", pattern);
    return text("%.*s%d%s", (int)(place - pattern), pattern, number, place + 2);
}

/* as desk phones send it */
static void pieces_udp(struct client *c, const char *sent_by)
{
    c->via = text("SIP/2.0/UDP %s", sent_by);
    c->contact_uri = text("sip:%s@%s", c->user, sent_by);
    c->contact = text("<%s>", c->contact_uri);
    c->call_id = text("%s@%s", letters(24), c->user);
    c->before = text("REGISTER sip:%s SIP/2.0\r\nVia: ", opt.domain);
    c->middle = text("Max-Forwards: 70\r\nFrom: <%s>;tag=%s\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: ",
                     c->aor, c->tag, c->aor, c->call_id);
    c->after = text("Contact: %s\r\n" ALLOW "Supported: replaces, path, outbound\r\n" AGENT, c->contact);
}

/* as JsSIP 3.13 sends it */
static void pieces_ws(struct client *c)
{
    const char *host = letters(12), *name = letters(8);
    uint64_t one = random_bits(), two = random_bits();
    c->via = text("SIP/2.0/%s %s.invalid", opt.transport == WSS ? "WSS" : "WS", host);
    c->contact_uri = text("sip:%s@%s.invalid;transport=ws", name, host);
    c->contact = text("<%s;ob>", c->contact_uri);
    c->call_id = text("%s", letters(22));
    c->before = text("REGISTER sip:%s SIP/2.0\r\nVia: ", opt.domain);
    c->middle = text("Max-Forwards: 69\r\nTo: <%s>\r\nFrom: <%s>;tag=%s\r\nCall-ID: %s\r\nCSeq: ",
                     c->aor, c->aor, c->tag, c->call_id);
    c->after = text("Contact: <%s>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:%08x-%04x-4%03x-a%03x-%012llx>\""
                    ";expires=%d\r\n" ALLOW "Supported: path,gruu,outbound\r\n" AGENT,
                    c->contact_uri, (unsigned)(one & 0xffffffff), (unsigned)(one >> 32 & 0xffff),
                    (unsigned)(one >> 48 & 0xfff), (unsigned)(two >> 52), (unsigned long long)(two & 0xffffffffffff),
                    opt.expires);
}

void clients_make(void)
{
    int callers = opt.command == CALL ? opt.clients / 2 : opt.clients;
    struct wire *wires[2][100] = {0};
    char sent_by[2][100][80];
    if (opt.command == CALL) opt.clients = 2 * callers;
    if (!(clients = calloc((size_t)opt.clients, sizeof *clients))) die("no memory");
    for (int i = 0; i < opt.clients; i++) {
        struct client *c = &clients[i];
        c->number = i;
        c->calls = i < callers;
        c->user = text("%s%d", opt.user, i % opt.users);
        c->password = opt.password ? numbered_text(opt.password, i % opt.users) : NULL;
        bool trunk = opt.has_trusted && c->calls;
        c->aor = text("sip:%s@%s", c->user, trunk ? "elsewhere.test" : opt.domain);
        c->tag = text("%s", letters(10));
        if (opt.transport != UDP) {
            pieces_ws(c);
        } else {
            int side = !c->calls, which = i % opt.sockets;
            const struct sockaddr_storage *local = trunk ? &opt.trusted : opt.has_local ? &opt.local : NULL;
            if (!wires[side][which]) wires[side][which] = udp_open(local, sent_by[side][which], sizeof sent_by[0][0]);
            c->wire = wires[side][which];
            c->connected = true;
            pieces_udp(c, sent_by[side][which]);
        }
        c->via_size = strlen(c->via);
    }
}

void client_connect(struct client *client) { client->wire = ws_open(client); }

void client_connected(struct client *client)
{
    client->connected = true;
    if (opt.command == OPTIONS || opt.command == ECHO) {
        load_settled();
        return;
    }
    struct unit *unit = unit_new(REGISTER, now);
    if (!unit) load_abandon("too many registrations at a time");
    unit->caller = client;
    unit->setting_up = true;
    register_begin(unit);
}

void client_lost(struct client *client, const char *why)
{
    if (client->lost) return;
    client->lost = true;
    if (load_starting()) load_abandon("%s: %s", client->aor, why);
    stats.dropped++;
    if (complain()) fprintf(stderr, "sipload: dropped: %s: %s\n", client->aor, why);
    units_fail(client, "its connection is gone");
}

/* JsSIP takes the public GRUU as its Contact, once it has one. */
void client_heard_contact(struct client *client, const struct message *m)
{
    static const char name[] = "pub-gruu=\"";
    if (opt.transport == UDP) return;
    const char *end = m->data + m->size;
    struct span rest = {m->contact.at, (size_t)(end - m->contact.at)};
    const char *own = find(rest, client->contact_uri, strlen(client->contact_uri));
    const char *line = own ? memchr(own, '\n', (size_t)(end - own)) : NULL;
    const char *at = line ? memmem(own, (size_t)(line - own), name, sizeof name - 1) : NULL;
    const char *close = at ? memchr(at + sizeof name - 1, '"', (size_t)(line - at) - sizeof name + 1) : NULL;
    if (!close) return;
    at += sizeof name - 1;
    size_t size = (size_t)(close - at);
    if (strlen(client->contact) == size + 2 && !memcmp(client->contact + 1, at, size)) return;
    free(client->contact);
    client->contact = text("<%.*s>", (int)size, at);
}
