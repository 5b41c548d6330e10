#include "net.h"
#include "lib.h"
#include "term.h"

/* PPP: the option negotiation automaton (RFC 1661, 4), LCP, and IPCP
 * (RFC 1332). Framing is RFC 1662 without address compression. */
#define PROTO_IP 0x0021
#define PROTO_IPCP 0x8021
#define PROTO_LCP 0xc021

enum { CONF_REQ = 1, CONF_ACK, CONF_NAK, CONF_REJ, TERM_REQ, TERM_ACK, CODE_REJ, PROTO_REJ, ECHO_REQ, ECHO_REP, DISCARD };
enum state { INITIAL, STARTING, CLOSED, STOPPED, CLOSING, STOPPING, REQ_SENT, ACK_RCVD, ACK_SENT, OPENED };
static const char *const state_names[] = { "Initial", "Starting", "Closed", "Stopped", "Closing", "Stopping",
					   "REQsent", "ACKrcvd", "ACKsent", "Open" };

#define LCP_MRU 1
#define LCP_ACCM 2
#define LCP_MAGIC 5
#define IPCP_ADDRESS 3

#define RESTART_MS 2000
#define MAX_CONFIGURE 10
#define MAX_TERMINATE 2
#define MAX_FAILURE 5
#define STOPPED_RETRY_MS 5000
#define ECHO_MISSES 5
#define MAX_OPTS 256u

struct fsm {
	struct ppp *ppp;
	u16 proto;
	enum state state;
	u8 id, req_id, failures;
	u32 restarts;
	struct timer timer;
	u8 sent[64];              /* options of our last request */
	u32 sent_len;
	/* Appends the options that we ask for. */
	u32 (*request)(struct fsm *, u8 *d);
	/* Judges one option of the peer: CONF_ACK, CONF_NAK (value changed in
	 * place) or CONF_REJ. */
	int (*judge)(struct fsm *, u8 *opt);
	void (*refused)(struct fsm *, int code, const u8 *opt);
	void (*up)(struct fsm *);
	void (*down)(struct fsm *);
};

struct ppp {
	struct iface *ifp;
	struct fsm lcp, ipcp;
	u32 magic, peer_magic, peer_mru;
	u8 no_magic, no_address, loops;
	u32 peer_ip;
	u8 echo_id, echo_missed;
	struct timer echo_timer;
};

static void fsm_timeout(void *arg);

static void send_frame(struct ppp *ppp, u16 proto, u8 code, u8 id, const void *data, u32 len)
{
	struct pkt *p = pkt_alloc(len + 8);

	if (!p)
		return;
	p->data[0] = 0xff;
	p->data[1] = 0x03;
	put16(p->data + 2, proto);
	p->data[4] = code;
	p->data[5] = id;
	put16(p->data + 6, len + 4);
	memcpy(p->data + 8, data, len);
	link_send_raw(ppp->ifp, p);
}

static void send_request(struct fsm *f)
{
	f->sent_len = f->request(f, f->sent);
	f->req_id = ++f->id;
	send_frame(f->ppp, f->proto, CONF_REQ, f->req_id, f->sent, f->sent_len);
	f->restarts--;
	timer_set(&f->timer, RESTART_MS);
}

static void init_restart(struct fsm *f, u32 n)
{
	f->restarts = n;
}

static void send_terminate(struct fsm *f)
{
	send_frame(f->ppp, f->proto, TERM_REQ, ++f->id, "", 0);
	f->restarts--;
	timer_set(&f->timer, RESTART_MS);
}

static void enter(struct fsm *f, enum state s)
{
	enum state old = f->state;

	if (s == REQ_SENT && old == OPENED)
		f->failures = 0;
	f->state = s;
	if (s < CLOSING || s == OPENED)
		timer_cancel(&f->timer);
	if (old == OPENED && s != OPENED)
		f->down(f);
	if (s == OPENED && old != OPENED) {
		f->failures = 0;
		f->up(f);
	}
	/* A peer that does not answer is tried again after a while. */
	if (s == STOPPED)
		timer_set(&f->timer, STOPPED_RETRY_MS);
}

