/* SPDX-License-Identifier: GPL-2.0-only */
/* BPF programs: to load one, and how long those live that were given to a tap. */
#ifndef SELFTESTS_TAP_BPF_H
#define SELFTESTS_TAP_BPF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "harness.h"

/* Load a program; returns its descriptor. */
static inline int bpf_load(unsigned int type, const struct bpf_insn *insns, unsigned int count)
{
	union bpf_attr attribute = {
		.prog_type = type,
		.insn_cnt = count,
		.insns = (uintptr_t)insns,
		.license = (uintptr_t)"GPL",
	};
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attribute, sizeof(attribute));

	ASSERT_LE(0, fd);
	return fd;
}

/* The id of the program of a descriptor; ids are not given out again soon. */
static inline unsigned int bpf_id(int program)
{
	struct bpf_prog_info info = { };
	union bpf_attr attribute = {
		.info = { .bpf_fd = program, .info_len = sizeof(info), .info = (uintptr_t)&info },
	};

	ASSERT_EQ(0, syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof(attribute)));
	return info.id;
}

/* Whether a program still exists. */
static inline bool bpf_is_alive(unsigned int id)
{
	union bpf_attr attribute = { .prog_id = id };
	int fd = syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attribute, sizeof(attribute));

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

#endif /* SELFTESTS_TAP_BPF_H */
