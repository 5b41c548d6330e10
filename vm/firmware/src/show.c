#include "cli.h"
#include "cpu.h"
#include "term.h"
#include "version.h"

/* show commands. */

static const char *plural(u32 n)
{
	return n == 1 ? "" : "s";
}

static void show_uptime(void)
{
	u32 s = uptime_seconds, w = s / 604800, d = s / 86400 % 7, h = s / 3600 % 24, m = s / 60 % 60;

	cprintf("%s uptime is ", hostname);
	if (w)
		cprintf("%u week%s, ", w, plural(w));
	if (w || d)
		cprintf("%u day%s, ", d, plural(d));
	if (w || d || h)
		cprintf("%u hour%s, ", h, plural(h));
	cprintf("%u minute%s\n", m, plural(m));
}

static void processor_line(void)
{
	u32 io = machine.iomem_size >> 10, ram = machine.ram_size >> 10;

	cprintf("%s (%s) processor with %uK/%uK bytes of memory.\n", machine.chassis, machine.cpu->name, ram, io);
}

static void show_version(struct cmd *c UNUSED)
{
	static const char *const types[] = { "Ethernet", "FastEthernet", "GigabitEthernet", "Serial", "POS", "ATM" };

	cprintf("dynemu router software, version %s\n\n", FIRMWARE_VERSION);
	show_uptime();
	cprintf("System image is linked at 0x80008000, platform %s (id 0x%02x)\n\n", machine.board->series,
		machine.board->platform);
	processor_line();
	cprintf("Processor board with %s CPU at %u MHz, PRId 0x%08x\n", machine.cpu->name, machine.cpu->clock_mhz, machine.prid);
	cprintf("Base ethernet MAC address: %02x%02x.%02x%02x.%02x%02x\n", machine.base_mac[0], machine.base_mac[1],
		machine.base_mac[2], machine.base_mac[3], machine.base_mac[4], machine.base_mac[5]);
	for (u32 s = 0; s < machine.board->nslots; s++)
		if (cards[s].present)
			cprintf("Slot %u: %s, %s\n", s, cards[s].name, cards[s].long_name);
	for (u32 t = 0; t < ARRAY_LEN(types); t++) {
		u32 n = 0;

		for (struct iface *i = iface_list; i; i = i->next)
			n += strcmp(i->type, types[t]) == 0;
		if (n)
			cprintf("%u %s interface%s\n", n, types[t], plural(n));
	}
	cprintf("%uK bytes of NVRAM.\n\nConfiguration register is 0x%x\n\n", machine.nvram_size >> 10, machine.confreg);
}

static const char *status_of(const struct iface *i)
{
	return i->shutdown ? "administratively down" : i->link ? "up" : "down";
}

static void show_ip_interface_brief(struct cmd *c UNUSED)
{
	cprintf("%-26s %-15s %s %-6s %-21s %s\n", "Interface", "IP-Address", "OK?", "Method", "Status", "Protocol");
	for (struct iface *i = iface_list; i && !term_quit(); i = i->next)
		cprintf("%-26s %-15s YES %-6s %-21s %s\n", i->name, i->ip ? ip_str(i->ip) : "unassigned",
			!i->ip ? "unset" : i->from_nvram ? "NVRAM" : "manual", status_of(i), i->proto ? "up" : "down");
}

