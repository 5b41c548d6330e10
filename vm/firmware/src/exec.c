#include "cli.h"
#include "cpu.h"
#include "md5.h"
#include "term.h"

/* Exec commands other than show. */

static void do_enable(struct cmd *c UNUSED)
{
	char answer[64];

	if (cli_mode == MODE_PRIV)
		return;
	if (enable_password[0] || enable_secret[0]) {
		int tries;

		for (tries = 0; tries < 3; tries++) {
			cli_ask("Password: ", answer, sizeof(answer), 0);
			if (enable_secret[0] ? md5_crypt_matches(answer, enable_secret) : strcmp(answer, enable_password) == 0)
				break;
		}
		if (tries == 3) {
			cprintf("%% Bad passwords\n\n");
			return;
		}
	}
	cli_set_mode(MODE_PRIV);
}

static void do_disable(struct cmd *c UNUSED)
{
	cli_set_mode(MODE_USER);
}

static void do_exit(struct cmd *c UNUSED)
{
	cli_logout();
}

static void do_configure(struct cmd *c)
{
	if (!cmd_has(c, "terminal")) {
		char answer[32];

		if (!cli_ask("Configuring from terminal, memory, or network [terminal]? ", answer, sizeof(answer), 1))
			return;
		if (answer[0] && strncasecmp("terminal", answer, strlen(answer)) != 0) {
			cprintf("?Must be \"terminal\"\n");
			return;
		}
	}
	cprintf("Enter configuration commands, one per line.  End with CNTL/Z.\n");
	cli_set_mode(MODE_CONFIG);
}

static int is_yes(const char *s, int dflt)
{
	if (!s[0])
		return dflt;
	return strncasecmp("yes", s, strlen(s)) == 0;
}

static void do_write_memory(struct cmd *c UNUSED)
{
	cprintf("Building configuration...\n");
	if (config_save()) {
		cprintf("[OK]\n");
		config_modified = 0;
	} else {
		cprintf("%% The configuration does not fit into NVRAM (%u bytes there)\n[Failed]\n", nvram_config_space());
	}
}

static void do_copy_run_start(struct cmd *c)
{
	char answer[64];

	if (!cli_ask("Destination filename [startup-config]? ", answer, sizeof(answer), 1))
		return;
	if (answer[0] && strcmp(answer, "startup-config") != 0) {
		cprintf("%%Error opening nvram:%s (only startup-config is stored)\n", answer);
		return;
	}
	do_write_memory(c);
}

static char *config_buffer(u32 *size)
{
	static char *buf;

	*size = 0x40000;
	if (!buf)
		buf = boot_alloc(*size, 4);
	return buf;
}

static const char *config_at, *config_end;

int config_next_line(char *d, size_t size)
{
	const char *start = config_at;
	size_t n;

	if (start >= config_end)
		return 0;
	while (config_at < config_end && *config_at != '\n')
		config_at++;
	n = (size_t)(config_at++ - start);
	if (n >= size)
		n = size - 1;
	memcpy(d, start, n);
	d[n] = 0;
	if (n && d[n - 1] == '\r')
		d[n - 1] = 0;
	return 1;
}

static void run_lines(const char *text, int len)
{
	char line[256];
	enum mode saved = cli_mode;

	cli_from_nvram = 1;
	cli_set_mode(MODE_CONFIG);
	config_at = text;
	config_end = text + len;
	while (config_next_line(line, sizeof(line))) {
		cli_execute(line);
		if (cli_mode < MODE_CONFIG)
			cli_set_mode(MODE_CONFIG);
	}
	cli_from_nvram = 0;
	cli_set_mode(saved);
}

static void do_copy_start_run(struct cmd *c UNUSED)
{
	u32 size;
	char *buf = config_buffer(&size), answer[64];
	int len;

	if (!cli_ask("Destination filename [running-config]? ", answer, sizeof(answer), 1))
		return;
	len = nvram_read_config(buf, size - 1);
	if (len <= 0) {
		cprintf("%%Error opening nvram:startup-config (%s)\n", len ? "bad checksum or format" : "No such file");
		return;
	}
	run_lines(buf, len);
	cprintf("%d bytes copied\n", len);
}

static void do_erase(struct cmd *c UNUSED)
{
	char answer[16];

	if (!cli_ask("Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]", answer,
		     sizeof(answer), 1) || !is_yes(answer, 1))
		return;
	if (!nvram_erase()) {
		cprintf("%% No NVRAM\n");
		return;
	}
	cprintf("[OK]\nErase of nvram: complete\n");
	log_msg("%%SYS-7-NV_BLOCK_INIT: Initialized the geometry of nvram");
}

