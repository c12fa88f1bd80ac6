// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feature bits: what clients look for is there, what is unknown is refused
 * without changing anything, and setting them on a live device is legal,
 * because migration and old VMMs do that.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64

FIXTURE(features) { int fd; };
FIXTURE_VARIANT(features) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(features, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(features, net) { RIG_NET_TX };

FIXTURE_SETUP(features)
{
	self->fd = vhost_open(rig_node(variant->flavour));
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(features)
{
	close(self->fd);
}

TEST_F(features, ring_features_are_offered)
{
	__u64 offered = 0;

	ASSERT_EQ(0, vhost_get_features(self->fd, &offered));
	EXPECT_EQ(DRIVER_FEATURES, offered & DRIVER_FEATURES);
	EXPECT_TRUE(offered & DRIVER_BIT(VIRTIO_F_RING_PACKED));
	EXPECT_TRUE(offered & DRIVER_BIT(VIRTIO_F_IN_ORDER));
	EXPECT_TRUE(offered & DRIVER_BIT(VIRTIO_F_NOTIFY_ON_EMPTY));
	EXPECT_TRUE(offered & DRIVER_BIT(VIRTIO_F_RING_RESET));
	/* For net it is VHOST_NET_F_VIRTIO_NET_HDR as well. */
	EXPECT_TRUE(offered & DRIVER_BIT(VIRTIO_F_ANY_LAYOUT));
	if (variant->flavour != RIG_BLK)
		EXPECT_TRUE(offered & DRIVER_BIT(VIRTIO_NET_F_MRG_RXBUF));
}

TEST_F(features, all_that_is_offered_is_accepted)
{
	__u64 offered = 0;

	ASSERT_EQ(0, vhost_get_features(self->fd, &offered));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(0, vhost_set_features(self->fd, offered));
	EXPECT_EQ(0, vhost_set_features(self->fd, 0));
}

TEST_F(features, each_bit_that_is_not_offered_is_refused)
{
	__u64 offered = 0;

	ASSERT_EQ(0, vhost_get_features(self->fd, &offered));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	for (unsigned int bit = 0; bit < 64; bit++) {
		if (offered & DRIVER_BIT(bit))
			continue;
		EXPECT_EQ(-EOPNOTSUPP, vhost_set_features(self->fd, DRIVER_BIT(bit)));
		EXPECT_EQ(-EOPNOTSUPP, vhost_set_features(self->fd, offered | DRIVER_BIT(bit)));
	}
}

TEST_F(features, bad_address_is_refused)
{
	EXPECT_EQ(-EFAULT, vhost_get_features(self->fd, (__u64 *)8));
	EXPECT_EQ(-1, ioctl(self->fd, VHOST_SET_FEATURES, 8));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(features, backend_features_can_be_asked_and_set)
{
	__u64 offered = ~0ull;

	ASSERT_EQ(0, vhost_get_backend_features(self->fd, &offered));
	EXPECT_EQ(0, vhost_set_backend_features(self->fd, offered));
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_backend_features(self->fd, 1ull << 63));
}

FIXTURE(live) { struct rig rig; };
FIXTURE_VARIANT(live) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(live, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(live, net_tx) { RIG_NET_TX };
FIXTURE_VARIANT_ADD(live, net_rx) { RIG_NET_RX };

FIXTURE_SETUP(live)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(live)
{
	rig_exit(&self->rig);
}

TEST_F(live, set_features_on_a_running_queue_works)
{
	struct driver *driver = &self->rig.driver;

	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	for (unsigned int i = 0; i < 20; i++) {
		driver->features = i % 2 ? DRIVER_FEATURES :
			DRIVER_FEATURES & ~DRIVER_BIT(VIRTIO_RING_F_EVENT_IDX);
		ASSERT_EQ(0, vhost_set_features(driver->fd, driver->features));
		self->rig.queue->avail->flags = 0;
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	}
}

TEST_F(live, refused_features_change_nothing)
{
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_features(self->rig.driver.fd, ~0ull));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_HARNESS_MAIN
