// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log: a page of the guest that the device wrote and did not log is a page that
 * a migrated guest finds as it was before. So memory is compared before and after, with
 * the ring and the buffers in every place they may be.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "iommu.h"
#include "logged.h"

#define RING 1024
#define DISK_BYTES (1 << 20)
/* Fills two of the buffers that offer() makes. */
#define ROOM 602
#define FRAME (2 * ROOM - NET_HEADER)
#define FEATURES (NET_FEATURES | LOGGED_FEATURE)
#define PACKED DRIVER_BIT(VIRTIO_F_RING_PACKED)

FIXTURE(log) {
	struct rig rig;
	struct logged logged;
	struct iommu iommu;
	bool behind_viommu;
	int fd;
};
FIXTURE_VARIANT(log) {
	enum rig_flavour flavour;
	bool event_idx;
	bool forbid_pinning;
	uint64_t features;
};
FIXTURE_VARIANT_ADD(log, blk) { RIG_BLK, true, false, 0 };
FIXTURE_VARIANT_ADD(log, blk_flags) { RIG_BLK, false, false, 0 };
FIXTURE_VARIANT_ADD(log, blk_unpinned) { RIG_BLK, true, true, 0 };
FIXTURE_VARIANT_ADD(log, net_rx) { RIG_NET_RX, true, false, 0 };
FIXTURE_VARIANT_ADD(log, net_rx_flags) { RIG_NET_RX, false, false, 0 };
FIXTURE_VARIANT_ADD(log, net_rx_unpinned) { RIG_NET_RX, true, true, 0 };
FIXTURE_VARIANT_ADD(log, net_tx) { RIG_NET_TX, true, false, 0 };
FIXTURE_VARIANT_ADD(log, blk_packed) { RIG_BLK, true, false, PACKED };
FIXTURE_VARIANT_ADD(log, blk_packed_unpinned) { RIG_BLK, false, true, PACKED };
FIXTURE_VARIANT_ADD(log, net_rx_packed) { RIG_NET_RX, true, false, PACKED };
FIXTURE_VARIANT_ADD(log, blk_viommu) { RIG_BLK, true, false, IOMMU_FEATURE };
FIXTURE_VARIANT_ADD(log, net_rx_viommu) { RIG_NET_RX, true, false, IOMMU_FEATURE };
FIXTURE_VARIANT_ADD(log, blk_viommu_packed) { RIG_BLK, true, false, IOMMU_FEATURE | PACKED };

static void fill_disk(int disk)
{
	static unsigned char data[DISK_BYTES];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = 1 + i % 251;
	ASSERT_EQ(DISK_BYTES, pwrite(disk, data, sizeof(data), 0));
}

FIXTURE_SETUP(log)
{
	uint64_t features = (FEATURES | variant->features) & ~DRIVER_BIT(VIRTIO_NET_F_MRG_RXBUF);

	if (variant->flavour == RIG_NET_RX)
		features |= DRIVER_BIT(VIRTIO_NET_F_MRG_RXBUF);
	if (!variant->event_idx)
		features &= ~DRIVER_BIT(VIRTIO_RING_F_EVENT_IDX);
	rig_init(&self->rig, variant->flavour, RING, features);
	self->fd = self->rig.driver.fd;
	if (variant->flavour == RIG_BLK)
		fill_disk(self->rig.driver.backend);
	if (variant->forbid_pinning)
		guest_forbid_pinning();
	logged_init(&self->logged, &self->rig.driver);
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->logged.words));
	self->behind_viommu = features & IOMMU_FEATURE;
	if (self->behind_viommu) {
		iommu_init(&self->iommu, &self->rig.driver, true);
		iommu_start(&self->iommu);
	}
}

FIXTURE_TEARDOWN(log)
{
	if (self->behind_viommu)
		iommu_stop(&self->iommu);
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_LOG_FAULTS));
	rig_exit(&self->rig);
	logged_exit(&self->logged);
}

