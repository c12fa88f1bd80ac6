// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive filter lets through what the driver wants and nothing else. The program is
 * run by the kernel, on a socket; a wrong jump in it would only show in packets that get
 * lost. (A tag beside the frame, which a socket cannot have, is vmm/test_net's.)
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "net_filter.h"

#define OWN "\x52\x54\x00\x12\x34\x56"
#define NEAR "\x52\x54\x00\x12\x34\x57"
#define BROADCAST "\xff\xff\xff\xff\xff\xff"
#define GROUP "\x01\x00\x5e\x00\x00\x01"
#define OTHER_GROUP "\x33\x33\x00\x00\x00\x01"

FIXTURE(net_filter) {
	struct net_filter filter;
	int sockets[2];
};

FIXTURE_SETUP(net_filter)
{
	self->filter = (struct net_filter) { .promiscuous = false };
	memcpy(self->filter.mac, OWN, ETH_ALEN);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, self->sockets));
}

FIXTURE_TEARDOWN(net_filter)
{
	close(self->sockets[0]);
	close(self->sockets[1]);
}

static int apply(int *sockets, struct net_filter *filter)
{
	const struct sock_fprog *program = net_filter_compile(filter);

	return setsockopt(sockets[1], SOL_SOCKET, SO_ATTACH_FILTER, program, sizeof(*program));
}

static bool passes(int *sockets, const void *frame, size_t bytes)
{
	unsigned char copy[64];

	/* A socket says EPERM to the sender when its peer's filter drops. */
	if (send(sockets[0], frame, bytes, 0) < 0)
		return false;
	return recv(sockets[1], copy, sizeof(copy), 0) == (ssize_t)bytes;
}

static bool arrives(int *sockets, const char *address)
{
	unsigned char frame[60] = { 0 };

	memcpy(frame, address, ETH_ALEN);
	frame[12] = 0x08;
	return passes(sockets, frame, sizeof(frame));
}

static bool arrives_by(int *sockets, unsigned int type, unsigned int vlan)
{
	unsigned char frame[60] = OWN;

	frame[12] = type >> 8;
	frame[13] = type;
	frame[14] = 0xe0 | vlan >> 8;	/* with a priority */
	frame[15] = vlan;
	return passes(sockets, frame, sizeof(frame));
}

static void add(struct net_addresses *table, const char *address)
{
	memcpy(table->list[table->count++], address, ETH_ALEN);
}

#define APPLY() ASSERT_EQ(0, apply(self->sockets, &self->filter))
#define EXPECT_ARRIVES(address) EXPECT_TRUE(arrives(self->sockets, address))
#define EXPECT_DROPPED(address) EXPECT_FALSE(arrives(self->sockets, address))

TEST_F(net_filter, promiscuous_card_needs_no_program)
{
	self->filter.promiscuous = true;
	EXPECT_NULL(net_filter_compile(&self->filter));
}

TEST_F(net_filter, own_address_and_broadcast_arrive_and_no_other)
{
	APPLY();
	EXPECT_ARRIVES(OWN);
	EXPECT_ARRIVES(BROADCAST);
	EXPECT_DROPPED(NEAR);
	EXPECT_DROPPED("\x53\x54\x00\x12\x34\x56");
	EXPECT_DROPPED("\x52\x56\x00\x12\x34\x56");
	EXPECT_DROPPED(GROUP);
}

TEST_F(net_filter, addresses_of_the_tables_arrive)
{
	add(&self->filter.unicast, NEAR);
	add(&self->filter.multicast, OTHER_GROUP);
	add(&self->filter.multicast, GROUP);
	APPLY();
	EXPECT_ARRIVES(OWN);
	EXPECT_ARRIVES(NEAR);
	EXPECT_ARRIVES(GROUP);
	EXPECT_ARRIVES(OTHER_GROUP);
	EXPECT_DROPPED("\x01\x00\x5e\x00\x00\x02");
}

TEST_F(net_filter, all_of_a_kind_arrive_when_asked_for)
{
	self->filter.all_multicast = true;
	APPLY();
	EXPECT_ARRIVES(OTHER_GROUP);
	EXPECT_DROPPED(NEAR);
	self->filter.all_multicast = false;
	self->filter.all_unicast = true;
	APPLY();
	EXPECT_ARRIVES(NEAR);
	EXPECT_DROPPED(OTHER_GROUP);
}

TEST_F(net_filter, table_that_was_too_long_lets_its_kind_through)
{
	self->filter.multicast.all = true;
	APPLY();
	EXPECT_ARRIVES(GROUP);
	EXPECT_DROPPED(NEAR);
	self->filter.multicast.all = false;
	self->filter.unicast.all = true;
	APPLY();
	EXPECT_ARRIVES(NEAR);
	EXPECT_DROPPED(GROUP);
}

TEST_F(net_filter, none_of_a_kind_arrives_when_unwanted)
{
	self->filter.no_unicast = true;
	self->filter.all_unicast = true;
	self->filter.no_broadcast = true;
	self->filter.all_multicast = true;
	APPLY();
	EXPECT_DROPPED(OWN);
	EXPECT_DROPPED(BROADCAST);
	EXPECT_ARRIVES(GROUP);
	self->filter.no_multicast = true;
	self->filter.no_broadcast = false;
	APPLY();
	EXPECT_DROPPED(GROUP);
	EXPECT_ARRIVES(BROADCAST);
}

#define EXPECT_VLAN(expected, vlan) \
	EXPECT_EQ(expected, arrives_by(self->sockets, ETH_P_8021Q, vlan))

TEST_F(net_filter, vlans_that_are_wanted_arrive)
{
	self->filter.filters_vlans = true;
	APPLY();
	EXPECT_VLAN(false, 0);
	EXPECT_VLAN(false, 5);
	EXPECT_ARRIVES(OWN);
	self->filter.vlans[0] = 1u << 5;
	self->filter.vlans[2] = 1u << 31 | 1;
	self->filter.vlans[127] = 1u << 30;
	APPLY();
	EXPECT_VLAN(true, 5);
	EXPECT_VLAN(true, 64);
	EXPECT_VLAN(true, 95);
	EXPECT_VLAN(true, 4094);
	EXPECT_VLAN(false, 4);
	EXPECT_VLAN(false, 37);
	EXPECT_VLAN(false, 65);
	EXPECT_VLAN(false, 4095);
	EXPECT_TRUE(arrives_by(self->sockets, ETH_P_8021AD, 4));
	EXPECT_ARRIVES(OWN);
	EXPECT_DROPPED(NEAR);
}

TEST_F(net_filter, longest_program_is_taken)
{
	self->filter.filters_vlans = true;
	memset(self->filter.vlans, 0xff, sizeof(self->filter.vlans));
	for (unsigned int i = 0; i < NET_ADDRESSES_MAX; i++) {
		unsigned char address[ETH_ALEN] = { 2, 0, 0, 0, 0, i };

		add(&self->filter.unicast, (char *)address);
		address[0] = 3;
		add(&self->filter.multicast, (char *)address);
	}
	APPLY();
	EXPECT_GE(NET_FILTER_MAX, self->filter.program.len);
	EXPECT_ARRIVES(OWN);
	EXPECT_ARRIVES("\x02\0\0\0\0\x3f");
	EXPECT_ARRIVES("\x03\0\0\0\0\x3f");
	EXPECT_DROPPED("\x03\0\0\0\0\x40");
	EXPECT_VLAN(true, 0);
	EXPECT_VLAN(true, 4095);
}

TEST_HARNESS_MAIN