static void fsm_start(struct fsm *f)
{
	f->failures = 0;
	init_restart(f, MAX_CONFIGURE);
	enter(f, REQ_SENT);
	send_request(f);
}

static void fsm_lower_down(struct fsm *f)
{
	enter(f, STARTING);
}

static void fsm_timeout(void *arg)
{
	struct fsm *f = arg;

	switch (f->state) {
	case CLOSING:
	case STOPPING:
		if (f->restarts)
			send_terminate(f);
		else
			enter(f, f->state == CLOSING ? CLOSED : STOPPED);
		break;
	case REQ_SENT:
	case ACK_RCVD:
	case ACK_SENT:
		if (!f->restarts) {
			enter(f, STOPPED);
			break;
		}
		if (f->state == ACK_RCVD)
			enter(f, REQ_SENT);
		send_request(f);
		break;
	case STOPPED:
		fsm_start(f);
		break;
	default:
		break;
	}
}

/* Builds the answer to a Configure-Request in d and returns its code: what
 * must be rejected hides what could be negotiated. */
static int judge_options(struct fsm *f, const u8 *opts, u32 len, u8 *d, u32 *dlen)
{
	u8 nak[MAX_OPTS], rej[MAX_OPTS], one[MAX_OPTS];
	u32 nnak = 0, nrej = 0, off, n;

	if (len > MAX_OPTS)
		return -1;
	for (off = 0; off < len; off += n) {
		int verdict;

		if (len - off < 2 || (n = opts[off + 1]) < 2 || n > len - off)
			return -1;
		memcpy(one, opts + off, n);
		verdict = f->judge(f, one);
		if (verdict == CONF_NAK && f->failures >= MAX_FAILURE)
			verdict = CONF_REJ;
		if (verdict == CONF_REJ) {
			memcpy(rej + nrej, opts + off, n);
			nrej += n;
		} else if (verdict == CONF_NAK) {
			memcpy(nak + nnak, one, n);
			nnak += n;
		}
	}
	if (nrej) {
		memcpy(d, rej, nrej);
		*dlen = nrej;
		return CONF_REJ;
	}
	if (nnak) {
		f->failures++;
		memcpy(d, nak, nnak);
		*dlen = nnak;
		return CONF_NAK;
	}
	memcpy(d, opts, len);
	*dlen = len;
	return CONF_ACK;
}

static void conf_request(struct fsm *f, u8 id, const u8 *opts, u32 len)
{
	u8 answer[MAX_OPTS];
	u32 alen = 0;
	int code;
	enum state was = f->state;

	if (was == CLOSED) {
		send_frame(f->ppp, f->proto, TERM_ACK, id, "", 0);
		return;
	}
	if (was == INITIAL || was == STARTING || was == CLOSING || was == STOPPING)
		return;
	code = judge_options(f, opts, len, answer, &alen);
	if (code < 0)
		return;
	if (was == STOPPED || was == OPENED) {
		if (was == STOPPED)
			init_restart(f, MAX_CONFIGURE);
		enter(f, REQ_SENT);
		if (was == OPENED)
			init_restart(f, MAX_CONFIGURE);
		send_request(f);
	}
	send_frame(f->ppp, f->proto, (u8)code, id, answer, alen);
	if (code == CONF_ACK)
		enter(f, f->state == ACK_RCVD ? OPENED : ACK_SENT);
	else if (f->state == ACK_SENT)
		enter(f, REQ_SENT);
}

static void conf_answer(struct fsm *f, u8 code, u8 id, const u8 *opts, u32 len)
{
	u32 off, n;

	if (f->state == CLOSED || f->state == STOPPED) {
		send_frame(f->ppp, f->proto, TERM_ACK, id, "", 0);
		return;
	}
	if (f->state < REQ_SENT || id != f->req_id)
		return;
	if (code == CONF_ACK) {
		if (len != f->sent_len || memcmp(opts, f->sent, len) != 0)
			return;
	} else {
		for (off = 0; off < len; off += n) {
			if (len - off < 2 || (n = opts[off + 1]) < 2 || n > len - off)
				return;
			f->refused(f, code, opts + off);
		}
	}
	switch (f->state) {
	case REQ_SENT:
	case ACK_SENT:
		init_restart(f, MAX_CONFIGURE);
		if (code != CONF_ACK)
			send_request(f);
		else
			enter(f, f->state == ACK_SENT ? OPENED : ACK_RCVD);
		break;
	default:
		enter(f, REQ_SENT);
		init_restart(f, MAX_CONFIGURE);
		send_request(f);
	}
}

