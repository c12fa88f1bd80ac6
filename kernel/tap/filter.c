// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs and address lists that decide which packets reach which file.
 *
 * Host transmit, stage (3). rh_tap_filter_run() and rh_tap_filter_steer() run in
 * softirq context under the RCU read lock; all else in process context. Whatever
 * is read from the caller's memory is read before RTNL is taken, because such
 * memory may take for ever. Entry points: the functions of filter.h, and the
 * filter.c section of ioctl.h.
 */
#include <linux/bpf.h>
#include <linux/crc32.h>
#include <linux/slab.h>

#include "ioctl.h"

/* ---- the data path ---- */

static unsigned int hash_of(const u8 *address)
{
	return ether_crc(ETH_ALEN, address) >> 26;
}

static bool is_wanted(const struct rh_tap_addresses *addresses, const u8 *destination)
{
	unsigned int i, bit;

	for (i = 0; i < addresses->count; i++)
		if (ether_addr_equal(addresses->exact[i], destination))
			return true;
	if (!is_multicast_ether_addr(destination))
		return false;
	bit = hash_of(destination);
	return addresses->mask[bit / 32] & BIT(bit % 32);
}

/* Let @prog cut the packet; returns whether anything is left. */
static bool run_program(const struct bpf_prog *prog, struct sk_buff *skb)
{
	u32 length = bpf_prog_run_clear_cb(prog, skb);

	return length && !pskb_trim(skb, length);
}

/**
 * rh_tap_filter_run() - ask whether a packet is wanted, where a filter is active
 * @tap: the interface
 * @queue: the queue it is for
 * @skb: the packet, with its Ethernet header; may become shorter
 *
 * Runs in ndo_start_xmit, whose caller has softirqs off.
 *
 * Return: false if it is to be dropped.
 */
bool rh_tap_filter_run(struct rh_tap *tap, const struct rh_tap_queue *queue, struct sk_buff *skb)
{
	const struct rh_tap_addresses *addresses = rcu_dereference_bh(tap->filter.addresses);
	const struct bpf_prog *prog;

	/* What is sent without a whole Ethernet header has no destination. */
	if (addresses && (!pskb_may_pull(skb, ETH_ALEN) || !is_wanted(addresses, skb->data)))
		return false;
	prog = rcu_dereference_bh(tap->filter.classic);
	if (prog && READ_ONCE(queue->filtered) && !run_program(prog, skb))
		return false;
	prog = rcu_dereference_bh(tap->filter.extended);
	return !prog || run_program(prog, skb);
}

/* Which queue a packet goes to, if there is a program that knows; else -1. */
int rh_tap_filter_steer(struct rh_tap *tap, struct sk_buff *skb)
{
	unsigned int count = max(READ_ONCE(tap->queue_count), 1U);
	const struct bpf_prog *prog;
	int index = -1;

	rcu_read_lock();
	prog = rcu_dereference(tap->filter.steering);
	if (prog)
		index = (u16)bpf_prog_run_clear_cb(prog, skb) % count;
	rcu_read_unlock();
	return index;
}

/* ---- changes ---- */

/* One look tells the data path that there is nothing to ask. */
static void note_active(struct rh_tap_filter *filter)
{
	WRITE_ONCE(filter->active, rcu_access_pointer(filter->addresses) ||
		   rcu_access_pointer(filter->classic) || rcu_access_pointer(filter->extended));
}

static void replace_program(struct rh_tap_filter *filter, struct bpf_prog __rcu **place,
			    struct bpf_prog *prog)
{
	struct bpf_prog *old = rtnl_dereference(*place);

	rcu_assign_pointer(*place, prog);
	note_active(filter);
	if (old) {
		synchronize_net();
		/* Knows programs of both kinds. */
		bpf_prog_destroy(old);
	}
}

static void replace_addresses(struct rh_tap *tap, struct rh_tap_addresses *addresses)
{
	struct rh_tap_addresses *old = rtnl_dereference(tap->filter.addresses);

	rcu_assign_pointer(tap->filter.addresses, addresses);
	note_active(&tap->filter);
	if (old)
		kfree_rcu(old, rcu);
}

/* The interface goes. */
void rh_tap_filter_exit(struct rh_tap *tap)
{
	replace_addresses(tap, NULL);
	replace_program(&tap->filter, &tap->filter.classic, NULL);
	replace_program(&tap->filter, &tap->filter.extended, NULL);
	replace_program(&tap->filter, &tap->filter.steering, NULL);
}

/* Returns NULL for a list that lets all pass: none, or more than the hash can tell apart. */
static struct rh_tap_addresses *make_addresses(const struct tun_filter *request,
					       const u8 (*list)[ETH_ALEN])
{
	struct rh_tap_addresses *addresses;
	unsigned int i, bit;

	for (i = RH_TAP_FILTER_EXACT; i < request->count; i++)
		if (!is_multicast_ether_addr(list[i]))
			return NULL;
	addresses = kzalloc(sizeof(*addresses), GFP_KERNEL);
	if (!addresses)
		return ERR_PTR(-ENOMEM);
	addresses->count = min_t(unsigned int, request->count, RH_TAP_FILTER_EXACT);
	memcpy(addresses->exact, list, addresses->count * ETH_ALEN);
	for (i = addresses->count; i < request->count; i++) {
		bit = hash_of(list[i]);
		addresses->mask[bit / 32] |= BIT(bit % 32);
	}
	if (request->flags & TUN_FLT_ALLMULTI)
		memset(addresses->mask, 0xff, sizeof(addresses->mask));
	return addresses;
}

