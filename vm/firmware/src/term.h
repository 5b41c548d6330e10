#ifndef TERM_H
#define TERM_H
#include "lib.h"

/* console.c: the DUART. */
void console_init(void);
void console_interrupt(void);
void console_putc(int c);
/* Next key, or -1 when none is waiting. */
int console_poll(void);
/* Waits for a key, running the scheduler meanwhile. */
int console_getc(void);

/* term.c: formatted output with line filter, pager and capture. */
void cprintf(const char *fmt, ...) PRINTF(1, 2);
void cputs(const char *s);

enum pipe { PIPE_NONE, PIPE_INCLUDE, PIPE_EXCLUDE, PIPE_BEGIN, PIPE_SECTION };
/* Around the output of one command. */
void term_begin(enum pipe pipe, const char *pattern);
void term_end(void);
/* True once the user has left the pager. */
int term_quit(void);
/* Output goes to d until term_capture_end, which returns its length. */
void term_capture(char *d, size_t size);
size_t term_capture_end(void);
/* Output of a fault: straight to the console. */
void term_panic(void);
extern u32 term_length, term_width;

/* Log messages, as "00:01:02: %FACILITY-SEVERITY-NAME: text". */
void log_msg(const char *fmt, ...) PRINTF(1, 2);
void log_show(void);
void log_clear(void);
extern int log_console;

#endif
