// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) pop and (4) publish: the split virtqueue as the device sees it; virtio
 * 1.3, 2.7.
 *
 * Everything here runs with the owner's mm in use and the queue's lock held: in
 * the worker, or in the ioctl that starts the queue. Nothing here knows queues,
 * devices or eventfds, and the file compiles unchanged in userspace, where the
 * unit tests live.
 *
 * The ring and all it points to may change under our feet. Each field is copied
 * once, checked, and only the copy is used. A content that is refused leaves the
 * name of the reject in ring->reject; queue.c breaks the queue for it.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_byteorder.h>

#include "../../uapi/ringhost.h"
#include "ring.h"

static int reject(struct rh_ring *ring, enum ringhost_vring_stat why)
{
	ring->reject = why;
	return -EPROTO;
}

static int ring_fault(struct rh_ring *ring)
{
	reject(ring, RINGHOST_STAT_REJECT_RING_FAULT);
	return -EFAULT;
}

static u16 to_cpu16(const struct rh_ring *ring, __virtio16 value)
{
	return __virtio16_to_cpu(ring->little_endian, value);
}

static u32 to_cpu32(const struct rh_ring *ring, __virtio32 value)
{
	return __virtio32_to_cpu(ring->little_endian, value);
}

static u64 to_cpu64(const struct rh_ring *ring, __virtio64 value)
{
	return __virtio64_to_cpu(ring->little_endian, value);
}

static __virtio16 from_cpu16(const struct rh_ring *ring, u16 value)
{
	return __cpu_to_virtio16(ring->little_endian, value);
}

/* With EVENT_IDX the word behind the avail ring: when the driver wants a call. */
static __virtio16 __user *used_event(const struct rh_ring *ring)
{
	return &ring->avail->ring[ring->num];
}

/* With EVENT_IDX the word behind the used ring: when we want a kick. */
static __virtio16 __user *avail_event(const struct rh_ring *ring)
{
	return (__virtio16 __user *)&ring->used->ring[ring->num];
}

/**
 * rh_ring_alloc - make room for one chain
 * @ring: the ring; its room may exist already
 *
 * Return: 0 or -ENOMEM.
 */
int rh_ring_alloc(struct rh_ring *ring)
{
	if (!ring->iov)
		ring->iov = kvmalloc_array(RH_CHAIN_MAX, sizeof(*ring->iov), GFP_KERNEL_ACCOUNT);
	if (!ring->table)
		ring->table = kvmalloc_array(RH_CHAIN_MAX, sizeof(*ring->table),
					     GFP_KERNEL_ACCOUNT);
	return ring->iov && ring->table ? 0 : -ENOMEM;
}

/**
 * rh_ring_free - undo rh_ring_alloc()
 * @ring: the ring
 */
void rh_ring_free(struct rh_ring *ring)
{
	kvfree(ring->iov);
	kvfree(ring->table);
	ring->iov = NULL;
	ring->table = NULL;
}

/**
 * rh_ring_addresses_ok - whether the ring may be touched at all
 * @ring: the ring
 *
 * Return: true if its size is set and its three parts lie in the owner's half of the
 * address space. Whether memory is there shows on access.
 */
bool rh_ring_addresses_ok(const struct rh_ring *ring)
{
	const size_t event = sizeof(__virtio16);

	return ring->num &&
	       access_ok(ring->desc, array_size(ring->num, sizeof(*ring->desc))) &&
	       access_ok(ring->avail, struct_size(ring->avail, ring, ring->num) + event) &&
	       access_ok(ring->used, struct_size(ring->used, ring, ring->num) + event);
}

/**
 * rh_ring_resume - take up work where the ring's memory says it was left
 * @ring: the ring; @avail_next is set
 *
 * Return: 0 or -EFAULT.
 */
int rh_ring_resume(struct rh_ring *ring)
{
	__virtio16 index;

	if (get_user(index, &ring->used->idx))
		return -EFAULT;
	ring->used_next = to_cpu16(ring, index);
	ring->used_signalled_valid = false;
	ring->pending_count = 0;
	ring->staged = 0;
	ring->outstanding = 0;
	rh_ring_rewind(ring, ring->avail_next);
	return rh_ring_disable_kick(ring);
}

/**
 * rh_ring_rewind - forget what was read ahead
 * @ring: the ring
 * @avail_next: avail index of the next chain to pop
 */
