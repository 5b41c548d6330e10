/* TinyCC: compiles a generated C source to an i386 object file. */
#include <fcntl.h>
#include <libtcc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

#define FUNCTIONS 250

static char source[600 * 1024];
static size_t length;

static void put(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    length += (size_t)vsnprintf(source + length, sizeof source - length, format, args);
    va_end(args);
    if (length >= sizeof source)
        fail("tcc: the source is too long", (int)length);
}

static unsigned below(unsigned n) { return (random32() >> 8) % n; }

static void expression(int depth)
{
    static const char *const operators[] = {"+", "-", "*", "&", "|", "^", "<<", ">>", "<", "==", "&&", "||"};

    switch (depth ? below(8) : below(3)) {
    case 0: put("%u", below(1000)); return;
    case 1: put("%c", "abxy"[below(4)]); return;
    case 2: put("p->f%u", below(6)); return;
    case 3: put("table[("); expression(depth - 1); put(") & 63]"); return;
    case 4: put("(a > %u ? ", below(50)); expression(depth - 1); put(" : "); expression(depth - 1); put(")"); return;
    default:
        put("("); expression(depth - 1);
        put(" %s ", operators[below(12)]);
        expression(depth - 1); put(")"); return;
    }
}

static void statement(int depth)
{
    unsigned i;

    switch (depth ? below(7) : below(3)) {
    case 0: put("  x = "); expression(3); put(";\n"); break;
    case 1: put("  p->f%u += ", below(6)); expression(2); put(";\n"); break;
    case 2: put("  y ^= MIX("); expression(2); put(", y);\n"); break;
    case 3: put("  if ("); expression(2); put(") {\n"); statement(depth - 1); put("  } else {\n"); statement(depth - 1); put("  }\n"); break;
    case 4: put("  for (x = 0; x < %u; x++) {\n", 1 + below(9)); statement(depth - 1); statement(depth - 1); put("  }\n"); break;
    case 5:
        put("  switch (x & 7) {\n");
        for (i = 0; i < 4; i++) { put("  case %u:\n", i); statement(depth - 1); put("  break;\n"); }
        put("  default: y++;\n  }\n");
        break;
    default: put("  { struct node local = {%u, %u}; local.f3 = a; y += walk(&local, b); }\n", below(9), below(9));
    }
}

static void generate(void)
{
    unsigned i, k;

    length = 0;
    put("typedef unsigned int u32;\nstruct node { int f0, f1; u32 f2; short f3; unsigned char f4; long long f5; struct node *next; };\n"
        "#define ROT(v, n) ((v) << (n) | (v) >> (32 - (n)))\n#define MIX(a, b) (ROT((u32)(a), 7) ^ (b) * 16777619u)\n"
        "static int table[64] = {1, 2, 3, [40] = 7};\nenum { RED = 4, GREEN, BLUE };\n"
        "static int walk(struct node *p, int n) { while (p && n--) { table[p->f0 & 63] += GREEN; p = p->next; } return n; }\n");
    for (i = 0; i < FUNCTIONS; i++) {
        put("#if %u > 3 && defined(MIX)\n/* Function number %u. */\n#endif\nint function_%u(struct node *p, int a, int b)\n{\n  int x = a, y = b;\n", i, i, i);
        for (k = 2 + below(6); k; k--)
            statement(2);
        if (i)
            put("  if (a > 9) y += function_%u(p, a - 1, x);\n", below(i));
        put("  return x + y + sizeof(struct node) + \"text %u\"[x & 3];\n}\n", below(50));
    }
}

static void complain(void *opaque, const char *message) { fail(message, 0); }

uint32_t work(unsigned turn)
{
    TCCState *s = tcc_new();
    uint32_t sum = CHECKSUM;
    char part[1024];
    ssize_t n;
    int fd;

    random_seed(turn + 29);
    generate();
    tcc_set_error_func(s, 0, complain);
    tcc_set_options(s, "-nostdlib -w");
    tcc_set_output_type(s, TCC_OUTPUT_OBJ);
    if (tcc_compile_string(s, source))
        fail("tcc_compile_string", 0);
    if (tcc_output_file(s, "out.o"))
        fail("tcc_output_file", 0);
    tcc_delete(s);
    if ((fd = open("out.o", O_RDONLY)) < 0)
        fail("tcc: no object file", fd);
    while ((n = read(fd, part, sizeof part)) > 0)
        sum = checksum(sum, part, (size_t)n);
    close(fd);
    unlink("out.o");
    return sum;
}
