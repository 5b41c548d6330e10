#include "term.h"
#include "cli.h"
#include "sched.h"

u32 term_length = 24, term_width = 80;
int log_console = 1;

static char *capture;
static size_t capture_size, capture_len;

static enum pipe pipe_mode;
static char pipe_pattern[64];
static int pipe_began;
static char line[1024];
static size_t line_len;

static int paging, quit;
static u32 lines_shown;
static int column;

static void raw_char(char c)
{
	if (c == '\n') {
		console_putc('\r');
		column = 0;
	} else {
		column++;
	}
	console_putc(c);
}

static void raw_puts(const char *s)
{
	while (*s)
		raw_char(*s++);
}

/* Asks before the first character beyond a full screen. */
static void more(void)
{
	int c;

	raw_puts(" --More-- ");
	c = console_getc();
	raw_puts("\r         \r");
	column = 0;
	if (c == ' ')
		lines_shown = 0;
	else if (c == '\r' || c == '\n')
		lines_shown = term_length ? term_length - 2 : 0;
	else
		quit = 1;
}

static void page_char(char c)
{
	if (quit)
		return;
	if (paging && term_length > 1 && lines_shown >= term_length - 1) {
		more();
		if (quit)
			return;
	}
	raw_char(c);
	if (c == '\n')
		lines_shown++;
}

/* Regular expressions of the usual kind: . [] * + ? ^ $ | and \\ quoting,
 * without groups. One alternative ends at end. */
static int match_here(const char *re, const char *end, const char *s);

static const char *atom_end(const char *re, const char *end)
{
	if (*re == '\\' && re + 1 < end)
		return re + 2;
	if (*re == '[') {
		const char *p = re + 1;

		if (p < end && *p == '^')
			p++;
		if (p < end && *p == ']')
			p++;
		while (p < end && *p != ']')
			p++;
		return p < end ? p + 1 : end;
	}
	return re + 1;
}

static int atom_matches(const char *re, const char *end, char c)
{
	int negate = 0, found = 0;

	if (!c)
		return 0;
	if (*re == '\\' && end - re == 2)
		return re[1] == c;
	if (*re == '.')
		return 1;
	if (*re != '[')
		return *re == c;
	re++;
	end--;
	if (re < end && *re == '^') {
		negate = 1;
		re++;
	}
	for (; re < end; re++) {
		if (end - re >= 3 && re[1] == '-') {
			found |= c >= re[0] && c <= re[2];
			re += 2;
		} else {
			found |= *re == c;
		}
	}
	return found != negate;
}

static int match_repeat(const char *re, const char *aend, const char *end, const char *s, int min, int max)
{
	int n = 0;

	while ((max < 0 || n < max) && atom_matches(re, aend, s[n]))
		n++;
	for (; n >= min; n--)
		if (match_here(aend + 1, end, s + n))
			return 1;
	return 0;
}

static int match_here(const char *re, const char *end, const char *s)
{
	while (re < end) {
		const char *aend = atom_end(re, end);

		if (*re == '$' && re + 1 == end)
			return *s == 0;
		if (aend < end && *aend == '*')
			return match_repeat(re, aend, end, s, 0, -1);
		if (aend < end && *aend == '+')
			return match_repeat(re, aend, end, s, 1, -1);
		if (aend < end && *aend == '?')
			return match_repeat(re, aend, end, s, 0, 1);
		if (!atom_matches(re, aend, *s))
			return 0;
		s++;
		re = aend;
	}
	return 1;
}

static int matches(const char *re, const char *s)
{
	while (*re) {
		const char *end = re;

		while (*end && *end != '|')
			end = atom_end(end, end + strlen(end));
		if (*re == '^') {
			if (match_here(re + 1, end, s))
				return 1;
		} else {
			for (const char *p = s;; p++) {
				if (match_here(re, end, p))
					return 1;
				if (!*p)
					break;
			}
		}
		re = *end ? end + 1 : end;
	}
	return 0;
}

static int passes(void)
{
	int match = matches(pipe_pattern, line);

	switch (pipe_mode) {
	case PIPE_INCLUDE:
		return match;
	case PIPE_EXCLUDE:
		return !match;
	case PIPE_BEGIN:
		pipe_began |= match;
		return pipe_began;
	case PIPE_SECTION:
		/* A matching line and the indented lines below it. */
		if (match)
			pipe_began = 1;
		else if (line[0] != ' ')
			pipe_began = 0;
		return pipe_began;
	default:
		return 1;
	}
}

static void flush_line(void)
{
	line[line_len] = 0;
	if (passes()) {
		for (size_t i = 0; i < line_len; i++)
			page_char(line[i]);
		page_char('\n');
	}
	line_len = 0;
}

static void out_char(char c)
{
	if (capture) {
		if (capture_len < capture_size)
			capture[capture_len++] = c;
		return;
	}
	if (pipe_mode == PIPE_NONE) {
		page_char(c);
		return;
	}
	if (c == '\n')
		flush_line();
	else if (line_len < sizeof(line) - 1)
		line[line_len++] = c;
}

void cputs(const char *s)
{
	while (*s)
		out_char(*s++);
}

void cprintf(const char *fmt, ...)
{
	char buf[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	cputs(buf);
}

void term_begin(enum pipe pipe, const char *pattern)
{
	pipe_mode = pipe;
	pipe_began = 0;
	line_len = 0;
	strlcpy(pipe_pattern, pattern ? pattern : "", sizeof(pipe_pattern));
	paging = 1;
	quit = 0;
	lines_shown = 0;
}

void term_end(void)
{
	if (pipe_mode != PIPE_NONE && line_len)
		flush_line();
	pipe_mode = PIPE_NONE;
	paging = 0;
	quit = 0;
}

int term_quit(void)
{
	return quit;
}

void term_capture(char *d, size_t size)
{
	capture = d;
	capture_size = size;
	capture_len = 0;
}

size_t term_capture_end(void)
{
	capture = NULL;
	return capture_len;
}

void term_panic(void)
{
	capture = NULL;
	pipe_mode = PIPE_NONE;
	paging = 0;
	quit = 0;
}

#define LOG_LINES 64
static char log_ring[LOG_LINES][160];
static u32 log_count;

void log_msg(const char *fmt, ...)
{
	char *d = log_ring[log_count++ % LOG_LINES];
	u32 t = uptime_seconds;
	va_list ap;
	int n;

	n = snprintf(d, sizeof(log_ring[0]), "%02u:%02u:%02u: ", t / 3600, t / 60 % 60, t % 60);
	va_start(ap, fmt);
	vsnprintf(d + n, sizeof(log_ring[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	if (!log_console)
		return;
	raw_puts(column || cli_editing() ? "\n" : "");
	raw_puts(d);
	raw_puts("\n");
	cli_redraw();
}

void log_show(void)
{
	u32 i = log_count > LOG_LINES ? log_count - LOG_LINES : 0;

	cprintf("Console logging: %s, %u messages logged\n\nLog Buffer:\n",
		log_console ? "level debugging" : "disabled", log_count);
	for (; i < log_count && !term_quit(); i++)
		cprintf("%s\n", log_ring[i % LOG_LINES]);
}

void log_clear(void)
{
	log_count = 0;
}
