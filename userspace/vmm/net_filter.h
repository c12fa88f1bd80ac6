/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which packets the driver wants (virtio 1.3, 5.1.6.5.1 to 5.1.6.5.3), as a program of
 * classic BPF over the Ethernet frame, for the tap to run.
 */
#ifndef RH_VMM_NET_FILTER_H
#define RH_VMM_NET_FILTER_H

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <stdint.h>

/* Addresses of a table that are told apart; of a longer one all are let through. */
#define NET_ADDRESSES_MAX 64

#define NET_VLANS 4096

/*
 * Five instructions for each address, those of the card and of broadcast among them, three
 * for each word of VLANs, and what stands between.
 */
#define NET_FILTER_MAX (5 * (2 * NET_ADDRESSES_MAX + 2) + 3 * NET_VLANS / 32 + 64)
_Static_assert(NET_FILTER_MAX <= BPF_MAXINSNS, "the kernel takes the longest program");

/**
 * struct net_addresses - a table of addresses
 * @all: it was too long: every address is wanted
 * @count: valid entries
 * @list: the addresses
 */
struct net_addresses {
	bool all;
	unsigned int count;
	uint8_t list[NET_ADDRESSES_MAX][ETH_ALEN];
};

/**
 * struct net_filter - what the driver wants
 * @promiscuous: all there is; nothing else counts
 * @all_unicast, @all_multicast: every address of the kind, whatever the tables say
 * @no_unicast, @no_multicast, @no_broadcast: none of the kind
 * @mac: the card's own address
 * @unicast, @multicast: further addresses
 * @filters_vlans: of the tagged packets only those of @vlans
 * @vlans: bit n % 32 of word n / 32 is VLAN n
 * @instructions: the program
 * @program: its length and place, for the tap
 */
struct net_filter {
	bool promiscuous;
	bool all_unicast, all_multicast;
	bool no_unicast, no_multicast, no_broadcast;
	uint8_t mac[ETH_ALEN];
	struct net_addresses unicast, multicast;
	bool filters_vlans;
	uint32_t vlans[NET_VLANS / 32];
	struct sock_filter instructions[NET_FILTER_MAX];
	struct sock_fprog program;
};

/**
 * net_filter_compile() - make the program of what the driver wants now
 * @filter: the filter
 *
 * Return: the program, in @filter; NULL: no program, for the driver wants all.
 */
const struct sock_fprog *net_filter_compile(struct net_filter *filter);

#endif /* RH_VMM_NET_FILTER_H */
