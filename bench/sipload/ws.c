/* WebSocket connections: TCP, TLS, and what is waiting to be read or written. The frames are in frame.c. */
#include "sipload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_MAX 131072

static SSL_CTX *tls;
static char in[READ_MAX + 8];

void ws_start(void)
{
    if (opt.transport != WSS) return;
    if (!(tls = SSL_CTX_new(TLS_client_method()))) die("no TLS");
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
}

static void watch(struct wire *wire, int how, bool writing)
{
    struct epoll_event event = {.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = wire};
    if (epoll_ctl(poller, how, wire->fd, &event)) die("epoll: %s", strerror(errno));
    wire->socket->writing = writing;
}

/* An address has about 28,000 ports for one server: with --local, each 25,000 clients have the next address. */
static void bind_source(int fd, int number)
{
    struct sockaddr_storage source = opt.local;
    int on = 1;
    if (!opt.has_local) return;
    if (source.ss_family == AF_INET) {
        struct in_addr *address = &((struct sockaddr_in *)&source)->sin_addr;
        address->s_addr = htonl(ntohl(address->s_addr) + (uint32_t)number / 25000);
    }
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&source, opt.server_size))
        die("cannot bind to the local address: %s", strerror(errno));
}

struct wire *ws_open(struct client *client)
{
    struct wire *wire = calloc(1, sizeof *wire);
    int on = 1;
    if (!wire || !(wire->socket = calloc(1, sizeof *wire->socket))) die("no memory");
    wire->client = client;
    wire->fd = socket(opt.server.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->fd < 0) die("no socket: %s", strerror(errno));
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bind_source(wire->fd, client->number);
    if (connect(wire->fd, (struct sockaddr *)&opt.server, opt.server_size) && errno != EINPROGRESS)
        load_abandon("cannot connect to %s:%s: %s%s", opt.host, opt.port, strerror(errno),
                     errno == EADDRNOTAVAIL ? "; --local gives each 25,000 clients an address" : "");
    watch(wire, EPOLL_CTL_ADD, true);
    return wire;
}

static void lost(struct wire *wire, const char *why)
{
    struct socket *s = wire->socket;
    if (s->state == CLOSED) return;
    s->state = CLOSED;
    SSL_free(s->ssl);
    s->ssl = NULL;
    close(wire->fd);
    client_lost(wire->client, why);
}

/* writing */

static ssize_t write_some(struct wire *wire, const char *data, size_t size)
{
    SSL *ssl = wire->socket->ssl;
    if (!ssl) return send(wire->fd, data, size, MSG_NOSIGNAL);
    ERR_clear_error();
    return SSL_write(ssl, data, (int)size);
}

/* Errors are left for reading to find: it is told of them too, and there the client can go. */
void ws_write(struct wire *wire, const char *data, size_t size)
{
    struct socket *s = wire->socket;
    if (s->state == CLOSED) return;
    if (!s->waiting_size) {
        ssize_t sent = write_some(wire, data, size);
        if (sent > 0) data += sent, size -= (size_t)sent;
        if (!size) return;
    }
    if (!(s->waiting = realloc(s->waiting, s->waiting_size + size))) die("no memory");
    memcpy(s->waiting + s->waiting_size, data, size);
    s->waiting_size += size;
    if (!s->writing) watch(wire, EPOLL_CTL_MOD, true);
}

static void write_waiting(struct wire *wire)
{
    struct socket *s = wire->socket;
    while (s->waiting_size) {
        ssize_t sent = write_some(wire, s->waiting, s->waiting_size);
        if (sent <= 0) return;
        s->waiting_size -= (size_t)sent;
        memmove(s->waiting, s->waiting + sent, s->waiting_size);
    }
    free(s->waiting);
    s->waiting = NULL;
    watch(wire, EPOLL_CTL_MOD, false);
}

/* reading */

/* > 0: so many octets; 0: none now; < 0: it is closed */
static ssize_t read_some(struct wire *wire, char *to, size_t room)
{
    SSL *ssl = wire->socket->ssl;
    if (!ssl) {
        ssize_t found = recv(wire->fd, to, room, 0);
        return found > 0 ? found : found < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    ERR_clear_error();
    int found = SSL_read(ssl, to, (int)room), why = SSL_get_error(ssl, found);
    return found > 0 ? found : why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void readable(struct wire *wire)
{
    struct socket *s = wire->socket;
    for (;;) {
        size_t held = s->held_size;
        if (held) memcpy(in, s->held, held);
        ssize_t found = read_some(wire, in + held, READ_MAX - held);
        if (found == 0) return;
        if (found < 0) {
            lost(wire, s->state == OPEN ? "the server closed the connection" : "the server closed it in the handshake");
            return;
        }
        size_t size = held + (size_t)found, used = 0;
        const char *why = NULL;
        if (s->state == HTTP) why = handshake_read(wire, in, size, &used);
        if (!why && s->state == OPEN) why = frames_read(wire, in, size, &used);
        if (!why && used == 0 && size == READ_MAX) why = "a frame of more than 128 KiB";
        if (why) {
            lost(wire, why);
            return;
        }
        if (size > used) {
            if (!(s->held = realloc(s->held, size - used))) die("no memory");
            memcpy(s->held, in + used, size - used);
        }
        s->held_size = size - used;
        if (!s->ssl && size < READ_MAX) return;
    }
}

/* connecting */

static void shake_hands(struct wire *wire)
{
    struct socket *s = wire->socket;
    if (s->state == TLS) {
        ERR_clear_error();
        int done = SSL_connect(s->ssl), why = SSL_get_error(s->ssl, done);
        if (done != 1) {
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) lost(wire, "no TLS handshake");
            else if (s->writing != (why == SSL_ERROR_WANT_WRITE)) watch(wire, EPOLL_CTL_MOD, !s->writing);
            return;
        }
    }
    s->state = HTTP;
    watch(wire, EPOLL_CTL_MOD, false);
    handshake_write(wire);
}

static void connected(struct wire *wire)
{
    struct socket *s = wire->socket;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        lost(wire, strerror(error));
        return;
    }
    s->state = HTTP;
    if (tls) {
        struct in6_addr numeric;
        s->state = TLS;
        if (!(s->ssl = SSL_new(tls)) || !SSL_set_fd(s->ssl, wire->fd)) die("no memory");
        if (!inet_pton(AF_INET, opt.host, &numeric) && !inet_pton(AF_INET6, opt.host, &numeric))
            SSL_set_tlsext_host_name(s->ssl, opt.host);
    }
    shake_hands(wire);
}

void ws_event(struct wire *wire, uint32_t events)
{
    struct socket *s = wire->socket;
    if (s->state == CLOSED) return;
    if (s->state == CONNECTING) connected(wire);
    else if (s->state == TLS) shake_hands(wire);
    else if (events & EPOLLOUT && s->waiting_size) write_waiting(wire);
    if ((s->state == HTTP || s->state == OPEN) && events & (EPOLLIN | EPOLLERR | EPOLLHUP)) readable(wire);
}
