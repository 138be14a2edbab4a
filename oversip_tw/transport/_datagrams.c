/* recvmmsg and sendmmsg: many datagrams in one system call.

   Optional; transport/udp.py does the same without. The signatures and what they promise stand in _datagrams.pyi.
   Sockets do not block, so nothing here lets go of the GIL; and nothing here runs Python code between filling the
   static buffers and reading them, but for finalizers that a garbage collection may run: `busy` keeps those out. */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* datagrams in one system call, at most */
#define BATCH 64
/* longer than any datagram can be; pages that no datagram reaches are never given to us */
#define DATAGRAM 65536
/* senders remembered, a power of two */
#define PEER_BITS 12

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} Address;

/* A sender and the tuple that Python knows it by; a newcomer takes the place of whom it collides with. */
typedef struct {
    PyObject *tuple;
    socklen_t length;
    Address address;
} Peer;

static Peer peers[1 << PEER_BITS];
static char arena[BATCH][DATAGRAM];
static Address sources[BATCH];
static struct iovec spaces[BATCH];
static struct mmsghdr incoming[BATCH];
static int busy;

static void prepare_incoming(void)
{
    for (int i = 0; i < BATCH; i++) {
        spaces[i].iov_base = arena[i];
        spaces[i].iov_len = DATAGRAM;
        incoming[i].msg_hdr.msg_name = &sources[i];
        incoming[i].msg_hdr.msg_iov = &spaces[i];
        incoming[i].msg_hdr.msg_iovlen = 1;
    }
}

/* A new tuple, as socket.recvfrom makes it. */
static PyObject *address_tuple(const Address *address)
{
    char host[INET6_ADDRSTRLEN];

    switch (address->any.sa_family) {
    case AF_INET:
        if (inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host) == NULL)
            break;
        return Py_BuildValue("si", host, (int)ntohs(address->v4.sin_port));
    case AF_INET6:
        if (inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host) == NULL)
            break;
        return Py_BuildValue("siII", host, (int)ntohs(address->v6.sin6_port),
                             (unsigned int)ntohl(address->v6.sin6_flowinfo), (unsigned int)address->v6.sin6_scope_id);
    default:
        errno = EAFNOSUPPORT;
    }
    return PyErr_SetFromErrno(PyExc_OSError);
}

static Peer *place(const Address *address, socklen_t length)
{
    const unsigned char *bytes = (const unsigned char *)address;
    uint32_t hash = 0, word;

    for (socklen_t at = 0; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        hash = (hash ^ word) * 0x9E3779B1u;
        hash ^= hash >> 15;
    }
    return &peers[(hash * 0x9E3779B1u) >> (32 - PEER_BITS)];
}

/* The tuple of a sender: the one it had last time, if that is remembered. */
static PyObject *sender(const Address *address, socklen_t length)
{
    Peer *peer;
    PyObject *tuple;

    if (length > sizeof *address)
        length = sizeof *address;
    peer = place(address, length);
    if (peer->tuple != NULL && peer->length == length && memcmp(&peer->address, address, length) == 0)
        return Py_NewRef(peer->tuple);
    tuple = address_tuple(address);
    if (tuple != NULL) {
        memcpy(&peer->address, address, length);
        peer->length = length;
        Py_XSETREF(peer->tuple, Py_NewRef(tuple));
    }
    return tuple;
}

static PyObject *one_received(int at)
{
    PyObject *data, *address, *datagram = NULL;

    data = PyBytes_FromStringAndSize(arena[at], incoming[at].msg_len);
    address = data == NULL ? NULL : sender(&sources[at], incoming[at].msg_hdr.msg_namelen);
    if (address != NULL)
        datagram = PyTuple_Pack(2, data, address);
    Py_XDECREF(data);
    Py_XDECREF(address);
    return datagram;
}

static PyObject *received(int count)
{
    PyObject *datagrams = PyList_New(count);

    for (int i = 0; datagrams != NULL && i < count; i++) {
        PyObject *datagram = one_received(i);
        if (datagram == NULL)
            Py_CLEAR(datagrams);
        else
            PyList_SET_ITEM(datagrams, i, datagram);
    }
    return datagrams;
}

static int number(PyObject *object, int *value)
{
    long wide = PyLong_AsLong(object);

    if (wide == -1 && PyErr_Occurred())
        return 0;
    if (wide < INT_MIN || wide > INT_MAX) {
        PyErr_SetString(PyExc_OverflowError, "no int");
        return 0;
    }
    *value = (int)wide;
    return 1;
}

static PyObject *receive(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    int fd, most, count;
    PyObject *datagrams;

    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "receive(fd, most)");
        return NULL;
    }
    if (!number(args[0], &fd) || !number(args[1], &most))
        return NULL;
    if (most < 1 || most > BATCH) {
        PyErr_Format(PyExc_ValueError, "most must be 1-%d", BATCH);
        return NULL;
    }
    if (busy)
        return PyList_New(0);
    for (int i = 0; i < most; i++)
        incoming[i].msg_hdr.msg_namelen = sizeof sources[i];
    /* An error behind a datagram is kept by the kernel for the next call. */
    count = recvmmsg(fd, incoming, (unsigned int)most, MSG_DONTWAIT, NULL);
    if (count < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return PyList_New(0);
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    busy = 1;
    datagrams = received(count);
    busy = 0;
    return datagrams;
}

