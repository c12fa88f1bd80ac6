// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) pop and (4) publish: a virtqueue as the device sees it, whatever its format.
 *
 * Everything here runs with the owner's mm in use and the queue's lock held: in
 * the worker, or in the ioctl that starts the queue. Nothing here knows queues,
 * devices or eventfds, and this file, split.c, packed.c and chain.c compile unchanged in
 * userspace, where the unit tests live.
 *
 * The ring and all it points to may change under our feet. Each field is copied
 * once, checked, and only the copy is used. A content that is refused leaves the
 * name of the reject in ring->reject; queue.c breaks the queue for it.
 *
 *	pop ------> outstanding -- push --> pending -- stage --> staged -- publish --> the driver's
 *	                 |                     ^
 *	                 +-- order, until all popped earlier are pushed (IN_ORDER only)
 */
#include <linux/slab.h>

#include "format.h"

static int alloc_tables(struct rh_ring *ring)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT;

	ring->iov = kvmalloc_array(RH_CHAIN_MAX, sizeof(*ring->iov), gfp);
	ring->table = kvmalloc_array(RH_CHAIN_MAX, sizeof(struct vring_desc), gfp);
	if (!ring->iov || !ring->table)
		return -ENOMEM;
	if (ring->packed) {
		ring->slots = kvmalloc_array(ring->num, sizeof(*ring->slots), gfp);
		if (!ring->slots)
			return -ENOMEM;
	}
	if (ring->in_order) {
		ring->order = kvmalloc_array(ring->num, sizeof(*ring->order), gfp);
		ring->order_of = kvmalloc_array(ring->num, sizeof(*ring->order_of),
						gfp | __GFP_ZERO);
		if (!ring->order || !ring->order_of)
			return -ENOMEM;
	}
	return 0;
}

/**
 * rh_ring_alloc - make room for what a ring of this size and format needs
 * @ring: the ring
 *
 * Return: 0 or -ENOMEM.
 */
int rh_ring_alloc(struct rh_ring *ring)
{
	int err = alloc_tables(ring);

	if (err)
		rh_ring_free(ring);
	return err;
}

/**
 * rh_ring_free - undo rh_ring_alloc()
 * @ring: the ring
 */
void rh_ring_free(struct rh_ring *ring)
{
	kvfree(ring->iov);
	kvfree(ring->table);
	kvfree(ring->slots);
	kvfree(ring->order);
	kvfree(ring->order_of);
	ring->iov = NULL;
	ring->table = NULL;
	ring->slots = NULL;
	ring->order = NULL;
	ring->order_of = NULL;
}

/**
 * rh_ring_base_ok - whether the ring's size and base suit its format
 * @ring: the ring
 */
bool rh_ring_base_ok(const struct rh_ring *ring)
{
	if (!ring->packed)
		return !(ring->num & (ring->num - 1)) && ring->base <= U16_MAX;
	return (ring->base & (RH_PACKED_WRAP - 1)) < ring->num &&
	       (ring->base >> 16 & (RH_PACKED_WRAP - 1)) < ring->num;
}

/**
 * rh_ring_addresses_ok - whether the ring may be touched at all
 * @ring: the ring
 *
 * Return: true if its size is set and its areas lie in the owner's half of the
 * address space. Whether memory is there shows on access.
 */
bool rh_ring_addresses_ok(const struct rh_ring *ring)
{
	size_t desc, driver, device;

	desc = rh_ring_bytes(ring, &driver, &device);
	return ring->num && access_ok(ring->desc.user, desc) &&
	       access_ok(ring->driver.user, driver) && access_ok(ring->device.user, device);
}

/**
 * rh_ring_device_bytes - size of a ring's device area
 * @ring: the ring; its size and format are set
 */
size_t rh_ring_device_bytes(const struct rh_ring *ring)
{
	size_t driver, device;

	rh_ring_bytes(ring, &driver, &device);
	return device;
}

/**
 * rh_ring_log - log a write to the ring; the log is on
 * @ring: the ring
 * @area: one of its areas
 * @offset: where in it the write began
 * @bytes: how long it was
 */
void rh_ring_log(struct rh_ring *ring, const struct rh_area *area, size_t offset, size_t bytes)
{
	struct rh_log *log = &ring->log;

	if (area == &ring->device && log->device_given)
		rh_log_guest(log, log->device_address + offset, bytes);
	else if (log->everything && area->user)
		rh_log_user(log, area->user + offset, bytes);
	else if (log->everything)
		rh_log_translated(log, area->address + offset, bytes);
}

/**
 * rh_ring_map - reach the ring through kernel mappings
 * @ring: the ring
 * @mm: the owner's memory, which is current->mm
 *
 * Return: 0 if all three areas are mapped, else an error, and none is.
 */
