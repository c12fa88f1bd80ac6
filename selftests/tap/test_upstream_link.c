// SPDX-License-Identifier: GPL-2.0-only
/*
 * What rtnetlink tells of an interface (IFLA_TUN_*) is what `ip -d link` and network managers
 * show. Each attribute has to be there exactly when tun's is, and to say the same. Only the kind
 * is another. See upstream.h.
 */
#include "netlink.h"
#include "upstream.h"

#define NAME "up0"
#define LINK_BYTES 8192
#define OWNER 1000
#define GROUP 1001

FIXTURE(link) {
	struct upstream pair;
	char answers[NODES][LINK_BYTES];
};

FIXTURE_VARIANT(link) { unsigned int flags; };
FIXTURE_VARIANT_ADD(link, tap) { IFF_TAP | IFF_NO_PI };
FIXTURE_VARIANT_ADD(link, tap_with_all) { IFF_TAP | IFF_VNET_HDR | IFF_MULTI_QUEUE };
FIXTURE_VARIANT_ADD(link, tun) { IFF_TUN | IFF_NO_PI };
FIXTURE_VARIANT_ADD(link, tun_with_all) { IFF_TUN | IFF_VNET_HDR | IFF_MULTI_QUEUE };

FIXTURE_SETUP(link)
{
	if (!upstream_init(&self->pair))
		SKIP(return, "no " STOCK_NODE);
	upstream_attach(&self->pair, NULL, "attach", NAME, variant->flags);
}

FIXTURE_TEARDOWN(link)
{
	upstream_exit(&self->pair);
}

/* Ask for the interface; its attributes are in @answer from then on. */
static struct rtattr *get_link(char *answer, int *length)
{
	const struct ifinfomsg link = { .ifi_index = if_nametoindex(NAME) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct nlmsghdr *head = (void *)answer;
	struct netlink_request request;

	netlink_begin(&request, RTM_GETLINK, 0, &link, sizeof(link));
	ASSERT_LE(0, fd);
	ASSERT_EQ(request.head.nlmsg_len, send(fd, &request, request.head.nlmsg_len, 0));
	ASSERT_LT(0, recv(fd, answer, LINK_BYTES, 0));
	close(fd);
	ASSERT_EQ(RTM_NEWLINK, head->nlmsg_type);
	*length = IFLA_PAYLOAD(head);
	return IFLA_RTA(NLMSG_DATA(head));
}

/* The attribute of @type among those from @attribute on, or NULL. */
static struct rtattr *find(struct rtattr *attribute, int length, unsigned int type)
{
	for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length))
		if ((attribute->rta_type & NLA_TYPE_MASK) == type)
			return attribute;
	return NULL;
}

static struct rtattr *find_within(struct rtattr *nest, unsigned int type)
{
	return find(RTA_DATA(nest), RTA_PAYLOAD(nest), type);
}

/* What is told of the kind's own, of one node's interface. */
static struct rtattr *get_data(FIXTURE_DATA(link) *self, unsigned int node)
{
	static const char *const kinds[NODES] = { "tun", "ringhost_tap" };
	struct rtattr *attribute, *kind, *data;
	int length;

	upstream_enter(&self->pair, node);
	attribute = get_link(self->answers[node], &length);
	attribute = find(attribute, length, IFLA_LINKINFO);
	ASSERT_NE(NULL, attribute);
	kind = find_within(attribute, IFLA_INFO_KIND);
	data = find_within(attribute, IFLA_INFO_DATA);
	ASSERT_NE(NULL, kind);
	ASSERT_NE(NULL, data);
	EXPECT_STREQ(kinds[node], (const char *)RTA_DATA(kind));
	return data;
}

static void compare_attribute(struct rtattr *const data[NODES], unsigned int type, const char *step)
{
	struct rtattr *stock = find_within(data[STOCK], type), *ours = find_within(data[OURS], type);

	EXPECT_EQ(!stock, !ours) { TEST_LOG("%s: attribute %u", step, type); }
	if (!stock || !ours)
		return;
	EXPECT_EQ(stock->rta_len, ours->rta_len) { TEST_LOG("%s: attribute %u", step, type); }
	if (stock->rta_len == ours->rta_len)
		EXPECT_EQ(0, memcmp(RTA_DATA(stock), RTA_DATA(ours), RTA_PAYLOAD(stock))) {
			TEST_LOG("%s: attribute %u differs", step, type);
		}
}

static void compare_links(FIXTURE_DATA(link) *self, const char *step)
{
	struct rtattr *data[NODES];

	for (unsigned int i = 0; i < NODES; i++)
		data[i] = get_data(self, i);
	EXPECT_NE(NULL, find_within(data[STOCK], IFLA_TUN_TYPE));
	EXPECT_EQ(data[STOCK]->rta_len, data[OURS]->rta_len) { TEST_LOG("%s: length", step); }
	for (unsigned int type = 1; type <= IFLA_TUN_MAX; type++)
		compare_attribute(data, type, step);
}

TEST_F(link, tells_what_it_was_made_with)
{
	compare_links(self, "new");
}

TEST_F(link, tells_whose_it_is_and_whether_it_stays)
{
	upstream_value(&self->pair, "setowner", TUNSETOWNER, OWNER);
	compare_links(self, "owner");
	upstream_value(&self->pair, "setgroup", TUNSETGROUP, GROUP);
	compare_links(self, "group");
	upstream_value(&self->pair, "setpersist", TUNSETPERSIST, 1);
	compare_links(self, "persistent");
	upstream_value(&self->pair, "setpersist", TUNSETPERSIST, 0);
	compare_links(self, "not persistent");
}

TEST_F(link, tells_how_many_queues_are_in_use_and_how_many_not)
{
	int fds[NODES];

	if (!(variant->flags & IFF_MULTI_QUEUE))
		SKIP(return, "one queue");
	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(&self->pair, i);
		fds[i] = upstream_open(i);
	}
	upstream_attach(&self->pair, fds, "attach a second", NAME, variant->flags);
	compare_links(self, "two queues");
	for (unsigned int i = 0; i < NODES; i++)
		ASSERT_EQ(0, tap_set_queue(fds[i], IFF_DETACH_QUEUE));
	compare_links(self, "one of two disabled");
	for (unsigned int i = 0; i < NODES; i++)
		close(fds[i]);
	compare_links(self, "one again");
}

TEST_HARNESS_MAIN
