// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vIOMMU's messages: what the owner may say and what it is asked. A message that is
 * accepted although it makes no sense opens memory to the guest; a question that is asked
 * twice, or never, hangs its network. Whoever waits for a question must not wait for ever
 * on a device that has none any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "iommu.h"
#include "rig.h"

#define RING 64
#define KERNEL_ADDRESS ((void *)0xffff888000000000ull)
#define TABLE_MAX 2048

/* Where no process has memory; volatile, because the compiler knows as well. */
static void *volatile nowhere = (void *)8;

FIXTURE(iotlb) {
	struct rig rig;
	struct iommu iommu;
	int fd;
	bool v2;
	char *page;
};
FIXTURE_VARIANT(iotlb) { enum rig_flavour flavour; bool v2; };
FIXTURE_VARIANT_ADD(iotlb, blk_v1) { RIG_BLK, false };
FIXTURE_VARIANT_ADD(iotlb, blk_v2) { RIG_BLK, true };
FIXTURE_VARIANT_ADD(iotlb, net_v2) { RIG_NET_TX, true };

FIXTURE_SETUP(iotlb)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES | IOMMU_FEATURE);
	iommu_init(&self->iommu, &self->rig.driver, variant->v2);
	self->fd = self->rig.driver.fd;
	self->v2 = variant->v2;
	self->page = guest_alloc(&self->rig.driver.guest, IOMMU_PAGE, IOMMU_PAGE);
}

FIXTURE_TEARDOWN(iotlb)
{
	rig_exit(&self->rig);
}

#define UPDATE(address, size, user, access) \
	iommu_update(self->fd, self->v2, address, size, user, access)
#define INVALIDATE(address, size) iommu_invalidate(self->fd, self->v2, address, size)

static uint64_t ring_address(const FIXTURE_DATA(iotlb) *self)
{
	return guest_address(&self->rig.driver.guest, self->rig.queue->desc);
}

static void block(int fd)
{
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_RDWR));
}

TEST_F(iotlb, second_format_is_offered)
{
	__u64 features = 0;

	ASSERT_EQ(0, vhost_get_backend_features(self->fd, &features));
	EXPECT_EQ(1ull << VHOST_BACKEND_F_IOTLB_MSG_V2, features);
}

TEST_F(iotlb, translations_are_accepted_in_either_format)
{
	for (int v2 = 0; v2 < 2; v2++) {
		EXPECT_EQ(0, iommu_update(self->fd, v2, 0, 1, self->page, VHOST_ACCESS_RO));
		EXPECT_EQ(0, iommu_update(self->fd, v2, ~0ull, 1, self->page, VHOST_ACCESS_WO));
		EXPECT_EQ(0, iommu_invalidate(self->fd, v2, 0, 1));
		EXPECT_EQ(0, iommu_invalidate(self->fd, v2, ~0ull, 1));
	}
}

TEST_F(iotlb, update_of_nothing_is_refused)
{
	EXPECT_EQ(-EINVAL, UPDATE(0, 0, self->page, VHOST_ACCESS_RW));
	EXPECT_EQ(-EINVAL, UPDATE(0x1000, 0, self->page, VHOST_ACCESS_RW));
}

