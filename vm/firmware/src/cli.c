#include "cli.h"
#include "term.h"

/* The command interpreter: a tree of words built at boot, matched by
 * unambiguous abbreviation, and the line editor in front of it. */

enum mode cli_mode = MODE_USER;
struct iface *cli_iface;
struct atm_vc *cli_vc;
char hostname[64] = "Router";
int config_modified;
int cli_from_nvram;

static struct node root;

/* --- the tree --- */

static const char *store(const char *s, size_t n)
{
	char *d = boot_alloc(n + 1, 1);

	memcpy(d, s, n);
	d[n] = 0;
	return d;
}

static void describe(struct node *n, const char *w, size_t len)
{
	static const struct { const char *name; enum token type; const char *shown; } params[] = {
		{ "%ip", T_IP, "A.B.C.D" }, { "%num", T_NUM, NULL }, { "%word", T_WORD, "WORD" },
		{ "%line", T_LINE, "LINE" }, { "%if", T_IFACE, "" }, { "%mac", T_MAC, "H.H.H" },
		{ "%hex", T_HEX, "<0x0-0xFFFF>" }, { "%vc", T_VC, "VPI/VCI" }, { "%name", T_NAME, "WORD" },
	};
	char text[32], *p;

	if (w[0] != '%') {
		n->kw = store(w, len);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(params); i++) {
		size_t l = strlen(params[i].name);

		if (strncmp(w, params[i].name, l) != 0 || (len != l && w[l] != ':'))
			continue;
		n->type = params[i].type;
		n->kw = params[i].shown;
		if (n->type != T_NUM)
			return;
		for (p = (char *)w + l + 1; is_digit(*p); p++)
			n->lo = n->lo * 10 + (u32)(*p - '0');
		for (p++; is_digit(*p); p++)
			n->hi = n->hi * 10 + (u32)(*p - '0');
		snprintf(text, sizeof(text), "<%u-%u>", n->lo, n->hi);
		n->kw = store(text, strlen(text));
		return;
	}
}

static struct node *child_of(struct node *parent, const char *w, size_t len, const char *help, size_t hlen)
{
	struct node probe, *n, **p;

	memset(&probe, 0, sizeof(probe));
	describe(&probe, w, len);
	for (p = &parent->child; *p; p = &(*p)->next) {
		int order = (*p)->type == T_KEYWORD && probe.type == T_KEYWORD ? strcmp((*p)->kw, probe.kw) :
			(int)((*p)->type != T_KEYWORD) - (int)(probe.type != T_KEYWORD);

		if ((*p)->type == probe.type && strcmp((*p)->kw, probe.kw) == 0) {
			if (hlen && !(*p)->help[0])
				(*p)->help = store(help, hlen);
			return *p;
		}
		if (order > 0)
			break;
	}
	n = boot_alloc(sizeof(*n), 4);
	*n = probe;
	n->help = store(help, hlen);
	n->next = *p;
	*p = n;
	return n;
}

void cmd_register(u32 modes, void (*run)(struct cmd *), int tag, const char *pattern)
{
	struct node *n = &root, *anchor = NULL;
	const char *w = pattern;

	while (*w) {
		const char *end = strchr(w, ';'), *eq;
		size_t len, hlen = 0;

		if (!end)
			end = w + strlen(w);
		eq = w;
		while (eq < end && *eq != '=')
			eq++;
		len = (size_t)(eq - w);
		if (eq < end)
			hlen = (size_t)(end - eq - 1);
		if (len == 1 && *w == '*') {
			n->loop = anchor;
			break;
		}
		if (len == 1 && *w == '^') {
			/* Marks the node whose continuations may repeat. */
			anchor = n;
		} else {
			n = child_of(n, w, len, eq + (eq < end), hlen);
			n->modes |= modes;
		}
		w = *end ? end + 1 : end;
	}
	n->run = run;
	n->run_modes |= modes;
	n->tag = tag;
}

