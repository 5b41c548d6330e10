#include "net.h"
#include "lib.h"
#include "term.h"

/* Ethernet framing and ARP (RFC 894, RFC 826). */
#define ETH_HDR 14u
#define ETH_IP 0x0800
#define ETH_ARP 0x0806
#define ARP_LEN 28u
#define ARP_REQUEST 1
#define ARP_REPLY 2

#define ENTRIES 512u
#define TIMEOUT_S (4 * 3600u)   /* as the command reference of such routers has it */
#define RETRIES 3
#define MAX_HELD 8

enum { ARP_FREE, ARP_INCOMPLETE, ARP_COMPLETE, ARP_STATIC };

static struct entry {
	u8 state, mac[6], tries;
	u32 ip;
	struct iface *ifp;
	u32 updated;              /* uptime seconds */
	u32 asked_ms;
	u8 nheld;
	struct pkt *held, **held_tail;
} table[ENTRIES];

static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static struct timer arp_timer;

void ether_send(struct iface *ifp, const u8 *dst, u16 type, struct pkt *p)
{
	u8 *h = pkt_push(p, ETH_HDR);

	memcpy(h, dst, 6);
	memcpy(h + 6, ifp->mac, 6);
	put16(h + 12, type);
	if (ifp->encap == ENCAP_ATM)
		atm_send_frame(ifp, p);
	else
		link_send_raw(ifp, p);
}

/* Whether addresses on the interface are found by ARP. */
static int uses_arp(const struct iface *ifp)
{
	return ifp->encap == ENCAP_ARPA || atm_bridged(ifp);
}

void ether_input(struct iface *ifp, struct pkt *p)
{
	const u8 *h = p->data;
	u16 type;

	if (p->len < ETH_HDR) {
		ifp->c.runts++;
		pkt_free(p);
		return;
	}
	type = get16(h + 12);
	if (h[0] & 1) {
		ifp->c.in_broadcasts++;
		if (memcmp(h, broadcast, 6) == 0)
			p->link_broadcast = 1;
		else
			p->multicast = 1;
	} else if (memcmp(h, ifp->mac, 6) != 0) {
		pkt_free(p);
		return;
	}
	pkt_pull(p, ETH_HDR);
	if (type == ETH_IP) {
		ip_input(ifp, p);
		return;
	}
	if (type == ETH_ARP)
		arp_input(ifp, p);
	else
		ifp->c.unknown_proto++;
	pkt_free(p);
}

static struct entry *find(u32 ip, const struct iface *ifp)
{
	struct entry *e;

	for (e = table; e < table + ENTRIES; e++)
		if (e->state != ARP_FREE && e->ip == ip && (e->ifp == ifp || e->state == ARP_STATIC))
			return e;
	return NULL;
}

static void drop_held(struct entry *e)
{
	while (e->held) {
		struct pkt *p = e->held;

		e->held = p->next;
		pkt_free(p);
		ip_stats.encap_failed++;
		if (e->ifp)
			e->ifp->c.encap_failed++;
	}
	e->nheld = 0;
}

static struct entry *add(u32 ip, struct iface *ifp)
{
	struct entry *e, *oldest = NULL;

	for (e = table; e < table + ENTRIES; e++) {
		if (e->state == ARP_FREE)
			break;
		if (e->state != ARP_STATIC && (!oldest || e->updated < oldest->updated))
			oldest = e;
	}
	if (e == table + ENTRIES) {
		if (!oldest)
			return NULL;
		e = oldest;
		drop_held(e);
	}
	memset(e, 0, sizeof(*e));
	e->ip = ip;
	e->ifp = ifp;
	e->state = ARP_INCOMPLETE;
	e->updated = uptime_seconds;
	e->held_tail = &e->held;
	return e;
}

