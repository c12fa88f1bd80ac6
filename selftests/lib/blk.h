/* SPDX-License-Identifier: GPL-2.0-only */
/* The block flavour of the userspace driver: requests as in virtio 1.3, 5.2.6. See blk.c. */
#ifndef SELFTESTS_BLK_H
#define SELFTESTS_BLK_H

#include <linux/virtio_blk.h>

#include "driver.h"

#define BLK_SECTOR 512

/**
 * struct blk_request - one request's memory, all of it the guest's
 * @header: type and sector
 * @data: @length bytes
 * @status: what the device answers
 * @length: bytes at @data
 * @head: of the chain while the device has it
 */
struct blk_request {
	struct virtio_blk_outhdr *header;
	unsigned char *data;
	uint8_t *status;
	uint32_t length;
	int head;
};

int blk_image(size_t bytes);
void blk_init(struct driver *driver, int disk, unsigned int flags, unsigned int queues,
	      unsigned int num, uint64_t features);
void blk_start(struct driver *driver);
void blk_request_init(struct blk_request *request, struct driver *driver, uint32_t length);
int blk_add(struct driver_queue *queue, struct blk_request *request, uint32_t type,
	    uint64_t sector);
int blk_do(struct driver_queue *queue, struct blk_request *request, uint32_t type,
	   uint64_t sector);
int blk_works(struct driver_queue *queue);

#endif /* SELFTESTS_BLK_H */
