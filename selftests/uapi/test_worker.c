// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that make, share and free worker threads, and say of what kind they are: what
 * each takes, in which state, and what it refuses. What workers do is ring/test_worker.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"
#include "threads.h"

#define RING 64
#define WORKERS_MAX 64
#define NO_QUEUE 1000
#define NO_WORKER 5000
#define NOWHERE ((void *)0xffff888000000000ul)

FIXTURE(worker) { struct rig rig; int fd; unsigned int queue, neighbour; };
FIXTURE_VARIANT(worker) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(worker, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(worker, net) { RIG_NET_TX };

FIXTURE_SETUP(worker)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	self->fd = self->rig.driver.fd;
	self->queue = self->rig.queue->index;
	self->neighbour = self->rig.neighbour->index;
}

FIXTURE_TEARDOWN(worker)
{
	rig_exit(&self->rig);
}

TEST_F(worker, queue_has_none_before_its_first_start)
{
	EXPECT_EQ(-EINVAL, vhost_get_vring_worker(self->fd, self->queue));
	EXPECT_EQ(0, threads_count("rh-"));
}

TEST_F(worker, each_queue_gets_one_of_its_own_when_it_starts)
{
	rig_start(&self->rig);
	EXPECT_LE(0, vhost_get_vring_worker(self->fd, self->queue));
	EXPECT_LE(0, vhost_get_vring_worker(self->fd, self->neighbour));
	EXPECT_NE(vhost_get_vring_worker(self->fd, self->queue),
		  vhost_get_vring_worker(self->fd, self->neighbour));
	EXPECT_EQ(2, threads_count("rh-"));
}

TEST_F(worker, attached_before_the_start_is_the_one_that_runs)
{
	int id = vhost_new_worker(self->fd);

	ASSERT_LE(0, id);
	EXPECT_EQ(0, vhost_attach_vring_worker(self->fd, self->queue, id));
	EXPECT_EQ(0, vhost_attach_vring_worker(self->fd, self->neighbour, id));
	rig_start(&self->rig);
	EXPECT_EQ(id, vhost_get_vring_worker(self->fd, self->queue));
	EXPECT_EQ(id, vhost_get_vring_worker(self->fd, self->neighbour));
	EXPECT_EQ(1, threads_count("rh-"));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

TEST_F(worker, attached_while_running_runs_from_then_on)
{
	int id;

	rig_start(&self->rig);
	id = vhost_new_worker(self->fd);
	ASSERT_LE(0, id);
	for (unsigned int i = 0; i < 3; i++) {
		ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, self->queue, id));
		EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
		EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	}
	EXPECT_EQ(id, vhost_get_vring_worker(self->fd, self->queue));
}

TEST_F(worker, stays_with_a_queue_that_stops)
{
	int id;

	rig_start(&self->rig);
	id = vhost_get_vring_worker(self->fd, self->queue);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(id, vhost_get_vring_worker(self->fd, self->queue));
	EXPECT_EQ(-EBUSY, vhost_free_worker(self->fd, id));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(id, vhost_get_vring_worker(self->fd, self->queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_F(worker, attached_is_not_freed)
{
	int id = vhost_new_worker(self->fd);

	ASSERT_LE(0, id);
	ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, self->queue, id));
	EXPECT_EQ(-EBUSY, vhost_free_worker(self->fd, id));
	rig_start(&self->rig);
	EXPECT_EQ(-EBUSY, vhost_free_worker(self->fd, id));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_F(worker, made_by_default_is_freed_like_any_other)
{
	int first, second;

	rig_start(&self->rig);
	first = vhost_get_vring_worker(self->fd, self->queue);
	second = vhost_new_worker(self->fd);
	ASSERT_LE(0, second);
	EXPECT_EQ(-EBUSY, vhost_free_worker(self->fd, first));
	ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, self->queue, second));
	EXPECT_EQ(3, threads_count("rh-"));
	EXPECT_EQ(0, vhost_free_worker(self->fd, first));
	EXPECT_EQ(-ENODEV, vhost_attach_vring_worker(self->fd, self->queue, first));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

TEST_F(worker, id_of_a_freed_one_is_used_again)
{
	int first = vhost_new_worker(self->fd);
	int second = vhost_new_worker(self->fd);

	ASSERT_LE(0, first);
	ASSERT_LE(0, second);
	EXPECT_NE(first, second);
	EXPECT_EQ(0, vhost_free_worker(self->fd, first));
	EXPECT_EQ(-ENODEV, vhost_free_worker(self->fd, first));
	EXPECT_EQ(first, vhost_new_worker(self->fd));
}

TEST_F(worker, unknown_ones_are_told)
{
	unsigned int bad[] = { 1, WORKERS_MAX, NO_WORKER, 0x80000000, ~0u };

	ASSERT_EQ(0, vhost_new_worker(self->fd));
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-ENODEV, vhost_free_worker(self->fd, bad[i]));
		EXPECT_EQ(-ENODEV, vhost_attach_vring_worker(self->fd, self->queue, bad[i]));
	}
	EXPECT_EQ(-EINVAL, vhost_get_vring_worker(self->fd, self->queue));
}

