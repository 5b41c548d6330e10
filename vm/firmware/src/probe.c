#include "cli.h"
#include "term.h"

/* ping and traceroute: they wait in the foreground while the scheduler runs,
 * and hear of answers through probe_reply. */
static struct {
	int active, answered;
	u16 id, seq;
	u32 dst, dport, code, from, at_ms, got_len;
	enum reply_kind kind;
} probe;

void probe_reply(enum reply_kind kind, u32 from, u32 code, u16 id, u16 seq, u32 quoted_dst, u16 quoted_dport)
{
	if (!probe.active || probe.answered || id != probe.id)
		return;
	if (probe.dport ? quoted_dport != probe.dport || quoted_dst != probe.dst : seq != probe.seq)
		return;
	if (kind == REPLY_ECHO && probe.dport)
		return;
	probe.answered = 1;
	probe.kind = kind;
	probe.from = from;
	probe.code = code;
	probe.at_ms = time_ms();
}

static int interrupted;

static void await(u32 start, u32 timeout_ms)
{
	while (!probe.answered && time_ms() - start < timeout_ms) {
		if (cli_interrupted()) {
			interrupted = 1;
			break;
		}
		sched_wait();
	}
}

static u16 next_ident(void)
{
	static u16 id;

	return ++id;
}

static char ping_char(void)
{
	if (!probe.answered)
		return '.';
	switch (probe.kind) {
	case REPLY_ECHO:
		return '!';
	case REPLY_TTL:
		return '&';
	case REPLY_QUENCH:
		return 'Q';
	default:
		return probe.code == ICMP_UNREACH_FRAG ? 'M' : 'U';
	}
}

void ping_run(const struct ping_args *a)
{
	u32 sent = 0, good = 0, min = 0xffffffff, max = 0, sum = 0, size = a->size;

	interrupted = 0;
	cprintf("\nType escape sequence to abort.\n");
	if (a->sweep_step)
		cprintf("Sending %u, [%u..%u]-byte ICMP Echos to %s, timeout is %u seconds:\n", a->count, a->sweep_min,
			a->sweep_max, ip_str(a->dst), a->timeout);
	else
		cprintf("Sending %u, %u-byte ICMP Echos to %s, timeout is %u seconds:\n", a->count, a->size, ip_str(a->dst),
			a->timeout);
	if (a->src)
		cprintf("Packet sent with a source address of %s \n", ip_str(a->src));
	if (a->df)
		cprintf("Packet sent with the DF bit set\n");
	memset(&probe, 0, sizeof(probe));
	probe.id = next_ident();
	probe.dst = a->dst;
	if (a->sweep_step)
		size = a->sweep_min;
	for (u32 i = 0; i < a->count && !interrupted; i++) {
		u32 start = time_ms(), rtt;

		probe.seq = (u16)i;
		probe.answered = 0;
		probe.active = 1;
		sent++;
		if (!icmp_send_echo(a->src, a->dst, probe.id, probe.seq, size, (int)a->df, 255, a->pattern, a->tos) && a->df)
			probe.answered = 1, probe.kind = REPLY_UNREACH, probe.code = ICMP_UNREACH_FRAG;
		await(start, a->timeout * 1000);
		probe.active = 0;
		if (interrupted)
			break;
		rtt = probe.at_ms - start;
		if (probe.answered && probe.kind == REPLY_ECHO) {
			good++;
			sum += rtt;
			if (rtt < min)
				min = rtt;
			if (rtt > max)
				max = rtt;
		}
		if (a->verbose && probe.answered && probe.kind == REPLY_ECHO)
			cprintf("Reply to request %u (%u ms)\n", i, rtt);
		else if (a->verbose)
			cprintf("Request %u %s\n", i, probe.answered ? "failed" : "timed out");
		else
			cprintf("%c%s", ping_char(), i % 70 == 69 ? "\n" : "");
		/* An error that comes at once must not turn into a flood. */
		if (probe.answered && probe.kind != REPLY_ECHO && !a->timeout)
			sched_wait();
		if (a->sweep_step) {
			size += a->sweep_step;
			if (size > a->sweep_max)
				size = a->sweep_min;
		}
	}
	cprintf("\nSuccess rate is %u percent (%u/%u)", sent ? good * 100 / sent : 0, good, sent);
	if (good)
		cprintf(", round-trip min/avg/max = %u/%u/%u ms", min, sum / good, max);
	cprintf("\n");
}

void traceroute_run(u32 dst, u32 src, u32 probes, u32 timeout, u32 min_ttl, u32 max_ttl, u16 port, int numeric UNUSED)
{
	int done = 0;
	u16 dport = port;

	interrupted = 0;
	cprintf("\nType escape sequence to abort.\nTracing the route to %s\n\n", ip_str(dst));
	memset(&probe, 0, sizeof(probe));
	for (u32 ttl = min_ttl; ttl <= max_ttl && !done && !interrupted; ttl++) {
		u32 last = 0;

		cprintf("%3u ", ttl);
		for (u32 i = 0; i < probes && !interrupted; i++) {
			u32 start;

			probe.id = (u16)(0xc000 | (random32() & 0x3fff));
			probe.dst = dst;
			probe.dport = dport;
			probe.answered = 0;
			probe.active = 1;
			start = time_ms();
			udp_send_probe(src, dst, probe.id, dport, ttl);
			dport++;
			await(start, timeout * 1000);
			probe.active = 0;
			if (interrupted)
				break;
			if (!probe.answered) {
				cprintf(" * ");
				continue;
			}
			if (probe.from != last)
				cprintf("%s%s ", last ? "\n    " : "", ip_str(probe.from));
			last = probe.from;
			if (probe.kind == REPLY_TTL) {
				cprintf("%u msec ", probe.at_ms - start);
				continue;
			}
			done = 1;
			if (probe.code == ICMP_UNREACH_PORT)
				cprintf("%u msec ", probe.at_ms - start);
			else
				cprintf("!%c ", probe.code == ICMP_UNREACH_NET ? 'N' : probe.code == ICMP_UNREACH_PROTO ? 'P' : 'H');
		}
		cprintf("\n");
	}
	probe.dport = 0;
}
