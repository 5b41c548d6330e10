#include "net.h"
#include "lib.h"

/* IPv4 (RFC 791, RFC 1812). */
#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff

struct ip_stats ip_stats;
int ip_routing = 1;
static u16 next_id;

u16 ip_checksum(const void *data, u32 len, u32 seed)
{
	const u8 *p = data;
	u32 sum = seed;

	if (((u32)p & 1) == 0) {
		const u16 *w = data;

		for (; len >= 8; len -= 8, w += 4)
			sum += (u32)w[0] + w[1] + w[2] + w[3];
		for (; len >= 2; len -= 2)
			sum += *w++;
		p = (const u8 *)w;
	}
	for (; len >= 2; len -= 2, p += 2)
		sum += (u32)p[0] << 8 | p[1];
	if (len)
		sum += (u32)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

int ip_is_local(u32 ip, const struct iface *in)
{
	if (ip == 0xffffffff)
		return 1;
	for (struct iface *i = iface_list; i; i = i->next) {
		if (!i->ip || i->shutdown)
			continue;
		if (i->ip == ip)
			return 1;
		/* Directed broadcasts and the network itself, where it arrived. */
		if (i == in && i->mask < 0xfffffffe && (ip == (i->ip | ~i->mask) || ip == (i->ip & i->mask)))
			return 1;
	}
	return 0;
}

/* Reassembly (RFC 815 in spirit; fragments are copied into one buffer and
 * their coverage is kept as a bit an eight-byte block). */
#define NREASM 8u
#define REASM_S 15u
#define BLOCKS (PKT_HUGE / 8)

static struct reasm {
	struct pkt *p;             /* header and payload being put together */
	u32 src, dst, started, total, have, hdr;
	u16 id;
	u8 proto;
	u8 map[BLOCKS / 8 + 1];
} reasm[NREASM];

static void reasm_free(struct reasm *r)
{
	pkt_free(r->p);
	r->p = NULL;
}

static struct reasm *reasm_find(u32 src, u32 dst, u16 id, u8 proto)
{
	struct reasm *r, *oldest = &reasm[0];

	for (r = reasm; r < reasm + NREASM; r++) {
		if (r->p && uptime_seconds - r->started > REASM_S) {
			ip_stats.reassembly_timeout++;
			reasm_free(r);
		}
		if (r->p && r->src == src && r->dst == dst && r->id == id && r->proto == proto)
			return r;
	}
	for (r = reasm; r < reasm + NREASM; r++) {
		if (!r->p)
			break;
		if (r->started < oldest->started)
			oldest = r;
	}
	if (r == reasm + NREASM) {
		r = oldest;
		reasm_free(r);
		ip_stats.reassembly_failed++;
	}
	memset(r, 0, sizeof(*r));
	r->p = pkt_alloc(PKT_HUGE - PKT_HEADROOM);
	if (!r->p)
		return NULL;
	r->p->len = 0;
	r->src = src;
	r->dst = dst;
	r->id = id;
	r->proto = proto;
	r->started = uptime_seconds;
	return r;
}

/* Takes the fragment over; returns the whole datagram once it is complete. */
static struct pkt *reassemble(struct pkt *p, u32 ihl)
{
	const u8 *h = p->data;
	u32 frag = get16(h + 6), off = (frag & IP_OFFSET) * 8, len = p->len - ihl;
	struct reasm *r = reasm_find(get32(h + 12), get32(h + 16), get16(h + 4), h[9]);
	struct pkt *whole;
	u8 *base;

	if (!r)
		goto drop;
	base = r->p->buf + PKT_HEADROOM + 60;
	if (60 + off + len > PKT_HUGE - PKT_HEADROOM || ((frag & IP_MF) && len % 8)) {
		ip_stats.reassembly_failed++;
		goto drop;
	}
	if (!(frag & IP_MF)) {
		if (r->total && r->total != off + len) {
			ip_stats.reassembly_failed++;
			goto drop;
		}
		r->total = off + len;
	}
	memcpy(base + off, h + ihl, len);
	if (off == 0) {
		r->hdr = ihl;
		memcpy(base - ihl, h, ihl);
		r->p->link_broadcast = p->link_broadcast;
	}
	for (u32 b = off / 8; b < (off + len + 7) / 8; b++)
		if (!(r->map[b / 8] & 1 << b % 8)) {
			r->map[b / 8] |= (u8)(1 << b % 8);
			r->have++;
		}
	r->p->in = p->in;
	pkt_free(p);
	if (!r->total || !r->hdr || r->have < (r->total + 7) / 8)
		return NULL;
	whole = r->p;
	r->p = NULL;
	whole->data = base - r->hdr;
	whole->len = r->hdr + r->total;
	put16(whole->data + 2, whole->len);
	put16(whole->data + 6, 0);
	ip_stats.reassembled++;
	return whole;
drop:
	pkt_free(p);
	return NULL;
}

static void deliver(struct iface *ifp, struct pkt *p)
{
	u32 ihl = (p->data[0] & 15) * 4u;
	u32 src, dst;
	u8 proto;

	if (get16(p->data + 6) & (IP_MF | IP_OFFSET)) {
		p = reassemble(p, ihl);
		if (!p)
			return;
		ihl = (p->data[0] & 15) * 4u;
	}
	src = get32(p->data + 12);
	dst = get32(p->data + 16);
	proto = p->data[9];
	ip_stats.delivered++;
	switch (proto) {
	case IPPROTO_ICMP: {
		u32 ttl = p->data[8];

		pkt_pull(p, ihl);
		icmp_input(ifp, p, src, dst, ttl);
		break;
	}
	case IPPROTO_UDP:
		udp_input(ifp, p, ihl, src, dst);
		break;
	case IPPROTO_TCP:
		tcp_input(ifp, p, ihl, src, dst);
		break;
	default:
		ip_stats.no_proto++;
		icmp_unreachable(p, ICMP_UNREACH_PROTO, 0);
	}
	pkt_free(p);
}

/* RFC 1624: the checksum changes by the same amount as the TTL word. */
static void decrement_ttl(u8 *h)
{
	u32 sum;

	h[8]--;
	sum = (u32)get16(h + 10) + 0x0100;
	put16(h + 10, (sum + (sum >> 16)) & 0xffff);
}

/* Sends a datagram out of an interface, in fragments when it must. */
void ip_forward_packet(struct iface *out, u32 nexthop, struct pkt *p)
{
	u8 *h = p->data;
	u32 ihl = (h[0] & 15) * 4u, mtu = iface_mtu_ip(out), frag, off, chunk, payload;

	if (p->len <= mtu) {
		link_output_ip(out, nexthop, p);
		return;
	}
	frag = get16(h + 6);
	if (frag & IP_DF) {
		ip_stats.cannot_fragment++;
		icmp_unreachable(p, ICMP_UNREACH_FRAG, mtu);
		pkt_free(p);
		return;
	}
	chunk = (mtu - ihl) & ~7u;
	payload = p->len - ihl;
	ip_stats.fragmented++;
	for (off = 0; off < payload; off += chunk) {
		u32 n = payload - off < chunk ? payload - off : chunk;
		struct pkt *q = pkt_alloc(ihl + n);

		if (!q)
			break;
		q->in = p->in;
		memcpy(q->data, h, ihl);
		memcpy(q->data + ihl, h + ihl + off, n);
		put16(q->data + 2, ihl + n);
		put16(q->data + 6, (frag & IP_MF) | ((frag & IP_OFFSET) + off / 8) | (off + n < payload ? IP_MF : 0));
		put16(q->data + 10, 0);
		put16(q->data + 10, ip_checksum(q->data, ihl, 0));
		ip_stats.fragments_made++;
		link_output_ip(out, nexthop, q);
	}
	pkt_free(p);
}

static void forward(struct iface *in, struct pkt *p)
{
	u8 *h = p->data;
	u32 dst = get32(h + 16), nexthop;
	struct iface *out;

	/* Never what came as a link broadcast (RFC 1812, 5.3.4), nor addresses
	 * that are not on the wire. */
	if (!ip_routing || p->link_broadcast || p->multicast || dst >> 28 >= 14 || dst >> 24 == 127 || dst >> 24 == 0) {
		ip_stats.martian++;
		pkt_free(p);
		return;
	}
	if (h[8] <= 1) {
		ip_stats.no_ttl++;
		icmp_time_exceeded(p, 0);
		pkt_free(p);
		return;
	}
	out = route_lookup(dst, &nexthop, NULL);
	if (!out) {
		ip_stats.no_route++;
		icmp_unreachable(p, ICMP_UNREACH_HOST, 0);
		pkt_free(p);
		return;
	}
	/* A directed broadcast is not exploded. */
	if (out != in && out->ip && out->mask < 0xfffffffe && nexthop == (out->ip | ~out->mask)) {
		ip_stats.martian++;
		pkt_free(p);
		return;
	}
	decrement_ttl(h);
	ip_stats.forwarded++;
	ip_forward_packet(out, nexthop, p);
}

void ip_input(struct iface *ifp, struct pkt *p)
{
	const u8 *h = p->data;
	u32 ihl, total, src;

	ip_stats.received++;
	if (p->len < IP_HDR || h[0] >> 4 != 4 || (ihl = (h[0] & 15) * 4u) < IP_HDR || p->len < ihl) {
		ip_stats.hdr_errors++;
		pkt_free(p);
		return;
	}
	total = get16(h + 2);
	if (total < ihl || total > p->len) {
		ip_stats.truncated++;
		pkt_free(p);
		return;
	}
	if (ip_checksum(h, ihl, 0) != 0) {
		ip_stats.checksum_errors++;
		pkt_free(p);
		return;
	}
	p->len = total;
	src = get32(h + 12);
	if (!ifp->ip || src >> 28 >= 14 || src >> 24 == 127) {
		ip_stats.martian++;
		pkt_free(p);
		return;
	}
	if (ip_is_local(get32(h + 16), ifp))
		deliver(ifp, p);
	else
		forward(ifp, p);
}

static void build_header(const struct ip_tx *tx, u32 src, struct pkt *p)
{
	u8 *h = pkt_push(p, IP_HDR);

	h[0] = 0x45;
	h[1] = tx->tos;
	put16(h + 2, p->len);
	put16(h + 4, next_id++);
	put16(h + 6, tx->df ? IP_DF : 0);
	h[8] = tx->ttl ? tx->ttl : 255;
	h[9] = tx->proto;
	put16(h + 10, 0);
	put32(h + 12, src);
	put32(h + 16, tx->dst);
	put16(h + 10, ip_checksum(h, IP_HDR, 0));
}

/* Datagrams to ourselves come back through a queue, so that the sender is not
 * entered again while it is still sending. */
static struct pkt *loop_head, **loop_tail = &loop_head;
static struct timer loop_timer;

static void loop_run(void *arg UNUSED)
{
	struct pkt *p = loop_head;

	loop_head = NULL;
	loop_tail = &loop_head;
	while (p) {
		struct pkt *next = p->next;

		p->next = NULL;
		ip_stats.received++;
		deliver(p->in, p);
		p = next;
	}
}

void ip_init(void)
{
	loop_timer.fn = loop_run;
	next_id = (u16)random32();
}

int ip_output(const struct ip_tx *tx, struct pkt *p)
{
	struct iface *out, *own = iface_by_ip(tx->dst);
	u32 nexthop, src = tx->src;

	ip_stats.sent++;
	if (own && own->proto) {
		build_header(tx, src ? src : tx->dst, p);
		p->in = own;
		p->next = NULL;
		*loop_tail = p;
		loop_tail = &p->next;
		timer_set(&loop_timer, 0);
		return 1;
	}
	out = route_lookup(tx->dst, &nexthop, NULL);
	if (!out) {
		ip_stats.no_route++;
		pkt_free(p);
		return 0;
	}
	if (!src)
		src = out->ip;
	if (!src)
		for (struct iface *i = iface_list; i && !src; i = i->next)
			if (i->proto)
				src = i->ip;
	build_header(tx, src, p);
	p->in = NULL;
	if (tx->df && p->len > iface_mtu_ip(out)) {
		ip_stats.cannot_fragment++;
		pkt_free(p);
		return 0;
	}
	ip_forward_packet(out, nexthop, p);
	return 1;
}