static void term_request(struct fsm *f, u8 id)
{
	send_frame(f->ppp, f->proto, TERM_ACK, id, "", 0);
	if (f->state == OPENED) {
		init_restart(f, 0);
		enter(f, STOPPING);
		timer_set(&f->timer, RESTART_MS);
	} else if (f->state == ACK_RCVD || f->state == ACK_SENT) {
		enter(f, REQ_SENT);
	}
}

static void term_ack(struct fsm *f)
{
	switch (f->state) {
	case CLOSING:
		enter(f, CLOSED);
		break;
	case STOPPING:
		enter(f, STOPPED);
		break;
	case ACK_RCVD:
		enter(f, REQ_SENT);
		break;
	case OPENED:
		enter(f, REQ_SENT);
		init_restart(f, MAX_CONFIGURE);
		send_request(f);
		break;
	default:
		break;
	}
}

static void lcp_echo(struct ppp *ppp, u8 id, const u8 *d, u32 len)
{
	u8 reply[MAX_OPTS];

	if (ppp->lcp.state != OPENED || len < 4)
		return;
	/* Our own magic number come back. */
	if (get32(d) && get32(d) == ppp->magic) {
		ppp->loops++;
		return;
	}
	if (len > sizeof(reply))
		len = sizeof(reply);
	memcpy(reply, d, len);
	put32(reply, ppp->magic);
	send_frame(ppp, PROTO_LCP, ECHO_REP, id, reply, len);
}

static void fsm_input(struct fsm *f, struct pkt *p)
{
	const u8 *h = p->data;
	u32 len;

	if (p->len < 4 || (len = get16(h + 2)) < 4 || len > p->len)
		return;
	if (f->state == INITIAL || f->state == STARTING)
		return;
	switch (h[0]) {
	case CONF_REQ:
		conf_request(f, h[1], h + 4, len - 4);
		return;
	case CONF_ACK:
	case CONF_NAK:
	case CONF_REJ:
		conf_answer(f, h[0], h[1], h + 4, len - 4);
		return;
	case TERM_REQ:
		term_request(f, h[1]);
		return;
	case TERM_ACK:
		term_ack(f);
		return;
	case CODE_REJ:
		/* Refusing what no implementation can do without ends it. */
		if (len > 4 && h[4] >= CONF_REQ && h[4] <= CODE_REJ && f->state >= CLOSING)
			enter(f, STOPPED);
		return;
	}
	if (f->proto == PROTO_LCP) {
		switch (h[0]) {
		case PROTO_REJ:
			if (len >= 6 && get16(h + 4) == PROTO_IPCP && f->ppp->ipcp.state >= CLOSING)
				enter(&f->ppp->ipcp, STOPPED);
			return;
		case ECHO_REQ:
			lcp_echo(f->ppp, h[1], h + 4, len - 4);
			return;
		case ECHO_REP:
			if (len >= 8 && get32(h + 4) != f->ppp->magic)
				f->ppp->echo_missed = 0;
			return;
		case DISCARD:
			return;
		}
	}
	send_frame(f->ppp, f->proto, CODE_REJ, ++f->id, h, len > 256 ? 256 : len);
}

/* LCP. */
static u32 lcp_request(struct fsm *f, u8 *d)
{
	if (f->ppp->no_magic)
		return 0;
	d[0] = LCP_MAGIC;
	d[1] = 6;
	put32(d + 2, f->ppp->magic);
	return 6;
}

