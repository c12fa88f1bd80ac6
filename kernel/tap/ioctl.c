// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of <linux/if_tun.h>, one function and one line of a table each.
 *
 * Runs in the caller's process context under RTNL; user memory is touched before
 * and after. Beside stage (3). Entry point: rh_tap_ioctl().
 */
#include <linux/if_arp.h>
#include <linux/proc_fs.h>
#include <net/net_namespace.h>

#include "ioctl.h"

/* The part of a struct ifreq in use, and the same for 32-bit callers. */
#define IFREQ_BYTES offsetofend(struct ifreq, ifr_hwaddr)
/* What it has room for of an address. */
#define ADDRESS_BYTES (sizeof(struct sockaddr) - offsetof(struct sockaddr, sa_data))

/**
 * struct ioctl_entry - a call
 * @cmd: its number
 * @in: bytes fetched from the caller before; 0 with @out 0: passes no pointer
 * @out: bytes given to the caller after success
 * @needs_tap: refused with -EBADFD while there is no interface
 * @run: does it; RTNL is held
 */
struct ioctl_entry {
	unsigned int cmd;
	u8 in;
	u8 out;
	bool needs_tap;
	int (*run)(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument);
};

/* ---- asking ---- */

/* TUNGETFEATURES: int, the IFF_* flags that TUNSETIFF knows, IFF_PERSIST aside. */
static int get_features(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	argument->number = RH_TAP_FEATURES;
	return 0;
}

/* TUNGETIFF: struct ifreq, name and flags. */
static int get_interface(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	struct ifreq *ifreq = &argument->ifreq;

	strscpy_pad(ifreq->ifr_name, tap->dev->name, IFNAMSIZ);
	ifreq->ifr_flags = tap->flags;
	/* The bit of IFF_NO_PI, which is not told apart, as in tun. */
	if (!rh_tap_filter_is_attached(tap, &file->queue))
		ifreq->ifr_flags |= IFF_NOFILTER;
	if (file->queue.disabled)
		ifreq->ifr_flags |= IFF_DETACH_QUEUE;
	return 0;
}

/* A new descriptor of a namespace, for who administers it; EPERM. */
static int open_namespace(struct net *net)
{
	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	return open_related_ns(&net->ns, get_net_ns);
}

/* SIOCGSKNS: returns a descriptor of the network namespace that opened the file. EPERM. */
static int get_file_netns(struct rh_tap_file *file, struct rh_tap *tap,
			  union rh_tap_argument *argument)
{
	return open_namespace(sock_net(&file->sk));
}

/* TUNGETDEVNETNS: returns a descriptor of the interface's network namespace. EPERM. */
static int get_netns(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	return open_namespace(dev_net(tap->dev));
}

/* ---- who, and how long ---- */

/* TUNSETPERSIST: by value, whether the interface outlives its file. */
static int set_persist(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	unsigned int flags = tap->flags & ~IFF_PERSIST;

	if (argument->value)
		flags |= IFF_PERSIST;
	if (flags == tap->flags)
		return 0;
	WRITE_ONCE(tap->flags, flags);
	netdev_state_change(tap->dev);
	return 0;
}

/* TUNSETOWNER: by value, a uid of the caller's user namespace. EINVAL not in it. */
static int set_owner(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	kuid_t owner = make_kuid(current_user_ns(), argument->value);

	if (!uid_valid(owner))
		return -EINVAL;
	tap->owner = owner;
	netdev_state_change(tap->dev);
	return 0;
}

/* TUNSETGROUP: by value, a gid of the caller's user namespace. EINVAL not in it. */
static int set_group(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	kgid_t group = make_kgid(current_user_ns(), argument->value);

	if (!gid_valid(group))
		return -EINVAL;
	tap->group = group;
	netdev_state_change(tap->dev);
	return 0;
}

/* ---- how packets look ---- */

/* TUNSETOFFLOAD: by value, TUN_F_* bits; see rh_tap_offload_set(). */
static int set_offload(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	return rh_tap_offload_set(tap, argument->value);
}

/* TUNGETVNETHDRSZ: int, bytes. */
static int get_header_len(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	argument->number = tap->header_len;
	return 0;
}

