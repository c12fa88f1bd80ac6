// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there for the tap: each allocation and each copy fails once, when the file
 * is opened, and the interface made, found, changed and deleted. The call says so, or does without,
 * as the network stack does for its announcements; no half an interface is left.
 *
 * The stack asks for memory hundreds of times to register an interface and to unregister it,
 * and each try makes one and deletes it. So this is done twice: once with register_netdevice()
 * spared, where nothing else is left out, and once with some of its own faults, which to us are
 * all the same: it has failed. What it calls of ours, ndo_init and the notifier, asks for none.
 */
#include <linux/filter.h>
#include <net/if_arp.h>

#include "fault.h"
#include "tap.h"

#define NAME "fault0"
/* One in so many of the faults of register_netdevice() and unregister_netdevice(). */
#define SOME 24

FIXTURE(tap) { int fd; };

static int attach(int fd, unsigned int flags)
{
	char name[IFNAMSIZ] = NAME;

	return tap_attach(fd, name, TAP_FLAGS | flags);
}

FIXTURE_SETUP(tap)
{
	FAULT_OR_SKIP();
	net_private_namespace();
	self->fd = tap_open();
}

FIXTURE_TEARDOWN(tap)
{
	close(self->fd);
}

/* ---- files and interfaces ---- */

static int open_node(void)
{
	int fd = open(TAP_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

TEST_F(tap, file_is_opened_or_not)
{
	EACH_FAULT_UNDO(open_node(), close(fault_result));
}

static int renew(int *fd)
{
	close(*fd);
	*fd = tap_open();
	return 0;
}

/* As with tun, a file that cannot be told the interface's name has it all the same. */
static int attach_or_renew(int *fd, unsigned int flags)
{
	int error = attach(*fd, flags);

	if (error == -EFAULT)
		renew(fd);
	return error;
}

/* A failure that leaves the interface, or the file with one, shows in the next attempt. */
TEST_F_TIMEOUT(tap, interface_is_made_or_not, 60)
{
	fault_spare("register_netdevice");
	EACH_FAULT_UNDO(attach_or_renew(&self->fd, 0), renew(&self->fd));
	EACH_FAULT_UNDO(attach_or_renew(&self->fd, IFF_MULTI_QUEUE), renew(&self->fd));
	EXPECT_EQ(0, if_nametoindex(NAME));
}

TEST_F_TIMEOUT(tap, interface_is_registered_or_not, 60)
{
	fault_leave_out(SOME);
	/* EINVAL: the stack does not look whether there was memory for the name. ENOBUFS: IP. */
	EACH_FAULT_UNDO(attach_or_renew(&self->fd, 0), renew(&self->fd), EINVAL, ENOBUFS);
	EXPECT_EQ(0, if_nametoindex(NAME));
}

/* The file's ring becomes as long as the interface says. */
TEST_F(tap, interface_is_found_or_not)
{
	ASSERT_EQ(0, attach(self->fd, 0));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 1));
	ASSERT_TRUE(run("ip link set " NAME " txqueuelen 77"));
	renew(&self->fd);
	EACH_FAULT_UNDO(attach_or_renew(&self->fd, 0), renew(&self->fd));
	ASSERT_EQ(0, attach(self->fd, 0));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 0));
}

/* Each queue has a folder in sysfs. */
TEST_F_TIMEOUT(tap, queue_is_added_or_not, 60)
{
	int other = tap_open();

	ASSERT_EQ(0, attach(self->fd, IFF_MULTI_QUEUE));
	EACH_FAULT_UNDO(attach_or_renew(&other, IFF_MULTI_QUEUE), renew(&other));
	close(other);
}

TEST_F_TIMEOUT(tap, queue_is_disabled_and_enabled_or_not, 60)
{
	int other = tap_open();

	ASSERT_EQ(0, attach(self->fd, IFF_MULTI_QUEUE));
	ASSERT_EQ(0, attach(other, IFF_MULTI_QUEUE));
	EACH_FAULT_UNDO(tap_set_queue(other, IFF_DETACH_QUEUE),
			tap_set_queue(other, IFF_ATTACH_QUEUE));
	ASSERT_EQ(0, tap_set_queue(other, IFF_DETACH_QUEUE));
	EACH_FAULT_UNDO(tap_set_queue(other, IFF_ATTACH_QUEUE),
			tap_set_queue(other, IFF_DETACH_QUEUE));
	close(other);
}

static int close_file(int *fd)
{
	return close(*fd) ? -errno : 0;
}

static int make_again(FIXTURE_DATA(tap) *self)
{
	EXPECT_EQ(0, if_nametoindex(NAME));
	self->fd = tap_open();
	ASSERT_EQ(0, attach(self->fd, 0));
	return 0;
}

/* All of it is the stack's. */
TEST_F_TIMEOUT(tap, last_close_deletes_the_interface, 60)
{
	ASSERT_EQ(0, attach(self->fd, 0));
	fault_leave_out(SOME);
	EACH_FAULT_UNDO(close_file(&self->fd), make_again(self));
}

static int join_again(int *fd)
{
	*fd = tap_open();
	ASSERT_EQ(0, attach(*fd, IFF_MULTI_QUEUE));
	return 0;
}

