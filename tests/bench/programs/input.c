/* Input that is the same everywhere, and the checksum of results. */
#include <stdio.h>
#include <string.h>

#include "program.h"

static uint32_t state = 0x2545f491;

void random_seed(uint32_t seed) { state = seed ? seed : 1; }

uint32_t random32(void) /* xorshift */
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

uint32_t checksum(uint32_t sum, const void *data, size_t size)
{
    const uint8_t *p = data;

    while (size--)
        sum = (sum ^ *p++) * 16777619u;
    return sum;
}

static const char *const kinds[] = {
    "%LINK-3-UPDOWN: Interface ", "%LINEPROTO-5-UPDOWN: Line protocol on Interface ",
    "%SYS-5-CONFIG_I: Configured from console by ", "%BGP-5-ADJCHANGE: neighbor ",
    "%OSPF-5-ADJCHG: Process 1, Nbr ", "%SEC-6-IPACCESSLOGP: list 101 denied tcp ",
};
static const char *const ports[] = {"FastEthernet", "Serial", "GigabitEthernet", "POS", "ATM", "Tunnel"};
static const char *const ends[] = {"changed state to up", "changed state to down", "Up", "Down: peer reset", "1 packet", "vty0 (console)"};

static unsigned below(unsigned n) { return (random32() >> 8) % n; }

void log_text(char *text, size_t size)
{
    size_t n = 0;
    unsigned second = 0;
    char row[200];

    while (n + 1 < size) {
        int k;
        second += below(9);
        k = snprintf(row, sizeof row, "*Mar %2u %02u:%02u:%02u.%03u: %s%s%u/%u 10.%u.%u.%u(%u) -> 192.168.%u.%u, %s\n",
            1 + second / 86400, second / 3600 % 24, second / 60 % 60, second % 60, below(1000),
            kinds[below(6)], ports[below(6)], below(7), below(4),
            below(4), below(256), below(256), below(65536), below(32), below(256), ends[below(6)]);
        if ((size_t)k > size - 1 - n)
            k = (int)(size - 1 - n);
        memcpy(text + n, row, (size_t)k);
        n += (size_t)k;
    }
    text[n] = 0;
}