int rh_ring_map(struct rh_ring *ring, struct mm_struct *mm)
{
	size_t desc, driver, device;
	int err;

	desc = rh_ring_bytes(ring, &driver, &device);
	err = rh_area_map(&ring->desc, mm, desc);
	if (!err)
		err = rh_area_map(&ring->driver, mm, driver);
	if (!err)
		err = rh_area_map(&ring->device, mm, device);
	if (err)
		rh_ring_unmap(ring, mm);
	return err;
}

/**
 * rh_ring_unmap - undo rh_ring_map()
 * @ring: the ring, mapped or not
 * @mm: as then
 */
void rh_ring_unmap(struct rh_ring *ring, struct mm_struct *mm)
{
	rh_area_unmap(&ring->desc, mm);
	rh_area_unmap(&ring->driver, mm);
	rh_area_unmap(&ring->device, mm);
}

/**
 * rh_ring_resume - take up work where it was left
 * @ring: the ring; allocated, its areas in place
 *
 * Return: 0 or -EFAULT.
 */
int rh_ring_resume(struct rh_ring *ring)
{
	int err = ring->packed ? rh_packed_resume(ring) : rh_split_resume(ring);

	if (err)
		return err;
	ring->pending_count = 0;
	ring->staged = 0;
	ring->staged_chains = 0;
	ring->outstanding = 0;
	ring->uncalled = 0;
	ring->call_first = true;
	ring->order_first = 0;
	ring->order_count = 0;
	rh_ring_forget(ring);
	return rh_ring_disable_kick(ring);
}

/**
 * rh_ring_get_base - where the ring stands, as VHOST_GET_VRING_BASE has it
 * @ring: the ring
 */
u32 rh_ring_get_base(const struct rh_ring *ring)
{
	return ring->packed ? ring->avail_next | (u32)ring->used_next << 16 : ring->avail_next;
}

/**
 * rh_ring_forget - drop what was read ahead: the ring's memory is another one
 * @ring: the ring
 */
void rh_ring_forget(struct rh_ring *ring)
{
	ring->avail_seen = ring->avail_next;
	ring->heads_count = 0;
}

/* An index in ring->order: @index is less than twice the ring's size. */
static unsigned int wrap(const struct rh_ring *ring, unsigned int index)
{
	return index < ring->num ? index : index - ring->num;
}

/* Whether a chain of this name is still held; only the first one can be told to be done. */
static bool order_holds(const struct rh_ring *ring, u16 head)
{
	unsigned int index = ring->order_of[head];
	unsigned int age = wrap(ring, index + ring->num - ring->order_first);

	return age < ring->order_count && ring->order[index].used.head == head;
}

static int order_pop(struct rh_ring *ring, u16 head, u16 slots)
{
	unsigned int index = wrap(ring, ring->order_first + ring->order_count);

	if (order_holds(ring, head))
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_HEAD);
	ring->order[index] = (struct rh_order) { .used = { .head = head, .slots = slots } };
	ring->order_of[head] = index;
	ring->order_count++;
	return 0;
}

/* What the walk adds to; it sets the rest. */
static void chain_init(struct rh_chain *chain)
{
	chain->out_count = 0;
	chain->in_count = 0;
	chain->out_bytes = 0;
	chain->in_bytes = 0;
	chain->descriptors = 0;
}

/* Account for a chain that was found. */
static int take(struct rh_ring *ring, u16 head, u16 slots)
{
	int err = 0;

	/* The driver reuses entries that it has not got back. */
	if (ring->outstanding == ring->num)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_AVAIL_INDEX);
	if (ring->in_order)
		err = order_pop(ring, head, slots);
	if (!err)
		ring->outstanding++;
	return err;
}

/**
 * rh_ring_pop - take the next chain the driver has offered
 * @ring: the ring
 * @memory: the guest's memory
 * @chain: receives the chain; valid until the next pop
 *
 * Return: 1 with a chain, 0 without; -EAGAIN: the vIOMMU's table lacks ring->miss;
 * -EPROTO or -EFAULT: refused, ring->reject says why, and the ring is of no use until it is
 * resumed. Without a chain the ring stands before it.
 */
int rh_ring_pop(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain)
{
	const u16 position = ring->avail_next;
	int slots, err;

	chain_init(chain);
	slots = ring->packed ? rh_packed_pop(ring, memory, chain) :
			       rh_split_pop(ring, memory, chain);
	if (slots <= 0)
		return slots;
	err = take(ring, chain->head, slots);
	if (err) {
		ring->avail_next = position;
		return err;
	}
	chain->out = ring->iov;
	chain->in = ring->iov + chain->out_count;
	return 1;
}