const struct match *cmd_param(const struct cmd *c, int n)
{
	for (int i = 0; i < c->n; i++)
		if (c->m[i].node->type != T_KEYWORD && n-- == 0)
			return &c->m[i];
	return NULL;
}

int cmd_has(const struct cmd *c, const char *kw)
{
	for (int i = 0; i < c->n; i++)
		if (c->m[i].node->type == T_KEYWORD && strcmp(c->m[i].node->kw, kw) == 0)
			return 1;
	return 0;
}

const struct match *cmd_after(const struct cmd *c, const char *kw)
{
	for (int i = 0; i + 1 < c->n; i++)
		if (c->m[i].node->type == T_KEYWORD && strcmp(c->m[i].node->kw, kw) == 0)
			return &c->m[i + 1];
	return NULL;
}

/* --- parsing --- */

#define LINE_MAX 256
static char words[LINE_MAX * 2];

enum outcome { P_OK, P_EMPTY, P_INVALID, P_AMBIGUOUS, P_INCOMPLETE };

struct parse {
	enum outcome outcome;
	int at;                    /* offset of the word that failed */
	const struct node *node;   /* last node reached */
	struct cmd cmd;
	char *next_word;
};

static const struct node *children(const struct node *n)
{
	return n->loop ? n->loop->child : n->child;
}

static int parse_mac(const char *s, u8 *mac)
{
	u32 v = 0, n = 0;

	for (; *s; s++) {
		int c = to_lower(*s);

		if (c == '.' || c == ':' || c == '-')
			continue;
		if (!is_digit(c) && (c < 'a' || c > 'f'))
			return 0;
		v = v << 4 | (u32)(is_digit(c) ? c - '0' : c - 'a' + 10);
		if (n >= 12)
			return 0;
		if (++n % 2 == 0) {
			mac[n / 2 - 1] = (u8)v;
			v = 0;
		}
	}
	return n == 12;
}

/* "VPI/VCI", or a VCI alone on path 0. */
static int parse_vc(const char *s, u32 *v)
{
	char path[8] = "0";
	const char *slash = strchr(s, '/');
	u32 vpi, vci;

	if (slash) {
		if (slash - s >= (int)sizeof(path))
			return 0;
		strlcpy(path, s, (size_t)(slash - s) + 1);
		s = slash + 1;
	}
	if (!parse_u32(path, &vpi) || !parse_u32(s, &vci) || vpi > ATM_MAX_VPI || !vci || vci > ATM_MAX_VCI)
		return 0;
	*v = vpi << 16 | vci;
	return 1;
}

/* Interface names may be split after the type; used tells how far they went.
 * A loopback that does not exist yet is created by the configuration only. */
static int parse_iface(const char *line, int at, struct match *m, int *used)
{
	char name[40];
	int i = at, n = 0;

	while (is_alpha(line[i]) && n < 30)
		name[n++] = line[i++];
	if (!n)
		return 0;
	while (line[i] == ' ')
		i++;
	if (!is_digit(line[i]))
		return 0;
	name[n] = 0;
	int letters = n;
	while (line[i] && line[i] != ' ' && n < 38)
		name[n++] = line[i++];
	name[n] = 0;
	*used = i;
	m->ifp = iface_by_name(name);
	m->num = 0;
	if (!m->ifp && letters >= 2 && strncasecmp("Loopback", name, (size_t)letters) == 0 && parse_u32(name + letters, &m->num)) {
		m->mac[0] = 1;        /* a loopback that could be made */
		return 1;
	}
	if (!m->ifp && letters >= 1 && strncasecmp("Null", name, (size_t)letters) == 0 && strcmp(name + letters, "0") == 0) {
		m->mac[0] = 2;
		return 1;
	}
	return m->ifp != NULL;
}