void rh_ring_rewind(struct rh_ring *ring, u16 avail_next)
{
	ring->avail_next = avail_next;
	ring->avail_seen = avail_next;
	ring->heads_count = 0;
}

static bool head_is_cached(const struct rh_ring *ring)
{
	return (u16)(ring->avail_next - ring->heads_first) < ring->heads_count;
}

/* Copy as many heads as one access gives: up to a batch, up to the ring's end. */
static int read_heads(struct rh_ring *ring)
{
	u16 slot = ring->avail_next & (ring->num - 1);
	unsigned int count = (u16)(ring->avail_seen - ring->avail_next);

	count = min3(count, ring->num - slot, (unsigned int)RH_RING_BATCH);
	if (copy_from_user(ring->heads, &ring->avail->ring[slot], count * sizeof(ring->heads[0])))
		return ring_fault(ring);
	ring->heads_first = ring->avail_next;
	ring->heads_count = count;
	return 1;
}

/* 1: the head at avail_next is in ring->heads; 0: the driver has offered no more. */
static int fetch_heads(struct rh_ring *ring)
{
	__virtio16 index;

	if (head_is_cached(ring))
		return 1;
	if (ring->avail_seen == ring->avail_next) {
		if (get_user(index, &ring->avail->idx))
			return ring_fault(ring);
		ring->avail_seen = to_cpu16(ring, index);
		if (ring->avail_seen == ring->avail_next)
			return 0;
		if ((u16)(ring->avail_seen - ring->avail_next) > ring->num) {
			ring->avail_seen = ring->avail_next;
			return reject(ring, RINGHOST_STAT_REJECT_AVAIL_INDEX);
		}
		/*
		 * Heads and descriptors are read after the index that announced
		 * them; pairs with the driver's write barrier before it moves
		 * avail->idx (virtio 1.3, 2.7.13.3).
		 */
		smp_rmb();
	}
	return read_heads(ring);
}

/* A descriptor, its byte order settled. */
struct descriptor {
	u64 address;
	u32 length;
	u16 flags;
	u16 next;
};

static struct descriptor decode(const struct rh_ring *ring, const struct vring_desc *raw)
{
	return (struct descriptor) {
		.address = to_cpu64(ring, raw->addr),
		.length = to_cpu32(ring, raw->len),
		.flags = to_cpu16(ring, raw->flags),
		.next = to_cpu16(ring, raw->next),
	};
}

static unsigned int chain_ranges(const struct rh_chain *chain)
{
	return chain->out_count + chain->in_count;
}

/* Translate one buffer and append it to the chain. */
static int add_buffer(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain,
		      const struct descriptor *desc)
{
	unsigned int used = chain_ranges(chain);
	int count;

	if (!desc->length)
		return reject(ring, RINGHOST_STAT_REJECT_ZERO_LENGTH);
	if (++chain->descriptors > RH_CHAIN_MAX)
		return reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
	if (!(desc->flags & VRING_DESC_F_WRITE) && chain->in_count)
		return reject(ring, RINGHOST_STAT_REJECT_ORDER);
	count = rh_memory_translate(memory, &ring->region_hint, desc->address, desc->length,
				    ring->iov + used, RH_CHAIN_MAX - used);
	if (count == -ENOBUFS)
		return reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
	if (count < 0)
		return reject(ring, RINGHOST_STAT_REJECT_ADDRESS);
	if (desc->flags & VRING_DESC_F_WRITE) {
		chain->in_count += count;
		chain->in_bytes += desc->length;
	} else {
		chain->out_count += count;
		chain->out_bytes += desc->length;
	}
	return 0;
}

