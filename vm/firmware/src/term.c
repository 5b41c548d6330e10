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

static int passes(void)
{
	int match = strstr(line, pipe_pattern) != NULL;

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
	raw_puts(column ? "\n" : "");
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
