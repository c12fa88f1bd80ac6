// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of the dirty log: what they take and refuse, in which state, and that who may
 * not pin memory, or gives a log that is not there, learns of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define PAGE 4096
#define KERNEL_ADDRESS ((char *)0xffff888000000000ul)
/* The end of the process's half of the address space. */
#define USER_END 0x7ffffffff000ul
#define LOG_ALL DRIVER_BIT(VHOST_F_LOG_ALL)
#define FEATURES (DRIVER_FEATURES | LOG_ALL)

FIXTURE(log) {
	struct rig rig;
	struct driver_queue *queue;
	unsigned char *words;
	int fd;
};
FIXTURE_VARIANT(log) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(log, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(log, net_rx) { RIG_NET_RX };

FIXTURE_SETUP(log)
{
	rig_init(&self->rig, variant->flavour, RING, FEATURES);
	self->fd = self->rig.driver.fd;
	self->queue = self->rig.queue;
	self->words = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	ASSERT_NE(MAP_FAILED, self->words);
}

FIXTURE_TEARDOWN(log)
{
	rig_exit(&self->rig);
}

static int set_addr(struct driver_queue *queue, uint64_t log)
{
	return vhost_set_vring_addr_log(queue->driver->fd, queue->index, queue->desc,
					queue->avail, queue->used, log);
}

/* Kilobytes of this process that are locked. */
static long locked(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[200];
	long value = -1;

	ASSERT_NE(NULL, status);
	while (fgets(line, sizeof(line), status))
		sscanf(line, "VmLck: %ld", &value);
	fclose(status);
	return value;
}

TEST_F(log, feature_is_offered)
{
	__u64 offered = 0;

	ASSERT_EQ(0, vhost_get_features(self->fd, &offered));
	EXPECT_TRUE(offered & LOG_ALL);
}

TEST_F(log, base_takes_any_address_of_the_process)
{
	EXPECT_EQ(0, vhost_set_log_base(self->fd, self->words));
	EXPECT_EQ(0, vhost_set_log_base(self->fd, self->words + 1));
	EXPECT_EQ(0, vhost_set_log_base(self->fd, NULL));
	EXPECT_EQ(-EFAULT, vhost_set_log_base(self->fd, KERNEL_ADDRESS));
	EXPECT_EQ(-EFAULT, vhost_set_log_base(self->fd, (void *)-1ul));
	EXPECT_EQ(-1, ioctl(self->fd, VHOST_SET_LOG_BASE, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(log, fd_takes_eventfds_only)
{
	int event = eventfd(0, 0);

	EXPECT_EQ(0, vhost_set_log_fd(self->fd, event));
	EXPECT_EQ(0, vhost_set_log_fd(self->fd, event));
	EXPECT_EQ(-EINVAL, vhost_set_log_fd(self->fd, self->fd));
	EXPECT_EQ(-EBADF, vhost_set_log_fd(self->fd, -2));
	EXPECT_EQ(0, vhost_set_log_fd(self->fd, -1));
	EXPECT_EQ(-1, ioctl(self->fd, VHOST_SET_LOG_FD, NULL));
	EXPECT_EQ(EFAULT, errno);
	close(event);
}

TEST_F(log, only_the_owner_may_move_it)
{
	int fd = vhost_open(rig_node(variant->flavour));
	int status;

	EXPECT_EQ(-EPERM, vhost_set_log_base(fd, self->words));
	EXPECT_EQ(-EPERM, vhost_set_log_fd(fd, -1));
	close(fd);
	if (!fork())
		_exit(vhost_set_log_base(self->fd, self->words) == -EPERM ? 0 : 1);
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, status);
}

TEST_F(log, address_of_the_used_ring_is_checked)
{
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->words));
	EXPECT_EQ(-EINVAL, set_addr(self->queue, 2));
	EXPECT_EQ(-EINVAL, set_addr(self->queue, GUEST_MAIN_START + 1));
	/* Its size is not known before the start. */
	EXPECT_EQ(0, set_addr(self->queue, ~3ull));
	EXPECT_EQ(-EFAULT, rig_start_queue(&self->rig, self->queue));
	/* A bit at the very end of the process's half, and beyond. */
	EXPECT_EQ(0, set_addr(self->queue, 1ull << 62));
	EXPECT_EQ(-EFAULT, rig_start_queue(&self->rig, self->queue));
	EXPECT_EQ(0, set_addr(self->queue, GUEST_MAIN_START));
	EXPECT_EQ(0, rig_start_queue(&self->rig, self->queue));
	EXPECT_EQ(-EINVAL, set_addr(self->queue, ~3ull));
	EXPECT_EQ(-EINVAL, set_addr(self->queue, 1ull << 62));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.neighbour));
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
	/* Nor may the log move to where the ring has no bit. */
	EXPECT_EQ(-EFAULT, vhost_set_log_base(self->fd, (void *)(USER_END - 8)));
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
}

