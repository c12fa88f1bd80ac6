/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets for one message to the socket of a tun or tap. See xdp_batch.c. */
#ifndef RH_XDP_BATCH_H
#define RH_XDP_BATCH_H

#include <linux/mm_types.h>
#include <linux/types.h>
#include <net/xdp.h>

struct iov_iter;
struct socket;

/* As many as vhost-net has in one. */
#define RH_XDP_BATCH_MAX 64

/**
 * struct rh_xdp_batch - packets on their way to the socket; all zeroes to begin with
 * @buffs: the packets
 * @count: valid entries in @buffs
 * @memory: the next packet's; the batch holds one reference to the page
 * @unreferenced: so many of @buffs, the last ones, are in that page and hold no reference yet
 */
struct rh_xdp_batch {
	struct xdp_buff buffs[RH_XDP_BATCH_MAX];
	unsigned int count;
	struct page_frag memory;
	unsigned int unreferenced;
};

int rh_xdp_batch_add(struct rh_xdp_batch *batch, const struct iov_iter *from, size_t header_len,
		     bool little_endian, size_t headroom);
unsigned int rh_xdp_batch_send(struct rh_xdp_batch *batch, struct socket *socket);
void rh_xdp_batch_exit(struct rh_xdp_batch *batch);

#endif /* RH_XDP_BATCH_H */
