/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The owner's side of a vIOMMU: translations by messages of the node's read() and write(). See
 * iommu.c.
 *
 *	rig_init(&rig, RIG_BLK, 64, DRIVER_FEATURES | IOMMU_FEATURE);
 *	iommu_init(&iommu, &rig.driver, true);
 *	iommu_start(&iommu);			... a thread answers
 *	rig_start(&rig);
 */
#ifndef SELFTESTS_IOMMU_H
#define SELFTESTS_IOMMU_H

#include <pthread.h>

#include "driver.h"

#define IOMMU_FEATURE		DRIVER_BIT(VIRTIO_F_ACCESS_PLATFORM)
#define IOMMU_PAGE		4096ull
#define IOMMU_MOVED_MAX		64
/* Size of a message of either format. */
#define IOMMU_MESSAGE		sizeof(struct vhost_msg)

/**
 * struct iommu - a vIOMMU whose addresses are the guest-physical ones
 * @driver: the device
 * @v2: which format messages have
 * @lock: held while a question is answered, and while mappings change
 * @moved: pages that are elsewhere than the guest's memory table says
 * @moved_count: how many
 * @access: what answers allow: VHOST_ACCESS_*
 * @answers: questions answered
 * @stop: set to end the thread
 * @thread: answers
 */
struct iommu {
	struct driver *driver;
	bool v2;
	pthread_mutex_t lock;
	struct {
		uint64_t address;
		void *user;
	} moved[IOMMU_MOVED_MAX];
	unsigned int moved_count;
	uint8_t access;
	volatile unsigned long answers;
	volatile bool stop;
	pthread_t thread;
};

int iommu_send(int fd, bool v2, const struct vhost_iotlb_msg *message);
int iommu_update(int fd, bool v2, uint64_t address, uint64_t size, const void *user,
		 uint8_t access);
int iommu_invalidate(int fd, bool v2, uint64_t address, uint64_t size);
int iommu_receive(int fd, bool v2, struct vhost_iotlb_msg *message);
bool iommu_asked(int fd, int milliseconds);

void iommu_init(struct iommu *iommu, struct driver *driver, bool v2);
bool iommu_answer(struct iommu *iommu, int milliseconds);
void iommu_start(struct iommu *iommu);
void iommu_stop(struct iommu *iommu);
void iommu_forget(struct iommu *iommu, uint64_t address, uint64_t size);
void iommu_move(struct iommu *iommu, const void *from, void *to);

#endif /* SELFTESTS_IOMMU_H */
