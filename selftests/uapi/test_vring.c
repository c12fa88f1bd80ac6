// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vhost ioctls that set one queue up: what they take, what they refuse in
 * which state, and that a queue can be set up in any order clients use.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define RING_MAX 32768
#define NO_QUEUE 1000
#define KERNEL_ADDRESS ((char *)0xffff888000000000ul)

FIXTURE(vring) { struct rig rig; int fd; unsigned int index; };
FIXTURE_VARIANT(vring) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(vring, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(vring, net) { RIG_NET_TX };

FIXTURE_SETUP(vring)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	self->fd = self->rig.driver.fd;
	self->index = self->rig.queue->index;
}

FIXTURE_TEARDOWN(vring)
{
	rig_exit(&self->rig);
}

TEST_F(vring, num_takes_powers_of_two_up_to_the_limit)
{
	unsigned int bad[] = { 0, 3, 100, RING_MAX + 1, 2 * RING_MAX, 1u << 31, ~0u };

	for (unsigned int num = 1; num <= RING_MAX; num *= 2)
		EXPECT_EQ(0, vhost_set_vring_num(self->fd, self->index, num));
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->fd, self->index, bad[i]));
}

TEST_F(vring, base_takes_sixteen_bits)
{
	EXPECT_EQ(0, vhost_set_vring_base(self->fd, self->index, 0xffff));
	EXPECT_EQ(0xffff, vhost_get_vring_base(self->fd, self->index));
	EXPECT_EQ(-EINVAL, vhost_set_vring_base(self->fd, self->index, 0x10000));
	EXPECT_EQ(-EINVAL, vhost_set_vring_base(self->fd, self->index, ~0u));
	EXPECT_EQ(0xffff, vhost_get_vring_base(self->fd, self->index));
	EXPECT_EQ(0, vhost_set_vring_base(self->fd, self->index, 0));
	EXPECT_EQ(0, vhost_get_vring_base(self->fd, self->index));
}

TEST_F(vring, no_such_queue_is_told)
{
	unsigned int bad[] = { NO_QUEUE, 0x7fffffff, 0x80000000, ~0u };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_num(self->fd, bad[i], RING));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_base(self->fd, bad[i], 0));
		EXPECT_EQ(-ENOBUFS, vhost_get_vring_base(self->fd, bad[i]));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_addr(self->fd, bad[i], NULL, NULL, NULL));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_kick(self->fd, bad[i], -1));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_call(self->fd, bad[i], -1));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_err(self->fd, bad[i], -1));
		EXPECT_EQ(-ENOBUFS, vhost_get_vring_stats(self->fd, bad[i], NULL, 0));
	}
}

TEST_F(vring, unaligned_rings_are_refused)
{
	struct driver_queue *queue = self->rig.queue;
	char *desc = (char *)queue->desc;
	char *avail = (char *)queue->avail;
	char *used = (char *)queue->used;

	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(self->fd, self->index, desc, avail + 1, used));
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(self->fd, self->index, desc, avail, used + 2));
	EXPECT_EQ(0, vhost_set_vring_addr(self->fd, self->index, desc, avail, used));
}

TEST_F(vring, rings_in_the_kernels_half_never_start)
{
	struct driver_queue *queue = self->rig.queue;
	const void *bad[][3] = {
		{ KERNEL_ADDRESS, queue->avail, queue->used },
		{ queue->desc, KERNEL_ADDRESS, queue->used },
		{ queue->desc, queue->avail, KERNEL_ADDRESS },
		{ NULL, NULL, NULL },
		{ (void *)-16ul, (void *)-16ul, (void *)-16ul },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int error = vhost_set_vring_addr(self->fd, self->index, bad[i][0], bad[i][1],
						 bad[i][2]);

		if (!error)
			error = rig_start_queue(&self->rig, queue);
		EXPECT_GT(0, error) { TEST_LOG("case %u", i); }
	}
	ASSERT_EQ(0, driver_set_queue(queue));
	rig_start(&self->rig);
	EXPECT_EQ(0, rig_works(&self->rig, queue));
}

TEST_F(vring, unknown_flags_of_addresses_are_refused)
{
	struct vhost_vring_addr address = {
		.index = self->index,
		.flags = 1u << 31,
		.desc_user_addr = (unsigned long)self->rig.queue->desc,
		.avail_user_addr = (unsigned long)self->rig.queue->avail,
		.used_user_addr = (unsigned long)self->rig.queue->used,
	};

	EXPECT_EQ(-1, ioctl(self->fd, VHOST_SET_VRING_ADDR, &address));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

TEST_F(vring, eventfds_can_be_taken_away)
{
	EXPECT_EQ(0, vhost_set_vring_kick(self->fd, self->index, -1));
	EXPECT_EQ(0, vhost_set_vring_call(self->fd, self->index, -1));
	EXPECT_EQ(0, vhost_set_vring_err(self->fd, self->index, -1));
	EXPECT_EQ(0, vhost_set_vring_kick(self->fd, self->index, -1));
}

TEST_F(vring, what_is_no_eventfd_is_refused)
{
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EINVAL, vhost_set_vring_kick(self->fd, self->index, pipes[0]));
	EXPECT_EQ(-EINVAL, vhost_set_vring_call(self->fd, self->index, pipes[1]));
	EXPECT_EQ(-EINVAL, vhost_set_vring_err(self->fd, self->index, self->fd));
	close(pipes[0]);
	close(pipes[1]);
	EXPECT_EQ(-EBADF, vhost_set_vring_kick(self->fd, self->index, pipes[0]));
	EXPECT_EQ(-EBADF, vhost_set_vring_call(self->fd, self->index, 12345));
	EXPECT_EQ(-EBADF, vhost_set_vring_err(self->fd, self->index, -2));
	/* What was set before stays in force. */
	rig_start(&self->rig);
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_F(vring, bad_argument_address_is_refused)
{
	unsigned long calls[] = {
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, RINGHOST_GET_VRING_STATS,
	};

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, calls[i], NULL));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, ioctl(self->fd, calls[i], KERNEL_ADDRESS));
		EXPECT_EQ(EFAULT, errno);
	}
}

