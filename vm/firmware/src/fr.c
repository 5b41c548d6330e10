#include "net.h"
#include "lib.h"
#include "term.h"

/* Frame Relay: encapsulation (the two-byte type of Cisco, and RFC 2427),
 * inverse ARP (RFC 2390), and the status exchange: ANSI T1.617 Annex D, ITU-T
 * Q.933 Annex A, and the consortium's LMI of 1990. */
#define TYPE_IP 0x0800
#define TYPE_ARP 0x0806
#define NLPID_IP 0xcc
#define NLPID_SNAP 0x80
#define UI 0x03

#define STATUS_ENQUIRY 0x75
#define STATUS 0x7d
#define REPORT_FULL 0
#define REPORT_KEEPALIVE 1
#define PVC_NEW 0x08
#define PVC_DELETED 0x04
#define PVC_ACTIVE 0x02

#define N391 6u        /* polls between full status reports */
#define N392 3u        /* errors … */
#define N393 4u        /* … among this many events */
#define T392_MS 15000u

#define MAX_PVC 128u
#define MAX_MAP 128u
#define DLCI_ANSI 0u
#define DLCI_CISCO 1023u

enum pvc_state { PVC_STATE_DELETED, PVC_STATE_INACTIVE, PVC_STATE_ACTIVE, PVC_STATE_STATIC };
static const char *const pvc_names[] = { "DELETED", "INACTIVE", "ACTIVE", "STATIC" };

struct pvc {
	u16 dlci;                 /* 0: free */
	u8 state, configured, reported;
	u32 in, out, in_bytes, out_bytes, dropped;
	u32 created, changed;
};

struct map {
	u32 ip;                   /* 0: free */
	u16 dlci;
	u8 is_static, broadcast, ietf;
};

struct fr {
	struct iface *ifp;
	u8 lmi_config, lmi, dce, ietf, no_inarp;
	u8 send_seq, recv_seq, waiting, lmi_up;
	u32 polls, events, event_errors, good_run;
	u8 window[N393];
	u32 enq_out, enq_in, status_in, status_out, timeouts, bad;
	struct timer poll, inarp;
	struct pvc pvc[MAX_PVC];
	struct map map[MAX_MAP];
};

static struct fr *fr_of(struct iface *ifp)
{
	struct fr *fr = ifp->fr;

	if (!fr) {
		fr = ifp->fr = boot_alloc(sizeof(*fr), 8);
		memset(fr, 0, sizeof(*fr));
		fr->ifp = ifp;
	}
	return fr;
}

static struct pvc *pvc_find(struct fr *fr, u32 dlci, int create)
{
	struct pvc *free = NULL;

	for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++) {
		if (v->dlci == dlci)
			return v;
		if (!v->dlci && !free)
			free = v;
	}
	if (!create || !free)
		return NULL;
	memset(free, 0, sizeof(*free));
	free->dlci = (u16)dlci;
	free->created = free->changed = uptime_seconds;
	return free;
}

static void put_q922(u8 *d, u32 dlci)
{
	d[0] = (u8)((dlci >> 4 & 0x3f) << 2);
	d[1] = (u8)((dlci & 15) << 4 | 1);
}

static void send_on(struct fr *fr, u32 dlci, struct pkt *p)
{
	put_q922(pkt_push(p, 2), dlci);
	link_send_raw(fr->ifp, p);
}

/* Encapsulates a datagram or an ARP packet for one circuit. */
static void send_data(struct fr *fr, struct pvc *v, u16 type, int ietf, struct pkt *p)
{
	u8 *h;

	v->out++;
	v->out_bytes += p->len;
	if (!ietf) {
		put16(pkt_push(p, 2), type);
	} else if (type == TYPE_IP) {
		h = pkt_push(p, 2);
		h[0] = UI;
		h[1] = NLPID_IP;
	} else {
		h = pkt_push(p, 8);
		memcpy(h, "\x03\x00\x80\x00\x00\x00", 6);
		put16(h + 6, type);
	}
	send_on(fr, v->dlci, p);
}

static int usable(const struct pvc *v)
{
	return v->state == PVC_STATE_ACTIVE || v->state == PVC_STATE_STATIC;
}

/* Inverse ARP. */
#define ARP_HW_FR 15
#define INARP_REQUEST 8
#define INARP_REPLY 9
#define INARP_LEN 20u

