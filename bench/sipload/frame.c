/* RFC 6455 as a client: the handshake, masked frames out, frames in. And RFC 7118: one SIP message in each. */
#include "sipload.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JOINED_MAX 131072

static char key[32], accept_key[32];

/* The key is to keep caches from answering twice (RFC 6455 1.3): one for all will do here. */
static void key_make(void)
{
    unsigned char nonce[16], digest[20];
    char joined[80];
    for (int i = 0; i < 16; i++) nonce[i] = (unsigned char)random_bits();
    EVP_EncodeBlock((unsigned char *)key, nonce, 16);
    snprintf(joined, sizeof joined, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA1((unsigned char *)joined, strlen(joined), digest);
    EVP_EncodeBlock((unsigned char *)accept_key, digest, 20);
}

void handshake_write(struct wire *wire)
{
    bool ipv6 = strchr(opt.host, ':');
    if (!*key) key_make();
    char *path = numbered_text(opt.path, wire->client->number % opt.users);
    char *origin = opt.origin ? text("Origin: %s\r\n", opt.origin) : text("%s", "");
    char *handshake = text("GET %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "%sSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: sip\r\n"
                           "Sec-WebSocket-Version: 13\r\n\r\n",
                           path, ipv6 ? "[" : "", opt.host, ipv6 ? "]" : "", opt.port, origin, key);
    ws_write(wire, handshake, strlen(handshake));
    free(handshake);
    free(origin);
    free(path);
}

/* one field of the answer: whether it has that value */
static bool says(const char *head, const char *name, const char *value)
{
    const char *at = strcasestr(head, name);
    if (!at) return false;
    at += strlen(name);
    at += strspn(at, " \t");
    size_t size = strlen(value);
    return !strncmp(at, value, size) && (at[size] == '\r' || at[size] == ' ');
}

const char *handshake_read(struct wire *wire, char *data, size_t size, size_t *used)
{
    static char why[100];
    char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return size > 8192 ? "no end of the handshake" : NULL;
    end[2] = 0; /* keeps the last line's CRLF */
    *used = (size_t)(end + 4 - data);
    if (strncmp(data, "HTTP/1.1 101", 12)) {
        data[strcspn(data, "\r\n")] = 0;
        snprintf(why, sizeof why, "the handshake was answered: %.60s", data);
        return why;
    }
    if (!says(data, "\r\nSec-WebSocket-Accept:", accept_key)) return "the handshake's Sec-WebSocket-Accept is wrong";
    if (!says(data, "\r\nSec-WebSocket-Protocol:", "sip")) return "the server did not choose the subprotocol sip";
    wire->socket->state = OPEN;
    client_connected(wire->client);
    return NULL;
}

static void frame(struct wire *wire, int opcode, const char *data, size_t size)
{
    static char built_frame[16 + MESSAGE_MAX + 8];
    unsigned char *head = (unsigned char *)built_frame;
    size_t at = 2;
    uint64_t mask = random_bits() & 0xffffffff, word;
    mask |= mask << 32;
    if (size > MESSAGE_MAX) size = MESSAGE_MAX;
    head[0] = (unsigned char)(0x80 | opcode);
    head[1] = (unsigned char)(0x80 | (size < 126 ? size : 126));
    if (size >= 126) {
        head[2] = (unsigned char)(size >> 8);
        head[3] = (unsigned char)size;
        at = 4;
    }
    memcpy(built_frame + at, &mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i += 8) { /* the room has 8 octets to spare */
        size_t left = size - i < 8 ? size - i : 8;
        word = 0;
        memcpy(&word, data + i, left);
        word ^= mask;
        memcpy(built_frame + at + i, &word, 8);
    }
    ws_write(wire, built_frame, at + size);
}

void ws_send(struct wire *wire, const char *message, size_t size) { frame(wire, 1, message, size); }

void ws_ping(struct wire *wire) { ws_send(wire, "\r\n\r\n", 4); }

static void message(struct wire *wire, const char *data, size_t size)
{
    if (size == 4 && !memcmp(data, "\r\n\r\n", 4)) ws_send(wire, "\r\n", 2); /* as JsSIP does */
    else sip_received(wire, data, size);
}

static const char *fragment(struct wire *wire, bool last, const char *data, size_t size)
{
    struct socket *s = wire->socket;
    if (s->joined_size + size > JOINED_MAX) return "a message of more than 128 KiB";
    if (!(s->joined = realloc(s->joined, s->joined_size + size + 1))) die("no memory");
    memcpy(s->joined + s->joined_size, data, size);
    s->joined_size += size;
    if (last) {
        message(wire, s->joined, s->joined_size);
        s->joined_size = 0;
    }
    return NULL;
}

static const char *one(struct wire *wire, int first, const char *data, size_t size)
{
    static char why[80];
    bool last = first & 0x80;
    if (first & 0x70) return "a frame with reserved bits";
    switch (first & 15) {
    case 0: return fragment(wire, last, data, size);
    case 1:
    case 2:
        if (!last) return fragment(wire, false, data, size);
        message(wire, data, size);
        return NULL;
    case 8:
        frame(wire, 8, data, size);
        snprintf(why, sizeof why, "the server closed with code %d",
                 size < 2 ? 1005 : (unsigned char)data[0] << 8 | (unsigned char)data[1]);
        return why;
    case 9: frame(wire, 10, data, size); return NULL;
    case 10: return NULL;
    }
    return "a frame of an unknown kind";
}

const char *frames_read(struct wire *wire, const char *data, size_t size, size_t *used)
{
    while (size - *used >= 2) {
        const unsigned char *head = (const unsigned char *)data + *used;
        size_t left = size - *used, length = head[1] & 127, at = 2;
        if (head[1] & 0x80) return "a masked frame from the server";
        if (length == 126) {
            if (left < 4) return NULL;
            length = (size_t)head[2] << 8 | head[3];
            at = 4;
        } else if (length == 127) {
            if (left < 10) return NULL;
            if (head[2] | head[3] | head[4] | head[5] | head[6]) return "a frame of more than 128 KiB";
            length = (size_t)head[7] << 16 | (size_t)head[8] << 8 | head[9];
            at = 10;
        }
        if (left < at + length) return NULL;
        const char *why = one(wire, head[0], (const char *)head + at, length);
        if (why) return why;
        *used += at + length;
    }
    return NULL;
}
