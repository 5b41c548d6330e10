/*
 * What a program of this benchmark is: it makes its own input and returns a
 * checksum of its results, which must be the same wherever it runs.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>

/* The work, once; main calls it TURNS times with turn = 0, 1, ... */
uint32_t work(unsigned turn);

/* A generator of its own for everything: the same numbers everywhere. */
uint32_t random32(void);
void random_seed(uint32_t seed);

/* Fills text with lines as a router logs them, and ends it with a zero. */
void log_text(char *text, size_t size);

/* FNV-1a, to be continued from sum. */
uint32_t checksum(uint32_t sum, const void *data, size_t size);
#define CHECKSUM 2166136261u

/* Ends the run with a line that tells why. */
void fail(const char *why, int code) __attribute__((noreturn));

#endif
