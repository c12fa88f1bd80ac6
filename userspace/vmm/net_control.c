// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control queue of a network interface. Off the data path, on the loop's thread with
 * either backend; entry points: net_control_start(), net_control_run().
 *
 * A command is a class, a number and what belongs to it, and gets one byte of answer.
 * What is malformed, unknown or not negotiated gets VIRTIO_NET_ERR and changes nothing.
 */
#include <endian.h>
#include <inttypes.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "iov.h"
#include "net.h"
#include "net_control.h"
#include "util.h"

/* Commands in one go, before other queues get their turn: each is system calls. */
#define CONTROL_BUDGET 16

/* What a driver may switch while it runs: those of the tap's doing. */
#define GUEST_OFFLOADS \
	(VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | \
	 VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN))

/**
 * struct net_command - one command
 * @class: VIRTIO_NET_CTRL_*
 * @command: its number in there
 * @feature: VIRTIO_NET_F_* without which there is no such command
 * @run: carry it out; @data is what follows the header. Return: whether that was done
 * @flag: place in struct net_filter of the bool that it sets, for set_flag()
 */
struct net_command {
	uint8_t class, command;
	unsigned int feature;
	bool (*run)(struct net *net, const struct net_command *command, struct iov *data);
	size_t flag;
};

/* Take @size bytes off the beginning of @data. Return: whether there were so many. */
static bool take(struct iov *data, void *to, size_t size)
{
	if (!iov_read(data, to, size))
		return false;
	iov_drop(data, size);
	return true;
}

/* A filter that cannot be had is replaced by none: too much is no harm, too little is. */
static bool refilter(struct net *net)
{
	if (!tap_set_filter(&net->tap, net_filter_compile(&net->filter)))
		return true;
	tap_set_filter(&net->tap, NULL);
	return false;
}

static bool set_flag(struct net *net, const struct net_command *command, struct iov *data)
{
	bool *flag = (bool *)((char *)&net->filter + command->flag);
	uint8_t on;

	if (!take(data, &on, sizeof(on)))
		return false;
	*flag = on;
	return refilter(net);
}

static bool read_table(struct iov *data, struct net_addresses *table)
{
	uint32_t count;

	if (!take(data, &count, sizeof(count)))
		return false;
	count = le32toh(count);
	if (count > iov_bytes(data) / ETH_ALEN)
		return false;
	table->all = count > NET_ADDRESSES_MAX;
	table->count = table->all ? 0 : count;
	iov_read(data, table->list, table->count * ETH_ALEN);
	iov_drop(data, (size_t)count * ETH_ALEN);
	return true;
}

static bool set_tables(struct net *net, const struct net_command *command, struct iov *data)
{
	struct net_addresses unicast, multicast;

	(void)command;
	if (!read_table(data, &unicast) || !read_table(data, &multicast) || iov_bytes(data))
		return false;
	net->filter.unicast = unicast;
	net->filter.multicast = multicast;
	return refilter(net);
}

static bool set_address(struct net *net, const struct net_command *command, struct iov *data)
{
	uint8_t mac[ETH_ALEN];

	(void)command;
	/* No station has a group address. */
	if (!take(data, mac, sizeof(mac)) || mac[0] & 1)
		return false;
	memcpy(net->config.mac, mac, sizeof(mac));
	memcpy(net->filter.mac, mac, sizeof(mac));
	return refilter(net);
}

static bool set_vlan(struct net *net, const struct net_command *command, struct iov *data)
{
	uint16_t vlan;
	uint32_t *word;

	if (!take(data, &vlan, sizeof(vlan)))
		return false;
	vlan = le16toh(vlan);
	if (vlan >= NET_VLANS)
		return false;
	word = &net->filter.vlans[vlan / 32];
	if (command->command == VIRTIO_NET_CTRL_VLAN_ADD)
		*word |= 1u << vlan % 32;
	else
		*word &= ~(1u << vlan % 32);
	return refilter(net);
}

/* The filter has to be set anew, whatever became of it. */
static bool set_pairs(struct net *net, const struct net_command *command, struct iov *data)
{
	uint16_t pairs;
	int err;

	(void)command;
	if (!take(data, &pairs, sizeof(pairs)))
		return false;
	pairs = le16toh(pairs);
	if (!pairs || pairs > net->active)
		return false;
	err = net->backend->use_pairs(net, pairs);
	return refilter(net) && !err;
}

static bool set_offloads(struct net *net, const struct net_command *command, struct iov *data)
{
	uint64_t offloads;

	(void)command;
	if (!take(data, &offloads, sizeof(offloads)))
		return false;
	offloads = le64toh(offloads);
	return !(offloads & ~(net->device.accepted & GUEST_OFFLOADS)) &&
	       !tap_set_offload(&net->tap, offloads);
}

static bool announced(struct net *net, const struct net_command *command, struct iov *data)
{
	(void)command;
	(void)data;
	net->config.status &= ~htole16(VIRTIO_NET_S_ANNOUNCE);
	return true;
}