TEST_F(worker, no_such_queue_is_told)
{
	ASSERT_EQ(0, vhost_new_worker(self->fd));
	EXPECT_EQ(-ENOBUFS, vhost_attach_vring_worker(self->fd, NO_QUEUE, 0));
	EXPECT_EQ(-ENOBUFS, vhost_attach_vring_worker(self->fd, ~0u, 0));
	EXPECT_EQ(-ENOBUFS, vhost_get_vring_worker(self->fd, NO_QUEUE));
	EXPECT_EQ(-ENOBUFS, vhost_get_vring_worker(self->fd, ~0u));
}

TEST_F(worker, bad_argument_address_is_refused)
{
	unsigned long calls[] = {
		VHOST_NEW_WORKER, VHOST_FREE_WORKER, VHOST_ATTACH_VRING_WORKER,
		VHOST_GET_VRING_WORKER,
	};

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, calls[i], NULL));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, ioctl(self->fd, calls[i], NOWHERE));
		EXPECT_EQ(EFAULT, errno);
	}
	/* One that nobody knows of is not left behind. */
	EXPECT_TRUE(threads_are_gone("rh-"));
}

TEST_F(worker, their_number_is_limited_and_a_start_beyond_it_refused)
{
	for (int id = 0; id < WORKERS_MAX; id++)
		ASSERT_EQ(id, vhost_new_worker(self->fd));
	EXPECT_EQ(-ENOSPC, vhost_new_worker(self->fd));
	EXPECT_EQ(-ENOSPC, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(0, vhost_free_worker(self->fd, 17));
	EXPECT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(17, vhost_get_vring_worker(self->fd, self->queue));
}

TEST_F(worker, reset_owner_ends_them_all)
{
	ASSERT_LE(0, vhost_new_worker(self->fd));
	rig_start(&self->rig);
	EXPECT_EQ(3, threads_count("rh-"));
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	EXPECT_TRUE(threads_are_gone("rh-"));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(-EINVAL, vhost_get_vring_worker(self->fd, self->queue));
	EXPECT_EQ(0, vhost_new_worker(self->fd));
}

TEST_F(worker, calls_need_the_owner)
{
	int fd = vhost_open(rig_node(variant->flavour));

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, vhost_new_worker(fd));
	EXPECT_EQ(-EPERM, vhost_free_worker(fd, 0));
	EXPECT_EQ(-EPERM, vhost_attach_vring_worker(fd, 0, 0));
	EXPECT_EQ(-EPERM, vhost_get_vring_worker(fd, 0));
	close(fd);
}