static int param_matches(const struct node *n, const char *word, const char *line, int at, struct match *m, int *used)
{
	m->num = 0;
	m->ifp = NULL;
	memset(m->mac, 0, sizeof(m->mac));
	switch (n->type) {
	case T_IP:
		return ip_parse(word, &m->num);
	case T_NUM:
		return parse_u32(word, &m->num) && m->num >= n->lo && m->num <= n->hi;
	case T_HEX:
		return parse_hex(word[0] == '0' && to_lower(word[1]) == 'x' ? word + 2 : word, &m->num) && m->num <= 0xffff;
	case T_MAC:
		return parse_mac(word, m->mac);
	case T_IFACE:
		return parse_iface(line, at, m, used);
	case T_VC:
		return parse_vc(word, &m->num);
	case T_NAME:
		return is_alpha(word[0]) && !strchr(word, '/');
	case T_WORD:
	case T_LINE:
		return 1;
	default:
		return 0;
	}
}

/* Finds the child that a word means. Exact keyword, then unique abbreviation,
 * then parameters in the order of the tree. */
static enum outcome choose(const struct node *n, u32 mode, const char *word, const char *line, int at, struct match *m,
			   int *used)
{
	const struct node *found = NULL;
	int count = 0;

	for (const struct node *c = children(n); c; c = c->next) {
		if (!(c->modes & mode) || c->type != T_KEYWORD || strncasecmp(c->kw, word, strlen(word)) != 0)
			continue;
		if (strlen(c->kw) == strlen(word)) {
			m->node = c;
			return P_OK;
		}
		found = c;
		count++;
	}
	if (count == 1) {
		m->node = found;
		return P_OK;
	}
	for (const struct node *c = children(n); c; c = c->next)
		if ((c->modes & mode) && c->type != T_KEYWORD && param_matches(c, word, line, at, m, used)) {
			/* A bare word never hides an ambiguous keyword. */
			if (count > 1 && (c->type == T_WORD || c->type == T_NAME || c->type == T_LINE))
				continue;
			m->node = c;
			return P_OK;
		}
	return count > 1 ? P_AMBIGUOUS : P_INVALID;
}

/* Walks the words of line up to offset end (help and completion leave the
 * last word out). */
static void walk(struct parse *p, const char *line, int end, u32 mode)
{
	const struct node *n = &root;
	char *w = words;
	int i = 0;

	memset(&p->cmd, 0, sizeof(p->cmd));
	p->outcome = P_OK;
	for (;;) {
		struct match *m;
		int start, used = 0;

		while (i < end && line[i] == ' ')
			i++;
		if (i >= end)
			break;
		if (p->cmd.n == MAX_WORDS) {
			p->outcome = P_INVALID;
			p->at = i;
			return;
		}
		m = &p->cmd.m[p->cmd.n];
		start = i;
		m->text = w;
		while (i < end && line[i] != ' ')
			*w++ = line[i++];
		*w++ = 0;
		p->at = start;
		p->outcome = choose(n, mode, m->text, line, start, m, &used);
		if (p->outcome != P_OK) {
			p->node = n;
			return;
		}
		n = m->node;
		p->cmd.n++;
		if (n->type == T_IFACE) {
			if (used > end)
				used = end;
			i = used;
		}
		if (n->type == T_LINE) {
			m->text = w;
			for (i = start; i < end; i++)
				*w++ = line[i];
			*w++ = 0;
		}
	}
	p->node = n;
	p->cmd.neg = p->cmd.n && p->cmd.m[0].node->type == T_KEYWORD && strcmp(p->cmd.m[0].node->kw, "no") == 0;
}

static void parse_line(struct parse *p, const char *line, u32 mode)
{
	walk(p, line, (int)strlen(line), mode);
	if (p->outcome != P_OK)
		return;
	if (!p->cmd.n)
		p->outcome = P_EMPTY;
	else if (!p->node->run || !(p->node->run_modes & mode))
		p->outcome = P_INCOMPLETE;
	p->cmd.tag = p->node->tag;
	p->cmd.line = line;
}

