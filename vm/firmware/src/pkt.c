#include "net.h"
#include "lib.h"

/* Buffers lie in memory that chips reach by DMA and are used through KSEG1
 * only, so that no cache line of theirs ever exists. */
#define NSMALL 2048u
#define NHUGE 24u

extern u8 _heap_start[];
static u32 heap;

static struct pkt *free_small, *free_huge;
static u32 nfree_small, nfree_huge;

void *boot_alloc(u32 size, u32 align)
{
	void *p;

	if (!heap)
		heap = (u32)_heap_start;
	heap = (heap + align - 1) & ~(align - 1);
	p = (void *)heap;
	heap += size;
	return p;
}

/* Memory of cards goes back when its card does and is taken again by size, so
 * that a card which comes and goes takes no more than one that stays. Blocks
 * of one size and alignment have one use, cached or not. */
static struct block {
	void *p;
	u32 size, align;
	int slot;               /* -1: free */
	struct block *next;
} *blocks;

void *card_alloc(int slot, u32 size, u32 align)
{
	struct block *b;

	for (b = blocks; b; b = b->next)
		if (b->slot < 0 && b->size == size && b->align == align)
			break;
	if (!b) {
		b = boot_alloc(sizeof(*b), 4);
		b->p = boot_alloc(size, align);
		b->size = size;
		b->align = align;
		b->next = blocks;
		blocks = b;
	}
	b->slot = slot;
	return b->p;
}

void card_free(int slot)
{
	for (struct block *b = blocks; b; b = b->next)
		if (b->slot == slot)
			b->slot = -1;
}

u32 boot_alloc_used(void)
{
	return heap - (u32)_heap_start;
}

static struct pkt *make_pool(u32 n, u32 size)
{
	struct pkt *list = NULL;
	u32 block = (u32)boot_alloc(n * size, 64);

	while (n--) {
		struct pkt *p = boot_alloc(sizeof(*p), 4);

		memset(p, 0, sizeof(*p));
		p->buf = (u8 *)KSEG1(PHYS(block + n * size));
		p->size = size;
		p->next = list;
		list = p;
	}
	return list;
}

void pkt_init(void)
{
	free_small = make_pool(NSMALL, PKT_SMALL);
	nfree_small = NSMALL;
	free_huge = make_pool(NHUGE, PKT_HUGE);
	nfree_huge = NHUGE;
}

struct pkt *pkt_alloc(u32 len)
{
	struct pkt *p;

	if (len + PKT_HEADROOM <= PKT_SMALL) {
		p = free_small;
		if (!p)
			return NULL;
		free_small = p->next;
		nfree_small--;
	} else {
		p = free_huge;
		if (!p || len + PKT_HEADROOM > PKT_HUGE)
			return NULL;
		free_huge = p->next;
		nfree_huge--;
	}
	p->data = p->buf + PKT_HEADROOM;
	p->len = len;
	p->in = NULL;
	p->next = NULL;
	p->link_broadcast = p->multicast = 0;
	p->circuit = 0;
	p->cell = 0;
	return p;
}

void pkt_free(struct pkt *p)
{
	if (!p)
		return;
	if (p->size == PKT_SMALL) {
		p->next = free_small;
		free_small = p;
		nfree_small++;
	} else {
		p->next = free_huge;
		free_huge = p;
		nfree_huge++;
	}
}

u8 *pkt_push(struct pkt *p, u32 n)
{
	p->data -= n;
	p->len += n;
	return p->data;
}

int pkt_pull(struct pkt *p, u32 n)
{
	if (p->len < n)
		return 0;
	p->data += n;
	p->len -= n;
	return 1;
}

struct pkt *pkt_copy(const struct pkt *p)
{
	struct pkt *q = pkt_alloc(p->len);

	if (q) {
		memcpy(q->data, p->data, p->len);
		q->in = p->in;
		q->circuit = p->circuit;
		q->cell = p->cell;
	}
	return q;
}

u32 pkt_free_count(int huge)
{
	return huge ? nfree_huge : nfree_small;
}

u32 pkt_total(int huge)
{
	return huge ? NHUGE : NSMALL;
}
