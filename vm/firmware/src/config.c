#include "cli.h"
#include "md5.h"
#include "term.h"

/* Configuration commands, and the running configuration written back. */

char enable_password[64];
char enable_secret[64];
int console_level = 1;
char banner_motd[512];
int config_booting;

/* Lines that change nothing here but belong to configurations in the wild are
 * kept word for word, so that a configuration comes back as it was. */
enum section { SEC_SERVICE, SEC_GLOBAL, SEC_TAIL, SEC_LINE, SEC_IFACE, SEC_VC };
#define MAX_KEPT 192
#define KEPT_LEN 160
static struct kept {
	u8 used, section;
	const void *owner;
	char key[48];
	char text[KEPT_LEN];
} kept[MAX_KEPT];

#define MAX_LINES 8
static char lines[MAX_LINES][24];
static int current_line;

/* key_words: how many words name the thing; a later line with the same ones
 * replaces it. "no" is kept too where the default is the other way. */
static void keep(enum section section, const void *owner, struct cmd *c, int key_words, int keep_no)
{
	struct kept *k, *free = NULL, *slot = NULL;
	int first = c->neg ? 1 : 0, i;
	char key[48] = "";

	for (i = first; i < c->n && i < first + key_words; i++) {
		const struct match *m = &c->m[i];

		strlcat(key, m->node->type == T_KEYWORD ? m->node->kw : m->text, sizeof(key));
		strlcat(key, " ", sizeof(key));
	}
	for (k = kept; k < kept + MAX_KEPT; k++) {
		if (!k->used && !free)
			free = k;
		if (k->used && k->section == section && k->owner == owner && strcmp(k->key, key) == 0)
			slot = k;
	}
	if (c->neg && !keep_no) {
		if (slot)
			slot->used = 0;
		return;
	}
	if (!slot)
		slot = free;
	if (!slot) {
		cprintf("%% Too many configuration lines (%u are kept)\n", MAX_KEPT);
		return;
	}
	slot->used = 1;
	slot->section = (u8)section;
	slot->owner = owner;
	strlcpy(slot->key, key, sizeof(slot->key));
	slot->text[0] = 0;
	for (i = 0; i < c->n; i++) {
		const struct match *m = &c->m[i];

		if (i)
			strlcat(slot->text, " ", sizeof(slot->text));
		strlcat(slot->text, m->node->type == T_KEYWORD ? m->node->kw : m->text, sizeof(slot->text));
	}
}

static void write_kept(enum section section, const void *owner, const char *indent)
{
	for (struct kept *k = kept; k < kept + MAX_KEPT; k++)
		if (k->used && k->section == section && k->owner == owner)
			cprintf("%s%s\n", indent, k->text);
}

static void forget(const void *owner)
{
	for (struct kept *k = kept; k < kept + MAX_KEPT; k++)
		if (k->used && k->owner == owner)
			k->used = 0;
}

/* --- global --- */

static void modified(void)
{
	if (!cli_from_nvram)
		config_modified = 1;
}

static void do_end(struct cmd *c UNUSED)
{
	cli_end_config();
}

static void do_exit(struct cmd *c UNUSED)
{
	if (cli_mode == MODE_CONFIG)
		cli_end_config();
	else
		cli_set_mode(cli_mode == MODE_VC ? MODE_IF : MODE_CONFIG);
}

static void do_do(struct cmd *c)
{
	char line[256];

	strlcpy(line, cmd_param(c, 0)->text, sizeof(line));
	cli_execute_do(line);
}

static void do_hostname(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	modified();
	if (c->neg) {
		strlcpy(hostname, "Router", sizeof(hostname));
		return;
	}
	if (strlen(m->text) > 63 || !is_alpha(m->text[0])) {
		cprintf("%% Hostname contains one or more illegal characters, or is longer than 63.\n");
		return;
	}
	strlcpy(hostname, m->text, sizeof(hostname));
}

static void do_interface(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);
	struct iface *ifp = m->ifp;

	if (m->mac[0] == 2) {
		cprintf("%% Null0 needs no configuration\n");
		return;
	}
	if (c->neg) {
		if (!ifp || ifp->kind != IF_LOOPBACK) {
			cprintf("%% Interface %s can not be removed\n", ifp ? ifp->name : m->text);
			return;
		}
		forget(ifp);
		iface_delete(ifp);
		modified();
		cli_iface = NULL;
		return;
	}
	if (!ifp && m->mac[0] == 1) {
		ifp = m->num <= 0x7fffffff ? iface_loopback(m->num, 1) : NULL;
		if (!ifp) {
			cprintf("%% No more loopback interfaces\n");
			return;
		}
		modified();
	}
	/* A startup configuration starts the interfaces that it names, but for
	 * those that it shuts down. */
	if (config_booting)
		ifp->boot_up = 1;
	cli_iface = ifp;
	cli_set_mode(MODE_IF);
}

