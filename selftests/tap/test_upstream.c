// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs have learned the answers of /dev/net/tun: QEMU probes a tap by what it refuses,
 * VPNs look at errno values and flags. So the same calls go to the stock node and to ours,
 * and both have to answer alike, but for the few differences of upstream.h. See
 * test_upstream_packets.c for reading and writing.
 */
#include <linux/filter.h>

#include "upstream.h"

#define NAME "up0"
#define BACKPRESSURE 0x0080	/* IFF_BACKPRESSURE, which older headers lack */
#define CALLS (sizeof(calls) / sizeof(calls[0]))

FIXTURE(upstream) { struct upstream pair; };

FIXTURE_VARIANT(upstream) { unsigned int flags; };
FIXTURE_VARIANT_ADD(upstream, tap) { TAP_FLAGS };
FIXTURE_VARIANT_ADD(upstream, tap_with_all) { IFF_TAP | IFF_VNET_HDR | IFF_MULTI_QUEUE };
FIXTURE_VARIANT_ADD(upstream, tun) { IFF_TUN | IFF_NO_PI };
FIXTURE_VARIANT_ADD(upstream, tun_with_all) { IFF_TUN | IFF_VNET_HDR | IFF_MULTI_QUEUE };

FIXTURE_SETUP(upstream)
{
	if (!upstream_init(&self->pair))
		SKIP(return, "no " STOCK_NODE);
}

FIXTURE_TEARDOWN(upstream)
{
	upstream_exit(&self->pair);
}

static const struct { const char *name; unsigned long request; } calls[] = {
	{ "getiff", TUNGETIFF }, { "setoffload", TUNSETOFFLOAD }, { "setnocsum", TUNSETNOCSUM },
	{ "setdebug", TUNSETDEBUG }, { "setowner", TUNSETOWNER }, { "setgroup", TUNSETGROUP },
	{ "setpersist", TUNSETPERSIST }, { "setlink", TUNSETLINK },
	{ "getvnethdrsz", TUNGETVNETHDRSZ }, { "setvnethdrsz", TUNSETVNETHDRSZ },
	{ "getvnetle", TUNGETVNETLE }, { "setvnetle", TUNSETVNETLE },
	{ "getsndbuf", TUNGETSNDBUF }, { "setsndbuf", TUNSETSNDBUF },
	{ "settxfilter", TUNSETTXFILTER }, { "attachfilter", TUNATTACHFILTER },
	{ "detachfilter", TUNDETACHFILTER }, { "getfilter", TUNGETFILTER },
	{ "setifindex", TUNSETIFINDEX }, { "setqueue", TUNSETQUEUE },
	{ "setsteeringebpf", TUNSETSTEERINGEBPF }, { "setfilterebpf", TUNSETFILTEREBPF },
	{ "setcarrier", TUNSETCARRIER }, { "getfeatures", TUNGETFEATURES },
	{ "gethwaddr", SIOCGIFHWADDR }, { "sethwaddr", SIOCSIFHWADDR },
	{ "unknown of tun", _IOW('T', 255, int) }, { "unknown of sockets", SIOCGIFMTU },
	{ "unknown", _IO('x', 1) },
};

static void attach(struct upstream *pair, unsigned int flags)
{
	upstream_attach(pair, NULL, "attach", NAME, flags);
}

static void get_interface(struct upstream *pair, const int *fds, const char *step)
{
	const int own[NODES] = { pair->sides[STOCK].fd, pair->sides[OURS].fd };
	struct ifreq request = { 0 };

	upstream_call_on(pair, fds ? fds : own, step, TUNGETIFF, &request, sizeof(request));
}

static void get_all(struct upstream *pair)
{
	get_interface(pair, NULL, "getiff");
	upstream_int(pair, "getvnethdrsz", TUNGETVNETHDRSZ, 0);
	upstream_int(pair, "getvnetle", TUNGETVNETLE, 0);
	upstream_int(pair, "getsndbuf", TUNGETSNDBUF, 0);
}