/* TUNSETVNETHDRSZ: int, bytes, 10 to RH_TAP_HEADER_MAX; packets queued follow. EINVAL. */
static int set_header_len(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	int length = argument->number;

	if (length < (int)sizeof(struct virtio_net_hdr) || length > RH_TAP_HEADER_MAX)
		return -EINVAL;
	WRITE_ONCE(tap->header_len, length);
	/* A short one cannot tell of tunnels. */
	netdev_update_features(tap->dev);
	return 0;
}

/* TUNGETVNETLE: int, 1 if TUNSETVNETLE made it so. */
static int get_little_endian(struct rh_tap_file *file, struct rh_tap *tap,
			     union rh_tap_argument *argument)
{
	argument->number = tap->little_endian;
	return 0;
}

/* TUNSETVNETLE: int; not 0: vnet headers are little endian, 0: of the host's order. */
static int set_little_endian(struct rh_tap_file *file, struct rh_tap *tap,
			     union rh_tap_argument *argument)
{
	WRITE_ONCE(tap->little_endian, argument->number != 0);
	return 0;
}

/* TUNGETVNETBE: int, 1 if TUNSETVNETBE made it so. */
static int get_big_endian(struct rh_tap_file *file, struct rh_tap *tap,
			  union rh_tap_argument *argument)
{
	argument->number = tap->big_endian;
	return 0;
}

/* TUNSETVNETBE: int; not 0: vnet headers are big endian unless TUNSETVNETLE says otherwise. */
static int set_big_endian(struct rh_tap_file *file, struct rh_tap *tap,
			  union rh_tap_argument *argument)
{
	WRITE_ONCE(tap->big_endian, argument->number != 0);
	return 0;
}

/* TUNSETNOCSUM: by value; means nothing, as in tun: see TUNSETOFFLOAD. */
static int set_nocsum(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	return 0;
}

/* TUNSETDEBUG: by value, the message level that ethtool shows. */
static int set_debug(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	tap->debug = argument->value;
	return 0;
}

/* TUNGETSNDBUF: int, bytes. */
static int get_sndbuf(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	argument->number = tap->sndbuf;
	return 0;
}

/* TUNSETSNDBUF: int, bytes that written packets may hold; INT_MAX: no limit. EINVAL. */
static int set_sndbuf(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	if (argument->number <= 0)
		return -EINVAL;
	rh_tap_slots_set_sndbuf(tap, argument->number);
	return 0;
}

/* ---- the net_device ---- */

/* SIOCGIFHWADDR: struct ifreq, the address; ifr_name is not looked at. */
static int get_address(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	struct ifreq *ifreq = &argument->ifreq;

	memset(&ifreq->ifr_hwaddr, 0, sizeof(ifreq->ifr_hwaddr));
	ifreq->ifr_hwaddr.sa_family = tap->dev->type;
	memcpy(ifreq->ifr_hwaddr.sa_data, tap->dev->dev_addr,
	       min_t(size_t, tap->dev->addr_len, ADDRESS_BYTES));
	return 0;
}

/* SIOCSIFHWADDR: struct ifreq. EADDRNOTAVAIL multicast or zero; EINVAL family; EOPNOTSUPP tun. */
static int set_address(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	struct sockaddr_storage address = { };

	memcpy(&address, &argument->ifreq.ifr_hwaddr, sizeof(argument->ifreq.ifr_hwaddr));
	return rh_compat_set_mac_address(tap->dev, &address);
}

/* TUNSETCARRIER: int, 0 off. EPERM all queues are disabled. */
static int set_carrier(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	return rh_tap_netdev_change_carrier(tap->dev, argument->number != 0);
}

static int refuse_unknown(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	return -EINVAL;
}

