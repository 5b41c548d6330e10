#include "net.h"
#include "lib.h"
#include "term.h"

/* IP over permanent ATM circuits: AAL5 with LLC/SNAP, routed or bridged, and IP
 * alone on a circuit (RFC 2684); inverse ARP (RFC 2225); answers to
 * OAM loopback cells (ITU-T I.610). */
#define TYPE_IP 0x0800
#define TYPE_ARP 0x0806
#define SNAP_LEN 8u           /* LLC, OUI, type */
#define BRIDGED_LEN 10u       /* LLC, OUI, PID, padding */
#define FCS_LEN 4u
#define MAX_MAP 128u
#define MAX_LEARNED 128u
#define INARP_MS 10000u               /* between requests that nobody answers */
#define INARP_REFRESH_S 900u          /* after an answer */

static const u8 llc_routed[6] = { 0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00 };
static const u8 llc_bridged[BRIDGED_LEN] = { 0xaa, 0xaa, 0x03, 0x00, 0x80, 0xc2, 0x00, 0x07, 0x00, 0x00 };
#define PID_ETHER_FCS 0x0001  /* in the place of 0007: with its FCS */

struct atm_vc {
	u8 used, open;
	u8 encap, broadcast, no_inarp;
	u16 vpi, vci;
	char name[17];
	u32 in, out, in_drops, out_drops;
	u64 in_bytes, out_bytes;
	u32 oam_in, oam_out;
	u32 answered;             /* uptime seconds + 1 of the last inverse ARP answer */
};

struct map {
	u32 ip;                   /* 0: free */
	u8 vc, is_static, broadcast;
};

/* A station behind a bridged circuit. */
struct learned {
	u8 mac[6], vc, used;
};

struct atm {
	struct iface *ifp;
	u8 bridged, running;
	u32 next_learned;
	struct timer inarp;
	struct atm_vc vc[ATM_MAX_VC];
	struct map map[MAX_MAP];
	struct learned learned[MAX_LEARNED];
};

static struct atm *atm_of(struct iface *ifp)
{
	struct atm *a = ifp->atm;

	if (!a) {
		a = ifp->atm = boot_alloc(sizeof(*a), 8);
		memset(a, 0, sizeof(*a));
		a->ifp = ifp;
	}
	return a;
}

#define EACH_VC(v, a) (struct atm_vc *v = (a)->vc; v < (a)->vc + ATM_MAX_VC; v++) if (!v->used) { } else
#define EACH_MAP(m, a) (struct map *m = (a)->map; m < (a)->map + MAX_MAP; m++) if (!m->ip) { } else

static u32 number(const struct atm *a, const struct atm_vc *v)
{
	return (u32)(v - a->vc);
}

/* Sends what is encapsulated already. */
static void send_on(struct atm *a, struct atm_vc *v, struct pkt *p)
{
	u32 drops = a->ifp->c.out_drops, len = p->len;

	p->circuit = (u16)number(a, v);
	link_send_raw(a->ifp, p);
	if (a->ifp->c.out_drops != drops) {
		v->out_drops++;
		return;
	}
	v->out++;
	v->out_bytes += len;
}

static void send_routed(struct atm *a, struct atm_vc *v, u16 type, struct pkt *p)
{
	if (v->encap == ATM_SNAP) {
		u8 *h = pkt_push(p, SNAP_LEN);

		memcpy(h, llc_routed, sizeof(llc_routed));
		put16(h + 6, type);
	}
	send_on(a, v, p);
}

static struct map *map_of_ip(struct atm *a, u32 ip, int create)
{
	struct map *free = NULL;