/* But for a flag of newer kernels, with which senders wait; here they always do. */
TEST_F(upstream, features)
{
	unsigned int features[NODES] = { 0 };

	for (unsigned int i = 0; i < NODES; i++)
		ASSERT_EQ(0, ioctl(self->pair.sides[i].fd, TUNGETFEATURES, &features[i]));
	EXPECT_EQ(features[STOCK] & ~BACKPRESSURE, features[OURS]);
}

TEST_F(upstream, calls_without_an_interface)
{
	const struct ifreq nothing = { 0 };

	for (unsigned int i = 0; i < CALLS; i++)
		if (calls[i].request != TUNGETFEATURES)
			upstream_call(&self->pair, calls[i].name, calls[i].request, &nothing,
				      sizeof(nothing));
}

TEST_F(upstream, calls_with_memory_that_is_not_there)
{
	static const unsigned long by_value[] = {
		TUNSETOFFLOAD, TUNSETNOCSUM, TUNSETDEBUG, TUNSETOWNER, TUNSETGROUP, TUNSETPERSIST,
		TUNSETLINK, TUNDETACHFILTER,
		/* Those of sockets are all fetched first, also unknown ones. */
		SIOCGIFMTU,
	};
	bool skip;

	upstream_value(&self->pair, "attach from nowhere", TUNSETIFF, 8);
	attach(&self->pair, variant->flags);
	for (unsigned int i = 0; i < CALLS; i++) {
		skip = calls[i].request == TUNSETIFINDEX;
		for (unsigned int n = 0; n < sizeof(by_value) / sizeof(by_value[0]); n++)
			skip |= calls[i].request == by_value[n];
		if (!skip)
			upstream_value(&self->pair, calls[i].name, calls[i].request, 8);
	}
}

TEST_F(upstream, numbers_behind_pointers)
{
	static const int values[] = { INT_MIN, -2, -1, 0, 1, 2, 9, 10, 12, 24, 128, INT_MAX };
	struct upstream *pair = &self->pair;

	attach(pair, variant->flags);
	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (values[i] != INT_MAX)
			upstream_int(pair, "setvnethdrsz", TUNSETVNETHDRSZ, values[i]);
		upstream_int(pair, "setvnetle", TUNSETVNETLE, values[i]);
		upstream_int(pair, "setsndbuf", TUNSETSNDBUF, values[i]);
		upstream_int(pair, "setcarrier", TUNSETCARRIER, values[i]);
		upstream_int(pair, "setifindex", TUNSETIFINDEX, values[i]);
		if (values[i] < 0 || values[i] == INT_MAX) {
			upstream_int(pair, "setfilterebpf", TUNSETFILTEREBPF, values[i]);
			upstream_int(pair, "setsteeringebpf", TUNSETSTEERINGEBPF, values[i]);
		}
		get_all(pair);
	}
	upstream_int(pair, "vnet header of 129 bytes", TUNSETVNETHDRSZ, 129);
	upstream_int(pair, "byte order: big", TUNSETVNETBE, 1);
	upstream_int(pair, "byte order: big, back", TUNGETVNETBE, 0);
}

TEST_F(upstream, numbers_by_value)
{
	static const unsigned long values[] = { 0, 1, 5, 1000, 0x7fffffff, 0xffffffff };
	struct upstream *pair = &self->pair;

	attach(pair, variant->flags);
	for (unsigned long offloads = 0; offloads < 0x400; offloads++)
		upstream_value(pair, "setoffload", TUNSETOFFLOAD, offloads);
	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		upstream_value(pair, "setnocsum", TUNSETNOCSUM, values[i]);
		upstream_value(pair, "setdebug", TUNSETDEBUG, values[i]);
		upstream_value(pair, "setowner", TUNSETOWNER, values[i]);
		upstream_value(pair, "setgroup", TUNSETGROUP, values[i]);
		upstream_value(pair, "setpersist", TUNSETPERSIST, values[i]);
		get_all(pair);
	}
	upstream_value(pair, "setpersist", TUNSETPERSIST, 0);
	get_all(pair);
}

