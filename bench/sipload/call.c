/* Calls, both sides: INVITE, 180, 200, ACK, BYE, 200. */
#include "sipload.h"

#include <stdlib.h>
#include <string.h>

static char *sdp;
#define NONE ((struct span){"", 0})
#define SUPPORTED "Supported: replaces, outbound\r\n"

static struct span all(const char *of) { return (struct span){of, strlen(of)}; }

/* a description of exactly so many octets: an audio call, then candidates, then padding */
void calls_start(void)
{
    static const char head[] = "v=0\r\no=- 3929 2 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n";
    static const char *lines[] = {
        "m=audio 49170 RTP/AVP 0 8 101\r\n", "a=rtpmap:0 PCMU/8000\r\n", "a=rtpmap:8 PCMA/8000\r\n",
        "a=rtpmap:101 telephone-event/8000\r\n", "a=fmtp:101 0-15\r\n", "a=sendrecv\r\n",
    };
    static const char more[] = "a=candidate:1187161942 1 udp 2122194687 192.0.2.7 48673 typ host generation 0\r\n";
    size_t wanted = (size_t)opt.sdp;
    if (!(sdp = malloc(wanted + 1))) die("no memory");
    struct out out = {sdp, sdp + wanted, false};
    puts_(&out, head);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if ((size_t)(out.end - out.at) >= strlen(lines[i])) puts_(&out, lines[i]);
    while (!out.full) PUT(&out, more);
    out.full = false;
    size_t left = (size_t)(out.end - out.at);
    if (left >= 5) {
        PUT(&out, "a=x");
        while (out.end - out.at > 2) PUT(&out, "x");
    } else {
        out.at -= 2;
        while (out.end - out.at > 2) PUT(&out, "x");
    }
    PUT(&out, "\r\n");
}

static void put_sdp(struct out *out)
{
    PUT(out, "Content-Type: application/sdp\r\nContent-Length: ");
    put_number(out, (uint64_t)opt.sdp);
    PUT(out, "\r\n\r\n");
    put(out, sdp, (size_t)opt.sdp);
}

/* the caller */

static void send_invite(struct unit *unit, int kind)
{
    struct out out = {unit->request, unit->request + request_room, false};
    struct span uri = {unit->dialog, unit->target.size};
    unit->cseq++;
    unit_branch(unit);
    put_request(&out, unit, "INVITE", uri, NONE, (struct span){unit->dialog + uri.size, unit->to.size});
    PUT(&out, "Contact: ");
    puts_(&out, unit->caller->contact);
    PUT(&out, "\r\n");
    put_credentials(&out, unit, kind, all("INVITE"), uri);
    PUT(&out, ALLOW SUPPORTED AGENT);
    put_sdp(&out);
    unit->request_size = built(&out, unit->request);
    unit_ask(unit);
}

void call_begin(struct unit *unit)
{
    struct out out = {unit->dialog, unit->dialog + dialog_room, false};
    unit->target.at = out.at;
    PUT(&out, "sip:");
    puts_(&out, unit->callee->user);
    PUT(&out, "@");
    puts_(&out, opt.domain);
    unit->target.size = (size_t)(out.at - unit->dialog);
    unit->to.at = out.at;
    PUT(&out, "<");
    put(&out, unit->target.at, unit->target.size);
    PUT(&out, ">");
    unit->to.size = (size_t)(out.at - unit->to.at);
    send_invite(unit, 1);
}