static const char *ago(u32 stamp)
{
	static char text[4][16];
	static u32 n;
	char *t = text[n++ % 4];
	u32 s;

	if (!stamp)
		return "never";
	s = uptime_seconds - (stamp - 1);
	snprintf(t, 16, "%02u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
	return t;
}

static u32 load255(u32 bps, u32 kbps)
{
	u32 v = kbps ? bps / kbps * 255 / 1000 : 0;

	return v < 1 ? 1 : v > 255 ? 255 : v;
}

static void show_one_interface(struct iface *i)
{
	static const char *const encaps[] = { "ARPA", "HDLC", "PPP", "FRAME-RELAY", "ATM", "LOOPBACK" };
	u32 bw = iface_bandwidth(i);

	cprintf("%s is %s, line protocol is %s%s\n", i->name, status_of(i), i->proto ? "up" : "down",
		i->ka_looped && i->proto && i->encap == ENCAP_HDLC ? " (looped)" : " ");
	cprintf("  Hardware is %s", i->port ? i->port->ops->hardware : "Loopback");
	if (i->kind == IF_ETHERNET || atm_bridged(i))
		cprintf(", address is %02x%02x.%02x%02x.%02x%02x (bia %02x%02x.%02x%02x.%02x%02x)", i->mac[0], i->mac[1],
			i->mac[2], i->mac[3], i->mac[4], i->mac[5], i->burned_mac[0], i->burned_mac[1], i->burned_mac[2],
			i->burned_mac[3], i->burned_mac[4], i->burned_mac[5]);
	cprintf("\n");
	if (i->description[0])
		cprintf("  Description: %s\n", i->description);
	if (i->ip)
		cprintf("  Internet address is %s/%d\n", ip_str(i->ip), mask_len(i->mask));
	cprintf("  MTU %u bytes, BW %u Kbit, DLY %u usec, \n", i->mtu, bw,
		i->delay ? i->delay * 10 : i->kind == IF_ETHERNET ? i->speed < 100000 ? 1000u : i->speed > 100000 ? 10u : 100u : i->kind == IF_SERIAL ? i->speed > 100000 ? 100u : 20000u :
			i->kind == IF_ATM ? 80u : 5000u);
	cprintf("     reliability 255/255, txload %u/255, rxload %u/255\n", load255(i->out_rate.bps, bw), load255(i->in_rate.bps, bw));
	cprintf("  Encapsulation %s%s, loopback not set\n", encaps[i->encap], i->kind == IF_SERIAL ? ", crc 16" : "");
	if (i->kind != IF_LOOPBACK && i->kind != IF_ATM) {
		if (i->keepalive)
			cprintf("  Keepalive set (%u sec)\n", i->keepalive);
		else
			cprintf("  Keepalive not set\n");
	}
	if (i->encap == ENCAP_PPP)
		ppp_show(i);
	if (i->encap == ENCAP_FR)
		fr_show_interface(i);
	if (i->encap == ENCAP_ATM)
		atm_show_interface(i);
	if (i->kind == IF_ETHERNET)
		cprintf("  Full-duplex, %uMb/s, %s\n  ARP type: ARPA, ARP Timeout 04:00:00\n", i->speed / 1000,
			i->speed < 100000 ? "10BaseT" : i->speed > 100000 ? "1000BaseT" : "100BaseTX/FX");
	cprintf("  Last input %s, output %s, output hang never\n", ago(i->last_in), ago(i->last_out));
	cprintf("  Last clearing of \"show interface\" counters %s\n", ago(i->cleared_at));
	cprintf("  Input queue: 0/75/%u/0 (size/max/drops/flushes); Total output drops: %u\n", i->c.in_drops, i->c.out_drops);
	cprintf("  5 minute input rate %u bits/sec, %u packets/sec\n", i->in_rate.bps, i->in_rate.pps);
	cprintf("  5 minute output rate %u bits/sec, %u packets/sec\n", i->out_rate.bps, i->out_rate.pps);
	cprintf("     %u packets input, %llu bytes, %u no buffer\n", i->c.in_packets, i->c.in_bytes, i->c.no_buffer);
	cprintf("     Received %u broadcasts, %u runts, %u giants, 0 throttles\n", i->c.in_broadcasts, i->c.runts, i->c.giants);
	cprintf("     %u input errors, %u CRC, 0 frame, %u overrun, %u ignored, %u abort\n", i->c.in_errors, i->c.crc,
		i->c.overrun, i->c.ignored, i->c.abort);
	cprintf("     %u packets output, %llu bytes, 0 underruns\n", i->c.out_packets, i->c.out_bytes);
	cprintf("     %u output errors, 0 collisions, %u interface resets\n", i->c.out_errors, i->c.resets);
	cprintf("     %u unknown protocol drops, %u encapsulation failures\n", i->c.unknown_proto, i->c.encap_failed);
	if (i->kind == IF_SERIAL) {
		const char *s = i->port->ops->carrier(i->port) ? "up" : "down";

		cprintf("     %u carrier transitions     DCD=%s  DSR=%s  DTR=%s  RTS=%s  CTS=%s\n\n", i->c.transitions, s, s,
			i->shutdown ? "down" : "up", i->shutdown ? "down" : "up", s);
	}
}

static void show_interfaces(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	if (m) {
		if (m->ifp)
			show_one_interface(m->ifp);
		else
			cprintf("%% No such interface\n");
		return;
	}
	for (struct iface *i = iface_list; i && !term_quit(); i = i->next)
		show_one_interface(i);
}

static void show_interfaces_description(struct cmd *c UNUSED)
{
	cprintf("%-30s %-14s %-8s %s\n", "Interface", "Status", "Protocol", "Description");
	for (struct iface *i = iface_list; i && !term_quit(); i = i->next)
		cprintf("%-30s %-14s %-8s %s\n", i->name, i->shutdown ? "admin down" : status_of(i), i->proto ? "up" : "down",
			i->description);
}

static void show_one_ip(const struct iface *i)
{
	cprintf("%s is %s, line protocol is %s\n", i->name, status_of(i), i->proto ? "up" : "down");
	if (!i->ip) {
		cprintf("  Internet protocol processing disabled\n");
		return;
	}
	cprintf("  Internet address is %s/%d\n", ip_str(i->ip), mask_len(i->mask));
	cprintf("  Broadcast address is 255.255.255.255\n  Address determined by %s\n",
		i->from_nvram ? "non-volatile memory" : "setup command");
	if (i->encap == ENCAP_PPP && ppp_peer(i))
		cprintf("  Peer address is %s\n", ip_str(ppp_peer(i)));
	cprintf("  MTU is %u bytes\n  Directed broadcast forwarding is disabled\n", iface_mtu_ip(i));
	cprintf("  Proxy ARP is %s\n", (i->kind == IF_ETHERNET || atm_bridged(i)) && !i->proxy_arp_off ? "enabled" : "disabled");
	cprintf("  ICMP unreachables are %s sent\n", i->no_unreachables ? "never" : "always");
}

static void show_ip_interface(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	for (struct iface *i = iface_list; i && !term_quit(); i = i->next)
		if (!m || m->ifp == i)
			show_one_ip(i);
}

static void show_ip_route(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	route_show(m != NULL, m ? m->num : 0);
}

static void show_arp(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	arp_show(m ? m->ifp : NULL);
}

static void show_ip_traffic(struct cmd *c UNUSED)
{
	const struct ip_stats *s = &ip_stats;

	cprintf("IP statistics:\n  Rcvd:  %u total, %u local destination\n", s->received, s->delivered);
	cprintf("         %u format errors, %u truncated, %u checksum errors, %u bad source or destination\n", s->hdr_errors,
		s->truncated, s->checksum_errors, s->martian);
	cprintf("         %u unknown protocol, %u bad hop count, %u no route\n", s->no_proto, s->no_ttl, s->no_route);
	cprintf("  Frags: %u reassembled, %u timeouts, %u couldn't reassemble\n", s->reassembled, s->reassembly_timeout,
		s->reassembly_failed);
	cprintf("         %u fragmented, %u fragments, %u couldn't fragment\n", s->fragmented, s->fragments_made, s->cannot_fragment);
	cprintf("  Sent:  %u generated, %u forwarded, %u encapsulation failed\n\n", s->sent, s->forwarded, s->encap_failed);
	cprintf("ICMP statistics:\n  Rcvd: %u total, %u bad, %u echo, %u echo reply, %u unreachable, %u time exceeded, %u redirects\n",
		s->icmp_in, s->icmp_bad, s->icmp_echo_in, s->icmp_echo_reply_in, s->icmp_unreach_in, s->icmp_ttl_in, s->icmp_redirect_in);
	cprintf("  Sent: %u total, %u echo, %u echo reply, %u unreachable, %u time exceeded\n\n", s->icmp_out, s->icmp_echo_out,
		s->icmp_echo_reply_out, s->icmp_unreach_out, s->icmp_ttl_out);
	cprintf("UDP statistics:\n  Rcvd: %u total, %u checksum or length errors, %u no port\n\n", s->udp_in, s->udp_bad, s->udp_no_port);
	cprintf("TCP statistics:\n  Rcvd: %u total, no service is offered\n  Sent: %u resets\n", s->tcp_in, s->tcp_rst_out);
}

static void show_running(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);
	static char *buf;
	u32 size = 0x40000;
	size_t n;

	if (!buf)
		buf = boot_alloc(size, 4);
	cprintf("Building configuration...\n\n");
	term_capture(buf, size - 1);
	if (m && m->ifp)
		config_write_interface(m->ifp);
	else
		config_write();
	n = term_capture_end();
	buf[n] = 0;
	cprintf("Current configuration : %u bytes\n", n);
	cputs(buf);
	if (m)
		cputs("end\n");
	cputs("\n");
}