static void send_inarp(struct fr *fr, struct pvc *v, u16 op, u32 target)
{
	struct pkt *p = pkt_alloc(INARP_LEN);
	u8 *a;

	if (!p)
		return;
	a = p->data;
	put16(a, ARP_HW_FR);
	put16(a + 2, TYPE_IP);
	a[4] = 2;
	a[5] = 4;
	put16(a + 6, op);
	put_q922(a + 8, v->dlci);
	put32(a + 10, fr->ifp->ip);
	put_q922(a + 14, v->dlci);
	put32(a + 16, target);
	send_data(fr, v, TYPE_ARP, fr->ietf, p);
}

static struct map *map_of_dlci(struct fr *fr, u32 dlci)
{
	for (struct map *m = fr->map; m < fr->map + MAX_MAP; m++)
		if (m->ip && m->dlci == dlci)
			return m;
	return NULL;
}

static struct map *map_of_ip(struct fr *fr, u32 ip, int create)
{
	struct map *free = NULL;

	for (struct map *m = fr->map; m < fr->map + MAX_MAP; m++) {
		if (m->ip == ip)
			return m;
		if (!m->ip && !free)
			free = m;
	}
	if (!create || !free)
		return NULL;
	memset(free, 0, sizeof(*free));
	free->ip = ip;
	return free;
}

static void inarp_run(void *arg)
{
	struct fr *fr = arg;
	int unknown = 0;

	if (!fr->ifp->proto || !fr->ifp->ip || fr->no_inarp)
		return;
	for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++)
		if (v->dlci && usable(v) && !map_of_dlci(fr, v->dlci)) {
			send_inarp(fr, v, INARP_REQUEST, 0);
			unknown = 1;
		}
	if (unknown)
		timer_set(&fr->inarp, 10000);
}

static void inarp_soon(struct fr *fr)
{
	fr->inarp.fn = inarp_run;
	fr->inarp.arg = fr;
	timer_set(&fr->inarp, 100);
}

static void inarp_input(struct fr *fr, struct pvc *v, struct pkt *p)
{
	const u8 *a = p->data;
	u32 sender, op;
	struct map *m;

	if (p->len < INARP_LEN || get16(a) != ARP_HW_FR || get16(a + 2) != TYPE_IP || a[4] != 2 || a[5] != 4)
		return;
	op = get16(a + 6);
	sender = get32(a + 10);
	if (!fr->ifp->ip || !sender || sender == fr->ifp->ip || (op != INARP_REQUEST && op != INARP_REPLY))
		return;
	if (!fr->no_inarp && !(map_of_dlci(fr, v->dlci) && map_of_dlci(fr, v->dlci)->is_static)) {
		m = map_of_ip(fr, sender, 1);
		if (m && !m->is_static) {
			m->dlci = v->dlci;
			m->broadcast = 1;
			m->ietf = fr->ietf;
		}
	}
	if (op == INARP_REQUEST)
		send_inarp(fr, v, INARP_REPLY, sender);
}

static void set_state(struct fr *fr, struct pvc *v, enum pvc_state s)
{
	if (v->state == s)
		return;
	v->state = (u8)s;
	v->changed = uptime_seconds;
	if (s == PVC_STATE_ACTIVE || s == PVC_STATE_STATIC) {
		inarp_soon(fr);
		return;
	}
	for (struct map *m = fr->map; m < fr->map + MAX_MAP; m++)
		if (m->ip && m->dlci == v->dlci && !m->is_static)
			m->ip = 0;
}

/* Status exchange. */
static const struct dialect {
	u8 dlci0, dlci1, discriminator, shift, report, sequence, pvc;
} dialects[] = {
	[FR_LMI_ANSI] = { 0x00, 0x01, 0x08, 0x95, 0x01, 0x03, 0x07 },
	[FR_LMI_Q933A] = { 0x00, 0x01, 0x08, 0, 0x51, 0x53, 0x57 },
	[FR_LMI_CISCO] = { 0xfc, 0xf1, 0x09, 0, 0x01, 0x03, 0x07 },
};

