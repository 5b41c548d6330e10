#include "net.h"
#include "lib.h"
#include "term.h"

/* Interfaces: state, names, and the look at carriers. */
struct iface *iface_list;

#define MAX_LOOPBACKS 64
static struct iface loopbacks[MAX_LOOPBACKS];

static void set_defaults(struct iface *ifp)
{
	ifp->mtu = iface_default_mtu(ifp);
	ifp->keepalive = 10;
	ifp->encap = ifp->kind == IF_ETHERNET ? ENCAP_ARPA : ifp->kind == IF_SERIAL ? ENCAP_HDLC :
		ifp->kind == IF_ATM ? ENCAP_ATM : ENCAP_LOOPBACK;
}

u32 iface_default_mtu(const struct iface *ifp)
{
	return ifp->kind == IF_LOOPBACK ? 1514 : ifp->kind == IF_ATM ? 4470 : 1500;
}

static void set_link(struct iface *ifp, int up);

static void append(struct iface *ifp)
{
	struct iface **p = &iface_list;

	/* Ports come in the order of their numbers, whatever that of PCI or of
	 * their cards' arrival, and before loopbacks. */
	while (*p && !(ifp->port && (!(*p)->port || (*p)->slot > ifp->slot ||
				     ((*p)->slot == ifp->slot && (*p)->unit > ifp->unit))))
		p = &(*p)->next;
	ifp->next = *p;
	*p = ifp;
}

/* Interfaces whose card is not there. */
static struct iface *absent;

static struct iface *take_absent(const char *type, u32 slot, u32 unit)
{
	for (struct iface **p = &absent; *p; p = &(*p)->next) {
		struct iface *i = *p;

		if (i->slot == slot && i->unit == unit && strcmp(i->type, type) == 0) {
			*p = i->next;
			return i;
		}
	}
	return NULL;
}

void iface_detach(struct iface *ifp)
{
	set_link(ifp, 0);
	if (ifp->port->running)
		ifp->port->ops->stop(ifp->port);
	ifp->port = NULL;
	for (struct iface **p = &iface_list; *p; p = &(*p)->next)
		if (*p == ifp) {
			*p = ifp->next;
			break;
		}
	ifp->next = absent;
	absent = ifp;
	route_rebuild();
}

/* The same interface on a card that came back: as it was configured. */
static struct iface *come_back(struct iface *ifp, struct netport *port)
{
	u8 shutdown = ifp->shutdown;

	ifp->port = port;
	port->ifp = ifp;
	append(ifp);
	ifp->shutdown = 1;
	iface_set_shutdown(ifp, shutdown);
	route_rebuild();
	return ifp;
}

struct iface *iface_add(enum if_kind kind, const char *type, u32 speed, u32 slot, u32 unit, struct netport *port)
{
	struct iface *ifp = take_absent(type, slot, unit);

	if (ifp)
		return come_back(ifp, port);
	ifp = boot_alloc(sizeof(*ifp), 8);
	memset(ifp, 0, sizeof(*ifp));
	ifp->kind = kind;
	ifp->type = type;
	ifp->speed = speed;
	ifp->slot = (u8)slot;
	ifp->unit = (u8)unit;
	ifp->port = port;
	ifp->shutdown = 1;
	snprintf(ifp->name, sizeof(ifp->name), "%s%u/%u", type, slot, unit);
	set_defaults(ifp);
	/* Addresses come from the chassis' pool: 28 a slot (adapters
	 * reference, 8). */
	u32 low = (get32(machine.base_mac + 2)) + slot * 0x1c + unit;
	memcpy(ifp->burned_mac, machine.base_mac, 2);
	put32(ifp->burned_mac + 2, low);
	memcpy(ifp->mac, ifp->burned_mac, 6);
	if (port)
		port->ifp = ifp;
	append(ifp);
	return ifp;
}

struct iface *iface_loopback(u32 number, int create)
{
	struct iface *ifp, *empty = NULL;