TEST_F(iotlb, range_that_wraps_is_refused)
{
	EXPECT_EQ(-EFAULT, UPDATE(~0ull, 2, self->page, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, UPDATE(~0ull - 0xffe, 0x1000, self->page, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, INVALIDATE(~0ull, 2));
	EXPECT_EQ(-EFAULT, INVALIDATE(2, ~0ull));
}

TEST_F(iotlb, memory_outside_the_process_is_refused)
{
	EXPECT_EQ(-EFAULT, UPDATE(0x1000, 0x1000, KERNEL_ADDRESS, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, UPDATE(0x1000, 0x1000, (void *)~0xfffull, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, UPDATE(0, ~0ull, self->page, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, UPDATE(0, 1ull << 47, (void *)0x1000, VHOST_ACCESS_RW));
}

TEST_F(iotlb, unknown_permission_is_refused)
{
	EXPECT_EQ(-EINVAL, UPDATE(0x1000, 0x1000, self->page, 0));
	for (unsigned int access = 4; access < 256; access++)
		ASSERT_EQ(-EINVAL, UPDATE(0x1000, 0x1000, self->page, access));
}

TEST_F(iotlb, unknown_type_is_refused)
{
	for (unsigned int type = 0; type < 256; type++) {
		struct vhost_iotlb_msg message = { 0x1000, 0x1000, (unsigned long)self->page,
						   VHOST_ACCESS_RW, type };

		if (type != VHOST_IOTLB_UPDATE && type != VHOST_IOTLB_INVALIDATE)
			ASSERT_EQ(-EFAULT, iommu_send(self->fd, self->v2, &message));
	}
}

TEST_F(iotlb, unknown_format_is_refused)
{
	struct vhost_msg_v2 message = { .type = VHOST_IOTLB_MSG_V2 + 1 };

	message.iotlb.type = VHOST_IOTLB_INVALIDATE;
	message.iotlb.size = 1;
	EXPECT_EQ(-1, write(self->fd, &message, sizeof(message)));
	EXPECT_EQ(EINVAL, errno);
	message.type = 0;
	EXPECT_EQ(-1, write(self->fd, &message, sizeof(message)));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(iotlb, lengths_that_are_wrong_are_refused)
{
	unsigned char buffer[4 * IOMMU_MESSAGE] = { 0 };
	struct vhost_msg_v2 *message = (struct vhost_msg_v2 *)buffer;

	message->type = VHOST_IOTLB_MSG_V2;
	message->iotlb.type = VHOST_IOTLB_INVALIDATE;
	for (size_t bytes = 0; bytes < IOMMU_MESSAGE; bytes++) {
		ASSERT_EQ(-1, write(self->fd, buffer, bytes));
		ASSERT_EQ(EINVAL, errno);
		ASSERT_EQ(-1, read(self->fd, buffer + IOMMU_MESSAGE, bytes));
		ASSERT_EQ(EINVAL, errno);
	}
	/* What follows the first message is left to the next write. */
	EXPECT_EQ(IOMMU_MESSAGE, write(self->fd, buffer, sizeof(buffer)));
}

TEST_F(iotlb, unreadable_message_is_refused)
{
	EXPECT_EQ(-1, write(self->fd, nowhere, IOMMU_MESSAGE));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(iotlb, everything_is_forgotten_by_size_0_from_0)
{
	struct vhost_iotlb_msg message;

	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &message));
	ASSERT_EQ(0, UPDATE(ring_address(self), IOMMU_PAGE, self->rig.queue->desc,
			    VHOST_ACCESS_RW));
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &message));
	EXPECT_LT(ring_address(self), message.iova);
	EXPECT_EQ(-EINVAL, INVALIDATE(1, 0));
	EXPECT_EQ(0, INVALIDATE(0, 0));
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &message));
	EXPECT_EQ(ring_address(self), message.iova);
}

TEST_F(iotlb, nothing_is_said_or_asked_without_the_feature)
{
	struct vhost_iotlb_msg message;

	ASSERT_EQ(0, vhost_set_features(self->fd, DRIVER_FEATURES));
	EXPECT_EQ(-EFAULT, UPDATE(0x1000, 0x1000, self->page, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, INVALIDATE(0x1000, 0x1000));
	EXPECT_EQ(-EAGAIN, iommu_receive(self->fd, self->v2, &message));
	block(self->fd);
	EXPECT_EQ(-EBADFD, iommu_receive(self->fd, self->v2, &message));
}

/* In a child, which is another process than the owner. */
static int as_stranger(FIXTURE_DATA(iotlb) *self)
{
	if (UPDATE(0x1000, 0x1000, self->page, VHOST_ACCESS_RW) != -EPERM ||
	    INVALIDATE(0, 0) != -EPERM)
		return 1;
	if (vhost_set_features(self->fd, DRIVER_FEATURES) != -EPERM ||
	    vhost_set_features(self->fd, DRIVER_FEATURES | IOMMU_FEATURE) != -EPERM)
		return 2;
	return 0;
}

TEST_F(iotlb, stranger_is_refused)
{
	int status = -1;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(as_stranger(self));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(iotlb, start_without_translations_works_and_asks)
{
	struct vhost_iotlb_msg message;

	EXPECT_FALSE(iommu_asked(self->fd, 0));
	EXPECT_EQ(-EAGAIN, iommu_receive(self->fd, self->v2, &message));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_TRUE(iommu_asked(self->fd, 0));
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &message));
	EXPECT_EQ(ring_address(self), message.iova);
	EXPECT_EQ(VHOST_ACCESS_RO, message.perm);
	EXPECT_EQ(1, driver_stat(self->rig.queue, RINGHOST_STAT_IOTLB_MISSES));
}

TEST_F(iotlb, question_is_asked_once)
{
	struct vhost_iotlb_msg message;

	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	for (unsigned int i = 0; i < 20; i++) {
		driver_kick_always(self->rig.queue);
		/* Another address is no answer. */
		ASSERT_EQ(0, UPDATE(ring_address(self) + 16 * GUEST_MIB + i * IOMMU_PAGE,
				    IOMMU_PAGE, self->page, VHOST_ACCESS_RW));
	}
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &message));
	EXPECT_EQ(-EAGAIN, iommu_receive(self->fd, self->v2, &message));
	EXPECT_FALSE(iommu_asked(self->fd, 0));
	EXPECT_EQ(1, driver_stat(self->rig.queue, RINGHOST_STAT_IOTLB_MISSES));
}

