// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packed ring of queues served in userspace, from the driver's side: what it may
 * offer, what breaks the queue and why, and when either side wakes the other. The kernel
 * has a ring of its own, with tests of its own.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake.h"
#include "harness.h"
#include "virtqueue.h"

#define SIZE 6			/* no power of two: a packed ring may have any size */
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define AVAILABLE (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED (1u << VRING_PACKED_DESC_F_USED)

FIXTURE(packed) {
	struct fake fake;
	struct virtqueue queue;
	struct virtqueue_chain chain;
	struct vring_packed_desc *ring;
	struct vring_packed_desc_event *driver, *device;
	unsigned int at;
	bool wrap;
	uint64_t buffer;
};

FIXTURE_SETUP(packed)
{
	uint64_t rings;

	fake_init(&self->fake);
	rings = fake_alloc(&self->fake, 4096);
	self->buffer = fake_alloc(&self->fake, 4096);
	self->wrap = true;
	self->ring = fake_ram(&self->fake, rings);
	self->driver = fake_ram(&self->fake, rings + 1024);
	self->device = fake_ram(&self->fake, rings + 2048);
	self->queue = (struct virtqueue) {
		.format = &virtqueue_packed, .vm = &self->fake.vm, .size = SIZE,
		.event_index = true, .indirect = true, .available_wrap = true, .used_wrap = true,
		.descriptors = (void *)self->ring, .available = (void *)self->driver,
		.used = (void *)self->device, .call = eventfd(0, EFD_NONBLOCK),
	};
}

FIXTURE_TEARDOWN(packed)
{
	close(self->queue.call);
	fake_exit(&self->fake);
}

/* The driver fills the next slot in. */
#define OFFER(address, length, id_, flags_) do { \
	self->ring[self->at] = (struct vring_packed_desc) { \
		.addr = address, .len = length, .id = id_, \
		.flags = (flags_) | (self->wrap ? AVAILABLE : USED) }; \
	if (++self->at == SIZE) { \
		self->at = 0; \
		self->wrap = !self->wrap; \
	} } while (0)

#define POP() virtqueue_pop(&self->queue, &self->chain)
#define PUSH(written) virtqueue_push(&self->queue, &self->chain, written)

#define EXPECT_BROKEN(reason) do { \
	EXPECT_EQ(-EPROTO, POP()); \
	EXPECT_STREQ(reason, self->queue.broken); \
	EXPECT_EQ(-EPROTO, POP()); \
	} while (0)

static bool called(struct virtqueue *queue)
{
	uint64_t count;

	return read(queue->call, &count, sizeof(count)) == sizeof(count);
}

static bool is_used(const struct vring_packed_desc *slot, bool wrap)
{
	return (slot->flags & (AVAILABLE | USED)) == (wrap ? AVAILABLE | USED : 0);
}

TEST_F(packed, empty_ring_gives_nothing)
{
	EXPECT_EQ(0, POP());
	EXPECT_NULL(self->queue.broken);
}

TEST_F(packed, chain_is_translated_in_order)
{
	OFFER(self->buffer, 16, 99, NEXT);
	OFFER(FAKE_HIGH + FAKE_BYTES - 8, 8, 98, NEXT | WRITE);
	OFFER(self->buffer + 100, 1, 3, WRITE);
	ASSERT_EQ(1, POP());
	EXPECT_EQ(3, self->chain.head);
	EXPECT_EQ(3, self->chain.slots);
	EXPECT_EQ(1, self->chain.readable);
	EXPECT_EQ(2, self->chain.writable);
	EXPECT_TRUE(self->chain.iov[0].iov_base == fake_ram(&self->fake, self->buffer));
	EXPECT_EQ(8, self->chain.iov[1].iov_len);
	EXPECT_EQ(0, POP());
}

