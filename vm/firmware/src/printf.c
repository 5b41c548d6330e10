#include "lib.h"

struct sink {
	char *d;
	size_t size, len;
};

static void put(struct sink *s, char c)
{
	if (s->len + 1 < s->size)
		s->d[s->len] = c;
	s->len++;
}

static void pad(struct sink *s, char c, int n)
{
	while (n-- > 0)
		put(s, c);
}

static void put_field(struct sink *s, const char *text, int len, int width, int left, char fill)
{
	if (!left)
		pad(s, fill, width - len);
	for (int i = 0; i < len; i++)
		put(s, text[i]);
	if (left)
		pad(s, ' ', width - len);
}

static int format_number(char *end, u64 v, u32 base, int upper)
{
	char *p = end;

	do {
		u32 digit;

		v = udiv64(v, base, &digit);
		*--p = (char)(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
	} while (v);
	return (int)(end - p);
}

int vsnprintf(char *d, size_t size, const char *fmt, va_list ap)
{
	struct sink s = { d, size, 0 };
	char buf[32];

	for (; *fmt; fmt++) {
		int left = 0, width = 0, prec = -1, longs = 0, len;
		char fill = ' ';
		const char *text;
		u64 v;

		if (*fmt != '%') {
			put(&s, *fmt);
			continue;
		}
		for (fmt++; *fmt == '-' || *fmt == '0'; fmt++) {
			if (*fmt == '-')
				left = 1;
			else
				fill = '0';
		}
		if (*fmt == '*') {
			width = va_arg(ap, int);
			fmt++;
		}
		while (is_digit(*fmt))
			width = width * 10 + *fmt++ - '0';
		if (*fmt == '.') {
			prec = 0;
			if (*++fmt == '*') {
				prec = va_arg(ap, int);
				fmt++;
			}
			while (is_digit(*fmt))
				prec = prec * 10 + *fmt++ - '0';
		}
		while (*fmt == 'l') {
			longs++;
			fmt++;
		}
		switch (*fmt) {
		case 'c':
			buf[0] = (char)va_arg(ap, int);
			put_field(&s, buf, 1, width, left, ' ');
			break;
		case 's':
			text = va_arg(ap, const char *);
			for (len = 0; (prec < 0 || len < prec) && text[len]; len++)
				;
			put_field(&s, text, len, width, left, ' ');
			break;
		case 'd':
		case 'i': {
			long long sv = longs > 1 ? va_arg(ap, long long) : va_arg(ap, int);
			int neg = sv < 0;

			len = format_number(buf + sizeof(buf), neg ? 0 - (u64)sv : (u64)sv, 10, 0);
			if (neg && fill == '0' && !left) {
				put(&s, '-');
				width--;
			} else if (neg) {
				buf[sizeof(buf) - (size_t)++len] = '-';
			}
			put_field(&s, buf + sizeof(buf) - len, len, width, left, left ? ' ' : fill);
			break;
		}
		case 'u':
		case 'x':
		case 'X':
		case 'p':
			v = longs > 1 ? va_arg(ap, u64) : va_arg(ap, u32);
			len = format_number(buf + sizeof(buf), v, *fmt == 'u' ? 10 : 16, *fmt == 'X');
			put_field(&s, buf + sizeof(buf) - len, len, width, left, left ? ' ' : fill);
			break;
		case 0:
			fmt--;
			break;
		default:
			put(&s, *fmt);
		}
	}
	if (size)
		d[s.len < size ? s.len : size - 1] = 0;
	return (int)s.len;
}

int snprintf(char *d, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(d, size, fmt, ap);
	va_end(ap);
	return n;
}
