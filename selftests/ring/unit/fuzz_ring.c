// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's target for the ring code: the input chooses a ring, what a hostile guest
 * (fuzz_guest.c) does to it between and during accesses, and what the device does. After
 * each step must hold, besides the sanitizers' silence:
 *
 *	- nothing outside guest memory and the ring was touched, nothing of the driver's
 *	  written, and a chain lies in guest memory;
 *	- chains held are never more than the ring has entries;
 *	- what was pushed appears once, as it was pushed, in order where that was agreed;
 *	- one pop costs no more accesses than the longest chain has descriptors;
 *	- a refusal has a name and moves nothing, and so does a translation that is missing.
 *
 * Entry point: LLVMFuzzerTestOneInput(); see `make fuzz`.
 */
#include <linux/vhost_types.h>

#include "fuzz.h"

#define STEPS_MAX 4096

/**
 * struct held - a chain the device has popped
 * @used: what to expect in the ring
 * @done: pushed; waits for its turn in order
 */
struct held {
	struct rh_used used;
	bool done;
};

/**
 * struct session - one run
 * @input: what decides
 * @ring: the code under test
 * @guest: the other side
 * @held: chains popped and not yet released to @due, in the order popped
 * @held_count: their number
 * @due: chains pushed, and expected with the next publish
 * @due_count: their number
 * @mark: where the ring stood
 * @mark_held: @held_count then
 * @marked: @mark is valid: nothing was pushed or published since
 * @broken: the ring refused something: no pops until it is resumed
 * @vague: a write has failed, so what is in the used ring is anyone's guess
 * @fuse: accesses until the guest acts during one; 0: it does not
 * @meddled: the guest has acted during this step
 * @before: copies of the descriptor and the driver area
 */
static struct session {
	struct input input;
	struct rh_ring ring;
	struct guest guest;
	struct held *held;
	unsigned int held_count;
	struct rh_used *due;
	unsigned int due_count;
	struct rh_position mark;
	unsigned int mark_held;
	bool marked;
	bool broken;
	bool vague;
	unsigned int fuse;
	bool meddled;
	u8 *before[2];
} session;

/* During an access of the device: the guest's turn, once, when the fuse has burnt down. */
static void meddle(const volatile void *address, size_t size)
{
	(void)address;
	(void)size;
	if (!session.fuse || --session.fuse)
		return;
	session.meddled = true;
	guest_act(&session.guest);
	session.fuse = take8(&session.input) % 8;
}

static bool area_gone(void)
{
	return session.guest.area[0].gone || session.guest.area[1].gone ||
	       session.guest.area[2].gone;
}

/* A call of the ring's code failed or not: what holds in both cases. */
static void check_result(int ret)
{
	if (ret >= 0)
		return;
	CHECK(ret == -EPROTO || ret == -EFAULT);
	CHECK((session.ring.reject >= RINGHOST_STAT_REJECT_AVAIL_INDEX &&
	       session.ring.reject <= RINGHOST_STAT_REJECT_RING_FAULT) ||
	      (session.ring.reject == RINGHOST_STAT_REJECT_IOTLB_ACCESS &&
	       session.guest.table->iotlb));
	CHECK((ret == -EFAULT) == (session.ring.reject == RINGHOST_STAT_REJECT_RING_FAULT));
	CHECK(ret == -EPROTO || area_gone());
	session.broken = true;
}

static void check_chain(const struct rh_chain *chain)
{
	size_t out = 0, in = 0;

	CHECK(chain->head < session.ring.num);
	CHECK(chain->out_count + chain->in_count >= 1);
	CHECK(chain->out_count + chain->in_count <= RH_CHAIN_MAX);
	CHECK(chain->descriptors <= RH_CHAIN_MAX);
	CHECK(chain->entries >= 1 && chain->entries <= session.ring.num);
	for (unsigned int i = 0; i < chain->out_count; i++) {
		CHECK(guest_allows(&session.guest, &chain->out[i], VHOST_ACCESS_RO));
		out += chain->out[i].iov_len;
	}
	for (unsigned int i = 0; i < chain->in_count; i++) {
		CHECK(guest_allows(&session.guest, &chain->in[i], VHOST_ACCESS_WO));
		in += chain->in[i].iov_len;
	}
	CHECK(out == chain->out_bytes && in == chain->in_bytes);
}

static bool is_held(u16 head)
{
	for (unsigned int i = 0; i < session.held_count; i++)
		if (session.held[i].used.head == head)
			return true;
	return false;
}