static void show_startup(struct cmd *c UNUSED)
{
	static char *buf;
	u32 size = 0x40000;
	int n;

	if (!buf)
		buf = boot_alloc(size, 4);
	n = nvram_read_config(buf, size - 1);
	if (n < 0) {
		cprintf("%% startup-config has a bad checksum or format\n");
		return;
	}
	if (n == 0) {
		cprintf("startup-config is not present\n");
		return;
	}
	buf[n] = 0;
	cprintf("Using %d out of %u bytes\n", n, nvram_config_space());
	cputs(buf);
	if (buf[n - 1] != '\n')
		cputs("\n");
}

/* DS1216 in byte 3 of the NVRAM: a 64-bit key in, 64 bits of BCD out, one bit
 * an access (c7200 reference, 9.2). */
static int read_calendar(u8 *bcd)
{
	static const u8 key[8] = { 0xc5, 0x3a, 0xa3, 0x5c, 0xc5, 0x3a, 0xa3, 0x5c };
	u32 port = KSEG1(machine.board->nvram + 3), i;

	for (i = 0; i < 64; i++)
		io_w8(port, key[i / 8] >> i % 8 & 1);
	for (i = 0; i < 64; i++) {
		if (i % 8 == 0)
			bcd[i / 8] = 0;
		bcd[i / 8] |= (u8)((io_r8(port) & 1) << i % 8);
	}
	return (bcd[6] >> 4) * 10 + (bcd[6] & 15) >= 1 && (bcd[6] >> 4) * 10 + (bcd[6] & 15) <= 12;
}

