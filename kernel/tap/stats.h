/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an interface counts, for each of its queues.
 */
#ifndef RH_TAP_STATS_H
#define RH_TAP_STATS_H

/*
 * Per-queue counters: S(enum suffix, name in `ethtool -S`). tx is from the host
 * towards the fd, rx from the fd into the host. A reject_* counts packets
 * refused because of what the writer put in them.
 */
#define RH_TAP_STATS(S) \
	S(TX_PACKETS, tx_packets) \
	S(TX_BYTES, tx_bytes) \
	S(TX_DROPPED, tx_dropped)		/* no file, no memory, not read, ring emptied or full */ \
	S(TX_FILTERED, tx_filtered)		/* a filter did not want it */ \
	S(TX_STOPS, tx_stops)			/* ring full: the stack was told to wait */ \
	S(RX_PACKETS, rx_packets) \
	S(RX_BYTES, rx_bytes) \
	S(RX_DROPPED, rx_dropped)		/* interface down, or not the writer's any more */ \
	S(XDP_DROP, xdp_drop)			/* dropped by the program */ \
	S(XDP_ERRORS, xdp_errors)		/* by a program that failed or was not followed */ \
	S(XDP_TX, xdp_tx)			/* sent back to the file */ \
	S(XDP_REDIRECT, xdp_redirect)		/* sent to another interface, processor, socket */ \
	S(REJECT_HEADER, reject_header)		/* shorter than what goes before it */ \
	S(REJECT_SHORT, reject_short)		/* shorter than an Ethernet header, or empty */ \
	S(REJECT_LONG, reject_long)		/* longer than any packet can be */ \
	S(REJECT_SEGMENTS, reject_segments)	/* too many or too long for fragments */ \
	S(REJECT_HDR_LEN, reject_hdr_len)	/* hdr_len beyond the frame */ \
	S(REJECT_VERSION, reject_version)	/* neither IPv4 nor IPv6, nor said what else */ \
	S(REJECT_CSUM, reject_csum)		/* checksum outside the frame or its headers */ \
	S(REJECT_GSO_TYPE, reject_gso_type)	/* unknown, or not the frame's protocol */ \
	S(REJECT_GSO_SIZE, reject_gso_size)	/* zero or reserved */ \
	S(REJECT_GSO_HEADERS, reject_gso_headers)	/* frame's headers deny the vnet header */ \
	S(REJECT_TUNNEL, reject_tunnel)		/* not in the tunnel that the vnet header names */

#define RH_TAP_STAT_ENUM(id, name) RH_TAP_STAT_##id,
enum rh_tap_stat {
	RH_TAP_STATS(RH_TAP_STAT_ENUM)
	RH_TAP_STAT_COUNT
};
#undef RH_TAP_STAT_ENUM

#endif /* RH_TAP_STATS_H */