static void do_ip_route(struct cmd *c)
{
	struct static_route r;
	const struct match *p = cmd_param(c, 0), *mask = cmd_param(c, 1), *m;
	int i = 2, len;

	memset(&r, 0, sizeof(r));
	r.prefix = p->num;
	r.mask = mask->num;
	r.distance = 1;
	len = mask_len(r.mask);
	if (len < 0 || (r.prefix & ~r.mask)) {
		cprintf("%%Inconsistent address and mask\n");
		return;
	}
	for (; (m = cmd_param(c, i)) != NULL; i++) {
		if (m->node->type == T_IFACE) {
			if (m->mac[0] == 2) {
				strlcpy(r.ifname, "Null0", sizeof(r.ifname));
			} else if (m->ifp) {
				strlcpy(r.ifname, m->ifp->name, sizeof(r.ifname));
			} else {
				cprintf("%% No such interface\n");
				return;
			}
		} else if (m->node->type == T_IP) {
			r.nexthop = m->num;
			if (iface_by_ip(r.nexthop)) {
				cprintf("%%Invalid next hop address (it's this router)\n");
				return;
			}
			if (!r.nexthop || r.nexthop >> 28 >= 14) {
				cprintf("%%Invalid next hop address\n");
				return;
			}
		} else if (m->node->type == T_NUM) {
			r.distance = (u8)m->num;
		}
	}
	modified();
	if (!route_static(&r, c->neg))
		cprintf(c->neg ? "%%No matching route to delete\n" : "%% The routing table is full\n");
}

static void do_ip_routing(struct cmd *c)
{
	ip_routing = !c->neg;
	modified();
}

static void do_arp(struct cmd *c)
{
	modified();
	if (!arp_static(cmd_param(c, 0)->num, c->neg ? NULL : cmd_param(c, 1)->mac, c->neg))
		cprintf("%% The ARP table is full\n");
}

/* Type 7 is an obfuscation with a fixed key that every implementation shares. */
static int decode7(const char *s, char *d, size_t size)
{
	static const char key[] = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87";
	size_t n = strlen(s), at, i;

	if (n < 4 || n % 2 || !is_digit(s[0]) || !is_digit(s[1]))
		return 0;
	at = (size_t)(s[0] - '0') * 10 + (size_t)(s[1] - '0');
	for (i = 0; i < n / 2 - 1; i++) {
		char hex[3] = { s[2 + i * 2], s[3 + i * 2], 0 };
		u32 v;

		if (!parse_hex(hex, &v) || i + 1 >= size)
			return 0;
		d[i] = (char)(v ^ (u8)key[(at + i) % (sizeof(key) - 1)]);
	}
	d[i] = 0;
	return 1;
}

static void do_enable_password(struct cmd *c)
{
	const char *s;

	modified();
	keep(SEC_GLOBAL, NULL, c, 2, 0);
	enable_password[0] = 0;
	if (c->neg)
		return;
	s = cmd_param(c, 0)->text;
	if (strncmp(s, "7 ", 2) == 0) {
		if (!decode7(s + 2, enable_password, sizeof(enable_password)))
			cprintf("%% Invalid encrypted password: %s\n", s);
		return;
	}
	if (strncmp(s, "0 ", 2) == 0)
		s += 2;
	strlcpy(enable_password, s, sizeof(enable_password));
}

static void do_enable_secret(struct cmd *c)
{
	const char *s;
	char salt[5];

	modified();
	enable_secret[0] = 0;
	if (c->neg)
		return;
	s = cmd_param(c, 0)->text;
	if (strncmp(s, "5 ", 2) == 0) {
		if (strncmp(s + 2, "$1$", 3) != 0 || strlen(s + 2) > 34) {
			cprintf("%% Invalid encrypted secret: %s (\"$1$salt$hash\" is needed)\n", s + 2);
			return;
		}
		strlcpy(enable_secret, s + 2, sizeof(enable_secret));
		return;
	}
	if (strncmp(s, "0 ", 2) == 0)
		s += 2;
	random_seed(time_ms());
	for (int i = 0; i < 4; i++)
		salt[i] = (char)('A' + random32() % 26);
	md5_crypt(s, salt, 4, enable_secret);
}

static void do_keep(struct cmd *c)
{
	enum section s = (enum section)(c->tag >> 8 & 15);
	const void *owner = s == SEC_LINE ? (const void *)lines[current_line] : s == SEC_IFACE ? (const void *)cli_iface :
		s == SEC_VC ? (const void *)cli_vc : NULL;

	modified();
	keep(s, owner, c, c->tag & 15, c->tag & 0x10);
}
#define KEEP(section, words, no) ((section) << 8 | (no) << 4 | (words))

static void do_ignore(struct cmd *c UNUSED)
{
}

