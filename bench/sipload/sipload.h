/* What the parts of sipload know of each other. One thread, one loop; nothing is allocated per message. */
#ifndef SIPLOAD_H
#define SIPLOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define MESSAGE_MAX 8192   /* octets of a SIP message that is built here */
#define DATAGRAM_MAX 16384 /* octets of one that is received over UDP */
#define SDP_MAX 4000

/* options.c */

enum command { OPTIONS, REGISTER, CALL, IDLE, ECHO };
enum transport { UDP, WS, WSS };

struct options {
    enum command command;
    enum transport transport;
    const char *host, *port, *path, *origin, *domain, *user, *password;
    struct sockaddr_storage server, local, trusted;
    socklen_t server_size;
    bool has_local, has_trusted;
    int clients, users, sockets, outstanding, cpu, sdp, pid, expires;
    double rate, open_rate, warmup, seconds, ping;
};
extern struct options opt;

void options_parse(int argc, char **argv);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn)); /* exit status 2 */

/* clock.c: monotonic nanoseconds; `now` is when the current batch began; timers of a wheel */

extern uint64_t now;
uint64_t clock_read(void);
uint64_t random_bits(void);

struct timer {
    struct timer *next, *previous;
    uint64_t due;
    void (*fire)(void *of);
    void *of;
};
void timer_set(struct timer *timer, uint64_t delay); /* at most 8 s */
void timer_stop(struct timer *timer);
void timers_start(void);
void timers_run(void);
bool timers_armed(void);

/* stats.c */

struct histogram {
    uint64_t counts[64 * 64];
    uint64_t total, largest;
};
void histogram_add(struct histogram *of, uint64_t nanoseconds);
double histogram_us(const struct histogram *of, double share);

struct stats {
    uint64_t done, failed, wrong, retransmitted, dropped, begun;
    struct histogram first, whole;
    bool measuring;
};
extern struct stats stats;
void stats_event(const char *name);
void stats_start(void); /* before anything is connected */
void stats_begin(void);
void stats_end(void);
void wrong(const char *why, const char *message, size_t size);
bool complain(void); /* whether one more line about a failure may be written to stderr */

/* process.c: what the server uses */

void process_find(void);
uint64_t process_cpu(bool look_again); /* nanoseconds of the session */
uint64_t process_memory(void);         /* Pss in kB */

/* text.c: appending, and a look into SIP messages */

struct span {
    const char *at;
    size_t size;
};
struct out {
    char *at, *end;
    bool full;
};
void put(struct out *out, const char *at, size_t size);
void puts_(struct out *out, const char *text);
void put_number(struct out *out, uint64_t number);
void put_hex(struct out *out, uint64_t number, int digits);
bool hex(const char *at, int digits, uint32_t *value);
bool same(struct span one, const char *text);
#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

#define LINES 16
struct message {
    const char *data;
    size_t size;
    int status; /* 0: a request */
    struct span method, uri, from, to, call_id, contact, cseq_method;
    struct span via[LINES], route[LINES], challenge[4]; /* route: Record-Route */
    int vias, routes, challenges;
    uint32_t cseq;
};
const char *parse(struct message *m, const char *data, size_t size); /* NULL, or what is wrong */
const char *find(struct span in, const char *needle, size_t size);
struct span parameter(struct span value, const char *name);          /* ";tag=": what follows */
struct span bracketed(struct span value);                            /* the URI in <> or without */
int split(struct span value, struct span *parts, int most);          /* by commas */

/* digest.c */

struct proof { /* credentials for one nonce */
    char ha1[33], realm[128], nonce[256], opaque[128];
    bool qop;
    uint32_t count;
};
void md5_hex(char *hex32, const struct span *parts, int count); /* of the parts joined by ":" */
bool challenge_read(struct proof *proof, const struct message *m, const char *user, const char *password, bool *stale);
void put_proof(struct out *out, struct proof *proof, const char *header, const char *user, struct span method,
               struct span uri);

/* udp.c, ws.c and frame.c: wires */

struct client;
struct wire {
    int fd, index;
    struct client *client; /* of a WebSocket */
    struct batch *batch;   /* of a UDP socket */
    struct socket *socket; /* of a WebSocket */
};
extern int poller;
int udp_socket(const struct sockaddr_storage *local); /* a connected one */
struct wire *udp_open(const struct sockaddr_storage *local, char *sent_by, size_t room);
void udp_readable(struct wire *wire);
void udp_flush(void);
struct wire *ws_open(struct client *client); /* begins to connect; client_connected follows */
void ws_event(struct wire *wire, uint32_t events);
void ws_ping(struct wire *wire);
void ws_start(void);
void ws_write(struct wire *wire, const char *data, size_t size);

