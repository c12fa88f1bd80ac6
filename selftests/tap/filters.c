// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs and address lists on an interface: which packets reach the files, how much
 * of each, and on which queue. A hypervisor filters and steers for its guests with
 * them, so a packet too many is as bad as one too few.
 */
#include <sys/fsuid.h>
#include <sys/syscall.h>

#include <linux/bpf.h>
#include <linux/filter.h>

#include "bpf.h"
#include "tap.h"

#define FRAME 200

FIXTURE(filters) {
	int fd;
	int second;
	int host;
	char name[IFNAMSIZ];
	unsigned char buffer[2048];
};

FIXTURE_SETUP(filters)
{
	char name[IFNAMSIZ];

	net_private_namespace();
	self->fd = tap_create(self->name, IFF_MULTI_QUEUE);
	memcpy(name, self->name, IFNAMSIZ);
	self->second = tap_open();
	ASSERT_EQ(0, tap_attach(self->second, name, TAP_FLAGS | IFF_MULTI_QUEUE));
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
}

FIXTURE_TEARDOWN(filters)
{
	close(self->host);
	close(self->second);
	close(self->fd);
}

/* The host sends a frame to @address. */
static void send_to(FIXTURE_DATA(filters) *self, const unsigned char *address)
{
	net_fill_frame(self->buffer, FRAME, 1);
	memcpy(self->buffer, address, ETH_ALEN);
	ASSERT_EQ(FRAME, send(self->host, self->buffer, FRAME, 0));
}

static const unsigned char peer[ETH_ALEN] = { 2, 0, 0, 0, 0, 9 };

/* Length of the frame that waits at one file of both, or -EAGAIN. */
static int received(FIXTURE_DATA(filters) *self)
{
	int length = read(self->fd, self->buffer, sizeof(self->buffer));

	if (length < 0)
		length = read(self->second, self->buffer, sizeof(self->buffer));
	return length < 0 ? -errno : length;
}

static int length_through(FIXTURE_DATA(filters) *self)
{
	send_to(self, peer);
	return received(self);
}

static bool passes(FIXTURE_DATA(filters) *self, const unsigned char *address)
{
	send_to(self, address);
	return received(self) == FRAME;
}

/* ---- TUNATTACHFILTER ---- */

/* A program that lets @length bytes of every packet pass. */
static int attach_classic(int fd, unsigned int length)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, length) };
	struct sock_fprog program = { .len = 1, .filter = code };

	return ioctl(fd, TUNATTACHFILTER, &program) ? -errno : 0;
}

TEST_F(filters, classic_program_drops_and_cuts_until_detached)
{
	ASSERT_EQ(0, attach_classic(self->fd, 0));
	EXPECT_EQ(-EAGAIN, length_through(self));
	ASSERT_EQ(0, attach_classic(self->fd, 100));
	EXPECT_EQ(100, length_through(self));
	ASSERT_EQ(0, attach_classic(self->second, ~0u));
	EXPECT_EQ(FRAME, length_through(self));
	ASSERT_EQ(0, attach_classic(self->fd, 0));
	ASSERT_EQ(0, tap_set(self->fd, TUNDETACHFILTER, 0));
	EXPECT_EQ(0, tap_set(self->fd, TUNDETACHFILTER, 0));
	EXPECT_EQ(FRAME, length_through(self));
}

TEST_F(filters, bad_classic_programs_are_refused_and_change_nothing)
{
	struct sock_filter code[] = { { .code = 0xffff } };
	struct sock_fprog program = { .len = 1, .filter = code };

	ASSERT_EQ(0, attach_classic(self->fd, 100));
	EXPECT_EQ(-1, ioctl(self->fd, TUNATTACHFILTER, &program));
	EXPECT_EQ(EINVAL, errno);
	program.len = 0;
	EXPECT_EQ(-1, ioctl(self->fd, TUNATTACHFILTER, &program));
	EXPECT_EQ(EINVAL, errno);
	program = (struct sock_fprog){ .len = 1, .filter = (void *)8 };
	EXPECT_EQ(-1, ioctl(self->fd, TUNATTACHFILTER, &program));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, TUNATTACHFILTER, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(100, length_through(self));
}

