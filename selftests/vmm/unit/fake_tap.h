/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tap that is a pair of sockets for each queue, and takes notes of what it is told.
 */
#ifndef SELFTESTS_VMM_FAKE_TAP_H
#define SELFTESTS_VMM_FAKE_TAP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "tap.h"

/**
 * struct fake_tap - the tap of the last tap_open()
 * @host: the other end of each queue
 * @used: queues in use
 * @offload: features of the last tap_set_offload()
 * @filter: the program of the last tap_set_filter(), if @filtered
 * @filtered: there is one
 * @fail: what the next call that can fail returns, once
 */
struct fake_tap {
	int host[TAP_QUEUES_MAX];
	unsigned int used;
	uint64_t offload;
	struct sock_fprog filter;
	bool filtered;
	int fail;
};

extern struct fake_tap fake_tap;

#endif /* SELFTESTS_VMM_FAKE_TAP_H */