static u8 *lmi_header(const struct dialect *d, u8 *h, u8 message, u8 report, u8 send, u8 recv)
{
	*h++ = d->dlci0;
	*h++ = d->dlci1;
	*h++ = UI;
	*h++ = d->discriminator;
	*h++ = 0;
	*h++ = message;
	if (d->shift)
		*h++ = d->shift;
	*h++ = d->report;
	*h++ = 1;
	*h++ = report;
	*h++ = d->sequence;
	*h++ = 2;
	*h++ = send;
	*h++ = recv;
	return h;
}

static void enquire(struct fr *fr, enum fr_lmi type, u8 report)
{
	struct pkt *p = pkt_alloc(32);

	if (!p)
		return;
	p->len = (u32)(lmi_header(&dialects[type], p->data, STATUS_ENQUIRY, report, fr->send_seq, fr->recv_seq) - p->data);
	fr->enq_out++;
	link_send_raw(fr->ifp, p);
}

static void note_event(struct fr *fr, int error)
{
	u32 errors = 0, i;

	fr->window[fr->events++ % N393] = (u8)error;
	for (i = 0; i < N393; i++)
		errors += fr->window[i];
	if (error)
		fr->event_errors++;
	if (errors >= N392 && fr->lmi_up) {
		fr->lmi_up = 0;
		if (fr->lmi_config == FR_LMI_AUTO)
			fr->lmi = FR_LMI_AUTO;
		for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++)
			if (v->dlci)
				set_state(fr, v, PVC_STATE_DELETED);
		iface_set_proto(fr->ifp, 0);
	}
}

static void lmi_good(struct fr *fr)
{
	if (!fr->lmi_up) {
		memset(fr->window, 0, sizeof(fr->window));
		fr->lmi_up = 1;
		iface_set_proto(fr->ifp, 1);
		inarp_soon(fr);
	}
}

/* One poll a keepalive interval; a network side only watches for silence. */
static void poll(void *arg)
{
	struct fr *fr = arg;
	u8 report = fr->polls % N391 == 0 || !fr->lmi_up ? REPORT_FULL : REPORT_KEEPALIVE;

	if (fr->dce) {
		note_event(fr, 1);
		fr->timeouts++;
		timer_set(&fr->poll, T392_MS);
		return;
	}
	if (fr->waiting) {
		fr->timeouts++;
		note_event(fr, 1);
	}
	fr->polls++;
	if (++fr->send_seq == 0)
		fr->send_seq = 1;
	fr->waiting = 1;
	/* While the type is unknown all three are asked. */
	for (enum fr_lmi t = FR_LMI_ANSI; t <= FR_LMI_CISCO; t++)
		if (fr->lmi == FR_LMI_AUTO || fr->lmi == t)
			enquire(fr, t, report);
	timer_set(&fr->poll, fr->ifp->keepalive * 1000);
}

void fr_start(struct iface *ifp)
{
	struct fr *fr = fr_of(ifp);
	int lmi = ifp->keepalive != 0;

	fr->lmi = fr->lmi_config;
	fr->send_seq = fr->recv_seq = fr->waiting = fr->lmi_up = 0;
	fr->polls = 0;
	memset(fr->window, 0, sizeof(fr->window));
	fr->poll.fn = poll;
	fr->poll.arg = fr;
	for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++) {
		if (v->dlci && !v->configured)
			v->dlci = 0;
		if (v->dlci)
			set_state(fr, v, lmi ? PVC_STATE_DELETED : PVC_STATE_STATIC);
	}
	if (!lmi) {
		iface_set_proto(ifp, 1);
		inarp_soon(fr);
	} else if (fr->dce) {
		timer_set(&fr->poll, T392_MS);
	} else {
		poll(fr);
	}
}

void fr_stop(struct iface *ifp)
{
	struct fr *fr = fr_of(ifp);

	timer_cancel(&fr->poll);
	timer_cancel(&fr->inarp);
	fr->lmi_up = 0;
	for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++)
		if (v->dlci)
			set_state(fr, v, PVC_STATE_DELETED);
}

static void report_pvc(struct fr *fr, u32 dlci, u32 status)
{
	struct pvc *v;

	if (dlci < 16 || dlci > 1007)
		return;
	v = pvc_find(fr, dlci, 1);
	if (!v)
		return;
	v->reported = 1;
	set_state(fr, v, status & PVC_DELETED ? PVC_STATE_DELETED : status & PVC_ACTIVE ? PVC_STATE_ACTIVE : PVC_STATE_INACTIVE);
}

