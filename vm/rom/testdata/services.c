/*
 * Makes every monitor call and prints what it returns, for the table of the cpu
 * reference, 8.4. It runs on Dynamips as well, where services.txt comes from.
 */
#include <stdint.h>

extern uint32_t launched[8];
extern uint32_t service(uint32_t n, ...), service_in_slot(uint32_t n, ...);
extern uint32_t survives(uint32_t n), high_half(uint32_t n, ...), set_sp_and_call(uint32_t sp, uint32_t n);
extern uint32_t get_status(void), get_compare(void), get_count(void);
extern void set_compare(uint32_t);

static void str(const char *s)
{
	while (*s)
		service(1, *s++);
}

static void hex(uint32_t v)
{
	int i;

	for (i = 28; i >= 0; i -= 4)
		service(1, "0123456789abcdef"[v >> i & 15]);
}

static void dec(uint32_t v)
{
	if (v >= 10)
		dec(v / 10);
	service(1, '0' + v % 10);
}

static void value(const char *name, uint32_t v)
{
	str(name);
	str(" ");
	hex(v);
	str("\n");
}

/* Prints memory as text, other bytes as dots. */
static void text(const char *name, const char *p, int n)
{
	str(name);
	str(" ");
	for (; n > 0; n--, p++)
		service(1, *p >= ' ' && *p < 127 ? *p : '.');
	str("\n");
}

static void get_var(const char *name, uint32_t len)
{
	static char buf[16];
	int i;

	for (i = 0; i < 16; i++)
		buf[i] = '#';
	str(name);
	str(" in ");
	dec(len);
	value(" gives", service(46, name, buf, len));
	text("  buffer", buf, 16);
}

int main(void)
{
	static uint16_t cookie[65];
	uint32_t n, i, v;
	const char *s;

	value("a0", launched[0]);
	value("a1", launched[1]);
	value("a2", launched[2]);
	value("sp", launched[3]);
	value("Status", launched[4]);
	value("Compare", launched[5]);
	value("Wired", launched[6]);

	for (n = 0; n <= 134; n++) {
		switch (n) {
		case 1: case 8: case 10: case 35: case 37: case 42: case 43: case 44: case 45: case 46: case 59:
			continue;
		}
		str("service ");
		dec(n);
		value("", service(n, 0, 0, 0));
	}
	value("service 1", service(1, '\n'));
	value("service 255", service(255));
	value("service ffffffff", service(0xffffffff));
	value("high half of 0", high_half(48));
	value("high half of -1", high_half(58));
	value("high half of a pointer", high_half(34));
	text("service 10", (const char *)service(10), 29);

	s = (const char *)service(34);
	text("image", s, 8);
	value("service 37", service(37, "flash:image-name.bin"));
	text("image", s, 24);
	value("service 37", service(37, "IOS"));
	text("image", s, 24);
	s = (const char *)service(36);
	text("boot loader", s, 8);
	value("service 35", service(35, "7200-boot"));
	text("boot loader", s, 16);
	value("service 35", service(35, "x"));
	text("boot loader", s, 16);

	for (i = 0; i < 65; i++)
		cookie[i] = 0xa5a5;
	value("service 44", service(44, cookie));
	for (v = i = 0; i < 64; i++)
		v |= cookie[i];
	value("cookie", v);
	value("behind it", cookie[64]);

	value("service 45", service(45, "BOOT=flash:x"));
	value("service 45", service(45, "EMPTY="));
	value("service 45", service(45, "=nothing"));
	value("service 45", service(45, "nothing"));
	value("service 45", service(45, "A=b=c"));
	get_var("BOOT", 16);
	get_var("BOOT", 8);
	get_var("BOOT", 2);
	get_var("BOOT", 1);
	get_var("EMPTY", 8);
	get_var("A", 8);
	get_var("BOO", 8);
	get_var("nothing", 8);
	get_var("", 8);
	service(45, "BOOT=y");
	get_var("BOOT", 16);

	value("service 60", service(60));
	value("service 59", service(59, 0x25));
	value("service 60", service(60));
	service(59, 0);

	const uint32_t *table = (const uint32_t *)service(42);
	str("table");
	for (i = 0; i < 35; i++)
		str(table[i] == table[0] ? " full" : table[i] == table[1] ? " second" : " other");
	str("\n");

	value("changed by 2", survives(2));
	value("changed by 58", survives(58));
	value("changed by 10", survives(10));
	value("in a delay slot", service_in_slot(2));
	value("Status", get_status());

	/* Timer interrupts are taken by the ROM, which moves Compare. */
	set_compare(get_count() + 10000);
	v = get_compare();
	for (i = 0; i < 100000000 && get_compare() == v; i++)
		;
	str(get_compare() - v > 500000 ? "timer interrupt absorbed\n" : "no timer interrupt\n");
	return 0;
}