TEST_F(packed, indirect_table_is_read_to_its_end_without_next)
{
	struct vring_packed_desc table[2] = {
		{ .addr = self->buffer, .len = 10 },
		{ .addr = self->buffer + 10, .len = 20, .flags = WRITE },
	};

	memcpy((char *)fake_ram(&self->fake, self->buffer) + 0x101, table, sizeof(table));
	OFFER(self->buffer + 0x101, sizeof(table), 7, INDIRECT);
	ASSERT_EQ(1, POP());
	EXPECT_EQ(7, self->chain.head);
	EXPECT_EQ(1, self->chain.slots);
	EXPECT_EQ(1, self->chain.readable);
	EXPECT_EQ(1, self->chain.writable);
	EXPECT_EQ(20, self->chain.iov[1].iov_len);
}

TEST_F(packed, chain_may_go_around_the_end_of_the_ring)
{
	for (unsigned int i = 0; i < 4; i++)
		OFFER(self->buffer, 1, i, 0);
	for (unsigned int i = 0; i < 4; i++) {
		ASSERT_EQ(1, POP());
		PUSH(0);
	}
	virtqueue_publish(&self->queue);
	for (unsigned int i = 0; i < 4; i++)
		OFFER(self->buffer + i, 1, 5, i < 3 ? NEXT : 0);
	ASSERT_EQ(1, POP());
	EXPECT_EQ(4, self->chain.readable);
	EXPECT_EQ(0, POP());
	PUSH(0);
	virtqueue_publish(&self->queue);
	EXPECT_TRUE(is_used(&self->ring[4], true));
	EXPECT_EQ(5, self->ring[4].id);
	EXPECT_EQ(2, self->queue.next_used);
	EXPECT_FALSE(self->queue.used_wrap);
}

TEST_F(packed, batch_is_seen_at_once_and_calls_once)
{
	for (unsigned int i = 0; i < 2; i++)
		OFFER(self->buffer, 8, i + 3, WRITE);
	for (unsigned int i = 0; i < 2; i++) {
		ASSERT_EQ(1, POP());
		PUSH(i * 8);
	}
	EXPECT_FALSE(is_used(&self->ring[0], true));
	virtqueue_publish(&self->queue);
	EXPECT_TRUE(is_used(&self->ring[0], true));
	EXPECT_TRUE(is_used(&self->ring[1], true));
	EXPECT_EQ(0, self->ring[0].flags & WRITE);
	EXPECT_EQ(WRITE, self->ring[1].flags & WRITE);
	EXPECT_EQ(3, self->ring[0].id);
	EXPECT_EQ(8, self->ring[1].len);
	EXPECT_TRUE(called(&self->queue));
	virtqueue_publish(&self->queue);
	EXPECT_FALSE(called(&self->queue));
}

TEST_F(packed, slots_that_were_used_are_not_offered_again)
{
	for (unsigned int i = 0; i < SIZE; i++) {
		OFFER(self->buffer, 1, i, 0);
		ASSERT_EQ(1, POP());
		PUSH(0);
		virtqueue_publish(&self->queue);
	}
	EXPECT_EQ(0, POP());
}

TEST_F(packed, chain_longer_than_the_ring_breaks_it)
{
	for (unsigned int i = 0; i < SIZE; i++)
		OFFER(self->buffer, 1, i, NEXT);
	EXPECT_BROKEN("a chain is longer than the ring");
}

TEST_F(packed, length_zero_breaks_it)
{
	OFFER(self->buffer, 0, 0, 0);
	EXPECT_BROKEN("a descriptor has length 0");
}

TEST_F(packed, readable_after_writable_breaks_it)
{
	OFFER(self->buffer, 1, 0, NEXT | WRITE);
	OFFER(self->buffer, 1, 0, 0);
	EXPECT_BROKEN("a readable descriptor follows a writable one");
}

TEST_F(packed, buffer_over_end_of_ram_breaks_it)
{
	OFFER(FAKE_LOW + FAKE_BYTES - 8, 9, 0, 0);
	EXPECT_BROKEN("a buffer lies outside the guest's memory");
}

