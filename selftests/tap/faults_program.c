// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there for programs and for what they need of packets: each allocation and
 * each copy fails once, when a program is handed over, when packets are written that it is to
 * see, cut up or filled in, and when it sends them on. A packet that cannot be shown to the
 * program does not pass it; nothing of it is left. To attach an XDP program asks for nothing.
 */
#include "fault.h"
#include "frames.h"
#include "xdp.h"

#define SMALL 200
/* In pages, so that the program needs a copy. */
#define LARGE 20000
#define SEGMENT 1000

FIXTURE(program) {
	int fd;
	int to;
	char name[IFNAMSIZ];
	char to_name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[FRAME_BYTES];
};

FIXTURE_SETUP(program)
{
	FAULT_OR_SKIP();
	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR);
	self->to = tap_create(self->to_name, IFF_VNET_HDR);
	net_set_up(self->name);
	net_set_up(self->to_name);
	net_set_mtu(self->to_name, LARGE + 100);
}

FIXTURE_TEARDOWN(program)
{
	close(self->to);
	close(self->fd);
}

/* TCP of @payload bytes whose checksum is left to the host, whole or to be segmented. */
static void build(FIXTURE_DATA(program) *self, size_t payload, bool gso)
{
	frame_build_tcp(&self->frame, payload, gso ? SEGMENT : 0, true);
}

static void drain(FIXTURE_DATA(program) *self, int fd)
{
	while (read(fd, self->received, sizeof(self->received)) > 0)
		;
}

/* Rings stay empty, so that no packet is lost for want of room. */
static int write_frame(FIXTURE_DATA(program) *self)
{
	int result = tap_write(self->fd, &self->frame, frame_written(&self->frame));

	drain(self, self->fd);
	drain(self, self->to);
	return result;
}

static void write_each_kind(FIXTURE_DATA(program) *self)
{
	build(self, SMALL, false);
	EACH_FAULT(write_frame(self));
	build(self, LARGE, false);
	EACH_FAULT(write_frame(self));
	build(self, LARGE, true);
	EACH_FAULT(write_frame(self));
}

TEST_F(program, packets_that_pass_are_written_or_not)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_PASS));
	write_each_kind(self);
}

TEST_F(program, packets_sent_back_are_written_or_not)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	write_each_kind(self);
}

TEST_F(program, packets_redirected_are_written_or_not)
{
	xdp_attach(self->name, xdp_load_redirect(self->to_name));
	write_each_kind(self);
}

TEST_F(program, packets_whose_head_moves_are_written_or_not)
{
	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_HEAD, -100, XDP_TX));
	write_each_kind(self);
}

/* What was charged to its writer is let go of, whatever becomes of the packet. */
TEST_F(program, packets_that_are_charged_are_written_or_not)
{
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETSNDBUF, 1 << 20));
	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	write_each_kind(self);
}

/* A program for one of the interface's own decisions; nobody asks what it returns. */
static int load_socket_filter(void)
{
	const struct bpf_insn insns[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 }, { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};

	return bpf_load(BPF_PROG_TYPE_SOCKET_FILTER, insns, 2);
}

TEST_F(program, programs_that_steer_and_filter_are_taken_or_not)
{
	int program = load_socket_filter();

	EACH_FAULT_UNDO(tap_set_int(self->fd, TUNSETSTEERINGEBPF, program),
			tap_set_int(self->fd, TUNSETSTEERINGEBPF, -1));
	EACH_FAULT_UNDO(tap_set_int(self->fd, TUNSETFILTEREBPF, program),
			tap_set_int(self->fd, TUNSETFILTEREBPF, -1));
	close(program);
}

TEST_HARNESS_MAIN