TEST_F(filters, classic_program_is_told_by_getfilter)
{
	struct sock_fprog program = { .len = 7 };

	ASSERT_EQ(0, attach_classic(self->fd, 1));
	ASSERT_EQ(0, ioctl(self->fd, TUNGETFILTER, &program));
	EXPECT_EQ(1, program.len);
}

/* IFF_NOFILTER says so, and is the same bit as IFF_NO_PI. */
TEST_F(filters, classic_program_is_for_the_files_of_its_time)
{
	char name[IFNAMSIZ];

	memcpy(name, self->name, IFNAMSIZ);
	ASSERT_EQ(0, attach_classic(self->fd, 100));
	close(self->second);
	self->second = tap_open();
	ASSERT_EQ(0, tap_attach(self->second, name, TAP_FLAGS | IFF_MULTI_QUEUE));
	ASSERT_EQ(0, tap_set_queue(self->fd, IFF_DETACH_QUEUE));
	EXPECT_EQ(FRAME, length_through(self));
	ASSERT_EQ(0, attach_classic(self->fd, 100));
	EXPECT_EQ(100, length_through(self));
}

/* ---- programs of the newer kind ---- */

/* A loaded program that returns @value. */
static int load(int value, unsigned int type)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_load(type, code, 2);
}

static void set_program(int fd, unsigned long cmd, int value)
{
	int program = load(value, BPF_PROG_TYPE_SOCKET_FILTER);

	ASSERT_EQ(0, tap_set_int(fd, cmd, program));
	close(program);
}

TEST_F(filters, extended_program_drops_and_cuts_until_detached)
{
	set_program(self->fd, TUNSETFILTEREBPF, 0);
	EXPECT_EQ(-EAGAIN, length_through(self));
	set_program(self->fd, TUNSETFILTEREBPF, 60);
	EXPECT_EQ(60, length_through(self));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETFILTEREBPF, -1));
	EXPECT_EQ(0, tap_set_int(self->fd, TUNSETFILTEREBPF, -1));
	EXPECT_EQ(FRAME, length_through(self));
}

TEST_F(filters, descriptors_that_are_no_socket_filters_are_refused)
{
	const unsigned long calls[] = { TUNSETFILTEREBPF, TUNSETSTEERINGEBPF };
	int xdp = load(2, BPF_PROG_TYPE_XDP);

	for (unsigned int i = 0; i < 2; i++) {
		EXPECT_EQ(-EBADF, tap_set_int(self->fd, calls[i], 12345));
		EXPECT_EQ(-EINVAL, tap_set_int(self->fd, calls[i], self->fd));
		EXPECT_EQ(-EINVAL, tap_set_int(self->fd, calls[i], xdp));
		EXPECT_EQ(-1, ioctl(self->fd, calls[i], NULL));
		EXPECT_EQ(EFAULT, errno);
	}
	close(xdp);
}

/* Whether the packets of many flows all come to @fd. */
static bool all_come_to(FIXTURE_DATA(filters) *self, int fd)
{
	unsigned char address[ETH_ALEN] = { 2 };

	for (int i = 0; i < 10; i++) {
		address[5] = i;
		send_to(self, address);
		if (read(fd, self->buffer, sizeof(self->buffer)) != FRAME)
			return false;
	}
	return true;
}

TEST_F(filters, refused_packets_are_counted)
{
	set_program(self->fd, TUNSETSTEERINGEBPF, 0);
	set_program(self->fd, TUNSETFILTEREBPF, 0);
	EXPECT_EQ(-EAGAIN, length_through(self));
	EXPECT_EQ(1, tap_counter(self->name, "tx_filtered"));
}