static void do_reload(struct cmd *c UNUSED)
{
	char answer[16];

	if (config_modified) {
		for (;;) {
			if (!cli_ask("\nSystem configuration has been modified. Save? [yes/no]: ", answer, sizeof(answer), 1))
				return;
			if (answer[0] && (is_yes(answer, 0) || strncasecmp("no", answer, strlen(answer)) == 0))
				break;
			cprintf("%% Please answer 'yes' or 'no'.\n");
		}
		if (is_yes(answer, 0))
			do_write_memory(c);
	}
	if (!cli_ask("Proceed with reload? [confirm]", answer, sizeof(answer), 1) || !is_yes(answer, 1))
		return;
	log_msg("%%SYS-5-RELOAD: Reload requested by console. Reload Reason: Reload Command.");
	machine_reload();
}

/* A destination: there are no name servers here. */
static int parse_host(const char *s, u32 *ip)
{
	if (ip_parse(s, ip))
		return 1;
	cprintf("%% Unrecognized host or address: %s (an address A.B.C.D is needed)\n", s);
	return 0;
}

static int source_of(const struct match *m, u32 *src)
{
	struct iface *ifp;

	if (ip_parse(m->text, src)) {
		ifp = iface_by_ip(*src);
		if (ifp && ifp->proto)
			return 1;
		cprintf("%% Invalid source address- IP address not on any of our up interfaces\n");
		return 0;
	}
	ifp = m->ifp ? m->ifp : iface_by_name(m->text);
	if (ifp && ifp->ip && ifp->proto) {
		*src = ifp->ip;
		return 1;
	}
	cprintf("%% Invalid source interface - no IP address there, or not up\n");
	return 0;
}

#define PING_MIN 36u
#define PING_MAX 18024u

static void do_ping(struct cmd *c)
{
	struct ping_args a = { .count = 5, .size = 100, .timeout = 2, .pattern = 0xabcd };
	const struct match *m;

	m = cmd_param(c, 0);
	if (m && !parse_host(m->text, &a.dst))
		return;
	if ((m = cmd_after(c, "repeat")))
		a.count = m->num;
	if ((m = cmd_after(c, "size")))
		a.size = m->num;
	if ((m = cmd_after(c, "timeout")))
		a.timeout = m->num;
	if ((m = cmd_after(c, "data")))
		a.pattern = m->num;
	if ((m = cmd_after(c, "source")) && !source_of(m, &a.src))
		return;
	a.df = cmd_has(c, "df-bit");
	ping_run(&a);
}

/* One question of the extended dialogue, with a default. */
static int ask_number(const char *what, u32 *v, u32 lo, u32 hi)
{
	char prompt[80], answer[32];

	for (;;) {
		snprintf(prompt, sizeof(prompt), "%s [%u]: ", what, *v);
		if (!cli_ask(prompt, answer, sizeof(answer), 1))
			return 0;
		if (!answer[0] || (parse_u32(answer, v) && *v >= lo && *v <= hi))
			return 1;
		cprintf("%% A decimal number between %u and %u.\n", lo, hi);
	}
}

static int ask_yes(const char *what, u32 *v)
{
	char answer[16];

	if (!cli_ask(what, answer, sizeof(answer), 1))
		return 0;
	*v = (u32)is_yes(answer, (int)*v);
	return 1;
}

static void do_ping_dialogue(struct cmd *c UNUSED)
{
	struct ping_args a = { .count = 5, .size = 100, .timeout = 2, .pattern = 0xabcd };
	struct match m;
	char answer[64];
	u32 extended = 0, sweep = 0;

	memset(&m, 0, sizeof(m));
	if (!cli_ask("Protocol [ip]: ", answer, sizeof(answer), 1))
		return;
	if (answer[0] && strcasecmp(answer, "ip") != 0) {
		cprintf("%% Unknown protocol - \"%s\", type \"ip\"\n", answer);
		return;
	}
	if (!cli_ask("Target IP address: ", answer, sizeof(answer), 1) || !parse_host(answer, &a.dst))
		return;
	if (!ask_number("Repeat count", &a.count, 1, 0x7fffffff) || !ask_number("Datagram size", &a.size, PING_MIN, PING_MAX) ||
	    !ask_number("Timeout in seconds", &a.timeout, 0, 3600) || !ask_yes("Extended commands [n]: ", &extended))
		return;
	if (extended) {
		if (!cli_ask("Source address or interface: ", answer, sizeof(answer), 1))
			return;
		m.text = answer;
		if (answer[0] && !source_of(&m, &a.src))
			return;
		if (!ask_number("Type of service", &a.tos, 0, 255) || !ask_yes("Set DF bit in IP header? [no]: ", &a.df) ||
		    !ask_yes("Verbose? [no]: ", &a.verbose))
			return;
	}
	if (!ask_yes("Sweep range of sizes [n]: ", &sweep))
		return;
	if (sweep) {
		a.sweep_min = PING_MIN;
		a.sweep_max = PING_MAX;
		a.sweep_step = 1;
		if (!ask_number("Sweep min size", &a.sweep_min, PING_MIN, PING_MAX) ||
		    !ask_number("Sweep max size", &a.sweep_max, a.sweep_min, PING_MAX) ||
		    !ask_number("Sweep interval", &a.sweep_step, 1, PING_MAX))
			return;
	}
	ping_run(&a);
}

