// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID: what KVM can offer on this host, with the leaves that differ from CPU
 * to CPU filled in (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E).
 * Off the data path; main thread.
 *
 * The topology is one socket of vm->cpus cores with one thread each, and the
 * APIC id is the CPU's number, here and in the MADT.
 *
 * Entry point: cpuid_init().
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpu.h"
#include "cpuid.h"
#include "vm.h"

#define LEAF_VENDOR		0x0
#define LEAF_FEATURES		0x1
#define LEAF_CACHES_INTEL	0x4
#define LEAF_TOPOLOGY		0xB
#define LEAF_TOPOLOGY_V2	0x1F
#define LEAF_AMD_FEATURES	0x80000001
#define LEAF_AMD_SIZES		0x80000008
#define LEAF_CACHES_AMD		0x8000001D
#define LEAF_AMD_TOPOLOGY	0x8000001E
#define LEAF_AMD_TOPOLOGY_V2	0x80000026

#define FEATURES_ECX_DEADLINE	(1U << 24)
#define FEATURES_ECX_HYPERVISOR	(1U << 31)
#define FEATURES_EDX_HTT	(1U << 28)	/* the package may have several APIC ids */
#define AMD_ECX_CMP_LEGACY	(1U << 1)	/* ... and they are cores */

#define VENDOR_INTEL_EBX	0x756E6547	/* "Genu"ineIntel */

#define LEVEL_SMT		(1U << 8)
#define LEVEL_CORE		(2U << 8)

/* Room for the supported leaves (a few dozen) and for the topology ones added. */
#define ENTRIES_MAX		256
#define ENTRIES_ADDED		3

/* Bits it takes to tell @count APIC ids apart. */
static uint32_t id_bits(uint32_t count)
{
	return count > 1 ? 32 - (uint32_t)__builtin_clz(count - 1) : 0;
}

/* Bits 31:26 count the cores' ids of the socket, 25:14 the threads that share this cache. */
static void patch_intel_cache(struct kvm_cpuid_entry2 *entry, uint32_t ids)
{
	const uint32_t level = entry->eax >> 5 & 7;
	const uint32_t sharing = level >= 3 ? ids - 1 : 0;

	if (!(entry->eax & 0x1f))
		return;		/* no more caches */
	entry->eax = (entry->eax & 0x3fff) | (ids - 1) << 26 | sharing << 14;
}

static void patch_amd_cache(struct kvm_cpuid_entry2 *entry, uint32_t cpus)
{
	const uint32_t level = entry->eax >> 5 & 7;
	const uint32_t sharing = level >= 3 ? cpus - 1 : 0;

	if (entry->eax & 0x1f)
		entry->eax = (entry->eax & 0x3fff) | sharing << 14;
}

static void patch_features(struct kvm_cpuid_entry2 *entry, const struct vcpu *vcpu)
{
	const uint32_t ids = 1U << id_bits(vcpu->vm->cpus);

	entry->ebx = (entry->ebx & 0xffff) | ids << 16 | vcpu->index << 24;
	entry->ecx |= FEATURES_ECX_HYPERVISOR;
	/* KVM emulates it with its own LAPIC but does not list it */
	if (ioctl(vcpu->vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
		entry->ecx |= FEATURES_ECX_DEADLINE;
	entry->edx &= ~FEATURES_EDX_HTT;
	if (vcpu->vm->cpus > 1)
		entry->edx |= FEATURES_EDX_HTT;
}

static void patch_common(struct kvm_cpuid_entry2 *entry, const struct vcpu *vcpu)
{
	if (entry->function == LEAF_VENDOR && entry->eax < LEAF_TOPOLOGY)
		entry->eax = LEAF_TOPOLOGY;
	else if (entry->function == LEAF_FEATURES)
		patch_features(entry, vcpu);
}

static void patch_amd(struct kvm_cpuid_entry2 *entry, const struct vcpu *vcpu)
{
	const uint32_t cpus = vcpu->vm->cpus;

	switch (entry->function) {
	case LEAF_AMD_FEATURES:
		entry->ecx &= ~AMD_ECX_CMP_LEGACY;
		if (cpus > 1)
			entry->ecx |= AMD_ECX_CMP_LEGACY;
		break;
	case LEAF_AMD_SIZES:
		entry->ecx = (entry->ecx & ~0xf0ffU) | id_bits(cpus) << 12 | (cpus - 1);
		break;
	case LEAF_CACHES_AMD:
		patch_amd_cache(entry, cpus);
		break;
	case LEAF_AMD_TOPOLOGY:
		entry->eax = vcpu->index;
		entry->ebx = vcpu->index;	/* core id; one thread per core */
		entry->ecx = 0;			/* one node, number 0 */
		break;
	}
}

static bool vendor_is_intel(const struct kvm_cpuid2 *cpuid)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == LEAF_VENDOR)
			return cpuid->entries[i].ebx == VENDOR_INTEL_EBX;
	return false;
}

/* The host's own topology leaves describe the host, so they go. */
static bool describes_host(const struct kvm_cpuid_entry2 *entry)
{
	return entry->function == LEAF_TOPOLOGY || entry->function == LEAF_TOPOLOGY_V2 ||
	       entry->function == LEAF_AMD_TOPOLOGY_V2;
}

/*
 * Level 0: one thread per core, so no bit of the APIC id. Level 1: all cores of
 * the socket. Then the empty level that ends the list.
 */
static void add_topology(struct kvm_cpuid2 *cpuid, const struct vcpu *vcpu)
{
	const uint32_t cpus = vcpu->vm->cpus;
	const struct kvm_cpuid_entry2 levels[ENTRIES_ADDED] = {
		{ .index = 0, .eax = 0, .ebx = 1, .ecx = 0 | LEVEL_SMT },
		{ .index = 1, .eax = id_bits(cpus), .ebx = cpus, .ecx = 1 | LEVEL_CORE },
		{ .index = 2, .eax = 0, .ebx = 0, .ecx = 2 },
	};
	struct kvm_cpuid_entry2 *entry;
	uint32_t i;

	for (i = 0; i < ENTRIES_ADDED; i++) {
		entry = &cpuid->entries[cpuid->nent++];
		*entry = levels[i];
		entry->function = LEAF_TOPOLOGY;
		entry->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		entry->edx = vcpu->index;
	}
}

static void adapt(struct kvm_cpuid2 *cpuid, const struct vcpu *vcpu)
{
	const bool intel = vendor_is_intel(cpuid);
	struct kvm_cpuid_entry2 *entry;
	uint32_t i, kept = 0;

	for (i = 0; i < cpuid->nent; i++) {
		if (describes_host(&cpuid->entries[i]))
			continue;
		entry = &cpuid->entries[kept++];
		*entry = cpuid->entries[i];
		patch_common(entry, vcpu);
		if (!intel)
			patch_amd(entry, vcpu);
		else if (entry->function == LEAF_CACHES_INTEL)
			patch_intel_cache(entry, 1U << id_bits(vcpu->vm->cpus));
	}
	cpuid->nent = kept;
	add_topology(cpuid, vcpu);
}

int cpuid_init(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid;
	int err = 0;

	cpuid = calloc(1, sizeof(*cpuid) + ENTRIES_MAX * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = ENTRIES_MAX - ENTRIES_ADDED;
	if (ioctl(vcpu->vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid)) {
		err = -errno;
		goto free_cpuid;
	}
	adapt(cpuid, vcpu);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid))
		err = -errno;

free_cpuid:
	free(cpuid);
	return err;
}
