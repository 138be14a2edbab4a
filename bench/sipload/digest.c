/* Digest authentication, RFC 2617 and 8760, MD5 alone: own MD5 (RFC 1321), since libcrypto allocates for each one. */
#include "sipload.h"

#include <string.h>
#include <strings.h>

/* floor(2^32 |sin(i + 1)|) */
static const uint32_t table[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

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

/* Kept from the time before: a REGISTER's is always the same. */
static void put_ha2(char *ha2, struct span method, struct span uri)
{
    static char last[33], last_uri[256];
    static size_t size, method_size;
    if (size != uri.size || method_size != method.size || memcmp(last_uri, uri.at, size)) {
        md5_hex(last, (struct span[]){method, uri}, 2);
        size = 0;
        if (uri.size < sizeof last_uri) {
            memcpy(last_uri, uri.at, uri.size);
            size = uri.size;
        }
        method_size = method.size; /* no two methods here are of one length */
    }
    memcpy(ha2, last, 33);
}

void put_proof(struct out *out, struct proof *proof, const char *header, const char *user, struct span method,
               struct span uri)
{
    char ha2[33], response[33], count[8], cnonce[8];
    struct out c = {count, count + 8, false}, n = {cnonce, cnonce + 8, false};
    put_hex(&c, ++proof->count, 8);
    put_hex(&n, random_bits(), 8);
    put_ha2(ha2, method, uri);
    struct span ha1 = all(proof->ha1), nonce = all(proof->nonce);
    if (proof->qop)
        md5_hex(response, (struct span[]){ha1, nonce, {count, 8}, {cnonce, 8}, all("auth"), all(ha2)}, 6);
    else md5_hex(response, (struct span[]){ha1, nonce, all(ha2)}, 3);
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
