// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's memory as the userspace driver plays it: three regions, laid out
 * so that a buffer can cross from one into the next or into nothing. Runs in the
 * test; a failure of the set-up ends the test. Entry points: guest_init(),
 * guest_alloc(), guest_address().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "guest.h"
#include "harness.h"
#include "vhost.h"

#define GUARD_SIZE 65536
#define GUARD_BYTE 0xd5

/* An unmapped guard on both sides, so that no two regions are neighbours in the process. */
static unsigned char *map_region(size_t size)
{
	unsigned char *reserved = mmap(NULL, size + 2 * GUARD_SIZE, PROT_NONE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *user;

	ASSERT_NE(MAP_FAILED, reserved);
	user = mmap(reserved + GUARD_SIZE, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_NE(MAP_FAILED, user);
	return user;
}

static void add_region(struct guest *guest, unsigned int index, uint64_t start, uint64_t size)
{
	guest->regions[index].start = start;
	guest->regions[index].size = size;
	guest->regions[index].user = map_region(size);
}

/**
 * guest_init() - map the guest's memory
 * @guest: to fill in
 */
void guest_init(struct guest *guest)
{
	add_region(guest, 0, GUEST_MAIN_START, GUEST_MAIN_SIZE);
	add_region(guest, 1, GUEST_NEXT_START, GUEST_NEXT_SIZE);
	add_region(guest, 2, GUEST_FAR_START, GUEST_FAR_SIZE);
	guest->allocated = 0;
}

/**
 * guest_exit() - unmap the guest's memory
 * @guest: nobody uses it any more
 */
void guest_exit(struct guest *guest)
{
	for (unsigned int i = 0; i < GUEST_REGIONS; i++) {
		unsigned char *reserved = guest->regions[i].user - GUARD_SIZE;

		munmap(reserved, guest->regions[i].size + 2 * GUARD_SIZE);
	}
}

/**
 * guest_arm_guards() - make the memory on both sides of each region writable, and fill it
 * @guest: the guest
 *
 * No region declares it to a device, so that a write there is one too many.
 */
void guest_arm_guards(const struct guest *guest)
{
	for (unsigned int i = 0; i < GUEST_REGIONS; i++) {
		unsigned char *below = guest->regions[i].user - GUARD_SIZE;
		unsigned char *above = guest->regions[i].user + guest->regions[i].size;

		ASSERT_EQ(0, mprotect(below, GUARD_SIZE, PROT_READ | PROT_WRITE));
		ASSERT_EQ(0, mprotect(above, GUARD_SIZE, PROT_READ | PROT_WRITE));
		memset(below, GUARD_BYTE, GUARD_SIZE);
		memset(above, GUARD_BYTE, GUARD_SIZE);
	}
}

static bool guard_is_intact(const unsigned char *guard)
{
	for (unsigned int i = 0; i < GUARD_SIZE; i++)
		if (guard[i] != GUARD_BYTE)
			return false;
	return true;
}

/**
 * guest_guards_are_intact() - whether nobody wrote beside a region
 * @guest: after guest_arm_guards()
 *
 * Return: that.
 */
bool guest_guards_are_intact(const struct guest *guest)
{
	for (unsigned int i = 0; i < GUEST_REGIONS; i++) {
		const struct guest_region *region = &guest->regions[i];

		if (!guard_is_intact(region->user - GUARD_SIZE) ||
		    !guard_is_intact(region->user + region->size))
			return false;
	}
	return true;
}

/**
 * guest_set_mem_table() - tell a device about the guest's memory
 * @guest: the guest
 * @fd: the device
 *
 * Return: 0 or -errno.
 */
int guest_set_mem_table(const struct guest *guest, int fd)
{
	struct vhost_memory *memory = calloc(1, sizeof(*memory) +
					     GUEST_REGIONS * sizeof(memory->regions[0]));
	int result;

	if (!memory)
		return -ENOMEM;
	memory->nregions = GUEST_REGIONS;
	for (unsigned int i = 0; i < GUEST_REGIONS; i++) {
		memory->regions[i].guest_phys_addr = guest->regions[i].start;
		memory->regions[i].memory_size = guest->regions[i].size;
		memory->regions[i].userspace_addr = (unsigned long)guest->regions[i].user;
	}
	result = vhost_set_mem_table(fd, memory);
	free(memory);
	return result;
}

/**
 * guest_alloc() - take zeroed memory of the main region; it is never given back
 * @guest: the guest
 * @size: in bytes
 * @alignment: a power of two
 *
 * Return: where it is in this process.
 */
void *guest_alloc(struct guest *guest, size_t size, size_t alignment)
{
	size_t start = (guest->allocated + alignment - 1) & ~(alignment - 1);

	ASSERT_LE(start + size, GUEST_MAIN_SIZE);
	guest->allocated = start + size;
	return guest->regions[0].user + start;
}

/**
 * guest_address() - guest-physical address of a place in the guest's memory
 * @guest: the guest
 * @pointer: the place in this process
 *
 * Return: the address.
 */
uint64_t guest_address(const struct guest *guest, const void *pointer)
{
	const unsigned char *byte = pointer;

	for (unsigned int i = 0; i < GUEST_REGIONS; i++) {
		const struct guest_region *region = &guest->regions[i];

		if (byte >= region->user && byte < region->user + region->size)
			return region->start + (byte - region->user);
	}
	ASSERT_NULL(pointer) { TEST_LOG("%p is not in guest memory", pointer); }
	return 0;
}

/**
 * guest_pointer() - where a guest-physical address is in this process
 * @guest: the guest
 * @address: guest-physical
 *
 * Return: the place, or NULL if there is no memory.
 */
void *guest_pointer(const struct guest *guest, uint64_t address)
{
	for (unsigned int i = 0; i < GUEST_REGIONS; i++) {
		const struct guest_region *region = &guest->regions[i];

		if (address >= region->start && address - region->start < region->size)
			return region->user + (address - region->start);
	}
	return NULL;
}

/**
 * guest_forbid_pinning() - let the kernel pin no memory of this process from now on
 *
 * So devices reach rings by user copies. Takes CAP_IPC_LOCK away, for good.
 */
void guest_forbid_pinning(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	struct rlimit none = { 0, 0 };

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &none));
	ASSERT_EQ(0, syscall(SYS_capget, &header, data));
	data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	data[CAP_TO_INDEX(CAP_IPC_LOCK)].permitted &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	ASSERT_EQ(0, syscall(SYS_capset, &header, data));
}
