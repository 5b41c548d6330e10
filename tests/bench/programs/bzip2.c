/* bzip2: block sorting and Huffman codes over a log. */
#include <bzlib.h>
#include <string.h>

#include "program.h"

#define SIZE (400 * 1024)

void bz_internal_error(int code) { fail("bzip2", code); }

uint32_t work(unsigned turn)
{
    static char text[SIZE], packed[SIZE], back[SIZE];
    unsigned n = sizeof packed, m = sizeof back;
    int err;

    random_seed(turn + 11);
    log_text(text, SIZE);
    if ((err = BZ2_bzBuffToBuffCompress(packed, &n, text, SIZE, 4, 0, 0)) != BZ_OK)
        fail("BZ2_bzBuffToBuffCompress", err);
    if ((err = BZ2_bzBuffToBuffDecompress(back, &m, packed, n, 0, 0)) != BZ_OK)
        fail("BZ2_bzBuffToBuffDecompress", err);
    if (m != SIZE || memcmp(text, back, SIZE))
        fail("bzip2: another text came back", (int)m);
    return checksum(CHECKSUM, packed, n);
}
