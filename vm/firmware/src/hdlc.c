#include "net.h"
#include "lib.h"
#include "term.h"

/* Cisco HDLC: address, control, Ethernet type; SLARP (type 8035) carries the
 * keepalives and address requests. */
#define HDLC_HDR 4u
#define UNICAST 0x0f
#define MULTICAST 0x8f
#define TYPE_IP 0x0800
#define TYPE_SLARP 0x8035
#define SLARP_REQUEST 0
#define SLARP_REPLY 1
#define SLARP_KEEPALIVE 2
#define SLARP_LEN 18u
#define SLARP_MIN 14u
#define MAX_MISSED 3

static void send_slarp(struct iface *ifp, u32 kind, u32 a, u32 b)
{
	struct pkt *p = pkt_alloc(SLARP_LEN);
	u8 *h;

	if (!p)
		return;
	put32(p->data, kind);
	put32(p->data + 4, a);
	put32(p->data + 8, b);
	put16(p->data + 12, 0xffff);
	put32(p->data + 14, uptime_seconds * 1000);
	h = pkt_push(p, HDLC_HDR);
	h[0] = MULTICAST;
	h[1] = 0;
	put16(h + 2, TYPE_SLARP);
	link_send_raw(ifp, p);
}

static void keepalive(struct iface *ifp)
{
	send_slarp(ifp, SLARP_KEEPALIVE, ++ifp->my_seq, ifp->peer_seq);
}

static void tick(void *arg)
{
	struct iface *ifp = arg;

	if (ifp->my_seq - ifp->my_seen >= MAX_MISSED)
		iface_set_proto(ifp, 0);
	keepalive(ifp);
	timer_set(&ifp->ka_timer, ifp->keepalive * 1000);
}

/* The protocol is taken to be up until three keepalives stay unanswered. */
void hdlc_start(struct iface *ifp)
{
	ifp->my_seq = ifp->my_seen = ifp->peer_seq = 0;
	ifp->ka_looped = 0;
	ifp->ka_timer.fn = tick;
	ifp->ka_timer.arg = ifp;
	iface_set_proto(ifp, 1);
	if (!ifp->keepalive)
		return;
	keepalive(ifp);
	timer_set(&ifp->ka_timer, ifp->keepalive * 1000);
}

void hdlc_stop(struct iface *ifp)
{
	timer_cancel(&ifp->ka_timer);
}

static void keepalive_input(struct iface *ifp, u32 peer_seq, u32 seen)
{
	/* Our own keepalive come back: the line is looped. */
	if (peer_seq == ifp->my_seq && seen == ifp->peer_seq && peer_seq != 0 && ifp->peer_seq != 0 &&
	    peer_seq == seen) {
		ifp->ka_looped = 1;
	} else {
		ifp->ka_looped = 0;
	}
	ifp->peer_seq = peer_seq;
	if (seen && ifp->my_seq - seen < MAX_MISSED) {
		ifp->my_seen = seen;
		if (ifp->keepalive)
			iface_set_proto(ifp, 1);
		return;
	}
	/* A peer that has just started knows none of our numbers: it is told at
	 * once rather than at the next interval. */
	if (ifp->keepalive && time_ms() - ifp->ka_last_reply >= 1000) {
		ifp->ka_last_reply = time_ms();
		keepalive(ifp);
	}
}

void hdlc_input(struct iface *ifp, struct pkt *p)
{
	const u8 *h = p->data, *s;
	u16 type;

	if (p->len < HDLC_HDR || (h[0] != UNICAST && h[0] != MULTICAST)) {
		ifp->c.unknown_proto++;
		pkt_free(p);
		return;
	}
	type = get16(h + 2);
	if (h[0] == MULTICAST)
		ifp->c.in_broadcasts++;
	pkt_pull(p, HDLC_HDR);
	if (type == TYPE_IP) {
		ip_input(ifp, p);
		return;
	}
	s = p->data;
	if (type == TYPE_SLARP && p->len >= SLARP_MIN) {
		switch (get32(s)) {
		case SLARP_KEEPALIVE:
			keepalive_input(ifp, get32(s + 4), get32(s + 8));
			break;
		case SLARP_REQUEST:
			if (ifp->ip)
				send_slarp(ifp, SLARP_REPLY, ifp->ip, ifp->mask);
			break;
		}
	} else if (type != TYPE_SLARP) {
		ifp->c.unknown_proto++;
	}
	pkt_free(p);
}

void hdlc_output_ip(struct iface *ifp, struct pkt *p)
{
	u8 *h = pkt_push(p, HDLC_HDR);

	h[0] = UNICAST;
	h[1] = 0;
	put16(h + 2, TYPE_IP);
	link_send_raw(ifp, p);
}