/* --- prompts and modes --- */

static void make_prompt(char *d, size_t size)
{
	static const char *const suffix[] = { ">", "#", "(config)#", "(config-if)#", "(config-line)#", "(config-if-atm-vc)#" };

	snprintf(d, size, "%s%s", hostname, suffix[cli_mode]);
}

void cli_set_mode(enum mode m)
{
	cli_mode = m;
	if (m == MODE_CONFIG)
		cli_iface = NULL;
}

void cli_end_config(void)
{
	if (cli_mode < MODE_CONFIG)
		return;
	cli_mode = MODE_PRIV;
	if (!cli_from_nvram)
		log_msg("%%SYS-5-CONFIG_I: Configured from console by console");
}

static int logged_out;

void cli_logout(void)
{
	logged_out = 1;
}

/* What was typed before the line that is parsed: blanks, or "do". */
static int indent;

static void report(const struct parse *p, const char *line)
{
	char prompt[96];

	switch (p->outcome) {
	case P_INVALID:
		make_prompt(prompt, sizeof(prompt));
		if (cli_from_nvram)
			cprintf("%s\n%*s^\n", line, p->at, "");
		else
			cprintf("%*s^\n", (int)strlen(prompt) + indent + p->at, "");
		cprintf("%% Invalid input detected at '^' marker.\n\n");
		break;
	case P_AMBIGUOUS:
		cprintf("%% Ambiguous command:  \"%s\"\n", line);
		break;
	case P_INCOMPLETE:
		cprintf("%% Incomplete command.\n\n");
		break;
	default:
		break;
	}
}

/* Splits "command | include text"; returns the filter. */
static enum pipe split_pipe(char *line, const char **pattern)
{
	static const struct { const char *name; enum pipe pipe; } filters[] = {
		{ "include", PIPE_INCLUDE }, { "exclude", PIPE_EXCLUDE }, { "begin", PIPE_BEGIN }, { "section", PIPE_SECTION },
	};
	char *bar = strstr(line, " | "), *w, *e;

	*pattern = NULL;
	if (!bar)
		return PIPE_NONE;
	w = bar + 3;
	while (*w == ' ')
		w++;
	e = w;
	while (*e && *e != ' ')
		e++;
	for (size_t i = 0; i < ARRAY_LEN(filters) && e > w; i++)
		if (strncasecmp(filters[i].name, w, (size_t)(e - w)) == 0) {
			while (*e == ' ')
				e++;
			if (!*e)
				return PIPE_NONE;
			*pattern = e;
			*bar = 0;
			return filters[i].pipe;
		}
	return PIPE_NONE;
}

/* The mode in which a configuration submode lies. */
static enum mode outer(enum mode m)
{
	return m == MODE_VC ? MODE_IF : MODE_CONFIG;
}

/* Parses in the present mode; a configuration submode falls back to those
 * around it, which leaves it. */
static void parse_in_mode(struct parse *p, const char *line)
{
	static struct parse around;
	enum mode m = cli_mode;

	parse_line(p, line, 1u << m);
	if (p->outcome == P_EMPTY)
		return;
	while (m > MODE_CONFIG && p->outcome != P_OK) {
		m = outer(m);
		parse_line(&around, line, 1u << m);
		if (around.outcome == P_OK) {
			cli_set_mode(m);
			*p = around;
		} else if (around.outcome == P_INCOMPLETE || around.at > p->at) {
			*p = around;
		}
	}
}

/* "do": the rest of the line in the exec tree. */
int cli_execute_do(const char *rest)
{
	enum mode saved = cli_mode;
	struct iface *ifp = cli_iface;
	struct atm_vc *vc = cli_vc;
	char prompt[96];
	int ok;

	make_prompt(prompt, sizeof(prompt));
	indent += (int)strlen(prompt) + 3;
	cli_mode = MODE_PRIV;
	make_prompt(prompt, sizeof(prompt));
	indent -= (int)strlen(prompt);
	ok = cli_execute(rest);
	if (cli_mode == MODE_PRIV) {
		cli_mode = saved;
		cli_iface = ifp;
		cli_vc = vc;
	}
	return ok;
}