TEST_F(tap, close_of_one_queue_leaves_the_other)
{
	int other;

	ASSERT_EQ(0, attach(self->fd, IFF_MULTI_QUEUE));
	join_again(&other);
	EACH_FAULT_UNDO(close_file(&other), join_again(&other));
	EXPECT_NE(0, if_nametoindex(NAME));
	close(other);
}

/* ---- settings ---- */

/* Something that a struct ifreq is about. */
static int ask(int fd, unsigned long cmd, struct ifreq *request)
{
	return ioctl(fd, cmd, request) ? -errno : 0;
}

TEST_F(tap, settings_are_changed_or_not)
{
	int value;

	ASSERT_EQ(0, attach(self->fd, IFF_VNET_HDR));
	EACH_FAULT(tap_int(self->fd, TUNGETFEATURES, &value));
	EACH_FAULT(tap_set_int(self->fd, TUNSETSNDBUF, 1 << 20));
	EACH_FAULT(tap_int(self->fd, TUNGETSNDBUF, &value));
	EACH_FAULT(tap_set_int(self->fd, TUNSETVNETHDRSZ, NET_HEADER));
	EACH_FAULT(tap_int(self->fd, TUNGETVNETHDRSZ, &value));
	EACH_FAULT(tap_set_int(self->fd, TUNSETVNETLE, 1));
	EACH_FAULT(tap_set_int(self->fd, TUNSETCARRIER, 1));
	EACH_FAULT(tap_set_int(self->fd, TUNSETSTEERINGEBPF, -1));
	EACH_FAULT(tap_set_int(self->fd, TUNSETFILTEREBPF, -1));
}

TEST_F(tap, interface_is_told_and_its_address_set_or_not)
{
	struct ifreq request = { 0 };

	ASSERT_EQ(0, attach(self->fd, 0));
	EACH_FAULT(ask(self->fd, TUNGETIFF, &request));
	EACH_FAULT(ask(self->fd, SIOCGIFHWADDR, &request));
	EACH_FAULT(ask(self->fd, SIOCSIFHWADDR, &request));
}

static int open_namespace(int fd, unsigned long cmd)
{
	int namespace = ioctl(fd, cmd);

	return namespace < 0 ? -errno : namespace;
}

TEST_F(tap, namespaces_are_opened_or_not)
{
	ASSERT_EQ(0, attach(self->fd, 0));
	EACH_FAULT_UNDO(open_namespace(self->fd, SIOCGSKNS), close(fault_result));
	EACH_FAULT_UNDO(open_namespace(self->fd, TUNGETDEVNETNS), close(fault_result));
}

static int announce(int fd)
{
	return tap_set(fd, TUNSETPERSIST, 1) ?: tap_set(fd, TUNSETPERSIST, 0) ?:
	       tap_set(fd, TUNSETOWNER, 0) ?: tap_set(fd, TUNSETGROUP, 0) ?:
	       tap_set(fd, TUNSETLINK, ARPHRD_PPP) ?: tap_set(fd, TUNSETLINK, ARPHRD_ETHER) ?:
	       tap_set(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) ?:
	       tap_set(fd, TUNSETOFFLOAD, 0);
}

/* Who listens does without the announcement; the change itself needs no memory. */
TEST_F(tap, announced_settings_are_changed)
{
	static const int none[] = { 0 };
	struct fault fault = { .call = "announce", .errors = none };

	ASSERT_EQ(0, attach(self->fd, IFF_VNET_HDR));
	while (fault_next(&fault)) {
		int result;

		fault_arm(&fault);
		result = announce(self->fd);
		fault_disarm(&fault, result);
	}
	EXPECT_EQ(0, fault.failed);
}

static int set_queue_length(int fd, int packets)
{
	struct ifreq request = { .ifr_name = NAME, .ifr_qlen = packets };

	return ioctl(fd, SIOCSIFTXQLEN, &request) ? -errno : 0;
}

TEST_F(tap, queue_length_is_changed_or_stays)
{
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int other = tap_open();

	ASSERT_LE(0, any);
	ASSERT_EQ(0, attach(self->fd, IFF_MULTI_QUEUE));
	ASSERT_EQ(0, attach(other, IFF_MULTI_QUEUE));
	EACH_FAULT_UNDO(set_queue_length(any, 77), set_queue_length(any, 500));
	close(other);
	close(any);
}

/* ---- filters ---- */

#define ADDRESSES 10

static int set_addresses(int fd)
{
	struct { struct tun_filter head; unsigned char list[ADDRESSES][ETH_ALEN]; } request = {
		.head = { .count = ADDRESSES },
	};

	memset(request.list, 1, sizeof(request.list));
	return ioctl(fd, TUNSETTXFILTER, &request) < 0 ? -errno : 0;
}

static int attach_filter(int fd)
{
	struct sock_filter code[] = { { .code = BPF_RET | BPF_K, .k = ~0u } };
	struct sock_fprog program = { .len = 1, .filter = code };

	return ioctl(fd, TUNATTACHFILTER, &program) ? -errno : 0;
}

static int get_filter(int fd)
{
	struct sock_fprog program;

	return ioctl(fd, TUNGETFILTER, &program) ? -errno : 0;
}

TEST_F(tap, filters_are_taken_or_not)
{
	ASSERT_EQ(0, attach(self->fd, 0));
	EACH_FAULT(set_addresses(self->fd));
	EACH_FAULT(attach_filter(self->fd));
	EACH_FAULT(get_filter(self->fd));
}

TEST_HARNESS_MAIN
