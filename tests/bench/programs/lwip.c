/*
 * lwIP: forwards Ethernet frames between four interfaces with a routing table,
 * ARP, ICMP errors, fragments and options, and moves data over TCP connections
 * of its own.
 */
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/ip4.h"
#include "lwip/pbuf.h"
#include "lwip/prot/icmp.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "lwip_route.h"
#include "netif/ethernet.h"
#include "program.h"

#define PORTS 4
#define ROUTES 2000
#define GATEWAYS 8 /* per port */

static struct netif ports[PORTS];
static uint32_t now, sum, sent;

u32_t sys_now(void) { return now; }

/* ---- routes: a binary trie --------------------------------------------- */

struct node {
    uint16_t child[2];
    int16_t route;
};
static struct node nodes[65535];
static unsigned used;
static struct {
    uint8_t port, gateway;
} routes[ROUTES];
static ip4_addr_t gateways[PORTS][GATEWAYS];

static void route_add(uint32_t net, int len, int route)
{
    unsigned at = 0;
    int i;

    for (i = 0; i < len; i++) {
        uint16_t *next = &nodes[at].child[net >> (31 - i) & 1];
        if (!*next) {
            if (used == sizeof nodes / sizeof *nodes)
                fail("lwip: too many routes", route);
            nodes[used].route = -1;
            *next = (uint16_t)used++;
        }
        at = *next;
    }
    nodes[at].route = (int16_t)route;
}

static int lookup(const ip4_addr_t *dest)
{
    uint32_t a = lwip_ntohl(ip4_addr_get_u32(dest));
    unsigned at = 0;
    int best = -1, bit = 31;

    do {
        if (nodes[at].route >= 0)
            best = nodes[at].route;
        at = nodes[at].child[a >> bit & 1];
    } while (at && bit--);
    return best;
}

struct netif *route_of(const ip4_addr_t *dest)
{
    int r = (lwip_ntohl(ip4_addr_get_u32(dest)) >> 24) == 127 ? -1 : lookup(dest);
    return r < 0 ? NULL : &ports[routes[r].port];
}

const ip4_addr_t *gateway_of(struct netif *netif, const ip4_addr_t *dest)
{
    int r = lookup(dest);
    return r < 0 ? NULL : &gateways[netif - ports][routes[r].gateway];
}

/* ---- interfaces ---------------------------------------------------------- */

static err_t transmit(struct netif *netif, struct pbuf *p)
{
    uint8_t head[54];
    uint16_t n = pbuf_copy_partial(p, head, sizeof head, 0);

    sum = checksum(sum ^ (uint32_t)(netif - ports), head, n) + p->tot_len;
    sent++;
    return ERR_OK;
}

static err_t port_init(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->output = etharp_output;
    netif->linkoutput = transmit;
    netif->mtu = netif == &ports[3] ? 576 : 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, "\x02\x00\x00\x00\x00", 5);
    netif->hwaddr[5] = (uint8_t)(netif - ports);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static void setup(void)
{
    int i, k;

    lwip_init();
    nodes[0].route = -1;
    used = 1;
    for (i = 0; i < PORTS; i++) {
        ip4_addr_t own, mask;
        IP4_ADDR(&own, 10, (u8_t)i, 0, 1);
        IP4_ADDR(&mask, 255, 255, 255, 0);
        netif_add(&ports[i], &own, &mask, &own, 0, port_init, ethernet_input);
        netif_set_up(&ports[i]);
        for (k = 0; k < GATEWAYS; k++) {
            struct eth_addr mac = {{2, 0, 0, 1, (u8_t)i, (u8_t)k}};
            IP4_ADDR(&gateways[i][k], 10, (u8_t)i, 0, (u8_t)(2 + k));
            if (etharp_add_static_entry(&gateways[i][k], &mac) != ERR_OK)
                fail("etharp_add_static_entry", i);
        }
    }
    for (i = 0; i < ROUTES; i++) {
        uint32_t r = random32();
        routes[i].port = (uint8_t)(r >> 4) % PORTS;
        routes[i].gateway = (uint8_t)(r >> 8) % GATEWAYS;
        route_add(random32(), i ? 8 + (int)(r >> 16) % 17 : 0, i);
    }
}

/* ---- frames -------------------------------------------------------------- */

