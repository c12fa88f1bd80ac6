// SPDX-License-Identifier: GPL-2.0-only
/*
 * ringhost_tap: a network interface whose wire is a file descriptor, spoken to
 * as /dev/net/tun is (<linux/if_tun.h>), or a port of ringhost_net. It stands
 * at the host's end of stage (3).
 *
 *	host stack                       interface           file
 *	  ndo_start_xmit  ----------->  struct rh_tap        struct rh_tap_file
 *	                                  slots[i].queue ->    queue.ring  -> read(), port consume
 *	  netif_receive_skb, GRO  <---                <-     queue.tap     <- write(), port inject
 *
 * A file has one queue; an interface has one, or up to 256 (IFF_MULTI_QUEUE), and
 * those in use fill its slots from the first on. When one leaves, the last takes
 * its slot. A disabled queue has no slot, but still has its interface.
 *
 * Interface and file come and go independently. Neither holds a reference to
 * the other: the two pointers between them (slots[i].queue and queue.tap) are
 * written under RTNL and read under RCU.
 *
 *	open()            makes the file; both pointers NULL
 *	TUNSETIFF         makes or finds the interface and joins the two
 *	TUNSETQUEUE       disables and enables a queue, on an interface of several
 *	close()           parts them, frees the file; an interface that is not
 *	                  persistent goes with its last
 *	ip link delete,   ndo_uninit parts them; the files stay, their calls return
 *	namespace exit,   -EBADFD, until closed or joined to another interface
 *	module unload
 *
 * Parting clears both pointers, waits for a grace period and empties the ring.
 * So whoever uses the other side stays inside one RCU read-side section, and
 * nobody copies from or to user memory inside one: a writer whose memory never
 * arrives does not hold up the deletion of an interface.
 *
 * Locks, outermost first: RTNL; the netdev queue's lock (ndo_start_xmit); the
 * ring's consumer_lock, producer_lock; queue.wake_lock. An open file or a
 * written packet charged to one holds the module; an interface does not, and
 * unloading deletes those that are persistent.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "fragment.h"
#include "tap.h"

static int __init tap_init(void)
{
	int error;

	error = rh_tap_link_init();
	if (error)
		return error;
	rh_tap_port_init();
	error = rh_tap_file_init();
	if (error)
		goto exit_port;
	return 0;

exit_port:
	rh_tap_port_exit();
	rh_tap_link_exit();
	return error;
}

static void __exit tap_exit(void)
{
	rh_tap_file_exit();
	rh_tap_port_exit();
	rh_tap_link_exit();
	rh_tap_fragment_exit();
}

module_init(tap_init);
module_exit(tap_exit);

MODULE_DESCRIPTION("ringhost: tap interface over a character device");
MODULE_LICENSE("GPL");
MODULE_ALIAS("devname:" RH_TAP_NAME);