/* The DTE side: a status message. ie points behind the message type. */
static void status_input(struct fr *fr, enum fr_lmi type, const u8 *ie, const u8 *end)
{
	const struct dialect *d = &dialects[type];
	int report = -1, seq = 0;
	u8 send = 0, recv = 0;

	for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++)
		v->reported = 0;
	for (const u8 *p = ie; end - p >= 2 && end - p >= 2 + p[1]; p += 2 + p[1]) {
		if (p[0] == d->report && p[1] == 1) {
			report = p[2];
		} else if (p[0] == d->sequence && p[1] == 2) {
			send = p[2];
			recv = p[3];
			seq = 1;
		}
	}
	if (report < 0 || !seq || recv != fr->send_seq || !fr->waiting) {
		fr->bad++;
		return;
	}
	fr->waiting = 0;
	fr->recv_seq = send;
	fr->status_in++;
	if (fr->lmi == FR_LMI_AUTO)
		fr->lmi = (u8)type;
	note_event(fr, 0);
	lmi_good(fr);
	if (report != REPORT_FULL)
		return;
	for (const u8 *p = ie; end - p >= 2 && end - p >= 2 + p[1]; p += 2 + p[1]) {
		if (p[0] != d->pvc)
			continue;
		if (type == FR_LMI_CISCO && p[1] >= 3)
			report_pvc(fr, get16(p + 2), p[4]);
		else if (type != FR_LMI_CISCO && p[1] >= 3)
			report_pvc(fr, (p[2] & 0x3fu) << 4 | (p[3] >> 3 & 15u), p[4]);
	}
	for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++)
		if (v->dlci && !v->reported) {
			set_state(fr, v, PVC_STATE_DELETED);
			if (!v->configured)
				v->dlci = 0;
		}
}

/* The network side: answers an enquiry with the circuits configured here. */
static void enquiry_input(struct fr *fr, enum fr_lmi type, const u8 *ie, const u8 *end)
{
	const struct dialect *d = &dialects[type];
	int report = -1, seq = 0;
	struct pkt *p;
	u8 *h, was = fr->recv_seq;

	fr->enq_in++;
	if (!fr->dce)
		return;
	for (const u8 *q = ie; end - q >= 2 && end - q >= 2 + q[1]; q += 2 + q[1]) {
		if (q[0] == d->report && q[1] == 1) {
			report = q[2];
		} else if (q[0] == d->sequence && q[1] == 2) {
			fr->recv_seq = q[2];
			seq = 1;
		}
	}
	if (report < 0 || report > 1 || !seq || (fr->lmi != FR_LMI_AUTO && fr->lmi != type)) {
		fr->recv_seq = was;
		fr->bad++;
		return;
	}
	if (fr->lmi == FR_LMI_AUTO)
		fr->lmi = (u8)type;
	if (++fr->send_seq == 0)
		fr->send_seq = 1;
	p = pkt_alloc(1500);
	if (!p)
		return;
	h = lmi_header(d, p->data, STATUS, (u8)report, fr->send_seq, fr->recv_seq);
	for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++) {
		if (!v->dlci || !v->configured)
			continue;
		set_state(fr, v, PVC_STATE_ACTIVE);
		if (report != REPORT_FULL)
			continue;
		*h++ = d->pvc;
		if (type == FR_LMI_CISCO) {
			*h++ = 6;
			put16(h, v->dlci);
			h[2] = PVC_ACTIVE;
			memset(h + 3, 0, 3);
			h += 6;
		} else {
			*h++ = 3;
			*h++ = (u8)(v->dlci >> 4);
			*h++ = (u8)(0x80 | (v->dlci & 15) << 3);
			*h++ = 0x80 | PVC_ACTIVE;
		}
	}
	p->len = (u32)(h - p->data);
	fr->status_out++;
	link_send_raw(fr->ifp, p);
	note_event(fr, 0);
	lmi_good(fr);
	timer_set(&fr->poll, T392_MS);
}

