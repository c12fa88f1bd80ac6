// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients of vhost-net have learned its answers: QEMU, DPDK and others look at errno
 * values and at what is allowed when. So the same calls go to /dev/vhost-net and to our
 * node, and both have to answer alike, but for the few differences listed here.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "pair.h"

#define RING 256

const struct difference differences[] = {
	{ "region that overlaps", 0, -EINVAL, "what it means to a guest is anyone's guess" },
	{ "region in the kernel's half", 0, -EFAULT, "told at once, not at its first use" },
	{ "empty region", -EFAULT, -EINVAL, "the addresses are fine, the table is not" },
	{ "region that wraps", -EFAULT, -EINVAL, "as above" },
	{ "65 regions", -E2BIG, 0, "more regions are taken" },
	{ "backend: no such file", -ENOTSOCK, -EBADF, "says what is wrong" },
	{ "backend: tun without an interface", -EINVAL, -EBADFD, "as of a tap of ours" },
	{ "unbind without a table", -EFAULT, 0, "stopping never fails" },
	{ "unbind with rings in the kernel's half", -EFAULT, 0, "stopping never fails" },
	{ "unknown call, no such queue", -ENOBUFS, -ENOTTY, "unknown calls have no queue" },
	{ "unknown call, no argument", -EFAULT, -ENOTTY, "unknown calls have no argument" },
	{ }
};

FIXTURE(upstream) { struct pair pair; unsigned char *ring; };

FIXTURE_SETUP(upstream)
{
	if (!pair_init(&self->pair))
		SKIP(return, "no " STOCK_NODE);
	self->ring = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, self->ring);
}

FIXTURE_TEARDOWN(upstream)
{
	pair_exit(&self->pair);
}

static void own(struct pair *pair)
{
	pair_call_raw(pair, "owner", VHOST_SET_OWNER, 0);
}

static const unsigned long vring_requests[] = {
	VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE, VHOST_SET_VRING_ADDR,
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	VHOST_NET_SET_BACKEND,
};

#define VRING_REQUESTS (sizeof(vring_requests) / sizeof(vring_requests[0]))

TEST_F(upstream, calls_without_an_owner)
{
	static const unsigned char zeroes[64];
	struct pair *pair = &self->pair;
	__u64 none = 0, unknown = 1ull << 63, v2 = 1ull << VHOST_BACKEND_F_IOTLB_MSG_V2;

	for (unsigned int i = 0; i < VRING_REQUESTS; i++)
		pair_call(pair, "no owner", vring_requests[i], zeroes, sizeof(zeroes));
	pair_call(pair, "no owner: table", VHOST_SET_MEM_TABLE, zeroes, sizeof(zeroes));
	pair_call(pair, "no owner: log", VHOST_SET_LOG_BASE, &none, sizeof(none));
	pair_call(pair, "no owner: log fd", VHOST_SET_LOG_FD, &none, sizeof(none));
	pair_call_raw(pair, "no owner: reset", VHOST_RESET_OWNER, 0);
	pair_call_raw(pair, "no owner: unknown", _IO(VHOST_VIRTIO, 0xfe), 0);
	pair_call(pair, "no owner: features", VHOST_SET_FEATURES, &none, sizeof(none));
	pair_call(pair, "unknown feature", VHOST_SET_FEATURES, &unknown, sizeof(none));
	pair_call(pair, "backend features", VHOST_SET_BACKEND_FEATURES, &none, sizeof(none));
	pair_call(pair, "second layout of messages", VHOST_SET_BACKEND_FEATURES, &v2, sizeof(v2));
	pair_call(pair, "unknown backend feature", VHOST_SET_BACKEND_FEATURES, &unknown,
		  sizeof(unknown));
	pair_call_raw(pair, "features to nowhere", VHOST_GET_FEATURES, 8);
	pair_call_raw(pair, "features from nowhere", VHOST_SET_FEATURES, 8);
}

TEST_F(upstream, owners_come_and_go)
{
	struct pair *pair = &self->pair;

	own(pair);
	pair_call_raw(pair, "second owner", VHOST_SET_OWNER, 0);
	pair_call_raw(pair, "reset", VHOST_RESET_OWNER, 0);
	pair_call_raw(pair, "second reset", VHOST_RESET_OWNER, 0);
	own(pair);
	pair_state(pair, "base after a reset", VHOST_GET_VRING_BASE, 0, 0);
}