static void do_line(struct cmd *c)
{
	char name[24] = "";

	for (int i = 1; i < c->n; i++) {
		if (i > 1)
			strlcat(name, " ", sizeof(name));
		strlcat(name, c->m[i].node->type == T_KEYWORD ? c->m[i].node->kw : c->m[i].text, sizeof(name));
	}
	for (int i = 0; i < MAX_LINES; i++)
		if (!lines[i][0] || strcmp(lines[i], name) == 0) {
			strlcpy(lines[i], name, sizeof(lines[i]));
			current_line = i;
			cli_set_mode(MODE_LINE);
			return;
		}
	cprintf("%% Too many lines\n");
}

static int on_console(void)
{
	return strncmp(lines[current_line], "con", 3) == 0;
}

static void do_line_length(struct cmd *c)
{
	do_keep(c);
	if (on_console())
		term_length = c->neg ? 24 : cmd_param(c, 0)->num;
}

static void do_privilege(struct cmd *c)
{
	do_keep(c);
	if (on_console())
		console_level = c->neg ? 1 : (int)cmd_param(c, 0)->num;
}

static void do_logging_console(struct cmd *c)
{
	do_keep(c);
	log_console = !c->neg;
}

/* The text stands between two copies of its first character ("^C", as two
 * characters, counts as one) and may go over several lines. */
static void do_banner(struct cmd *c)
{
	const char *s, *end;
	char line[256], mark[3] = "";

	modified();
	banner_motd[0] = 0;
	if (c->neg)
		return;
	strlcpy(line, cmd_param(c, 0)->text, sizeof(line));
	s = line;
	strlcpy(mark, s, s[0] == '^' && s[1] ? 3 : 2);
	s += strlen(mark);
	if (!cli_from_nvram && !strstr(s, mark))
		cprintf("Enter TEXT message.  End with the character '%s'.\n", mark);
	for (;;) {
		end = strstr(s, mark);
		if (end)
			line[end - line] = 0;
		strlcat(banner_motd, s, sizeof(banner_motd));
		if (end)
			return;
		strlcat(banner_motd, "\n", sizeof(banner_motd));
		s = line;
		if (!(cli_from_nvram ? config_next_line(line, sizeof(line)) : cli_ask("", line, sizeof(line), 1)))
			return;
	}
}

/* --- interface --- */

static void do_ip_address(struct cmd *c)
{
	const struct match *ip = cmd_param(c, 0), *mask = cmd_param(c, 1);
	int len;

	modified();
	if (c->neg) {
		iface_set_ip(cli_iface, 0, 0);
		return;
	}
	len = mask_len(mask->num);
	if (len < 1) {
		cprintf("Bad mask %s for address %s\n", ip_str(mask->num), ip_str(ip->num));
		return;
	}
	if (!ip->num || ip->num >> 28 >= 14 || ip->num >> 24 == 127 ||
	    (len < 31 && (!(ip->num & ~mask->num) || (ip->num | mask->num) == 0xffffffff))) {
		cprintf("Bad mask /%d for address %s\n", len, ip_str(ip->num));
		return;
	}
	for (struct iface *i = iface_list; i; i = i->next) {
		u32 m = i->mask & mask->num;

		if (i == cli_iface || !i->ip || i->shutdown || ((i->ip ^ ip->num) & m))
			continue;
		cprintf("%% %s overlaps with %s\n", ip_str(ip->num & mask->num), i->name);
		return;
	}
	cli_iface->from_nvram = (u8)cli_from_nvram;
	iface_set_ip(cli_iface, ip->num, mask->num);
}

static void do_shutdown(struct cmd *c)
{
	modified();
	if (config_booting)
		cli_iface->boot_up = (u8)c->neg;
	iface_set_shutdown(cli_iface, !c->neg);
}

static void do_description(struct cmd *c)
{
	modified();
	strlcpy(cli_iface->description, c->neg ? "" : cmd_param(c, 0)->text, sizeof(cli_iface->description));
}

static void do_number(struct cmd *c)
{
	u32 v = c->neg ? 0 : cmd_param(c, 0)->num;

	modified();
	switch (c->tag) {
	case 0:
		cli_iface->bandwidth = v;
		break;
	case 1:
		cli_iface->delay = v;
		break;
	case 2:
		cli_iface->ip_mtu = v;
		break;
	case 3:
		if (v > iface_default_mtu(cli_iface)) {
			cprintf("%% The MTU of %s is 68 to %u\n", cli_iface->name, iface_default_mtu(cli_iface));
			return;
		}
		cli_iface->mtu = v ? v : iface_default_mtu(cli_iface);
		break;
	}
}

static int serial_only(void)
{
	if (cli_iface->kind == IF_SERIAL)
		return 1;
	cprintf("%% Only serial interfaces take this command\n");
	return 0;
}

static void do_clock_rate(struct cmd *c)
{
	if (!serial_only())
		return;
	modified();
	cli_iface->clock_rate = c->neg ? 0 : cmd_param(c, 0)->num;
	if (cli_iface->port && cli_iface->port->ops->set_clock)
		cli_iface->port->ops->set_clock(cli_iface->port, cli_iface->clock_rate);
}

