// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner's side of a vIOMMU: messages as plain functions, and a thread that answers each
 * question with one page. Runs in the test; a failure of what must work ends the test. Entry
 * points: iommu_init(), iommu_start(), iommu_forget(), iommu_move().
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "iommu.h"

_Static_assert(sizeof(struct vhost_msg) == sizeof(struct vhost_msg_v2), "one size");

/**
 * iommu_send() - write a message
 * @fd: the node
 * @v2: its format
 * @message: its content
 *
 * Return: 0 or -errno.
 */
int iommu_send(int fd, bool v2, const struct vhost_iotlb_msg *message)
{
	struct vhost_msg_v2 whole = { .type = v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG };

	whole.iotlb = *message;
	if (write(fd, &whole, sizeof(whole)) != sizeof(whole))
		return -errno;
	return 0;
}

int iommu_update(int fd, bool v2, uint64_t address, uint64_t size, const void *user,
		 uint8_t access)
{
	struct vhost_iotlb_msg message = {
		.type = VHOST_IOTLB_UPDATE,
		.iova = address,
		.size = size,
		.uaddr = (unsigned long)user,
		.perm = access,
	};

	return iommu_send(fd, v2, &message);
}

int iommu_invalidate(int fd, bool v2, uint64_t address, uint64_t size)
{
	struct vhost_iotlb_msg message = {
		.type = VHOST_IOTLB_INVALIDATE,
		.iova = address,
		.size = size,
	};

	return iommu_send(fd, v2, &message);
}

/**
 * iommu_receive() - read a question
 * @fd: the node
 * @v2: the format it must have
 * @message: receives its content
 *
 * Return: 0; -errno, or -EPROTO if it is of another kind.
 */
int iommu_receive(int fd, bool v2, struct vhost_iotlb_msg *message)
{
	struct vhost_msg_v2 whole;
	ssize_t bytes = read(fd, &whole, sizeof(whole));

	if (bytes < 0)
		return -errno;
	*message = whole.iotlb;
	if (bytes != sizeof(whole) || message->type != VHOST_IOTLB_MISS ||
	    whole.type != (v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG))
		return -EPROTO;
	return 0;
}

/**
 * iommu_asked() - wait for a question
 * @fd: the node
 * @milliseconds: patience
 *
 * Return: whether there is one to read.
 */
bool iommu_asked(int fd, int milliseconds)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int ready;

	do
		ready = poll(&poller, 1, milliseconds);
	while (ready < 0 && errno == EINTR);
	return ready == 1 && poller.revents & POLLIN;
}

/**
 * iommu_init() - make a vIOMMU for a device
 * @iommu: to fill in
 * @driver: the device, with IOMMU_FEATURE acknowledged; its reads do not block any more
 * @v2: which format to choose
 */
void iommu_init(struct iommu *iommu, struct driver *driver, bool v2)
{
	memset(iommu, 0, sizeof(*iommu));
	iommu->driver = driver;
	iommu->v2 = v2;
	iommu->access = VHOST_ACCESS_RW;
	pthread_mutex_init(&iommu->lock, NULL);
	ASSERT_EQ(0, fcntl(driver->fd, F_SETFL, O_RDWR | O_NONBLOCK));
	ASSERT_EQ(0, vhost_set_backend_features(driver->fd,
						(uint64_t)v2 << VHOST_BACKEND_F_IOTLB_MSG_V2));
}

static void *find(const struct iommu *iommu, uint64_t address)
{
	for (unsigned int i = 0; i < iommu->moved_count; i++)
		if (iommu->moved[i].address == address)
			return iommu->moved[i].user;
	return guest_pointer(&iommu->driver->guest, address);
}

/**
 * iommu_answer() - answer one question; one for an address without memory stays open
 * @iommu: the vIOMMU
 * @milliseconds: patience
 *
 * Return: whether there was one.
 */
bool iommu_answer(struct iommu *iommu, int milliseconds)
{
	struct vhost_iotlb_msg message;
	int fd = iommu->driver->fd;
	void *user;
	int error;

	if (!iommu_asked(fd, milliseconds))
		return false;
	pthread_mutex_lock(&iommu->lock);
	error = iommu_receive(fd, iommu->v2, &message);
	/* It may have been answered meanwhile. */
	if (!error) {
		message.iova &= ~(IOMMU_PAGE - 1);
		user = find(iommu, message.iova);
		if (user)
			error = iommu_update(fd, iommu->v2, message.iova, IOMMU_PAGE, user,
					     iommu->access);
		iommu->answers++;
	}
	pthread_mutex_unlock(&iommu->lock);
	ASSERT_TRUE(!error || error == -EAGAIN) { TEST_LOG("error %d", error); }
	return !error;
}

static void *iommu_main(void *context)
{
	struct iommu *iommu = context;

	while (!iommu->stop)
		iommu_answer(iommu, 20);
	return NULL;
}

/**
 * iommu_start() - answer from a thread
 * @iommu: the vIOMMU
 */
void iommu_start(struct iommu *iommu)
{
	iommu->stop = false;
	ASSERT_EQ(0, pthread_create(&iommu->thread, NULL, iommu_main, iommu));
}

/**
 * iommu_stop() - undo iommu_start(): questions stay open
 * @iommu: the vIOMMU
 */
void iommu_stop(struct iommu *iommu)
{
	iommu->stop = true;
	ASSERT_EQ(0, pthread_join(iommu->thread, NULL));
}

/**
 * iommu_forget() - have the device forget a range
 * @iommu: the vIOMMU
 * @address: guest-physical
 * @size: in bytes; 0 and @address 0: everything
 */
void iommu_forget(struct iommu *iommu, uint64_t address, uint64_t size)
{
	ASSERT_EQ(0, iommu_invalidate(iommu->driver->fd, iommu->v2, address, size));
}

/**
 * iommu_move() - put a page elsewhere
 * @iommu: the vIOMMU
 * @from: the page, as the guest's memory table has it
 * @to: where it is from now on; its content is the caller's to move
 *
 * When this returns the device does not use the former place.
 */
void iommu_move(struct iommu *iommu, const void *from, void *to)
{
	uint64_t address = guest_address(&iommu->driver->guest, from);
	unsigned int i = 0;

	pthread_mutex_lock(&iommu->lock);
	while (i < iommu->moved_count && iommu->moved[i].address != address)
		i++;
	ASSERT_GT(IOMMU_MOVED_MAX, i);
	iommu->moved[i].address = address;
	iommu->moved[i].user = to;
	if (i == iommu->moved_count)
		iommu->moved_count++;
	iommu_forget(iommu, address, IOMMU_PAGE);
	pthread_mutex_unlock(&iommu->lock);
}