static int lcp_judge(struct fsm *f, u8 *o)
{
	switch (o[0]) {
	case LCP_MRU:
		if (o[1] != 4)
			return CONF_REJ;
		if (get16(o + 2) < 64) {
			put16(o + 2, 1500);
			return CONF_NAK;
		}
		f->ppp->peer_mru = get16(o + 2);
		return CONF_ACK;
	case LCP_ACCM:
		return o[1] == 6 ? CONF_ACK : CONF_REJ;
	case LCP_MAGIC:
		if (o[1] != 6)
			return CONF_REJ;
		if (get32(o + 2) == 0 || (get32(o + 2) == f->ppp->magic && !f->ppp->no_magic)) {
			f->ppp->loops++;
			put32(o + 2, random32());
			return CONF_NAK;
		}
		f->ppp->peer_magic = get32(o + 2);
		return CONF_ACK;
	default:
		return CONF_REJ;
	}
}

static void lcp_refused(struct fsm *f, int code, const u8 *o)
{
	if (o[0] != LCP_MAGIC)
		return;
	if (code == CONF_REJ) {
		f->ppp->no_magic = 1;
		f->ppp->magic = 0;
	} else {
		f->ppp->magic = random32();
	}
}

static void echo_tick(void *arg)
{
	struct ppp *ppp = arg;
	u8 d[4];

	if (ppp->lcp.state != OPENED || !ppp->ifp->keepalive)
		return;
	if (ppp->echo_missed++ >= ECHO_MISSES) {
		fsm_start(&ppp->lcp);
		return;
	}
	put32(d, ppp->magic);
	send_frame(ppp, PROTO_LCP, ECHO_REQ, ++ppp->echo_id, d, 4);
	timer_set(&ppp->echo_timer, ppp->ifp->keepalive * 1000);
}

static void ipcp_maybe_start(struct ppp *ppp)
{
	if (ppp->lcp.state == OPENED && ppp->ifp->ip) {
		ppp->no_address = 0;
		fsm_start(&ppp->ipcp);
	}
}

static void lcp_up(struct fsm *f)
{
	struct ppp *ppp = f->ppp;

	iface_set_proto(ppp->ifp, 1);
	ppp->echo_missed = 0;
	timer_set(&ppp->echo_timer, ppp->ifp->keepalive * 1000 + 1);
	ipcp_maybe_start(ppp);
}

static void lcp_down(struct fsm *f)
{
	timer_cancel(&f->ppp->echo_timer);
	fsm_lower_down(&f->ppp->ipcp);
	iface_set_proto(f->ppp->ifp, 0);
}

/* IPCP. */
static u32 ipcp_request(struct fsm *f, u8 *d)
{
	if (f->ppp->no_address)
		return 0;
	d[0] = IPCP_ADDRESS;
	d[1] = 6;
	put32(d + 2, f->ppp->ifp->ip);
	return 6;
}

static int ipcp_judge(struct fsm *f, u8 *o)
{
	if (o[0] != IPCP_ADDRESS || o[1] != 6 || get32(o + 2) == 0)
		return CONF_REJ;
	f->ppp->peer_ip = get32(o + 2);
	return CONF_ACK;
}

/* The address is configured: another one offered is not taken, and a peer
 * that insists gets a request without it. */
static void ipcp_refused(struct fsm *f, int code, const u8 *o)
{
	if (o[0] == IPCP_ADDRESS && (code == CONF_REJ || ++f->failures >= MAX_FAILURE))
		f->ppp->no_address = 1;
}

static void ipcp_up(struct fsm *f UNUSED)
{
	route_rebuild();
}

static void ipcp_down(struct fsm *f)
{
	f->ppp->peer_ip = 0;
	route_rebuild();
}

static struct ppp *ppp_of(struct iface *ifp)
{
	struct ppp *ppp = ifp->ppp;

	if (ppp)
		return ppp;
	ppp = ifp->ppp = boot_alloc(sizeof(*ppp), 8);
	memset(ppp, 0, sizeof(*ppp));
	ppp->ifp = ifp;
	ppp->lcp = (struct fsm){ .ppp = ppp, .proto = PROTO_LCP, .request = lcp_request, .judge = lcp_judge,
				 .refused = lcp_refused, .up = lcp_up, .down = lcp_down };
	ppp->ipcp = (struct fsm){ .ppp = ppp, .proto = PROTO_IPCP, .request = ipcp_request, .judge = ipcp_judge,
				  .refused = ipcp_refused, .up = ipcp_up, .down = ipcp_down };
	ppp->lcp.timer.fn = ppp->ipcp.timer.fn = fsm_timeout;
	ppp->lcp.timer.arg = &ppp->lcp;
	ppp->ipcp.timer.arg = &ppp->ipcp;
	ppp->echo_timer.fn = echo_tick;
	ppp->echo_timer.arg = ppp;
	return ppp;
}