/* the ACK of a refusal: in the INVITE's own transaction */
static void acknowledge_refusal(struct unit *unit, const struct message *m)
{
    struct out out = wire_room(unit->caller->wire);
    const char *from = out.at;
    PUT(&out, "ACK ");
    put(&out, unit->target.at, unit->target.size);
    PUT(&out, " SIP/2.0\r\n");
    put_branch(&out, unit->caller, parameter(m->via[0], ";branch="));
    PUT(&out, "Max-Forwards: 70\r\nFrom: ");
    put(&out, m->from.at, m->from.size);
    PUT(&out, "\r\nTo: ");
    put(&out, m->to.at, m->to.size);
    PUT(&out, "\r\nCall-ID: ");
    put(&out, m->call_id.at, m->call_id.size);
    PUT(&out, "\r\nCSeq: ");
    put_number(&out, m->cseq);
    PUT(&out, " ACK\r\nContent-Length: 0\r\n\r\n");
    wire_send(unit->caller->wire, from, built(&out, from));
}

static void send_bye(struct unit *unit, int kind)
{
    struct out out = {unit->request, unit->request + request_room, false};
    unit->cseq++;
    unit_branch(unit);
    put_request(&out, unit, "BYE", unit->target, unit->routes, unit->to);
    unit->proven = false;
    if (kind >= 0) put_credentials(&out, unit, kind, all("BYE"), unit->target);
    PUT(&out, SUPPORTED AGENT "Content-Length: 0\r\n\r\n");
    unit->request_size = built(&out, unit->request);
    unit_ask(unit);
}

/* Target, To and the route set of the dialog (RFC 3261 12.1.2), kept for ACK and BYE. */
static void keep_dialog(struct unit *unit, const struct message *m)
{
    struct out out = {unit->dialog, unit->dialog + dialog_room, false};
    struct span target = bracketed(m->contact), parts[LINES];
    unit->target = (struct span){out.at, target.size};
    put(&out, target.at, target.size);
    unit->to = (struct span){out.at, m->to.size};
    put(&out, m->to.at, m->to.size);
    unit->routes.at = out.at;
    for (int line = m->routes; line-- > 0;)
        for (int i = split(m->route[line], parts, LINES); i-- > 0;) {
            PUT(&out, "Route: ");
            put(&out, parts[i].at, parts[i].size);
            PUT(&out, "\r\n");
        }
    unit->routes.size = (size_t)(out.at - unit->routes.at);
    built(&out, unit->dialog);
}

static void accepted(struct unit *unit, const struct message *m)
{
    if (!m->contact.at || !parameter(m->to, ";tag=").size) {
        unit_wrong(unit, "a 200 to INVITE without Contact or To tag", m);
        return;
    }
    unit->setup = now - unit->due;
    keep_dialog(unit, m);
    unit->acked_step = unit->step;
    unit_branch(unit);
    struct out out = {unit->ack, unit->ack + ack_room, false};
    put_request(&out, unit, "ACK", unit->target, unit->routes, unit->to);
    PUT(&out, SUPPORTED AGENT "Content-Length: 0\r\n\r\n");
    unit->ack_size = built(&out, unit->ack);
    wire_send(unit->caller->wire, unit->ack, unit->ack_size);
    unit->state = HANGING_UP;
    unit->challenges = 0;
    send_bye(unit, -1);
}

void call_response(struct unit *unit, const struct message *m)
{
    bool asked = m->status == 401 || m->status == 407;
    int kind = m->status == 407;
    if (unit->state == HANGING_UP) {
        if (m->status == 200) unit_end(unit, true);
        else if (asked && challenged(unit, m)) send_bye(unit, kind);
        else unit_wrong(unit, "not the answer to a BYE", m);
        return;
    }
    if (m->status >= 300) acknowledge_refusal(unit, m);
    if (m->status == 200) accepted(unit, m);
    else if (asked && challenged(unit, m)) send_invite(unit, kind);
    else unit_wrong(unit, "not the answer to an INVITE", m);
}

/* A final response to the INVITE that comes again asks for its ACK. */
void call_repeated(struct unit *unit, const struct message *m, uint32_t step)
{
    if (!same(m->cseq_method, "INVITE") || m->status < 200) return;
    if (m->status >= 300) acknowledge_refusal(unit, m);
    else if (unit->state == HANGING_UP && step == unit->acked_step)
        wire_send(unit->caller->wire, unit->ack, unit->ack_size);
}