#define COMMAND(group, name, needs, function) { \
	.class = VIRTIO_NET_CTRL_##group, .command = VIRTIO_NET_CTRL_##name, \
	.feature = VIRTIO_NET_F_##needs, .run = function }
#define FLAG(name, needs, field) { \
	.class = VIRTIO_NET_CTRL_RX, .command = VIRTIO_NET_CTRL_RX_##name, \
	.feature = VIRTIO_NET_F_##needs, .run = set_flag, \
	.flag = offsetof(struct net_filter, field) }

static const struct net_command commands[] = {
	FLAG(PROMISC, CTRL_RX, promiscuous),
	FLAG(ALLMULTI, CTRL_RX, all_multicast),
	FLAG(ALLUNI, CTRL_RX_EXTRA, all_unicast),
	FLAG(NOMULTI, CTRL_RX_EXTRA, no_multicast),
	FLAG(NOUNI, CTRL_RX_EXTRA, no_unicast),
	FLAG(NOBCAST, CTRL_RX_EXTRA, no_broadcast),
	COMMAND(MAC, MAC_TABLE_SET, CTRL_RX, set_tables),
	COMMAND(MAC, MAC_ADDR_SET, CTRL_MAC_ADDR, set_address),
	COMMAND(VLAN, VLAN_ADD, CTRL_VLAN, set_vlan),
	COMMAND(VLAN, VLAN_DEL, CTRL_VLAN, set_vlan),
	COMMAND(ANNOUNCE, ANNOUNCE_ACK, GUEST_ANNOUNCE, announced),
	COMMAND(MQ, MQ_VQ_PAIRS_SET, MQ, set_pairs),
	COMMAND(GUEST_OFFLOADS, GUEST_OFFLOADS_SET, CTRL_GUEST_OFFLOADS, set_offloads),
};

uint64_t net_control_features(unsigned int pairs)
{
	uint64_t features = VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ);

	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		features |= VIRTIO_BIT(commands[i].feature);
	return pairs > 1 ? features : features & ~VIRTIO_BIT(VIRTIO_NET_F_MQ);
}

static bool run_command(struct net *net, struct iov *data)
{
	struct virtio_net_ctrl_hdr header;

	if (!take(data, &header, sizeof(header)))
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct net_command *command = &commands[i];

		if (command->class == header.class && command->command == header.cmd &&
		    virtio_accepted(&net->device, command->feature))
			return command->run(net, command, data);
	}
	return false;
}

/* Return: bytes written. */
static uint32_t answer(struct net_control *control)
{
	struct virtqueue_chain *chain = &control->chain;
	struct iov data = { chain->iov, chain->readable };
	struct iov reply = { chain->iov + chain->readable, chain->writable };
	virtio_net_ctrl_ack ack = VIRTIO_NET_ERR;

	/* Who leaves no room for the answer does not get the work done either. */
	if (chain->writable && run_command(control->net, &data))
		ack = VIRTIO_NET_OK;
	control->refused += ack != VIRTIO_NET_OK;
	return iov_write(&reply, &ack, sizeof(ack)) ? sizeof(ack) : 0;
}

static void net_control_run(struct user_queue *queue)
{
	struct net_control *control = container_of(queue, struct net_control, queue);
	unsigned int budget = CONTROL_BUDGET;

	/* The one that waits goes on with what has come. */
	if (control->serving)
		return;
	control->serving = true;
	while (user_queue_next(queue, &control->chain, &budget)) {
		uint32_t written = answer(control);

		virtqueue_push(&queue->ring, &control->chain, written);
	}
	control->serving = false;
}

/* Until a driver says otherwise it gets all, as one that cannot say so does: 5.1.6.5. */
static void reset_filter(struct net *net)
{
	net->filter = (struct net_filter) {
		.promiscuous = true,
		.filters_vlans = virtio_accepted(&net->device, VIRTIO_NET_F_CTRL_VLAN),
	};
	memcpy(net->filter.mac, net->config.mac, sizeof(net->filter.mac));
}

int net_control_start(struct net_control *control, struct net *net)
{
	struct virtio_queue *queue = net_queue(net, net->active, 0);

	reset_filter(net);
	if (!queue->enabled || !virtio_accepted(&net->device, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	user_queue_init(&control->queue, queue, net_control_run);
	return user_queue_start(&control->queue);
}

void net_control_stop(struct net_control *control)
{
	struct net *net = control->net;

	user_queue_stop(&control->queue);
	tap_set_filter(&net->tap, NULL);
	memcpy(net->config.mac, net->mac, sizeof(net->mac));
	net->config.status &= ~htole16(VIRTIO_NET_S_ANNOUNCE);
}

void net_control_stats(struct net_control *control, struct virtio_stats *stats)
{
	const struct user_queue *queue = &control->queue;

	fprintf(stats->out, "%s.control.commands %" PRIu64 "\n", control->net->device.name,
		queue->chains_before + queue->ring.chains);
	fprintf(stats->out, "%s.control.refused %" PRIu64 "\n", control->net->device.name,
		control->refused);
}