static void pop(void)
{
	const unsigned long most = 4 + min(session.ring.num, RH_CHAIN_MAX + 1u) + 2;
	const u32 base = rh_ring_get_base(&session.ring);
	unsigned long before = user_accesses;
	struct rh_chain chain;
	int ret;

	if (session.broken)
		return;
	ret = rh_ring_pop(&session.ring, session.guest.table, &chain);
	if (ret == -EAGAIN)
		CHECK(guest_lacks(&session.guest, &session.ring.miss));
	else
		check_result(ret);
	CHECK(user_accesses - before <= most);
	if (ret != 1) {
		CHECK(ret <= 0);
		CHECK(base == rh_ring_get_base(&session.ring));
		return;
	}
	check_chain(&chain);
	CHECK(!session.ring.in_order || !is_held(chain.head));
	CHECK(session.held_count + session.due_count < session.ring.num);
	session.held[session.held_count++] = (struct held){
		.used = { chain.head, session.ring.packed ? chain.entries : 1, 0 } };
}

/* What is done leaves @held: the oldest ones in order, else @index. */
static void release(unsigned int index)
{
	unsigned int first = session.ring.in_order ? 0 : index, count = 1;

	if (session.ring.in_order)
		for (count = 0; count < session.held_count && session.held[count].done; count++)
			;
	for (unsigned int i = first; i < first + count; i++)
		session.due[session.due_count++] = session.held[i].used;
	memmove(&session.held[first], &session.held[first + count],
		(session.held_count - first - count) * sizeof(session.held[0]));
	session.held_count -= count;
}

static void push(void)
{
	u8 which = take8(&session.input);
	u32 written = take16(&session.input);
	struct held *held;
	int ret;

	if (!session.held_count)
		return;
	held = &session.held[which % session.held_count];
	if (held->done)
		return;
	held->done = true;
	held->used.written = written;
	/* Names that are popped twice are the driver's fault: the last length counts. */
	if (session.ring.packed && !session.ring.in_order)
		held->used.slots = session.ring.slots[held->used.head];
	session.marked = false;
	ret = rh_ring_push(&session.ring, held->used.head, written);
	check_result(ret);
	session.vague |= ret < 0;
	release(held - session.held);
}

/* The used entry at @position, as the driver reads it, is the one of @used. */
static void check_used(u16 position, const struct rh_used *used)
{
	const u16 both = BIT(VRING_PACKED_DESC_F_AVAIL) | BIT(VRING_PACKED_DESC_F_USED);
	const struct vring_used *ring = (void *)session.guest.area[2].start;
	const struct vring_packed_desc *packed = (void *)session.guest.area[0].start;

	if (session.ring.packed) {
		packed += position & ~RH_PACKED_WRAP;
		CHECK(packed->id == used->head && packed->len == used->written);
		CHECK((packed->flags & both) == (position & RH_PACKED_WRAP ? both : 0));
		CHECK(!(packed->flags & VRING_DESC_F_WRITE) == !used->written);
	} else {
		const bool little = session.ring.little_endian;
		const struct vring_used_elem *entry = &ring->ring[position % session.ring.num];

		CHECK(__virtio32_to_cpu(little, entry->id) == used->head);
		CHECK(__virtio32_to_cpu(little, entry->len) == used->written);
	}
}

static u16 used_advance(u16 position, unsigned int slots)
{
	if (!session.ring.packed)
		return position + slots;
	while (slots--)
		position = (position & ~RH_PACKED_WRAP) + 1u < session.ring.num ? position + 1 :
			   (position & RH_PACKED_WRAP) ^ RH_PACKED_WRAP;
	return position;
}

static void check_published(u16 position)
{
	unsigned int slots = 0;

	for (unsigned int i = 0; i < session.due_count; i++)
		slots += session.due[i].slots;
	CHECK(session.ring.used_next == used_advance(position, slots));
	/* More than a round at once is possible with a driver that cheats: it overwrites itself. */
	if (session.meddled || slots > session.ring.num)
		return;
	for (unsigned int i = 0; i < session.due_count; i++) {
		check_used(position, &session.due[i]);
		position = used_advance(position, session.due[i].slots);
	}
}

static void publish(void)
{
	const u16 position = session.ring.used_next;
	int ret;

	CHECK(session.vague || rh_ring_has_unpublished(&session.ring) == !!session.due_count);
	if (!rh_ring_has_unpublished(&session.ring))
		return;
	ret = rh_ring_publish(&session.ring);
	check_result(ret);
	session.vague |= ret < 0;
	if (!session.vague)
		check_published(position);
	session.due_count = 0;
	session.marked = false;
	ret = rh_ring_needs_call(&session.ring);
	check_result(ret);
	CHECK(ret <= 1);
}

static void mark(void)
{
	session.mark = rh_ring_position(&session.ring);
	session.mark_held = session.held_count;
	session.marked = true;
}

static void rewind_to_mark(void)
{
	if (!session.marked || session.broken)
		return;
	rh_ring_rewind(&session.ring, session.mark);
	session.held_count = session.mark_held;
}

