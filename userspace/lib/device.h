/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the library share; not installed.
 */
#ifndef RH_LIB_DEVICE_H
#define RH_LIB_DEVICE_H

/**
 * struct ringhost_device - an open device node
 * @fd: its file descriptor; all state is the kernel's
 */
struct ringhost_device {
	int fd;
};

/* ioctl() that returns -errno. */
int ringhost_ioctl(struct ringhost_device *device, unsigned long request, void *argument);

/* VHOST_GET_VRING_BASE; @base may be NULL. */
int ringhost_get_base(struct ringhost_device *device, unsigned int index, uint32_t *base);

#endif /* RH_LIB_DEVICE_H */
