/* UDP sockets: what a turn of the loop sends leaves in one sendmmsg, and up to 64 datagrams come in one recvmmsg. */
#include "sipload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 64
#define MOST 256

struct batch {
    struct mmsghdr headers[BATCH];
    struct iovec pieces[BATCH];
    unsigned waiting;
    char (*room)[MESSAGE_MAX];
};
static struct wire *wires[MOST];
static int count;

static struct mmsghdr in_headers[BATCH];
static struct iovec in_pieces[BATCH];
static char (*in)[DATAGRAM_MAX];

int udp_socket(const struct sockaddr_storage *local)
{
    int fd = socket(opt.server.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), size = 16 << 20;
    if (fd < 0) die("no socket: %s", strerror(errno));
    if (local && bind(fd, (const struct sockaddr *)local, opt.server_size))
        die("cannot bind to the local address: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&opt.server, opt.server_size))
        die("cannot reach %s:%s: %s", opt.host, opt.port, strerror(errno));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return fd;
}

struct wire *udp_open(const struct sockaddr_storage *local, char *sent_by, size_t room)
{
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    struct wire *wire = calloc(1, sizeof *wire);
    if (count == MOST) die("at most %d sockets", MOST / 2);
    if (!wire || !(wire->batch = calloc(1, sizeof *wire->batch))) die("no memory");
    if (!(wire->batch->room = malloc((size_t)BATCH * MESSAGE_MAX))) die("no memory");
    if (!in) {
        if (!(in = malloc((size_t)BATCH * DATAGRAM_MAX))) die("no memory");
        for (int i = 0; i < BATCH; i++) {
            in_pieces[i] = (struct iovec){in[i], DATAGRAM_MAX};
            in_headers[i].msg_hdr = (struct msghdr){.msg_iov = &in_pieces[i], .msg_iovlen = 1};
        }
    }
    for (int i = 0; i < BATCH; i++)
        wire->batch->headers[i].msg_hdr = (struct msghdr){.msg_iov = &wire->batch->pieces[i], .msg_iovlen = 1};
    wire->fd = udp_socket(local);
    wire->index = count;
    wires[count++] = wire;
    getsockname(wire->fd, (struct sockaddr *)&own, &size);
    char host[64], port[8];
    getnameinfo((struct sockaddr *)&own, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(sent_by, room, own.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = wire};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, wire->fd, &event)) die("epoll: %s", strerror(errno));
    return wire;
}

static void refused(void)
{
    static bool said;
    if (!said) fprintf(stderr, "sipload: %s:%s refuses datagrams: nobody listens there\n", opt.host, opt.port);
    said = true;
}

static void flush(struct wire *wire)
{
    struct batch *batch = wire->batch;
    for (unsigned sent = 0; sent < batch->waiting;) {
        int found = sendmmsg(wire->fd, batch->headers + sent, batch->waiting - sent, 0);
        if (found > 0) sent += (unsigned)found;
        else if (errno == ECONNREFUSED) refused(); /* of an earlier one: it is reported once, try again */
        else if (errno != EINTR) sent++;           /* lost, as the network may lose it: it will be retransmitted */
    }
    batch->waiting = 0;
}

void udp_flush(void)
{
    for (int i = 0; i < count; i++)
        if (wires[i]->batch->waiting) flush(wires[i]);
}

void udp_send(struct wire *wire, const char *message, size_t size)
{
    struct batch *batch = wire->batch;
    batch->pieces[batch->waiting] = (struct iovec){(void *)(uintptr_t)message, size};
    if (++batch->waiting == BATCH) flush(wire);
}

struct out wire_room(struct wire *wire)
{
    static char room[MESSAGE_MAX];
    if (!wire->batch) return (struct out){room, room + sizeof room, false};
    /* every message takes at most one room, so there are as many as there can wait */
    char *own = wire->batch->room[wire->batch->waiting];
    return (struct out){own, own + MESSAGE_MAX, false};
}

void udp_readable(struct wire *wire)
{
    for (int turn = 0; turn < 8; turn++) {
        int found = recvmmsg(wire->fd, in_headers, BATCH, MSG_DONTWAIT, NULL);
        if (found < 0) {
            if (errno == ECONNREFUSED) refused();
            return;
        }
        now = clock_read();
        for (int i = 0; i < found; i++) {
            if (in_headers[i].msg_hdr.msg_flags & MSG_TRUNC)
                wrong("a datagram of more than 16384 octets", in[i], in_headers[i].msg_len);
            else sip_received(wire, in[i], in_headers[i].msg_len);
        }
        if (found < BATCH) return;
    }
}

void wire_send(struct wire *wire, const char *message, size_t size)
{
    if (wire->batch) udp_send(wire, message, size);
    else ws_send(wire, message, size);
}
