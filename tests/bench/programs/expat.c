/* Expat: an inventory in XML, with namespaces, entities, attributes and UTF-8. */
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

static uint32_t sum;

static void start(void *depth, const char *name, const char **attributes)
{
    ++*(int *)depth;
    sum = checksum(sum, name, strlen(name));
    for (; *attributes; attributes++)
        sum = checksum(sum, *attributes, strlen(*attributes));
}

static void end(void *depth, const char *name)
{
    sum = (sum + (uint32_t)*(int *)depth) * 31 + (uint8_t)*name;
    --*(int *)depth;
}

static void text(void *depth, const char *s, int n) { sum = sum * 31 + (uint32_t)n + (uint8_t)s[n - 1]; }

static char doc[512 * 1024];

static size_t make(void)
{
    static const char *const kinds[] = {"router", "switch", "line-card", "ios:image"};
    size_t n = 0;
    unsigned i;

    n += (size_t)sprintf(doc, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE inventory [<!ENTITY maker \"Example &amp; Co\">"
        "<!ATTLIST router power CDATA \"on\">]>\n<inventory xmlns=\"urn:example:inventory\" xmlns:ios=\"urn:example:ios\">\n");
    for (i = 0; n < sizeof doc - 2000; i++) {
        const char *kind = kinds[random32() >> 8 & 3];
        unsigned ports = (random32() >> 8) % 6;
        n += (size_t)sprintf(doc + n, "  <%s id='n%u' serial=\"%08lX\" ios:version='12.%u(%u)T&#x%x;'>\n    <name>r\xc3\xb6uter-%u &maker;</name>\n",
            kind, i, (unsigned long)random32(), (unsigned)(random32() >> 8) % 5, (unsigned)(random32() >> 8) % 30, 0x41 + (unsigned)(random32() >> 8) % 26, i);
        while (ports--)
            n += (size_t)sprintf(doc + n, "    <port speed=\"%u\" ios:mtu='1500'><address>10.%u.%u.%u</address><!-- %lx --></port>\n",
                10u << (random32() >> 8 & 7), (unsigned)(random32() >> 8 & 255), (unsigned)(random32() >> 8 & 255), (unsigned)(random32() >> 8 & 255), (unsigned long)random32());
        if (i % 7 == 0)
            n += (size_t)sprintf(doc + n, "    <note><![CDATA[if (a < b && b > %u) { up(); }]]></note>\n", i);
        n += (size_t)sprintf(doc + n, "  </%s>\n", kind);
    }
    return n + (size_t)sprintf(doc + n, "</inventory>\n");
}

uint32_t work(unsigned turn)
{
    size_t n, at, part;
    int depth = 0;
    XML_Parser p;

    random_seed(turn + 17);
    n = make();
    p = XML_ParserCreateNS(0, '|');
    XML_SetHashSalt(p, 4711);
    XML_SetUserData(p, &depth);
    XML_SetElementHandler(p, start, end);
    XML_SetCharacterDataHandler(p, text);
    sum = CHECKSUM;
    for (at = 0; at < n; at += part) {
        part = n - at < 8192 ? n - at : 8192;
        if (XML_Parse(p, doc + at, (int)part, at + part == n) != XML_STATUS_OK)
            fail(XML_ErrorString(XML_GetErrorCode(p)), (int)XML_GetCurrentLineNumber(p));
    }
    XML_ParserFree(p);
    return sum;
}