static void show_clock(struct cmd *c UNUSED)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	u8 b[8];
	u32 v[8], i, year;

	if (!read_calendar(b)) {
		cprintf("%% The calendar is not set\n");
		return;
	}
	for (i = 0; i < 8; i++)
		v[i] = (b[i] >> 4) * 10u + (b[i] & 15);
	/* Years since 1900, of which a real chip keeps two digits. */
	year = v[7] >= 100 ? 1900 + v[7] : v[7] >= 70 ? 1900 + v[7] : 2000 + v[7];
	cprintf("%02u:%02u:%02u.%02u0 UTC %s %s %u %u\n", v[3], v[2], v[1], v[0], days[v[4] % 7], months[v[6] - 1], v[5], year);
}

static void show_controllers(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	for (struct iface *i = iface_list; i && !term_quit(); i = i->next)
		if (i->port && (!m || m->ifp == i)) {
			cprintf("Interface %s\n", i->name);
			i->port->ops->show(i->port);
		}
}

static void show_hex(const char *title, const u8 *d, u32 n)
{
	cprintf("%s\n", title);
	for (u32 i = 0; i < n; i += 16) {
		cprintf("  0x%02x:", i);
		for (u32 j = i; j < i + 16 && j < n; j++)
			cprintf(" %02X", d[j]);
		cprintf("\n");
	}
}

static void show_diag(struct cmd *c UNUSED)
{
	for (u32 s = 0; s < machine.board->nslots && !term_quit(); s++) {
		char title[80];

		if (!cards[s].present)
			continue;
		snprintf(title, sizeof(title), "Slot %u: %s, %s\n  EEPROM contents:", s, cards[s].name, cards[s].long_name);
		show_hex(title, cards[s].eeprom, cards[s].eeprom[0] == 1 ? 32 : 128);
	}
}

static void show_c7200(struct cmd *c UNUSED)
{
	show_hex("Midplane EEPROM:", machine.midplane, sizeof(machine.midplane));
	show_hex("CPU EEPROM:", machine.cpu_eeprom, sizeof(machine.cpu_eeprom));
}

static void show_pci(struct cmd *c UNUSED)
{
	pci_show();
}

static void show_buffers(struct cmd *c UNUSED)
{
	cprintf("Buffer elements:\nSmall buffers, %u bytes (total %u):\n     %u in free list\n", PKT_SMALL, pkt_total(0), pkt_free_count(0));
	cprintf("Huge buffers, %u bytes (total %u):\n     %u in free list\n", PKT_HUGE, pkt_total(1), pkt_free_count(1));
}

static void show_memory(struct cmd *c UNUSED)
{
	u32 total = machine.ram_size, used = boot_alloc_used();

	cprintf("              Total(b)     Used(b)     Free(b)\nProcessor  %11u %11u %11u\n", total, used, total - used);
}

static void show_fr(struct cmd *c)
{
	if (c->tag == 0)
		fr_show_map();
	else if (c->tag == 1)
		fr_show_pvc();
	else
		fr_show_lmi();
}

