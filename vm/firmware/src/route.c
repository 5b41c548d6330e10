#include "net.h"
#include "lib.h"
#include "term.h"

/* The routing table: connected networks of interfaces that carry IP, and the
 * static routes whose next hop is reachable. */
static struct static_route statics[MAX_ROUTES / 2];
static u32 nstatics;
static struct route routes[MAX_ROUTES];
static u32 nroutes;

const char *ip_str(u32 ip)
{
	static char text[8][16];
	static u32 n;
	char *t = text[n++ % 8];

	snprintf(t, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
	return t;
}

int ip_parse(const char *s, u32 *ip)
{
	u32 v = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 n = 0, digits = 0;

		while (is_digit(*s) && digits < 4) {
			n = n * 10 + (u32)(*s++ - '0');
			digits++;
		}
		if (!digits || digits > 3 || n > 255)
			return 0;
		v = v << 8 | n;
		if (i < 3 && *s++ != '.')
			return 0;
	}
	*ip = v;
	return *s == 0;
}

int mask_len(u32 mask)
{
	int n = 0;

	while (mask & 0x80000000) {
		n++;
		mask <<= 1;
	}
	return mask ? -1 : n;
}

u32 len_mask(u32 len)
{
	return len ? 0xffffffffu << (32 - len) : 0;
}

static void add_route(const struct route *r)
{
	if (nroutes < MAX_ROUTES)
		routes[nroutes++] = *r;
}

static const struct route *longest(u32 dst, u32 limit)
{
	const struct route *best = NULL;

	for (u32 i = 0; i < limit; i++) {
		const struct route *r = &routes[i];

		if (((dst ^ r->prefix) & len_mask(r->len)) == 0 && (!best || r->len > best->len))
			best = r;
	}
	return best;
}

static int resolves(u32 nexthop, const struct static_route *self)
{
	const struct route *r = longest(nexthop, nroutes);

	/* Through itself it does not count. */
	return r && !(r->code == 'S' && r->prefix == self->prefix && r->len == (u8)mask_len(self->mask));
}

static int usable(const struct static_route *s, struct iface **ifp)
{
	*ifp = NULL;
	if (s->ifname[0]) {
		if (strcmp(s->ifname, "Null0") == 0)
			return 1;
		*ifp = iface_by_name(s->ifname);
		return *ifp && iface_ready(*ifp);
	}
	return resolves(s->nexthop, s);
}

/* Another static route to the same network that is better and in use. */
static int beaten(const struct static_route *s, const u8 *active)
{
	for (u32 i = 0; i < nstatics; i++)
		if (active[i] && &statics[i] != s && statics[i].prefix == s->prefix && statics[i].mask == s->mask &&
		    statics[i].distance < s->distance)
			return 1;
	return 0;
}

static int connected(u32 prefix, u8 len)
{
	for (u32 i = 0; i < nroutes; i++)
		if (routes[i].code == 'C' && routes[i].prefix == prefix && routes[i].len == len)
			return 1;
	return 0;
}

void route_rebuild(void)
{
	static u8 active[MAX_ROUTES / 2];
	int changed = 1;

	nroutes = 0;
	for (struct iface *i = iface_list; i; i = i->next) {
		u32 peer;

		if (!iface_ready(i))
			continue;
		if (i->ip) {
			struct route r = { .prefix = i->ip & i->mask, .len = (u8)mask_len(i->mask), .code = 'C', .ifp = i };

			if (!connected(r.prefix, r.len))
				add_route(&r);
		}
		peer = i->encap == ENCAP_PPP ? ppp_peer(i) : 0;
		if (peer && !(i->ip && i->mask == 0xffffffff && peer == i->ip)) {
			struct route r = { .prefix = peer, .len = 32, .code = 'C', .host_peer = 1, .ifp = i };

			if (!connected(r.prefix, r.len))
				add_route(&r);
		}
	}
	/* Until nothing changes: a static route may be reached through another. */
	memset(active, 0, sizeof(active));
	while (changed) {
		changed = 0;
		for (u32 distance = 1; distance < 255; distance++) {
			for (u32 i = 0; i < nstatics; i++) {
				struct static_route *s = &statics[i];
				struct route r;
				struct iface *ifp;

				if (active[i] || s->distance != distance || beaten(s, active) || !usable(s, &ifp) ||
				    connected(s->prefix, (u8)mask_len(s->mask)))
					continue;
				memset(&r, 0, sizeof(r));
				r.prefix = s->prefix;
				r.len = (u8)mask_len(s->mask);
				r.distance = s->distance;
				r.code = 'S';
				r.nexthop = s->nexthop;
				r.ifp = ifp;
				add_route(&r);
				active[i] = 1;
				changed = 1;
			}
		}
	}
}

/* Follows recursive next hops. Among equal routes the destination picks. */
struct iface *route_lookup(u32 dst, u32 *nexthop, const struct route **rt)
{
	u32 target = dst;

	for (u32 depth = 0; depth < 8; depth++) {
		const struct route *r = longest(target, nroutes);
		const struct route *same[8];
		u32 n = 0;

		if (!r)
			return NULL;
		for (const struct route *q = routes; q < routes + nroutes && n < 8; q++)
			if (q->prefix == r->prefix && q->len == r->len)
				same[n++] = q;
		r = same[(dst ^ dst >> 8 ^ dst >> 16 ^ dst >> 24) % n];
		if (rt && depth == 0)
			*rt = r;
		if (r->code == 'C' || r->ifp) {
			*nexthop = r->code == 'S' && r->nexthop ? r->nexthop : target;
			return r->ifp;
		}
		if (!r->nexthop)
			return NULL;      /* Null0 */
		target = r->nexthop;
	}
	return NULL;
}