void ppp_start(struct iface *ifp)
{
	struct ppp *ppp = ppp_of(ifp);

	random_seed(time_ms() + cards[0].eeprom[0] + ifp->unit);
	ppp->magic = random32();
	ppp->no_magic = ppp->no_address = 0;
	ppp->peer_ip = 0;
	ppp->peer_mru = 1500;
	ppp->lcp.state = STARTING;
	ppp->ipcp.state = STARTING;
	fsm_start(&ppp->lcp);
}

void ppp_stop(struct iface *ifp)
{
	struct ppp *ppp = ppp_of(ifp);

	/* The peer learns of it now and not from its missing echoes. */
	if (ppp->lcp.state >= REQ_SENT)
		send_frame(ppp, PROTO_LCP, TERM_REQ, ++ppp->lcp.id, "", 0);
	fsm_lower_down(&ppp->lcp);
	fsm_lower_down(&ppp->ipcp);
}

void ppp_ip_changed(struct iface *ifp)
{
	struct ppp *ppp = ifp->ppp;

	if (!ppp || ppp->lcp.state != OPENED)
		return;
	if (ifp->ip)
		ipcp_maybe_start(ppp);
	else
		fsm_lower_down(&ppp->ipcp);
}

void ppp_input(struct iface *ifp, struct pkt *p)
{
	struct ppp *ppp = ppp_of(ifp);
	u16 proto;

	if (p->len >= 2 && p->data[0] == 0xff && p->data[1] == 0x03)
		pkt_pull(p, 2);
	if (p->len < 2)
		goto drop;
	if (p->data[0] & 1) {
		proto = p->data[0];
		pkt_pull(p, 1);
	} else {
		proto = get16(p->data);
		pkt_pull(p, 2);
	}
	if (proto == PROTO_LCP) {
		fsm_input(&ppp->lcp, p);
		goto drop;
	}
	if (ppp->lcp.state != OPENED)
		goto drop;
	if (proto == PROTO_IP) {
		if (ppp->ipcp.state == OPENED) {
			ip_input(ifp, p);
			return;
		}
	} else if (proto == PROTO_IPCP && ifp->ip) {
		fsm_input(&ppp->ipcp, p);
	} else {
		u8 rej[2 + 256];
		u32 n = p->len > 256 ? 256 : p->len;

		ifp->c.unknown_proto++;
		put16(rej, proto);
		memcpy(rej + 2, p->data, n);
		send_frame(ppp, PROTO_LCP, PROTO_REJ, ++ppp->lcp.id, rej, n + 2);
	}
drop:
	pkt_free(p);
}

void ppp_output_ip(struct iface *ifp, struct pkt *p)
{
	u8 *h;

	if (!ppp_ip_open(ifp)) {
		ifp->c.encap_failed++;
		ip_stats.encap_failed++;
		pkt_free(p);
		return;
	}
	h = pkt_push(p, 4);
	h[0] = 0xff;
	h[1] = 0x03;
	put16(h + 2, PROTO_IP);
	link_send_raw(ifp, p);
}

u32 ppp_peer(const struct iface *ifp)
{
	return ifp->ppp ? ifp->ppp->peer_ip : 0;
}

int ppp_ip_open(const struct iface *ifp)
{
	return ifp->ppp && ifp->ppp->ipcp.state == OPENED;
}

void ppp_show(struct iface *ifp)
{
	struct ppp *ppp = ppp_of(ifp);

	cprintf("  LCP %s\n", state_names[ppp->lcp.state]);
	if (ppp->ipcp.state == OPENED)
		cprintf("  Open: IPCP\n");
	else if (ppp->lcp.state == OPENED && ifp->ip)
		cprintf("  Listen: IPCP (%s)\n", state_names[ppp->ipcp.state]);
}