int cli_execute(const char *input)
{
	static char lines[2][LINE_MAX];
	static int depth;
	char *line = lines[depth ? 1 : 0];
	struct parse *p, store_p;
	enum pipe pipe = PIPE_NONE;
	const char *pattern = NULL;
	size_t n;

	p = &store_p;
	if (!depth)
		indent = 0;
	for (; *input == ' '; input++)
		indent++;
	strlcpy(line, input, LINE_MAX);
	n = strlen(line);
	while (n && is_space(line[n - 1]))
		line[--n] = 0;
	if (!line[0] || line[0] == '!')
		return 1;
	if (strncasecmp(line, "sh", 2) == 0 || strncasecmp(line, "do sh", 5) == 0)
		pipe = split_pipe(line, &pattern);
	parse_in_mode(p, line);
	if (p->outcome == P_EMPTY)
		return 1;
	if (p->outcome != P_OK) {
		report(p, line);
		return 0;
	}
	if (++depth == 1)
		term_begin(pipe, pattern);
	p->node->run(&p->cmd);
	if (depth == 1)
		term_end();
	depth--;
	return 1;
}

/* --- the line editor --- */

#define HISTORY 20
static char history[HISTORY][LINE_MAX];
static u32 nhistory;

static char edit[LINE_MAX];
static int edit_len, edit_pos, editing, edit_echo = 1;
static char edit_prompt[96];
static char yank[LINE_MAX];

static void put_raw(const char *s, int n)
{
	for (int i = 0; i < n; i++)
		console_putc(s[i]);
}

static void back(int n)
{
	while (n-- > 0)
		console_putc('\b');
}

static void draw(void)
{
	put_raw(edit_prompt, (int)strlen(edit_prompt));
	if (!edit_echo)
		return;
	put_raw(edit, edit_len);
	back(edit_len - edit_pos);
}

/* A log message has just been printed over the line being edited. */
void cli_redraw(void)
{
	if (editing)
		draw();
}

int cli_editing(void)
{
	return editing;
}

static void rub_tail(int extra)
{
	put_raw(edit + edit_pos, edit_len - edit_pos);
	for (int i = 0; i < extra; i++)
		console_putc(' ');
	back(edit_len - edit_pos + extra);
}

static void insert(int c)
{
	if (edit_len >= LINE_MAX - 2) {
		console_putc(7);
		return;
	}
	memmove(edit + edit_pos + 1, edit + edit_pos, (size_t)(edit_len - edit_pos));
	edit[edit_pos++] = (char)c;
	edit_len++;
	edit[edit_len] = 0;
	if (!edit_echo)
		return;
	console_putc(c);
	if (edit_pos < edit_len)
		rub_tail(0);
}

/* Deletes n characters before the cursor. */
static void erase(int n)
{
	if (n > edit_pos)
		n = edit_pos;
	if (n <= 0)
		return;
	if (n > 1) {
		memcpy(yank, edit + edit_pos - n, (size_t)n);
		yank[n] = 0;
	}
	memmove(edit + edit_pos - n, edit + edit_pos, (size_t)(edit_len - edit_pos));
	edit_pos -= n;
	edit_len -= n;
	edit[edit_len] = 0;
	if (!edit_echo)
		return;
	back(n);
	rub_tail(n);
}

static void move(int to)
{
	if (to < 0 || to > edit_len)
		return;
	if (to < edit_pos)
		back(edit_pos - to);
	else
		put_raw(edit + edit_pos, to - edit_pos);
	edit_pos = to;
}

