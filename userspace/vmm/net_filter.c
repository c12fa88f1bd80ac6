// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive filter as a program of classic BPF. Off the data path: the loop's thread
 * writes it, and the tap runs it for each packet before stage (3). Entry point:
 * net_filter_compile().
 *
 *	tagged, and of no VLAN that is wanted		drop
 *	destination a group address:	broadcast	keep, or drop
 *					the table	keep
 *					else		drop
 *	destination of one station:	the table	keep
 *					else		drop
 *
 * Conditional jumps reach no further than 255 instructions, so each skips at most a few,
 * and what may be far is reached by an unconditional one.
 */
#include <linux/if_ether.h>
#include <stddef.h>

#include "net_filter.h"

/* Scratch memory of the program. */
enum { MEM_HIGH, MEM_LOW, MEM_BIT };

#define KEEP BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)
#define DROP BPF_STMT(BPF_RET | BPF_K, 0)
#define GROUP_BIT 0x0100	/* in the first two bytes of an address */

static void emit(struct net_filter *filter, struct sock_filter instruction)
{
	filter->instructions[filter->program.len++] = instruction;
}

#define STMT(code, k) emit(filter, (struct sock_filter)BPF_STMT(code, k))
#define JUMP(code, k, yes, no) emit(filter, (struct sock_filter)BPF_JUMP(code, k, yes, no))
#define RETURN(what) emit(filter, (struct sock_filter)what)

/* A jump to a place that is not known yet. Return: for land(). */
static unsigned int leap(struct net_filter *filter)
{
	STMT(BPF_JMP | BPF_JA, 0);
	return filter->program.len - 1;
}

/* What is emitted next is where the jump @from leads. */
static void land(struct net_filter *filter, unsigned int from)
{
	filter->instructions[from].k = filter->program.len - from - 1;
}

/* Keep the packet, or drop it, if it goes to @address. */
static void match(struct net_filter *filter, const uint8_t *address, struct sock_filter then)
{
	STMT(BPF_LD | BPF_MEM, MEM_LOW);
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)address[2] << 24 | address[3] << 16 |
	     address[4] << 8 | address[5], 0, 3);
	STMT(BPF_LD | BPF_MEM, MEM_HIGH);
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, address[0] << 8 | address[1], 0, 1);
	emit(filter, then);
}

/* The last word on packets to addresses of one kind. */
static void match_table(struct net_filter *filter, const struct net_addresses *table, bool all,
			bool none)
{
	if (!none && (all || table->all)) {
		RETURN(KEEP);
		return;
	}
	for (unsigned int i = 0; !none && i < table->count; i++)
		match(filter, table->list[i], (struct sock_filter)KEEP);
	RETURN(DROP);
}

static void filter_addresses(struct net_filter *filter)
{
	static const uint8_t broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct sock_filter keep = KEEP, drop = DROP;
	unsigned int group;

	STMT(BPF_LD | BPF_W | BPF_ABS, 2);
	STMT(BPF_ST, MEM_LOW);
	STMT(BPF_LD | BPF_H | BPF_ABS, 0);
	STMT(BPF_ST, MEM_HIGH);
	JUMP(BPF_JMP | BPF_JSET | BPF_K, GROUP_BIT, 0, 1);
	group = leap(filter);
	if (!filter->no_unicast)
		match(filter, filter->mac, keep);
	match_table(filter, &filter->unicast, filter->all_unicast, filter->no_unicast);
	land(filter, group);
	match(filter, broadcast, filter->no_broadcast ? drop : keep);
	match_table(filter, &filter->multicast, filter->all_multicast, filter->no_multicast);
}

/* With the number of the VLAN in A: drop the packet unless it is wanted. */
static void match_vlan(struct net_filter *filter)
{
	unsigned int found[NET_VLANS / 32], count = 0;

	STMT(BPF_MISC | BPF_TAX, 0);
	STMT(BPF_ALU | BPF_AND | BPF_K, 31);
	STMT(BPF_ST, MEM_BIT);
	STMT(BPF_MISC | BPF_TXA, 0);
	STMT(BPF_ALU | BPF_RSH | BPF_K, 5);
	for (unsigned int i = 0; i < NET_VLANS / 32; i++) {
		if (!filter->vlans[i])
			continue;
		JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 2);
		STMT(BPF_LD | BPF_IMM, filter->vlans[i]);
		found[count++] = leap(filter);
	}
	RETURN(DROP);
	while (count)
		land(filter, found[--count]);
	STMT(BPF_LDX | BPF_MEM, MEM_BIT);
	STMT(BPF_ALU | BPF_RSH | BPF_X, 0);
	JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 1, 0);
	RETURN(DROP);
}

#define ANCILLARY(what) (uint32_t)(SKF_AD_OFF + (what))

/* The host keeps the tag beside the frame, or in it. Only 802.1Q's is the driver's to filter. */
static void filter_vlans(struct net_filter *filter)
{
	unsigned int beside, inside, other, untagged;

	STMT(BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_VLAN_TAG_PRESENT));
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	beside = leap(filter);
	STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct ethhdr, h_proto));
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 1, 0);
	untagged = leap(filter);
	STMT(BPF_LD | BPF_H | BPF_ABS, sizeof(struct ethhdr));
	inside = leap(filter);
	land(filter, beside);
	STMT(BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_VLAN_TPID));
	JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 1, 0);
	other = leap(filter);
	STMT(BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_VLAN_TAG));
	land(filter, inside);
	STMT(BPF_ALU | BPF_AND | BPF_K, NET_VLANS - 1);
	match_vlan(filter);
	land(filter, untagged);
	land(filter, other);
}

const struct sock_fprog *net_filter_compile(struct net_filter *filter)
{
	if (filter->promiscuous)
		return NULL;
	filter->program = (struct sock_fprog) { .filter = filter->instructions };
	if (filter->filters_vlans)
		filter_vlans(filter);
	filter_addresses(filter);
	return &filter->program;
}
