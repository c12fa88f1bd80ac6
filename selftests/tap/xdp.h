/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XDP programs, made by hand, and the way to give them to an interface: for the tests of what
 * the tap does with them. What cannot go wrong in a sane test host ends the test if it does.
 */
#ifndef SELFTESTS_TAP_XDP_H
#define SELFTESTS_TAP_XDP_H

#include <sys/syscall.h>

#include <linux/bpf.h>

#include "bpf.h"
#include "netlink.h"
#include "tap.h"

#define XDP_CODE_MAX 32

/* Of BPF's helper functions. */
#define XDP_CALL_REDIRECT 23
#define XDP_CALL_ADJUST_HEAD 44
#define XDP_CALL_REDIRECT_MAP 51
#define XDP_CALL_ADJUST_META 54
#define XDP_CALL_ADJUST_TAIL 65

/**
 * struct xdp_code - a program in the making
 * @insns: what it has
 * @count: of @insns
 */
struct xdp_code {
	struct bpf_insn insns[XDP_CODE_MAX];
	unsigned int count;
};

static inline void xdp_add(struct xdp_code *code, struct bpf_insn insn)
{
	ASSERT_GT(XDP_CODE_MAX, code->count);
	code->insns[code->count++] = insn;
}

static inline void xdp_move(struct xdp_code *code, unsigned int to, int value)
{
	xdp_add(code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value });
}

static inline void xdp_call(struct xdp_code *code, int function)
{
	xdp_add(code, (struct bpf_insn){ BPF_JMP | BPF_CALL, 0, 0, 0, function });
}

static inline void xdp_exit(struct xdp_code *code)
{
	xdp_add(code, (struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 });
}

/* Load the program and forget it; returns its descriptor. */
static inline int xdp_load(struct xdp_code *code)
{
	int fd = bpf_load(BPF_PROG_TYPE_XDP, code->insns, code->count);

	code->count = 0;
	return fd;
}

/* A program that has the same verdict on all packets. */
static inline int xdp_load_verdict(int verdict)
{
	struct xdp_code code = { .count = 0 };

	xdp_move(&code, BPF_REG_0, verdict);
	xdp_exit(&code);
	return xdp_load(&code);
}

/* A program to which the byte at @offset of a packet is the verdict; shorter ones: ABORTED. */
static inline int xdp_load_ask_packet(int offset)
{
	struct xdp_code code = { .count = 0 };

	xdp_add(&code, (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0 });
	xdp_add(&code, (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, 3, 1, 4, 0 });
	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0 });
	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, offset + 1 });
	xdp_move(&code, BPF_REG_0, XDP_ABORTED);
	xdp_add(&code, (struct bpf_insn){ BPF_JMP | BPF_JGT | BPF_X, 4, 3, 1, 0 });
	xdp_add(&code, (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_B, 0, 2, offset, 0 });
	xdp_exit(&code);
	return xdp_load(&code);
}

/* A program that moves a bound of the packet; if it may not, its verdict is ABORTED. */
static inline int xdp_load_adjust(int function, int by, int verdict)
{
	struct xdp_code code = { .count = 0 };

	xdp_move(&code, BPF_REG_2, by);
	xdp_call(&code, function);
	xdp_add(&code, (struct bpf_insn){ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0 });
	xdp_move(&code, BPF_REG_0, XDP_ABORTED);
	xdp_exit(&code);
	xdp_move(&code, BPF_REG_0, verdict);
	xdp_exit(&code);
	return xdp_load(&code);
}

/* A program that sends all packets out of another interface. */
static inline int xdp_load_redirect(const char *name)
{
	struct xdp_code code = { .count = 0 };

	xdp_move(&code, BPF_REG_1, if_nametoindex(name));
	xdp_move(&code, BPF_REG_2, 0);
	xdp_call(&code, XDP_CALL_REDIRECT);
	xdp_exit(&code);
	return xdp_load(&code);
}

/* A program that hands all packets to the map's entry 0. */
static inline int xdp_load_redirect_map(int map)
{
	struct xdp_code code = { .count = 0 };

	xdp_add(&code, (struct bpf_insn){ BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map });
	xdp_add(&code, (struct bpf_insn){ .code = 0 });
	xdp_move(&code, BPF_REG_2, 0);
	xdp_move(&code, BPF_REG_3, 0);
	xdp_call(&code, XDP_CALL_REDIRECT_MAP);
	xdp_exit(&code);
	return xdp_load(&code);
}

/* A map to processors whose entry 0 is processor 0. */
static inline int xdp_make_cpumap(void)
{
	union bpf_attr attribute = {
		.map_type = BPF_MAP_TYPE_CPUMAP, .key_size = 4, .value_size = 4, .max_entries = 1,
	};
	uint32_t key = 0, value = 64;
	int map = syscall(SYS_bpf, BPF_MAP_CREATE, &attribute, sizeof(attribute));

	ASSERT_LE(0, map);
	memset(&attribute, 0, sizeof(attribute));
	attribute.map_fd = map;
	attribute.key = (unsigned long)&key;
	attribute.value = (unsigned long)&value;
	ASSERT_EQ(0, syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attribute, sizeof(attribute)));
	return map;
}

/**
 * xdp_attach_as() - give an interface a program
 * @name: the interface
 * @program: its descriptor, or -1 to take the one it has
 * @flags: XDP_FLAGS_*
 *
 * Return: 0 or -errno.
 */
static inline int xdp_attach_as(const char *name, int program, uint32_t flags)
{
	const struct ifinfomsg link = { .ifi_index = if_nametoindex(name) };
	struct netlink_request request;
	struct rtattr *nest;

	netlink_begin(&request, RTM_SETLINK, 0, &link, sizeof(link));
	nest = netlink_add(&request, IFLA_XDP | NLA_F_NESTED, "", 0);
	netlink_add(&request, IFLA_XDP_FD, &program, sizeof(program));
	netlink_add(&request, IFLA_XDP_FLAGS, &flags, sizeof(flags));
	netlink_end_nest(&request, nest);
	return netlink_exchange(&request);
}

/* The program becomes the interface's alone. */
static inline void xdp_attach(const char *name, int program)
{
	ASSERT_EQ(0, xdp_attach_as(name, program, XDP_FLAGS_DRV_MODE));
	close(program);
}

static inline void xdp_detach(const char *name)
{
	ASSERT_EQ(0, xdp_attach_as(name, -1, XDP_FLAGS_DRV_MODE));
}

#endif /* SELFTESTS_TAP_XDP_H */