static void do_traceroute(struct cmd *c)
{
	u32 dst, src = 0;
	const struct match *m = cmd_param(c, 0);
	u32 probes = 3, timeout = 3, min_ttl = 1, max_ttl = 30;

	if (!parse_host(m->text, &dst))
		return;
	if ((m = cmd_after(c, "source")) && !source_of(m, &src))
		return;
	if ((m = cmd_after(c, "probe")))
		probes = m->num;
	if ((m = cmd_after(c, "timeout")))
		timeout = m->num;
	if ((m = cmd_after(c, "ttl"))) {
		min_ttl = m[0].num;
		max_ttl = m[1].num;
	}
	traceroute_run(dst, src, probes, timeout, min_ttl, max_ttl, 33434, 1);
}

static void do_terminal(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);

	if (c->tag == 0)
		term_length = m ? m->num : 24;
	else if (c->tag == 1)
		term_width = m ? m->num : 80;
	else
		log_console = !cmd_has(c, "no");
}

static void do_clear(struct cmd *c)
{
	const struct match *m = cmd_param(c, 0);
	char answer[16];

	switch (c->tag) {
	case 0:
		if (!cli_ask(m ? "Clear \"show interface\" counters on this interface [confirm]" :
			     "Clear \"show interface\" counters on all interfaces [confirm]", answer, sizeof(answer), 1) ||
		    !is_yes(answer, 1))
			return;
		for (struct iface *i = iface_list; i; i = i->next)
			if (!m || m->ifp == i)
				iface_clear_counters(i);
		log_msg("%%CLEAR-5-COUNTERS: Clear counter on %s by console", m && m->ifp ? m->ifp->name : "all interfaces");
		break;
	case 1:
		arp_flush(NULL);
		for (struct iface *i = iface_list; i; i = i->next)
			if (i->proto)
				arp_announce(i);
		break;
	case 2:
		fr_clear_inarp();
		break;
	case 5:
		atm_clear_inarp();
		break;
	case 3:
		log_clear();
		break;
	case 4:
		memset(&ip_stats, 0, sizeof(ip_stats));
		break;
	}
}

