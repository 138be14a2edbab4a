/* Appending to buffers, and as much of SIP's grammar as answers need. */
#include "sipload.h"

#include <string.h>
#include <strings.h>

void put(struct out *out, const char *at, size_t size)
{
    if ((size_t)(out->end - out->at) < size) {
        out->full = true;
        return;
    }
    memcpy(out->at, at, size);
    out->at += size;
}

void puts_(struct out *out, const char *text) { put(out, text, strlen(text)); }

void put_number(struct out *out, uint64_t number)
{
    char digits[20], *at = digits + sizeof digits;
    do *--at = (char)('0' + number % 10);
    while (number /= 10);
    put(out, at, (size_t)(digits + sizeof digits - at));
}

void put_hex(struct out *out, uint64_t number, int digits)
{
    char found[16];
    for (int i = digits; i-- > 0; number >>= 4) found[i] = "0123456789abcdef"[number & 15];
    put(out, found, (size_t)digits);
}

bool hex(const char *at, int digits, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        *value = *value << 4 | (uint32_t)digit;
    }
    return true;
}

bool same(struct span one, const char *text) { return one.size == strlen(text) && !memcmp(one.at, text, one.size); }

static struct span trimmed(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    while (at < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) end--;
    return (struct span){at, (size_t)(end - at)};
}

static bool named(struct span name, const char *full, char compact)
{
    if (name.size == 1) return compact && (name.at[0] | 32) == compact;
    return name.size == strlen(full) && !strncasecmp(name.at, full, name.size);
}

static void read_cseq(struct message *m, struct span value)
{
    const char *at = value.at, *end = value.at + value.size;
    for (m->cseq = 0; at < end && *at >= '0' && *at <= '9'; at++) m->cseq = m->cseq * 10 + (uint32_t)(*at - '0');
    m->cseq_method = trimmed(at, end);
}

static void header(struct message *m, struct span name, struct span value)
{
    switch (name.at[0] | 32) {
    case 'v':
        if (named(name, "Via", 'v') && m->vias < LINES) m->via[m->vias++] = value;
        break;
    case 'r':
        if (named(name, "Record-Route", 0) && m->routes < LINES) m->route[m->routes++] = value;
        break;
    case 'f':
        if (named(name, "From", 'f')) m->from = value;
        break;
    case 't':
        if (named(name, "To", 't')) m->to = value;
        break;
    case 'i':
        if (named(name, "Call-ID", 'i')) m->call_id = value;
        break;
    case 'm':
        if (named(name, "Contact", 'm') && !m->contact.at) m->contact = value;
        break;
    case 'c':
        if (named(name, "CSeq", 0)) read_cseq(m, value);
        else if (named(name, "Call-ID", 0)) m->call_id = value;
        else if (named(name, "Contact", 0) && !m->contact.at) m->contact = value;
        break;
    case 'w':
    case 'p':
        if ((named(name, "WWW-Authenticate", 0) || named(name, "Proxy-Authenticate", 0)) && m->challenges < 4)
            m->challenge[m->challenges++] = value;
        break;
    }
}

static const char *start_line(struct message *m, const char *at, const char *end)
{
    if (end > at && end[-1] == '\r') end--;
    if (end - at >= 12 && !memcmp(at, "SIP/2.0 ", 8)) {
        for (int i = 8; i < 11; i++) {
            if (at[i] < '0' || at[i] > '9') return "no status";
            m->status = m->status * 10 + at[i] - '0';
        }
        return m->status < 100 ? "no status" : NULL;
    }
    const char *space = memchr(at, ' ', (size_t)(end - at));
    if (!space) return "no start line";
    const char *second = memchr(space + 1, ' ', (size_t)(end - space - 1));
    if (!second || end - second != 8 || memcmp(second, " SIP/2.0", 8)) return "no start line";
    m->method = (struct span){at, (size_t)(space - at)};
    m->uri = (struct span){space + 1, (size_t)(second - space - 1)};
    return NULL;
}

/* Folded lines are not understood: neither server here sends any. */
const char *parse(struct message *m, const char *data, size_t size)
{
    const char *at = data, *end = data + size;
    memset(m, 0, sizeof *m);
    m->data = data;
    m->size = size;
    const char *line_end = memchr(at, '\n', size);
    if (!line_end) return "no start line";
    const char *why = start_line(m, at, line_end);
    if (why) return why;
    for (at = line_end + 1; at < end; at = line_end + 1) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) return "no end of the headers";
        if (*at == '\r' || *at == '\n') break;
        const char *colon = memchr(at, ':', (size_t)(line_end - at));
        if (!colon) return "a line without colon";
        struct span name = trimmed(at, colon);
        if (name.size) header(m, name, trimmed(colon + 1, line_end));
    }
    if (!m->vias || !m->from.at || !m->to.at || !m->call_id.at || !m->cseq_method.at) return "a header is missing";
    return NULL;
}

/* as memmem, for needles whose first octet is rare */
const char *find(struct span in, const char *needle, size_t size)
{
    const char *at = in.at, *end = in.at + in.size;
    while ((size_t)(end - at) >= size && (at = memchr(at, *needle, (size_t)(end - at) - size + 1))) {
        if (!memcmp(at, needle, size)) return at;
        at++;
    }
    return NULL;
}

struct span parameter(struct span value, const char *name)
{
    size_t size = strlen(name);
    const char *found = find(value, name, size), *end = value.at + value.size;
    if (!found) return (struct span){NULL, 0};
    const char *stop = found += size;
    while (stop < end && *stop != ';' && *stop != ',' && *stop != ' ' && *stop != '>') stop++;
    return (struct span){found, (size_t)(stop - found)};
}

struct span bracketed(struct span value)
{
    const char *open = memchr(value.at, '<', value.size), *end = value.at + value.size;
    if (open) {
        const char *close = memchr(open, '>', (size_t)(end - open));
        return (struct span){open + 1, (size_t)((close ? close : end) - open - 1)};
    }
    const char *stop = value.at;
    while (stop < end && *stop != ';') stop++;
    return trimmed(value.at, stop);
}

int split(struct span value, struct span *parts, int most)
{
    const char *at = value.at, *end = value.at + value.size, *from = at;
    bool quoted = false, inside = false;
    int count = 0;
    for (; at <= end; at++) {
        if (at < end && *at == '"') quoted = !quoted;
        if (at < end && !quoted && (*at == '<' || *at == '>')) inside = *at == '<';
        if (at < end && (*at != ',' || quoted || inside)) continue;
        if (count < most) parts[count++] = trimmed(from, at);
        from = at + 1;
    }
    return count;
}