int route_static(const struct static_route *s, int remove)
{
	u32 i;
	int found = 0;

	for (i = 0; i < nstatics; i++) {
		struct static_route *o = &statics[i];

		if (o->prefix != s->prefix || o->mask != s->mask)
			continue;
		/* "no ip route P M" alone takes every route to that network. */
		if (!(remove && !s->nexthop && !s->ifname[0]) &&
		    (o->nexthop != s->nexthop || strcmp(o->ifname, s->ifname) != 0))
			continue;
		found = 1;
		if (!remove) {
			o->distance = s->distance;
			break;
		}
		memmove(o, o + 1, (nstatics - i - 1) * sizeof(*o));
		nstatics--;
		i--;
	}
	if (!found && !remove) {
		if (nstatics == ARRAY_LEN(statics))
			return 0;
		statics[nstatics++] = *s;
	}
	route_rebuild();
	return remove ? found : 1;
}

void route_write_config(void)
{
	for (u32 i = 0; i < nstatics; i++) {
		struct static_route *s = &statics[i];

		cprintf("ip route %s %s", ip_str(s->prefix), ip_str(s->mask));
		if (s->ifname[0])
			cprintf(" %s", s->ifname);
		if (s->nexthop)
			cprintf(" %s", ip_str(s->nexthop));
		if (s->distance != 1)
			cprintf(" %u", s->distance);
		cputs("\n");
	}
}

static u32 class_len(u32 ip)
{
	return ip >> 31 == 0 ? 8 : ip >> 30 == 2 ? 16 : ip >> 29 == 6 ? 24 : 32;
}

static void show_via(const struct route *r)
{
	if (r->code == 'S' && r->nexthop) {
		cprintf(" [%u/0] via %s", r->distance, ip_str(r->nexthop));
		if (r->ifp)
			cprintf(", %s", r->ifp->name);
	} else {
		cprintf(" is directly connected, %s", r->ifp ? r->ifp->name : "Null0");
	}
	cputs("\n");
}

static void show_one(u32 addr)
{
	const struct route *r = longest(addr, nroutes);

	if (!r) {
		cprintf("%% Network not in table\n");
		return;
	}
	cprintf("Routing entry for %s/%u\n", ip_str(r->prefix), r->len);
	cprintf("  Known via \"%s\", distance %u, metric 0%s\n", r->code == 'C' ? "connected" : "static", r->distance,
		r->code == 'C' ? " (connected, via interface)" : r->len == 0 ? ", candidate default path" : "");
	cprintf("  Routing Descriptor Blocks:\n");
	for (const struct route *q = routes; q < routes + nroutes; q++) {
		if (q->prefix != r->prefix || q->len != r->len)
			continue;
		cprintf("  * ");
		if (q->code == 'S' && q->nexthop)
			cprintf("%s\n", ip_str(q->nexthop));
		else
			cprintf("directly connected, via %s\n", q->ifp ? q->ifp->name : "Null0");
		cprintf("      Route metric is 0, traffic share count is 1\n");
	}
}

/* Sorted by network; networks with several subnets get a heading. */
void route_show(int argc, u32 addr)
{
	static u16 order[MAX_ROUTES];
	const struct route *gw = NULL;
	u32 i, j;

	if (argc) {
		show_one(addr);
		return;
	}
	cprintf("Codes: C - connected, S - static, * - candidate default\n\n");
	for (i = 0; i < nroutes; i++) {
		if (routes[i].len == 0)
			gw = &routes[i];
		for (j = i; j > 0; j--) {
			const struct route *a = &routes[order[j - 1]], *b = &routes[i];

			if (a->prefix < b->prefix || (a->prefix == b->prefix && a->len <= b->len))
				break;
			order[j] = order[j - 1];
		}
		order[j] = (u16)i;
	}
	if (!gw)
		cprintf("Gateway of last resort is not set\n\n");
	else if (gw->nexthop)
		cprintf("Gateway of last resort is %s to network 0.0.0.0\n\n", ip_str(gw->nexthop));
	else
		cprintf("Gateway of last resort is 0.0.0.0 to network 0.0.0.0\n\n");

	u32 heading = 0xffffffff, uniform = 0;
	for (i = 0; i < nroutes && !term_quit(); i++) {
		const struct route *r = &routes[order[i]];
		u32 major_len = class_len(r->prefix), major = r->prefix & len_mask(major_len);
		int subnetted = 0;

		if (r->len == 0 || r->len <= major_len) {
			cprintf("%c%c   %s/%u", r->code, r->len == 0 ? '*' : ' ', ip_str(r->prefix), r->len);
			show_via(r);
			continue;
		}
		subnetted = major != heading;
		if (subnetted) {
			u32 n = 0, masks = 0, last = 64;

			for (j = 0; j < nroutes; j++) {
				const struct route *q = &routes[order[j]];

				if (q->len > class_len(q->prefix) && (q->prefix & len_mask(major_len)) == major) {
					n++;
					if (q->len != last)
						masks++;
					last = q->len;
				}
			}
			if (masks == 1)
				cprintf("     %s/%u is subnetted, %u subnets\n", ip_str(major), r->len, n);
			else
				cprintf("     %s/%u is variably subnetted, %u subnets, %u masks\n", ip_str(major), major_len, n, masks);
			heading = major;
			uniform = masks == 1;
		}
		if (i && subnetted == 0 && routes[order[i - 1]].prefix == r->prefix && routes[order[i - 1]].len == r->len)
			cprintf("%*s", (int)strlen(ip_str(r->prefix)) + (uniform ? 8 : 11), "");
		else
			cprintf(uniform ? "%c       %s" : "%c       %s/%u", r->code, ip_str(r->prefix), r->len);
		show_via(r);
	}
}
