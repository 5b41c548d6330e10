#include "net.h"
#include "lib.h"

/* ICMP (RFC 792, RFC 1122, RFC 1812 4.3). */
#define ECHO_REPLY 0
#define UNREACHABLE 3
#define SOURCE_QUENCH 4
#define REDIRECT 5
#define ECHO 8
#define TIME_EXCEEDED 11
#define ICMP_HDR 8u

/* Answers with the address that was asked, or for a broadcast with that of
 * the interface. */
static void reply_echo(struct iface *ifp, struct pkt *p, u32 src, u32 dst)
{
	struct ip_tx tx = { .src = dst, .dst = src, .proto = IPPROTO_ICMP };
	struct pkt *q = pkt_alloc(p->len);

	if (!q)
		return;
	if (!iface_by_ip(dst))
		tx.src = ifp->ip;
	memcpy(q->data, p->data, p->len);
	q->data[0] = ECHO_REPLY;
	put16(q->data + 2, 0);
	put16(q->data + 2, ip_checksum(q->data, q->len, 0));
	ip_stats.icmp_out++;
	ip_stats.icmp_echo_reply_out++;
	ip_output(&tx, q);
}

/* An error about a datagram of ours: the quoted header says which. */
static void error_input(enum reply_kind kind, struct pkt *p, u32 from, u32 code)
{
	const u8 *q = p->data + ICMP_HDR, *t;
	u32 ihl;

	if (p->len < ICMP_HDR + IP_HDR + 8)
		return;
	ihl = (q[0] & 15) * 4u;
	if (ihl < IP_HDR || p->len < ICMP_HDR + ihl + 8)
		return;
	t = q + ihl;
	if (q[9] == IPPROTO_ICMP && t[0] == ECHO)
		probe_reply(kind, from, code, get16(t + 4), get16(t + 6), get32(q + 16), 0);
	else if (q[9] == IPPROTO_UDP)
		probe_reply(kind, from, code, get16(t), 0, get32(q + 16), get16(t + 2));
}

void icmp_input(struct iface *ifp, struct pkt *p, u32 src, u32 dst, u32 ttl UNUSED)
{
	const u8 *h = p->data;

	ip_stats.icmp_in++;
	if (p->len < ICMP_HDR || ip_checksum(h, p->len, 0) != 0) {
		ip_stats.icmp_bad++;
		return;
	}
	switch (h[0]) {
	case ECHO:
		ip_stats.icmp_echo_in++;
		reply_echo(ifp, p, src, dst);
		break;
	case ECHO_REPLY:
		ip_stats.icmp_echo_reply_in++;
		probe_reply(REPLY_ECHO, src, p->len, get16(h + 4), get16(h + 6), src, 0);
		break;
	case UNREACHABLE:
		ip_stats.icmp_unreach_in++;
		error_input(REPLY_UNREACH, p, src, h[1]);
		break;
	case TIME_EXCEEDED:
		ip_stats.icmp_ttl_in++;
		error_input(REPLY_TTL, p, src, h[1]);
		break;
	case SOURCE_QUENCH:
		error_input(REPLY_QUENCH, p, src, h[1]);
		break;
	case REDIRECT:
		ip_stats.icmp_redirect_in++;
		break;
	}
}

static int may_complain(struct pkt *orig)
{
	const u8 *h = orig->data;
	u32 src = get32(h + 12), dst = get32(h + 16), ihl = (h[0] & 15) * 4u;

	/* RFC 1122, 3.2.2: not about errors, broadcasts, later fragments, or to
	 * a source that is not one host. */
	if (!src || src >> 28 >= 14 || src >> 24 == 127 || dst >> 28 >= 14 || orig->link_broadcast || orig->multicast)
		return 0;
	if (get16(h + 6) & 0x1fff)
		return 0;
	if (orig->in && orig->in->ip && dst == (orig->in->ip | ~orig->in->mask) && orig->in->mask < 0xfffffffe)
		return 0;
	if (h[9] == IPPROTO_ICMP && orig->len > ihl) {
		u8 type = h[ihl];

		return type == ECHO || type == ECHO_REPLY || (type >= 13 && type <= 18);
	}
	return 1;
}

static void send_error(struct pkt *orig, u8 type, u32 code, u32 rest)
{
	u32 ihl = (orig->data[0] & 15) * 4u;
	u32 quote = orig->len < ihl + 8 ? orig->len : ihl + 8;
	struct ip_tx tx = { .dst = get32(orig->data + 12), .proto = IPPROTO_ICMP };
	struct pkt *q;

	/* From the interface that the datagram came in by, so that traceroute
	 * shows the hop. */
	if (orig->in)
		tx.src = orig->in->ip;
	q = pkt_alloc(ICMP_HDR + quote);
	if (!q)
		return;
	q->data[0] = type;
	q->data[1] = (u8)code;
	put16(q->data + 2, 0);
	put32(q->data + 4, rest);
	memcpy(q->data + ICMP_HDR, orig->data, quote);
	put16(q->data + 2, ip_checksum(q->data, q->len, 0));
	ip_stats.icmp_out++;
	ip_output(&tx, q);
}

/* At most two unreachables a second, and as many that report an MTU. */
#define UNREACH_INTERVAL_MS 500u

void icmp_unreachable(struct pkt *orig, u32 code, u32 mtu)
{
	static u32 last[2];
	static u8 sent[2];
	u32 kind = code == ICMP_UNREACH_FRAG, now = time_ms();

	if (!may_complain(orig) || (orig->in && orig->in->no_unreachables))
		return;
	if (sent[kind] && now - last[kind] < UNREACH_INTERVAL_MS)
		return;
	sent[kind] = 1;
	last[kind] = now;
	ip_stats.icmp_unreach_out++;
	send_error(orig, UNREACHABLE, code, mtu);
}

void icmp_time_exceeded(struct pkt *orig, u32 code)
{
	if (!may_complain(orig))
		return;
	ip_stats.icmp_ttl_out++;
	send_error(orig, TIME_EXCEEDED, code, 0);
}

/* size counts the IP header, as the ping command does. */
int icmp_send_echo(u32 src, u32 dst, u16 id, u16 seq, u32 size, int df, u32 ttl, u32 pattern, u32 tos)
{
	struct ip_tx tx = { .src = src, .dst = dst, .proto = IPPROTO_ICMP, .df = (u8)df, .ttl = (u8)ttl, .tos = (u8)tos };
	struct pkt *p = pkt_alloc(size - IP_HDR);
	u32 i;

	if (!p)
		return 0;
	p->data[0] = ECHO;
	p->data[1] = 0;
	put16(p->data + 2, 0);
	put16(p->data + 4, id);
	put16(p->data + 6, seq);
	for (i = ICMP_HDR; i < p->len; i++)
		p->data[i] = (u8)(i & 1 ? pattern : pattern >> 8);
	put16(p->data + 2, ip_checksum(p->data, p->len, 0));
	ip_stats.icmp_out++;
	ip_stats.icmp_echo_out++;
	return ip_output(&tx, p);
}
