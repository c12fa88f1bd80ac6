/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a tap counts, as its two kinds of readers see it: each queue's counters (`ethtool -S`), and
 * the interface's (rtnetlink's stats64, `ip -s link`). What cannot go wrong in a sane test host
 * ends the test if it does.
 */
#ifndef SELFTESTS_TAP_FIGURES_H
#define SELFTESTS_TAP_FIGURES_H

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "tap.h"

#define FIGURES_COUNTERS 200

/* The figures of an interface that one of its queues' counters is part of. */
enum figure {
	FIGURE_RX_PACKETS,
	FIGURE_RX_BYTES,
	FIGURE_RX_DROPPED,
	FIGURE_RX_ERRORS,
	FIGURE_TX_PACKETS,
	FIGURE_TX_BYTES,
	FIGURE_TX_DROPPED,
	FIGURES,
	/* Something that happened to packets counted elsewhere. */
	FIGURE_NONE = FIGURES,
};

struct figures {
	uint64_t values[FIGURES];
};

static const char *const figure_names[] = {
	"rx_packets", "rx_bytes", "rx_dropped", "rx_errors", "tx_packets", "tx_bytes", "tx_dropped",
};

/* A counter that is not known here is a failure: who adds one has to say where it belongs. */
static inline enum figure figure_of(const char *counter)
{
	static const struct { const char *start; enum figure figure; } starts[] = {
		{ "tx_filtered", FIGURE_TX_DROPPED },
		{ "xdp_drop", FIGURE_RX_DROPPED },
		{ "xdp_errors", FIGURE_RX_DROPPED },
		{ "reject_", FIGURE_RX_ERRORS },
		{ "tx_stops", FIGURE_NONE },
		{ "xdp_tx", FIGURE_NONE },
		{ "xdp_redirect", FIGURE_NONE },
	};

	for (unsigned int i = 0; i < FIGURES; i++)
		if (!strcmp(counter, figure_names[i]))
			return i;
	for (unsigned int i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (!strncmp(counter, starts[i].start, strlen(starts[i].start)))
			return starts[i].figure;
	TEST_LOG("part of nothing: %s", counter);
	ASSERT_TRUE(false);
	return FIGURE_NONE;
}

/**
 * struct counters - those of all queues
 * @count: how many
 * @names: as "queue3_rx_packets"
 * @values: the counters
 */
struct counters {
	unsigned int count;
	char names[FIGURES_COUNTERS][ETH_GSTRING_LEN];
	uint64_t values[FIGURES_COUNTERS];
};

static inline void counters_read(const char *name, struct counters *counters)
{
	struct { struct ethtool_gstrings head; char names[FIGURES_COUNTERS][ETH_GSTRING_LEN]; } strings = {
		.head = { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS },
	};
	struct { struct ethtool_stats head; __u64 values[FIGURES_COUNTERS]; } stats = {
		.head = { .cmd = ETHTOOL_GSTATS },
	};

	ethtool(name, &strings);
	ethtool(name, &stats);
	ASSERT_EQ(strings.head.len, stats.head.n_stats);
	ASSERT_GE(FIGURES_COUNTERS, strings.head.len);
	counters->count = strings.head.len;
	memcpy(counters->names, strings.names, sizeof(strings.names));
	memcpy(counters->values, stats.values, sizeof(stats.values));
}

/* The part of a counter's name behind its queue's. */
static inline const char *counter_of(const char *name)
{
	const char *rest = strchr(name, '_');

	ASSERT_TRUE(rest);
	return rest + 1;
}

/* One counter, over all queues. */
static inline uint64_t counter_total(const char *name, const char *counter)
{
	static struct counters counters;
	uint64_t total = 0;

	counters_read(name, &counters);
	for (unsigned int i = 0; i < counters.count; i++)
		if (!strcmp(counter_of(counters.names[i]), counter))
			total += counters.values[i];
	return total;
}

/* What the queues' counters make of the interface. */
static inline void figures_of_queues(const char *name, struct figures *figures)
{
	static struct counters counters;
	enum figure figure;

	memset(figures, 0, sizeof(*figures));
	counters_read(name, &counters);
	for (unsigned int i = 0; i < counters.count; i++) {
		figure = figure_of(counter_of(counters.names[i]));
		if (figure != FIGURE_NONE)
			figures->values[figure] += counters.values[i];
	}
}

/* Ask rtnetlink for an interface's statistics. */
static inline struct rtnl_link_stats64 link_stats(const char *name)
{
	struct { struct nlmsghdr head; struct if_stats_msg body; } request = {
		.head = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETSTATS,
			  .nlmsg_flags = NLM_F_REQUEST },
		.body = { .ifindex = if_nametoindex(name),
			  .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64) },
	};
	struct {
		struct nlmsghdr head;
		struct if_stats_msg body;
		struct rtattr attribute;
		char rest[2000];
	} reply;
	struct rtnl_link_stats64 stats;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(request), send(fd, &request, sizeof(request), 0));
	ASSERT_LT(0, recv(fd, &reply, sizeof(reply), 0));
	close(fd);
	ASSERT_EQ(RTM_NEWSTATS, reply.head.nlmsg_type);
	ASSERT_EQ(IFLA_STATS_LINK_64, reply.attribute.rta_type);
	ASSERT_LE(RTA_LENGTH(sizeof(stats)), reply.attribute.rta_len);
	memcpy(&stats, RTA_DATA(&reply.attribute), sizeof(stats));
	return stats;
}

static inline void figures_of_link(const char *name, struct figures *figures)
{
	const struct rtnl_link_stats64 stats = link_stats(name);

	EXPECT_EQ(stats.rx_errors, stats.rx_length_errors + stats.rx_frame_errors);
	EXPECT_EQ(0, stats.tx_errors);
	*figures = (struct figures){ {
		stats.rx_packets, stats.rx_bytes, stats.rx_dropped, stats.rx_errors,
		stats.tx_packets, stats.tx_bytes, stats.tx_dropped,
	} };
}

/* Whether the interface counts what its queues do; nothing may happen meanwhile. */
static inline bool figures_agree(const char *name)
{
	struct figures queues, link;
	bool agree = true;

	figures_of_queues(name, &queues);
	figures_of_link(name, &link);
	for (unsigned int i = 0; i < FIGURES; i++) {
		if (queues.values[i] == link.values[i])
			continue;
		TEST_LOG("%s: %llu by the queues, %llu by the interface", figure_names[i],
			 (unsigned long long)queues.values[i], (unsigned long long)link.values[i]);
		agree = false;
	}
	return agree;
}

/* Whether nothing is less than @before, which is brought up to date. */
static inline bool figures_rise(struct figures *before, const struct figures *now)
{
	bool rise = true;

	for (unsigned int i = 0; i < FIGURES; i++) {
		if (now->values[i] >= before->values[i])
			continue;
		TEST_LOG("%s went back from %llu to %llu", figure_names[i],
			 (unsigned long long)before->values[i], (unsigned long long)now->values[i]);
		rise = false;
	}
	*before = *now;
	return rise;
}

#endif /* SELFTESTS_TAP_FIGURES_H */