TEST_F(filters, steering_program_chooses_the_queue)
{
	set_program(self->fd, TUNSETSTEERINGEBPF, 1);
	EXPECT_TRUE(all_come_to(self, self->second));
	set_program(self->fd, TUNSETSTEERINGEBPF, 0);
	EXPECT_TRUE(all_come_to(self, self->fd));
	set_program(self->fd, TUNSETSTEERINGEBPF, 7);
	EXPECT_TRUE(all_come_to(self, self->second));
	set_program(self->fd, TUNSETSTEERINGEBPF, 0x10000);
	EXPECT_TRUE(all_come_to(self, self->fd));
	/* With one queue left there is nothing to choose. */
	set_program(self->fd, TUNSETSTEERINGEBPF, 1);
	ASSERT_EQ(0, tap_set_queue(self->second, IFF_DETACH_QUEUE));
	EXPECT_TRUE(all_come_to(self, self->fd));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETSTEERINGEBPF, -1));
}

/* A queue that is full takes another's place: the stack must not wait for the old one. */
TEST_F(filters, full_queue_that_moved_goes_on)
{
	unsigned int count = 0;

	set_program(self->fd, TUNSETSTEERINGEBPF, 1);
	ASSERT_EQ(0, fcntl(self->host, F_SETFL, O_NONBLOCK));
	net_fill_frame(self->buffer, FRAME, 1);
	while (send(self->host, self->buffer, FRAME, 0) == FRAME)
		ASSERT_GT(100000, ++count);
	close(self->fd);
	self->fd = self->second;
	self->second = tap_open();
	while (read(self->fd, self->buffer, sizeof(self->buffer)) > 0)
		;
	EXPECT_EQ(FRAME, length_through(self));
}

TEST_F(filters, of_every_kind_go_with_their_interface)
{
	ASSERT_EQ(0, attach_classic(self->fd, 100));
	set_program(self->fd, TUNSETSTEERINGEBPF, 1);
	set_program(self->fd, TUNSETFILTEREBPF, 60);
	ASSERT_TRUE(run("ip link del %s", self->name));
	EXPECT_EQ(-EBADFD, attach_classic(self->fd, 100));
	EXPECT_EQ(-EBADFD, tap_set(self->fd, TUNDETACHFILTER, 0));
	EXPECT_EQ(-EBADFD, tap_set_int(self->fd, TUNSETSTEERINGEBPF, -1));
	EXPECT_EQ(-EBADFD, tap_set_int(self->fd, TUNSETFILTEREBPF, -1));
}

/* Hand a program over for good; returns its id. */
static unsigned int give_program(int fd, unsigned long cmd)
{
	int program = load(60, BPF_PROG_TYPE_SOCKET_FILTER);
	unsigned int id = bpf_id(program);

	ASSERT_EQ(0, tap_set_int(fd, cmd, program));
	close(program);
	return id;
}

TEST_F(filters, programs_live_until_replaced_or_without_interface)
{
	const unsigned long calls[] = { TUNSETFILTEREBPF, TUNSETSTEERINGEBPF };
	unsigned int first, second, last[2];

	for (unsigned int i = 0; i < 2; i++) {
		first = give_program(self->fd, calls[i]);
		EXPECT_TRUE(bpf_is_alive(first));
		second = give_program(self->fd, calls[i]);
		EXPECT_FALSE(bpf_is_alive(first));
		EXPECT_TRUE(bpf_is_alive(second));
		ASSERT_EQ(0, tap_set_int(self->fd, calls[i], -1));
		EXPECT_FALSE(bpf_is_alive(second));
		last[i] = give_program(self->fd, calls[i]);
		EXPECT_TRUE(bpf_is_alive(last[i]));
	}
	ASSERT_TRUE(run("ip link del %s", self->name));
	EXPECT_FALSE(bpf_is_alive(last[0]));
	EXPECT_FALSE(bpf_is_alive(last[1]));
}

/*
 * Programs of the host see whose packets these are: whoever opened the file, and not
 * whoever owns the namespace. This one lets as many bytes pass as the user's number:
 * all, on kernels that show it no user here, but never none, which is root.
 */
