// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when a device as a whole is set up: each allocation and each copy
 * of an argument fails once. The call says so and has changed nothing, and the next one works.
 *
 * Calls that fetch or store one number (the features and their arrays, SET_LOG_FD, the kind of
 * workers) have nothing here that fault injection reaches, and the other ways down have
 * nothing at all: RESET_OWNER, FREE_WORKER of a thread, close().
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fault.h"
#include "iommu.h"
#include "rig.h"

#define REGIONS 3

FIXTURE(node) { int fd; };
FIXTURE_VARIANT(node) { const char *path; unsigned int kind; };
FIXTURE_VARIANT_ADD(node, net) { VHOST_NODE_NET, VHOST_FORK_OWNER_TASK };
FIXTURE_VARIANT_ADD(node, blk) { VHOST_NODE_BLK, VHOST_FORK_OWNER_KTHREAD };

FIXTURE_SETUP(node)
{
	FAULT_OR_SKIP();
	self->fd = vhost_open(variant->path);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_set_fork_from_owner(self->fd, variant->kind));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
}

FIXTURE_TEARDOWN(node)
{
	close(self->fd);
}

TEST_F(node, open_fails_and_opens)
{
	EACH_FAULT_UNDO(vhost_open(variant->path), close(fault_result));
}

TEST_F(node, memory_table_is_taken_or_not)
{
	struct vhost_memory *memory = calloc(1, sizeof(*memory) +
					     REGIONS * sizeof(memory->regions[0]));

	ASSERT_NE(NULL, memory);
	for (unsigned int i = 0; i < REGIONS; i++) {
		memory->regions[i].guest_phys_addr = i * 0x2000ull;
		memory->regions[i].memory_size = 0x1000;
		memory->regions[i].userspace_addr = 0x10000000 + i * 0x1000ull;
	}
	memory->nregions = REGIONS;
	EACH_FAULT(vhost_set_mem_table(self->fd, memory));
	free(memory);
}

/* A worker of the owner's process is most of a fork(). */
TEST_F_TIMEOUT(node, worker_is_made_or_not, 60)
{
	int worker = vhost_new_worker(self->fd);

	ASSERT_LE(0, worker);
	EACH_FAULT_UNDO(vhost_new_worker(self->fd), vhost_free_worker(self->fd, fault_result));
	EACH_FAULT(vhost_attach_vring_worker(self->fd, 0, worker));
	EACH_FAULT(vhost_get_vring_worker(self->fd, 0));
}

static int worker_made_and_freed(int fd)
{
	int worker = vhost_new_worker(fd);

	return worker < 0 ? worker : vhost_free_worker(fd, worker);
}

TEST_F(node, argument_of_free_worker_that_cannot_be_read_frees_none)
{
	int worker = vhost_new_worker(self->fd);

	ASSERT_LE(0, worker);
	EACH_FAULT_UNDO(vhost_free_worker(self->fd, worker), worker = vhost_new_worker(self->fd));
	EXPECT_EQ(0, worker_made_and_freed(self->fd));
}

TEST_F(node, log_base_is_taken_or_not)
{
	void *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, words);
	EACH_FAULT(vhost_set_log_base(self->fd, words));
	ASSERT_EQ(0, vhost_set_features(self->fd, DRIVER_FEATURES | DRIVER_BIT(VHOST_F_LOG_ALL)));
	EACH_FAULT_UNDO(vhost_set_log_base(self->fd, words), vhost_set_log_base(self->fd, NULL));
}

TEST_F(node, viommu_is_switched_on_or_not)
{
	EACH_FAULT_UNDO(vhost_set_features(self->fd, DRIVER_FEATURES | IOMMU_FEATURE),
			vhost_set_features(self->fd, DRIVER_FEATURES));
}

TEST_F(node, message_that_cannot_be_read_changes_no_translation)
{
	char page[4096];

	ASSERT_EQ(0, vhost_set_features(self->fd, DRIVER_FEATURES | IOMMU_FEATURE));
	memset(page, 0, sizeof(page));
	EACH_FAULT(iommu_update(self->fd, false, 0, sizeof(page), page, VHOST_ACCESS_RW));
	EACH_FAULT(iommu_invalidate(self->fd, false, 0, sizeof(page)));
}

TEST_HARNESS_MAIN
