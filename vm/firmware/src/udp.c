#include "net.h"
#include "lib.h"

/* UDP and TCP without listeners: what a router without services answers. */
#define UDP_HDR 8u
#define TCP_HDR 20u
#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16

static u32 pseudo_sum(u32 src, u32 dst, u32 proto, u32 len)
{
	return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + proto + len;
}

void udp_input(struct iface *ifp UNUSED, struct pkt *p, u32 ihl, u32 src, u32 dst)
{
	const u8 *u = p->data + ihl;
	u32 len;

	ip_stats.udp_in++;
	if (p->len < ihl + UDP_HDR || (len = get16(u + 4)) < UDP_HDR || len > p->len - ihl ||
	    (get16(u + 6) && ip_checksum(u, len, pseudo_sum(src, dst, IPPROTO_UDP, len)) != 0)) {
		ip_stats.udp_bad++;
		return;
	}
	ip_stats.udp_no_port++;
	if (iface_by_ip(dst))
		icmp_unreachable(p, ICMP_UNREACH_PORT, 0);
}

/* RFC 9293, 3.5.2: every segment but a reset is answered by one. */
void tcp_input(struct iface *ifp UNUSED, struct pkt *p, u32 ihl, u32 src, u32 dst)
{
	const u8 *t = p->data + ihl;
	struct ip_tx tx = { .src = dst, .dst = src, .proto = IPPROTO_TCP };
	u32 len, off, flags;
	struct pkt *q;
	u8 *r;

	ip_stats.tcp_in++;
	if (p->len < ihl + TCP_HDR)
		return;
	len = p->len - ihl;
	off = (t[12] >> 4) * 4u;
	flags = t[13];
	if (off < TCP_HDR || off > len || (flags & TCP_RST) || !iface_by_ip(dst) ||
	    ip_checksum(t, len, pseudo_sum(src, dst, IPPROTO_TCP, len)) != 0)
		return;
	q = pkt_alloc(TCP_HDR);
	if (!q)
		return;
	r = q->data;
	memset(r, 0, TCP_HDR);
	put16(r, get16(t + 2));
	put16(r + 2, get16(t));
	r[12] = TCP_HDR / 4 << 4;
	if (flags & TCP_ACK) {
		put32(r + 4, get32(t + 8));
		r[13] = TCP_RST;
	} else {
		put32(r + 8, get32(t + 4) + (len - off) + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0));
		r[13] = TCP_RST | TCP_ACK;
	}
	put16(r + 16, ip_checksum(r, TCP_HDR, pseudo_sum(dst, src, IPPROTO_TCP, TCP_HDR)));
	ip_stats.tcp_rst_out++;
	ip_output(&tx, q);
}

int udp_send_probe(u32 src, u32 dst, u16 sport, u16 dport, u32 ttl)
{
	struct ip_tx tx = { .src = src, .dst = dst, .proto = IPPROTO_UDP, .ttl = (u8)ttl };
	struct pkt *p = pkt_alloc(UDP_HDR);

	if (!p)
		return 0;
	put16(p->data, sport);
	put16(p->data + 2, dport);
	put16(p->data + 4, UDP_HDR);
	put16(p->data + 6, 0);     /* no checksum: the source is chosen later */
	return ip_output(&tx, p);
}
