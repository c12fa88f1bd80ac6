// SPDX-License-Identifier: GPL-2.0-only
/*
 * User memory as the unit tests play it: areas that a test lends to the code
 * under test. Single-threaded. Entry points: user_area_add() for the test,
 * user_access() for the shim.
 */
#include "harness.h"
#include "unit.h"

bool alloc_fails;
unsigned int alloc_countdown;
void (*user_access_hook)(const volatile void *address, size_t size);
unsigned long user_accesses;
unsigned long user_refusals;

static struct {
	unsigned long start;
	size_t size;
	bool readonly;
} areas[USER_AREAS];

/**
 * user_area_add() - lend memory to the code under test
 * @start: first byte
 * @size: in bytes
 */
void user_area_add(const void *start, size_t size)
{
	for (unsigned int i = 0; i < USER_AREAS; i++) {
		if (areas[i].size)
			continue;
		areas[i].start = (unsigned long)start;
		areas[i].size = size;
		areas[i].readonly = false;
		return;
	}
	ASSERT_TRUE(!"no more areas");
}

/**
 * user_area_protect() - let the code under test read some memory only
 * @start: as given to user_area_add()
 */
void user_area_protect(const void *start)
{
	for (unsigned int i = 0; i < USER_AREAS; i++)
		if (areas[i].size && areas[i].start == (unsigned long)start)
			areas[i].readonly = true;
}

/**
 * user_area_remove() - take memory away, as munmap() does
 * @start: as given to user_area_add()
 */
void user_area_remove(const void *start)
{
	for (unsigned int i = 0; i < USER_AREAS; i++)
		if (areas[i].size && areas[i].start == (unsigned long)start)
			areas[i].size = 0;
}

/**
 * user_areas_clear() - take all memory away
 */
void user_areas_clear(void)
{
	memset(areas, 0, sizeof(areas));
}

static bool is_lent(unsigned long address, size_t size, bool write)
{
	for (unsigned int i = 0; i < USER_AREAS; i++) {
		if (size <= areas[i].size && address >= areas[i].start &&
		    address - areas[i].start <= areas[i].size - size)
			return !(write && areas[i].readonly);
	}
	return false;
}

/**
 * user_access() - the code under test is about to touch user memory
 * @address: first byte
 * @size: in bytes; nothing of 0 bytes can fault
 * @write: it is to be written
 *
 * Return: whether the memory is there.
 */
bool user_access(const volatile void *address, size_t size, bool write)
{
	if (!size)
		return true;
	if (!is_lent((unsigned long)address, size, write)) {
		user_refusals++;
		return false;
	}
	user_accesses++;
	if (user_access_hook)
		user_access_hook(address, size);
	return true;
}
