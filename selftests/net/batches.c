// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small packets go to a tun, macvtap or ipvtap many at a time. Nobody may see a difference: they
 * arrive in order and unaltered among large ones, which go alone; a packet that the device
 * refuses is counted, and the others of its batch arrive; and their memory is given back.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "burst.h"

#define FRAME 200

FIXTURE(batches) { struct burst burst; };

FIXTURE_VARIANT(batches) {
	enum port_kind kind;
	uint64_t features;
};

FIXTURE_VARIANT_ADD(batches, tun) { .kind = TUN, .features = NET_FEATURES };
FIXTURE_VARIANT_ADD(batches, tun_legacy) { .kind = TUN };
FIXTURE_VARIANT_ADD(batches, tun_without_header) {
	.kind = TUN, .features = NET_FEATURES | DRIVER_BIT(VHOST_NET_F_VIRTIO_NET_HDR)
};
FIXTURE_VARIANT_ADD(batches, macvtap) { .kind = MACVTAP, .features = NET_FEATURES };
FIXTURE_VARIANT_ADD(batches, ipvtap) { .kind = IPVTAP, .features = NET_FEATURES };

FIXTURE_SETUP(batches)
{
	if (!burst_init(&self->burst, variant->kind, variant->features))
		SKIP(return, "this kernel has no such device");
}

FIXTURE_TEARDOWN(batches)
{
	burst_exit(&self->burst);
}

TEST_F(batches, many_packets_of_one_kick_arrive_in_order)
{
	struct burst *burst = &self->burst;

	for (unsigned int first = 0; first < 4 * BURST_RING; first += BURST_RING) {
		burst_offer_frames(burst, first, BURST_RING, FRAME);
		burst_pass(burst, BURST_RING);
		burst_expect_frames(burst, first, BURST_RING, FRAME);
	}
	EXPECT_EQ(0, burst_refused(burst));
}

TEST_F(batches, large_packets_keep_their_place_among_small_ones)
{
	static const size_t lengths[] = {
		60, 1514, 61, 5000, BURST_MTU, FRAME, FRAME, FRAME, 62, 4096, 63,
	};
	const unsigned int count = sizeof(lengths) / sizeof(lengths[0]);
	struct burst *burst = &self->burst;

	for (unsigned int i = 0; i < BURST_RING; i++)
		burst_offer_frames(burst, i, 1, lengths[i % count]);
	burst_pass(burst, BURST_RING);
	for (unsigned int i = 0; i < BURST_RING; i++)
		burst_expect_frames(burst, i, 1, lengths[i % count]);
	EXPECT_EQ(0, burst_refused(burst));
}

/* Somewhere there are the largest that fit into a page with all that goes around them. */
TEST_F(batches, packets_about_as_large_as_a_page_arrive)
{
	struct burst *burst = &self->burst;
	const size_t smallest = 3400;

	for (unsigned int i = 0; i < BURST_RING; i++)
		burst_offer_frames(burst, i, 1, smallest + i * 6);
	burst_pass(burst, BURST_RING);
	for (unsigned int i = 0; i < BURST_RING; i++)
		burst_expect_frames(burst, i, 1, smallest + i * 6);
}

/**
 * struct bad_packet - what the device refuses
 * @header: of the packet
 * @length: of its frame
 * @by_tun: only by a tun
 */
struct bad_packet {
	struct virtio_net_hdr header;
	size_t length;
	bool by_tun;
};

static const struct bad_packet bad_packets[] = {
	{ .length = ETH_HLEN - 1 },
	{ .header = { .gso_type = 0x7f }, FRAME },
	{ .header = { .hdr_len = FRAME + 1 }, FRAME },
	{ .header = { .hdr_len = ETH_HLEN - 1 }, FRAME, .by_tun = true },
	{ .header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = FRAME - 1 }, FRAME },
	{
		.header = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.csum_start = 60, .csum_offset = FRAME - 60 - 1,
		},
		FRAME,
	},
};
#define BAD_PACKETS (sizeof(bad_packets) / sizeof(bad_packets[0]))

static bool is_refused(const FIXTURE_VARIANT(batches) *variant, const struct bad_packet *packet)
{
	if (variant->features & DRIVER_BIT(VHOST_NET_F_VIRTIO_NET_HDR))
		return packet->length < ETH_HLEN;
	return variant->kind == TUN || !packet->by_tun;
}

TEST_F(batches, refused_packets_are_counted_and_those_around_them_arrive)
{
	const unsigned int rounds = BURST_RING / 2 / BAD_PACKETS;
	unsigned int number = 0, expected = 0;
	struct burst *burst = &self->burst;
	const struct bad_packet *bad;

	for (unsigned int i = 0; i < rounds * BAD_PACKETS; i++) {
		bad = &bad_packets[i % BAD_PACKETS];
		burst_offer_frames(burst, number++, 1, FRAME);
		burst_make(burst, number, FRAME);
		burst_offer(burst, number++, &bad->header, bad->length);
		expected += is_refused(variant, bad);
	}
	burst_pass(burst, number);
	for (unsigned int i = 0; i < number; i++) {
		bad = &bad_packets[i / 2 % BAD_PACKETS];
		if (i % 2 == 0 || !is_refused(variant, bad))
			burst_expect_frames(burst, i, 1, FRAME);
	}
	EXPECT_EQ(expected, burst_refused(burst));
}

/* The owner unmapped the end of one packet. */
TEST_F(batches, packet_in_missing_memory_costs_no_other)
{
	struct burst *burst = &self->burst;
	unsigned char *page = guest_alloc(&burst->driver.guest, 2 * BURST_PAGE, BURST_PAGE);
	struct driver_buffer torn = { page + BURST_PAGE - FRAME, NET_HEADER + FRAME, false };

	ASSERT_EQ(0, munmap(page + BURST_PAGE, BURST_PAGE));
	burst_offer_frames(burst, 0, 10, FRAME);
	ASSERT_LE(0, driver_add(burst->queue, &torn, 1));
	burst_offer_frames(burst, 10, 10, FRAME);
	burst_pass(burst, 21);
	burst_expect_frames(burst, 0, 20, FRAME);
	EXPECT_EQ(1, burst_refused(burst));
}

/* In bytes. */
static long memory_available(void)
{
	FILE *file = popen("sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo", "r");
	long kilobytes;

	ASSERT_TRUE(file && fscanf(file, "%ld", &kilobytes) == 1);
	pclose(file);
	return kilobytes << 10;
}

static void send_unheard(struct burst *burst, size_t length)
{
	burst_offer_frames(burst, 0, BURST_RING, length);
	burst_pass(burst, BURST_RING);
}

TEST_F(batches, memory_of_packets_is_given_back)
{
	const unsigned int rounds = harness_repetitions(200);
	const size_t length = 1514;
	long before;

	close(self->burst.host);
	self->burst.host = -1;
	/* What is allocated once, is. */
	send_unheard(&self->burst, length);
	before = memory_available();
	for (unsigned int i = 0; i < rounds; i++)
		send_unheard(&self->burst, length);
	EXPECT_GT((long)(rounds * BURST_RING * length / 2), before - memory_available());
}

TEST_HARNESS_MAIN