static void delete_forward(int n)
{
	if (n > edit_len - edit_pos)
		n = edit_len - edit_pos;
	if (n <= 0)
		return;
	if (n > 1) {
		memcpy(yank, edit + edit_pos, (size_t)n);
		yank[n] = 0;
	}
	memmove(edit + edit_pos, edit + edit_pos + n, (size_t)(edit_len - edit_pos - n));
	edit_len -= n;
	edit[edit_len] = 0;
	rub_tail(n);
}

static void replace(const char *s)
{
	int n = edit_len;

	move(0);
	edit[0] = 0;
	edit_len = 0;
	rub_tail(n);
	while (*s)
		insert(*s++);
}

static int word_left(void)
{
	int i = edit_pos;

	while (i > 0 && edit[i - 1] == ' ')
		i--;
	while (i > 0 && edit[i - 1] != ' ')
		i--;
	return i;
}

static int word_right(void)
{
	int i = edit_pos;

	while (i < edit_len && edit[i] == ' ')
		i++;
	while (i < edit_len && edit[i] != ' ')
		i++;
	return i;
}

static void new_line(void)
{
	console_putc('\r');
	console_putc('\n');
}

/* Where the last, unfinished word of the first n characters begins. */
static int last_word(int n)
{
	while (n > 0 && edit[n - 1] != ' ')
		n--;
	return n;
}

/* Words that may stand at the cursor: "do" starts again in the exec tree. */
static const struct node *candidates(int start, u32 *mode)
{
	static struct parse p;
	char head[8];
	int skip = 0;

	*mode = 1u << cli_mode;
	strlcpy(head, edit, 4);
	if (cli_mode >= MODE_CONFIG && strcasecmp(head, "do ") == 0 && start >= 3) {
		skip = 3;
		*mode = M_PRIV;
	}
	walk(&p, edit + skip, start - skip, *mode);
	for (enum mode m = cli_mode; p.outcome != P_OK && m > MODE_CONFIG && !skip;) {
		m = outer(m);
		*mode = 1u << m;
		walk(&p, edit, start, *mode);
	}
	if (p.outcome != P_OK) {
		indent = skip;
		report(&p, edit);
		return NULL;
	}
	return p.node;
}

static void show_iface_types(void)
{
	static const char *const types[][2] = {
		{ "ATM", "ATM interface" }, { "FastEthernet", "FastEthernet IEEE 802.3" }, { "Loopback", "Loopback interface" },
		{ "Null", "Null interface" }, { "Serial", "Serial" },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		int have = strcmp(types[i][0], "Loopback") == 0 || strcmp(types[i][0], "Null") == 0;

		for (struct iface *f = iface_list; f; f = f->next)
			have |= strcmp(iface_short_type(f), types[i][0]) == 0;
		if (have)
			cprintf("  %-16s %s\n", types[i][0], types[i][1]);
	}
}

static void help(void)
{
	int start = last_word(edit_pos);
	char word[LINE_MAX];
	const struct node *n, *c;
	u32 mode;
	int shown = 0, width = 0;

	memcpy(word, edit + start, (size_t)(edit_pos - start));
	word[edit_pos - start] = 0;
	console_putc('?');
	new_line();
	term_begin(PIPE_NONE, NULL);
	n = candidates(start, &mode);
	if (!n)
		goto out;
	if (word[0]) {
		/* Words that begin this way, in columns. */
		for (c = children(n); c; c = c->next)
			if ((c->modes & mode) && c->type == T_KEYWORD && strncasecmp(c->kw, word, strlen(word)) == 0)
				cprintf("%s%s", shown++ ? "  " : "", c->kw);
		if (shown) {
			cprintf("\n");
		} else {
			for (c = children(n); c; c = c->next)
				if ((c->modes & mode) && c->type != T_KEYWORD) {
					if (c->type == T_IFACE)
						show_iface_types();
					else
						cprintf("%s\n", c->kw);
					shown++;
				}
			if (!shown)
				cprintf("%% Unrecognized command\n");
		}
		goto out;
	}
	for (c = children(n); c; c = c->next)
		if ((c->modes & mode) && (int)strlen(c->kw) > width)
			width = (int)strlen(c->kw);
	if (n == &root && (mode & M_EXEC))
		cprintf("Exec commands:\n");
	else if (n == &root)
		cprintf("%s commands:\n", mode == M_IF ? "Interface configuration" : mode == M_LINE ? "Line configuration" :
			mode == M_VC ? "ATM virtual circuit configuration" : "Configure");
	for (c = children(n); c && !term_quit(); c = c->next) {
		if (!(c->modes & mode))
			continue;
		if (c->type == T_IFACE)
			show_iface_types();
		else
			cprintf("  %-*s  %s\n", width, c->kw, c->help);
	}
	if (n->run && (n->run_modes & mode))
		cprintf("  <cr>\n");
	if (n != &root)
		cprintf("\n");
out:
	term_end();
	draw();
}