TEST_F(upstream, link_types)
{
	static const int types[] = { 0, 1, 6, 32, 65, 256, 512, 768, 769, 770, 774, 776, 778, 780,
				     800, 803, 805, 820, 823, 824, 0xfffe, 0xffff };
	const struct ifreq nothing = { 0 };
	struct upstream *pair = &self->pair;

	attach(pair, variant->flags);
	upstream_call(pair, "address", SIOCSIFHWADDR, &nothing, sizeof(nothing));
	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		upstream_value(pair, "setlink", TUNSETLINK, types[i]);
		if (types[i] != 1 && variant->flags & IFF_TUN)
			upstream_call(pair, "gethwaddr", SIOCGIFHWADDR, &nothing, sizeof(nothing));
		upstream_call(pair, "address", SIOCSIFHWADDR, &nothing, sizeof(nothing));
	}
	upstream_value(pair, "link type of 6LoWPAN", TUNSETLINK, 825);
	upstream_value(pair, "link type of IEEE 802.15.4", TUNSETLINK, 804);
	upstream_value(pair, "link type of CAIF", TUNSETLINK, 822);
	/* An interface whose type nobody knows need not come up. */
	upstream_value(pair, "setlink", TUNSETLINK, variant->flags & IFF_TUN ? 0xfffe : 1);
	upstream_set_up(pair, NAME);
	upstream_value(pair, "setlink while up", TUNSETLINK, 1);
}

TEST_F(upstream, filters)
{
	struct sock_filter code = { .code = BPF_RET | BPF_K, .k = 100 }, bad = { .code = 0xffff };
	struct sock_fprog good = { 1, &code }, empty = { 0, &code }, wrong = { 1, &bad };
	struct { struct tun_filter head; unsigned char addresses[9][ETH_ALEN]; } list = {
		.addresses = { [1] = { 2 }, [8] = { 1 } },
	};
	struct upstream *pair = &self->pair;
	static const int counts[] = { 0, 1, 8, 9, 0 };

	ASSERT_LE(sizeof(list), ARGUMENT_MAX);
	attach(pair, variant->flags);
	upstream_call(pair, "no program", TUNDETACHFILTER, &good, sizeof(good));
	upstream_call(pair, "empty program", TUNATTACHFILTER, &empty, sizeof(empty));
	upstream_call(pair, "bad program", TUNATTACHFILTER, &wrong, sizeof(wrong));
	upstream_call(pair, "program", TUNATTACHFILTER, &good, sizeof(good));
	upstream_call(pair, "program back", TUNGETFILTER, &empty, sizeof(empty));
	get_interface(pair, NULL, "flags with a program");
	upstream_call(pair, "program again", TUNATTACHFILTER, &good, sizeof(good));
	upstream_call(pair, "program away", TUNDETACHFILTER, &good, sizeof(good));
	get_interface(pair, NULL, "flags without a program");
	for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		list.head.count = counts[i];
		upstream_call(pair, "addresses", TUNSETTXFILTER, &list, sizeof(list));
	}
}

/* ---- files and interfaces ---- */

static void open_both(struct upstream *pair, int fds[NODES])
{
	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(pair, i);
		fds[i] = upstream_open(i);
	}
}

static void close_both(const int fds[NODES])
{
	for (unsigned int i = 0; i < NODES; i++)
		close(fds[i]);
}

static void set_queue(struct upstream *pair, const int fds[NODES], const char *step,
		      unsigned int flags)
{
	struct ifreq request = upstream_ifreq("", flags);

	upstream_call_on(pair, fds, step, TUNSETQUEUE, &request, sizeof(request));
}

/* Each bit of the flags, also those that mean nothing, with and without each mode. */
TEST_F(upstream, flags)
{
	static const unsigned int modes[] = { 0, IFF_TUN, IFF_TAP, IFF_TUN | IFF_TAP };
	struct upstream *pair = &self->pair;
	unsigned int flags;
	int fds[NODES];

	if (variant->flags != TAP_FLAGS)
		SKIP(return, "the variant's flags do not matter");
	for (unsigned int mode = 0; mode < 4; mode++) {
		for (unsigned int bit = 4; bit < 16; bit++) {
			flags = modes[mode] | 1u << bit | (mode ? IFF_NAPI : 0);
			if (flags & BACKPRESSURE)
				continue;
			open_both(pair, fds);
			upstream_attach(pair, fds, "flag", "", flags);
			get_interface(pair, fds, "flag back");
			close_both(fds);
		}
	}
}

