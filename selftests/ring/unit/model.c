// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reference driver: as plain as the specification's own pseudo-code (virtio 1.3, 2.7
 * and 2.8), one step at a time, with the barriers that a driver needs where the device
 * runs in another thread. One thread is the driver.
 */
#include "harness.h"
#include "model.h"

#define WRAP 0x8000
#define FLAG_AVAIL (1 << VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED (1 << VRING_PACKED_DESC_F_USED)

static void *lend(size_t size)
{
	void *memory = calloc(1, size);

	ASSERT_NE(NULL, memory);
	user_area_add(memory, size);
	return memory;
}

/* The ring as it is when the driver has got everything back up to the start. */
static void start_ring(struct model *model)
{
	struct vring_packed_desc *desc = model->desc;
	const bool wrap = model->start & WRAP;

	model->avail = model->used = model->start;
	if (!model->packed) {
		((struct vring_avail *)model->driver)->idx = model->start;
		((struct vring_used *)model->device)->idx = model->start;
		return;
	}
	for (unsigned int i = 0; i < model->num; i++)
		desc[i].flags = (i < (model->start & ~WRAP)) == wrap ? FLAG_AVAIL | FLAG_USED : 0;
}

/**
 * model_init() - make the shared memory and point a ring at it
 * @model: @packed, @event_idx, @indirect, @num and @start are set
 * @ring: zeroed; gets the same, and the areas
 */
void model_init(struct model *model, struct rh_ring *ring)
{
	size_t num = model->num;

	user_areas_clear();
	model->memory = lend(MODEL_MEMORY);
	model->desc = lend(num * sizeof(struct vring_desc));
	model->driver = lend(model->packed ? 4 : 4 + 2 * num + 2);
	model->device = lend(model->packed ? 4 : 4 + 8 * num + 2);
	model->free = num;
	for (unsigned int i = 0; i < num; i++)
		model->split_free[i] = i;
	start_ring(model);
	ring->num = num;
	ring->base = model->packed ? model->start | (u32)model->start << 16 : model->start;
	ring->base_given = true;
	ring->packed = model->packed;
	ring->event_idx = model->event_idx;
	ring->indirect = true;
	ring->little_endian = true;
	ring->desc.user = model->desc;
	ring->driver.user = model->driver;
	ring->device.user = model->device;
}

/**
 * model_exit() - free the shared memory
 * @model: from model_init()
 */
void model_exit(struct model *model)
{
	user_areas_clear();
	free(model->memory);
	free(model->desc);
	free(model->driver);
	free(model->device);
}

static u16 packed_next(const struct model *model, u16 position, unsigned int slots)
{
	unsigned int entry = (position & ~WRAP) + slots;

	if (entry < model->num)
		return entry | (position & WRAP);
	return (entry - model->num) | ((position & WRAP) ^ WRAP);
}

static u16 desc_flags(const struct model_chain *chain, unsigned int i)
{
	return (i < chain->out_count ? 0 : VRING_DESC_F_WRITE) |
	       (i + 1 < chain->count ? VRING_DESC_F_NEXT : 0);
}

/* Each name has a table of its own, at the end of the memory. */
static u32 table_offset(unsigned int head)
{
	return MODEL_MEMORY - (head + 1) * MODEL_BUFFERS * sizeof(struct vring_desc);
}

static void fill_table(struct model *model, unsigned int head)
{
	const struct model_chain *chain = &model->chains[head];
	void *table = model->memory + table_offset(head);

	for (unsigned int i = 0; i < chain->count; i++) {
		u64 address = MODEL_BASE + chain->offset[i];
		u16 flags = desc_flags(chain, i);

		if (model->packed)
			((struct vring_packed_desc *)table)[i] = (struct vring_packed_desc){
				address, chain->length[i], 0, flags & VRING_DESC_F_WRITE };
		else
			((struct vring_desc *)table)[i] = (struct vring_desc){
				address, chain->length[i], flags, i + 1 };
	}
}

