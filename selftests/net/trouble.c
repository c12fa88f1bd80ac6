// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to an interface while packets for it wait to be sent together: it is down, or
 * goes down, or away; it gets XDP programs, which find the room they expect, decide on each
 * packet, and go; or memory is short. No chain is lost with that, and what goes on works.
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/mman.h>

#include "burst.h"
#include "fault.h"

#define FRAME 200
/* Where a frame says what a program shall do with it; before that is its number. */
#define VERDICT (ETH_HLEN + sizeof(unsigned int))
#define TROUBLE_ROUNDS 20
/* Far fewer than fail, so that chance decides nothing. */
#define PRESSURE_FAULTS 1000
#define PRESSURE_FAULTS_MIN 20

FIXTURE(trouble) { struct burst burst; };
FIXTURE_VARIANT(trouble) { enum port_kind kind; };
FIXTURE_VARIANT_ADD(trouble, tun) { TUN };
FIXTURE_VARIANT_ADD(trouble, macvtap) { MACVTAP };
FIXTURE_VARIANT_ADD(trouble, ipvtap) { IPVTAP };

FIXTURE_SETUP(trouble)
{
	if (!burst_init(&self->burst, variant->kind, NET_FEATURES))
		SKIP(return, "this kernel has no such device");
}

FIXTURE_TEARDOWN(trouble)
{
	burst_exit(&self->burst);
}