TEST_F(upstream, names)
{
	static const char *const names[] = { "", "x", "x%d", "%d%d", "x%s", "a/b", "a b", ".", "..",
					     "lo", "sixteen-letters!", "all" };
	struct upstream *pair = &self->pair;
	int fds[NODES];

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		open_both(pair, fds);
		upstream_attach(pair, fds, names[i], names[i], variant->flags);
		get_interface(pair, fds, names[i]);
		close_both(fds);
	}
}

TEST_F(upstream, joining)
{
	unsigned int flags = variant->flags, other = flags ^ (IFF_TUN | IFF_TAP);
	struct upstream *pair = &self->pair;
	int second[NODES];

	open_both(pair, second);
	attach(pair, flags);
	upstream_attach(pair, NULL, "attach twice", NAME, flags);
	upstream_attach(pair, second, "join in the other mode", NAME, other);
	upstream_attach(pair, second, "join exclusively", NAME, flags | IFF_TUN_EXCL);
	upstream_attach(pair, second, "join with other queues", NAME, flags ^ IFF_MULTI_QUEUE);
	upstream_attach(pair, second, "join without a mode", NAME, flags & ~TUN_TYPE_MASK);
	upstream_attach(pair, second, "join", NAME, flags | IFF_NO_PI);
	get_interface(pair, NULL, "flags after a join");
	get_interface(pair, second, "flags of who joined");
	close_both(second);
	upstream_value(pair, "setpersist", TUNSETPERSIST, 1);
	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(pair, i);
		close(pair->sides[i].fd);
		pair->sides[i].fd = upstream_open(i);
	}
	upstream_int(pair, "index of the next", TUNSETIFINDEX, 77);
	attach(pair, flags ^ IFF_VNET_HDR);
	get_all(pair);
	upstream_value(pair, "setpersist", TUNSETPERSIST, 0);
}

TEST_F(upstream, queues)
{
	struct upstream *pair = &self->pair;
	const int first[NODES] = { pair->sides[STOCK].fd, pair->sides[OURS].fd };
	static const unsigned int steps[] = {
		IFF_ATTACH_QUEUE, IFF_DETACH_QUEUE, IFF_DETACH_QUEUE, IFF_ATTACH_QUEUE, 0,
		IFF_ATTACH_QUEUE | IFF_DETACH_QUEUE, IFF_DETACH_QUEUE,
	};

	set_queue(pair, first, "queue of nothing", IFF_DETACH_QUEUE);
	attach(pair, variant->flags);
	for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		set_queue(pair, first, "queue", steps[i]);
		get_interface(pair, NULL, "flags of a queue");
		upstream_int(pair, "carrier", TUNSETCARRIER, 1);
	}
	attach(pair, variant->flags);
	upstream_value(pair, "setpersist", TUNSETPERSIST, 1);
	upstream_value(pair, "setpersist", TUNSETPERSIST, 0);
}

/* The cases of the kernel's own test of tun. */
TEST_F(upstream, deleted_interfaces)
{
	struct upstream *pair = &self->pair;
	const int first[NODES] = { pair->sides[STOCK].fd, pair->sides[OURS].fd };

	for (unsigned int detached = 0; detached < 2; detached++) {
		attach(pair, variant->flags);
		if (detached)
			set_queue(pair, first, "detach before", IFF_DETACH_QUEUE);
		for (unsigned int i = 0; i < NODES; i++) {
			upstream_enter(pair, i);
			ASSERT_TRUE(run("ip link del " NAME));
		}
		get_all(pair);
		set_queue(pair, first, "detach after", IFF_DETACH_QUEUE);
		set_queue(pair, first, "attach after", IFF_ATTACH_QUEUE);
		upstream_int(pair, "index after", TUNSETIFINDEX, 50 + detached);
		attach(pair, variant->flags);
		get_all(pair);
		for (unsigned int i = 0; i < NODES; i++) {
			upstream_enter(pair, i);
			EXPECT_EQ(50 + detached, if_nametoindex(NAME));
			ASSERT_TRUE(run("ip link del " NAME));
		}
	}
}

TEST_HARNESS_MAIN
