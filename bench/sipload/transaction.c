/* Requests and responses: each response is looked at closely, then goes to what waits for it. */
#include "sipload.h"

#include <stdlib.h>
#include <string.h>

void put_branch(struct out *out, const struct client *client, struct span branch)
{
    PUT(out, "Via: ");
    put(out, client->via, client->via_size);
    PUT(out, ";branch=");
    put(out, branch.at, branch.size);
    if (opt.transport == UDP) PUT(out, ";rport");
    PUT(out, "\r\n");
}

void put_request(struct out *out, struct unit *unit, const char *method, struct span uri, struct span routes,
                 struct span to)
{
    puts_(out, method);
    PUT(out, " ");
    put(out, uri.at, uri.size);
    PUT(out, " SIP/2.0\r\n");
    put_branch(out, unit->caller, (struct span){unit->branch, 29});
    PUT(out, "Max-Forwards: 70\r\n");
    put(out, routes.at, routes.size);
    PUT(out, "From: <");
    puts_(out, unit->caller->aor);
    PUT(out, ">;tag=");
    put(out, unit->tag.at, unit->tag.size);
    PUT(out, "\r\nTo: ");
    put(out, to.at, to.size);
    PUT(out, "\r\nCall-ID: ");
    put(out, unit->call_id.at, unit->call_id.size);
    PUT(out, "\r\nCSeq: ");
    put_number(out, unit->cseq);
    PUT(out, " ");
    puts_(out, method);
    PUT(out, "\r\n");
}

size_t built(struct out *out, const char *from)
{
    if (out->full) load_abandon("a message does not fit into its %zu octets", (size_t)(out->end - from));
    return (size_t)(out->at - from);
}

void unit_wrong(struct unit *unit, const char *why, const struct message *m)
{
    wrong(why, m->data, m->size);
    unit_end(unit, false);
}

/* credentials */

static int which(int status) { return status == 407; }

bool challenged(struct unit *unit, const struct message *m)
{
    struct client *client = unit->caller;
    struct proof **proof = &client->proofs[which(m->status)];
    bool stale = false;
    if (!client->password || ++unit->challenges > 3) return false;
    if (!*proof && !(*proof = calloc(1, sizeof **proof))) die("no memory");
    if (!challenge_read(*proof, m, client->user, client->password, &stale)) return false;
    if (unit->proven && !stale) {
        (*proof)->nonce[0] = 0; /* refused: nobody shall try with it again */
        return false;
    }
    return true;
}

void put_credentials(struct out *out, struct unit *unit, int kind, struct span method, struct span uri)
{
    static const char *headers[] = {"Authorization", "Proxy-Authorization"};
    struct proof *proof = unit->caller->proofs[kind];
    unit->proven = proof && proof->nonce[0];
    if (unit->proven) put_proof(out, proof, headers[kind], unit->caller->user, method, uri);
}

/* REGISTER */

static void send_register(struct unit *unit)
{
    struct client *c = unit->caller;
    static char uri_text[128];
    static size_t uri_size;
    struct out out = {unit->request, unit->request + request_room, false};
    if (!uri_size) {
        struct out u = {uri_text, uri_text + sizeof uri_text, false};
        PUT(&u, "sip:");
        puts_(&u, opt.domain);
        uri_size = built(&u, uri_text);
    }
    unit->cseq = ++c->cseq;
    unit_branch(unit);
    puts_(&out, c->before);
    out.at -= 5; /* put_branch says "Via: " too */
    put_branch(&out, c, (struct span){unit->branch, 29});
    puts_(&out, c->middle);
    put_number(&out, unit->cseq);
    PUT(&out, " REGISTER\r\n");
    put_credentials(&out, unit, 0, (struct span){"REGISTER", 8}, (struct span){uri_text, uri_size});
    puts_(&out, c->after);
    PUT(&out, "Expires: ");
    put_number(&out, unit->leaving ? 0 : (uint64_t)opt.expires);
    PUT(&out, "\r\nContent-Length: 0\r\n\r\n");
    unit->request_size = built(&out, unit->request);
    unit_ask(unit);
}

void register_begin(struct unit *unit)
{
    struct client *client = unit->caller;
    client->busy = true;
    unit->call_id = (struct span){client->call_id, strlen(client->call_id)};
    unit->tag = (struct span){client->tag, strlen(client->tag)};
    send_register(unit);
}

static bool has_contact(const struct client *client, const struct message *m)
{
    struct span rest = {m->contact.at, (size_t)(m->data + m->size - m->contact.at)};
    const char *at = m->contact.at ? find(rest, client->contact_uri, strlen(client->contact_uri)) : NULL;
    return at && strchr(">;,\r", at[strlen(client->contact_uri)]);
}