static void do_encapsulation(struct cmd *c)
{
	if (!serial_only())
		return;
	modified();
	if (c->tag == ENCAP_FR && !c->neg)
		fr_set_ietf(cli_iface, cmd_has(c, "ietf"));
	iface_set_encap(cli_iface, c->neg ? ENCAP_HDLC : (enum encap)c->tag);
}

static void do_keepalive(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);
	u32 v = c->neg ? 0 : m ? m->num : 10;

	if (cli_iface->kind == IF_ATM) {
		cprintf("%% ATM interfaces have no keepalives\n");
		return;
	}
	modified();
	if (v == cli_iface->keepalive)
		return;
	cli_iface->keepalive = v;
	if (cli_iface->kind == IF_SERIAL)
		iface_restart_line(cli_iface);
}

static void do_mac(struct cmd *c)
{
	if (cli_iface->kind != IF_ETHERNET) {
		cprintf("%% Only Ethernet interfaces have a MAC address\n");
		return;
	}
	if (!c->neg && (cmd_param(c, 0)->mac[0] & 1)) {
		cprintf("%% Invalid address - multicast\n");
		return;
	}
	modified();
	memcpy(cli_iface->mac, c->neg ? cli_iface->burned_mac : cmd_param(c, 0)->mac, 6);
	cli_iface->mac_set = !c->neg;
	if (cli_iface->port)
		cli_iface->port->ops->set_mac(cli_iface->port);
	if (cli_iface->proto)
		arp_announce(cli_iface);
}

static void do_if_flag(struct cmd *c)
{
	modified();
	if (c->tag == 0)
		cli_iface->proxy_arp_off = (u8)c->neg;
	else
		cli_iface->no_unreachables = (u8)c->neg;
}

static int fr_only(void)
{
	if (cli_iface->encap == ENCAP_FR)
		return 1;
	cprintf("%% Interface %s has no frame-relay encapsulation\n", cli_iface->name);
	return 0;
}

static void do_fr(struct cmd *c)
{
	const struct match *m;

	if (!fr_only())
		return;
	modified();
	switch (c->tag) {
	case 0:
		fr_set_lmi(cli_iface, c->neg ? FR_LMI_AUTO : cmd_has(c, "ansi") ? FR_LMI_ANSI : cmd_has(c, "q933a") ? FR_LMI_Q933A : FR_LMI_CISCO);
		break;
	case 1:
		m = cmd_param(c, 0);
		if (c->neg ? !fr_del_map(cli_iface, m->num) :
		    !fr_set_map(cli_iface, m->num, cmd_param(c, 1)->num, cmd_has(c, "broadcast"), cmd_has(c, "ietf")))
			cprintf(c->neg ? "%% There is no such map\n" : "%% Too many maps\n");
		break;
	case 2:
		if (!fr_set_dlci(cli_iface, cmd_param(c, 0)->num, c->neg))
			cprintf(c->neg ? "%% There is no such DLCI\n" : "%% Too many DLCIs\n");
		break;
	case 3:
		fr_set_dce(cli_iface, !c->neg && cmd_has(c, "dce"));
		break;
	case 4:
		fr_set_inarp(cli_iface, !c->neg);
		break;
	}
}

/* --- ATM --- */

static int atm_only(void)
{
	if (cli_iface->kind == IF_ATM)
		return 1;
	cprintf("%% Only ATM interfaces take this command\n");
	return 0;
}

static void do_pvc(struct cmd *c)
{
	const struct match *name = cmd_param(c, 0), *m = cmd_param(c, 1);
	struct atm_vc *v;

	if (!atm_only())
		return;
	if (!m) {
		m = name;
		name = NULL;
	}
	v = atm_vc_get(cli_iface, m->num >> 16, m->num & 0xffff, !c->neg);
	if (!v) {
		cprintf(c->neg ? "%% There is no such PVC\n" : "%% %s has %u PVCs already\n", cli_iface->name, ATM_MAX_VC);
		return;
	}
	modified();
	if (c->neg) {
		forget(v);
		atm_vc_remove(cli_iface, v);
		return;
	}
	if (name)
		atm_vc_set_name(v, name->text);
	cli_vc = v;
	cli_set_mode(MODE_VC);
}

static void do_route_bridged(struct cmd *c)
{
	if (!atm_only())
		return;
	modified();
	atm_set_bridged(cli_iface, !c->neg);
}

static void do_vc(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	modified();
	switch (c->tag) {
	case 0:
		if (c->neg ? !atm_vc_del_map(cli_iface, cli_vc, m->num) : !atm_vc_set_map(cli_iface, cli_vc, m->num, cmd_has(c, "broadcast") && !cmd_has(c, "no")))
			cprintf(c->neg ? "%% There is no such map\n" : "%% Too many maps\n");
		break;
	case 1:
		atm_vc_set_inarp(cli_iface, cli_vc, !c->neg);
		break;
	case 2:
		atm_vc_set_encap(cli_iface, cli_vc, !c->neg && cmd_has(c, "aal5mux") ? ATM_MUX_IP : ATM_SNAP);
		break;
	case 3:
		atm_vc_set_broadcast(cli_vc, !c->neg);
		break;
	}
}

