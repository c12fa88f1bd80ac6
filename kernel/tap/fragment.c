// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for the packets a file brings, stage (3): pieces of large pages, several to a page.
 *
 * The stack has an allocator like this, which goes on with a page that is used up only if all
 * its pieces are free by then. A batch in the making always has some, so each page would be a
 * new one, and to clear it costs more than a packet of usual size does otherwise. Here the
 * pages take turns: by the time a page's turn comes again, those packets are mostly gone.
 *
 * Each CPU has its pages, which are used with BHs disabled. Entry points:
 * rh_tap_fragment_alloc(), and rh_tap_fragment_exit() when the module goes.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>

#include "fragment.h"

#define PAGE_ORDER PAGE_ALLOC_COSTLY_ORDER
/* Together larger than a batch of the longest packets that lie in such memory. */
#define PAGES 4
/* As many as there could be pieces in a page. */
#define REFERENCES (PAGE_SIZE << PAGE_ORDER)

/**
 * struct turn - a page
 * @page: the page, or NULL
 * @held: references to it that are ours; each piece takes one of them along
 */
struct turn {
	struct page *page;
	unsigned int held;
};

/**
 * struct fragments - a CPU's pages
 * @turns: they take turns
 * @current_turn: whose it is
 * @left: bytes of that page, from its start on, that are not given out
 */
struct fragments {
	struct turn turns[PAGES];
	unsigned int current_turn;
	unsigned int left;
};

static DEFINE_PER_CPU(struct fragments, fragments);

/* Whether all pieces are free again; nobody but us can find the page then. */
static bool is_idle(const struct turn *turn)
{
	/* Their users have let go by atomic operations that order all they did before. */
	return turn->page && page_ref_count(turn->page) == turn->held;
}

static void leave_page(struct turn *turn)
{
	if (turn->page) {
		page_ref_sub(turn->page, turn->held - 1);
		put_page(turn->page);
	}
	turn->page = NULL;
}

/* Where no large one is to be had, a small one does: it holds any piece. */
static bool new_page(struct turn *turn)
{
	const gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN | __GFP_NOMEMALLOC;

	leave_page(turn);
	turn->page = alloc_pages(gfp | __GFP_COMP | __GFP_NORETRY, PAGE_ORDER);
	if (!turn->page)
		turn->page = alloc_page(gfp);
	turn->held = 1;
	return turn->page;
}

/* Returns false without memory; the next call tries again. */
static bool next_turn(struct fragments *own)
{
	struct turn *turn;

	own->current_turn = (own->current_turn + 1) % PAGES;
	own->left = 0;
	turn = &own->turns[own->current_turn];
	if (!is_idle(turn) && !new_page(turn))
		return false;
	page_ref_add(turn->page, REFERENCES - turn->held);
	turn->held = REFERENCES;
	own->left = page_size(turn->page);
	return true;
}

/**
 * rh_tap_fragment_alloc() - get memory for a packet; BHs are disabled
 * @size: bytes, a multiple of the cache line's and not more than a page
 *
 * Return: the memory, of a page that goes when all let go of it (skb_free_frag()); NULL.
 */
void *rh_tap_fragment_alloc(unsigned int size)
{
	struct fragments *own = this_cpu_ptr(&fragments);
	struct turn *turn;

	if (unlikely(own->left < size) && !next_turn(own))
		return NULL;
	own->left -= size;
	turn = &own->turns[own->current_turn];
	turn->held--;
	return page_address(turn->page) + own->left;
}

/* The module goes, and with it whoever asked. Packets may still be on their way. */
void rh_tap_fragment_exit(void)
{
	unsigned int cpu, i;

	for_each_possible_cpu(cpu)
		for (i = 0; i < PAGES; i++)
			leave_page(&per_cpu(fragments, cpu).turns[i]);
}
