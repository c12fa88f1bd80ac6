/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests to rtnetlink, for what ip and tc do not say or take too long for: to start a
 * program takes the better part of a second on a kernel that checks everything.
 */
#ifndef SELFTESTS_TAP_NETLINK_H
#define SELFTESTS_TAP_NETLINK_H

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "harness.h"

/**
 * struct netlink_request - a message that grows
 * @head: netlink's header, which knows the length
 * @body: the fixed part of the message's type, then attributes
 */
struct netlink_request {
	struct nlmsghdr head;
	char body[300];
};

/* A message of @type that begins with @fixed. */
static inline void netlink_begin(struct netlink_request *request, unsigned int type,
				 unsigned int flags, const void *fixed, size_t length)
{
	memset(request, 0, sizeof(*request));
	request->head.nlmsg_len = NLMSG_LENGTH(length);
	request->head.nlmsg_type = type;
	request->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	memcpy(request->body, fixed, length);
}

static inline struct rtattr *netlink_add(struct netlink_request *request, unsigned int type,
					 const void *data, size_t length)
{
	struct rtattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), data, length);
	request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) +
				  RTA_ALIGN(attribute->rta_len);
	return attribute;
}

/* What was added since @nest is within it. */
static inline void netlink_end_nest(struct netlink_request *request, struct rtattr *nest)
{
	nest->rta_len = (char *)request + request->head.nlmsg_len - (char *)nest;
}

/* Returns 0 or -errno. */
static inline int netlink_exchange(const struct netlink_request *request)
{
	struct { struct nlmsghdr head; struct nlmsgerr error; char rest[4096]; } reply;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	ASSERT_LE(0, fd);
	ASSERT_EQ(request->head.nlmsg_len, send(fd, request, request->head.nlmsg_len, 0));
	ASSERT_LT(0, recv(fd, &reply, sizeof(reply), 0));
	ASSERT_EQ(NLMSG_ERROR, reply.head.nlmsg_type);
	close(fd);
	return reply.error.error;
}

/* A queueing discipline of so many packets that drops none for its age. */
static inline void netlink_set_pfifo(const char *name, unsigned int packets)
{
	const struct tcmsg traffic = {
		.tcm_family = AF_UNSPEC, .tcm_ifindex = if_nametoindex(name),
		.tcm_parent = TC_H_ROOT,
	};
	const struct tc_fifo_qopt options = { .limit = packets };
	struct netlink_request request;

	netlink_begin(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &traffic,
		      sizeof(traffic));
	netlink_add(&request, TCA_KIND, "pfifo", sizeof("pfifo"));
	netlink_add(&request, TCA_OPTIONS, &options, sizeof(options));
	ASSERT_EQ(0, netlink_exchange(&request));
}

/* Set an interface up. */
static inline void netlink_set_up(const char *name, uint32_t mtu, uint32_t queue_length)
{
	const struct ifinfomsg link = {
		.ifi_index = if_nametoindex(name), .ifi_flags = IFF_UP, .ifi_change = IFF_UP,
	};
	struct netlink_request request;

	netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
	netlink_add(&request, IFLA_MTU, &mtu, sizeof(mtu));
	netlink_add(&request, IFLA_TXQLEN, &queue_length, sizeof(queue_length));
	ASSERT_EQ(0, netlink_exchange(&request));
}

/* Give an interface an address of AF_INET or AF_INET6, to be used at once. */
static inline void netlink_add_address(const char *name, int family, const char *text,
				       unsigned int prefix)
{
	const struct ifaddrmsg message = {
		.ifa_family = family, .ifa_prefixlen = prefix, .ifa_flags = IFA_F_NODAD,
		.ifa_index = if_nametoindex(name),
	};
	size_t length = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct netlink_request request;
	struct in6_addr address;

	ASSERT_EQ(1, inet_pton(family, text, &address));
	netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE, &message, sizeof(message));
	netlink_add(&request, IFA_LOCAL, &address, length);
	netlink_add(&request, IFA_ADDRESS, &address, length);
	ASSERT_EQ(0, netlink_exchange(&request));
}

#endif /* SELFTESTS_TAP_NETLINK_H */