static void kicks(void)
{
	int ret = take8(&session.input) % 2 ? rh_ring_enable_kick(&session.ring) :
					      rh_ring_disable_kick(&session.ring);

	check_result(ret);
	CHECK(ret <= 1);
}

/* What was held is lost, as when a queue is stopped and started by another owner. */
static void resume(void)
{
	session.ring.base = take32(&session.input);
	session.ring.base_given = true;
	if (!rh_ring_base_ok(&session.ring))
		return;
	guest_remap(&session.guest);
	CHECK(!rh_ring_resume(&session.ring));
	session.held_count = 0;
	session.due_count = 0;
	session.marked = false;
	session.broken = false;
	session.vague = false;
}

/* Another owner's memory, at times without some of it. */
static void remap(void)
{
	u8 which = take8(&session.input);

	if (which < 8 && !session.ring.desc.map)
		guest_unmap(&session.guest, which % 3);
	else
		guest_remap(&session.guest);
	rh_ring_forget(&session.ring);
}

/* The owner answers a miss, or takes translations back. */
static void translate(void)
{
	u8 how = take8(&session.input);

	if (session.guest.table->iotlb)
		guest_set_iommu(&session.guest, how);
}

static void act(void)
{
	guest_act(&session.guest);
}

static void arm(void)
{
	session.fuse = 1 + take8(&session.input) % 16;
}

/*
 * Through a mapping, nothing but this tells that the driver's areas were written. The
 * descriptor area of a packed ring is both sides'.
 */
static void keep_areas(void)
{
	for (unsigned int i = session.ring.packed; session.ring.desc.map && i < 2; i++)
		memcpy(session.before[i], session.guest.area[i].start, session.guest.area[i].size);
}

static void check_areas(void)
{
	for (unsigned int i = session.ring.packed; session.ring.desc.map && i < 2; i++)
		CHECK(!memcmp(session.before[i], session.guest.area[i].start,
			      session.guest.area[i].size));
}

static void step(void)
{
	static void (*const steps[])(void) = {
		pop, pop, pop, pop, push, push, push, publish, publish, act, act, act, act, act,
		act, mark, rewind_to_mark, kicks, arm, arm, translate,
		resume, remap,
	};
	const unsigned long refusals = user_refusals;
	unsigned int which = take8(&session.input) % (sizeof(steps) / sizeof(steps[0]));

	/* Two that end what has been built up, so rarely. */
	if (which >= 21 && take8(&session.input) % 8)
		which = 0;
	session.meddled = false;
	keep_areas();
	steps[which]();
	if (!session.meddled && steps[which] != act)
		check_areas();
	CHECK(user_refusals == refusals || area_gone());
	CHECK(session.ring.outstanding <= session.ring.num);
	CHECK(session.vague ||
	      session.ring.outstanding == session.held_count + session.due_count);
}

static unsigned int choose_num(bool packed, u8 choice)
{
	if (choice >= 252)
		return choice == 255 ? RH_RING_NUM_MAX : 2048;
	return packed ? 1 + choice : 1u << choice % 9;
}

static void start(void)
{
	u8 features = take8(&session.input), more = take8(&session.input);
	struct rh_ring *ring = &session.ring;

	ring->packed = features & 1;
	ring->in_order = features & 2;
	ring->event_idx = features & 4;
	ring->indirect = (features & 24) != 24;
	ring->little_endian = ring->packed || (features & 96) != 96;
	ring->num = choose_num(ring->packed, take8(&session.input));
	ring->call_on_empty = !ring->packed && more & 1;
	guest_init(&session.guest, ring, &session.input);
	if (more & 2)
		guest_set_iommu(&session.guest, more);
	session.held = malloc(ring->num * sizeof(session.held[0]));
	session.due = malloc(ring->num * sizeof(session.due[0]));
	CHECK(session.held && session.due);
	for (unsigned int i = 0; i < 2; i++) {
		session.before[i] = malloc(session.guest.area[i].size);
		CHECK(session.before[i]);
	}
	CHECK(rh_ring_addresses_ok(ring) && rh_ring_base_ok(ring));
	CHECK(!rh_ring_alloc(ring));
	if (features & 128)
		CHECK(!rh_ring_map(ring, NULL));
	CHECK(!rh_ring_resume(ring));
	user_access_hook = meddle;
}

static void stop(void)
{
	user_access_hook = NULL;
	rh_ring_unmap(&session.ring, NULL);
	rh_ring_free(&session.ring);
	guest_exit(&session.guest);
	free(session.held);
	free(session.due);
	free(session.before[0]);
	free(session.before[1]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	session = (struct session){ .input = { data, data + size } };
	start();
	for (unsigned int i = 0; i < STEPS_MAX && session.input.at < session.input.end; i++)
		step();
	stop();
	return 0;
}
