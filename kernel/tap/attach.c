// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files and their interfaces: who may have which (TUNSETIFF), and which queues are
 * in use (TUNSETQUEUE).
 *
 * Runs in the caller's process context under RTNL, beside stage (3). Entry points:
 * the attach.c section of ioctl.h, called by rh_tap_ioctl().
 */
#include <linux/cred.h>
#include <linux/security.h>

#include "ioctl.h"

/* Who may attach: like tun, who matches all that is set, and the administrator. */
static bool may_attach(const struct rh_tap *tap)
{
	const struct cred *cred = current_cred();

	if ((uid_valid(tap->owner) || gid_valid(tap->group)) &&
	    (!uid_valid(tap->owner) || uid_eq(cred->euid, tap->owner)) &&
	    (!gid_valid(tap->group) || in_egroup_p(tap->group)))
		return true;
	return ns_capable(dev_net(tap->dev)->user_ns, CAP_NET_ADMIN);
}

static struct rh_tap *open_interface(struct net_device *dev, unsigned int flags)
{
	struct rh_tap *tap;
	int error;

	if (flags & IFF_TUN_EXCL)
		return ERR_PTR(-EBUSY);
	if (!rh_tap_netdev_is_ours(dev))
		return ERR_PTR(-EINVAL);
	tap = netdev_priv(dev);
	if (!(flags & tap->flags & TUN_TYPE_MASK) || (flags ^ tap->flags) & IFF_MULTI_QUEUE)
		return ERR_PTR(-EINVAL);
	if (!may_attach(tap))
		return ERR_PTR(-EPERM);
	error = security_tun_dev_open(tap->security);
	if (error)
		return ERR_PTR(error);
	return tap;
}

static struct rh_tap *create_interface(struct rh_tap_file *file, const char *name,
				       unsigned int flags)
{
	/* Who asks for both modes gets this one, as from tun. */
	unsigned int type = flags & IFF_TUN ? IFF_TUN : flags & IFF_TAP;
	struct net *net = sock_net(&file->sk);
	int error;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return ERR_PTR(-EPERM);
	error = security_tun_dev_create();
	if (error)
		return ERR_PTR(error);
	if (!type)
		return ERR_PTR(-EINVAL);
	if (!*name)
		name = type == IFF_TUN ? "tun%d" : "tap%d";
	return rh_tap_netdev_create(net, name, type | (flags & RH_TAP_FLAGS), file->ifindex);
}

static int join(struct rh_tap_file *file, struct rh_tap *tap, unsigned int flags)
{
	int error;

	error = security_tun_dev_attach(&file->sk, tap->security);
	if (error)
		return error;
	/* Most have this bit, for it is IFF_NO_PI's as well. */
	WRITE_ONCE(file->queue.filtered, !(flags & IFF_NOFILTER));
	WRITE_ONCE(file->queue.layer3, tap->flags & IFF_TUN);
	WRITE_ONCE(file->queue.segments, flags & IFF_NAPI_FRAGS);
	error = rh_tap_slots_attach(tap, &file->queue);
	if (error)
		return error;
	/* What the others of several rely on is not for a newcomer to change. */
	if (tap->queue_count + tap->disabled_count == 1)
		WRITE_ONCE(tap->flags, (tap->flags & ~RH_TAP_FLAGS) | (flags & RH_TAP_FLAGS));
	if (flags & IFF_NO_CARRIER)
		netif_carrier_off(tap->dev);
	else
		netif_carrier_on(tap->dev);
	/* Offloads need the vnet header, which may have come or gone. */
	netdev_update_features(tap->dev);
	return 0;
}

/* IFF_NAPI_FRAGS reaches more of the stack than users are trusted with. */
static int check_segments(unsigned int flags)
{
	if (!(flags & IFF_NAPI_FRAGS))
		return 0;
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	return flags & IFF_NAPI && (flags & TUN_TYPE_MASK) == IFF_TAP ? 0 : -EINVAL;
}

/*
 * TUNSETIFF: make the interface ifr_name, or attach to it if it exists. As in tun, flags that
 * mean nothing are ignored.
 * Errors: EEXIST this file has one; EINVAL mode, name, or not one of ours; EPERM;
 * EBUSY another file has it, IFF_TUN_EXCL, or index taken; E2BIG too many; ENOMEM.
 */
int rh_tap_attach_interface(struct rh_tap_file *file, struct rh_tap *tap,
			    union rh_tap_argument *argument)
{
	struct ifreq *ifreq = &argument->ifreq;
	unsigned int flags = (u16)ifreq->ifr_flags;
	struct net_device *dev;
	int error;

	if (tap)
		return -EEXIST;
	error = check_segments(flags);
	if (error)
		return error;
	ifreq->ifr_name[IFNAMSIZ - 1] = '\0';
	dev = __dev_get_by_name(sock_net(&file->sk), ifreq->ifr_name);
	tap = dev ? open_interface(dev, flags) :
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

/*
 * TUNSETQUEUE: struct ifreq, IFF_ATTACH_QUEUE or IFF_DETACH_QUEUE: let packets pass
 * the file's queue or not. Errors: EINVAL neither, no interface, not one of several
 * queues, or already so; ENOMEM.
 */
int rh_tap_attach_queue(struct rh_tap_file *file, struct rh_tap *tap,
			union rh_tap_argument *argument)
{
	struct rh_tap_queue *queue = &file->queue;
	int error;

	if (!tap)
		return -EINVAL;
	if (argument->ifreq.ifr_flags & IFF_ATTACH_QUEUE) {
		if (!queue->disabled)
			return -EINVAL;
		error = security_tun_dev_attach_queue(tap->security);
		if (!error)
			error = rh_tap_slots_enable(tap, queue);
		if (error)
			return error;
	} else if (argument->ifreq.ifr_flags & IFF_DETACH_QUEUE) {
		if (queue->disabled || !(tap->flags & IFF_MULTI_QUEUE))
			return -EINVAL;
		rh_tap_slots_disable(tap, queue);
	} else {
		return -EINVAL;
	}
	netdev_state_change(tap->dev);
	return 0;
}

/* TUNSETIFINDEX: int, the index of the next interface made. EPERM has one; EINVAL negative. */
int rh_tap_attach_set_ifindex(struct rh_tap_file *file, struct rh_tap *tap,
			      union rh_tap_argument *argument)
{
	if (tap)
		return -EPERM;
	if (argument->number < 0)
		return -EINVAL;
	file->ifindex = argument->number;
	return 0;
}
