// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs and registers of a virtual CPU at its start: what firmware would have
 * left, and what the 64-bit boot protocol asks for. Off the data path; main
 * thread, before the vCPU's thread exists. CPUID has its own file, cpuid.c.
 *
 * Entry point: cpu_state_init().
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "boot.h"
#include "cpu.h"
#include "cpu_state.h"
#include "cpuid.h"
#include "vm.h"

#define CR0_PE			(1ULL << 0)
#define CR0_ET			(1ULL << 4)
#define CR0_NE			(1ULL << 5)
#define CR0_WP			(1ULL << 16)
#define CR0_PG			(1ULL << 31)
#define CR4_PAE			(1ULL << 5)
#define EFER_LME		(1ULL << 8)
#define EFER_LMA		(1ULL << 10)
#define FLAGS_FIXED		2ULL		/* bit 1 reads as 1 */

#define MSR_MTRR_DEFAULT_TYPE	0x2FF
#define MTRR_ENABLE		(1ULL << 11)
#define MTRR_WRITE_BACK		6ULL
#define MSR_MISC_ENABLE		0x1A0
#define MISC_FAST_STRINGS	(1ULL << 0)

/* KVM_SET_MSRS takes a header with the entries behind it; here, one. */
struct msr_list {
	struct kvm_msrs header;
	struct kvm_msr_entry entry;
};

/* Return: 0, or -EINVAL when KVM does not know the MSR. */
static int set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct msr_list list = {
		.header.nmsrs = 1,
		.entry = { .index = index, .data = value },
	};
	int done = ioctl(vcpu->fd, KVM_SET_MSRS, &list);

	if (done < 0)
		return -errno;
	return done == 1 ? 0 : -EINVAL;
}

/*
 * Memory is write-back by default and the kernel marks device memory itself.
 * The fast-strings bit exists on Intel only and is on in any case where it does
 * not, so a refusal is fine.
 */
static int init_msrs(struct vcpu *vcpu)
{
	set_msr(vcpu, MSR_MISC_ENABLE, MISC_FAST_STRINGS);
	return set_msr(vcpu, MSR_MTRR_DEFAULT_TYPE, MTRR_ENABLE | MTRR_WRITE_BACK);
}

/* Flat 64-bit segments, as in the GDT that boot_load() wrote. */
static void fill_segments(struct kvm_sregs *sregs)
{
	const struct kvm_segment data = {
		.selector = 0x18, .base = 0, .limit = 0xFFFFFFFF,
		.type = 3, .present = 1, .db = 1, .s = 1, .g = 1,
	};

	sregs->cs = (struct kvm_segment){
		.selector = 0x10, .base = 0, .limit = 0xFFFFFFFF,
		.type = 11, .present = 1, .l = 1, .s = 1, .g = 1,
	};
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
	sregs->gdt.base = BOOT_GDT;
	sregs->gdt.limit = 4 * sizeof(uint64_t) - 1;
}

static int init_sregs(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		return -errno;
	fill_segments(&sregs);
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs.cr3 = BOOT_PAGE_TABLES;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LME | EFER_LMA;
	return ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) ? -errno : 0;
}

/* The stack is for the first instructions only: the kernel brings its own. */
static int init_regs(struct vcpu *vcpu)
{
	struct kvm_regs regs = {
		.rip = BOOT_ENTRY,
		.rsi = BOOT_ZERO_PAGE,
		.rsp = BOOT_ZERO_PAGE,
		.rflags = FLAGS_FIXED,
	};

	return ioctl(vcpu->fd, KVM_SET_REGS, &regs) ? -errno : 0;
}

int cpu_state_init(struct vcpu *vcpu)
{
	int err;

	err = cpuid_init(vcpu);
	if (err)
		return err;
	err = init_msrs(vcpu);
	if (err || vcpu->index)
		return err;
	err = init_sregs(vcpu);
	if (err)
		return err;
	return init_regs(vcpu);
}