TEST_F(log, memory_without_a_bit_is_refused)
{
	struct {
		struct vhost_memory memory;
		struct vhost_memory_region region;
	} table = {
		.memory.nregions = 1,
		.region = { ~0ull - 0xfff, 0x1000, (unsigned long)self->words, 0 },
	};

	/* Whichever of the three comes last. */
	EXPECT_EQ(-EFAULT, vhost_set_log_base(self->fd, (void *)(USER_END - 8)));
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->words));
	EXPECT_EQ(-EFAULT, vhost_set_mem_table(self->fd, &table.memory));
	ASSERT_EQ(0, vhost_set_features(self->fd, DRIVER_FEATURES));
	EXPECT_EQ(0, vhost_set_mem_table(self->fd, &table.memory));
	EXPECT_EQ(-EFAULT, vhost_set_features(self->fd, FEATURES));
	ASSERT_EQ(0, guest_set_mem_table(&self->rig.driver.guest, self->fd));
	EXPECT_EQ(0, vhost_set_features(self->fd, FEATURES));
	rig_start(&self->rig);
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
}

TEST_F(log, log_that_is_not_there_breaks_the_queue)
{
	munmap(self->words, PAGE);
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->words));
	rig_start(&self->rig);
	ASSERT_LE(0, rig_add(&self->rig));
	rig_provoke(&self->rig);
	EXPECT_TRUE(driver_is_broken(self->queue, DRIVER_TIMEOUT));
	EXPECT_LT(0, driver_stat(self->queue, RINGHOST_STAT_LOG_FAULTS));
	EXPECT_EQ(1, driver_stat(self->queue, RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_LOGGED_PAGES));
	/* With a log it works again. */
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->queue));
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->words + PAGE));
	driver_reset_queue(self->queue);
	ASSERT_EQ(0, driver_set_queue(self->queue));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
}

/* The log ends where the bits of the rings do; those of the buffers are not there. */
TEST_F(log, log_that_is_too_small_breaks_the_queue)
{
	const size_t bits = 8 * 64;
	struct guest *guest = &self->rig.driver.guest;

	munmap(self->words + PAGE, PAGE);
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->words + PAGE - bits / 8));
	ASSERT_GT(bits * PAGE, GUEST_MAIN_START + guest->allocated);
	rig_start(&self->rig);
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_LOG_FAULTS));
	guest->allocated = bits * PAGE - GUEST_MAIN_START;
	ASSERT_LE(0, rig_add(&self->rig));
	rig_provoke(&self->rig);
	EXPECT_TRUE(driver_is_broken(self->queue, DRIVER_TIMEOUT));
	EXPECT_LT(0, driver_stat(self->queue, RINGHOST_STAT_LOG_FAULTS));
}

TEST_F(log, page_of_the_log_is_locked_while_it_is_used)
{
	long with;

	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->words));
	rig_start(&self->rig);
	ASSERT_EQ(0, rig_works(&self->rig, self->queue));
	with = locked();
	ASSERT_EQ(0, vhost_set_features(self->fd, DRIVER_FEATURES));
	EXPECT_EQ(with - PAGE / 1024, locked());
	ASSERT_EQ(0, vhost_set_features(self->fd, FEATURES));
	ASSERT_EQ(0, rig_works(&self->rig, self->queue));
	EXPECT_EQ(with, locked());
	ASSERT_EQ(0, vhost_set_log_base(self->fd, NULL));
	EXPECT_EQ(with - PAGE / 1024, locked());
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->words));
	ASSERT_EQ(0, rig_works(&self->rig, self->queue));
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	EXPECT_EQ(0, locked());
}

TEST_F(log, owner_without_leave_to_lock_still_gets_its_bits)
{
	guest_forbid_pinning();
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->words));
	rig_start(&self->rig);
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
	EXPECT_LT(0, driver_stat(self->queue, RINGHOST_STAT_LOGGED_PAGES));
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_LOG_FAULTS));
	EXPECT_EQ(0, locked());
}

TEST_HARNESS_MAIN
