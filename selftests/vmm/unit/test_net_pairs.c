// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pairs of queues of a network card with backend=userspace, from the driver's side:
 * packets come by the pairs in use, and buffers go back in the order they came.
 */
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>

#include "fake.h"
#include "fake_card.h"
#include "fake_tap.h"
#include "harness.h"

#define SLOT 1
#define PAIRS 2
#define SIZE 16
#define CONFIG 0x2000

FIXTURE(net_pairs) {
	struct fake fake;
	struct fake_queue queue;
	uint64_t buffer;
};

FIXTURE_SETUP(net_pairs)
{
	fake_init(&self->fake);
	fake_add_card(&self->fake, PAIRS);
	ASSERT_EQ(0, fake_start(&self->fake));
	self->buffer = fake_alloc(&self->fake, 4096);
	fake_enable(&self->fake, SLOT);
	fake_negotiate(&self->fake, SLOT, 0);
	fake_queue_init(&self->queue, &self->fake, SLOT, 2 * PAIRS, SIZE);
}

FIXTURE_TEARDOWN(net_pairs)
{
	fake_stop(&self->fake);
	fake_exit(&self->fake);
}

#define READ(offset, len) fake_read(&self->fake, SLOT, offset, len)
#define SET_PAIRS(pairs, bytes) \
	fake_command(&self->queue, self->buffer, VIRTIO_NET_CTRL_MQ, \
		     VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, pairs, bytes)

TEST_F(net_pairs, card_tells_how_many_pairs_it_has)
{
	EXPECT_EQ(2 * PAIRS + 1, READ(VIRTIO_PCI_COMMON_NUMQ, 2));
	EXPECT_EQ(PAIRS, READ(CONFIG + 8, 2));
	EXPECT_EQ(VIRTIO_NET_S_LINK_UP, READ(CONFIG + 6, 2));
}

TEST_F(net_pairs, packets_come_by_the_pairs_in_use)
{
	uint64_t buffer = fake_alloc(&self->fake, 4096);
	struct vring_used_elem used;
	struct fake_queue receive;
	char packet[72] = "";
	uint16_t pairs = PAIRS;

	fake_queue_init(&receive, &self->fake, SLOT, 2, SIZE);
	fake_driver_ok(&self->fake, SLOT);
	fake_descriptor(&receive, 0, buffer, 2048, VRING_DESC_F_WRITE, 0);
	fake_offer(&receive, 0);
	ASSERT_EQ(sizeof(packet), send(fake_tap.host[1], packet, sizeof(packet), 0));
	EXPECT_EQ(VIRTIO_NET_ERR, SET_PAIRS(&pairs, 1));
	EXPECT_EQ(0, receive.used->idx);
	EXPECT_EQ(VIRTIO_NET_OK, SET_PAIRS(&pairs, 2));
	ASSERT_TRUE(fake_used(&receive, &used));
	EXPECT_EQ(sizeof(packet), used.len);
}

/* The second packet is malformed and done with at once, while the first is being written. */
TEST_F(net_pairs, packets_are_used_in_the_order_they_came)
{
	uint64_t buffer = fake_alloc(&self->fake, 4096);
	struct vring_used_elem used[2];
	struct fake_queue transmit;
	char packet[100];

	fake_queue_init(&transmit, &self->fake, SLOT, 1, SIZE);
	fake_driver_ok(&self->fake, SLOT);
	fake_descriptor(&transmit, 0, buffer, 72, 0, 0);
	fake_descriptor(&transmit, 1, buffer, 1, 0, 0);
	transmit.available->ring[0] = 0;
	transmit.available->ring[1] = 1;
	transmit.available->idx = 2;
	fake_kick(&transmit);
	ASSERT_TRUE(fake_used(&transmit, &used[0]));
	EXPECT_EQ(72, recv(fake_tap.host[0], packet, sizeof(packet), 0));
	ASSERT_TRUE(fake_used(&transmit, &used[1]));
	EXPECT_EQ(0, used[0].id);
	EXPECT_EQ(1, used[1].id);
}

TEST_HARNESS_MAIN
