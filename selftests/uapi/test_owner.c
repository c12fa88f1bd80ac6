// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may command a device: the process that called VHOST_SET_OWNER and nobody
 * else, because its memory is what the device writes to. A child of fork() holds
 * the same descriptor but has other memory.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64

FIXTURE(owner) { int fd; };
FIXTURE_VARIANT(owner) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(owner, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(owner, net) { RIG_NET_TX };

FIXTURE_SETUP(owner)
{
	self->fd = vhost_open(rig_node(variant->flavour));
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(owner)
{
	close(self->fd);
}

/* Every call that needs the owner, with an argument that is fine otherwise. */
static int call_of_the_owner(int fd, unsigned int which)
{
	static char argument[4096];
	static const unsigned long calls[] = {
		VHOST_SET_MEM_TABLE, VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK,
		VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR, VHOST_RESET_OWNER,
		VHOST_NET_SET_BACKEND, RINGHOST_GET_VRING_STATS, RINGHOST_SET_VRING_ENABLE,
		RINGHOST_BLK_SET_DISK, RINGHOST_BLK_GET_LIMITS,
	};

	memset(argument, 0, sizeof(argument));
	if (which == sizeof(calls) / sizeof(calls[0]))
		return 1;
	return ioctl(fd, calls[which], argument) ? -errno : 0;
}

static bool all_are_refused(int fd)
{
	int error;

	for (unsigned int i = 0; (error = call_of_the_owner(fd, i)) != 1; i++) {
		if (error != -EPERM) {
			TEST_LOG("call %u gave %d", i, error);
			return false;
		}
	}
	return true;
}

TEST_F(owner, calls_before_set_owner_are_refused)
{
	EXPECT_TRUE(all_are_refused(self->fd));
	EXPECT_EQ(0, vhost_set_owner(self->fd));
}

TEST_F(owner, second_set_owner_is_busy)
{
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(-EBUSY, vhost_set_owner(self->fd));
	EXPECT_EQ(0, vhost_set_vring_num(self->fd, 0, RING));
}

/* Runs @check in a child that shares the descriptor. */
static bool holds_in_child(bool (*check)(int fd), int fd)
{
	int status = -1;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!check(fd));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool set_owner_is_busy(int fd)
{
	return vhost_set_owner(fd) == -EBUSY;
}

static bool set_owner_works(int fd)
{
	return vhost_set_owner(fd) == 0;
}

TEST_F(owner, calls_of_a_child_are_refused)
{
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_TRUE(holds_in_child(all_are_refused, self->fd));
	EXPECT_TRUE(holds_in_child(set_owner_is_busy, self->fd));
	EXPECT_EQ(0, vhost_set_vring_num(self->fd, 0, RING));
}

TEST_F(owner, calls_are_refused_while_a_dead_process_is_owner)
{
	EXPECT_TRUE(holds_in_child(set_owner_works, self->fd));
	EXPECT_TRUE(all_are_refused(self->fd));
	EXPECT_EQ(-EBUSY, vhost_set_owner(self->fd));
}

static void *thread_sets_num(void *context)
{
	return (void *)(long)vhost_set_vring_num(*(int *)context, 0, RING);
}

TEST_F(owner, other_threads_of_the_owner_are_the_owner)
{
	pthread_t thread;
	void *result = (void *)1;

	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, thread_sets_num, &self->fd));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(NULL, result);
}

TEST_F(owner, reset_owner_lets_go_of_everything)
{
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(0, vhost_set_features(self->fd, DRIVER_FEATURES));
	ASSERT_EQ(0, vhost_set_vring_base(self->fd, 0, 7));
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	EXPECT_TRUE(all_are_refused(self->fd));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(0, vhost_get_vring_base(self->fd, 0));
}

TEST_F(owner, unknown_call_is_refused)
{
	EXPECT_EQ(-1, ioctl(self->fd, _IO(RINGHOST_IOC_MAGIC, 0x7f), NULL));
	EXPECT_TRUE(errno == EPERM || errno == ENOTTY);
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(-1, ioctl(self->fd, _IO(RINGHOST_IOC_MAGIC, 0x7f), NULL));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, _IO(VHOST_VIRTIO, 0xff), NULL));
	EXPECT_EQ(ENOTTY, errno);
}

/* A running device, for what happens to it. */
FIXTURE(running) { struct rig rig; };
FIXTURE_VARIANT(running) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(running, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(running, net) { RIG_NET_TX };

FIXTURE_SETUP(running)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(running)
{
	rig_exit(&self->rig);
}

TEST_F(running, reset_owner_under_load_stops_everything_and_all_can_be_set_up_again)
{
	struct driver *driver = &self->rig.driver;

	for (unsigned int round = 0; round < 5; round++) {
		while (rig_add(&self->rig) >= 0)
			;
		driver_kick(self->rig.queue);
		ASSERT_EQ(0, vhost_reset_owner(driver->fd));
		ASSERT_EQ(0, vhost_set_owner(driver->fd));
		ASSERT_EQ(0, vhost_set_features(driver->fd, driver->features));
		ASSERT_EQ(0, guest_set_mem_table(&driver->guest, driver->fd));
		if (variant->flavour == RIG_BLK)
			ASSERT_EQ(0, vhost_blk_set_disk(driver->fd, driver->backend, 0, NULL));
		for (unsigned int i = 0; i < driver->queue_count; i++) {
			driver_reset_queue(&driver->queues[i]);
			ASSERT_EQ(0, driver_set_queue(&driver->queues[i]));
		}
		rig_start(&self->rig);
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	}
}

TEST_F(running, device_outlives_the_descriptor_of_the_owner)
{
	int copy = dup(self->rig.driver.fd);

	ASSERT_LE(0, copy);
	close(self->rig.driver.fd);
	self->rig.driver.fd = copy;
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_HARNESS_MAIN