static void complete(void)
{
	static struct parse p;
	int start = last_word(edit_pos), n = edit_pos - start, skip = 0;
	const struct node *found = NULL;
	enum mode at = cli_mode;
	u32 mode = 1u << at;

	if (!n || edit_pos != edit_len)
		return;
	if (cli_mode >= MODE_CONFIG && edit_len >= 3 && strncasecmp(edit, "do ", 3) == 0 && start >= 3) {
		skip = 3;
		mode = M_PRIV;
	}
	for (;;) {
		walk(&p, edit + skip, start - skip, mode);
		if (p.outcome == P_OK) {
			int count = 0;

			for (const struct node *c = children(p.node); c; c = c->next)
				if ((c->modes & mode) && c->type == T_KEYWORD && strncasecmp(c->kw, edit + start, (size_t)n) == 0) {
					found = c;
					count++;
				}
			if (count != 1)
				found = NULL;
			if (count)
				break;
		}
		if (at <= MODE_CONFIG || skip)
			break;
		at = outer(at);
		mode = 1u << at;
	}
	if (found) {
		memcpy(edit + start, found->kw, strlen(found->kw));
		edit_len = start + (int)strlen(found->kw);
		edit[edit_len++] = ' ';
		edit[edit_len] = 0;
		edit_pos = edit_len;
	}
	new_line();
	draw();
}

static void remember(const char *line)
{
	if (nhistory && strcmp(history[(nhistory - 1) % HISTORY], line) == 0)
		return;
	strlcpy(history[nhistory++ % HISTORY], line, LINE_MAX);
}

void cli_show_history(void)
{
	u32 n = nhistory > HISTORY ? HISTORY : nhistory;

	for (u32 i = nhistory - n; i < nhistory; i++)
		cprintf("  %s\n", history[i % HISTORY]);
}

enum { READ_DONE, READ_ABANDONED, READ_END };

static int escape_sequence(void)
{
	int c = console_getc();

	if (c == '[' || c == 'O') {
		int arg = 0;

		c = console_getc();
		while (is_digit(c)) {
			arg = arg * 10 + c - '0';
			c = console_getc();
		}
		switch (c) {
		case 'A': return 16;
		case 'B': return 14;
		case 'C': return 6;
		case 'D': return 2;
		case 'H': return 1;
		case 'F': return 5;
		case '~': return arg == 1 || arg == 7 ? 1 : arg == 4 || arg == 8 ? 5 : arg == 3 ? 4 : 0;
		}
		return 0;
	}
	switch (to_lower(c)) {
	case 'b':
		move(word_left());
		break;
	case 'f':
		move(word_right());
		break;
	case 'd':
		delete_forward(word_right() - edit_pos);
		break;
	case 127:
	case '\b':
		erase(edit_pos - word_left());
		break;
	}
	return 0;
}