/* the callee */

static void put_answer(struct out *out, const struct message *m, const char *status, struct span tag)
{
    PUT(out, "SIP/2.0 ");
    puts_(out, status);
    PUT(out, "\r\n");
    for (int i = 0; i < m->vias; i++) {
        PUT(out, "Via: ");
        put(out, m->via[i].at, m->via[i].size);
        PUT(out, "\r\n");
    }
    for (int i = 0; i < m->routes; i++) {
        PUT(out, "Record-Route: ");
        put(out, m->route[i].at, m->route[i].size);
        PUT(out, "\r\n");
    }
    PUT(out, "From: ");
    put(out, m->from.at, m->from.size);
    PUT(out, "\r\nTo: ");
    put(out, m->to.at, m->to.size);
    if (!parameter(m->to, ";tag=").at) {
        PUT(out, ";tag=");
        put(out, tag.at, tag.size);
    }
    PUT(out, "\r\nCall-ID: ");
    put(out, m->call_id.at, m->call_id.size);
    PUT(out, "\r\nCSeq: ");
    put_number(out, m->cseq);
    PUT(out, " ");
    put(out, m->cseq_method.at, m->cseq_method.size);
    PUT(out, "\r\n");
}

static void answer_short(struct wire *wire, const struct message *m, const char *status, const char *contact)
{
    struct out out = wire_room(wire);
    const char *from = out.at;
    put_answer(&out, m, status, (struct span){m->call_id.at, m->call_id.size < 12 ? m->call_id.size : 12});
    if (contact) {
        PUT(&out, "Contact: ");
        puts_(&out, contact);
        PUT(&out, "\r\n");
    }
    PUT(&out, AGENT "Content-Length: 0\r\n\r\n");
    wire_send(wire, from, built(&out, from));
}

static void invited(struct wire *wire, struct unit *unit, const struct message *m)
{
    const struct client *callee = unit->callee;
    size_t size = strlen(callee->contact_uri);
    if (unit->answered) { /* it came again */
        wire_send(wire, unit->answer, unit->answer_size);
        return;
    }
    if (wire != callee->wire ||
        (opt.transport == UDP && (m->uri.size < size || memcmp(m->uri.at, callee->contact_uri, size)))) {
        unit_wrong(unit, "an INVITE reached somebody else", m);
        return;
    }
    answer_short(wire, m, "180 Ringing", callee->contact);
    struct out out = {unit->answer, unit->answer + request_room, false};
    put_answer(&out, m, "200 OK", (struct span){m->call_id.at, 12});
    PUT(&out, "Contact: ");
    puts_(&out, callee->contact);
    PUT(&out, "\r\n" ALLOW SUPPORTED AGENT);
    put_sdp(&out);
    unit->answer_size = built(&out, unit->answer);
    unit->answered = true;
    unit->answer_sent = now;
    unit->answer_interval = 500 * MS;
    wire_send(wire, unit->answer, unit->answer_size);
    if (opt.transport == UDP) timer_set(&unit->answer_again, unit->answer_interval);
}

void call_request(struct wire *wire, const struct message *m)
{
    bool ours = false, ack = same(m->method, "ACK");
    struct unit *unit = unit_of_call(m->call_id, &ours);
    if (!ours || opt.command != CALL) {
        if (!ack) answer_short(wire, m, "200 OK", NULL); /* OPTIONS of a server that looks after its clients */
        if (same(m->method, "INVITE") || same(m->method, "BYE")) wrong("a call that is not ours", m->data, m->size);
    } else if (same(m->method, "INVITE")) {
        if (unit) invited(wire, unit, m);
    } else {
        if (unit && (ack || same(m->method, "BYE"))) timer_stop(&unit->answer_again);
        if (!ack) answer_short(wire, m, "200 OK", NULL);
    }
}