TEST_F(upstream, threads_of_the_owner)
{
	const __u8 values[] = { VHOST_FORK_OWNER_KTHREAD, VHOST_FORK_OWNER_TASK, 2, 255 };
	struct pair *pair = &self->pair;
	__u8 value = 0;

	if (ioctl(pair->fd[STOCK], VHOST_GET_FORK_FROM_OWNER, &value))
		SKIP(return, "the stock node has no choice of threads");
	for (unsigned int i = 0; i < sizeof(values); i++) {
		pair_call(pair, "kind of threads", VHOST_SET_FORK_FROM_OWNER, &values[i], 1);
		pair_call(pair, "kind of threads back", VHOST_GET_FORK_FROM_OWNER, &value, 1);
	}
	own(pair);
	pair_call(pair, "threads with an owner", VHOST_SET_FORK_FROM_OWNER, &values[0], 1);
	pair_call(pair, "threads with an owner, back", VHOST_GET_FORK_FROM_OWNER, &value, 1);
}

TEST_F(upstream, sizes_and_positions)
{
	const unsigned int values[] = {
		0, 1, 2, 3, 100, 255, 256, 0x8000, 0x8001, 0xffff, 0x10000, 0x80000000, ~0u,
	};
	struct pair *pair = &self->pair;

	own(pair);
	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		pair_state(pair, "size", VHOST_SET_VRING_NUM, 0, values[i]);
		pair_state(pair, "base", VHOST_SET_VRING_BASE, 1, values[i]);
		pair_state(pair, "base back", VHOST_GET_VRING_BASE, 1, 0);
	}
}

static struct vhost_vring_addr addresses(const unsigned char *ring)
{
	return (struct vhost_vring_addr){
		.desc_user_addr = (unsigned long)ring,
		.avail_user_addr = (unsigned long)ring + 0x4000,
		.used_user_addr = (unsigned long)ring + 0x8000,
	};
}

static void set_addresses(struct pair *pair, const char *step,
			  const struct vhost_vring_addr *address)
{
	pair_call(pair, step, VHOST_SET_VRING_ADDR, address, sizeof(*address));
}

/* Each field in turn gets each value. */
static void try_addresses(struct pair *pair, const char *step, const unsigned char *ring)
{
	const __u64 values[] = { 0, 1, 2, 4, (unsigned long)ring + 2, KERNEL_HALF, ~0ull };
	struct vhost_vring_addr address;

	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		address = addresses(ring);
		address.desc_user_addr = values[i];
		set_addresses(pair, step, &address);
		address = addresses(ring);
		address.avail_user_addr = values[i];
		set_addresses(pair, step, &address);
		address = addresses(ring);
		address.used_user_addr = values[i];
		set_addresses(pair, step, &address);
		address = addresses(ring);
		address.log_guest_addr = values[i];
		set_addresses(pair, step, &address);
	}
}

TEST_F(upstream, ring_addresses_while_stopped)
{
	const unsigned int flags[] = { 0, 1u << VHOST_VRING_F_LOG, 2, 1u << 31, ~0u };
	struct vhost_vring_addr address = addresses(self->ring);
	struct pair *pair = &self->pair;

	own(pair);
	for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		address.flags = flags[i];
		set_addresses(pair, "flags of addresses", &address);
	}
	try_addresses(pair, "addresses while stopped", self->ring);
}

TEST_F(upstream, queues_that_do_not_exist)
{
	const unsigned int bad[] = { 2, 1000, 0x80000000, ~0u };
	struct vhost_vring_addr argument = { 0 };
	struct pair *pair = &self->pair;

	own(pair);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		argument.index = bad[i];
		for (unsigned int n = 0; n < VRING_REQUESTS; n++)
			pair_call(pair, "no such queue", vring_requests[n], &argument,
				  sizeof(argument));
		pair_call(pair, "unknown call, no such queue", _IOW(VHOST_VIRTIO, 0xfe, __u64),
			  &argument, sizeof(argument));
	}
	argument.index = 0;
	pair_call(pair, "unknown call", _IOW(VHOST_VIRTIO, 0xfe, __u64), &argument,
		  sizeof(argument));
	pair_call(pair, "byte order", VHOST_SET_VRING_ENDIAN, &argument, sizeof(argument));
	pair_call(pair, "byte order back", VHOST_GET_VRING_ENDIAN, &argument, sizeof(argument));
	pair_call_raw(pair, "unknown call, no argument", _IO(VHOST_VIRTIO, 0xfe), 8);
}

