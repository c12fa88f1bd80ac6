// SPDX-License-Identifier: GPL-2.0-only
/*
 * VHOST_NET_SET_BACKEND: starting and stopping network queues. Stopping must
 * never fail, not even on a queue that was never set up: QEMU asserts that.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"
#include "usage.h"

#define RING 64

FIXTURE(bare) { int fd; };

FIXTURE_SETUP(bare)
{
	self->fd = vhost_open(VHOST_NODE_NET);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_set_owner(self->fd));
}

FIXTURE_TEARDOWN(bare)
{
	close(self->fd);
}

TEST_F(bare, stopping_a_queue_that_was_never_set_up_works)
{
	EXPECT_EQ(0, vhost_net_set_backend(self->fd, NET_RX, -1));
	EXPECT_EQ(0, vhost_net_set_backend(self->fd, NET_TX, -1));
	EXPECT_EQ(0, vhost_net_set_backend(self->fd, NET_TX, -1));
}

TEST_F(bare, starting_a_queue_that_was_never_set_up_fails)
{
	char name[IFNAMSIZ] = "rh%d";
	int tap;

	net_private_namespace();
	tap = net_open_tap(name, 0);
	EXPECT_EQ(-EFAULT, vhost_net_set_backend(self->fd, NET_RX, tap));
	EXPECT_EQ(-EFAULT, vhost_net_set_backend(self->fd, NET_TX, tap));
	EXPECT_EQ(0, vhost_net_set_backend(self->fd, NET_RX, -1));
	close(tap);
}

FIXTURE(net) { struct rig rig; int fd; };

FIXTURE_SETUP(net)
{
	rig_init(&self->rig, RIG_NET_TX, RING, DRIVER_FEATURES);
	self->fd = self->rig.driver.fd;
}

FIXTURE_TEARDOWN(net)
{
	rig_exit(&self->rig);
}

TEST_F(net, what_is_no_port_is_refused)
{
	int pipes[2];
	int other = socket(AF_INET, SOCK_DGRAM, 0);

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(self->fd, NET_TX, pipes[0]));
	EXPECT_GT(0, vhost_net_set_backend(self->fd, NET_TX, other));
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(self->fd, NET_TX, self->fd));
	close(other);
	close(pipes[0]);
	close(pipes[1]);
	EXPECT_EQ(-EBADF, vhost_net_set_backend(self->fd, NET_TX, pipes[0]));
	EXPECT_EQ(-EBADF, vhost_net_set_backend(self->fd, NET_TX, -2));
}

TEST_F(net, tap_without_an_interface_is_refused)
{
	int tap = open(VHOST_NODE_TAP, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, tap);
	EXPECT_EQ(-EBADFD, vhost_net_set_backend(self->fd, NET_TX, tap));
	close(tap);
}

TEST_F(net, no_such_queue_is_told)
{
	EXPECT_EQ(-ENOBUFS, vhost_net_set_backend(self->fd, 2, self->rig.driver.backend));
	EXPECT_EQ(-ENOBUFS, vhost_net_set_backend(self->fd, 2, -1));
	EXPECT_EQ(-ENOBUFS, vhost_net_set_backend(self->fd, ~0u, -1));
}

TEST_F(net, stop_and_start_repeat)
{
	rig_start(&self->rig);
	for (unsigned int i = 0; i < 10; i++) {
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.neighbour));
		rig_start(&self->rig);
	}
}

TEST_F(net, same_backend_again_changes_nothing)
{
	rig_start(&self->rig);
	rig_start(&self->rig);
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

TEST_F(net, backend_can_be_swapped_while_running)
{
	struct driver *driver = &self->rig.driver;
	char other[IFNAMSIZ] = "rh%d";
	int tap = net_open_tap(other, 0);

	net_set_up(other);
	rig_start(&self->rig);
	ASSERT_EQ(0, vhost_net_set_backend(self->fd, NET_TX, tap));
	ASSERT_EQ(0, vhost_net_set_backend(self->fd, NET_RX, tap));
	EXPECT_EQ(0, net_works(&driver->queues[NET_TX], other));
	EXPECT_EQ(0, net_works(&driver->queues[NET_RX], other));
	rig_start(&self->rig);
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	close(tap);
}

TEST_F(net, refused_backend_leaves_the_old_one_running)
{
	rig_start(&self->rig);
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(self->fd, NET_TX, self->fd));
	EXPECT_EQ(-EBADF, vhost_net_set_backend(self->fd, NET_RX, 12345));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

/* Try a file of its own as a backend, and close it. */
static void try_backend(int fd, unsigned int index, const char *node, int expected)
{
	char name[IFNAMSIZ] = "rh%d";
	int file = node ? open(node, O_RDWR | O_CLOEXEC) : net_open_tap(name, 0);

	ASSERT_LE(0, file);
	EXPECT_EQ(expected, vhost_net_set_backend(fd, index, file));
	close(file);
}

/* For whatever reason it was refused, who closes such a file has closed it for good. */
TEST_F(net, refused_backend_is_not_held)
{
	int bare = vhost_open(VHOST_NODE_NET);
	struct usage before;

	ASSERT_LE(0, bare);
	ASSERT_EQ(0, vhost_set_owner(bare));
	usage_measure(&before);
	try_backend(self->fd, NET_TX, VHOST_NODE_NET, -ENOTSOCK);
	try_backend(self->fd, NET_TX, VHOST_NODE_TAP, -EBADFD);
	try_backend(bare, NET_TX, NULL, -EFAULT);
	try_backend(bare, NET_RX, NULL, -EFAULT);
	EXPECT_TRUE(usage_returns_to(&before));
	close(bare);
}

TEST_F(net, port_has_one_receiver)
{
	struct rig second;

	rig_start(&self->rig);
	driver_init(&second.driver, VHOST_NODE_NET, 2, RING, DRIVER_FEATURES);
	EXPECT_EQ(-EBUSY, vhost_net_set_backend(second.driver.fd, NET_RX,
						self->rig.driver.backend));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.neighbour));
	EXPECT_EQ(0, vhost_net_set_backend(second.driver.fd, NET_RX, self->rig.driver.backend));
	driver_exit(&second.driver);
	/* The other device's end has set the port free. */
	EXPECT_EQ(0, rig_start_queue(&self->rig, self->rig.neighbour));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

TEST_F(net, port_lives_on_when_its_descriptor_is_closed)
{
	rig_start(&self->rig);
	close(self->rig.driver.backend);
	self->rig.driver.backend = -1;
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	EXPECT_EQ(0, vhost_net_set_backend(self->fd, NET_RX, -1));
	EXPECT_EQ(0, vhost_net_set_backend(self->fd, NET_TX, -1));
	/* That was the last reference: a tap that is not persistent goes. */
	EXPECT_EQ(0, if_nametoindex(self->rig.tap));
}

TEST_HARNESS_MAIN