TEST_F(iotlb, each_queue_asks_for_itself)
{
	struct vhost_iotlb_msg first, second;

	rig_start(&self->rig);
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &first));
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &second));
	EXPECT_NE(first.iova, second.iova);
	EXPECT_EQ(-EAGAIN, iommu_receive(self->fd, self->v2, &first));
}

/* Calls that copy much to the kernel's stack, for what is not set there later to show. */
static void dirty_the_stack_of_the_kernel(void)
{
	struct pollfd nothing[30];
	fd_set none[3];

	memset(nothing, 0xff, sizeof(nothing));
	poll(nothing, 30, 0);
	memset(none, 0xff, sizeof(none));
	select(300, &none[0], &none[1], &none[2], &(struct timeval) { 0 });
}

TEST_F(iotlb, message_has_no_stray_byte)
{
	unsigned char buffer[IOMMU_MESSAGE];
	struct vhost_msg_v2 wanted;

	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	memset(buffer, 0xff, sizeof(buffer));
	dirty_the_stack_of_the_kernel();
	ASSERT_EQ(IOMMU_MESSAGE, read(self->fd, buffer, sizeof(buffer)));
	memset(&wanted, 0, sizeof(wanted));
	wanted.type = self->v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG;
	wanted.iotlb.iova = ring_address(self);
	wanted.iotlb.perm = VHOST_ACCESS_RO;
	wanted.iotlb.type = VHOST_IOTLB_MISS;
	EXPECT_EQ(0, memcmp(&wanted, buffer, sizeof(buffer)));
}

TEST_F(iotlb, question_that_could_not_be_read_is_kept)
{
	struct vhost_iotlb_msg message;

	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(-1, read(self->fd, nowhere, IOMMU_MESSAGE));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &message));
	EXPECT_EQ(ring_address(self), message.iova);
}

TEST_F(iotlb, stopped_queue_asks_no_more_and_keeps_its_position)
{
	struct driver_queue *queue = self->rig.queue;

	ASSERT_EQ(0, vhost_set_vring_base(self->fd, queue->index, 77));
	ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	EXPECT_EQ(77, vhost_get_vring_base(self->fd, queue->index));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
	EXPECT_FALSE(iommu_asked(self->fd, 0));
	EXPECT_EQ(77, vhost_get_vring_base(self->fd, queue->index));
}

