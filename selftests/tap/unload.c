// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is unloaded while all there is left of it works: a persistent interface that the
 * host floods, and to which an XDP program of another interface redirects, between files that
 * open, write a stream and close. What unloading could forget is whoever is on the way through
 * the module at that moment. See test_unload.sh for who keeps it and who does not.
 */
#include <libgen.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "frames.h"
#include "xdp.h"

#define MODULE "ringhost_tap"
#define ROUNDS 4
#define TRIES 2000
#define FRAME 200
#define SEGMENTS 20
#define FLOODED "rhu0"
#define BESIDE "rhu1"

FIXTURE(unload) {
	int module;
	pthread_t threads[3];
};

static atomic_bool stop;
static atomic_uint redirected;

/* ---- the load; what fails meanwhile just fails ---- */

static void *flood(void *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
	unsigned char frame[FRAME];
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	net_fill_frame(frame, FRAME, 0);
	while (!stop) {
		address.sll_ifindex = if_nametoindex(name);
		for (unsigned int i = 0; i < 200; i++)
			sendto(fd, frame, FRAME, MSG_DONTWAIT, (struct sockaddr *)&address,
			       sizeof(address));
	}
	close(fd);
	return NULL;
}

static void write_stream(int fd)
{
	static struct frame frame;

	for (unsigned int i = 0; i < SEGMENTS; i++) {
		frame_build(&frame, &(struct frame_plan){
			.family = 4, .protocol = IPPROTO_TCP, .payload = 100,
			.sequence = i * 100, .flags = TH_ACK,
		});
		(void)!write(fd, &frame, frame_written(&frame));
	}
}

static void *come_and_go(void *unused)
{
	char name[IFNAMSIZ] = BESIDE;
	int fd;

	while (!stop) {
		fd = open(TAP_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0 && !tap_attach(fd, name, TAP_FLAGS | IFF_VNET_HDR)) {
			net_set_up(name);
			write_stream(fd);
		}
		if (fd >= 0)
			close(fd);
		usleep(2000);
	}
	return unused;
}

/* ---- the module ---- */

static int open_module(void)
{
	char program[200] = "", path[400];
	struct utsname host;
	int fd;

	ASSERT_EQ(0, uname(&host));
	ASSERT_LT(0, readlink("/proc/self/exe", program, sizeof(program) - 1));
	snprintf(path, sizeof(path), "%s/../../modules/%s/" MODULE ".ko", dirname(program),
		 host.release);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	return fd;
}

static void load(int module)
{
	if (access("/sys/module/" MODULE, F_OK))
		ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0));
}

/* A persistent interface, whose file is closed, and a way to it for redirected frames. */
static void leave_interface_behind(bool flooded)
{
	char name[IFNAMSIZ] = FLOODED;
	int fd = tap_open();
	uint64_t seen = 0;

	ASSERT_EQ(0, tap_attach(fd, name, TAP_FLAGS | IFF_VNET_HDR));
	ASSERT_EQ(0, tap_set(fd, TUNSETPERSIST, 1));
	net_set_up(name);
	xdp_attach("rhua", xdp_load_redirect(name));
	tap_has_carrier(name);
	/* Until its file is closed packets come up to the ring, which nobody reads. */
	for (unsigned int i = 0; flooded && !seen && i < TAP_PATIENCE / 20; i++) {
		usleep(20000);
		seen = tap_counter(name, "tx_stops") + tap_counter(name, "tx_dropped");
	}
	redirected += seen;
	close(fd);
}

FIXTURE_SETUP(unload)
{
	net_private_namespace();
	self->module = open_module();
	if (!run("ip link add rhua type veth peer name rhub 2> /dev/null"))
		SKIP(return, "this kernel has no veth");
	net_set_up("rhua");
	net_set_up("rhub");
}

FIXTURE_TEARDOWN(unload)
{
	load(self->module);
	close(self->module);
}

TEST_F_TIMEOUT(unload, under_load_leaves_nothing_behind, 120)
{
	unsigned int tries, busy = 0;

	leave_interface_behind(false);
	ASSERT_EQ(0, pthread_create(&self->threads[0], NULL, flood, FLOODED));
	ASSERT_EQ(0, pthread_create(&self->threads[1], NULL, flood, "rhub"));
	ASSERT_EQ(0, pthread_create(&self->threads[2], NULL, come_and_go, NULL));
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (tries = 0; tries < TRIES; tries++) {
			if (!syscall(SYS_delete_module, MODULE, O_NONBLOCK))
				break;
			usleep(1000);
		}
		ASSERT_GT(TRIES, tries);
		busy += tries;
		EXPECT_EQ(0, if_nametoindex(FLOODED));
		EXPECT_NE(0, access(TAP_NODE, F_OK));
		load(self->module);
		leave_interface_behind(true);
	}
	stop = true;
	for (unsigned int i = 0; i < 3; i++)
		pthread_join(self->threads[i], NULL);
	TEST_LOG("%u stops and drops at the interface, %u times busy", redirected, busy);
	EXPECT_LT(0, redirected);
	ASSERT_TRUE(run("ip link del " FLOODED));
}

TEST_HARNESS_MAIN