/* Offer an even number of chains, each with pieces on several pages. */
static void offer(struct rig *rig, unsigned int count)
{
	const unsigned int page = LOGGED_PAGE;

	for (unsigned int i = 0; i < count; i++) {
		unsigned char *memory = guest_alloc(&rig->driver.guest, 4 * page, page);
		struct driver_buffer read[] = {
			{ memory, sizeof(struct virtio_blk_outhdr), false },
			/* Odd addresses are copied, even ones written by the disk. */
			{ memory + page - 512 + i % 2, 1024, true },
			{ memory + 2 * page + 512, BLK_SECTOR, true },
			{ memory + 3 * page, 1, true },
		};
		struct driver_buffer send = { memory, NET_HEADER + FRAME, false };
		struct driver_buffer receive[] = {
			{ memory + page - 300, ROOM - 2, true },
			{ memory + 3 * page - 1, 2, true },
		};
		unsigned char *frame = memory + NET_HEADER;

		switch (rig->flavour) {
		case RIG_BLK:
			/* No status has this value, so that writing it shows. */
			memory[3 * page] = 0xee;
			ASSERT_LE(0, driver_add(rig->queue, read, 4));
			break;
		case RIG_NET_TX:
			net_fill_frame(frame, FRAME, i);
			ASSERT_LE(0, driver_add(rig->queue, &send, 1));
			break;
		case RIG_NET_RX:
			ASSERT_LE(0, driver_add(rig->queue, receive, 2));
			break;
		}
	}
}

/* Have the host send until all chains have been used, and take those back. */
static void complete(struct rig *rig, unsigned int count)
{
	unsigned char frame[FRAME];
	struct driver_used used;

	net_fill_frame(frame, sizeof(frame), count);
	while (count) {
		if (rig->flavour == RIG_NET_RX)
			send(rig->host, frame, sizeof(frame), MSG_DONTWAIT);
		if (driver_wait(rig->queue, &used, rig->flavour == RIG_NET_RX ? 20 : DRIVER_TIMEOUT))
			count--;
		else
			ASSERT_EQ(RIG_NET_RX, rig->flavour);
		while (count && driver_reap(rig->queue, &used))
			count--;
	}
}

/* The queue runs only between the two looks at the memory. */
static void run(FIXTURE_DATA(log) *self, unsigned int count)
{
	offer(&self->rig, count);
	logged_begin(&self->logged);
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	complete(&self->rig, count);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
}

TEST_F(log, each_page_that_changed_is_logged)
{
	for (unsigned int i = 0; i < 5; i++) {
		run(self, 12);
		EXPECT_EQ(0, logged_missed(&self->logged));
		EXPECT_EQ(0, logged_stray(&self->logged, 0));
		EXPECT_LE(1, logged_count(&self->logged));
		EXPECT_GE(12 * 4 + 3, logged_count(&self->logged));
	}
	EXPECT_LT(0, driver_stat(self->rig.queue, RINGHOST_STAT_LOGGED_PAGES));
}

TEST_F(log, ring_that_wraps_is_logged)
{
	for (unsigned int i = 0; i < 6; i++) {
		unsigned int allocated = self->rig.driver.guest.allocated;

		run(self, 200);
		EXPECT_EQ(0, logged_missed(&self->logged));
		self->rig.driver.guest.allocated = allocated;
	}
}

TEST_F(log, nothing_is_logged_without_the_feature)
{
	ASSERT_EQ(0, vhost_set_features(self->fd, self->rig.driver.features & ~LOGGED_FEATURE));
	run(self, 12);
	EXPECT_NE(0, logged_missed(&self->logged)) { TEST_LOG("the oracle sees nothing"); }
	EXPECT_EQ(0, logged_count(&self->logged));
}

TEST_F(log, nothing_is_logged_without_a_log)
{
	ASSERT_EQ(0, vhost_set_log_base(self->fd, NULL));
	run(self, 12);
	EXPECT_NE(0, logged_missed(&self->logged)) { TEST_LOG("the oracle sees nothing"); }
	EXPECT_EQ(0, logged_count(&self->logged));
}

