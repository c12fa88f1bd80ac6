// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists of buffers: drivers may cut a request into descriptors as they like, so
 * headers and status bytes are found by counting bytes. Stage (3) of
 * backend=userspace, on the loop's thread; entry points in iov.h.
 */
#include <string.h>

#include "iov.h"
#include "util.h"

size_t iov_bytes(const struct iov *iov)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < iov->count; i++)
		bytes += iov->entries[i].iov_len;
	return bytes;
}

bool iov_read(const struct iov *iov, void *data, size_t size)
{
	for (unsigned int i = 0; i < iov->count && size; i++) {
		size_t part = MIN(size, iov->entries[i].iov_len);

		memcpy(data, iov->entries[i].iov_base, part);
		data = (char *)data + part;
		size -= part;
	}
	return !size;
}

bool iov_write(const struct iov *iov, const void *data, size_t size)
{
	for (unsigned int i = 0; i < iov->count && size; i++) {
		size_t part = MIN(size, iov->entries[i].iov_len);

		memcpy(iov->entries[i].iov_base, data, part);
		data = (const char *)data + part;
		size -= part;
	}
	return !size;
}

void iov_drop(struct iov *iov, size_t size)
{
	while (size) {
		size_t part = MIN(size, iov->entries->iov_len);

		iov->entries->iov_base = (char *)iov->entries->iov_base + part;
		iov->entries->iov_len -= part;
		size -= part;
		if (!iov->entries->iov_len) {
			iov->entries++;
			iov->count--;
		}
	}
}

unsigned char *iov_take_last(struct iov *iov)
{
	struct iovec *last;
	unsigned char *byte;

	if (!iov->count)
		return NULL;
	last = &iov->entries[iov->count - 1];
	byte = (unsigned char *)last->iov_base + --last->iov_len;
	if (!last->iov_len)
		iov->count--;
	return byte;
}