TEST_F(packed, indirect_table_that_was_not_negotiated_breaks_it)
{
	self->queue.indirect = false;
	OFFER(self->buffer, 16, 0, INDIRECT);
	EXPECT_BROKEN("an indirect table was not negotiated");
}

TEST_F(packed, indirect_table_with_next_breaks_it)
{
	OFFER(self->buffer, 16, 0, INDIRECT | NEXT);
	EXPECT_BROKEN("an indirect table is nested or not the last of its chain");
}

TEST_F(packed, tables_of_bad_size_break_it)
{
	OFFER(self->buffer, 17, 0, INDIRECT);
	EXPECT_BROKEN("an indirect table has a bad size");
	self->queue.broken = NULL;
	self->ring[0].len = (VIRTQUEUE_CHAIN_MAX + 1) * 16;
	EXPECT_BROKEN("an indirect table has a bad size");
}

TEST_F(packed, direct_and_indirect_descriptors_together_are_bounded)
{
	uint64_t table = fake_alloc(&self->fake, VIRTQUEUE_CHAIN_MAX * 16);
	struct vring_packed_desc *entries = fake_ram(&self->fake, table);

	for (unsigned int i = 0; i < VIRTQUEUE_CHAIN_MAX; i++)
		entries[i] = (struct vring_packed_desc) { .addr = self->buffer, .len = 1 };
	OFFER(self->buffer, 1, 0, NEXT);
	OFFER(table, VIRTQUEUE_CHAIN_MAX * 16, 0, INDIRECT);
	EXPECT_BROKEN("a chain has too many descriptors");
}

TEST_F(packed, no_call_while_the_driver_wants_none)
{
	self->driver->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	OFFER(self->buffer, 1, 0, 0);
	ASSERT_EQ(1, POP());
	PUSH(0);
	virtqueue_publish(&self->queue);
	EXPECT_FALSE(called(&self->queue));
}

/* Twice around, with the wish for a call moving along two slots ahead of the first used. */
TEST_F(packed, calls_come_at_the_slot_the_driver_wished)
{
	self->driver->flags = VRING_PACKED_EVENT_FLAG_DESC;
	for (unsigned int i = 0; i < 4 * SIZE; i += 2) {
		unsigned int wish = i + 1;

		self->driver->off_wrap = wish % SIZE |
			(wish / SIZE % 2 ? 0 : 1u << VRING_PACKED_EVENT_F_WRAP_CTR);
		for (unsigned int j = 0; j < 2; j++) {
			OFFER(self->buffer, 1, 0, 0);
			ASSERT_EQ(1, POP());
			PUSH(0);
			virtqueue_publish(&self->queue);
			EXPECT_EQ(j == 1, called(&self->queue));
		}
	}
}

TEST_F(packed, enabling_doorbells_tells_of_a_late_chain)
{
	virtqueue_disable_notify(&self->queue);
	EXPECT_EQ(VRING_PACKED_EVENT_FLAG_DISABLE, self->device->flags);
	EXPECT_FALSE(virtqueue_enable_notify(&self->queue));
	EXPECT_EQ(VRING_PACKED_EVENT_FLAG_DESC, self->device->flags);
	EXPECT_EQ(1u << VRING_PACKED_EVENT_F_WRAP_CTR, self->device->off_wrap);
	OFFER(self->buffer, 1, 0, 0);
	EXPECT_TRUE(virtqueue_enable_notify(&self->queue));
	ASSERT_EQ(1, POP());
	EXPECT_FALSE(virtqueue_enable_notify(&self->queue));
	EXPECT_EQ(1u << VRING_PACKED_EVENT_F_WRAP_CTR | 1, self->device->off_wrap);
}

TEST_F(packed, doorbells_go_by_flag_without_event_index)
{
	self->queue.event_index = false;
	virtqueue_disable_notify(&self->queue);
	EXPECT_FALSE(virtqueue_enable_notify(&self->queue));
	EXPECT_EQ(VRING_PACKED_EVENT_FLAG_ENABLE, self->device->flags);
}

TEST_HARNESS_MAIN
