#include "sipload.h"
struct wire *ws_open(struct client *client) { die("not yet"); }
void ws_event(struct wire *wire, uint32_t events) {}
void ws_ping(struct wire *wire) {}
void ws_start(void) { die("WebSocket: not yet"); }
void ws_send(struct wire *wire, const char *message, size_t size) {}