static void lmi_input(struct fr *fr, const struct pkt *p)
{
	const u8 *h = p->data, *end = p->data + p->len;
	enum fr_lmi type;

	if (p->len < 9 || h[2] != UI || h[4] != 0 || !fr->ifp->keepalive) {
		fr->bad++;
		return;
	}
	if (h[0] == 0xfc && h[3] == 0x09)
		type = FR_LMI_CISCO;
	else if (h[3] == 0x08 && h[6] == 0x95)
		type = FR_LMI_ANSI;
	else if (h[3] == 0x08)
		type = FR_LMI_Q933A;
	else {
		fr->bad++;
		return;
	}
	h += type == FR_LMI_ANSI ? 7 : 6;
	if (p->data[5] == STATUS && !fr->dce)
		status_input(fr, type, h, end);
	else if (p->data[5] == STATUS_ENQUIRY)
		enquiry_input(fr, type, h, end);
}

void fr_input(struct iface *ifp, struct pkt *p)
{
	struct fr *fr = fr_of(ifp);
	const u8 *h = p->data;
	u32 dlci, type;
	struct pvc *v;

	/* Two-byte addresses only: extension bits 0, then 1. */
	if (p->len < 4 || (h[0] & 1) || !(h[1] & 1)) {
		ifp->c.unknown_proto++;
		goto drop;
	}
	dlci = (u32)(h[0] >> 2) << 4 | h[1] >> 4;
	if (dlci == DLCI_ANSI || dlci == DLCI_CISCO) {
		lmi_input(fr, p);
		goto drop;
	}
	v = pvc_find(fr, dlci, 0);
	if (!v) {
		ifp->c.unknown_proto++;
		goto drop;
	}
	v->in++;
	v->in_bytes += p->len;
	p->circuit = (u16)dlci;
	if (h[2] != UI) {
		type = get16(h + 2);
		pkt_pull(p, 4);
	} else if (h[3] == NLPID_IP) {
		type = TYPE_IP;
		pkt_pull(p, 4);
	} else if (p->len >= 10 && h[3] == 0 && h[4] == NLPID_SNAP && get16(h + 5) == 0 && h[7] == 0) {
		type = get16(h + 8);
		pkt_pull(p, 10);
	} else if (p->len >= 9 && h[3] == NLPID_SNAP && get16(h + 4) == 0 && h[6] == 0) {
		type = get16(h + 7);
		pkt_pull(p, 9);
	} else {
		type = 0;
	}
	if (type == TYPE_IP && usable(v)) {
		ip_input(ifp, p);
		return;
	}
	if (type == TYPE_ARP)
		inarp_input(fr, v, p);
	else if (type == TYPE_IP)
		v->dropped++;
	else
		ifp->c.unknown_proto++;
drop:
	pkt_free(p);
}

void fr_output_ip(struct iface *ifp, u32 nexthop, struct pkt *p)
{
	struct fr *fr = fr_of(ifp);
	struct map *m;
	struct pvc *v;

	if (nexthop == 0xffffffff || nexthop == (ifp->ip | ~ifp->mask) || nexthop >> 28 == 14) {
		for (m = fr->map; m < fr->map + MAX_MAP; m++) {
			struct pkt *q;

			v = m->ip && m->broadcast ? pvc_find(fr, m->dlci, 0) : NULL;
			if (v && usable(v) && (q = pkt_copy(p)))
				send_data(fr, v, TYPE_IP, m->ietf, q);
		}
		pkt_free(p);
		return;
	}
	m = map_of_ip(fr, nexthop, 0);
	v = m ? pvc_find(fr, m->dlci, 0) : NULL;
	if (!v || !usable(v)) {
		if (v)
			v->dropped++;
		ifp->c.encap_failed++;
		ip_stats.encap_failed++;
		pkt_free(p);
		return;
	}
	send_data(fr, v, TYPE_IP, m->ietf, p);
}

/* Configuration. */
void fr_set_lmi(struct iface *ifp, enum fr_lmi type)
{
	struct fr *fr = fr_of(ifp);

	if (fr->lmi_config == type)
		return;
	fr->lmi_config = (u8)type;
	if (ifp->encap == ENCAP_FR)
		iface_restart_line(ifp);
}

void fr_set_dce(struct iface *ifp, int dce)
{
	struct fr *fr = fr_of(ifp);

	if (fr->dce == dce)
		return;
	fr->dce = (u8)dce;
	if (ifp->encap == ENCAP_FR)
		iface_restart_line(ifp);
}