static void register_response(struct unit *unit, const struct message *m)
{
    if (m->status == 401 || m->status == 407) {
        if (challenged(unit, m)) send_register(unit);
        else unit_wrong(unit, "REGISTER was not authorized", m);
    } else if (m->status != 200) {
        unit_wrong(unit, "not the answer to a REGISTER", m);
    } else if (has_contact(unit->caller, m) == unit->leaving) {
        unit_wrong(unit, unit->leaving ? "the Contact is still there" : "the Contact registered is not in the 200", m);
    } else {
        unit->caller->registered = !unit->leaving;
        client_heard_contact(unit->caller, m);
        unit_end(unit, true);
    }
}

/* OPTIONS */

void options_begin(struct unit *unit)
{
    static char uri[128], to[128];
    static size_t size;
    if (!size) {
        struct out u = {uri, uri + sizeof uri, false}, t = {to, to + sizeof to, false};
        PUT(&u, "sip:");
        puts_(&u, opt.domain);
        size = built(&u, uri);
        PUT(&t, "<");
        put(&t, uri, size);
        PUT(&t, ">");
    }
    struct out out = {unit->request, unit->request + request_room, false};
    unit->cseq = 1;
    unit_branch(unit);
    put_request(&out, unit, "OPTIONS", (struct span){uri, size}, (struct span){"", 0}, (struct span){to, size + 2});
    PUT(&out, "Contact: ");
    puts_(&out, unit->caller->contact);
    PUT(&out, "\r\nAccept: application/sdp\r\n" ALLOW "Supported: replaces, path, outbound\r\n" AGENT
              "Content-Length: 0\r\n\r\n");
    unit->request_size = built(&out, unit->request);
    unit_ask(unit);
}

/* what comes */

/* NULL, or why this cannot be a response to the unit's request */
static const char *mismatch(const struct wire *wire, const struct unit *unit, const struct message *m)
{
    static const char *methods[] = {"OPTIONS", "REGISTER", "INVITE", ""};
    const struct client *client = unit->caller;
    struct span tag = parameter(m->from, ";tag=");
    if (wire != client->wire) return "it came to somebody else";
    if (m->via[0].size < client->via_size || memcmp(m->via[0].at, client->via, client->via_size)) return "not our Via";
    if (m->vias != 1 || memchr(m->via[0].at, ',', m->via[0].size)) return "more than one Via";
    if (m->call_id.size != unit->call_id.size || memcmp(m->call_id.at, unit->call_id.at, m->call_id.size))
        return "another Call-ID";
    if (tag.size != unit->tag.size || memcmp(tag.at, unit->tag.at, tag.size)) return "another From tag";
    if (m->cseq != unit->cseq) return "another CSeq";
    if (!same(m->cseq_method, unit->state == HANGING_UP ? "BYE" : methods[unit->what])) return "another method in CSeq";
    return NULL;
}

static void response(struct wire *wire, const struct message *m)
{
    uint32_t step;
    bool ours;
    struct unit *unit = unit_of_branch(parameter(m->via[0], ";branch="), &step, &ours);
    if (!ours) wrong("a response with a branch that is not ours", m->data, m->size);
    if (!unit) return; /* repeated, after its end */
    if (step != unit->step) {
        if (unit->what == CALL) call_repeated(unit, m, step);
        return;
    }
    const char *why = mismatch(wire, unit, m);
    if (why) {
        unit_wrong(unit, why, m);
        return;
    }
    if (m->status < 200) {
        unit->provisional = true;
        return;
    }
    if (unit->what == CALL) {
        call_response(unit, m);
    } else if (unit->what == REGISTER) {
        register_response(unit, m);
    } else if (m->status == 200) {
        unit_end(unit, true);
    } else {
        unit_wrong(unit, "not the answer to an OPTIONS", m);
    }
}

void echo_received(struct wire *wire, const struct message *m)
{
    uint32_t step;
    bool ours;
    struct unit *unit = unit_of_branch(parameter(m->via[0], ";branch="), &step, &ours);
    if (!ours) wrong("an echo of what we never sent", m->data, m->size);
    if (!unit) return; /* repeated, after its end */
    if (wire != unit->caller->wire || m->size != unit->request_size || memcmp(m->data, unit->request, m->size))
        unit_wrong(unit, "not what we have sent", m);
    else unit_end(unit, true);
}

void sip_received(struct wire *wire, const char *data, size_t size)
{
    struct message m;
    while (size && (*data == '\r' || *data == '\n')) data++, size--; /* keep-alives */
    if (!size || (unsigned char)*data < 32) return;
    const char *why = parse(&m, data, size);
    if (why) wrong(why, data, size);
    else if (opt.command == ECHO) echo_received(wire, &m);
    else if (m.status) response(wire, &m);
    else call_request(wire, &m);
}
