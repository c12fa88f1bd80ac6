/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-rng (virtio 1.3, 5.4): the host's random numbers.
 */
#ifndef RH_VMM_RNG_H
#define RH_VMM_RNG_H

struct virtio_device;
struct vm;

/* Return: 0, or a negative errno after one line on stderr. */
int rng_create(struct vm *vm, struct virtio_device **out);

#endif /* RH_VMM_RNG_H */