/* --- the running configuration --- */

static void write_kept_vc(const struct atm_vc *v)
{
	write_kept(SEC_VC, v, "  ");
}

void config_write_interface(struct iface *i)
{
	cprintf("!\ninterface %s\n", i->name);
	if (i->description[0])
		cprintf(" description %s\n", i->description);
	if (i->mac_set)
		cprintf(" mac-address %02x%02x.%02x%02x.%02x%02x\n", i->mac[0], i->mac[1], i->mac[2], i->mac[3], i->mac[4], i->mac[5]);
	if (i->mtu != iface_default_mtu(i) && i->kind != IF_LOOPBACK)
		cprintf(" mtu %u\n", i->mtu);
	if (i->bandwidth)
		cprintf(" bandwidth %u\n", i->bandwidth);
	if (i->delay)
		cprintf(" delay %u\n", i->delay);
	if (i->ip)
		cprintf(" ip address %s %s\n", ip_str(i->ip), ip_str(i->mask));
	else
		cprintf(" no ip address\n");
	if (i->ip_mtu)
		cprintf(" ip mtu %u\n", i->ip_mtu);
	if (i->proxy_arp_off)
		cprintf(" no ip proxy-arp\n");
	if (i->no_unreachables)
		cprintf(" no ip unreachables\n");
	if (i->encap == ENCAP_PPP)
		cprintf(" encapsulation ppp\n");
	else if (i->encap == ENCAP_FR)
		fr_write_config(i);
	if (i->kind != IF_LOOPBACK && i->keepalive != 10) {
		if (i->keepalive)
			cprintf(" keepalive %u\n", i->keepalive);
		else
			cprintf(" no keepalive\n");
	}
	if (i->shutdown)
		cprintf(" shutdown\n");
	write_kept(SEC_IFACE, i, " ");
	if (i->kind == IF_ATM)
		atm_write_config(i, write_kept_vc);
	if (i->clock_rate)
		cprintf(" clock rate %u\n", i->clock_rate);
}

void config_write(void)
{
	cprintf("!\n");
	write_kept(SEC_SERVICE, NULL, "");
	cprintf("!\nhostname %s\n!\n", hostname);
	if (enable_secret[0])
		cprintf("enable secret 5 %s\n", enable_secret);
	write_kept(SEC_GLOBAL, NULL, "");
	if (!ip_routing)
		cprintf("no ip routing\n");
	for (struct iface *i = iface_list; i; i = i->next)
		if (i->kind == IF_LOOPBACK)
			config_write_interface(i);
	for (struct iface *i = iface_list; i; i = i->next)
		if (i->kind != IF_LOOPBACK)
			config_write_interface(i);
	cprintf("!\n");
	route_write_config();
	arp_write_config();
	write_kept(SEC_TAIL, NULL, "");
	if (banner_motd[0])
		cprintf("!\nbanner motd ^C%s^C\n", banner_motd);
	cprintf("!\n");
	for (int i = 0; i < MAX_LINES && lines[i][0]; i++) {
		/* "con 0" is what everyone writes. */
		cprintf("line %s\n", strcmp(lines[i], "console 0") == 0 ? "con 0" : lines[i]);
		write_kept(SEC_LINE, lines[i], " ");
	}
	cprintf("!\nend\n");
}

/* Registers a command and its "no" form, whose parameters may be left out
 * from the point marked by '|'. */
static void both(u32 modes, void (*run)(struct cmd *), int tag, const char *pattern)
{
	char text[512] = "no=Negate a command or set its defaults;", plain[512];
	size_t n = strlen(text), o = 0;

	for (const char *p = pattern; *p; p++) {
		if (*p == '|') {
			text[n] = 0;
			/* "no X" alone: the trailing separator goes. */
			if (n && text[n - 1] == ';')
				text[n - 1] = 0;
			cmd_register(modes, run, tag, text);
			if (text[n - 1] == 0)
				text[n - 1] = ';';
			continue;
		}
		text[n++] = *p;
		plain[o++] = *p;
	}
	text[n] = plain[o] = 0;
	cmd_register(modes, run, tag, text);
	cmd_register(modes, run, tag, plain);
}

