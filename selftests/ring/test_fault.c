// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page that does not come: the worker waits in a fault that the owner should
 * serve, by userfaultfd as in post-copy migration, and the owner is killed
 * instead. What waits must give up, in whatever order the kernel closes the
 * owner's descriptors, or the process and the module stay for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define PAGE 4096

enum order { FAULTS_FIRST, DEVICE_FIRST };
enum thread { IDLE, STOPPING, RESETTING };

FIXTURE(fault) { pid_t owner; };
/* What is opened first is closed first; what a thread of the owner does meanwhile. */
FIXTURE_VARIANT(fault) {
	enum rig_flavour flavour;
	enum order order;
	enum thread thread;
	uint64_t features;
	bool kthreads;
};
FIXTURE_VARIANT_ADD(fault, blk_device_first) {
	RIG_BLK, DEVICE_FIRST, IDLE, DRIVER_FEATURES, false
};
FIXTURE_VARIANT_ADD(fault, blk_faults_first) {
	RIG_BLK, FAULTS_FIRST, IDLE, DRIVER_FEATURES, false
};
FIXTURE_VARIANT_ADD(fault, blk_faults_first_stopping) {
	RIG_BLK, FAULTS_FIRST, STOPPING, DRIVER_FEATURES, false
};
FIXTURE_VARIANT_ADD(fault, blk_faults_first_resetting) {
	RIG_BLK, FAULTS_FIRST, RESETTING, DRIVER_FEATURES, false
};
FIXTURE_VARIANT_ADD(fault, blk_packed) {
	RIG_BLK, DEVICE_FIRST, STOPPING, DRIVER_PACKED, false
};
FIXTURE_VARIANT_ADD(fault, net_device_first) {
	RIG_NET_TX, DEVICE_FIRST, IDLE, DRIVER_FEATURES, false
};
FIXTURE_VARIANT_ADD(fault, net_faults_first) {
	RIG_NET_TX, FAULTS_FIRST, IDLE, DRIVER_FEATURES, false
};
FIXTURE_VARIANT_ADD(fault, net_faults_first_stopping) {
	RIG_NET_TX, FAULTS_FIRST, STOPPING, DRIVER_FEATURES, false
};
FIXTURE_VARIANT_ADD(fault, net_device_first_stopping) {
	RIG_NET_TX, DEVICE_FIRST, STOPPING, DRIVER_FEATURES, false
};
FIXTURE_VARIANT_ADD(fault, kthreads_device_first) {
	RIG_BLK, DEVICE_FIRST, IDLE, DRIVER_FEATURES, true
};
FIXTURE_VARIANT_ADD(fault, kthreads_faults_first) {
	RIG_BLK, FAULTS_FIRST, IDLE, DRIVER_FEATURES, true
};
FIXTURE_VARIANT_ADD(fault, kthreads_device_first_stopping) {
	RIG_NET_TX, DEVICE_FIRST, STOPPING, DRIVER_FEATURES, true
};
FIXTURE_VARIANT_ADD(fault, kthreads_faults_first_resetting) {
	RIG_BLK, FAULTS_FIRST, RESETTING, DRIVER_FEATURES, true
};

/* -1 where this kernel, or this user, may not serve the kernel's faults. */
static int open_faults(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		return -1;
	}
	return fd;
}

FIXTURE_SETUP(fault)
{
	int fd = open_faults();

	if (fd < 0)
		SKIP(return, "no userfaultfd");
	close(fd);
	if (variant->kthreads)
		driver_want_kthreads();
}

FIXTURE_TEARDOWN(fault)
{
}

static void offer_table(struct driver_queue *queue, uint64_t address)
{
	struct vring_packed_desc packed = { address, sizeof(packed), 0, VRING_DESC_F_INDIRECT };

	if (driver_is_packed(queue)) {
		driver_packed_offer(queue, &packed, 1);
		return;
	}
	queue->desc[0] = (struct vring_desc){ address, sizeof(packed), VRING_DESC_F_INDIRECT, 0 };
	driver_offer(queue, 0);
}

/* A chain in an indirect table, on a page whose first access waits for @faults. */
static void offer_missing_table(struct rig *rig, int faults)
{
	struct guest *guest = &rig->driver.guest;
	struct vring_desc *table = guest_alloc(guest, PAGE, PAGE);
	struct uffdio_register range = {
		.range = { (unsigned long)table, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	guest_alloc(guest, 0, PAGE);
	ASSERT_EQ(table, mmap(table, PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_EQ(0, ioctl(faults, UFFDIO_REGISTER, &range));
	offer_table(rig->queue, guest_address(guest, table));
	rig_provoke(rig);
}

static void wait_fault(int faults)
{
	struct pollfd poller = { .fd = faults, .events = POLLIN };
	struct uffd_msg message;

	ASSERT_EQ(1, poll(&poller, 1, DRIVER_TIMEOUT));
	ASSERT_EQ((int)sizeof(message), read(faults, &message, sizeof(message)));
	ASSERT_EQ(UFFD_EVENT_PAGEFAULT, message.event);
}

static void *stop_main(void *context)
{
	struct rig *rig = context;

	rig_stop_queue(rig, rig->queue);
	return NULL;
}

static void *reset_main(void *context)
{
	struct rig *rig = context;

	vhost_reset_owner(rig->driver.fd);
	return NULL;
}

/* Lives until it is killed, with its worker waiting; says so through @ready. */
static void be_owner(const FIXTURE_VARIANT(fault) *variant, int ready)
{
	static struct rig rig;
	int faults = variant->order == FAULTS_FIRST ? open_faults() : -1;
	pthread_t thread;

	rig_init(&rig, variant->flavour, RING, variant->features);
	rig_start(&rig);
	ASSERT_EQ(0, rig_works(&rig, rig.queue));
	if (faults < 0)
		faults = open_faults();
	offer_missing_table(&rig, faults);
	wait_fault(faults);
	if (variant->thread != IDLE)
		ASSERT_EQ(0, pthread_create(&thread, NULL, variant->thread == STOPPING ?
					    stop_main : reset_main, &rig));
	usleep(DRIVER_QUIET * 1000);
	ASSERT_EQ(1, write(ready, "!", 1));
	pause();
}

TEST_F(fault, owner_killed_while_its_worker_waits_dies)
{
	int status = 0, ready[2];
	char byte;

	ASSERT_EQ(0, pipe(ready));
	self->owner = fork();
	ASSERT_LE(0, self->owner);
	if (!self->owner) {
		close(ready[0]);
		be_owner(variant, ready[1]);
		_exit(EXIT_FAILURE);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(self->owner, SIGKILL));
	ASSERT_EQ(self->owner, waitpid(self->owner, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_HARNESS_MAIN
