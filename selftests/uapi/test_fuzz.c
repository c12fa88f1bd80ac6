// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random ioctls with random arguments from several threads on several
 * descriptors, owned and not owned, one of them a device that a driver keeps
 * busy, for a bounded time. Nothing is expected of the calls; the kernel must stay
 * well, and each device must work once it is reset and set up again.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "harness.h"
#include "../ring/load.h"

#define RING 64
#define SECONDS 6
#define THREADS 4
#define DESCRIPTORS 6

FIXTURE(fuzz) {
	unsigned int seed;
	int fds[DESCRIPTORS];
	int files[4];
	unsigned char *memory;
	struct rig rig;
	struct load load;
};
FIXTURE_VARIANT(fuzz) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(fuzz, net) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(fuzz, net_packed) { RIG_NET_RX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(fuzz, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(fuzz, blk_packed) { RIG_BLK, DRIVER_PACKED };

FIXTURE_SETUP(fuzz)
{
	char name[IFNAMSIZ] = "rh%d";

	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
	load_init(&self->load, &self->rig);
	self->fds[DESCRIPTORS - 1] = self->rig.driver.fd;
	if (variant->flavour == RIG_BLK)
		net_private_namespace();
	for (unsigned int i = 0; i < DESCRIPTORS - 1; i++) {
		self->fds[i] = vhost_open(rig_node(variant->flavour));
		ASSERT_LE(0, self->fds[i]);
		/* One stays without an owner. */
		if (i)
			ASSERT_EQ(0, vhost_set_owner(self->fds[i]));
	}
	self->files[0] = eventfd(0, EFD_NONBLOCK);
	self->files[1] = net_open_tap(name, 0);
	self->files[2] = blk_image(1 << 20);
	self->files[3] = -1;
	self->memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	self->seed = time(NULL);
	TEST_LOG("seed %u", self->seed);
}

FIXTURE_TEARDOWN(fuzz)
{
	rig_exit(&self->rig);
	for (unsigned int i = 0; i < DESCRIPTORS - 1; i++)
		close(self->fds[i]);
}

/**
 * struct fuzzer - one thread
 * @fixture: what it shares with the others
 * @seed: its own
 * @end: when it ends
 */
struct fuzzer {
	FIXTURE_DATA(fuzz) *fixture;
	unsigned int seed;
	time_t end;
};

static unsigned int roll(struct fuzzer *fuzzer, unsigned int sides)
{
	return rand_r(&fuzzer->seed) % sides;
}

/* Values that mean something, and values near the edges of what does. */
static uint64_t interesting(struct fuzzer *fuzzer)
{
	static const uint64_t edges[] = {
		0, 1, 2, 3, 64, 0xffff, 0x10000, 32768, 32769, ~0ull, 1ull << 63, 1ull << 32,
		0xffff888000000000ull, (1ull << 47) - 4096, 4096,
	};
	unsigned char *memory = fuzzer->fixture->memory;

	switch (roll(fuzzer, 4)) {
	case 0:
		return (unsigned long)memory + roll(fuzzer, 256) * 4096;
	case 1:
		return (unsigned long)memory + roll(fuzzer, 1 << 20);
	case 2:
		return rand_r(&fuzzer->seed) | (uint64_t)rand_r(&fuzzer->seed) << 32;
	default:
		return edges[roll(fuzzer, sizeof(edges) / sizeof(edges[0]))];
	}
}

/* An address for SET_VRING_ADDR or SET_MEM_TABLE that a call may well accept. */
static uint64_t good_address(struct fuzzer *fuzzer)
{
	FIXTURE_DATA(fuzz) *fixture = fuzzer->fixture;
	struct driver_queue *queue = &fixture->rig.driver.queues[roll(fuzzer, 2)];
	const void *places[] = {
		queue->desc, queue->avail, queue->used, fixture->memory,
		fixture->rig.driver.guest.regions[roll(fuzzer, GUEST_REGIONS)].user,
	};

	return (unsigned long)places[roll(fuzzer, sizeof(places) / sizeof(places[0]))];
}

static int any_file(struct fuzzer *fuzzer)
{
	FIXTURE_DATA(fuzz) *fixture = fuzzer->fixture;

	if (roll(fuzzer, 8) == 0)
		return fixture->fds[roll(fuzzer, DESCRIPTORS)];
	return roll(fuzzer, 8) ? fixture->files[roll(fuzzer, 4)] : (int)roll(fuzzer, 64) - 2;
}

/* An argument that fits @request as often as not. */
static void fill_argument(struct fuzzer *fuzzer, unsigned long request, void *argument)
{
	struct vhost_vring_state *state = argument;
	struct vhost_vring_addr *address = argument;
	struct vhost_vring_file *file = argument;
	struct ringhost_blk_disk *disk = argument;
	struct vhost_memory *memory = argument;
	uint64_t *words = argument;

	for (unsigned int i = 0; i < 64; i++)
		words[i] = interesting(fuzzer);
	if (request == RINGHOST_BLK_SET_DISK) {
		memset(disk, 0, sizeof(*disk));
		disk->fd = any_file(fuzzer);
		disk->flags = roll(fuzzer, 3);
		return;
	}
	if (request == VHOST_SET_MEM_TABLE) {
		memory->nregions = roll(fuzzer, 4);
		memory->padding = 0;
		memory->regions[0].userspace_addr = good_address(fuzzer);
		memory->regions[0].memory_size = 4096 << roll(fuzzer, 9);
		return;
	}
	state->index = roll(fuzzer, roll(fuzzer, 16) ? 3 : RAND_MAX);
	if (request == VHOST_SET_VRING_ADDR) {
		address->flags = roll(fuzzer, 8) == 0;
		if (roll(fuzzer, 2))
			address->desc_user_addr = good_address(fuzzer);
		address->avail_user_addr = good_address(fuzzer);
		address->used_user_addr = good_address(fuzzer);
	}
	else if (request == VHOST_SET_VRING_NUM)
		state->num = 1u << roll(fuzzer, 17);
	else if (request == RINGHOST_SET_VRING_ENABLE)
		state->num = roll(fuzzer, 3);
	else if (roll(fuzzer, 4))
		file->fd = any_file(fuzzer);
}

#define REQUESTS(table) (sizeof(table) / sizeof((table)[0]))

static unsigned long any_request(struct fuzzer *fuzzer)
{
	static const unsigned long requests[] = {
		VHOST_SET_FEATURES, VHOST_GET_FEATURES, VHOST_SET_OWNER, VHOST_RESET_OWNER,
		VHOST_SET_MEM_TABLE, VHOST_SET_MEM_TABLE, VHOST_SET_VRING_NUM,
		VHOST_SET_VRING_ADDR, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, VHOST_NET_SET_BACKEND, VHOST_NET_SET_BACKEND,
		VHOST_SET_BACKEND_FEATURES, VHOST_GET_BACKEND_FEATURES,
		RINGHOST_GET_VRING_STATS, RINGHOST_SET_VRING_ENABLE, RINGHOST_SET_VRING_ENABLE,
		RINGHOST_BLK_SET_DISK, RINGHOST_BLK_GET_LIMITS, VHOST_SET_LOG_BASE,
		VHOST_SET_LOG_FD, VHOST_SET_VRING_ENDIAN, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_GET_FEATURES_ARRAY, VHOST_SET_FEATURES_ARRAY, VHOST_NEW_WORKER,
		VHOST_FREE_WORKER, VHOST_ATTACH_VRING_WORKER, VHOST_GET_VRING_WORKER,
		VHOST_SET_FORK_FROM_OWNER, VHOST_GET_FORK_FROM_OWNER,
	};

	switch (roll(fuzzer, 32)) {
	case 0:	/* Sizes and directions that nobody defined. */
		return requests[roll(fuzzer, REQUESTS(requests))] ^ 1ul << roll(fuzzer, 32);
	case 1:
		return _IOC(roll(fuzzer, 4), roll(fuzzer, 2) ? VHOST_VIRTIO : RINGHOST_IOC_MAGIC,
			    roll(fuzzer, 256), roll(fuzzer, 64));
	default:
		return requests[roll(fuzzer, REQUESTS(requests))];
	}
}

static void call_once(struct fuzzer *fuzzer)
{
	unsigned long request = any_request(fuzzer);
	int fd = fuzzer->fixture->fds[roll(fuzzer, DESCRIPTORS)];
	uint64_t argument[64 + 8];

	fill_argument(fuzzer, request, argument);
	if (roll(fuzzer, 32) == 0)
		ioctl(fd, request, interesting(fuzzer));
	else
		ioctl(fd, request, argument);
	/* What the owner of a vIOMMU says. */
	if (roll(fuzzer, 32) == 0 && write(fd, argument, roll(fuzzer, sizeof(argument))) < 0)
		argument[0] = 0;
	if (roll(fuzzer, 8) == 0)
		eventfd_write(fuzzer->fixture->files[0], 1);
	/* The rings, wherever they are now, change too. */
	fuzzer->fixture->memory[roll(fuzzer, 1 << 20)] = roll(fuzzer, 256);
}

static void *fuzz_main(void *context)
{
	struct fuzzer *fuzzer = context;

	while (time(NULL) < fuzzer->end)
		for (unsigned int i = 0; i < 100; i++)
			call_once(fuzzer);
	return NULL;
}

/* Whatever state it was left in; closes it. */
static void expect_works(enum rig_flavour flavour, int fd)
{
	char name[IFNAMSIZ] = "rh%d";
	struct driver driver;

	vhost_reset_owner(fd);
	driver_init_fd(&driver, fd, 2, RING, DRIVER_FEATURES);
	driver.backend = flavour == RIG_BLK ? blk_image(1 << 20) : net_open_tap(name, 0);
	if (flavour == RIG_BLK) {
		ASSERT_EQ(0, vhost_blk_set_disk(fd, driver.backend, 0, NULL));
		blk_start(&driver);
	} else {
		net_set_up(name);
		net_start(&driver);
	}
	for (unsigned int i = 0; i < 2; i++)
		EXPECT_EQ(0, flavour == RIG_BLK ? blk_works(&driver.queues[i]) :
						  net_works(&driver.queues[i], name));
	driver_exit(&driver);
}

TEST_F_TIMEOUT(fuzz, random_calls_leave_devices_that_work_after_a_reset, 60)
{
	struct fuzzer fuzzers[THREADS];
	pthread_t threads[THREADS];

	load_start(&self->load);
	for (unsigned int i = 0; i < THREADS; i++) {
		fuzzers[i] = (struct fuzzer){ self, self->seed + i, time(NULL) + SECONDS };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, fuzz_main, &fuzzers[i]));
	}
	for (unsigned int i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	load_stop(&self->load);
	for (unsigned int i = 0; i < DESCRIPTORS; i++)
		expect_works(variant->flavour, self->fds[i]);
}

TEST_HARNESS_MAIN