	for (struct map *m = a->map; m < a->map + MAX_MAP; m++) {
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

static int has_static_map(struct atm *a, const struct atm_vc *v)
{
	for EACH_MAP(m, a)
		if (m->is_static && m->vc == number(a, v))
			return 1;
	return 0;
}

static void forget_dynamic(struct atm *a, const struct atm_vc *v)
{
	for EACH_MAP(m, a)
		if (!m->is_static && m->vc == number(a, v))
			m->ip = 0;
}

/* Inverse ARP. Without switched circuits there are no ATM addresses: their
 * lengths are 0, which a peer that has some need not do. */
#define ARP_HW_ATM 19
#define INARP_REQUEST 8
#define INARP_REPLY 9
#define INARP_HEADER 12u

static int asks(struct atm *a, const struct atm_vc *v)
{
	return !v->no_inarp && v->encap == ATM_SNAP && !a->bridged && !has_static_map(a, v);
}

static void send_inarp(struct atm *a, struct atm_vc *v, u32 op, u32 target)
{
	struct pkt *p = pkt_alloc(INARP_HEADER + 8);
	u8 *h;

	if (!p)
		return;
	h = p->data;
	memset(h, 0, p->len);
	put16(h, ARP_HW_ATM);
	put16(h + 2, TYPE_IP);
	put16(h + 6, op);
	h[8] = 4;
	h[11] = 4;
	put32(h + 12, a->ifp->ip);
	put32(h + 16, target);
	send_routed(a, v, TYPE_ARP, p);
}

static void inarp_run(void *arg)
{
	struct atm *a = arg;

	if (!a->ifp->proto || !a->ifp->ip)
		return;
	for EACH_VC(v, a)
		if (v->open && asks(a, v) && (!v->answered || uptime_seconds + 1 - v->answered >= INARP_REFRESH_S))
			send_inarp(a, v, INARP_REQUEST, 0);
	timer_set(&a->inarp, INARP_MS);
}

static void inarp_soon(struct atm *a)
{
	if (!a->running)
		return;
	a->inarp.fn = inarp_run;
	a->inarp.arg = a;
	timer_set(&a->inarp, 100);
}

/* Lengths are 6 bits, below the kind of number. */
#define ADDR_LEN(b) ((b) & 0x3fu)

static void inarp_input(struct atm *a, struct atm_vc *v, const struct pkt *p)
{
	const u8 *h = p->data;
	u32 op, spa, sender;
	struct map *m;

	if (p->len < INARP_HEADER || get16(h) != ARP_HW_ATM || get16(h + 2) != TYPE_IP || h[8] != 4)
		return;
	spa = INARP_HEADER + ADDR_LEN(h[4]) + ADDR_LEN(h[5]);
	op = get16(h + 6);
	if (p->len < spa + 4 || (op != INARP_REQUEST && op != INARP_REPLY))
		return;
	sender = get32(h + spa);
	if (!a->ifp->ip || !sender || sender == a->ifp->ip)
		return;
	if (asks(a, v)) {
		m = map_of_ip(a, sender, 0);
		if (!m || (!m->is_static && m->vc != number(a, v))) {
			forget_dynamic(a, v);
			m = map_of_ip(a, sender, 1);
		}
		if (m && !m->is_static) {
			m->vc = (u8)number(a, v);
			m->broadcast = 1;
			v->answered = uptime_seconds + 1;
		}
	}
	if (op == INARP_REQUEST)
		send_inarp(a, v, INARP_REPLY, sender);
}

/* Bridged circuits: where stations are is learned from what they send. */
static void learn(struct atm *a, u32 vc, const u8 *mac)
{
	struct learned *l;

	if (mac[0] & 1)
		return;
	for (l = a->learned; l < a->learned + MAX_LEARNED; l++)
		if (l->used && memcmp(l->mac, mac, 6) == 0) {
			l->vc = (u8)vc;
			return;
		}
	l = &a->learned[a->next_learned++ % MAX_LEARNED];
	memcpy(l->mac, mac, 6);
	l->vc = (u8)vc;
	l->used = 1;
}

static void send_bridged(struct atm *a, struct atm_vc *v, struct pkt *p)
{
	memcpy(pkt_push(p, BRIDGED_LEN), llc_bridged, BRIDGED_LEN);
	send_on(a, v, p);
}

void atm_send_frame(struct iface *ifp, struct pkt *p)
{
	struct atm *a = atm_of(ifp);
	struct atm_vc *last = NULL;

	if (!(p->data[0] & 1))
		for (struct learned *l = a->learned; l < a->learned + MAX_LEARNED; l++)
			if (l->used && a->vc[l->vc].open && memcmp(l->mac, p->data, 6) == 0) {
				send_bridged(a, &a->vc[l->vc], p);
				return;
			}
	/* To everybody, or to a station that has not been heard of: all circuits. */
	for EACH_VC(v, a)
		if (v->open && v->encap == ATM_SNAP) {
			struct pkt *q = last ? pkt_copy(p) : NULL;

			if (q)
				send_bridged(a, last, q);
			last = v;
		}
	if (last) {
		send_bridged(a, last, p);
		return;
	}
	ifp->c.encap_failed++;
	ip_stats.encap_failed++;
	pkt_free(p);
}

int atm_bridged(const struct iface *ifp)
{
	return ifp->encap == ENCAP_ATM && ifp->atm && ifp->atm->bridged;
}

static void bridged_input(struct atm *a, struct atm_vc *v, struct pkt *p, int fcs)
{
	pkt_pull(p, BRIDGED_LEN);
	if (fcs && p->len >= FCS_LEN)
		p->len -= FCS_LEN;
	if (!a->bridged || p->len < 14) {
		v->in_drops++;
		a->ifp->c.unknown_proto++;
		pkt_free(p);
		return;
	}
	learn(a, number(a, v), p->data + 6);
	ether_input(a->ifp, p);
}

/* A loopback cell that is to be looped goes back with its indication cleared. */
#define OAM_LEN 48u
#define OAM_LOOPBACK 0x18     /* fault management, loopback */
#define OAM_TO_BE_LOOPED 0x01
#define CRC10_POLY 0x633u

/* Over the whole payload, whose last ten bits are taken as 0. */
static u32 crc10(const u8 *d)
{
	u32 crc = 0;

	for (u32 i = 0; i < OAM_LEN; i++) {
		u8 b = i == OAM_LEN - 2 ? d[i] & 0xfc : i == OAM_LEN - 1 ? 0 : d[i];

		for (int bit = 7; bit >= 0; bit--) {
			crc = crc << 1 | (b >> bit & 1);
			if (crc & 0x400)
				crc ^= CRC10_POLY;
		}
	}
	return crc;
}

static void oam_input(struct atm *a, struct atm_vc *v, struct pkt *p)
{
	u8 *h = p->data;

	v->oam_in++;
	if (p->len != OAM_LEN || h[0] != OAM_LOOPBACK || !(h[1] & OAM_TO_BE_LOOPED) ||
	    crc10(h) != (get16(h + OAM_LEN - 2) & 0x3ffu)) {
		pkt_free(p);
		return;
	}
	h[1] &= (u8)~OAM_TO_BE_LOOPED;
	put16(h + OAM_LEN - 2, (get16(h + OAM_LEN - 2) & 0xfc00u) | crc10(h));
	v->oam_out++;
	p->circuit = (u16)number(a, v);
	link_send_raw(a->ifp, p);
}

void atm_input(struct iface *ifp, struct pkt *p)
{
	struct atm *a = atm_of(ifp);
	struct atm_vc *v = &a->vc[p->circuit];
	const u8 *h = p->data;
	u32 type = 0;

	if (p->cell) {
		oam_input(a, v, p);
		return;
	}
	v->in++;
	v->in_bytes += p->len;
	if (v->encap == ATM_MUX_IP) {
		type = TYPE_IP;
	} else if (p->len >= BRIDGED_LEN && memcmp(h, llc_bridged, 6) == 0 &&
		   (get16(h + 6) == get16(llc_bridged + 6) || get16(h + 6) == PID_ETHER_FCS)) {
		bridged_input(a, v, p, get16(h + 6) == PID_ETHER_FCS);
		return;
	} else if (p->len >= SNAP_LEN && memcmp(h, llc_routed, sizeof(llc_routed)) == 0) {
		type = get16(h + 6);
		pkt_pull(p, SNAP_LEN);
	}
	if (type == TYPE_IP && !a->bridged) {
		ip_input(ifp, p);
		return;
	}
	if (type == TYPE_ARP && !a->bridged) {
		inarp_input(a, v, p);
	} else {
		v->in_drops++;
		ifp->c.unknown_proto++;
	}
	pkt_free(p);
}

static int takes_broadcasts(struct atm *a, const struct atm_vc *v)
{
	if (v->broadcast)
		return 1;
	for EACH_MAP(m, a)
		if (m->broadcast && m->vc == number(a, v))
			return 1;
	return 0;
}

void atm_output_ip(struct iface *ifp, u32 nexthop, struct pkt *p)
{
	struct atm *a = atm_of(ifp);
	struct map *m;

	if (a->bridged) {
		arp_output_ip(ifp, nexthop, p);
		return;
	}
	if (nexthop == 0xffffffff || nexthop == (ifp->ip | ~ifp->mask) || nexthop >> 28 == 14) {
		for EACH_VC(v, a) {
			struct pkt *q = v->open && takes_broadcasts(a, v) ? pkt_copy(p) : NULL;

			if (q)
				send_routed(a, v, TYPE_IP, q);
		}
		pkt_free(p);
		return;
	}
	m = map_of_ip(a, nexthop, 0);
	if (!m || !a->vc[m->vc].open) {
		if (m)
			a->vc[m->vc].out_drops++;
		ifp->c.encap_failed++;
		ip_stats.encap_failed++;
		pkt_free(p);
		return;
	}
	send_routed(a, &a->vc[m->vc], TYPE_IP, p);
}

/* State. */
static void open_vc(struct atm *a, struct atm_vc *v)
{
	if (!a->running || v->open)
		return;
	v->open = (u8)a->ifp->port->ops->vc_open(a->ifp->port, number(a, v), v->vpi, v->vci);
	if (!v->open)
		log_msg("%%ATM-3-FAILCREATEVC: %s: no room for VC %u/%u", a->ifp->name, v->vpi, v->vci);
	v->answered = 0;
	inarp_soon(a);
}

void atm_start(struct iface *ifp)
{
	struct atm *a = atm_of(ifp);

	a->running = 1;
	for EACH_VC(v, a)
		open_vc(a, v);
	iface_set_proto(ifp, 1);
	if (a->bridged)
		arp_announce(ifp);
	else
		inarp_soon(a);
}

/* The driver closes its circuits when the port stops, after what is queued. */
void atm_stop(struct iface *ifp)
{
	struct atm *a = atm_of(ifp);

	a->running = 0;
	timer_cancel(&a->inarp);
	for EACH_VC(v, a) {
		v->open = 0;
		forget_dynamic(a, v);
	}
	memset(a->learned, 0, sizeof(a->learned));
	arp_flush(ifp);
}

void atm_set_bridged(struct iface *ifp, int on)
{
	struct atm *a = atm_of(ifp);

	if (a->bridged == on)
		return;
	arp_flush(ifp);
	a->bridged = (u8)on;
	if (!ifp->proto)
		return;
	if (on)
		arp_announce(ifp);
	else
		inarp_soon(a);
}

/* Peers are asked, and told, again. */
void atm_ip_changed(struct iface *ifp)
{
	struct atm *a = atm_of(ifp);

	for EACH_VC(v, a) {
		forget_dynamic(a, v);
		v->answered = 0;
	}
	inarp_soon(a);
}

/* Configuration. */
struct atm_vc *atm_vc_get(struct iface *ifp, u32 vpi, u32 vci, int create)
{
	struct atm *a = atm_of(ifp);
	struct atm_vc *free = NULL;

	for (struct atm_vc *v = a->vc; v < a->vc + ATM_MAX_VC; v++) {
		if (v->used && v->vpi == vpi && v->vci == vci)
			return v;
		if (!v->used && !free)
			free = v;
	}
	if (!create || !free)
		return NULL;
	memset(free, 0, sizeof(*free));
	free->used = 1;
	free->vpi = (u16)vpi;
	free->vci = (u16)vci;
	open_vc(a, free);
	return free;
}

void atm_vc_remove(struct iface *ifp, struct atm_vc *v)
{
	struct atm *a = atm_of(ifp);

	if (v->open && ifp->port)
		ifp->port->ops->vc_close(ifp->port, number(a, v));
	for EACH_MAP(m, a)
		if (m->vc == number(a, v))
			m->ip = 0;
	for (struct learned *l = a->learned; l < a->learned + MAX_LEARNED; l++)
		if (l->used && l->vc == number(a, v))
			l->used = 0;
	v->used = v->open = 0;
}

void atm_vc_set_name(struct atm_vc *v, const char *name)
{
	strlcpy(v->name, name, sizeof(v->name));
}

void atm_vc_set_encap(struct iface *ifp, struct atm_vc *v, enum atm_encap e)
{
	struct atm *a = atm_of(ifp);

	if (v->encap == e)
		return;
	v->encap = (u8)e;
	v->answered = 0;
	forget_dynamic(a, v);
	inarp_soon(a);
}

void atm_vc_set_broadcast(struct atm_vc *v, int on)
{
	v->broadcast = (u8)on;
}

void atm_vc_set_inarp(struct iface *ifp, struct atm_vc *v, int on)
{
	struct atm *a = atm_of(ifp);

	v->no_inarp = !on;
	v->answered = 0;
	if (on)
		inarp_soon(a);
	else
		forget_dynamic(a, v);
}

int atm_vc_set_map(struct iface *ifp, struct atm_vc *v, u32 ip, int broadcast)
{
	struct atm *a = atm_of(ifp);
	struct map *m;

	forget_dynamic(a, v);
	m = map_of_ip(a, ip, 1);
	if (!m)
		return 0;
	m->vc = (u8)number(a, v);
	m->is_static = 1;
	m->broadcast = (u8)broadcast;
	return 1;
}

int atm_vc_del_map(struct iface *ifp, struct atm_vc *v, u32 ip)
{
	struct atm *a = atm_of(ifp);
	struct map *m = map_of_ip(a, ip, 0);

	if (!m || !m->is_static || m->vc != number(a, v))
		return 0;
	m->ip = 0;
	v->answered = 0;
	inarp_soon(a);
	return 1;
}

void atm_write_config(struct iface *ifp, void (*fn)(const struct atm_vc *))
{
	struct atm *a = atm_of(ifp);

	if (a->bridged)
		cprintf(" atm route-bridged ip\n");
	for EACH_VC(v, a) {
		cprintf(" pvc %s%s%u/%u \n", v->name, v->name[0] ? " " : "", v->vpi, v->vci);
		for EACH_MAP(m, a)
			if (m->is_static && m->vc == number(a, v))
				cprintf("  protocol ip %s%s\n", ip_str(m->ip), m->broadcast ? " broadcast" : "");
		if (v->no_inarp)
			cprintf("  no protocol ip inarp\n");
		if (v->broadcast)
			cprintf("  broadcast\n");
		if (v->encap == ATM_MUX_IP)
			cprintf("  encapsulation aal5mux ip\n");
		fn(v);
		cprintf(" !\n");
	}
}

void atm_clear_inarp(void)
{
	for (struct iface *i = iface_list; i; i = i->next)
		if (i->atm)
			atm_ip_changed(i);
}

/* Display. */
static const char *encap_name(const struct atm_vc *v)
{
	return v->encap == ATM_MUX_IP ? "MUX" : "SNAP";
}

static const char *vc_status(const struct atm *a, const struct atm_vc *v)
{
	return v->open && a->ifp->proto ? "UP" : "INAC";
}

void atm_show_interface(struct iface *ifp)
{
	struct atm *a = atm_of(ifp);
	u32 n = 0;

	for EACH_VC(v, a)
		n++;
	cprintf("  Keepalive not supported\n  Encapsulation(s): AAL5%s\n", a->bridged ? ", route-bridged" : "");
	cprintf("  %u maximum active VCs, %u current VCCs\n", ATM_MAX_VC, n);
}

static void show_details(const struct atm *a, const struct atm_vc *v)
{
	cprintf("%s: VCD: %u, VPI: %u, VCI: %u%s%s\n", a->ifp->name, number(a, v) + 1, v->vpi, v->vci,
		v->name[0] ? ", Connection Name: " : "", v->name);
	cprintf("UBR, PeakRate: %u\n%s%s\n", a->ifp->speed, v->encap == ATM_MUX_IP ? "AAL5-MUX IP" : "AAL5-LLC/SNAP",
		a->bridged ? ", route-bridged" : "");
	cprintf("InARP %s\n", asks((struct atm *)a, v) ? "frequency: 15 minutes(s)" : "DISABLED");
	cprintf("InPkts: %u, OutPkts: %u, InBytes: %llu, OutBytes: %llu\n", v->in, v->out, v->in_bytes, v->out_bytes);
	cprintf("InPktDrops: %u, OutPktDrops: %u\n", v->in_drops, v->out_drops);
	cprintf("OAM cells received: %u\nOAM cells sent: %u\n", v->oam_in, v->oam_out);
	cprintf("Status: %s\n\n", vc_status(a, v));
}

void atm_show_pvc(int one, u32 vpi, u32 vci)
{
	int found = 0;

	if (!one) {
		cprintf("           VCD /                                        Peak  Avg/Min Burst\n");
		cprintf("Interface  Name         VPI   VCI  Type   Encaps   SC   Kbps   Kbps   Cells  Sts\n");
	}
	for (struct iface *i = iface_list; i; i = i->next) {
		if (!i->atm)
			continue;
		for EACH_VC(v, i->atm) {
			char vcd[12];

			if (one) {
				if (v->vpi == vpi && v->vci == vci) {
					show_details(i->atm, v);
					found = 1;
				}
				continue;
			}
			snprintf(vcd, sizeof(vcd), "%u", number(i->atm, v) + 1);
			cprintf("%-10s %-12s %3u %5u  PVC    %-7s  UBR  %6u               %s\n", i->name + strlen(i->type),
				v->name[0] ? v->name : vcd, v->vpi, v->vci, encap_name(v), i->speed, vc_status(i->atm, v));
		}
	}
	if (one && !found)
		cprintf("%% There is no PVC %u/%u\n", vpi, vci);
}

void atm_show_map(void)
{
	for (struct iface *i = iface_list; i; i = i->next) {
		if (!i->atm)
			continue;
		for (int is_static = 1; is_static >= 0; is_static--) {
			int title = 0;

			for EACH_MAP(m, i->atm) {
				const struct atm_vc *v = &i->atm->vc[m->vc];

				if (m->is_static != is_static)
					continue;
				if (!title++)
					cprintf("Map list %s_ATM_%s : %s\n", i->name, is_static ? "PVC" : "INARP", is_static ? "PERMANENT" : "DYNAMIC");
				cprintf("ip %s maps to VC %u, VPI %u, VCI %u, %s\n", ip_str(m->ip), m->vc + 1u, v->vpi, v->vci, i->name);
				if (m->broadcast)
					cprintf("        , broadcast\n");
			}
			if (title)
				cprintf("\n");
		}
	}
}