/* Before there is an owner. */
FIXTURE(kind) { int fd; bool tasks; };
FIXTURE_VARIANT(kind) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(kind, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(kind, net) { RIG_NET_TX };

FIXTURE_SETUP(kind)
{
	struct utsname host;
	int major, minor;

	self->fd = vhost_open(rig_node(variant->flavour));
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uname(&host));
	ASSERT_EQ(2, sscanf(host.release, "%d.%d", &major, &minor));
	self->tasks = major > 6 || (major == 6 && minor >= 10);
}

FIXTURE_TEARDOWN(kind)
{
	close(self->fd);
}

TEST_F(kind, is_a_task_by_default_where_the_kernel_has_them)
{
	EXPECT_EQ(self->tasks ? VHOST_FORK_OWNER_TASK : VHOST_FORK_OWNER_KTHREAD,
		  vhost_get_fork_from_owner(self->fd));
}

TEST_F(kind, can_be_chosen)
{
	EXPECT_EQ(0, vhost_set_fork_from_owner(self->fd, VHOST_FORK_OWNER_KTHREAD));
	EXPECT_EQ(VHOST_FORK_OWNER_KTHREAD, vhost_get_fork_from_owner(self->fd));
	EXPECT_EQ(self->tasks ? 0 : -EINVAL,
		  vhost_set_fork_from_owner(self->fd, VHOST_FORK_OWNER_TASK));
	EXPECT_EQ(self->tasks ? VHOST_FORK_OWNER_TASK : VHOST_FORK_OWNER_KTHREAD,
		  vhost_get_fork_from_owner(self->fd));
}

TEST_F(kind, other_values_and_addresses_are_refused)
{
	int before = vhost_get_fork_from_owner(self->fd);

	EXPECT_EQ(-EINVAL, vhost_set_fork_from_owner(self->fd, 2));
	EXPECT_EQ(-EINVAL, vhost_set_fork_from_owner(self->fd, 0xff));
	EXPECT_EQ(before, vhost_get_fork_from_owner(self->fd));
	EXPECT_EQ(-1, ioctl(self->fd, VHOST_SET_FORK_FROM_OWNER, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, VHOST_GET_FORK_FROM_OWNER, NOWHERE));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(kind, cannot_change_while_there_is_an_owner_and_is_forgotten_with_it)
{
	int before = vhost_get_fork_from_owner(self->fd);

	ASSERT_EQ(0, vhost_set_fork_from_owner(self->fd, VHOST_FORK_OWNER_KTHREAD));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(-EBUSY, vhost_set_fork_from_owner(self->fd, VHOST_FORK_OWNER_KTHREAD));
	EXPECT_EQ(-EBUSY, vhost_set_fork_from_owner(self->fd, 2));
	EXPECT_EQ(VHOST_FORK_OWNER_KTHREAD, vhost_get_fork_from_owner(self->fd));
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	EXPECT_EQ(before, vhost_get_fork_from_owner(self->fd));
	EXPECT_EQ(0, vhost_set_fork_from_owner(self->fd, VHOST_FORK_OWNER_KTHREAD));
}

/* A thread of the owner's stands in its list of threads, one of the kernel's does not. */
TEST_F(kind, decides_whose_threads_the_workers_are)
{
	char path[100];
	int id;

	for (unsigned int kind = 0; kind <= self->tasks; kind++) {
		ASSERT_EQ(0, vhost_set_fork_from_owner(self->fd, kind));
		ASSERT_EQ(0, vhost_set_owner(self->fd));
		id = vhost_new_worker(self->fd);
		ASSERT_LE(0, id);
		snprintf(path, sizeof(path), "/proc/self/task/%d", threads_find("rh-"));
		EXPECT_EQ(kind == VHOST_FORK_OWNER_TASK, !access(path, F_OK));
		EXPECT_EQ(0, vhost_free_worker(self->fd, id));
		EXPECT_TRUE(threads_are_gone("rh-"));
		ASSERT_EQ(0, vhost_reset_owner(self->fd));
	}
}

TEST_HARNESS_MAIN