typedef enum { FITS, WRONG_TYPE, NO_PORT, NO_ADDRESS } Fit;

static int unsigned_within(PyObject *object, long highest, Fit *fit)
{
    int overflow;
    long value;

    if (!PyLong_Check(object)) {
        *fit = WRONG_TYPE;
        return 0;
    }
    value = PyLong_AsLongAndOverflow(object, &overflow);
    if (overflow || value < 0 || value > highest) {
        *fit = NO_PORT;
        return 0;
    }
    return (int)(unsigned int)value;
}

/* Where a tuple leads. Raises nothing, so that a bad one behind a good one costs the good one nothing. */
static Fit destination(PyObject *tuple, Address *address, socklen_t *length)
{
    Fit fit = FITS;
    PyObject *host;
    const char *text;
    Py_ssize_t parts;
    in_port_t port;

    if (!PyTuple_Check(tuple) || (parts = PyTuple_GET_SIZE(tuple)) < 2 || parts > 4)
        return WRONG_TYPE;
    host = PyTuple_GET_ITEM(tuple, 0);
    if (!PyUnicode_Check(host))
        return WRONG_TYPE;
    if (!PyUnicode_IS_COMPACT_ASCII(host))
        return NO_ADDRESS;
    text = (const char *)PyUnicode_DATA(host);
    if ((Py_ssize_t)strlen(text) != PyUnicode_GET_LENGTH(host))
        return NO_ADDRESS;
    port = htons((uint16_t)unsigned_within(PyTuple_GET_ITEM(tuple, 1), 0xFFFF, &fit));
    memset(address, 0, sizeof *address);
    if (strchr(text, ':') == NULL) {
        *length = sizeof address->v4;
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = port;
        if (parts != 2)
            return WRONG_TYPE;
        if (inet_pton(AF_INET, text, &address->v4.sin_addr) != 1)
            return NO_ADDRESS;
        return fit;
    }
    *length = sizeof address->v6;
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = port;
    if (parts > 2)
        address->v6.sin6_flowinfo = htonl((uint32_t)unsigned_within(PyTuple_GET_ITEM(tuple, 2), 0xFFFFF, &fit));
    if (parts > 3)
        address->v6.sin6_scope_id = (uint32_t)unsigned_within(PyTuple_GET_ITEM(tuple, 3), 0xFFFFFFFF, &fit);
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) != 1)
        return NO_ADDRESS;
    return fit;
}

static PyObject *refuse(Fit fit)
{
    if (fit == WRONG_TYPE)
        PyErr_SetString(PyExc_TypeError, "a datagram is (bytes, (host, port[, flowinfo, scope_id]))");
    else if (fit == NO_PORT)
        PyErr_SetString(PyExc_OverflowError, "port must be 0-65535, flowinfo 0-1048575");
    else {
        errno = EINVAL;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return NULL;
}

static Fit prepare_outgoing(PyObject *datagram, struct mmsghdr *message, struct iovec *content, Address *address)
{
    PyObject *data;

    if (!PyTuple_Check(datagram) || PyTuple_GET_SIZE(datagram) != 2)
        return WRONG_TYPE;
    data = PyTuple_GET_ITEM(datagram, 0);
    if (!PyBytes_Check(data))
        return WRONG_TYPE;
    content->iov_base = PyBytes_AS_STRING(data);
    content->iov_len = (size_t)PyBytes_GET_SIZE(data);
    memset(message, 0, sizeof *message);
    message->msg_hdr.msg_iov = content;
    message->msg_hdr.msg_iovlen = 1;
    message->msg_hdr.msg_name = address;
    return destination(PyTuple_GET_ITEM(datagram, 1), address, &message->msg_hdr.msg_namelen);
}

static PyObject *send_datagrams(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    struct mmsghdr outgoing[BATCH];
    struct iovec contents[BATCH];
    Address addresses[BATCH];
    Py_ssize_t count, ready;
    int fd, sent;

    if (nargs != 2 || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "send(fd, list of datagrams)");
        return NULL;
    }
    if (!number(args[0], &fd))
        return NULL;
    count = PyList_GET_SIZE(args[1]);
    if (count > BATCH)
        count = BATCH;
    for (ready = 0; ready < count; ready++) {
        Fit fit = prepare_outgoing(PyList_GET_ITEM(args[1], ready), &outgoing[ready], &contents[ready],
                                   &addresses[ready]);
        if (fit != FITS) {
            if (ready == 0)
                return refuse(fit);
            break;
        }
    }
    if (ready == 0)
        return PyLong_FromLong(0);
    if (ready == 1)
        sent = sendmsg(fd, &outgoing[0].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
    else
        sent = sendmmsg(fd, outgoing, (unsigned int)ready, MSG_DONTWAIT);
    return sent < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(sent);
}

static PyMethodDef methods[] = {
    {"receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL, NULL},
    {"send", (PyCFunction)(void (*)(void))send_datagrams, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "oversip_tw.transport._datagrams",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__datagrams(void)
{
    prepare_incoming();
    return PyModule_Create(&definition);
}
