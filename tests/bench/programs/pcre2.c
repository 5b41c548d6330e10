/* PCRE2: regular expressions over a log, as a matcher without its own JIT. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "program.h"

static const char *const patterns[] = {
    "\\b(?:\\d{1,3}\\.){3}\\d{1,3}\\b",
    "%(\\w+)-([0-7])-(\\w+): .*?(?:Up|Down)$",
    "^\\*Mar\\s+\\d+ (\\d\\d):(\\d\\d):(\\d\\d)\\.\\d+: %(?!SYS)[A-Z]+-(?:3|5)",
    "(?i)(serial|ethernet|pos)\\d+/\\d+ 10\\.(\\d+)\\.\\d+\\.\\d+\\(\\d+\\) -> \\S+, changed state to (up|down)",
    "(\\d)\\d*\\1\\d*\\1",
    "(?<=-> )192\\.168\\.(?:1?\\d|2[0-4])\\.\\d+(?=, [A-Z])",
    "[^:]*:[^:]*:[^:]*: .*vty\\d",
};

uint32_t work(unsigned turn)
{
    static char text[64 * 1024];
    uint32_t sum = CHECKSUM;
    unsigned i;

    random_seed(turn + 3);
    log_text(text, sizeof text);
    for (i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        int err;
        PCRE2_SIZE where, at = 0;
        pcre2_code *re = pcre2_compile((PCRE2_SPTR)patterns[i], PCRE2_ZERO_TERMINATED, PCRE2_MULTILINE, &err, &where, 0);
        pcre2_match_data *match;

        if (!re)
            fail(patterns[i], (int)where);
        match = pcre2_match_data_create_from_pattern(re, 0);
        while ((err = pcre2_match(re, (PCRE2_SPTR)text, sizeof text - 1, at, 0, match, 0)) > 0) {
            PCRE2_SIZE *v = pcre2_get_ovector_pointer(match);
            int k;

            for (k = 0; k < 2 * err; k++) {
                uint32_t offset = (uint32_t)v[k];
                sum = checksum(sum, &offset, sizeof offset);
            }
            at = v[1] > v[0] ? v[1] : v[1] + 1;
        }
        if (err != PCRE2_ERROR_NOMATCH)
            fail("pcre2_match", err);
        pcre2_match_data_free(match);
        pcre2_code_free(re);
    }
    return sum;
}