/* Reads a line into edit. full: with help, completion and history. */
static int read_line(int full)
{
	static int last_cr;
	u32 at = nhistory;
	int result = -1, c, n;

	edit[0] = 0;
	edit_len = edit_pos = 0;
	editing = 1;
	draw();
	while (result < 0) {
		c = console_getc();
		if (c == '\n' && last_cr) {
			last_cr = 0;
			continue;
		}
		last_cr = c == '\r';
		if (c == 27)
			c = escape_sequence();
		if (c == 22) {
			c = console_getc();
			insert(c);
			continue;
		}
		switch (c) {
		case '\r':
		case '\n':
			result = READ_DONE;
			break;
		case 1:
			move(0);
			break;
		case 2:
			move(edit_pos - 1);
			break;
		case 3:
			result = READ_ABANDONED;
			break;
		case 4:
			delete_forward(1);
			break;
		case 5:
			move(edit_len);
			break;
		case 6:
			move(edit_pos + 1);
			break;
		case 8:
		case 127:
			erase(1);
			break;
		case '\t':
			if (full)
				complete();
			break;
		case 11:
			delete_forward(edit_len - edit_pos);
			break;
		case 12:
		case 18:
			new_line();
			draw();
			break;
		case 14:
			if (full && at < nhistory)
				replace(++at == nhistory ? "" : history[at % HISTORY]);
			break;
		case 16:
			if (full && at > 0 && nhistory - at < HISTORY)
				replace(history[--at % HISTORY]);
			break;
		case 20:
			if (edit_pos > 0 && edit_len > 1) {
				n = edit_pos == edit_len ? edit_pos - 1 : edit_pos;
				char t = edit[n];

				edit[n] = edit[n - 1];
				edit[n - 1] = t;
				move(n - 1);
				put_raw(edit + n - 1, 2);
				edit_pos = n + 1;
			}
			break;
		case 21:
		case 24:
			if (c == 21)
				move(edit_len);
			erase(edit_pos);
			break;
		case 23:
			erase(edit_pos - word_left());
			break;
		case 25:
			for (n = 0; yank[n]; n++)
				insert(yank[n]);
			break;
		case 26:
			result = READ_END;
			break;
		case '?':
			if (full) {
				help();
				break;
			}
			/* fall through */
		default:
			if (c >= 32 && c < 127)
				insert(c);
		}
	}
	editing = 0;
	if (result == READ_END)
		put_raw("^Z", 2);
	new_line();
	return result;
}

int cli_ask(const char *prompt, char *d, size_t size, int echo)
{
	int r;

	strlcpy(edit_prompt, prompt, sizeof(edit_prompt));
	edit_echo = echo;
	r = read_line(0);
	edit_echo = 1;
	strlcpy(d, edit, size);
	return r == READ_DONE;
}

int cli_interrupted(void)
{
	int c, hit = 0;

	while ((c = console_poll()) >= 0)
		if (c == 0x1e || c == 3)
			hit = 1;
	return hit;
}

static size_t strspn_blank(const char *s)
{
	size_t n = 0;

	while (s[n] == ' ')
		n++;
	return n;
}

static void wait_for_return(void)
{
	int c;

	cprintf("\n\nPress RETURN to get started!\n\n\n");
	do
		c = console_getc();
	while (c != '\r' && c != '\n');
	new_line();
	if (banner_motd[0])
		cprintf("%s\n", banner_motd);
}

void cli_main(void)
{
	for (;;) {
		logged_out = 0;
		cli_iface = NULL;
		wait_for_return();
		cli_mode = console_level >= 15 ? MODE_PRIV : MODE_USER;
		while (!logged_out) {
			char line[LINE_MAX];
			int r;

			make_prompt(edit_prompt, sizeof(edit_prompt));
			r = read_line(1);
			if (r == READ_ABANDONED || r == READ_END) {
				cli_end_config();
				continue;
			}
			strlcpy(line, edit, sizeof(line));
			if (line[strspn_blank(line)])
				remember(line);
			cli_execute(line);
		}
		cprintf("\n\n\n%s con0 is now available\n", hostname);
	}
}
