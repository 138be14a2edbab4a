/* Digest authentication, RFC 2617 and 8760, MD5 alone: own MD5 (RFC 1321), since libcrypto allocates for each one. */
#include "sipload.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static uint32_t table[64];

void md5_start(void)
{
    for (int i = 0; i < 64; i++) table[i] = (uint32_t)floor(fabs(sin(i + 1)) * 4294967296.0);
}

#define STEP(f, a, b, c, d, word, turn, i)                                                                             \
    a += (f) + word + table[i];                                                                                        \
    a = (a << turn | a >> (32 - turn)) + b;
#define F(b, c, d) (d ^ (b & (c ^ d)))
#define G(b, c, d) (c ^ (d & (b ^ c)))
#define H(b, c, d) (b ^ c ^ d)
#define I(b, c, d) (c ^ (b | ~d))
#define ROUND(f, i, t0, t1, t2, t3, times, plus)                                                                       \
    for (int n = i; n < i + 16; n += 4) {                                                                              \
        STEP(f(b, c, d), a, b, c, d, x[(n * times + plus) & 15], t0, n)                                                \
        STEP(f(a, b, c), d, a, b, c, x[((n + 1) * times + plus) & 15], t1, n + 1)                                      \
        STEP(f(d, a, b), c, d, a, b, x[((n + 2) * times + plus) & 15], t2, n + 2)                                      \
        STEP(f(c, d, a), b, c, d, a, x[((n + 3) * times + plus) & 15], t3, n + 3)                                      \
    }

static void md5_block(uint32_t *state, const unsigned char *block)
{
    uint32_t x[16], a = state[0], b = state[1], c = state[2], d = state[3];
    memcpy(x, block, 64); /* little-endian machines */
#pragma GCC unroll 4
    ROUND(F, 0, 7, 12, 17, 22, 1, 0)
#pragma GCC unroll 4
    ROUND(G, 16, 5, 9, 14, 20, 5, 1)
#pragma GCC unroll 4
    ROUND(H, 32, 4, 11, 16, 23, 3, 5)
#pragma GCC unroll 4
    ROUND(I, 48, 6, 10, 15, 21, 7, 0)
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

void md5_hex(char *hex32, const struct span *parts, int count)
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char joined[1024 + 128];
    size_t size = 0, done = 0;
    for (int i = 0; i < count; i++) {
        size_t room = 1024 - size, take = parts[i].size < room ? parts[i].size : room;
        memcpy(joined + size, parts[i].at, take);
        size += take;
        if (i + 1 < count && size < 1024) joined[size++] = ':';
    }
    uint64_t bits = size * 8;
    size_t padded = (size + 8) / 64 * 64 + 64;
    memset(joined + size, 0, padded - size);
    joined[size] = 0x80;
    memcpy(joined + padded - 8, &bits, 8);
    for (; done < padded; done += 64) md5_block(state, joined + done);
    const unsigned char *octets = (const unsigned char *)state;
    for (int i = 0; i < 16; i++) {
        hex32[2 * i] = "0123456789abcdef"[octets[i] >> 4];
        hex32[2 * i + 1] = "0123456789abcdef"[octets[i] & 15];
    }
    hex32[32] = 0;
}

static struct span all(const char *text) { return (struct span){text, strlen(text)}; }

/* one parameter of a challenge, "" where it is absent; false where it is too long */
static bool field(struct span from, const char *name, char *to, size_t room)
{
    struct span parts[16];
    int count = split((struct span){from.at + 7, from.size - 7}, parts, 16);
    *to = 0;
    for (int i = 0; i < count; i++) {
        size_t size = strlen(name);
        if (parts[i].size <= size || strncasecmp(parts[i].at, name, size) || parts[i].at[size] != '=') continue;
        const char *at = parts[i].at + size + 1, *end = parts[i].at + parts[i].size;
        if (at < end && *at == '"') at++, end--;
        if (end < at || (size_t)(end - at) >= room) return false;
        memcpy(to, at, (size_t)(end - at));
        to[end - at] = 0;
        return true;
    }
    return true;
}

bool challenge_read(struct proof *proof, const struct message *m, const char *user, const char *password, bool *stale)
{
    char word[64], realm[128];
    for (int i = 0; i < m->challenges; i++) {
        struct span from = m->challenge[i];
        if (from.size < 8 || strncasecmp(from.at, "Digest ", 7)) continue;
        if (!field(from, "algorithm", word, sizeof word) || (*word && strcasecmp(word, "MD5"))) continue;
        if (!field(from, "realm", realm, sizeof realm) || !field(from, "nonce", proof->nonce, sizeof proof->nonce) ||
            !field(from, "opaque", proof->opaque, sizeof proof->opaque) || !field(from, "qop", word, sizeof word))
            return false;
        proof->qop = strstr(word, "auth") != NULL;
        proof->count = 0;
        field(from, "stale", word, sizeof word);
        *stale = !strcasecmp(word, "true");
        if (!*proof->ha1 || strcmp(realm, proof->realm)) {
            struct span parts[3] = {all(user), all(realm), all(password)};
            strcpy(proof->realm, realm);
            md5_hex(proof->ha1, parts, 3);
        }
        return true;
    }
    return false;
}

void put_proof(struct out *out, struct proof *proof, const char *header, const char *user, struct span method,
               struct span uri)
{
    char ha2[33], response[33], count[8], cnonce[8];
    struct out c = {count, count + 8, false}, n = {cnonce, cnonce + 8, false};
    put_hex(&c, ++proof->count, 8);
    put_hex(&n, random_bits(), 8);
    md5_hex(ha2, (struct span[]){method, uri}, 2);
    if (proof->qop)
        md5_hex(response, (struct span[]){all(proof->ha1), all(proof->nonce), {count, 8}, {cnonce, 8}, all("auth"), all(ha2)}, 6);
    else md5_hex(response, (struct span[]){all(proof->ha1), all(proof->nonce), all(ha2)}, 3);
    puts_(out, header);
    PUT(out, ": Digest algorithm=MD5, username=\"");
    puts_(out, user);
    PUT(out, "\", realm=\"");
    puts_(out, proof->realm);
    PUT(out, "\", nonce=\"");
    puts_(out, proof->nonce);
    PUT(out, "\", uri=\"");
    put(out, uri.at, uri.size);
    PUT(out, "\", response=\"");
    put(out, response, 32);
    PUT(out, "\"");
    if (*proof->opaque) {
        PUT(out, ", opaque=\"");
        puts_(out, proof->opaque);
        PUT(out, "\"");
    }
    if (proof->qop) {
        PUT(out, ", qop=auth, cnonce=\"");
        put(out, cnonce, 8);
        PUT(out, "\", nc=");
        put(out, count, 8);
    }
    PUT(out, "\r\n");
}
