// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of <linux/if_tun.h>, one function and one line of a table each.
 *
 * Runs in the caller's process context under RTNL; user memory is touched before
 * and after. Beside stage (3). Entry point: rh_tap_ioctl().
 */
#include <linux/cred.h>
#include <linux/if_arp.h>
#include <linux/security.h>

#include "tap.h"

/* The part of a struct ifreq in use, and the same for 32-bit callers. */
#define IFREQ_BYTES offsetofend(struct ifreq, ifr_hwaddr)

/**
 * union argument - a call's argument, as its function sees it
 * @value: the argument itself, of calls that pass no pointer
 * @number: what the pointer points to
 * @ifreq: what the pointer points to
 */
union argument {
	unsigned long value;
	int number;
	struct ifreq ifreq;
};

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
	int (*run)(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument);
};

/* ---- joining an interface ---- */

/* Who may attach: like tun, all that match what is set, and the administrator. */
static bool may_attach(const struct rh_tap *tap)
{
	const struct cred *cred = current_cred();

	if ((!uid_valid(tap->owner) || uid_eq(cred->euid, tap->owner)) &&
	    (!gid_valid(tap->group) || in_egroup_p(tap->group)))
		return true;
	return ns_capable(dev_net(tap->dev)->user_ns, CAP_NET_ADMIN);
}

static struct rh_tap *open_interface(struct rh_tap_file *file, struct net_device *dev,
				     unsigned int flags)
{
	struct rh_tap *tap;
	int error;

	if (flags & IFF_TUN_EXCL)
		return ERR_PTR(-EBUSY);
	if (!rh_tap_netdev_is_tap(dev))
		return ERR_PTR(-EINVAL);
	tap = netdev_priv(dev);
	if (!may_attach(tap))
		return ERR_PTR(-EPERM);
	error = security_tun_dev_open(tap->security);
	if (error)
		return ERR_PTR(error);
	if (rtnl_dereference(tap->slots[0].queue))
		return ERR_PTR(-EBUSY);
	error = rh_tap_queue_resize(&file->queue, dev->tx_queue_len);
	if (error)
		return ERR_PTR(error);
	return tap;
}

static struct rh_tap *create_interface(struct rh_tap_file *file, const char *name,
				       unsigned int flags)
{
	struct net *net = sock_net(&file->sk);
	int error;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return ERR_PTR(-EPERM);
	error = security_tun_dev_create();
	if (error)
		return ERR_PTR(error);
	error = rh_tap_queue_resize(&file->queue, TUN_READQ_SIZE);
	if (error)
		return ERR_PTR(error);
	return rh_tap_netdev_create(net, *name ? name : "tap%d", flags & RH_TAP_FLAGS,
				    file->ifindex);
}

static int join(struct rh_tap_file *file, struct rh_tap *tap, unsigned int flags)
{
	int error;

	error = security_tun_dev_attach(&file->sk, tap->security);
	if (error)
		return error;
	WRITE_ONCE(tap->flags, (tap->flags & ~RH_TAP_FLAGS) | (flags & RH_TAP_FLAGS));
	rh_tap_queue_attach(&file->queue, tap, 0);
	if (flags & IFF_NO_CARRIER)
		netif_carrier_off(tap->dev);
	else
		netif_carrier_on(tap->dev);
	/* Offloads need the vnet header, which may have come or gone. */
	netdev_update_features(tap->dev);
	return 0;
}

/*
 * TUNSETIFF: make the interface ifr_name, or attach to it if it exists.
 * Errors: EEXIST this file has one; EINVAL flags, name, or not one of ours;
 * EPERM; EBUSY another file has it, IFF_TUN_EXCL, or index taken; ENOMEM.
 */
static int set_interface(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	/* Flags that change nothing here are let through for programs that pass them. */
	const unsigned int known = RH_TAP_FEATURES | IFF_TUN_EXCL | IFF_NOFILTER | IFF_PERSIST;
	struct ifreq *ifreq = &argument->ifreq;
	unsigned int flags = (u16)ifreq->ifr_flags;
	struct net_device *dev;
	int error;

	if (tap)
		return -EEXIST;
	if ((flags & ~known) || !(flags & IFF_TAP) || !(flags & IFF_NO_PI))
		return -EINVAL;
	ifreq->ifr_name[IFNAMSIZ - 1] = '\0';
	dev = __dev_get_by_name(sock_net(&file->sk), ifreq->ifr_name);
	tap = dev ? open_interface(file, dev, flags) :
		    create_interface(file, ifreq->ifr_name, flags);
	if (IS_ERR(tap))
		return PTR_ERR(tap);
	error = join(file, tap, flags);
	if (error) {
		if (!dev)
			unregister_netdevice(tap->dev);
		return error;
	}
	if (dev)
		netdev_state_change(dev);
	strscpy_pad(ifreq->ifr_name, tap->dev->name, IFNAMSIZ);
	return 0;
}

/* TUNSETIFINDEX: int, the index of the next interface made. EPERM has one; EINVAL negative. */
static int set_ifindex(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	if (tap)
		return -EPERM;
	if (argument->number < 0)
		return -EINVAL;
	file->ifindex = argument->number;
	return 0;
}

/* ---- asking ---- */

/* TUNGETFEATURES: int, the IFF_* flags that TUNSETIFF takes and that do something. */
static int get_features(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	argument->number = RH_TAP_FEATURES;
	return 0;
}

/* TUNGETIFF: struct ifreq, name and flags; no filter is ever attached. */
static int get_interface(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	struct ifreq *ifreq = &argument->ifreq;

	strscpy_pad(ifreq->ifr_name, tap->dev->name, IFNAMSIZ);
	ifreq->ifr_flags = tap->flags | IFF_NOFILTER;
	return 0;
}

