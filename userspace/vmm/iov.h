/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists of buffers.
 */
#ifndef RH_VMM_IOV_H
#define RH_VMM_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/**
 * struct iov - a list of buffers that can be eaten up from both ends
 * @entries: the buffers; not owned, but shortened in place
 * @count: how many
 */
struct iov {
	struct iovec *entries;
	unsigned int count;
};

/* Sum of the lengths. */
size_t iov_bytes(const struct iov *iov);

/* Copy @size bytes out of the beginning. Return: whether there were so many. */
bool iov_read(const struct iov *iov, void *data, size_t size);

/* Copy @size bytes to the beginning. Return: whether there was room. */
bool iov_write(const struct iov *iov, const void *data, size_t size);

/* Drop @size bytes at the beginning; there must be so many. */
void iov_drop(struct iov *iov, size_t size);

/* Cut the last byte off and return where it is; NULL when there is none. */
unsigned char *iov_take_last(struct iov *iov);

#endif /* RH_VMM_IOV_H */