static void receive(void)
{
    static const uint16_t sizes[] = {46, 46, 64, 128, 552, 1000, 1500};
    static uint8_t frame[1514];
    uint32_t r = random32();
    int in = (int)(r >> 3) % PORTS, kind = (int)(r >> 8) % 64;
    uint16_t size = sizes[(r >> 16) % 7], options = kind < 3 ? 4 : 0, hlen = 20 + options, v;
    uint32_t source = lwip_htonl(random32()), dest = lwip_htonl((random32() & 0x1fffffff) + 0x20000000);
    struct pbuf *p;

    memcpy(frame, ports[in].hwaddr, 6);
    memcpy(frame + 6, "\x02\x00\x00\x02\x00\x07\x08", 7);
    frame[13] = 0;
    memset(frame + 14, 0, 40);
    frame[14] = (uint8_t)(0x40 | hlen / 4);
    v = lwip_htons(size);
    memcpy(frame + 16, &v, 2);
    memcpy(frame + 18, &r, 2);
    frame[22] = kind == 5 ? 1 : 64;              /* TTL: some end here */
    frame[23] = kind == 6 ? IP_PROTO_ICMP : IP_PROTO_UDP;
    if (kind == 6)                               /* echo request to the router */
        dest = ip4_addr_get_u32(netif_ip4_addr(&ports[in]));
    memcpy(frame + 26, &source, 4);
    memcpy(frame + 30, &dest, 4);
    if (options)
        memcpy(frame + 34, "\x01\x01\x01\x00", 4);
    v = inet_chksum(frame + 14, hlen);
    if (kind == 7)
        v ^= 0x100;                              /* a broken one */
    memcpy(frame + 24, &v, 2);
    if (kind == 6) {
        frame[14 + hlen] = ICMP_ECHO;
        v = inet_chksum(frame + 14 + hlen, (u16_t)(size - hlen));
        memcpy(frame + 14 + hlen + 2, &v, 2);
    }
    if (!(p = pbuf_alloc(PBUF_RAW, (u16_t)(14 + size), PBUF_POOL)))
        fail("pbuf_alloc", size);
    pbuf_take(p, frame, (u16_t)(14 + size));
    if (ports[in].input(p, &ports[in]) != ERR_OK)
        pbuf_free(p);
}

/* ---- TCP ----------------------------------------------------------------- */

#define STREAM (48 * 1024)
static struct tcp_pcb *listener;
static uint32_t got, queued;
static int closed;

static err_t server_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct pbuf *q;

    if (!p) {
        tcp_close(pcb);
        closed = 1;
        return ERR_OK;
    }
    for (q = p; q; q = q->next)
        sum = checksum(sum, q->payload, q->len);
    got += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t server_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    tcp_recv(pcb, server_recv);
    return ERR_OK;
}

static err_t client_more(void *arg, struct tcp_pcb *pcb, u16_t acked)
{
    static char part[777];

    while (queued < STREAM && tcp_sndbuf(pcb) >= sizeof part) {
        memset(part, (int)queued, sizeof part);
        if (tcp_write(pcb, part, sizeof part, TCP_WRITE_FLAG_COPY) != ERR_OK)
            return ERR_OK;
        queued += sizeof part;
    }
    if (queued >= STREAM)
        tcp_close(pcb);
    return tcp_output(pcb);
}

static err_t client_connected(void *arg, struct tcp_pcb *pcb, err_t err) { return client_more(arg, pcb, 0); }

static void stream(void)
{
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t to;
    int i;

    IP_ADDR4(&to, 127, 0, 0, 1);
    got = queued = 0;
    closed = 0;
    tcp_sent(pcb, client_more);
    if (tcp_connect(pcb, &to, 5001, client_connected) != ERR_OK)
        fail("tcp_connect", 0);
    for (i = 0; !closed; i++) {
        if (i == 100000)
            fail("lwip: TCP is stuck", (int)got);
        netif_poll_all();
        now += 10;
        sys_check_timeouts();
    }
    if (got != queued)
        fail("lwip: TCP lost data", (int)got);
}

uint32_t work(unsigned turn)
{
    int i;

    random_seed(turn + 23);
    sum = CHECKSUM;
    if (!turn) {
        setup();
        listener = tcp_new();
        if (tcp_bind(listener, IP_ADDR_ANY, 5001) != ERR_OK || !(listener = tcp_listen(listener)))
            fail("tcp_listen", 0);
        tcp_accept(listener, server_accept);
    }
    for (i = 0; i < 5000; i++) {
        receive();
        now++;
        if (i % 64 == 0)
            sys_check_timeouts();
    }
    if (sent < 3500 * (turn + 1))
        fail("lwip: too few frames went out", (int)sent);
    for (i = 0; i < 2; i++)
        stream();
    return sum + sent;
}
