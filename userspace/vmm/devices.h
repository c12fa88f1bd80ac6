/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All devices of one VM: the PCI bus, a disk for each --disk, a network
 * interface for each --net, and a random number generator.
 */
#ifndef RH_VMM_DEVICES_H
#define RH_VMM_DEVICES_H

#include <stdio.h>

struct devices;
struct options;
struct vm;

/**
 * devices_create() - open and make every device
 * @vm: the VM, with RAM and loop; must outlive the devices
 * @options: checked options, not needed afterwards
 * @out: the devices
 *
 * Call it on the loop's thread, before any vCPU runs.
 * Return: 0, or a negative errno after one line on stderr, nothing left behind.
 */
int devices_create(struct vm *vm, const struct options *options, struct devices **out);

/*
 * Stop every device, wait for its requests in flight, and close it. On the loop's
 * thread, once the vCPUs are gone. NULL is fine.
 */
void devices_destroy(struct devices *devices);

/*
 * Have the guest announce the addresses of its network interfaces, as after a move to
 * another port of a switch. On the loop's thread.
 */
void devices_announce(struct devices *devices);

/**
 * devices_stats() - print the devices' lines of the statistics file
 * @devices: the devices
 * @out: where to; the caller checks it for errors
 *
 * Lines are "name value". On the loop's thread.
 * Return: 0, or a negative errno when a kernel backend does not answer.
 */
int devices_stats(struct devices *devices, FILE *out);

#endif /* RH_VMM_DEVICES_H */