	for (u32 i = 0; i < MAX_LOOPBACKS; i++) {
		ifp = &loopbacks[i];
		if (ifp->name[0] && ifp->number == number)
			return ifp;
		if (!ifp->name[0] && !empty)
			empty = ifp;
	}
	if (!create || !empty)
		return NULL;
	memset(empty, 0, sizeof(*empty));
	empty->kind = IF_LOOPBACK;
	empty->number = number;
	empty->type = "Loopback";
	empty->speed = 8000000;
	snprintf(empty->name, sizeof(empty->name), "%s%u", empty->type, number);
	set_defaults(empty);
	append(empty);
	empty->link = 1;
	empty->reported = LINE_UP;
	iface_set_proto(empty, 1);
	return empty;
}

void iface_delete(struct iface *ifp)
{
	iface_set_shutdown(ifp, 1);
	for (struct iface **p = &iface_list; *p; p = &(*p)->next)
		if (*p == ifp) {
			*p = ifp->next;
			break;
		}
	memset(ifp, 0, sizeof(*ifp));
	route_rebuild();
}

struct iface *iface_by_ip(u32 ip)
{
	for (struct iface *i = iface_list; i; i = i->next)
		if (i->ip && i->ip == ip)
			return i;
	return NULL;
}

/* Accepts any unambiguous shortening of the type: "s1/0", "Fast 0/0". */
struct iface *iface_by_name(const char *name)
{
	size_t n = 0;
	const char *num;

	while (is_alpha(name[n]))
		n++;
	if (!n)
		return NULL;
	num = name + n;
	while (*num == ' ')
		num++;
	for (struct iface *i = iface_list; i; i = i->next) {
		const char *t = i->type;

		if (strncasecmp(t, name, n) == 0 && strcmp(i->name + strlen(t), num) == 0)
			return i;
	}
	return NULL;
}

const char *iface_short_type(const struct iface *ifp)
{
	return ifp->type;
}

u32 iface_bandwidth(const struct iface *ifp)
{
	if (ifp->bandwidth)
		return ifp->bandwidth;
	return ifp->speed;
}

u32 iface_mtu_ip(const struct iface *ifp)
{
	return ifp->ip_mtu && ifp->ip_mtu < ifp->mtu ? ifp->ip_mtu : ifp->mtu;
}

int iface_ready(const struct iface *ifp)
{
	return ifp->proto && !(ifp->encap == ENCAP_PPP && !ppp_ip_open(ifp));
}

static void line_start(struct iface *ifp)
{
	switch (ifp->encap) {
	case ENCAP_HDLC:
		hdlc_start(ifp);
		break;
	case ENCAP_PPP:
		ppp_start(ifp);
		break;
	case ENCAP_FR:
		fr_start(ifp);
		break;
	case ENCAP_ATM:
		atm_start(ifp);
		break;
	default:
		iface_set_proto(ifp, 1);
		arp_announce(ifp);
	}
}

static void line_stop(struct iface *ifp)
{
	switch (ifp->encap) {
	case ENCAP_HDLC:
		hdlc_stop(ifp);
		break;
	case ENCAP_PPP:
		ppp_stop(ifp);
		break;
	case ENCAP_FR:
		fr_stop(ifp);
		break;
	case ENCAP_ATM:
		atm_stop(ifp);
		break;
	case ENCAP_ARPA:
		arp_flush(ifp);
		break;
	default:
		break;
	}
	iface_set_proto(ifp, 0);
}

/* The time that a line has to come up before it is said to be down. */
#define CARRIER_DELAY_MS 2000u

static void report_line(struct iface *ifp)
{
	enum line_state now = ifp->shutdown ? LINE_ADMIN_DOWN : ifp->link ? LINE_UP : LINE_DOWN;

	if (now == ifp->reported ||
	    (now == LINE_DOWN && ifp->reported == LINE_ADMIN_DOWN && time_ms() - ifp->started_at < CARRIER_DELAY_MS))
		return;
	ifp->reported = now;
	if (now == LINE_ADMIN_DOWN)
		log_msg("%%LINK-5-CHANGED: Interface %s, changed state to administratively down", ifp->name);
	else
		log_msg("%%LINK-3-UPDOWN: Interface %s, changed state to %s", ifp->name, now == LINE_UP ? "up" : "down");
}