void fr_set_ietf(struct iface *ifp, int ietf)
{
	fr_of(ifp)->ietf = (u8)ietf;
}

void fr_set_inarp(struct iface *ifp, int on)
{
	fr_of(ifp)->no_inarp = !on;
	if (on)
		inarp_soon(fr_of(ifp));
}

static void configured(struct fr *fr, struct pvc *v)
{
	v->configured++;
	if (!fr->ifp->link)
		return;
	if (!fr->ifp->keepalive)
		set_state(fr, v, PVC_STATE_STATIC);
	else if (fr->dce && fr->lmi_up)
		set_state(fr, v, PVC_STATE_ACTIVE);
}

static void unconfigured(struct fr *fr, struct pvc *v)
{
	if (v->configured && --v->configured == 0 && (!fr->ifp->keepalive || fr->dce || v->state == PVC_STATE_DELETED)) {
		set_state(fr, v, PVC_STATE_DELETED);
		v->dlci = 0;
	}
}

int fr_set_map(struct iface *ifp, u32 ip, u32 dlci, int broadcast, int ietf)
{
	struct fr *fr = fr_of(ifp);
	struct map *m = map_of_ip(fr, ip, 1);
	struct pvc *v = pvc_find(fr, dlci, 1);

	if (!m || !v)
		return 0;
	if (m->is_static)
		fr_del_map(ifp, ip);
	v = pvc_find(fr, dlci, 1);
	m = map_of_ip(fr, ip, 1);
	m->dlci = (u16)dlci;
	m->is_static = 1;
	m->broadcast = (u8)broadcast;
	m->ietf = (u8)ietf;
	configured(fr, v);
	return 1;
}

int fr_del_map(struct iface *ifp, u32 ip)
{
	struct fr *fr = fr_of(ifp);
	struct map *m = map_of_ip(fr, ip, 0);
	struct pvc *v;

	if (!m || !m->is_static)
		return 0;
	m->ip = 0;
	v = pvc_find(fr, m->dlci, 0);
	if (v)
		unconfigured(fr, v);
	return 1;
}

/* The marker that keeps "interface-dlci" apart from maps: bit 7. */
#define BY_INTERFACE 0x80

int fr_set_dlci(struct iface *ifp, u32 dlci, int remove)
{
	struct fr *fr = fr_of(ifp);
	struct pvc *v = pvc_find(fr, dlci, !remove);

	if (!v)
		return 0;
	if (remove) {
		if (!(v->configured & BY_INTERFACE))
			return 0;
		v->configured &= (u8)~BY_INTERFACE;
		v->configured++;
		unconfigured(fr, v);
	} else if (!(v->configured & BY_INTERFACE)) {
		configured(fr, v);
		v->configured--;
		v->configured |= BY_INTERFACE;
	}
	return 1;
}

void fr_write_config(struct iface *ifp)
{
	static const char *const lmi[] = { "", "ansi", "q933a", "cisco" };
	struct fr *fr = ifp->fr;

	cprintf(" encapsulation frame-relay%s\n", fr && fr->ietf ? " IETF" : "");
	if (!fr)
		return;
	if (fr->lmi_config)
		cprintf(" frame-relay lmi-type %s\n", lmi[fr->lmi_config]);
	if (fr->dce)
		cprintf(" frame-relay intf-type dce\n");
	for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC; v++)
		if (v->dlci && (v->configured & BY_INTERFACE))
			cprintf(" frame-relay interface-dlci %u\n", v->dlci);
	for (struct map *m = fr->map; m < fr->map + MAX_MAP; m++)
		if (m->ip && m->is_static)
			cprintf(" frame-relay map ip %s %u%s%s\n", ip_str(m->ip), m->dlci, m->broadcast ? " broadcast" : "",
				m->ietf && !fr->ietf ? " IETF" : "");
	if (fr->no_inarp)
		cprintf(" no frame-relay inverse-arp\n");
}

void fr_clear_inarp(void)
{
	for (struct iface *i = iface_list; i; i = i->next) {
		if (!i->fr)
			continue;
		for (struct map *m = i->fr->map; m < i->fr->map + MAX_MAP; m++)
			if (m->ip && !m->is_static)
				m->ip = 0;
		inarp_soon(i->fr);
	}
}