static void show_atm(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	if (c->tag)
		atm_show_map();
	else
		atm_show_pvc(m != NULL, m ? m->num >> 16 : 0, m ? m->num & 0xffff : 0);
}

static void show_misc(struct cmd *c)
{
	if (c->tag == 0)
		cli_show_history();
	else if (c->tag == 1)
		log_show();
	else if (c->tag == 2)
		cprintf("Line con 0, Length: %u lines, Width: %u columns\nUser has been at privilege level %u\n", term_length, term_width,
			cli_mode == MODE_USER ? 1 : 15);
	else
		cprintf("Current privilege level is %u\n", cli_mode == MODE_USER ? 1 : 15);
}

void show_init(void)
{
	cmd_register(M_EXEC, show_version, 0, "show=Show running system information;version=System hardware and software status");
	cmd_register(M_EXEC, show_ip_interface_brief, 0,
		     "show;ip=IP information;interface=IP interface status and configuration;brief=Brief summary of IP status and configuration");
	cmd_register(M_EXEC, show_ip_interface, 0, "show;ip;interface");
	cmd_register(M_EXEC, show_ip_interface, 0, "show;ip;interface;%if");
	cmd_register(M_EXEC, show_ip_route, 0, "show;ip;route=IP routing table");
	cmd_register(M_EXEC, show_ip_route, 0, "show;ip;route;%ip=Network to display information about");
	cmd_register(M_EXEC, show_arp, 0, "show;ip;arp=IP ARP table");
	cmd_register(M_EXEC, show_arp, 0, "show;ip;arp;%if");
	cmd_register(M_EXEC, show_ip_traffic, 0, "show;ip;traffic=IP protocol statistics");
	cmd_register(M_EXEC, show_arp, 0, "show;arp=ARP table");
	cmd_register(M_EXEC, show_interfaces, 0, "show;interfaces=Interface status and configuration");
	cmd_register(M_EXEC, show_interfaces, 0, "show;interfaces;%if");
	cmd_register(M_EXEC, show_interfaces_description, 0, "show;interfaces;description=Show interface description");
	cmd_register(M_PRIV, show_running, 0, "show;running-config=Current operating configuration");
	cmd_register(M_PRIV, show_running, 0, "show;running-config;interface=Show interface configuration;%if");
	cmd_register(M_PRIV, show_running, 0, "write;terminal=Write to terminal");
	cmd_register(M_PRIV, show_startup, 0, "show;startup-config=Contents of startup configuration");
	cmd_register(M_EXEC, show_clock, 0, "show;clock=Display the system clock");
	cmd_register(M_EXEC, show_controllers, 0, "show;controllers=Interface controller status");
	cmd_register(M_EXEC, show_controllers, 0, "show;controllers;%if");
	cmd_register(M_PRIV, show_diag, 0, "show;diag=Show diagnostic information for port adapters/modules");
	cmd_register(M_PRIV, show_c7200, 0, "show;c7200=Show c7200 information");
	cmd_register(M_EXEC, show_pci, 0, "show;pci=PCI Information");
	cmd_register(M_EXEC, show_buffers, 0, "show;buffers=Buffer pool statistics");
	cmd_register(M_EXEC, show_memory, 0, "show;memory=Memory statistics");
	cmd_register(M_EXEC, show_fr, 0, "show;frame-relay=Frame-Relay information;map=Frame-Relay map table");
	cmd_register(M_EXEC, show_fr, 1, "show;frame-relay;pvc=show frame relay pvc statistics");
	cmd_register(M_EXEC, show_fr, 2, "show;frame-relay;lmi=show frame relay lmi statistics");
	cmd_register(M_EXEC, show_atm, 0, "show;atm=ATM information;pvc=ATM PVC information");
	cmd_register(M_EXEC, show_atm, 0, "show;atm;pvc;%vc=VPI/VCI of the PVC");
	cmd_register(M_EXEC, show_atm, 0, "show;atm;vc=ATM VC information");
	cmd_register(M_EXEC, show_atm, 1, "show;atm;map=ATM static mapping");
	cmd_register(M_EXEC, show_misc, 0, "show;history=Display the session command history");
	cmd_register(M_EXEC, show_misc, 1, "show;logging=Show the contents of logging buffers");
	cmd_register(M_EXEC, show_misc, 2, "show;terminal=Display terminal configuration parameters");
	cmd_register(M_EXEC, show_misc, 3, "show;privilege=Show current privilege level");
}
