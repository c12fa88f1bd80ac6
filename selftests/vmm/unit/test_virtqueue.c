// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split ring of backend=userspace: what a driver may offer, and what breaks the
 * queue, each for the reason that is reported. Guest RAM has unmapped pages around
 * it, so a step outside ends the test.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake.h"
#include "harness.h"
#include "virtqueue.h"

#define SIZE 8
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

FIXTURE(virtqueue) {
	struct fake fake;
	struct virtqueue queue;
	struct virtqueue_chain chain;
	uint64_t buffer;
};

FIXTURE_SETUP(virtqueue)
{
	uint64_t rings;

	fake_init(&self->fake);
	rings = fake_alloc(&self->fake, 4096);
	self->buffer = fake_alloc(&self->fake, 4096);
	self->queue = (struct virtqueue) {
		.format = &virtqueue_split, .vm = &self->fake.vm, .size = SIZE, .event_index = true, .indirect = true,
		.descriptors = fake_ram(&self->fake, rings),
		.available = fake_ram(&self->fake, rings + 1024),
		.used = fake_ram(&self->fake, rings + 2048),
		.call = eventfd(0, EFD_NONBLOCK),
	};
}

FIXTURE_TEARDOWN(virtqueue)
{
	close(self->queue.call);
	fake_exit(&self->fake);
}

static void put(struct vring_desc *table, unsigned int at, uint64_t address, uint32_t len,
		uint16_t flags, uint16_t next)
{
	table[at] = (struct vring_desc) { address, len, flags, next };
}

#define DESC(at, ...) put(self->queue.descriptors, at, __VA_ARGS__)

static void offer(struct virtqueue *queue, uint16_t head)
{
	queue->available->ring[queue->available->idx++ % SIZE] = head;
}

#define EXPECT_BROKEN(reason) do { \
	EXPECT_EQ(-EPROTO, virtqueue_pop(&self->queue, &self->chain)); \
	EXPECT_STREQ(reason, self->queue.broken); \
	EXPECT_EQ(-EPROTO, virtqueue_pop(&self->queue, &self->chain)); \
	} while (0)

static void push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	virtqueue_push(queue, &(struct virtqueue_chain) { .head = head, .slots = 1 }, written);
}

static bool called(struct virtqueue *queue)
{
	uint64_t count;

	return read(queue->call, &count, sizeof(count)) == sizeof(count);
}

TEST_F(virtqueue, empty_ring_gives_nothing)
{
	EXPECT_EQ(0, virtqueue_pop(&self->queue, &self->chain));
	EXPECT_NULL(self->queue.broken);
}

TEST_F(virtqueue, chain_is_translated_in_order)
{
	DESC(7, self->buffer, 16, NEXT, 2);
	DESC(2, FAKE_HIGH + FAKE_BYTES - 8, 8, NEXT | WRITE, 0);
	DESC(0, self->buffer + 100, 1, WRITE, 99);
	offer(&self->queue, 7);
	ASSERT_EQ(1, virtqueue_pop(&self->queue, &self->chain));
	EXPECT_EQ(7, self->chain.head);
	EXPECT_EQ(1, self->chain.readable);
	EXPECT_EQ(2, self->chain.writable);
	EXPECT_TRUE(self->chain.iov[0].iov_base == fake_ram(&self->fake, self->buffer));
	EXPECT_TRUE(self->chain.iov[1].iov_base ==
		    fake_ram(&self->fake, FAKE_HIGH + FAKE_BYTES - 8));
	EXPECT_EQ(8, self->chain.iov[1].iov_len);
	EXPECT_EQ(0, virtqueue_pop(&self->queue, &self->chain));
}

TEST_F(virtqueue, indirect_table_may_end_a_chain_and_lie_anywhere)
{
	struct vring_desc table[2];

	put(table, 0, self->buffer, 10, NEXT, 1);
	put(table, 1, self->buffer + 10, 20, WRITE, 0);
	memcpy((char *)fake_ram(&self->fake, self->buffer) + 0x101, table, sizeof(table));
	DESC(0, self->buffer, 5, NEXT, 1);
	DESC(1, self->buffer + 0x101, sizeof(table), INDIRECT, 0);
	offer(&self->queue, 0);
	ASSERT_EQ(1, virtqueue_pop(&self->queue, &self->chain));
	EXPECT_EQ(2, self->chain.readable);
	EXPECT_EQ(1, self->chain.writable);
	EXPECT_EQ(20, self->chain.iov[2].iov_len);
}

