/* Floating point as compilers make it: linear algebra, series, conversions,
   comparisons, single and double. Every result is printed bit for bit. */
#include "run.h"

static void bits(const char *name, double d)
{
	union { double d; u64 u; } x = {d};
	hex(name, x.u);
}

static void bits32(const char *name, float f)
{
	union { float f; u32 u; } x = {f};
	hex(name, x.u);
}

static double root(double x)
{
	double r;
	__asm__("sqrt.d %0, %1" : "=f"(r) : "f"(x));
	return r;
}

static double uniform(void) { return (double)(i64)(next() >> 11) / 9007199254740992.0; }

static double e_to(double x)
{
	double term = 1, sum = 1;
	for (int i = 1; i < 40; i++) {
		term = term * x / i;
		sum += term;
	}
	return sum;
}

static double m[16][17];

int main(void)
{
	for (int r = 0; r < 20; r++) {
		for (int i = 0; i < 16; i++)
			for (int j = 0; j < 17; j++)
				m[i][j] = uniform() - 0.5;
		for (int k = 0; k < 16; k++) {
			int best = k;
			for (int i = k + 1; i < 16; i++)
				if (m[i][k] * m[i][k] > m[best][k] * m[best][k])
					best = i;
			for (int j = 0; j < 17; j++) {
				double t = m[k][j];
				m[k][j] = m[best][j];
				m[best][j] = t;
			}
			for (int i = 0; i < 16; i++)
				if (i != k) {
					double f = m[i][k] / m[k][k];
					for (int j = k; j < 17; j++)
						m[i][j] -= f * m[k][j];
				}
		}
		double x = 0;
		for (int i = 0; i < 16; i++)
			x += m[i][16] / m[i][i];
		bits("solve", x);
	}
	for (int i = -20; i <= 20; i++)
		bits("exp", e_to(i * 0.37));
	for (int i = 0; i < 50; i++)
		bits("sqrt", root(uniform() * i));
	int inside = 0;
	for (int y = -20; y < 20; y++)
		for (int x = -30; x < 15; x++) {
			float zr = 0, zi = 0, cr = x / 20.0f, ci = y / 20.0f;
			int n = 0;
			while (zr * zr + zi * zi < 4.0f && n < 100) {
				float t = zr * zr - zi * zi + cr;
				zi = 2 * zr * zi + ci;
				zr = t;
				n++;
			}
			inside = inside * 33 + n;
		}
	hex("mandelbrot", (u32)inside);
	for (int i = 0; i < 60; i++) {
		double d = (uniform() - 0.5) * (1ul << i);
		float f = d;
		bits32("narrow", f);
		bits("widen", f * 3.0);
		hex("to int", (u32)(int)(d / (1 << 20)));
		hex("to long", (i64)d);
		bits("from long", (double)(i64)next());
		bits32("from int", (float)(int)next());
		bits32("from u64", (float)next());
		hex("compare", (d < f) | (d <= f) << 1 | (d == f) << 2 | (d != d) << 3);
	}
	double inf = 1e308 * (uniform() + 10), nan = inf - inf;
	bits("inf", inf);
	bits("nan", nan);
	hex("nan compares", (nan < 1) | (nan >= 1) << 1 | (nan != nan) << 2);
	bits("tiny", 1e-308 / (uniform() + 1e10));
	return 0;
}