static void offer_split(struct model *model, unsigned int head)
{
	struct model_chain *chain = &model->chains[head];
	struct vring_desc *desc = model->desc;
	struct vring_avail *avail = model->driver;
	u16 index = head;

	if (chain->slots != chain->count) {
		desc[head] = (struct vring_desc){ MODEL_BASE + table_offset(head),
						  chain->count * sizeof(*desc),
						  VRING_DESC_F_INDIRECT, 0 };
	} else {
		for (unsigned int i = 0; i < chain->count; i++) {
			u16 next = i + 1 < chain->count ?
				   model->split_free[model->free - 2 - i] : 0;

			desc[index] = (struct vring_desc){ MODEL_BASE + chain->offset[i],
							   chain->length[i],
							   desc_flags(chain, i), next };
			index = next;
		}
	}
	avail->ring[model->avail % model->num] = head;
	smp_wmb();	/* before the index that announces it; virtio 1.3, 2.7.13.3 */
	WRITE_ONCE(avail->idx, ++model->avail);
}

static void offer_packed(struct model *model, unsigned int head)
{
	struct model_chain *chain = &model->chains[head];
	struct vring_packed_desc *desc = model->desc;
	u16 position = model->avail;
	u16 first_flags = 0;

	for (unsigned int i = 0; i < chain->slots; i++) {
		struct vring_packed_desc *to = &desc[position & ~WRAP];
		u16 flags = position & WRAP ? FLAG_AVAIL : FLAG_USED;

		if (chain->slots != chain->count) {
			to->addr = MODEL_BASE + table_offset(head);
			to->len = chain->count * sizeof(*desc);
			flags |= VRING_DESC_F_INDIRECT;
		} else {
			to->addr = MODEL_BASE + chain->offset[i];
			to->len = chain->length[i];
			flags |= desc_flags(chain, i);
		}
		to->id = head;
		if (i)
			to->flags = flags;
		else
			first_flags = flags;
		position = packed_next(model, position, 1);
	}
	smp_wmb();	/* the rest before the first one's flags; virtio 1.3, 2.8.21.1 */
	WRITE_ONCE(desc[model->avail & ~WRAP].flags, first_flags);
	model->avail = position;
}

/* A free name: split: the top of the stack of free descriptors; packed: any unused ID. */
static unsigned int free_name(const struct model *model, unsigned int start)
{
	if (!model->packed)
		return model->split_free[model->free - 1];
	for (unsigned int i = 0; i < model->num; i++) {
		unsigned int name = (start + i) % model->num;

		if (!model->chains[name].held)
			return name;
	}
	return 0;
}

/**
 * model_offer() - offer a random chain
 * @model: the model
 * @random: source of randomness
 *
 * Return: false if the ring has no room for the chain drawn.
 */
bool model_offer(struct model *model, unsigned int (*random)(void))
{
	unsigned int count = 1 + random() % MODEL_BUFFERS;
	bool indirect = model->indirect && random() % 2;
	unsigned int head, slots = indirect ? 1 : count;
	struct model_chain *chain;

	if (slots > model->free)
		return false;
	head = free_name(model, random());
	chain = &model->chains[head];
	*chain = (struct model_chain){ .held = true, .slots = slots, .count = count,
				       .out_count = random() % (count + 1),
				       .serial = model->offered++ };
	for (unsigned int i = 0; i < count; i++) {
		chain->length[i] = 1 + random() % MODEL_LENGTH;
		chain->offset[i] = (head * MODEL_BUFFERS + i) * MODEL_LENGTH;
		model->memory[chain->offset[i]] = chain->serial + i;
	}
	/* A chain of one buffer in a table is told from one without by its missing slots. */
	if (indirect && count == 1)
		chain->count = chain->slots;
	else if (indirect)
		fill_table(model, head);
	if (model->packed)
		offer_packed(model, head);
	else
		offer_split(model, head);
	model->free -= slots;
	model->unkicked += model->packed ? slots : 1;
	return true;
}

/**
 * model_offered() - whether a chain is, byte for byte, what was offered under its name
 * @model: the model
 * @chain: as the device popped it
 */
bool model_offered(const struct model *model, const struct rh_chain *chain)
{
	const struct model_chain *offered = &model->chains[chain->head];

	if (!offered->held || offered->count != chain->out_count + chain->in_count ||
	    offered->out_count != chain->out_count)
		return false;
	for (unsigned int i = 0; i < offered->count; i++) {
		const unsigned char *start = model->memory + offered->offset[i];

		if (chain->out[i].iov_base != start || chain->out[i].iov_len != offered->length[i] ||
		    *start != (unsigned char)(offered->serial + i))
			return false;
	}
	return true;
}