TEST_F(virtqueue, chain_as_long_as_the_ring_is_taken)
{
	for (unsigned int i = 0; i < SIZE; i++)
		DESC(i, self->buffer, 1, i + 1 < SIZE ? NEXT : 0, i + 1);
	offer(&self->queue, 0);
	EXPECT_EQ(1, virtqueue_pop(&self->queue, &self->chain));
	EXPECT_EQ(SIZE, self->chain.readable);
}

TEST_F(virtqueue, available_index_ahead_of_ring_breaks_it)
{
	self->queue.available->idx = SIZE + 1;
	EXPECT_BROKEN("the available index is ahead by more than the ring");
}

TEST_F(virtqueue, available_index_behind_breaks_it)
{
	self->queue.available->idx = UINT16_MAX;
	EXPECT_BROKEN("the available index is ahead by more than the ring");
}

TEST_F(virtqueue, head_out_of_range_breaks_it)
{
	offer(&self->queue, SIZE);
	EXPECT_BROKEN("a descriptor index is out of range");
}

TEST_F(virtqueue, next_out_of_range_breaks_it)
{
	DESC(0, self->buffer, 1, NEXT, UINT16_MAX);
	offer(&self->queue, 0);
	EXPECT_BROKEN("a descriptor index is out of range");
}