/**
 * rh_ring_rewind - give back all chains popped since, to be popped again
 * @ring: the ring; nothing was pushed since
 * @position: from rh_ring_position()
 */
void rh_ring_rewind(struct rh_ring *ring, struct rh_position position)
{
	ring->avail_next = position.avail;
	ring->outstanding = position.outstanding;
	ring->order_count = position.order_count;
}

static int stage(struct rh_ring *ring)
{
	int err = ring->packed ? rh_packed_stage(ring) : rh_split_stage(ring);

	ring->pending_count = 0;
	return err;
}

static int add_pending(struct rh_ring *ring, const struct rh_used *used)
{
	ring->pending[ring->pending_count++] = *used;
	return ring->pending_count == RH_RING_BATCH ? stage(ring) : 0;
}

/* Note the chain, and let go of all those at the front that are done. */
static int order_push(struct rh_ring *ring, const struct rh_used *used)
{
	struct rh_order *order = &ring->order[ring->order_of[used->head]];
	int err;

	order->used.written = used->written;
	order->done = true;
	while (ring->order_count) {
		order = &ring->order[ring->order_first];
		if (!order->done)
			break;
		err = add_pending(ring, &order->used);
		if (err)
			return err;
		ring->order_first = wrap(ring, ring->order_first + 1);
		ring->order_count--;
	}
	return 0;
}

/**
 * rh_ring_push - note a chain as used; the driver sees it with rh_ring_publish()
 * @ring: the ring
 * @head: the chain's name
 * @written: bytes written to its buffers
 *
 * However many are pushed, they appear at once: a packet in many buffers needs that.
 *
 * Return: 0 or -EFAULT.
 */
int rh_ring_push(struct rh_ring *ring, u16 head, u32 written)
{
	struct rh_used used = {
		.head = head,
		.slots = ring->packed ? ring->slots[head] : 1,
		.written = written,
	};

	return ring->in_order ? order_push(ring, &used) : add_pending(ring, &used);
}

/**
 * rh_ring_publish - make what was pushed visible at once
 * @ring: the ring; rh_ring_has_unpublished()
 *
 * Return: 0 or -EFAULT.
 */
int rh_ring_publish(struct rh_ring *ring)
{
	int err = stage(ring);

	if (!err && ring->staged_chains)
		err = ring->packed ? rh_packed_publish(ring) : rh_split_publish(ring);
	ring->outstanding -= ring->staged_chains;
	ring->uncalled += ring->staged;
	ring->staged = 0;
	ring->staged_chains = 0;
	return err;
}

/**
 * rh_ring_needs_call - whether the driver asked to hear of what was published
 * @ring: the ring
 *
 * Return: 1 or 0; -EFAULT.
 */
int rh_ring_needs_call(struct rh_ring *ring)
{
	int ret;

	/*
	 * What was published is visible before the driver's wish is read; pairs with the
	 * driver's full barrier between wishing and looking at the ring again
	 * (virtio 1.3, 2.7.7 and 2.7.10; 2.8.10).
	 */
	smp_mb();
	ret = ring->packed ? rh_packed_needs_call(ring) : rh_split_needs_call(ring);
	/* The wish may be older than the start: with an event index it may never come true. */
	if (!ret && ring->event_idx && ring->call_first)
		ret = 1;
	ring->uncalled = 0;
	ring->call_first = false;
	return ret;
}

/**
 * rh_ring_disable_kick - tell the driver that kicks are a waste
 * @ring: the ring
 *
 * Return: 0 or -EFAULT.
 */
int rh_ring_disable_kick(struct rh_ring *ring)
{
	return ring->packed ? rh_packed_disable_kick(ring) : rh_split_disable_kick(ring);
}

/**
 * rh_ring_has_more - whether the driver has offered what rh_ring_pop() has not seen yet
 * @ring: the ring
 *
 * Return: 1 or 0; -EFAULT.
 */
int rh_ring_has_more(struct rh_ring *ring)
{
	return ring->packed ? rh_packed_has_more(ring) : rh_split_has_more(ring);
}

/**
 * rh_ring_enable_kick - ask for a kick with the next chain, and look once more
 * @ring: the ring
 *
 * Return: 1 if the driver has offered chains that rh_ring_pop() has not seen yet, so no
 * kick may come for them; 0 if not; -EFAULT. Chains given back by rh_ring_rewind() have
 * been seen: who waits for more of them does not spin.
 */
int rh_ring_enable_kick(struct rh_ring *ring)
{
	return ring->packed ? rh_packed_enable_kick(ring) : rh_split_enable_kick(ring);
}