TEST_F(filters, of_the_host_see_the_user_behind_a_packet)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_socket_uid },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int program = bpf_load(BPF_PROG_TYPE_SOCKET_FILTER, code, 2);
	char name[IFNAMSIZ] = "";
	int fd, length;

	ASSERT_EQ(0, setfsuid(77));
	fd = open(TAP_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	setfsuid(0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tap_attach(fd, name, TAP_FLAGS));
	/* Only then does a packet belong to anybody. */
	ASSERT_EQ(0, tap_set_int(fd, TUNSETSNDBUF, 1 << 20));
	net_set_up(name);
	close(self->host);
	self->host = net_host_socket(name);
	ASSERT_EQ(0, setsockopt(self->host, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)));
	net_fill_frame(self->buffer, FRAME, 1);
	ASSERT_EQ(FRAME, tap_write(fd, self->buffer, FRAME));
	length = host_read(self->host, self->buffer, sizeof(self->buffer), TAP_PATIENCE);
	EXPECT_TRUE(length == 77 || length == FRAME) {
		TEST_LOG("%d bytes", length);
	}
	close(program);
	close(fd);
}

/* ---- TUNSETTXFILTER ---- */

#define LIST_MAX 12

/* @count addresses 2:0:0:0:0:n, or 3:0:0:0:0:n (multicast) from the @multicast-th on. */
static int set_addresses(int fd, unsigned int flags, unsigned int count, unsigned int multicast)
{
	struct { struct tun_filter head; unsigned char list[LIST_MAX][ETH_ALEN]; } request = {
		.head = { .flags = flags, .count = count },
	};

	for (unsigned int i = 0; i < count; i++) {
		request.list[i][0] = i >= multicast ? 3 : 2;
		request.list[i][5] = i;
	}
	count = ioctl(fd, TUNSETTXFILTER, &request);
	return (int)count < 0 ? -errno : (int)count;
}

TEST_F(filters, addresses_that_are_listed_pass)
{
	const unsigned char broadcast[ETH_ALEN] = { 255, 255, 255, 255, 255, 255 };
	const unsigned char listed[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };
	const unsigned char group[ETH_ALEN] = { 3, 0, 0, 0, 0, 9 };

	ASSERT_EQ(2, set_addresses(self->fd, 0, 2, LIST_MAX));
	EXPECT_TRUE(passes(self, listed));
	EXPECT_FALSE(passes(self, peer));
	EXPECT_FALSE(passes(self, broadcast));
	ASSERT_EQ(2, set_addresses(self->fd, TUN_FLT_ALLMULTI, 2, LIST_MAX));
	EXPECT_TRUE(passes(self, broadcast));
	EXPECT_FALSE(passes(self, peer));
	ASSERT_EQ(8, set_addresses(self->fd, 0, LIST_MAX, 8));
	EXPECT_TRUE(passes(self, group));
	EXPECT_FALSE(passes(self, peer));
	ASSERT_EQ(0, set_addresses(self->fd, 0, 0, 0));
	EXPECT_TRUE(passes(self, peer));
}

TEST_F(filters, addresses_count_in_all_their_bytes)
{
	unsigned char address[ETH_ALEN] = { 2, 0, 0, 0, 0, 0 };

	ASSERT_EQ(1, set_addresses(self->fd, 0, 1, LIST_MAX));
	EXPECT_TRUE(passes(self, address));
	for (int i = 0; i < ETH_ALEN; i++) {
		address[i] ^= 0x10;
		EXPECT_FALSE(passes(self, address));
		address[i] ^= 0x10;
	}
}

/* Only multicast addresses are hashed; a ninth unicast one switches the filter off. */
TEST_F(filters, address_list_that_is_too_long_lets_all_pass)
{
	ASSERT_EQ(1, set_addresses(self->fd, 0, 1, LIST_MAX));
	ASSERT_EQ(0, set_addresses(self->fd, 0, 9, LIST_MAX));
	EXPECT_TRUE(passes(self, peer));
}

TEST_F(filters, address_list_outside_memory_is_a_fault)
{
	int fd = tap_open();

	EXPECT_EQ(-1, ioctl(self->fd, TUNSETTXFILTER, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EBADFD, set_addresses(fd, 0, 1, 1));
	close(fd);
}

TEST_HARNESS_MAIN
