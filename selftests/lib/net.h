/* SPDX-License-Identifier: GPL-2.0-only */
/* The network flavour of the userspace driver: virtio 1.3, 5.1.6. See net.c. */
#ifndef SELFTESTS_NET_H
#define SELFTESTS_NET_H

#include <net/if.h>

#include <linux/virtio_net.h>

#include "driver.h"

#define NET_RX 0
#define NET_TX 1
/* With VERSION_1 every packet has the long header. */
#define NET_HEADER (sizeof(struct virtio_net_hdr_mrg_rxbuf))
#define NET_FEATURES (DRIVER_FEATURES | DRIVER_BIT(VIRTIO_NET_F_MRG_RXBUF))
/* For local experiments; nothing else on the interface speaks it. */
#define NET_ETHERTYPE 0x88b5
#define NET_FRAME_MAX 65536

extern const char *net_tap_node;

void net_private_namespace(void);
pid_t net_make_namespace(void);
int net_open_tap(char name[IFNAMSIZ], unsigned int flags);
void net_set_up(const char *name);
void net_set_mtu(const char *name, int bytes);
int net_host_socket(const char *name);
void net_fill_frame(unsigned char *frame, size_t length, unsigned int seed);

void net_init(struct driver *driver, char name[IFNAMSIZ], unsigned int num, uint64_t features);
void net_start(struct driver *driver);
int net_post(struct driver *driver, void *buffer, uint32_t length);
int net_send(struct driver *driver, const void *frame, uint32_t length);
int net_works(struct driver_queue *queue, const char *name);

#endif /* SELFTESTS_NET_H */