TEST_F(virtqueue, loop_breaks_it)
{
	DESC(0, self->buffer, 1, NEXT, 1);
	DESC(1, self->buffer, 1, NEXT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("a chain loops");
}

TEST_F(virtqueue, length_zero_breaks_it)
{
	DESC(0, self->buffer, 0, 0, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("a descriptor has length 0");
}

TEST_F(virtqueue, readable_after_writable_breaks_it)
{
	DESC(0, self->buffer, 1, NEXT | WRITE, 1);
	DESC(1, self->buffer, 1, 0, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("a readable descriptor follows a writable one");
}

TEST_F(virtqueue, buffer_over_end_of_ram_breaks_it)
{
	DESC(0, FAKE_LOW + FAKE_BYTES - 8, 9, 0, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("a buffer lies outside the guest's memory");
}

TEST_F(virtqueue, buffer_around_address_space_breaks_it)
{
	DESC(0, UINT64_MAX - 7, 16, 0, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("a buffer lies outside the guest's memory");
}

TEST_F(virtqueue, indirect_table_that_was_not_negotiated_breaks_it)
{
	self->queue.indirect = false;
	DESC(0, self->buffer, 16, INDIRECT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("an indirect table was not negotiated");
}

TEST_F(virtqueue, indirect_table_with_next_breaks_it)
{
	DESC(0, self->buffer, 16, INDIRECT | NEXT, 1);
	offer(&self->queue, 0);
	EXPECT_BROKEN("an indirect table is nested or not the last of its chain");
}

TEST_F(virtqueue, nested_indirect_table_breaks_it)
{
	put(fake_ram(&self->fake, self->buffer), 0, self->buffer, 16, INDIRECT, 0);
	DESC(0, self->buffer, 16, INDIRECT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("an indirect table is nested or not the last of its chain");
}

TEST_F(virtqueue, ragged_indirect_table_breaks_it)
{
	DESC(0, self->buffer, 17, INDIRECT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("an indirect table has a bad size");
}

TEST_F(virtqueue, empty_indirect_table_breaks_it)
{
	DESC(0, self->buffer, 0, INDIRECT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("an indirect table has a bad size");
}

TEST_F(virtqueue, huge_indirect_table_breaks_it)
{
	DESC(0, self->buffer, (VIRTQUEUE_CHAIN_MAX + 1) * 16, INDIRECT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("an indirect table has a bad size");
}

TEST_F(virtqueue, indirect_table_outside_ram_breaks_it)
{
	DESC(0, FAKE_LOW + FAKE_BYTES - 16, 32, INDIRECT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("an indirect table lies outside the guest's memory");
}

TEST_F(virtqueue, loop_inside_indirect_table_breaks_it)
{
	put(fake_ram(&self->fake, self->buffer), 0, self->buffer, 1, NEXT, 0);
	DESC(0, self->buffer, 32, INDIRECT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("a chain loops");
}

TEST_F(virtqueue, direct_and_indirect_descriptors_together_are_bounded)
{
	uint64_t table = fake_alloc(&self->fake, VIRTQUEUE_CHAIN_MAX * 16);

	for (unsigned int i = 0; i < VIRTQUEUE_CHAIN_MAX; i++)
		put(fake_ram(&self->fake, table), i, self->buffer, 1,
		    i + 1 < VIRTQUEUE_CHAIN_MAX ? NEXT : 0, i + 1);
	DESC(0, self->buffer, 1, NEXT, 1);
	DESC(1, table, VIRTQUEUE_CHAIN_MAX * 16, INDIRECT, 0);
	offer(&self->queue, 0);
	EXPECT_BROKEN("a chain has too many descriptors");
}

TEST_F(virtqueue, batch_is_seen_at_once_and_calls_once)
{
	push(&self->queue, 3, 10);
	push(&self->queue, 4, 20);
	EXPECT_EQ(0, self->queue.used->idx);
	virtqueue_publish(&self->queue);
	EXPECT_EQ(2, self->queue.used->idx);
	EXPECT_EQ(4, self->queue.used->ring[1].id);
	EXPECT_EQ(20, self->queue.used->ring[1].len);
	EXPECT_TRUE(called(&self->queue));
	virtqueue_publish(&self->queue);
	EXPECT_FALSE(called(&self->queue));
}

TEST_F(virtqueue, no_call_before_the_used_event)
{
	self->queue.available->ring[SIZE] = 2;
	for (unsigned int i = 0; i < 2; i++) {
		push(&self->queue, i, 0);
		virtqueue_publish(&self->queue);
		EXPECT_FALSE(called(&self->queue));
	}
	push(&self->queue, 2, 0);
	virtqueue_publish(&self->queue);
	EXPECT_TRUE(called(&self->queue));
}

TEST_F(virtqueue, no_call_while_the_flag_says_so)
{
	self->queue.event_index = false;
	self->queue.available->flags = VRING_AVAIL_F_NO_INTERRUPT;
	push(&self->queue, 0, 0);
	virtqueue_publish(&self->queue);
	EXPECT_FALSE(called(&self->queue));
	self->queue.available->flags = 0;
	push(&self->queue, 1, 0);
	virtqueue_publish(&self->queue);
	EXPECT_TRUE(called(&self->queue));
}

TEST_F(virtqueue, enabling_doorbells_tells_of_a_late_chain)
{
	virtqueue_disable_notify(&self->queue);
	EXPECT_FALSE(virtqueue_enable_notify(&self->queue));
	DESC(0, self->buffer, 1, 0, 0);
	offer(&self->queue, 0);
	EXPECT_TRUE(virtqueue_enable_notify(&self->queue));
	ASSERT_EQ(1, virtqueue_pop(&self->queue, &self->chain));
	EXPECT_FALSE(virtqueue_enable_notify(&self->queue));
	EXPECT_EQ(1, *(uint16_t *)&self->queue.used->ring[SIZE]);
}

TEST_F(virtqueue, doorbells_go_by_flag_without_event_index)
{
	self->queue.event_index = false;
	virtqueue_disable_notify(&self->queue);
	EXPECT_EQ(VRING_USED_F_NO_NOTIFY, self->queue.used->flags);
	EXPECT_FALSE(virtqueue_enable_notify(&self->queue));
	EXPECT_EQ(0, self->queue.used->flags);
}

TEST_F(virtqueue, indices_wrap)
{
	DESC(0, self->buffer, 1, 0, 0);
	for (unsigned int i = 0; i < 70000; i++) {
		offer(&self->queue, 0);
		self->queue.available->ring[SIZE] = i;
		ASSERT_EQ(1, virtqueue_pop(&self->queue, &self->chain));
		push(&self->queue, 0, i);
		virtqueue_publish(&self->queue);
		ASSERT_TRUE(called(&self->queue));
	}
	EXPECT_EQ((uint16_t)70000, self->queue.used->idx);
}

TEST_HARNESS_MAIN
