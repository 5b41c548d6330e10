#ifndef LIB_H
#define LIB_H
#include "types.h"

typedef __builtin_va_list va_list;
#define va_start __builtin_va_start
#define va_arg __builtin_va_arg
#define va_end __builtin_va_end
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
/* Copies at most size-1 characters and always terminates. */
void strlcpy(char *d, const char *s, size_t size);
void strlcat(char *d, const char *s, size_t size);
int is_digit(int c);
int is_alpha(int c);
int is_space(int c);
int to_lower(int c);
/* Parses an unsigned decimal of the whole string; 0 when it is not one. */
int parse_u32(const char *s, u32 *v);
/* Parses hexadecimal digits of the whole string; 0 when it is not one. */
int parse_hex(const char *s, u32 *v);

/* Formats into d; returns the length that the whole text has. Knows d i u x
 * X c s p %, the flags - and 0, widths (also *), precision of s, l and ll. */
int vsnprintf(char *d, size_t size, const char *fmt, va_list ap) PRINTF(3, 0);
int snprintf(char *d, size_t size, const char *fmt, ...) PRINTF(3, 4);

/* u64 division without the 64-bit divide instructions. */
u64 udiv64(u64 n, u32 d, u32 *rem);
u32 random32(void);
void random_seed(u32 s);

#endif