/* Copy a whole indirect table to ring->table; returns its number of descriptors. */
static int read_table(struct rh_ring *ring, const struct rh_memory *memory,
		      const struct rh_chain *chain, const struct descriptor *desc)
{
	unsigned int used = chain_ranges(chain);
	unsigned int size = desc->length / sizeof(*ring->table);
	struct iovec *pieces = ring->iov + used;	/* free until the first buffer is added */
	void *to = ring->table;
	int count, i;

	if (!ring->indirect)
		return reject(ring, RINGHOST_STAT_REJECT_INDIRECT_FEATURE);
	if (desc->flags & VRING_DESC_F_NEXT)
		return reject(ring, RINGHOST_STAT_REJECT_INDIRECT_NESTED);
	if (!size || desc->length % sizeof(*ring->table) || size > RH_CHAIN_MAX)
		return reject(ring, RINGHOST_STAT_REJECT_INDIRECT_SIZE);
	count = rh_memory_translate(memory, &ring->region_hint, desc->address, desc->length,
				    pieces, RH_CHAIN_MAX - used);
	if (count < 0)
		return reject(ring, RINGHOST_STAT_REJECT_ADDRESS);
	for (i = 0; i < count; i++) {
		if (copy_from_user(to, pieces[i].iov_base, pieces[i].iov_len))
			return reject(ring, RINGHOST_STAT_REJECT_ADDRESS);
		to += pieces[i].iov_len;
	}
	return size;
}

static int walk_table(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain,
		      const struct descriptor *indirect)
{
	int size = read_table(ring, memory, chain, indirect);
	unsigned int visited = 0, next = 0;
	struct descriptor desc;
	int err;

	if (size < 0)
		return size;
	do {
		if (next >= size)
			return reject(ring, RINGHOST_STAT_REJECT_NEXT);
		if (visited++ == size)
			return reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
		desc = decode(ring, &ring->table[next]);
		if (desc.flags & VRING_DESC_F_INDIRECT)
			return reject(ring, RINGHOST_STAT_REJECT_INDIRECT_NESTED);
		err = add_buffer(ring, memory, chain, &desc);
		if (err)
			return err;
		next = desc.next;
	} while (desc.flags & VRING_DESC_F_NEXT);
	return 0;
}

static int walk_chain(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain)
{
	unsigned int visited = 0, next = chain->head;
	struct vring_desc raw;
	struct descriptor desc;
	int err;

	do {
		if (next >= ring->num)
			return reject(ring, visited ? RINGHOST_STAT_REJECT_NEXT :
						      RINGHOST_STAT_REJECT_HEAD);
		if (visited++ == ring->num)
			return reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
		if (copy_from_user(&raw, &ring->desc[next], sizeof(raw)))
			return ring_fault(ring);
		desc = decode(ring, &raw);
		err = desc.flags & VRING_DESC_F_INDIRECT ? walk_table(ring, memory, chain, &desc) :
							   add_buffer(ring, memory, chain, &desc);
		if (err)
			return err;
		next = desc.next;
		/* walk_table() has refused a table that is not the chain's last descriptor. */
	} while (desc.flags & VRING_DESC_F_NEXT);
	return 0;
}

/**
 * rh_ring_pop - take the next chain the driver has offered
 * @ring: the ring
 * @memory: the guest's memory
 * @chain: receives the chain; valid until the next pop
 *
 * Return: 1 with a chain, 0 without; -EPROTO or -EFAULT: refused, ring->reject says why
 * and the position has not moved.
 */
int rh_ring_pop(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain)
{
	int ret = fetch_heads(ring);

	if (ret <= 0)
		return ret;
	/* The driver reuses descriptors that it has not got back. */
	if (ring->outstanding == ring->num)
		return reject(ring, RINGHOST_STAT_REJECT_AVAIL_INDEX);
	*chain = (struct rh_chain) {
		.head = to_cpu16(ring, ring->heads[(u16)(ring->avail_next - ring->heads_first)]),
	};
	ret = walk_chain(ring, memory, chain);
	if (ret)
		return ret;
	chain->out = ring->iov;
	chain->in = ring->iov + chain->out_count;
	ring->avail_next++;
	ring->outstanding++;
	return 1;
}

/**
 * rh_ring_unpop - give the chains popped last back, to be popped again
 * @ring: the ring
 * @chains: how many
 */
void rh_ring_unpop(struct rh_ring *ring, unsigned int chains)
{
	ring->avail_next -= chains;
	ring->outstanding -= chains;
}

/* Write the pending entries behind those already in the used ring, for later publication. */
static int stage_pending(struct rh_ring *ring)
{
	u16 slot = (ring->used_next + ring->staged) & (ring->num - 1);
	unsigned int count = ring->pending_count;
	unsigned int first = min(count, ring->num - slot);

	ring->pending_count = 0;
	if (copy_to_user(&ring->used->ring[slot], ring->pending,
			 first * sizeof(ring->pending[0])) ||
	    copy_to_user(ring->used->ring, ring->pending + first,
			 (count - first) * sizeof(ring->pending[0])))
		return ring_fault(ring);
	ring->staged += count;
	return 0;
}