/**
 * model_wants_to_kick() - the driver's decision after offering
 * @model: the model
 *
 * Return: whether the device asked to be kicked for what was offered since the last call.
 */
bool model_wants_to_kick(struct model *model)
{
	unsigned int offered = model->unkicked;
	u16 new = model->avail;

	model->unkicked = 0;
	smp_mb();	/* what was offered before the device's wish; 2.7.13.4 and 2.8.21.3 */
	if (!model->packed) {
		struct vring_used *used = model->device;
		u16 *event = (u16 *)&used->ring[model->num];

		if (!model->event_idx)
			return !(READ_ONCE(used->flags) & VRING_USED_F_NO_NOTIFY);
		return vring_need_event(READ_ONCE(*event), new, new - offered);
	} else {
		struct vring_packed_desc_event *event = model->device;
		u16 flags = READ_ONCE(event->flags), word, at;

		if (flags != VRING_PACKED_EVENT_FLAG_DESC)
			return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
		smp_rmb();	/* the position after the flags that made it valid */
		word = READ_ONCE(event->off_wrap);
		at = word & ~WRAP;
		if ((word ^ new) & WRAP)
			at -= model->num;
		return vring_need_event(at, new & ~WRAP, (new & ~WRAP) - offered);
	}
}

/**
 * model_ask_for_call() - ask to be called when something is used
 * @model: the model
 * @ahead: with EVENT_IDX: after so many more ring entries; else 0: yes, other: no
 */
void model_ask_for_call(struct model *model, unsigned int ahead)
{
	if (!model->packed) {
		struct vring_avail *avail = model->driver;
		u16 *word = model->event_idx ? &avail->ring[model->num] : &avail->flags;

		WRITE_ONCE(*word, model->event_idx ? model->used + ahead :
				  ahead ? VRING_AVAIL_F_NO_INTERRUPT : 0);
	} else {
		struct vring_packed_desc_event *event = model->driver;

		WRITE_ONCE(event->off_wrap, packed_next(model, model->used, ahead));
		smp_wmb();	/* the position before the flags that make it valid */
		WRITE_ONCE(event->flags, model->event_idx ? VRING_PACKED_EVENT_FLAG_DESC :
					 ahead ? VRING_PACKED_EVENT_FLAG_DISABLE :
						 VRING_PACKED_EVENT_FLAG_ENABLE);
	}
	smp_mb();	/* the wish before the ring is looked at once more */
}

static int read_used(struct model *model, unsigned int *head, u32 *written)
{
	if (!model->packed) {
		struct vring_used *used = model->device;

		if (READ_ONCE(used->idx) == model->used)
			return 0;
		smp_rmb();	/* the entry after the index that announced it */
		*head = used->ring[model->used % model->num].id;
		*written = used->ring[model->used % model->num].len;
		return 1;
	} else {
		struct vring_packed_desc *desc = model->desc;
		struct vring_packed_desc *at = &desc[model->used & ~WRAP];
		bool wrap = model->used & WRAP;
		u16 flags = READ_ONCE(at->flags);

		if (!!(flags & FLAG_AVAIL) != wrap || !!(flags & FLAG_USED) != wrap)
			return 0;
		smp_rmb();	/* the rest after the flags that announced it */
		*head = at->id;
		*written = at->len;
		return 1;
	}
}

static void free_split(struct model *model, unsigned int head)
{
	const unsigned int slots = model->chains[head].slots;
	struct vring_desc *desc = model->desc;

	for (unsigned int i = 0; i < slots; i++) {
		model->split_free[model->free + i] = head;
		head = desc[head].next;
	}
}

/**
 * model_reap() - take back a used chain
 * @model: the model
 * @head: receives its name
 * @written: receives the bytes the device wrote
 *
 * Return: 1, 0 without, -1 if the device gave back what it does not have.
 */
int model_reap(struct model *model, unsigned int *head, u32 *written)
{
	struct model_chain *chain;

	if (!read_used(model, head, written))
		return 0;
	if (*head >= model->num || !model->chains[*head].held)
		return -1;
	chain = &model->chains[*head];
	chain->held = false;
	if (model->packed) {
		model->used = packed_next(model, model->used, chain->slots);
	} else {
		free_split(model, *head);
		model->used++;
	}
	model->free += chain->slots;
	return 1;
}
