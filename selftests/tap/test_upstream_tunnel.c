// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets in UDP tunnels, to be cut up, go through /dev/net/tun and our node: each must be
 * taken or refused by both and arrive alike, and where the stock node knows none of them
 * neither do we. See upstream.h for the differences, and tunnel_header.c for lies that only we
 * look for.
 */
#include "tunnels.h"
#include "upstream.h"

#define NAME "up0"

FIXTURE(upstream_tunnel) {
	struct upstream pair;
	bool layer3;
	struct tunnel_frame frame;
	unsigned char seen[NODES][FRAME_BYTES];
};

FIXTURE_VARIANT(upstream_tunnel) { unsigned int mode; };
FIXTURE_VARIANT_ADD(upstream_tunnel, tap) { IFF_TAP };
FIXTURE_VARIANT_ADD(upstream_tunnel, tun) { IFF_TUN };

FIXTURE_SETUP(upstream_tunnel)
{
	if (!upstream_init(&self->pair))
		SKIP(return, "no " STOCK_NODE);
	self->layer3 = variant->mode == IFF_TUN;
	upstream_attach(&self->pair, NULL, "attach", NAME, variant->mode | IFF_NO_PI | IFF_VNET_HDR);
	upstream_int(&self->pair, "setvnethdrsz", TUNSETVNETHDRSZ, sizeof(struct tunnel_header));
	upstream_set_up(&self->pair, NAME);
}

FIXTURE_TEARDOWN(upstream_tunnel)
{
	upstream_exit(&self->pair);
}

static void build(FIXTURE_DATA(upstream_tunnel) *self, int outer, int inner, int protocol)
{
	tunnel_build(&self->frame, &(struct tunnel_plan){
		.outer = outer, .inner = inner, .protocol = protocol, .csum = true,
		.payload = 4000, .size = 1000,
	});
	if (self->layer3)
		tunnel_strip_ethernet(&self->frame);
}

/* Write the packet to both, and compare what arrives if both take it. */
static void write_both(FIXTURE_DATA(upstream_tunnel) *self, const char *step)
{
	int result[NODES], length[NODES];

	for (unsigned int i = 0; i < NODES; i++) {
		result[i] = tap_write(self->pair.sides[i].fd, &self->frame,
				      tunnel_written(&self->frame));
		if (result[i] == (int)tunnel_written(&self->frame))
			result[i] = 0;
		length[i] = recv(self->pair.sides[i].host, self->seen[i], FRAME_BYTES, 0);
	}
	upstream_compare(step, result);
	if (result[STOCK] != result[OURS])
		return;
	EXPECT_EQ(length[STOCK], length[OURS]) {
		TEST_LOG("%s: length of what arrived", step);
	}
	if (length[STOCK] > 0 && length[STOCK] == length[OURS])
		EXPECT_EQ(0, memcmp(self->seen[STOCK], self->seen[OURS], length[OURS])) {
			TEST_LOG("%s: what arrived", step);
		}
}

TEST_F(upstream_tunnel, packets_of_all_kinds)
{
	static const int protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	const char *step = self->layer3 && tunnel_is_known() ?
			   "write: tunnel without an Ethernet header" : "write: tunnel";

	for (int outer = 4; outer <= 6; outer += 2) {
		for (int inner = 4; inner <= 6; inner += 2) {
			for (unsigned int i = 0; i < 2; i++) {
				build(self, outer, inner, protocols[i]);
				write_both(self, step);
				self->frame.header.basic.flags &= ~TUNNEL_F_CSUM;
				write_both(self, step);
			}
		}
	}
}

TEST_F(upstream_tunnel, vnet_headers)
{
	struct tunnel_header right;

	if (!tunnel_is_known() || self->layer3)
		SKIP(return, "the stock node takes none");
	build(self, 4, 4, IPPROTO_TCP);
	right = self->frame.header;
#define TRY(step, field, value) \
	do { \
		self->frame.header = right; \
		self->frame.header.field = (value); \
		write_both(self, step); \
	} while (0)
	TRY("write: tunnel with ECN", basic.gso_type, right.basic.gso_type | VIRTIO_NET_HDR_GSO_ECN);
	TRY("write: tunnel and no GSO", basic.gso_type, TUNNEL_OVER_IPV4);
	TRY("write: tunnel and UFO", basic.gso_type, TUNNEL_OVER_IPV4 | VIRTIO_NET_HDR_GSO_UDP);
	TRY("write: tunnel over both", basic.gso_type, right.basic.gso_type | TUNNEL_OVER_IPV6);
	TRY("write: tunnel over IPv6", basic.gso_type, right.basic.gso_type ^ 0x60);
	TRY("write: tunnel without checksum", basic.flags, TUNNEL_F_CSUM);
	TRY("write: tunnel without size", basic.gso_size, 0);
	TRY("write: tunnel around a single segment", basic.gso_size, 4000);
	TRY("write: tunnel with checksum before it", basic.csum_start, right.inner_network);
	TRY("write: tunnel with checksum beyond", basic.csum_start, 0xffff);
	TRY("write: tunnel at 0", outer_transport, 0);
	TRY("write: tunnel at its packet", outer_transport, right.inner_network);
	TRY("write: tunnel with its packet at 0", inner_network, 0);
	TRY("write: tunnel with its packet beyond", inner_network, 0xffff);
	TRY("write: tunnel with other offsets", outer_transport, right.outer_transport + 2);
	TRY("write: tunnel with other offsets", inner_network, right.inner_network - 2);
#undef TRY
}

TEST_F(upstream_tunnel, vnet_header_without_room)
{
	build(self, 4, 4, IPPROTO_TCP);
	upstream_int(&self->pair, "setvnethdrsz", TUNSETVNETHDRSZ, sizeof(struct tunnel_header) - 4);
	memmove(self->frame.bytes - 4, self->frame.bytes, self->frame.length);
	self->frame.length -= 4;
	write_both(self, "write: tunnel in a short vnet header");
}

TEST_F(upstream_tunnel, reading_with_a_short_vnet_header)
{
	int result[NODES];

	if (!tunnel_is_known())
		SKIP(return, "no tunnels");
	upstream_int(&self->pair, "setvnethdrsz", TUNSETVNETHDRSZ, 12);
	upstream_value(&self->pair, "setoffload", TUNSETOFFLOAD, TUNNEL_OFFLOADS);
	build(self, 4, 4, IPPROTO_UDP);
	for (unsigned int i = 0; i < NODES; i++) {
		ASSERT_EQ(500, send(self->pair.sides[i].host, self->frame.bytes, 500, 0));
		result[i] = tap_read(self->pair.sides[i].fd, self->seen[i], FRAME_BYTES, TAP_PATIENCE);
		result[i] = result[i] == 512 ? 0 : result[i];
	}
	upstream_compare("read with tunnels and a short vnet header", result);
}

TEST_HARNESS_MAIN