void exec_init(void)
{
	cmd_register(M_EXEC, do_enable, 0, "enable=Turn on privileged commands");
	cmd_register(M_EXEC, do_disable, 0, "disable=Turn off privileged commands");
	cmd_register(M_EXEC, do_exit, 0, "exit=Exit from the EXEC");
	cmd_register(M_EXEC, do_exit, 0, "logout=Exit from the EXEC");
	cmd_register(M_EXEC, do_exit, 0, "quit=Exit from the EXEC");
	cmd_register(M_PRIV, do_configure, 0, "configure=Enter configuration mode");
	cmd_register(M_PRIV, do_configure, 0, "configure;terminal=Configure from the terminal");
	cmd_register(M_PRIV, do_write_memory, 0, "write=Write running configuration to memory or terminal");
	cmd_register(M_PRIV, do_write_memory, 0, "write;memory=Write to NV memory");
	cmd_register(M_PRIV, do_erase, 0, "write;erase=Erase NV memory");
	cmd_register(M_PRIV, do_erase, 0, "erase=Erase a filesystem;startup-config=Erase contents of configuration memory");
	cmd_register(M_PRIV, do_erase, 0, "erase;nvram:=Filesystem to be erased");
	cmd_register(M_PRIV, do_copy_run_start, 0,
		     "copy=Copy from one file to another;running-config=Copy from current system configuration;startup-config=Copy to startup configuration");
	cmd_register(M_PRIV, do_copy_start_run, 0,
		     "copy;startup-config=Copy from startup configuration;running-config=Update (merge with) current system configuration");
	cmd_register(M_PRIV, do_reload, 0, "reload=Halt and perform a cold restart");

	cmd_register(M_PRIV, do_ping_dialogue, 0, "ping=Send echo messages");
	for (int ip = 0; ip < 2; ip++) {
		static const char *const options[] = {
			"data=specify data pattern;%hex=Data pattern;*",
			"df-bit=enable do not fragment bit in IP header;*",
			"repeat=specify repeat count;%num:1:2147483647=Repeat count;*",
			"size=specify datagram size;%num:36:18024=Datagram size;*",
			"source=specify source address or name;%if=Source interface;*",
			"source;%word=Source address;*",
			"timeout=specify timeout interval;%num:0:3600=Seconds;*",
		};
		char text[256];

		snprintf(text, sizeof(text), "ping;%s%%word=Ping destination address", ip ? "ip=IP echo;" : "");
		cmd_register(M_EXEC, do_ping, 0, text);
		for (size_t i = 0; i < ARRAY_LEN(options); i++) {
			snprintf(text, sizeof(text), "ping;%s%%word;^;%s", ip ? "ip;" : "", options[i]);
			cmd_register(M_EXEC, do_ping, 0, text);
		}
	}
	cmd_register(M_EXEC, do_traceroute, 0, "traceroute=Trace route to destination;%word=Trace route to destination address");
	cmd_register(M_EXEC, do_traceroute, 0, "traceroute;%word;^;source=specify source address or name;%if=Source interface;*");
	cmd_register(M_EXEC, do_traceroute, 0, "traceroute;%word;^;source;%word=Source address;*");
	cmd_register(M_EXEC, do_traceroute, 0, "traceroute;%word;^;probe=specify number of probes per hop;%num:1:100=Probes;*");
	cmd_register(M_EXEC, do_traceroute, 0, "traceroute;%word;^;timeout=specify time out;%num:1:3600=Seconds;*");
	cmd_register(M_EXEC, do_traceroute, 0,
		     "traceroute;%word;^;ttl=specify minimum and maximum ttl;%num:1:255=minimum ttl;%num:1:255=maximum ttl;*");
	cmd_register(M_EXEC, do_terminal, 0, "terminal=Set terminal line parameters;length=Set number of lines on a screen;%num:0:512=Number of lines on screen (0 for no pausing)");
	cmd_register(M_EXEC, do_terminal, 1, "terminal;width=Set width of the display terminal;%num:0:512=Number of characters on a screen line");
	cmd_register(M_EXEC, do_terminal, 0, "terminal;no=Negate a command or set its defaults;length");
	cmd_register(M_EXEC, do_terminal, 2, "terminal;monitor=Copy log output to the current terminal line");
	cmd_register(M_EXEC, do_terminal, 2, "terminal;no;monitor=Copy log output to the current terminal line");
	cmd_register(M_PRIV, do_clear, 0, "clear=Reset functions;counters=Clear counters on one or all interfaces");
	cmd_register(M_PRIV, do_clear, 0, "clear;counters;%if");
	cmd_register(M_PRIV, do_clear, 1, "clear;arp-cache=Clear the entire ARP cache");
	cmd_register(M_PRIV, do_clear, 1, "clear;arp=Clear the entire ARP cache");
	cmd_register(M_PRIV, do_clear, 5, "clear;atm=Clear ATM information;inarp=Clear Inverse ARP entries");
	cmd_register(M_PRIV, do_clear, 2, "clear;frame-relay=Clear Frame Relay information;inarp=Clear Inverse ARP entries from the map table");
	cmd_register(M_PRIV, do_clear, 2, "clear;frame-relay-inarp=Clear Inverse ARP entries from the map table");
	cmd_register(M_PRIV, do_clear, 3, "clear;logging=Clear logging buffer");
	cmd_register(M_PRIV, do_clear, 4, "clear;ip=IP;traffic=Clear IP traffic statistics");
}

void config_load(void)
{
	u32 size;
	char *buf = config_buffer(&size);
	int len;

	/* Bit 6 of the configuration register: ignore NVRAM. */
	if (machine.confreg & 0x0040)
		return;
	len = nvram_read_config(buf, size - 1);
	if (len < 0) {
		cprintf("\n%%SYS-4-NVCONFIG: the startup configuration has a bad checksum or format and is ignored\n");
		return;
	}
	if (len == 0)
		return;
	config_booting = 1;
	run_lines(buf, len);
	config_booting = 0;
	for (struct iface *i = iface_list; i; i = i->next)
		if (i->boot_up)
			iface_set_shutdown(i, 0);
}

int config_save(void)
{
	u32 size;
	char *buf = config_buffer(&size);
	size_t len;

	term_capture(buf, size);
	config_write();
	len = term_capture_end();
	return len < size && nvram_write_config(buf, (u32)len);
}