static const struct ioctl_entry entries[] = {
	{ TUNSETIFF, IFREQ_BYTES, IFREQ_BYTES, false, rh_tap_attach_interface },
	{ TUNGETIFF, 0, IFREQ_BYTES, true, get_interface },
	{ TUNGETFEATURES, 0, sizeof(int), false, get_features },
	{ TUNSETIFINDEX, sizeof(int), 0, false, rh_tap_attach_set_ifindex },
	{ TUNSETQUEUE, IFREQ_BYTES, 0, false, rh_tap_attach_queue },
	{ TUNSETPERSIST, 0, 0, true, set_persist },
	{ TUNSETOWNER, 0, 0, true, set_owner },
	{ TUNSETGROUP, 0, 0, true, set_group },
	{ TUNSETLINK, 0, 0, true, rh_tap_type_set },
	{ TUNSETOFFLOAD, 0, 0, true, set_offload },
	{ TUNGETVNETHDRSZ, 0, sizeof(int), true, get_header_len },
	{ TUNSETVNETHDRSZ, sizeof(int), 0, true, set_header_len },
	{ TUNGETVNETLE, 0, sizeof(int), true, get_little_endian },
	{ TUNSETVNETLE, sizeof(int), 0, true, set_little_endian },
	{ TUNGETSNDBUF, 0, sizeof(int), true, get_sndbuf },
	{ TUNSETSNDBUF, sizeof(int), 0, true, set_sndbuf },
	{ TUNSETCARRIER, sizeof(int), 0, true, set_carrier },
	{ TUNGETVNETBE, 0, sizeof(int), true, get_big_endian },
	{ TUNSETVNETBE, sizeof(int), 0, true, set_big_endian },
	{ TUNSETNOCSUM, 0, 0, true, set_nocsum },
	{ TUNSETDEBUG, 0, 0, true, set_debug },
	{ TUNDETACHFILTER, 0, 0, true, rh_tap_filter_detach },
	{ TUNGETFILTER, 0, sizeof(struct sock_fprog), true, rh_tap_filter_get },
	{ TUNSETFILTEREBPF, sizeof(int), 0, true, rh_tap_filter_set_extended },
	{ TUNSETSTEERINGEBPF, sizeof(int), 0, true, rh_tap_filter_set_steering },
	{ TUNGETDEVNETNS, 0, 0, true, get_netns },
	{ SIOCGSKNS, 0, 0, false, get_file_netns },
	{ SIOCGIFHWADDR, IFREQ_BYTES, IFREQ_BYTES, true, get_address },
	{ SIOCSIFHWADDR, IFREQ_BYTES, 0, true, set_address },
};

static const struct ioctl_entry unknown_entry = { .needs_tap = true, .run = refuse_unknown };

static const struct ioctl_entry *find_entry(unsigned int cmd)
{
	const struct ioctl_entry *entry;

	for (entry = entries; entry < entries + ARRAY_SIZE(entries); entry++)
		if (entry->cmd == cmd)
			return entry;
	return &unknown_entry;
}

/**
 * rh_tap_ioctl() - all calls on the file
 * @filp: the file
 * @cmd: TUN* of <linux/if_tun.h>, SIOCGIFHWADDR, SIOCSIFHWADDR or SIOCGSKNS
 * @arg: as defined there
 *
 * Return: 0, or a positive result; -EBADFD without an interface (most calls), -EFAULT, -EINVAL unknown
 * call or bad argument, and what the call's function returns.
 */
long rh_tap_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	const struct ioctl_entry *entry = find_entry(cmd);
	struct rh_tap_file *file = filp->private_data;
	void __user *user = (void __user *)arg;
	union rh_tap_argument argument = {};
	struct rh_tap *tap;
	int error = -EBADFD;

	/* These read more of the caller's memory than the table can say. */
	if (cmd == TUNSETTXFILTER)
		return rh_tap_filter_set_addresses(file, user);
	if (cmd == TUNATTACHFILTER)
		return rh_tap_filter_attach(file, user);

	if (!entry->in && !entry->out)
		argument.value = arg;
	if (entry->in && copy_from_user(&argument, user, entry->in))
		return -EFAULT;

	rtnl_lock();
	tap = rtnl_dereference(file->queue.tap);
	if (tap || !entry->needs_tap)
		error = entry->run(file, tap, &argument);
	rtnl_unlock();

	if (!error && entry->out && copy_to_user(user, &argument, entry->out))
		return -EFAULT;
	return error;
}