TEST_F(upstream, arguments_that_are_not_there)
{
	struct pair *pair = &self->pair;

	own(pair);
	for (unsigned int n = 0; n < VRING_REQUESTS; n++) {
		pair_call_raw(pair, "null argument", vring_requests[n], 0);
		pair_call_raw(pair, "kernel's argument", vring_requests[n], KERNEL_HALF);
	}
	pair_call_raw(pair, "table at null", VHOST_SET_MEM_TABLE, 0);
	pair_call_raw(pair, "log at null", VHOST_SET_LOG_BASE, 0);
	pair_call_raw(pair, "log fd at null", VHOST_SET_LOG_FD, 0);
}

TEST_F(upstream, descriptors_that_are_no_eventfds)
{
	const unsigned long requests[] = {
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	};
	int files[] = { eventfd(0, 0), -1, -1, -2, 12345, 0, 0 };
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pipe(&files[5]));
	own(pair);
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		for (unsigned int n = 0; n < sizeof(requests) / sizeof(requests[0]); n++)
			pair_file(pair, "eventfd", requests[n], 0, files[i]);
		pair_call(pair, "log's eventfd", VHOST_SET_LOG_FD, &files[i], sizeof(int));
	}
}

#define REGIONS_MAX 65

struct table {
	struct vhost_memory memory;
	struct vhost_memory_region regions[REGIONS_MAX];
};

static struct table table_of(const unsigned char *ring, unsigned int count)
{
	struct table table = { .memory.nregions = count };

	for (unsigned int i = 0; i < count && i < REGIONS_MAX; i++) {
		table.regions[i].guest_phys_addr = i << 20;
		table.regions[i].memory_size = 0x1000;
		table.regions[i].userspace_addr = (unsigned long)ring;
	}
	return table;
}

static void set_table(struct pair *pair, const char *step, const struct table *table)
{
	pair_call(pair, step, VHOST_SET_MEM_TABLE, table, sizeof(*table));
}

TEST_F(upstream, memory_tables)
{
	struct pair *pair = &self->pair;
	struct table table;

	own(pair);
	for (unsigned int count = 0; count < 3; count++) {
		table = table_of(self->ring, count);
		set_table(pair, "table", &table);
	}
	table.memory.padding = 1;
	set_table(pair, "padding", &table);
	table = table_of(self->ring, REGIONS_MAX);
	set_table(pair, "65 regions", &table);
	table = table_of(self->ring, 510);
	set_table(pair, "far too many regions", &table);
	table = table_of(self->ring, 2);
	table.regions[1].guest_phys_addr = 0x800;
	set_table(pair, "region that overlaps", &table);
	table = table_of(self->ring, 1);
	table.regions[0].guest_phys_addr = 1 << 20;
	table.regions[0].memory_size = 0;
	set_table(pair, "empty region", &table);
	table.regions[0].guest_phys_addr = ~0ull - 0xfff;
	table.regions[0].memory_size = 0x2000;
	set_table(pair, "region that wraps", &table);
	table = table_of(self->ring, 1);
	table.regions[0].userspace_addr = KERNEL_HALF;
	set_table(pair, "region in the kernel's half", &table);
}

static void set_backend(struct pair *pair, const char *step, unsigned int index)
{
	struct vhost_vring_file stock = { .index = index, .fd = pair->tap[STOCK] };
	struct vhost_vring_file ours = { .index = index, .fd = pair->tap[OURS] };

	pair_call_two(pair, step, VHOST_NET_SET_BACKEND, &stock, &ours, sizeof(ours), false);
}

/* Everything that a start needs, for both queues. */
static void set_up(struct pair *pair, const unsigned char *ring)
{
	struct vhost_vring_addr address = addresses(ring);
	struct table table = table_of(ring, 1);

	own(pair);
	set_table(pair, "table", &table);
	for (address.index = 0; address.index < 2; address.index++) {
		pair_state(pair, "size", VHOST_SET_VRING_NUM, address.index, RING);
		pair_state(pair, "base", VHOST_SET_VRING_BASE, address.index, 0);
		set_addresses(pair, "addresses", &address);
	}
}