/**
 * rh_ring_push - note a chain as used; the driver sees it with rh_ring_publish()
 * @ring: the ring
 * @head: the chain's head
 * @written: bytes written to its buffers
 *
 * However many are pushed, they appear at once: a packet in many buffers needs that.
 *
 * Return: 0 or -EFAULT.
 */
int rh_ring_push(struct rh_ring *ring, u16 head, u32 written)
{
	ring->pending[ring->pending_count++] = (struct vring_used_elem) {
		.id = __cpu_to_virtio32(ring->little_endian, head),
		.len = __cpu_to_virtio32(ring->little_endian, written),
	};
	return ring->pending_count == RH_RING_BATCH ? stage_pending(ring) : 0;
}

/**
 * rh_ring_publish - make what was pushed visible with one index write
 * @ring: the ring
 *
 * Return: 0 or -EFAULT.
 */
int rh_ring_publish(struct rh_ring *ring)
{
	int err = stage_pending(ring);

	if (err)
		return err;
	ring->used_next += ring->staged;
	ring->outstanding -= ring->staged;
	ring->staged = 0;
	/*
	 * Buffers and entries before the index; pairs with the driver's read
	 * barrier after it has seen used->idx move (virtio 1.3, 2.7.14).
	 */
	smp_wmb();
	if (put_user(from_cpu16(ring, ring->used_next), &ring->used->idx))
		return ring_fault(ring);
	return 0;
}

/**
 * rh_ring_needs_call - whether the driver asked to hear of what was published
 * @ring: the ring
 *
 * Return: 1 or 0; -EFAULT.
 */
int rh_ring_needs_call(struct rh_ring *ring)
{
	u16 previous = ring->used_signalled;
	bool valid = ring->used_signalled_valid;
	__virtio16 word;

	/*
	 * The index is visible before the driver's wish is read; pairs with the
	 * driver's full barrier between wishing and looking at used->idx again
	 * (virtio 1.3, 2.7.7 and 2.7.10).
	 */
	smp_mb();
	if (!ring->event_idx) {
		if (get_user(word, &ring->avail->flags))
			return ring_fault(ring);
		return !(to_cpu16(ring, word) & VRING_AVAIL_F_NO_INTERRUPT);
	}
	if (get_user(word, used_event(ring)))
		return ring_fault(ring);
	ring->used_signalled = ring->used_next;
	ring->used_signalled_valid = true;
	return !valid || vring_need_event(to_cpu16(ring, word), ring->used_next, previous);
}

/**
 * rh_ring_disable_kick - tell the driver that kicks are a waste
 * @ring: the ring
 *
 * With EVENT_IDX there is nothing to do: the event index stays behind.
 *
 * Return: 0 or -EFAULT.
 */
int rh_ring_disable_kick(struct rh_ring *ring)
{
	if (ring->event_idx)
		return 0;
	if (put_user(from_cpu16(ring, VRING_USED_F_NO_NOTIFY), &ring->used->flags))
		return ring_fault(ring);
	return 0;
}

/**
 * rh_ring_enable_kick - ask for a kick with the next chain, and look once more
 * @ring: the ring
 *
 * Return: 1 if the driver has offered chains that rh_ring_pop() has not seen yet, so no
 * kick may come for them; 0 if not; -EFAULT. Chains given back by rh_ring_unpop() have
 * been seen: who waits for more of them does not spin.
 */
int rh_ring_enable_kick(struct rh_ring *ring)
{
	__virtio16 index;
	int fault;

	fault = ring->event_idx ? put_user(from_cpu16(ring, ring->avail_seen), avail_event(ring)) :
				  put_user(from_cpu16(ring, 0), &ring->used->flags);
	if (fault)
		return ring_fault(ring);
	/*
	 * Our wish is visible before the index is read; pairs with the driver's
	 * full barrier between moving avail->idx and reading the wish (virtio
	 * 1.3, 2.7.13.4).
	 */
	smp_mb();
	if (get_user(index, &ring->avail->idx))
		return ring_fault(ring);
	return to_cpu16(ring, index) != ring->avail_seen;
}