void config_init(void)
{
	u32 all = M_CONFIG | M_IF | M_LINE | M_VC;

	cmd_register(all, do_end, 0, "end=Exit from configure mode");
	cmd_register(all, do_exit, 0, "exit=Exit from the present configuration mode");
	cmd_register(all, do_do, 0, "do=To run exec commands in config mode;%line=Exec command");

	both(M_CONFIG, do_hostname, 0, "hostname=Set system's network name;|%word=This system's network name");
	both(M_CONFIG, do_interface, 0, "interface=Select an interface to configure;%if");
	both(M_CONFIG, do_ip_route, 0, "ip=Global IP configuration subcommands;route=Establish static routes;%ip=Destination prefix;%ip=Destination prefix mask|;%ip=Forwarding router's address");
	both(M_CONFIG, do_ip_route, 0, "ip;route;%ip;%ip;%ip;%num:1:254=Distance metric for this route");
	both(M_CONFIG, do_ip_route, 0, "ip;route;%ip;%ip;%if");
	both(M_CONFIG, do_ip_route, 0, "ip;route;%ip;%ip;%if;%num:1:254=Distance metric for this route");
	both(M_CONFIG, do_ip_route, 0, "ip;route;%ip;%ip;%if;%ip=Forwarding router's address");
	both(M_CONFIG, do_ip_route, 0, "ip;route;%ip;%ip;%if;%ip;%num:1:254=Distance metric for this route");
	both(M_CONFIG, do_ip_routing, 0, "ip;routing=Enable IP routing");
	both(M_CONFIG, do_arp, 0, "arp=Set a static ARP entry;%ip=IP address of ARP entry|;%mac=48-bit hardware address of ARP entry");
	both(M_CONFIG, do_arp, 0, "arp;%ip;%mac;ARPA=ARP type ARPA");
	both(M_CONFIG, do_enable_password, 0, "enable=Modify enable password parameters;password=Assign the privileged level password;|%line=The UNENCRYPTED (cleartext) 'enable' password");
	both(M_CONFIG, do_enable_secret, 0, "enable;secret=Assign the privileged level secret;|%line=The UNENCRYPTED (cleartext) 'enable' secret");
	both(M_CONFIG, do_banner, 0, "banner=Define a login banner;motd=Set Message of the Day banner;|%line=c banner-text c, where 'c' is a delimiting character");
	cmd_register(M_CONFIG, do_ignore, 0, "version=Version of the software that wrote a configuration;%line=Ignored");
	cmd_register(M_CONFIG, do_ignore, 0, "boot-start-marker=Ignored");
	cmd_register(M_CONFIG, do_ignore, 0, "boot-end-marker=Ignored");
	both(M_CONFIG, do_keep, KEEP(SEC_SERVICE, 3, 1), "service=Modify use of network based services;%word=Service;%word;%line");
	both(M_CONFIG, do_keep, KEEP(SEC_SERVICE, 3, 1), "service;%word;%word");
	both(M_CONFIG, do_keep, KEEP(SEC_SERVICE, 3, 1), "service;%word");
	both(M_CONFIG, do_logging_console, KEEP(SEC_GLOBAL, 2, 1), "logging=Modify message logging facilities;console=Set console logging parameters");
	both(M_CONFIG, do_keep, KEEP(SEC_GLOBAL, 2, 0), "logging;buffered=Set buffered logging parameters;|%line=Parameters");
	both(M_CONFIG, do_keep, KEEP(SEC_GLOBAL, 2, 1), "aaa=Authentication, Authorization and Accounting.;new-model=Enable NEW access control commands and functions.");
	both(M_CONFIG, do_keep, KEEP(SEC_GLOBAL, 2, 0), "clock=Configure time-of-day clock;timezone=Configure time zone;|%line=Name and offset");
	both(M_CONFIG, do_keep, KEEP(SEC_GLOBAL, 2, 0), "username=Establish User Name Authentication;%word=User name;|%line=Parameters");

	static const char *const ip_switches[] = {
		"ip;domain-lookup=Enable IP Domain Name System hostname translation", "ip;domain=IP DNS Resolver;lookup=Enable it",
		"ip;cef=Cisco Express Forwarding", "ip;icmp=ICMP options;rate-limit=Rate limit;unreachable=Unreachables",
	};
	for (size_t i = 0; i < ARRAY_LEN(ip_switches); i++)
		both(M_CONFIG, do_keep, KEEP(SEC_GLOBAL, 4, 1), ip_switches[i]);
	both(M_CONFIG, do_keep, KEEP(SEC_GLOBAL, 2, 0), "ip;domain-name=Define the default domain name;|%word=Default domain name");
	both(M_CONFIG, do_keep, KEEP(SEC_GLOBAL, 3, 0), "ip;domain;name=Define the default domain name;|%word=Default domain name");
	static const char *const ip_tail[] = {
		"ip;classless=Follow classless routing forwarding rules", "ip;subnet-zero=Allow 'subnet zero' subnets",
		"ip;http=HTTP server configuration;server=Enable http server", "ip;http;secure-server=Enable HTTP secure server",
		"cdp=Global CDP configuration subcommands;run=Enable CDP",
	};
	for (size_t i = 0; i < ARRAY_LEN(ip_tail); i++)
		both(M_CONFIG, do_keep, KEEP(SEC_TAIL, 3, 1), ip_tail[i]);
	both(M_CONFIG, do_keep, KEEP(SEC_TAIL, 3, 1), "ip;forward-protocol=Controls forwarding of physical and directed IP broadcasts;nd=Sun's Network Disk protocol");

	cmd_register(M_CONFIG, do_line, 0, "line=Configure a terminal line;console=Primary terminal line;%num:0:0=First Line number");
	cmd_register(M_CONFIG, do_line, 0, "line;aux=Auxiliary line;%num:0:0=First Line number");
	cmd_register(M_CONFIG, do_line, 0, "line;vty=Virtual terminal;%num:0:15=First Line number");
	cmd_register(M_CONFIG, do_line, 0, "line;vty;%num:0:15;%num:0:15=Last Line number");
	static const char *const line_cmds[] = {
		"exec-timeout=Set the EXEC timeout;|%num:0:35791=Timeout in minutes;%num:0:2147483=Timeout in seconds",
		"exec-timeout;%num:0:35791", "logging=Modify message logging facilities;synchronous=Synchronized message output",
		"login=Enable password checking", "login;local=Local password checking", "password=Set a password;|%line=The password",
		"stopbits=Set async line stop bits;|%word=Stop bits", "speed=Set the transmit and receive speeds;|%num:0:4294967295=Baud",
		"transport=Define transport protocols for line;input=Incoming;%line=Protocols",
		"transport;output=Outgoing;%line=Protocols", "transport;preferred=Preferred;%line=Protocol",
		"history=Enable and control the command history function;size=Set history buffer size;%num:0:256=Size",
		"session-timeout=Set interval for closing connection;|%line=Minutes", "exec=Configure EXEC",
	};
	for (size_t i = 0; i < ARRAY_LEN(line_cmds); i++)
		both(M_LINE, do_keep, KEEP(SEC_LINE, i >= 8 && i <= 11 ? 2 : 1, i == 3 || i == 13), line_cmds[i]);
	both(M_LINE, do_line_length, KEEP(SEC_LINE, 1, 0), "length=Set number of lines on a screen;|%num:0:512=Lines, 0 for no pausing");
	both(M_LINE, do_privilege, KEEP(SEC_LINE, 1, 0), "privilege=Change privilege level for line;level=Assign default privilege level for line;|%num:0:15=Default privilege level");

	both(M_IF, do_ip_address, 0, "ip=Interface Internet Protocol config commands;address=Set the IP address of an interface;|%ip=IP address;%ip=IP subnet mask");
	both(M_IF, do_number, 2, "ip;mtu=Set IP Maximum Transmission Unit;|%num:68:4470=MTU (bytes)");
	both(M_IF, do_if_flag, 0, "ip;proxy-arp=Enable proxy ARP");
	both(M_IF, do_if_flag, 1, "ip;unreachables=Enable sending ICMP Unreachable messages");
	both(M_IF, do_shutdown, 0, "shutdown=Shutdown the selected interface");
	both(M_IF, do_description, 0, "description=Interface specific description;|%line=Up to 240 characters describing this interface");
	both(M_IF, do_number, 0, "bandwidth=Set bandwidth informational parameter;|%num:1:10000000=Bandwidth in kilobits");
	both(M_IF, do_number, 1, "delay=Specify interface throughput delay;|%num:1:16777215=Throughput delay (tens of microseconds)");
	both(M_IF, do_number, 3, "mtu=Set the interface Maximum Transmission Unit (MTU);|%num:68:4470=MTU size in bytes");
	both(M_IF, do_clock_rate, 0, "clock=Configure serial interface clock;rate=Configure serial interface clock speed;|%num:1200:8064000=Bits per second");
	both(M_IF, do_clock_rate, 0, "clockrate=Configure serial interface clock speed;|%num:1200:8064000=Bits per second");
	both(M_IF, do_encapsulation, ENCAP_HDLC, "encapsulation=Set encapsulation type for an interface;|hdlc=Serial HDLC synchronous");
	both(M_IF, do_encapsulation, ENCAP_PPP, "encapsulation;ppp=Point-to-Point protocol");
	both(M_IF, do_encapsulation, ENCAP_FR, "encapsulation;frame-relay=Frame Relay networks");
	both(M_IF, do_encapsulation, ENCAP_FR, "encapsulation;frame-relay;ietf=Use RFC1490/RFC2427 encapsulation");
	both(M_IF, do_keepalive, 0, "keepalive=Enable keepalive|;%num:0:32767=Keepalive period (default 10 seconds)");
	cmd_register(M_IF, do_keepalive, 0, "keepalive");
	both(M_IF, do_mac, 0, "mac-address=Manually set interface MAC address;|%mac=MAC address");
#define FR "frame-relay=Set frame relay parameters;"
	both(M_IF, do_fr, 0, FR "lmi-type=Use CISCO-ANSI-CCITT type LMI;|ansi=ANSI Annex D");
	both(M_IF, do_fr, 0, "frame-relay;lmi-type;cisco=Consortium LMI");
	both(M_IF, do_fr, 0, "frame-relay;lmi-type;q933a=ITU-T Q.933 Annex A");
	both(M_IF, do_fr, 1, "frame-relay;map=Map a protocol address to a DLCI address;ip=IP;%ip=Protocol specific address|;%num:16:1007=DLCI");
	cmd_register(M_IF, do_fr, 1, "frame-relay;map;ip;%ip;%num:16:1007;^;broadcast=Broadcasts should be forwarded to this address;*");
	cmd_register(M_IF, do_fr, 1, "frame-relay;map;ip;%ip;%num:16:1007;^;ietf=Use RFC1490/RFC2427 encapsulation;*");
	cmd_register(M_IF, do_fr, 1, "frame-relay;map;ip;%ip;%num:16:1007;^;cisco=Use CISCO encapsulation;*");
	cmd_register(M_IF, do_fr, 1, "no;frame-relay;map;ip;%ip;%num:16:1007;^;broadcast;*");
	both(M_IF, do_fr, 2, "frame-relay;interface-dlci=Define a DLCI on an interface;%num:16:1007=DLCI");
	both(M_IF, do_fr, 3, "frame-relay;intf-type=Configure a FR DTE/DCE interface;|dce=Configure a FR DCE interface");
	both(M_IF, do_fr, 3, "frame-relay;intf-type;dte=Configure a FR DTE interface");
	both(M_IF, do_fr, 4, "frame-relay;inverse-arp=Enable inverse ARP on a DLCI");
	both(M_IF, do_pvc, 0, "pvc=Configure ATM PVC parameters;%vc=VPI/VCI of the PVC");
	both(M_IF, do_pvc, 0, "pvc;%name=Name of the PVC;%vc");
	both(M_IF, do_route_bridged, 0, "atm=Modify ATM parameters;route-bridged=Use RFC1483 bridged mode;|ip=IP");
	both(M_VC, do_vc, 0, "protocol=Map an upper layer protocol to this connection.;ip=IP;%ip=Protocol specific address");
	both(M_VC, do_vc, 0, "protocol;ip;%ip;broadcast=Pseudo-broadcast");
	cmd_register(M_VC, do_vc, 0, "protocol;ip;%ip;no=Negate;broadcast");
	both(M_VC, do_vc, 1, "protocol;ip;inarp=Inverse ARP");
	both(M_VC, do_vc, 2, "encapsulation=Select ATM Encapsulation for VC;|aal5snap=AAL5+LLC/SNAP Encapsulation");
	both(M_VC, do_vc, 2, "encapsulation;aal5mux=AAL5+MUX Encapsulation;ip=IP");
	both(M_VC, do_vc, 3, "broadcast=Pseudo-broadcast");
	/* The line is shared among the circuits, whatever they ask for. */
	static const char *const vc_cmds[] = {
		"ubr=Unspecified Bit Rate;|%line=Output Peak Cell Rate(PCR) in Kbps", "ubr",
		"ubr+=Unspecified Bit Rate plus;|%line=Output PCR and MCR in Kbps",
		"vbr-nrt=Variable Bit Rate non-real-time;|%line=Output PCR, SCR and MBS", "cbr=Constant Bit Rate;|%line=Rate in Kbps",
		"oam-pvc=Send oam cells on this pvc;|%line=Options", "oam-pvc", "oam=OAM parameters;|%line=Options",
	};
	for (size_t i = 0; i < ARRAY_LEN(vc_cmds); i++)
		both(M_VC, do_keep, KEEP(SEC_VC, 1, 0), vc_cmds[i]);
	static const char *const if_cmds[] = {
		"duplex=Configure duplex operation.;|auto=Enable AUTO duplex configuration", "duplex;full=Force full duplex operation",
		"duplex;half=Force half-duplex operation", "speed=Configure speed operation.;|auto=Enable AUTO speed configuration",
		"speed;10=Force 10 Mbps operation", "speed;100=Force 100 Mbps operation",
		"half-duplex=Configure half-duplex and related commands", "full-duplex=Configure full-duplex operational mode",
		"load-interval=Specify interval for load calculation;|%num:30:600=Load interval delay in seconds",
		"media-type=Interface media type;|%word=Connector",
	};
	for (size_t i = 0; i < ARRAY_LEN(if_cmds); i++)
		both(M_IF, do_keep, KEEP(SEC_IFACE, 1, 0), if_cmds[i]);
	both(M_IF, do_keep, KEEP(SEC_IFACE, 2, 1), "serial=serial interface commands;restart-delay=Set serial interface restart delay;%num:0:900=Seconds");
	static const char *const if_flags[] = {
		"atm;ilmi-keepalive=Enable ILMI keepalive", "atm;enable-ilmi-trap=Enable ILMI trap",
		"cdp=CDP interface subcommands;enable=Enable CDP on interface", "ip;redirects=Enable sending ICMP Redirect messages",
		"ip;route-cache=Enable fast-switching cache", "ip;mroute-cache=Enable fast-switching cache for multicast",
		"fair-queue=Enable Fair Queuing on an Interface", "ip;directed-broadcast=Enable forwarding of directed broadcasts",
	};
	for (size_t i = 0; i < ARRAY_LEN(if_flags); i++)
		both(M_IF, do_keep, KEEP(SEC_IFACE, 2, 1), if_flags[i]);
}