static struct rh_tap_addresses *fetch_addresses(void __user *user)
{
	struct rh_tap_addresses *addresses;
	struct tun_filter request;
	u8 (*list)[ETH_ALEN];

	if (copy_from_user(&request, user, sizeof(request)))
		return ERR_PTR(-EFAULT);
	if (!request.count)
		return NULL;
	list = memdup_user(user + sizeof(request), request.count * ETH_ALEN);
	if (IS_ERR(list))
		return ERR_CAST(list);
	addresses = make_addresses(&request, list);
	kfree(list);
	return addresses;
}

/*
 * TUNSETTXFILTER: struct tun_filter. Returns how many addresses are exact. EFAULT; EINVAL not
 * of IFF_TAP, whose packets alone have addresses; ENOMEM.
 */
long rh_tap_filter_set_addresses(struct rh_tap_file *file, void __user *user)
{
	struct rh_tap_addresses *addresses;
	struct rh_tap *tap;
	long result;

	addresses = fetch_addresses(user);
	result = PTR_ERR_OR_ZERO(addresses);
	if (IS_ERR(addresses))
		addresses = NULL;
	rtnl_lock();
	tap = rtnl_dereference(file->queue.tap);
	if (!tap)
		result = -EBADFD;
	else if (tap->flags & IFF_TUN)
		result = -EINVAL;
	if (!result) {
		result = addresses ? addresses->count : 0;
		replace_addresses(tap, addresses);
		addresses = NULL;
	}
	rtnl_unlock();
	kfree(addresses);
	return result;
}

/*
 * TUNATTACHFILTER: struct sock_fprog, for all queues of now. EFAULT; EINVAL, also if not
 * of IFF_TAP; ENOMEM.
 */
long rh_tap_filter_attach(struct rh_tap_file *file, void __user *user)
{
	struct bpf_prog *prog = NULL;
	struct sock_fprog source;
	struct rh_tap *tap;
	long error = 0;

	if (copy_from_user(&source, user, sizeof(source)))
		error = -EFAULT;
	else
		error = bpf_prog_create_from_user(&prog, &source, NULL, false);
	rtnl_lock();
	tap = rtnl_dereference(file->queue.tap);
	if (!tap)
		error = -EBADFD;
	else if (tap->flags & IFF_TUN)
		error = -EINVAL;
	if (!error) {
		replace_program(&tap->filter, &tap->filter.classic, prog);
		tap->filter.classic_source = source;
		rh_tap_slots_set_filtered(tap);
		prog = NULL;
	}
	rtnl_unlock();
	if (prog)
		bpf_prog_destroy(prog);
	return error;
}

/* Whether packets to the queue pass TUNATTACHFILTER's program. Under RTNL. */
bool rh_tap_filter_is_attached(const struct rh_tap *tap, const struct rh_tap_queue *queue)
{
	return queue->filtered && rtnl_dereference(tap->filter.classic);
}

/* TUNDETACHFILTER: no argument; also when there is none. EINVAL not of IFF_TAP. */
int rh_tap_filter_detach(struct rh_tap_file *file, struct rh_tap *tap,
			 union rh_tap_argument *argument)
{
	if (tap->flags & IFF_TUN)
		return -EINVAL;
	replace_program(&tap->filter, &tap->filter.classic, NULL);
	return 0;
}

/* TUNGETFILTER: struct sock_fprog as given to the last TUNATTACHFILTER. EINVAL not of IFF_TAP. */
int rh_tap_filter_get(struct rh_tap_file *file, struct rh_tap *tap,
		      union rh_tap_argument *argument)
{
	if (tap->flags & IFF_TUN)
		return -EINVAL;
	argument->program = tap->filter.classic_source;
	return 0;
}

static int set_extended(struct rh_tap_filter *filter, struct bpf_prog __rcu **place, int fd)
{
	struct bpf_prog *prog = NULL;

	if (fd != -1)
		prog = bpf_prog_get_type(fd, BPF_PROG_TYPE_SOCKET_FILTER);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	replace_program(filter, place, prog);
	return 0;
}

/* TUNSETFILTEREBPF: int, fd of a socket filter, or -1 for none. EBADF; EINVAL not one. */
int rh_tap_filter_set_extended(struct rh_tap_file *file, struct rh_tap *tap,
			       union rh_tap_argument *argument)
{
	return set_extended(&tap->filter, &tap->filter.extended, argument->number);
}

/* TUNSETSTEERINGEBPF: the same; its result, modulo the number of queues, is the queue. */
int rh_tap_filter_set_steering(struct rh_tap_file *file, struct rh_tap *tap,
			       union rh_tap_argument *argument)
{
	return set_extended(&tap->filter, &tap->filter.steering, argument->number);
}