static void send_arp(struct iface *ifp, u16 op, const u8 *dst, const u8 *tha, u32 spa, u32 tpa)
{
	struct pkt *p = pkt_alloc(ARP_LEN);
	u8 *a;

	if (!p)
		return;
	a = p->data;
	put16(a, 1);
	put16(a + 2, ETH_IP);
	a[4] = 6;
	a[5] = 4;
	put16(a + 6, op);
	memcpy(a + 8, ifp->mac, 6);
	put32(a + 14, spa);
	memcpy(a + 18, tha, 6);
	put32(a + 24, tpa);
	ether_send(ifp, dst, ETH_ARP, p);
}

static void ask(struct entry *e)
{
	static const u8 none[6];

	e->asked_ms = time_ms();
	e->tries++;
	send_arp(e->ifp, ARP_REQUEST, broadcast, none, e->ifp->ip, e->ip);
	if (!arp_timer.armed)
		timer_set(&arp_timer, 1000);
}

static void complete(struct entry *e, const u8 *mac)
{
	struct pkt *p = e->held;

	memcpy(e->mac, mac, 6);
	if (e->state != ARP_STATIC)
		e->state = ARP_COMPLETE;
	e->updated = uptime_seconds;
	e->held = NULL;
	e->held_tail = &e->held;
	e->nheld = 0;
	while (p) {
		struct pkt *next = p->next;

		p->next = NULL;
		ether_send(e->ifp, e->mac, ETH_IP, p);
		p = next;
	}
}

void arp_announce(struct iface *ifp)
{
	if (uses_arp(ifp) && ifp->ip)
		send_arp(ifp, ARP_REPLY, broadcast, broadcast, ifp->ip, ifp->ip);
}

void arp_input(struct iface *ifp, struct pkt *p)
{
	const u8 *a = p->data;
	u32 spa, tpa;
	struct entry *e;
	int for_us;

	if (p->len < ARP_LEN || get16(a) != 1 || get16(a + 2) != ETH_IP || a[4] != 6 || a[5] != 4)
		return;
	spa = get32(a + 14);
	tpa = get32(a + 24);
	/* A sender that cannot be a station: ignored. */
	if ((a[8] & 1) || !ifp->ip || memcmp(a + 8, ifp->mac, 6) == 0)
		return;
	for_us = tpa == ifp->ip;
	if (spa == ifp->ip) {
		log_msg("%%IP-4-DUPADDR: Duplicate address %s on %s, sourced by %02x%02x.%02x%02x.%02x%02x",
			ip_str(spa), ifp->name, a[8], a[9], a[10], a[11], a[12], a[13]);
		send_arp(ifp, ARP_REPLY, broadcast, broadcast, ifp->ip, ifp->ip);
		return;
	}
	if (spa && (spa & ifp->mask) == (ifp->ip & ifp->mask)) {
		e = find(spa, ifp);
		if (!e && for_us)
			e = add(spa, ifp);
		if (e && e->state != ARP_STATIC)
			complete(e, a + 8);
	}
	if (get16(a + 6) != ARP_REQUEST)
		return;
	if (!for_us) {
		/* Proxy ARP: another network, reached through another interface. */
		u32 nh;
		struct iface *out;

		if (ifp->proxy_arp_off || (tpa & ifp->mask) == (ifp->ip & ifp->mask))
			return;
		out = route_lookup(tpa, &nh, NULL);
		if (!out || out == ifp)
			return;
	}
	send_arp(ifp, ARP_REPLY, a + 8, a + 8, tpa, spa);
}

void arp_output_ip(struct iface *ifp, u32 nexthop, struct pkt *p)
{
	struct entry *e;

	if (nexthop == 0xffffffff || nexthop == (ifp->ip | ~ifp->mask)) {
		ether_send(ifp, broadcast, ETH_IP, p);
		return;
	}
	if (nexthop >> 28 == 14) {
		u8 mac[6] = { 0x01, 0x00, 0x5e, (u8)(nexthop >> 16 & 0x7f), (u8)(nexthop >> 8), (u8)nexthop };

		ether_send(ifp, mac, ETH_IP, p);
		return;
	}
	e = find(nexthop, ifp);
	if (e && e->state >= ARP_COMPLETE) {
		ether_send(ifp, e->mac, ETH_IP, p);
		return;
	}
	if (!e) {
		e = add(nexthop, ifp);
		if (!e) {
			pkt_free(p);
			return;
		}
	}
	if (e->nheld == MAX_HELD) {
		struct pkt *old = e->held;

		e->held = old->next;
		if (!e->held)
			e->held_tail = &e->held;
		e->nheld--;
		pkt_free(old);
		ifp->c.encap_failed++;
		ip_stats.encap_failed++;
	}
	p->next = NULL;
	*e->held_tail = p;
	e->held_tail = &p->next;
	e->nheld++;
	if (!e->tries || time_ms() - e->asked_ms >= 1000)
		ask(e);
}