static void set_link(struct iface *ifp, int up)
{
	int was = ifp->link;

	ifp->link = (u8)up;
	report_line(ifp);
	if (up == was)
		return;
	if (up) {
		line_start(ifp);
		return;
	}
	ifp->c.transitions++;
	line_stop(ifp);
}

void iface_set_proto(struct iface *ifp, int up)
{
	if (ifp->proto == up)
		return;
	ifp->proto = (u8)up;
	log_msg("%%LINEPROTO-5-UPDOWN: Line protocol on Interface %s, changed state to %s", ifp->name,
		up ? "up" : "down");
	route_rebuild();
}

static void poll_carrier(struct iface *ifp)
{
	if (ifp->kind == IF_LOOPBACK)
		set_link(ifp, !ifp->shutdown);
	else if (ifp->port)
		set_link(ifp, !ifp->shutdown && ifp->port->ops->carrier(ifp->port));
}

/* Long enough for a scan of the rings by an emulator that polls them. */
#define DRAIN_MS 100u

static void drain(struct netport *port)
{
	u32 start = time_ms();

	cards_hold(1);
	while (!port->ops->drained(port) && time_ms() - start < DRAIN_MS)
		sched_wait();
	cards_hold(0);
}

void iface_set_shutdown(struct iface *ifp, int shutdown)
{
	if (ifp->shutdown == shutdown)
		return;
	ifp->shutdown = (u8)shutdown;
	if (shutdown) {
		/* First the link layer, which may want to say goodbye. */
		set_link(ifp, 0);
		if (ifp->port && ifp->port->running) {
			drain(ifp->port);
			ifp->port->ops->stop(ifp->port);
		}
		return;
	}
	ifp->started_at = time_ms();
	if (ifp->port) {
		ifp->port->ops->start(ifp->port);
		if (ifp->clock_rate && ifp->port->ops->set_clock)
			ifp->port->ops->set_clock(ifp->port, ifp->clock_rate);
		ifp->c.resets++;
	}
	poll_carrier(ifp);
}

void iface_set_encap(struct iface *ifp, enum encap e)
{
	if (ifp->encap == e)
		return;
	if (ifp->link)
		line_stop(ifp);
	ifp->encap = e;
	if (ifp->link)
		line_start(ifp);
}

void iface_restart_line(struct iface *ifp)
{
	if (!ifp->link)
		return;
	line_stop(ifp);
	line_start(ifp);
}

void iface_set_ip(struct iface *ifp, u32 ip, u32 mask)
{
	if (ifp->ip == ip && ifp->mask == mask)
		return;
	arp_flush(ifp);
	ifp->ip = ip;
	ifp->mask = mask;
	if (ifp->encap == ENCAP_PPP)
		ppp_ip_changed(ifp);
	if (ifp->encap == ENCAP_ATM)
		atm_ip_changed(ifp);
	if (ifp->proto)
		arp_announce(ifp);
	route_rebuild();
}

void iface_clear_counters(struct iface *ifp)
{
	memset(&ifp->c, 0, sizeof(ifp->c));
	ifp->in_rate.last_bytes = ifp->out_rate.last_bytes = 0;
	ifp->in_rate.last_packets = ifp->out_rate.last_packets = 0;
	ifp->cleared_at = uptime_seconds + 1;
}