static void bring(const char *name, bool up)
{
	struct ifreq request = { .ifr_flags = up ? IFF_UP : 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, fd);
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	ASSERT_EQ(0, ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

static void expect_working(struct burst *burst)
{
	burst_open_host(burst);
	burst_offer_frames(burst, 0, BURST_RING, FRAME);
	burst_pass(burst, BURST_RING);
	burst_expect_frames(burst, 0, BURST_RING, FRAME);
}

TEST_F(trouble, interface_that_is_down_refuses_all)
{
	struct burst *burst = &self->burst;

	bring(burst_port_name(burst), false);
	burst_offer_frames(burst, 0, BURST_RING, FRAME);
	burst_pass(burst, BURST_RING);
	/* A macvtap or ipvtap takes packets, and drops them itself. */
	EXPECT_EQ(variant->kind == TUN ? BURST_RING : 0, burst_refused(burst));
	burst_expect_end(burst);
	bring(burst_port_name(burst), true);
	expect_working(burst);
}

/**
 * struct troublemaker - what another thread does to the interface while packets pass
 * @name: the interface
 * @act: does it once
 * @done: tells that the thread has ended
 */
struct troublemaker {
	const char *name;
	void (*act)(const char *name, unsigned int round);
	volatile bool done;
};

static void *make_trouble(void *context)
{
	struct troublemaker *maker = context;

	for (unsigned int i = 0; i < TROUBLE_ROUNDS; i++) {
		maker->act(maker->name, i);
		usleep(1000);
	}
	maker->done = true;
	return NULL;
}

/* Keep the ring full until the trouble is over; all chains come back. */
static void flood(struct burst *burst, const char *name,
		  void (*act)(const char *name, unsigned int round))
{
	struct troublemaker maker = { name, act, false };
	pthread_t thread;
	bool last;

	ASSERT_EQ(0, pthread_create(&thread, NULL, make_trouble, &maker));
	do {
		last = maker.done;
		burst_offer_frames(burst, 0, BURST_RING / 2, FRAME);
		burst_offer_frames(burst, 0, 1, BURST_MTU);
		burst_offer_frames(burst, 0, BURST_RING / 2 - 1, FRAME);
		burst_pass(burst, BURST_RING);
	} while (!last);
	pthread_join(thread, NULL);
}

static void toggle(const char *name, unsigned int round)
{
	bring(name, round % 2);
}

TEST_F(trouble, interface_goes_down_and_up_meanwhile)
{
	struct burst *burst = &self->burst;

	flood(burst, burst_port_name(burst), toggle);
	expect_working(burst);
}

static void delete_once(const char *name, unsigned int round)
{
	if (round == TROUBLE_ROUNDS / 2)
		ASSERT_TRUE(run("ip link del %s", name));
}

TEST_F(trouble, interface_goes_away_meanwhile)
{
	struct burst *burst = &self->burst;
	int gone = burst->driver.backend;

	flood(burst, burst->name, delete_once);
	/* Those on a cable take packets, and drop them themselves. */
	EXPECT_EQ(variant->kind == TUN, burst_refused(burst) > 0);
	ASSERT_TRUE(burst_open_port(burst));
	close(gone);
	expect_working(burst);
}

/* Offer a packet in memory that does not come before supply(); returns what tells of faults. */
static int offer_withheld(struct burst *burst)
{
	unsigned char *page = guest_alloc(&burst->driver.guest, BURST_PAGE, BURST_PAGE);
	struct driver_buffer whole = { page, NET_HEADER + FRAME, false };
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (unsigned long)page, BURST_PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	ASSERT_EQ(page, mmap(page, BURST_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) ||
	    ioctl(faults, UFFDIO_REGISTER, &range))
		return -1;
	ASSERT_LE(0, driver_add(burst->queue, &whole, 1));
	return faults;
}

/* Until the device has come to the packet; returns where it is. */
static uint64_t await_fault(int faults)
{
	struct pollfd poller = { .fd = faults, .events = POLLIN };
	struct uffd_msg message;

	ASSERT_EQ(1, poll(&poller, 1, DRIVER_TIMEOUT));
	ASSERT_EQ((ssize_t)sizeof(message), read(faults, &message, sizeof(message)));
	return message.arg.pagefault.address & -BURST_PAGE;
}

/* The packet's memory comes: all zeroes. */
static void supply(int faults, uint64_t page)
{
	struct uffdio_zeropage zeroes = { .range = { page, BURST_PAGE } };

	ASSERT_EQ(0, ioctl(faults, UFFDIO_ZEROPAGE, &zeroes));
	close(faults);
}

/**
 * struct half_batch - packets that wait in a batch, because another one's memory is missing
 * @count: all
 * @faults: of the missing memory
 * @page: that
 */
struct half_batch {
	unsigned int count;
	int faults;
	uint64_t page;
};

/*
 * The first packet's memory is missing, too, until all are offered: so the device does not find
 * some of them earlier. Returns false if memory cannot be withheld here.
 */
static bool send_half_batch(struct burst *burst, struct half_batch *half)
{
	unsigned int frames = BURST_RING / 4;
	int first = offer_withheld(burst);
	uint64_t page;

	if (first < 0)
		return false;
	driver_kick(burst->queue);
	page = await_fault(first);
	burst_offer_frames(burst, 0, frames, FRAME);
	half->faults = offer_withheld(burst);
	ASSERT_LE(0, half->faults);
	supply(first, page);
	half->page = await_fault(half->faults);
	half->count = frames + 2;
	return true;
}

/* The proof that there are batches: none of its packets is sent while one is missing. */
TEST_F(trouble, packets_wait_for_the_last_of_their_batch)
{
	struct burst *burst = &self->burst;
	struct half_batch half;

	if (!send_half_batch(burst, &half))
		SKIP(return, "no userfaultfd");
	usleep(DRIVER_QUIET * 1000);
	burst_expect_end(burst);
	supply(half.faults, half.page);
	burst_pass(burst, half.count);
	burst_expect_frames(burst, 0, half.count - 2, FRAME);
	EXPECT_EQ(0, burst_refused(burst));
}

TEST_F(trouble, packets_that_wait_when_the_interface_goes_are_counted)
{
	struct burst *burst = &self->burst;
	int gone = burst->driver.backend;
	struct half_batch half;

	if (!send_half_batch(burst, &half))
		SKIP(return, "no userfaultfd");
	ASSERT_TRUE(run("ip link del %s", burst->name));
	supply(half.faults, half.page);
	burst_pass(burst, half.count);
	/* Those on a cable take packets, and drop them themselves. */
	EXPECT_EQ(variant->kind == TUN ? half.count : 0, burst_refused(burst));
	ASSERT_TRUE(burst_open_port(burst));
	close(gone);
	expect_working(burst);
}

/* What a device has no memory for is lost, and only that. */
TEST_F(trouble, memory_is_short_meanwhile)
{
	struct burst *burst = &self->burst;

	FAULT_OR_SKIP();
	fault_pressure(30, PRESSURE_FAULTS);
	for (unsigned int i = 0; i < TROUBLE_ROUNDS; i++) {
		burst_offer_frames(burst, 0, BURST_RING - 1, FRAME);
		burst_offer_frames(burst, 0, 1, BURST_MTU);
		burst_pass(burst, BURST_RING);
	}
	EXPECT_LE(PRESSURE_FAULTS_MIN, fault_pressure_end(PRESSURE_FAULTS));
	expect_working(burst);
}

/* ---- XDP ---- */

/* The guest sends frames each of which says what shall become of it. */
static void send_verdicts(struct burst *burst, const unsigned char *verdicts, unsigned int kinds)
{
	for (unsigned int i = 0; i < BURST_RING; i++) {
		burst_make(burst, i, FRAME);
		burst->frame[VERDICT] = verdicts[i % kinds];
		burst_offer(burst, i, NULL, FRAME);
	}
	burst_pass(burst, BURST_RING);
}

static void expect_at_guest(struct burst *burst)
{
	ASSERT_EQ(0, pool_receive(&burst->pool, &burst->packet, false, DRIVER_TIMEOUT));
	ASSERT_EQ(FRAME, burst->packet.length);
	ASSERT_EQ(0, memcmp(burst->frame, burst->packet.frame, FRAME));
}

TEST_F(trouble, program_decides_on_each_packet)
{
	static const unsigned char verdicts[] = {
		XDP_PASS, XDP_DROP, XDP_TX, XDP_ABORTED, XDP_PASS,
	};
	struct burst *burst = &self->burst;

	if (variant->kind != TUN)
		SKIP(return, "only a tun has programs");
	xdp_attach(burst->name, xdp_load_ask_packet(VERDICT));
	pool_post_some(&burst->pool, 0, BURST_RING);
	send_verdicts(burst, verdicts, sizeof(verdicts));
	for (unsigned int i = 0; i < BURST_RING; i++) {
		burst_make(burst, i, FRAME);
		burst->frame[VERDICT] = verdicts[i % sizeof(verdicts)];
		if (burst->frame[VERDICT] == XDP_PASS)
			burst_expect(burst, FRAME);
		else if (burst->frame[VERDICT] == XDP_TX)
			expect_at_guest(burst);
	}
	burst_expect_end(burst);
	EXPECT_EQ(0, burst_refused(burst));
}

TEST_F(trouble, program_redirects_all_packets)
{
	struct burst *burst = &self->burst;
	char name[IFNAMSIZ] = "other%d";
	int other;

	if (variant->kind != TUN)
		SKIP(return, "only a tun has programs");
	other = net_open_tap(name, 0);
	net_set_up(name);
	xdp_attach(burst->name, xdp_load_redirect(name));
	burst_offer_frames(burst, 0, BURST_RING, FRAME);
	burst_pass(burst, BURST_RING);
	for (unsigned int i = 0; i < BURST_RING; i++) {
		struct pollfd poller = { .fd = other, .events = POLLIN };

		burst_make(burst, i, FRAME);
		ASSERT_EQ(1, poll(&poller, 1, DRIVER_TIMEOUT));
		ASSERT_EQ((ssize_t)NET_HEADER + FRAME, read(other, burst->received, BURST_ROOM));
		ASSERT_EQ(0, memcmp(burst->frame, burst->received + NET_HEADER, FRAME));
	}
	close(other);
}

/* A program that takes the room before the packet, and gives it back. */
static int load_taker(void)
{
	struct xdp_code code = { .count = 0 };

	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0 });
	xdp_move(&code, BPF_REG_2, -XDP_PACKET_HEADROOM);
	xdp_call(&code, XDP_CALL_ADJUST_HEAD);
	xdp_add(&code, (struct bpf_insn){ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0 });
	xdp_move(&code, BPF_REG_0, XDP_ABORTED);
	xdp_exit(&code);
	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0 });
	xdp_move(&code, BPF_REG_2, XDP_PACKET_HEADROOM);
	xdp_call(&code, XDP_CALL_ADJUST_HEAD);
	xdp_move(&code, BPF_REG_0, XDP_PASS);
	xdp_exit(&code);
	return xdp_load(&code);
}

TEST_F(trouble, program_finds_the_room_that_programs_expect)
{
	struct burst *burst = &self->burst;

	if (variant->kind != TUN)
		SKIP(return, "only a tun has programs");
	xdp_attach(burst->name, load_taker());
	burst_offer_frames(burst, 0, BURST_RING, FRAME);
	burst_pass(burst, BURST_RING);
	burst_expect_frames(burst, 0, BURST_RING, FRAME);
}

static void change_program(const char *name, unsigned int round)
{
	if (round % 2)
		xdp_detach(name);
	else
		xdp_attach(name, load_taker());
}

TEST_F(trouble, program_comes_and_goes_meanwhile)
{
	struct burst *burst = &self->burst;

	if (variant->kind != TUN)
		SKIP(return, "only a tun has programs");
	flood(burst, burst->name, change_program);
	expect_working(burst);
}

TEST_HARNESS_MAIN