TEST_F(vring, size_and_position_cannot_change_while_running)
{
	rig_start(&self->rig);
	EXPECT_EQ(-EBUSY, vhost_set_vring_num(self->fd, self->index, RING));
	EXPECT_EQ(-EBUSY, vhost_set_vring_base(self->fd, self->index, 0));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(0, vhost_set_vring_num(self->fd, self->index, RING));
}

TEST_F(vring, addresses_can_be_set_again_while_running)
{
	struct driver_queue *queue = self->rig.queue;

	rig_start(&self->rig);
	for (unsigned int i = 0; i < 10; i++) {
		ASSERT_EQ(0, rig_works(&self->rig, queue));
		ASSERT_EQ(0, vhost_set_vring_addr(self->fd, self->index, queue->desc,
						  queue->avail, queue->used));
	}
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(self->fd, self->index, KERNEL_ADDRESS,
						queue->avail, queue->used));
	EXPECT_EQ(0, rig_works(&self->rig, queue));
}

TEST_F(vring, ring_can_move_while_running)
{
	struct driver_queue *queue = self->rig.queue;
	size_t used_bytes = sizeof(struct vring_used) + 2 +
			    RING * sizeof(struct vring_used_elem);
	struct vring_used *used = guest_alloc(&self->rig.driver.guest, used_bytes, 4096);

	rig_start(&self->rig);
	ASSERT_EQ(0, rig_works(&self->rig, queue));
	memcpy(used, queue->used, used_bytes);
	queue->used = used;
	ASSERT_EQ(0, vhost_set_vring_addr(self->fd, self->index, queue->desc, queue->avail,
					  queue->used));
	EXPECT_EQ(0, rig_works(&self->rig, queue));
}

TEST_F(vring, kick_before_the_start_is_not_lost)
{
	struct driver_used used;

	if (variant->flavour != RIG_BLK)
		ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.neighbour));
	ASSERT_LE(0, rig_add(&self->rig));
	driver_kick_always(self->rig.queue);
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_TRUE(driver_wait(self->rig.queue, &used, DRIVER_TIMEOUT));
}

TEST_F(vring, eventfds_can_be_swapped_while_running)
{
	struct driver_queue *queue = self->rig.queue;

	rig_start(&self->rig);
	for (unsigned int i = 0; i < 20; i++) {
		int kick = queue->kick;

		queue->kick = queue->call;
		queue->call = kick;
		ASSERT_EQ(0, vhost_set_vring_kick(self->fd, self->index, queue->kick));
		ASSERT_EQ(0, vhost_set_vring_call(self->fd, self->index, queue->call));
		ASSERT_EQ(0, rig_works(&self->rig, queue));
	}
}

TEST_F(vring, queue_without_call_and_error_eventfd_still_works)
{
	struct driver_queue *queue = self->rig.queue;
	struct driver_used used;

	ASSERT_EQ(0, vhost_set_vring_call(self->fd, self->index, -1));
	ASSERT_EQ(0, vhost_set_vring_err(self->fd, self->index, -1));
	rig_start(&self->rig);
	ASSERT_LE(0, rig_add(&self->rig));
	driver_kick(queue);
	for (unsigned int i = 0; i < DRIVER_TIMEOUT / 10 && !driver_reap(queue, &used); i++)
		usleep(10000);
	EXPECT_EQ(1, queue->used_next);
	/* Breaks, and tells nobody. */
	driver_offer(queue, RING);
	driver_kick_always(queue);
	EXPECT_FALSE(driver_is_broken(queue, DRIVER_QUIET));
	EXPECT_EQ(1, driver_stat(queue, RINGHOST_STAT_BREAKS));
}

TEST_F(vring, one_eventfd_for_kick_call_and_error_does_not_spin)
{
	struct driver_queue *queue = self->rig.queue;
	struct driver_used used;
	uint64_t kicks;

	ASSERT_EQ(0, vhost_set_vring_call(self->fd, self->index, queue->kick));
	ASSERT_EQ(0, vhost_set_vring_err(self->fd, self->index, queue->kick));
	rig_start(&self->rig);
	ASSERT_LE(0, rig_add(&self->rig));
	driver_kick_always(queue);
	for (unsigned int i = 0; i < DRIVER_TIMEOUT / 10 && !driver_reap(queue, &used); i++)
		usleep(10000);
	usleep(DRIVER_QUIET * 1000);
	kicks = driver_stat(queue, RINGHOST_STAT_KICKS);
	EXPECT_GE(10, kicks);
}

TEST_HARNESS_MAIN