/* Exponentially weighted over five minutes, sampled every five seconds. */
static void update_rate(struct if_rate *r, u64 bytes, u32 packets)
{
	u32 bps = (u32)udiv64((bytes - r->last_bytes) * 8, 5, NULL);
	u32 pps = (packets - r->last_packets) / 5;

	r->last_bytes = bytes;
	r->last_packets = packets;
	if (bps > r->bps)
		r->bps += (bps - r->bps) / 60 + (bps - r->bps < 60 ? 1 : 0);
	else
		r->bps -= (r->bps - bps + 59) / 60;
	if (pps > r->pps)
		r->pps += (pps - r->pps + 59) / 60;
	else
		r->pps -= (r->pps - pps + 59) / 60;
}

void iface_poll_carriers(void)
{
	for (struct iface *i = iface_list; i; i = i->next)
		if (!i->shutdown)
			poll_carrier(i);
}

/* Not all chips tell of a carrier that comes or goes. */
#define POLLS 4u              /* a second */
static struct timer poll_timer;

static void poll(void *arg UNUSED)
{
	static u32 n;

	iface_poll_carriers();
	n++;
	for (struct iface *i = iface_list; i; i = i->next) {
		if (n % POLLS == 0 && i->port && i->port->running && i->port->ops->second)
			i->port->ops->second(i->port);
		if (n % (5 * POLLS) == 0) {
			update_rate(&i->in_rate, i->c.in_bytes, i->c.in_packets);
			update_rate(&i->out_rate, i->c.out_bytes, i->c.out_packets);
		}
	}
	timer_set(&poll_timer, 1000 / POLLS);
}

void iface_poll_init(void)
{
	poll_timer.fn = poll;
	timer_set(&poll_timer, 1000 / POLLS);
}

void link_input(struct iface *ifp, struct pkt *p)
{
	p->in = ifp;
	ifp->c.in_packets++;
	ifp->c.in_bytes += p->len;
	ifp->last_in = uptime_seconds + 1;
	if (ifp->shutdown || !ifp->link) {
		ifp->c.in_drops++;
		pkt_free(p);
		return;
	}
	switch (ifp->encap) {
	case ENCAP_ARPA:
		ether_input(ifp, p);
		break;
	case ENCAP_HDLC:
		hdlc_input(ifp, p);
		break;
	case ENCAP_PPP:
		ppp_input(ifp, p);
		break;
	case ENCAP_FR:
		fr_input(ifp, p);
		break;
	case ENCAP_ATM:
		atm_input(ifp, p);
		break;
	default:
		pkt_free(p);
	}
}

/* The shortest frame, without its FCS (IEEE 802.3, 4A.4.2). */
#define MIN_FRAME 60u

void link_send_raw(struct iface *ifp, struct pkt *p)
{
	u32 len;

	if (ifp->kind == IF_ETHERNET && p->len < MIN_FRAME) {
		memset(p->data + p->len, 0, MIN_FRAME - p->len);
		p->len = MIN_FRAME;
	}
	len = p->len;
	if (!ifp->port || !ifp->port->running || !ifp->port->ops->send(ifp->port, p)) {
		ifp->c.out_drops++;
		pkt_free(p);
		return;
	}
	ifp->c.out_packets++;
	ifp->c.out_bytes += len;
	ifp->last_out = uptime_seconds + 1;
}

void link_output_ip(struct iface *ifp, u32 nexthop, struct pkt *p)
{
	if (!ifp->proto) {
		ifp->c.out_drops++;
		pkt_free(p);
		return;
	}
	switch (ifp->encap) {
	case ENCAP_ARPA:
		arp_output_ip(ifp, nexthop, p);
		break;
	case ENCAP_HDLC:
		hdlc_output_ip(ifp, p);
		break;
	case ENCAP_PPP:
		ppp_output_ip(ifp, p);
		break;
	case ENCAP_FR:
		fr_output_ip(ifp, nexthop, p);
		break;
	case ENCAP_ATM:
		atm_output_ip(ifp, nexthop, p);
		break;
	default:
		/* Loopback: nothing but our own address lives there. */
		ifp->c.out_packets++;
		ifp->c.out_bytes += p->len;
		pkt_free(p);
	}
}