enum socket_state { CONNECTING, TLS, HTTP, OPEN, CLOSED };
struct socket {
    enum socket_state state;
    struct ssl_st *ssl;
    bool writing;                         /* the poller tells when it can be written */
    char *waiting, *held, *joined;        /* to be written; the begin of a frame; the begin of a message */
    size_t waiting_size, held_size, joined_size;
};
/* They give NULL, or why the connection must end. */
const char *handshake_read(struct wire *wire, char *data, size_t size, size_t *used);
const char *frames_read(struct wire *wire, const char *data, size_t size, size_t *used);
void handshake_write(struct wire *wire);
/* The message must stay until the end of the turn. */
void wire_send(struct wire *wire, const char *message, size_t size);
/* Room for a message that nobody keeps; valid until the next call. */
struct out wire_room(struct wire *wire);

void udp_send(struct wire *wire, const char *message, size_t size);
void ws_send(struct wire *wire, const char *message, size_t size);

/* client.c */

struct client {
    int number;
    char *user, *password;
    char *aor;          /* sip:user@domain */
    char *contact_uri;  /* as registered */
    char *contact;      /* header value in INVITE and answers: the GRUU once there is one */
    char *contact_gruu; /* what came of the last 200 */
    char *via;          /* SIP/2.0/UDP sent-by */
    size_t via_size;
    char *call_id, *tag; /* of its REGISTERs */
    char *before, *middle, *after; /* pieces of its REGISTER around branch and CSeq */
    uint32_t cseq;
    bool busy; /* a REGISTER is under way */
    bool calls, lost, connected, registered;
    struct wire *wire;
    struct proof *proofs[2]; /* of 401, of 407 */
};
extern struct client *clients;
void clients_make(void);
void client_connect(struct client *client);
void client_connected(struct client *client);
void client_lost(struct client *client, const char *why);
void client_heard_contact(struct client *client, const struct message *m);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *numbered_text(const char *pattern, int number); /* with the number in the place of its %d */

/* unit.c: work under way */

enum state { FREE, ASKING, HANGING_UP };
struct unit {
    uint32_t index, generation;
    enum command what;
    enum state state;
    struct client *caller, *callee;
    uint64_t due, sent;   /* when it was to begin; when the request was first sent */
    uint64_t interval;    /* of the retransmissions */
    uint64_t answer_sent, answer_interval;
    uint64_t setup; /* how long a call took to be accepted */
    uint32_t cseq, step, acked_step, challenges;
    bool proven, provisional, answered, setting_up, leaving;
    char branch[32], own_call_id[24], own_tag[12];
    struct span call_id, tag; /* own, or those of the client's REGISTERs */
    char *request, *ack, *answer, *dialog;
    size_t request_size, ack_size, answer_size;
    struct span target, to, routes; /* in dialog */
    struct timer again, answer_again;
    struct unit *next_free;
};
extern size_t request_room, ack_room, dialog_room;
extern char run_id[9]; /* 8 letters of this run */
extern uint32_t units_busy;
void units_start(void);
struct unit *unit_new(enum command what, uint64_t due); /* NULL when there are too many */
void unit_branch(struct unit *unit);                    /* a new one: the next transaction */
struct unit *unit_of_branch(struct span branch, uint32_t *step, bool *ours);
struct unit *unit_of_call(struct span call_id, bool *ours);
void unit_ask(struct unit *unit); /* send the request, and again until it is answered */
void unit_end(struct unit *unit, bool success);
void unit_fail(struct unit *unit, const char *why);
void units_fail(struct client *client, const char *why); /* all that it takes part in */

/* transaction.c, call.c: SIP */

void sip_received(struct wire *wire, const char *data, size_t size);
void register_begin(struct unit *unit); /* or take it back, where the unit is leaving */
void options_begin(struct unit *unit);
void echo_received(struct wire *wire, const struct message *m);
bool challenged(struct unit *unit, const struct message *m); /* whether credentials can be given */
void put_credentials(struct out *out, struct unit *unit, int which, struct span method, struct span uri);
void unit_wrong(struct unit *unit, const char *why, const struct message *m);
void put_branch(struct out *out, const struct client *client, struct span branch);
void put_request(struct out *out, struct unit *unit, const char *method, struct span uri, struct span routes,
                 struct span to);
size_t built(struct out *out, const char *from);
#define ALLOW "Allow: INVITE, ACK, CANCEL, BYE, UPDATE, MESSAGE, OPTIONS, REFER, INFO, NOTIFY\r\n"
#define AGENT "User-Agent: sipload\r\n"
void call_begin(struct unit *unit);
void call_response(struct unit *unit, const struct message *m);
void call_repeated(struct unit *unit, const struct message *m, uint32_t step);
void call_request(struct wire *wire, const struct message *m);
void calls_start(void);

/* load.c: when what begins */

void load_ended(struct unit *unit, bool success);
void load_settled(void); /* one more client is ready */
void load_abandon(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn)); /* exit status 1 */
bool load_starting(void);
void load_run(void);

#endif
