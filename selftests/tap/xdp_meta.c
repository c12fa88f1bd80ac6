// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metadata: what an XDP program writes before a packet is for the programs that see the packet
 * later. One at the host's tc ingress reads it back and lets nothing else pass; it must be
 * there, at any length of packet, and only on packets that have it.
 */
#include <stddef.h>

#include "frames.h"
#include "usage.h"
#include "xdp.h"

/* Newer than the headers of the C library. */
#define ATTACH_TCX_INGRESS 46
#define VERDICT_NEXT (-1)
#define VERDICT_DROP 2

#define MAGIC 0x5eed1234
#define OTHER 0x0badbeef

FIXTURE(xdp_meta) {
	struct usage before;
	int fd;
	int host;
	int link;
	char name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[FRAME_BYTES];
};

/* Load a word of the context that is a pointer. */
static void load_field(struct xdp_code *code, unsigned int to, size_t offset)
{
	xdp_add(code, (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, to, 1, offset, 0 });
}

/* Four instructions: if there are no four bytes from register 2 to 3, jump over @skip more. */
static void check_room(struct xdp_code *code, int skip)
{
	xdp_add(code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0 });
	xdp_add(code, (struct bpf_insn){ BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 4 });
	xdp_add(code, (struct bpf_insn){ BPF_JMP | BPF_JGT | BPF_X, 4, 3, skip, 0 });
}

/* An XDP program that puts @value before each packet and passes it on. */
static int load_writer(int value)
{
	struct xdp_code code = { .count = 0 };

	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0 });
	xdp_move(&code, BPF_REG_2, -4);
	xdp_call(&code, XDP_CALL_ADJUST_META);
	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0 });
	load_field(&code, 2, offsetof(struct xdp_md, data_meta));
	load_field(&code, 3, offsetof(struct xdp_md, data));
	xdp_move(&code, BPF_REG_0, XDP_ABORTED);
	check_room(&code, 2);
	xdp_add(&code, (struct bpf_insn){ BPF_ST | BPF_MEM | BPF_W, 2, 0, 0, value });
	xdp_move(&code, BPF_REG_0, XDP_PASS);
	xdp_exit(&code);
	return xdp_load(&code);
}

/* A program of tc's that drops what does not have MAGIC before it. */
static int load_reader(void)
{
	struct xdp_code code = { .count = 0 };

	load_field(&code, 2, offsetof(struct __sk_buff, data_meta));
	load_field(&code, 3, offsetof(struct __sk_buff, data));
	xdp_move(&code, BPF_REG_0, VERDICT_DROP);
	check_room(&code, 3);
	xdp_add(&code, (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, 5, 2, 0, 0 });
	xdp_add(&code, (struct bpf_insn){ BPF_JMP | BPF_JNE | BPF_K, 5, 0, 1, MAGIC });
	xdp_move(&code, BPF_REG_0, VERDICT_NEXT);
	xdp_exit(&code);
	return bpf_load(BPF_PROG_TYPE_SCHED_CLS, code.insns, code.count);
}

/* Until the descriptor is closed; -1 where the kernel has no such link. */
static int attach_reader(const char *name)
{
	int program = load_reader(), link;
	union bpf_attr attribute = {
		.link_create = { .prog_fd = program, .target_ifindex = if_nametoindex(name),
				 .attach_type = ATTACH_TCX_INGRESS },
	};

	link = syscall(SYS_bpf, BPF_LINK_CREATE, &attribute, sizeof(attribute));
	close(program);
	return link;
}

FIXTURE_SETUP(xdp_meta)
{
	net_private_namespace();
	usage_measure(&self->before);
	self->fd = tap_create(self->name, IFF_VNET_HDR);
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
	self->link = attach_reader(self->name);
	if (self->link < 0)
		SKIP(return, "no programs of tc's without a qdisc");
}

FIXTURE_TEARDOWN(xdp_meta)
{
	if (self->link >= 0)
		close(self->link);
	close(self->host);
	close(self->fd);
	EXPECT_TRUE(usage_returns_to(&self->before));
}

static const size_t lengths[] = { ETH_HLEN + 1, 60, 1514, 3400, 9000, 60000 };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static void write_frame(FIXTURE_DATA(xdp_meta) *self, size_t length)
{
	memset(&self->frame.header, 0, sizeof(self->frame.header));
	self->frame.length = length;
	net_fill_frame(self->frame.bytes, length, length);
	ASSERT_LT(0, tap_write(self->fd, &self->frame, frame_written(&self->frame)));
}

TEST_F(xdp_meta, is_read_back_at_any_length)
{
	xdp_attach(self->name, load_writer(MAGIC));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		ASSERT_EQ((int)lengths[i], host_read(self->host, self->received, FRAME_BYTES,
						     TAP_PATIENCE));
		EXPECT_EQ(0, memcmp(self->frame.bytes, self->received, lengths[i]));
	}
	EXPECT_EQ(0, tap_counter(self->name, "xdp_errors"));
}

TEST_F(xdp_meta, is_what_the_program_wrote)
{
	xdp_attach(self->name, load_writer(OTHER));
	for (unsigned int i = 0; i < LENGTHS; i++)
		write_frame(self, lengths[i]);
	EXPECT_EQ(-ETIMEDOUT, host_read(self->host, self->received, FRAME_BYTES, TAP_QUIET));
	EXPECT_EQ(LENGTHS, tap_counter(self->name, "rx_packets"));
}

/* Without a program, and with one that writes none; what was there before is not found. */
TEST_F(xdp_meta, is_not_on_packets_without)
{
	xdp_attach(self->name, load_writer(MAGIC));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		ASSERT_LT(0, host_read(self->host, self->received, FRAME_BYTES, TAP_PATIENCE));
	}
	xdp_attach(self->name, xdp_load_verdict(XDP_PASS));
	for (unsigned int i = 0; i < LENGTHS; i++)
		write_frame(self, lengths[i]);
	xdp_detach(self->name);
	for (unsigned int i = 0; i < LENGTHS; i++)
		write_frame(self, lengths[i]);
	EXPECT_EQ(-ETIMEDOUT, host_read(self->host, self->received, FRAME_BYTES, TAP_QUIET));
	EXPECT_EQ(3 * LENGTHS, tap_counter(self->name, "rx_packets"));
}

TEST_HARNESS_MAIN