/* Once a second while anything is unresolved, once a minute otherwise. */
static void age(void *arg UNUSED)
{
	int busy = 0;

	for (struct entry *e = table; e < table + ENTRIES; e++) {
		if (e->state == ARP_INCOMPLETE) {
			if (e->tries >= RETRIES) {
				drop_held(e);
				e->state = ARP_FREE;
				continue;
			}
			if (e->nheld)
				ask(e);
			else
				e->tries++;
			busy = 1;
		} else if (e->state == ARP_COMPLETE && uptime_seconds - e->updated > TIMEOUT_S) {
			e->state = ARP_FREE;
		}
	}
	timer_set(&arp_timer, busy ? 1000 : 60000);
}

void arp_init(void)
{
	arp_timer.fn = age;
	for (struct entry *e = table; e < table + ENTRIES; e++)
		e->held_tail = &e->held;
}

void arp_flush(struct iface *ifp)
{
	for (struct entry *e = table; e < table + ENTRIES; e++)
		if (e->state != ARP_FREE && e->state != ARP_STATIC && (!ifp || e->ifp == ifp)) {
			drop_held(e);
			e->state = ARP_FREE;
		}
}

int arp_static(u32 ip, const u8 *mac, int remove)
{
	struct entry *e;

	for (e = table; e < table + ENTRIES; e++)
		if (e->state != ARP_FREE && e->ip == ip) {
			drop_held(e);
			if (remove && e->state != ARP_STATIC)
				continue;
			e->state = ARP_FREE;
		}
	if (remove)
		return 1;
	e = add(ip, NULL);
	if (!e)
		return 0;
	memcpy(e->mac, mac, 6);
	e->state = ARP_STATIC;
	return 1;
}

void arp_write_config(void)
{
	for (struct entry *e = table; e < table + ENTRIES; e++)
		if (e->state == ARP_STATIC)
			cprintf("arp %s %02x%02x.%02x%02x.%02x%02x ARPA\n", ip_str(e->ip), e->mac[0], e->mac[1],
				e->mac[2], e->mac[3], e->mac[4], e->mac[5]);
}

static void show_line(u32 ip, const char *age_text, const u8 *mac, const char *ifname)
{
	cprintf("Internet  %-15s %9s   ", ip_str(ip), age_text);
	if (mac)
		cprintf("%02x%02x.%02x%02x.%02x%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	else
		cprintf("Incomplete    ");
	cprintf("  ARPA   %s\n", ifname);
}

void arp_show(const struct iface *only)
{
	char text[16];

	cprintf("Protocol  Address          Age (min)  Hardware Addr   Type   Interface\n");
	for (struct iface *i = iface_list; i; i = i->next)
		if (uses_arp(i) && i->ip && i->proto && (!only || only == i))
			show_line(i->ip, "-", i->mac, i->name);
	for (struct entry *e = table; e < table + ENTRIES && !term_quit(); e++) {
		if (e->state == ARP_FREE || (only && e->ifp != only))
			continue;
		snprintf(text, sizeof(text), "%u", (uptime_seconds - e->updated) / 60);
		show_line(e->ip, e->state == ARP_COMPLETE ? text : e->state == ARP_STATIC ? "-" : "0",
			  e->state == ARP_INCOMPLETE ? NULL : e->mac, e->ifp ? e->ifp->name : "");
	}
}
