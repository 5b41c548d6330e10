/*
 * The protocol with the host, as in the other CPU benchmark: lines
 *   READY <board>
 *   B <name>
 *   E <name> <checksum> <turns> <change of Count>     (in hexadecimal)
 *   DONE                                    or: FATAL <why> <values>
 * The host takes the time from B to E.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "program.h"

#ifndef TURNS
#define TURNS 1
#endif

uint32_t count(void); /* start.S */

void console_write(const char *s, size_t n)
{
    while (n--) {
        while (!(*(volatile uint8_t *)UART_STATUS & UART_TX_READY))
            ;
        *(volatile uint8_t *)UART_DATA = (uint8_t)*s++;
    }
}

static void line(const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    strcat(text, "\r\n");
    console_write(text, strlen(text));
}

void halt(void)
{
    *(volatile uint32_t *)BOARD_HALT = BOARD_HALT_VAL;
    for (;;)
        ;
}

void fatal(uint32_t cause, uint32_t epc, uint32_t badvaddr, uint32_t ra)
{
    line("FATAL exception: cause %08lx epc %08lx badvaddr %08lx ra %08lx", (long)cause, (long)epc, (long)badvaddr, (long)ra);
    halt();
}

void fail(const char *why, int code)
{
    line("FATAL %s: %d", why, code);
    halt();
    for (;;)
        ;
}

int main(void)
{
    uint32_t sum = CHECKSUM, begin, result;
    unsigned turn;

    line("");
    line("READY " BOARD_NAME);
    line("B " PROGRAM);
    begin = count();
    for (turn = 0; turn < TURNS; turn++) {
        result = work(turn);
        sum = checksum(sum, &result, sizeof result);
    }
    line("E " PROGRAM " %08lx %08x %08lx", (long)sum, TURNS, (long)(count() - begin));
    line("DONE");
    halt();
    return 0;
}