/* The used ring goes elsewhere in the process; the guest's address is the owner's word. */
TEST_F(log, used_ring_outside_the_table_is_logged_as_told)
{
	struct driver_queue *queue = self->rig.queue;
	size_t bytes = sizeof(struct vring_used) + RING * sizeof(struct vring_used_elem) + 2;
	struct vring_used *used = mmap(NULL, 4 * LOGGED_PAGE, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const uint64_t told = GUEST_HOLE_START + 2 * LOGGED_PAGE;
	const __u16 untouched = 0xdead;
	bool event_written;

	if (variant->features)
		SKIP(return, "a split ring's address, as the process has it");
	ASSERT_NE(MAP_FAILED, used);
	memcpy(used, queue->used, bytes);
	queue->used = used;
	memcpy(driver_avail_event(queue), &untouched, sizeof(untouched));
	ASSERT_EQ(0, vhost_set_vring_addr_log(self->fd, queue->index, queue->desc, queue->avail,
					      used, told));
	offer(&self->rig, 12);
	logged_begin(&self->logged);
	ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	complete(&self->rig, 12);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
	logged_take(&self->logged);
	EXPECT_TRUE(logged_has(&self->logged, told));
	/* The event index lies two pages behind the flags. */
	event_written = memcmp(driver_avail_event(queue), &untouched, sizeof(untouched));
	EXPECT_EQ(event_written, logged_has(&self->logged, told + bytes - 1));
	if (variant->flavour == RIG_BLK)
		EXPECT_EQ(variant->event_idx, event_written);
}

TEST_F(log, used_ring_alone_is_logged_without_the_feature)
{
	struct driver_queue *queue = self->rig.queue;
	uint64_t used = guest_address(&self->rig.driver.guest, queue->used);

	if (variant->features)
		SKIP(return, "a split ring's address, as the process has it");
	ASSERT_EQ(0, vhost_set_features(self->fd, self->rig.driver.features & ~LOGGED_FEATURE));
	ASSERT_EQ(0, vhost_set_vring_addr_log(self->fd, queue->index, queue->desc, queue->avail,
					      queue->used, used));
	run(self, 12);
	logged_take(&self->logged);
	EXPECT_TRUE(logged_has(&self->logged, used));
	EXPECT_GE(3, logged_count(&self->logged));
}

TEST_F(log, buffer_over_two_regions_is_logged_in_both)
{
	struct rig *rig = &self->rig;
	unsigned char *memory = guest_alloc(&rig->driver.guest, 4096, 4096);
	unsigned char *end = guest_pointer(&rig->driver.guest, GUEST_NEXT_START - LOGGED_PAGE);
	struct driver_buffer buffers[] = {
		{ memory, sizeof(struct virtio_blk_outhdr), false },
		{ end, 2 * LOGGED_PAGE, true },
		{ memory + 1024, 1, true },
	};
	struct driver_buffer *first = &buffers[rig->flavour == RIG_BLK ? 0 : 1];

	if (rig->flavour == RIG_NET_TX)
		return;
	/* A frame has to reach over the boundary, too. */
	if (rig->flavour == RIG_NET_RX)
		buffers[1] = (struct driver_buffer){ end + LOGGED_PAGE - 100, 1000, true };
	ASSERT_LE(0, driver_add(rig->queue, first, rig->flavour == RIG_BLK ? 3 : 2));
	logged_begin(&self->logged);
	ASSERT_EQ(0, rig_start_queue(rig, rig->queue));
	rig_provoke(rig);
	complete(rig, 1);
	ASSERT_EQ(0, rig_stop_queue(rig, rig->queue));
	logged_take(&self->logged);
	EXPECT_TRUE(logged_has(&self->logged, GUEST_NEXT_START - 1));
	EXPECT_TRUE(logged_has(&self->logged, GUEST_NEXT_START));
	EXPECT_EQ(0, logged_stray(&self->logged, 0));
}

TEST_F(log, eventfd_tells_that_something_was_logged)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_EQ(0, vhost_set_log_fd(self->fd, event));
	run(self, 4);
	EXPECT_TRUE(driver_wait_event(event, DRIVER_TIMEOUT));
	ASSERT_EQ(0, vhost_set_log_fd(self->fd, -1));
	run(self, 4);
	EXPECT_FALSE(driver_wait_event(event, 0));
	close(event);
}

TEST_HARNESS_MAIN