/* ---- who, and how long ---- */

/* TUNSETPERSIST: by value, whether the interface outlives its file. */
static int set_persist(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
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
static int set_owner(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	kuid_t owner = make_kuid(current_user_ns(), argument->value);

	if (!uid_valid(owner))
		return -EINVAL;
	tap->owner = owner;
	netdev_state_change(tap->dev);
	return 0;
}

/* TUNSETGROUP: by value, a gid of the caller's user namespace. EINVAL not in it. */
static int set_group(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	kgid_t group = make_kgid(current_user_ns(), argument->value);

	if (!gid_valid(group))
		return -EINVAL;
	tap->group = group;
	netdev_state_change(tap->dev);
	return 0;
}

/* ---- how packets look ---- */

/* TUNSETOFFLOAD: by value, TUN_F_* bits; see rh_tap_netdev_set_offloads(). */
static int set_offload(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	return rh_tap_netdev_set_offloads(tap, argument->value);
}

/* TUNGETVNETHDRSZ: int, bytes. */
static int get_header_len(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	argument->number = tap->header_len;
	return 0;
}

/* TUNSETVNETHDRSZ: int, bytes, 10 to RH_TAP_HEADER_MAX; packets queued follow. EINVAL. */
static int set_header_len(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	int length = argument->number;

	if (length < (int)sizeof(struct virtio_net_hdr) || length > RH_TAP_HEADER_MAX)
		return -EINVAL;
	WRITE_ONCE(tap->header_len, length);
	return 0;
}

/* TUNGETVNETLE: int, 1 if TUNSETVNETLE made it so. */
static int get_little_endian(struct rh_tap_file *file, struct rh_tap *tap,
			     union argument *argument)
{
	argument->number = tap->little_endian;
	return 0;
}

/* TUNSETVNETLE: int; not 0: vnet headers are little endian, 0: of the host's order. */
static int set_little_endian(struct rh_tap_file *file, struct rh_tap *tap,
			     union argument *argument)
{
	WRITE_ONCE(tap->little_endian, argument->number != 0);
	return 0;
}

/* TUNGETSNDBUF: int, bytes. */
static int get_sndbuf(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	argument->number = tap->sndbuf;
	return 0;
}

/* TUNSETSNDBUF: int, bytes that written packets may hold; INT_MAX: no limit. EINVAL. */
static int set_sndbuf(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	if (argument->number <= 0)
		return -EINVAL;
	tap->sndbuf = argument->number;
	WRITE_ONCE(file->sk.sk_sndbuf, tap->sndbuf);
	return 0;
}

/* ---- the net_device ---- */

/* SIOCGIFHWADDR: struct ifreq, the Ethernet address; ifr_name is not looked at. */
static int get_address(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	struct ifreq *ifreq = &argument->ifreq;

	memset(&ifreq->ifr_hwaddr, 0, sizeof(ifreq->ifr_hwaddr));
	ifreq->ifr_hwaddr.sa_family = tap->dev->type;
	memcpy(ifreq->ifr_hwaddr.sa_data, tap->dev->dev_addr, ETH_ALEN);
	return 0;
}

/* SIOCSIFHWADDR: struct ifreq. EADDRNOTAVAIL multicast or zero; EINVAL family. */
static int set_address(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	struct sockaddr_storage address = { };

	memcpy(&address, &argument->ifreq.ifr_hwaddr, sizeof(argument->ifreq.ifr_hwaddr));
	return rh_compat_set_mac_address(tap->dev, &address);
}

/* TUNSETCARRIER: int, 0 off. */
static int set_carrier(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	return rh_tap_netdev_change_carrier(tap->dev, argument->number != 0);
}

static int refuse_unknown(struct rh_tap_file *file, struct rh_tap *tap, union argument *argument)
{
	return -EINVAL;
}

static const struct ioctl_entry entries[] = {
	{ TUNSETIFF, IFREQ_BYTES, IFREQ_BYTES, false, set_interface },
	{ TUNGETIFF, 0, IFREQ_BYTES, true, get_interface },
	{ TUNGETFEATURES, 0, sizeof(int), false, get_features },
	{ TUNSETIFINDEX, sizeof(int), 0, false, set_ifindex },
	{ TUNSETPERSIST, 0, 0, true, set_persist },
	{ TUNSETOWNER, 0, 0, true, set_owner },
	{ TUNSETGROUP, 0, 0, true, set_group },
	{ TUNSETOFFLOAD, 0, 0, true, set_offload },
	{ TUNGETVNETHDRSZ, 0, sizeof(int), true, get_header_len },
	{ TUNSETVNETHDRSZ, sizeof(int), 0, true, set_header_len },
	{ TUNGETVNETLE, 0, sizeof(int), true, get_little_endian },
	{ TUNSETVNETLE, sizeof(int), 0, true, set_little_endian },
	{ TUNGETSNDBUF, 0, sizeof(int), true, get_sndbuf },
	{ TUNSETSNDBUF, sizeof(int), 0, true, set_sndbuf },
	{ TUNSETCARRIER, sizeof(int), 0, true, set_carrier },
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
 * @cmd: TUN* of <linux/if_tun.h>, SIOCGIFHWADDR or SIOCSIFHWADDR
 * @arg: as defined there
 *
 * Return: 0; -EBADFD without an interface (most calls), -EFAULT, -EINVAL unknown
 * call or bad argument, and what the call's function returns.
 */
long rh_tap_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	const struct ioctl_entry *entry = find_entry(cmd);
	struct rh_tap_file *file = filp->private_data;
	void __user *user = (void __user *)arg;
	union argument argument = {};
	struct rh_tap *tap;
	int error = -EBADFD;

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