TEST_F(iotlb, flood_of_translations_is_bounded)
{
	const uint64_t base = 1ull << 40;

	for (unsigned int i = 0; i < 2 * TABLE_MAX; i++)
		ASSERT_EQ(0, UPDATE(base + i * 2 * IOMMU_PAGE, IOMMU_PAGE, self->page,
				    1 + i % 3));
	/* Each of them splits an entry. */
	for (unsigned int i = 0; i < TABLE_MAX; i++)
		ASSERT_EQ(0, INVALIDATE(base + i * 4 * IOMMU_PAGE + 5, 1));
	ASSERT_EQ(0, INVALIDATE(0, 0));
}

/* Wait for a question in a thread. */
struct reader {
	int fd;
	bool v2;
	volatile bool reading;
	int result;
	struct vhost_iotlb_msg message;
	pthread_t thread;
};

static void *reader_main(void *context)
{
	struct reader *reader = context;

	reader->reading = true;
	reader->result = iommu_receive(reader->fd, reader->v2, &reader->message);
	return NULL;
}

static void no_action(int signal)
{
	(void)signal;
}

static void reader_start(struct reader *reader, const FIXTURE_DATA(iotlb) *self)
{
	struct sigaction action = { .sa_handler = no_action };

	sigaction(SIGUSR1, &action, NULL);
	block(self->fd);
	*reader = (struct reader){ .fd = self->fd, .v2 = self->v2, .result = 1 };
	ASSERT_EQ(0, pthread_create(&reader->thread, NULL, reader_main, reader));
	while (!reader->reading)
		usleep(1000);
	/* It most likely sleeps in read() by then; either way the outcome is the same. */
	usleep(50000);
	ASSERT_EQ(1, reader->result);
}

static void reader_join(struct reader *reader)
{
	ASSERT_EQ(0, pthread_join(reader->thread, NULL));
}

TEST_F(iotlb, waiting_reader_gets_the_question)
{
	struct reader reader;

	reader_start(&reader, self);
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	reader_join(&reader);
	EXPECT_EQ(0, reader.result);
	EXPECT_EQ(ring_address(self), reader.message.iova);
}

TEST_F(iotlb, waiting_reader_is_told_when_the_feature_goes)
{
	struct reader reader;

	reader_start(&reader, self);
	ASSERT_EQ(0, vhost_set_features(self->fd, DRIVER_FEATURES));
	reader_join(&reader);
	EXPECT_EQ(-EBADFD, reader.result);
}

TEST_F(iotlb, waiting_reader_is_told_when_the_owner_goes)
{
	struct reader reader;

	reader_start(&reader, self);
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	reader_join(&reader);
	EXPECT_EQ(-EBADFD, reader.result);
}

TEST_F(iotlb, waiting_reader_can_be_interrupted)
{
	struct reader reader;

	reader_start(&reader, self);
	do
		pthread_kill(reader.thread, SIGUSR1);
	while (!usleep(1000) && reader.result == 1);
	reader_join(&reader);
	EXPECT_EQ(-EINTR, reader.result);
}

/* The reader's use keeps the file: the device goes when the reader does. */
TEST_F(iotlb, descriptor_can_be_closed_under_a_waiting_reader)
{
	struct reader reader;

	rig_start(&self->rig);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.neighbour));
	reader_start(&reader, self);
	ASSERT_EQ(0, close(self->fd));
	do
		pthread_kill(reader.thread, SIGUSR1);
	while (!usleep(1000) && reader.result == 1);
	reader_join(&reader);
	EXPECT_EQ(-EINTR, reader.result);
}

TEST_F(iotlb, device_can_be_closed_with_questions_open)
{
	struct vhost_iotlb_msg message;

	rig_start(&self->rig);
	ASSERT_EQ(0, iommu_receive(self->fd, self->v2, &message));
	EXPECT_TRUE(iommu_asked(self->fd, 0));
}

TEST_HARNESS_MAIN