TEST_F(upstream, backends_that_cannot_be)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0), raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	int packet = socket(AF_PACKET, SOCK_RAW, 0), cooked = socket(AF_PACKET, SOCK_DGRAM, 0);
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct pair *pair = &self->pair;

	own(pair);
	set_backend(pair, "backend without a table", 0);
	pair_file(pair, "unbind without a table", VHOST_NET_SET_BACKEND, 0, -1);
	pair_call_raw(pair, "reset", VHOST_RESET_OWNER, 0);
	set_up(pair, self->ring);
	pair_file(pair, "backend: no such file", VHOST_NET_SET_BACKEND, 0, 12345);
	pair_file(pair, "backend: eventfd", VHOST_NET_SET_BACKEND, 0, eventfd(0, 0));
	pair_file(pair, "backend: wrong socket", VHOST_NET_SET_BACKEND, 0, udp);
	pair_file(pair, "backend: cooked packet socket", VHOST_NET_SET_BACKEND, 0, cooked);
	pair_file(pair, "backend: raw IP socket", VHOST_NET_SET_BACKEND, 0, raw);
	pair_file(pair, "backend: tun without an interface", VHOST_NET_SET_BACKEND, 0, tun);
	pair_file(pair, "backend: packet socket", VHOST_NET_SET_BACKEND, 0, packet);
	pair_file(pair, "unbind", VHOST_NET_SET_BACKEND, 0, -1);
	pair_file(pair, "unbind twice", VHOST_NET_SET_BACKEND, 0, -1);
	try_addresses(pair, "addresses before the start", self->ring);
	set_backend(pair, "start with the last used ring in the kernel's half", 1);
}

TEST_F(upstream, calls_on_running_queues)
{
	struct vhost_vring_addr address = addresses(self->ring);
	struct table table = table_of(self->ring, 2);
	struct pair *pair = &self->pair;
	__u64 features = 0;

	set_up(pair, self->ring);
	set_backend(pair, "start", 1);
	pair_state(pair, "size while running", VHOST_SET_VRING_NUM, 1, RING);
	pair_state(pair, "bad size while running", VHOST_SET_VRING_NUM, 1, 3);
	pair_state(pair, "base while running", VHOST_SET_VRING_BASE, 1, 0);
	pair_state(pair, "size of the other queue", VHOST_SET_VRING_NUM, 0, RING / 2);
	pair_state(pair, "base while running, back", VHOST_GET_VRING_BASE, 1, 0);
	try_addresses(pair, "addresses while running", self->ring);
	set_addresses(pair, "addresses while running", &address);
	set_table(pair, "table while running", &table);
	pair_call(pair, "features while running", VHOST_SET_FEATURES, &features, sizeof(features));
	pair_file(pair, "kick while running", VHOST_SET_VRING_KICK, 1, eventfd(0, 0));
	set_backend(pair, "same backend again", 1);
	pair_file(pair, "running: no such queue", VHOST_NET_SET_BACKEND, 2, -1);
	pair_file(pair, "stop", VHOST_NET_SET_BACKEND, 1, -1);
	pair_state(pair, "base after a stop", VHOST_GET_VRING_BASE, 1, 0);
	pair_state(pair, "size after a stop", VHOST_SET_VRING_NUM, 1, RING / 4);
	set_backend(pair, "start again", 1);
	pair_call_raw(pair, "reset while running", VHOST_RESET_OWNER, 0);
}

TEST_F(upstream, rings_that_moved_out_of_reach)
{
	struct vhost_vring_addr address = addresses(self->ring);
	struct pair *pair = &self->pair;

	set_up(pair, self->ring);
	address.used_user_addr = KERNEL_HALF;
	set_addresses(pair, "addresses", &address);
	set_backend(pair, "start in the kernel's half", 0);
	pair_file(pair, "unbind with rings in the kernel's half", VHOST_NET_SET_BACKEND, 0, -1);
	address = addresses(self->ring);
	set_addresses(pair, "addresses", &address);
	munmap(self->ring, 1 << 16);
	set_backend(pair, "start without memory", 0);
	pair_file(pair, "stop without memory", VHOST_NET_SET_BACKEND, 0, -1);
}

TEST_F(upstream, every_feature_of_the_stock_node_is_there)
{
	struct pair *pair = &self->pair;
	__u64 offered[NODES], backend[NODES];

	for (unsigned int i = 0; i < NODES; i++) {
		ASSERT_EQ(0, vhost_get_features(pair->fd[i], &offered[i]));
		ASSERT_EQ(0, vhost_get_backend_features(pair->fd[i], &backend[i]));
	}
	EXPECT_EQ(0, offered[STOCK] & ~offered[OURS]);
	EXPECT_EQ(0, backend[STOCK] & ~backend[OURS]);
}

TEST_HARNESS_MAIN