/* Display. */
static const char *lmi_name(const struct fr *fr)
{
	static const char *const names[] = { "autosense", "ANSI Annex D", "ITU-T Q.933 Annex A", "CISCO" };

	return names[fr->lmi];
}

void fr_show_interface(struct iface *ifp)
{
	struct fr *fr = fr_of(ifp);

	cprintf("  LMI enq sent  %u, LMI stat recvd %u, LMI upd recvd 0, %s LMI %s\n", fr->enq_out, fr->status_in,
		fr->dce ? "DCE" : "DTE", fr->lmi_up ? "up" : "down");
	cprintf("  LMI enq recvd %u, LMI stat sent  %u, LMI upd sent  0\n", fr->enq_in, fr->status_out);
	cprintf("  LMI DLCI %u  LMI type is %s  frame relay %s\n", fr->lmi == FR_LMI_CISCO ? DLCI_CISCO : 0, lmi_name(fr),
		fr->dce ? "DCE" : "DTE");
}

void fr_show_map(void)
{
	for (struct iface *i = iface_list; i; i = i->next) {
		struct fr *fr = i->encap == ENCAP_FR ? i->fr : NULL;

		for (struct map *m = fr ? fr->map : NULL; m && m < fr->map + MAX_MAP; m++) {
			struct pvc *v = m->ip ? pvc_find(fr, m->dlci, 0) : NULL;
			u8 q[2];

			if (!m->ip)
				continue;
			put_q922(q, m->dlci);
			cprintf("%s (%s): ip %s dlci %u(0x%X,0x%X), %s,\n", i->name, i->proto ? "up" : "down", ip_str(m->ip),
				m->dlci, m->dlci, (u32)(q[0] << 8 | (q[1] & 0xf0)), m->is_static ? "static" : "dynamic");
			cprintf("              %s%s, status %s\n", m->broadcast ? "broadcast,\n              " : "",
				m->ietf ? "IETF" : "CISCO", v && usable(v) ? "defined, active" : v && v->state == PVC_STATE_INACTIVE ?
				"defined, inactive" : "deleted");
		}
	}
}

void fr_show_pvc(void)
{
	for (struct iface *i = iface_list; i; i = i->next) {
		struct fr *fr = i->encap == ENCAP_FR ? i->fr : NULL;

		if (!fr)
			continue;
		cprintf("\nPVC Statistics for interface %s (Frame Relay %s)\n", i->name, fr->dce ? "DCE" : "DTE");
		for (struct pvc *v = fr->pvc; v < fr->pvc + MAX_PVC && !term_quit(); v++) {
			u32 a = uptime_seconds - v->created, b = uptime_seconds - v->changed;

			if (!v->dlci)
				continue;
			cprintf("\nDLCI = %u, DLCI USAGE = %s, PVC STATUS = %s, INTERFACE = %s\n\n", v->dlci,
				v->configured ? "LOCAL" : "UNUSED", pvc_names[v->state], i->name);
			cprintf("  input pkts %-12u output pkts %-12u in bytes %u\n", v->in, v->out, v->in_bytes);
			cprintf("  out bytes %-13u dropped pkts %u\n", v->out_bytes, v->dropped);
			cprintf("  pvc create time %02u:%02u:%02u, last time pvc status changed %02u:%02u:%02u\n", a / 3600,
				a / 60 % 60, a % 60, b / 3600, b / 60 % 60, b % 60);
		}
	}
}

void fr_show_lmi(void)
{
	for (struct iface *i = iface_list; i; i = i->next) {
		struct fr *fr = i->encap == ENCAP_FR ? i->fr : NULL;

		if (!fr)
			continue;
		cprintf("\nLMI Statistics for interface %s (Frame Relay %s) LMI TYPE = %s\n", i->name, fr->dce ? "DCE" : "DTE",
			lmi_name(fr));
		cprintf("  Invalid messages %-12u Num Status Enq. Sent %u\n", fr->bad, fr->enq_out);
		cprintf("  Num Status msgs Rcvd %-8u Num Status Enq. Rcvd %u\n", fr->status_in, fr->enq_in);
		cprintf("  Num Status msgs Sent %-8u Num Status Timeouts %u\n", fr->status_out, fr->timeouts);
	}
}
