/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets in UDP tunnels, to be cut up by whoever the vnet header asks, and the programs that
 * move packets between interfaces and in and out of tunnels: for the tests of tunnels. The
 * kernel under test need have no driver of any tunnel.
 */
#ifndef SELFTESTS_TAP_TUNNELS_H
#define SELFTESTS_TAP_TUNNELS_H

#include <sys/utsname.h>

#include "frames.h"
#include "xdp.h"

/* What older headers lack. */
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif
#define TUNNEL_F_CSUM 8			/* VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM */
#define TUNNEL_OVER_IPV4 0x20		/* VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 */
#define TUNNEL_OVER_IPV6 0x40
#define TUNNEL_UDP_L4 5			/* VIRTIO_NET_HDR_GSO_UDP_L4 */
#define TUNNEL_TCX_INGRESS 46		/* BPF_TCX_INGRESS */
#define TUNNEL_TCX_EGRESS 47
#define TUNNEL_CALL_STORE_BYTES 9
#define TUNNEL_CALL_ADJUST_ROOM 50
#define TUNNEL_OFFLOADS_PLAIN (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6)
#define TUNNEL_OFFLOADS (TUNNEL_OFFLOADS_PLAIN | TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM)
/* VXLAN's header, before the inner Ethernet header. */
#define TUNNEL_OWN_BYTES 8
#define TUNNEL_PORT 4789

/**
 * struct tunnel_header - struct virtio_net_hdr_v1_hash_tunnel
 * @basic: what all vnet headers begin with
 * @unused: number of buffers and hash
 * @outer_transport: offset of the outer UDP header
 * @inner_network: offset of the inner IP header
 */
struct tunnel_header {
	struct virtio_net_hdr basic;
	unsigned char unused[10];
	uint16_t outer_transport;
	uint16_t inner_network;
};

/**
 * struct tunnel_plan - what tunnel_build() is to build
 * @outer: IP version of the tunnel, 4 or 6
 * @inner: of the packet in it
 * @protocol: of the packet in it, IPPROTO_TCP or IPPROTO_UDP
 * @csum: the outer UDP header has a checksum, which is left to the reader
 * @tags: VLAN tags before the outer IP header
 * @payload: bytes after the inner TCP or UDP header
 * @size: of these in a segment
 */
struct tunnel_plan {
	int outer;
	int inner;
	int protocol;
	bool csum;
	unsigned int tags;
	size_t payload;
	uint16_t size;
};

/**
 * struct tunnel_frame - a packet as it is written to a tap and read from it
 * @header: the vnet header
 * @bytes: the frame
 * @length: of @bytes
 * @network: offset of the outer IP header
 * @transport: offset of the outer UDP header
 * @inner_network: offset of the inner IP header
 * @inner_transport: offset of the inner TCP or UDP header
 * @payload: offset of the payload
 */
struct tunnel_frame {
	struct tunnel_header header;
	unsigned char bytes[FRAME_BYTES];
	size_t length;
	size_t network;
	size_t transport;
	size_t inner_network;
	size_t inner_transport;
	size_t payload;
} __attribute__((packed));

/* Whether this kernel has tunnels in the vnet header; then so must we, and else not. */
static inline bool tunnel_is_known(void)
{
	struct utsname kernel;
	int major, minor;

	ASSERT_EQ(0, uname(&kernel));
	ASSERT_EQ(2, sscanf(kernel.release, "%d.%d", &major, &minor));
	return major > 6 || (major == 6 && minor >= 17);
}

static inline uint8_t tunnel_type_of(const struct tunnel_plan *plan)
{
	uint8_t inner = TUNNEL_UDP_L4;

	if (plan->protocol == IPPROTO_TCP)
		inner = plan->inner == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	return inner | (plan->outer == 4 ? TUNNEL_OVER_IPV4 : TUNNEL_OVER_IPV6);
}

static inline void tunnel_build_header(struct tunnel_frame *frame, const struct tunnel_plan *plan)
{
	frame->header = (struct tunnel_header){
		.basic = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | (plan->csum ? TUNNEL_F_CSUM : 0),
			.gso_type = tunnel_type_of(plan),
			.hdr_len = frame->payload,
			.gso_size = plan->size,
			.csum_start = frame->inner_transport,
			.csum_offset = frame_checksum_offset(plan->protocol),
		},
		.outer_transport = frame->transport,
		.inner_network = frame->inner_network,
	};
}

/* Build @plan's packet, which is right but for what its vnet header leaves to others. */
static inline void tunnel_build(struct tunnel_frame *frame, const struct tunnel_plan *plan)
{
	static struct frame inner, outer;
	size_t own;

	frame_build(&inner, &(struct frame_plan){
		.family = plan->inner, .protocol = plan->protocol, .payload = plan->payload,
		.source_port = 1, .destination_port = 2, .flags = TH_ACK, .partial = true,
	});
	frame_build(&outer, &(struct frame_plan){
		.family = plan->outer, .protocol = IPPROTO_UDP, .tags = plan->tags,
		.payload = TUNNEL_OWN_BYTES + inner.length, .partial = true,
		.source_port = 3, .destination_port = TUNNEL_PORT,
	});
	if (!plan->csum)
		frame_put16(outer.bytes + outer.transport + 6, 0);
	own = outer.payload + TUNNEL_OWN_BYTES;
	memcpy(frame->bytes, outer.bytes, own);
	memcpy(frame->bytes + own, inner.bytes, inner.length);
	frame->length = outer.length;
	frame->network = outer.network;
	frame->transport = outer.transport;
	frame->inner_network = own + inner.network;
	frame->inner_transport = own + inner.transport;
	frame->payload = own + inner.payload;
	tunnel_build_header(frame, plan);
}

/* Make it a packet for an interface of IFF_TUN. */
static inline void tunnel_strip_ethernet(struct tunnel_frame *frame)
{
	frame->length -= ETH_HLEN;
	memmove(frame->bytes, frame->bytes + ETH_HLEN, frame->length);
	frame->network -= ETH_HLEN;
	frame->transport -= ETH_HLEN;
	frame->inner_network -= ETH_HLEN;
	frame->inner_transport -= ETH_HLEN;
	frame->payload -= ETH_HLEN;
	frame->header.basic.hdr_len -= ETH_HLEN;
	frame->header.basic.csum_start -= ETH_HLEN;
	frame->header.outer_transport -= ETH_HLEN;
	frame->header.inner_network -= ETH_HLEN;
}

static inline size_t tunnel_written(const struct tunnel_frame *frame)
{
	return sizeof(frame->header) + frame->length;
}

/* A new interface that is up, with room for a tunnel in its vnet header. */
static inline int tunnel_create(char name[IFNAMSIZ], unsigned int mode)
{
	int fd = tap_create_of(name, mode | IFF_NO_PI | IFF_VNET_HDR);

	ASSERT_EQ(0, tap_set_int(fd, TUNSETVNETHDRSZ, sizeof(struct tunnel_header)));
	net_set_up(name);
	/* Otherwise the stack drops what comes before it has noticed. */
	tap_has_carrier(name);
	return fd;
}

/* ---- programs ---- */

static inline int tunnel_load(const struct xdp_code *code)
{
	return bpf_load(BPF_PROG_TYPE_SCHED_CLS, code->insns, code->count);
}

/* Run a program on an interface's packets until the test ends. */
static inline void tunnel_attach(const char *name, int program, int where)
{
	union bpf_attr attribute = {
		.link_create = {
			.prog_fd = program, .target_ifindex = if_nametoindex(name),
			.attach_type = where,
		},
	};

	ASSERT_LE(0, syscall(SYS_bpf, BPF_LINK_CREATE, &attribute, sizeof(attribute)));
	close(program);
}

/* What comes in on one interface goes out of another, as it is. */
static inline void tunnel_connect(const char *in, const char *out)
{
	struct xdp_code code = { .count = 0 };

	xdp_move(&code, BPF_REG_1, if_nametoindex(out));
	xdp_move(&code, BPF_REG_2, 0);
	xdp_call(&code, XDP_CALL_REDIRECT);
	xdp_exit(&code);
	tunnel_attach(in, tunnel_load(&code), TUNNEL_TCX_INGRESS);
}

static inline void tunnel_call_adjust(struct xdp_code *code, int by, int flags)
{
	xdp_move(code, BPF_REG_2, by);
	xdp_move(code, BPF_REG_3, BPF_ADJ_ROOM_MAC);
	xdp_move(code, BPF_REG_4, flags);
	xdp_call(code, TUNNEL_CALL_ADJUST_ROOM);
}

/* All IP packets that leave get these headers, a multiple of 4 bytes, of UDP over IPv4. */
static inline void tunnel_encapsulate(const char *name, const void *headers, int length)
{
	struct xdp_code code = { .count = 0 };
	int word;

	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0 });
	tunnel_call_adjust(&code, length, BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
			   BPF_F_ADJ_ROOM_ENCAP_L4_UDP);
	for (int i = 0; i < length; i += 4) {
		memcpy(&word, (const char *)headers + i, 4);
		xdp_add(&code, (struct bpf_insn){ BPF_ST | BPF_MEM | BPF_W, 10, 0, i - length, word });
	}
	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0 });
	xdp_move(&code, BPF_REG_2, ETH_HLEN);
	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0 });
	xdp_add(&code, (struct bpf_insn){ BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -length });
	xdp_move(&code, BPF_REG_4, length);
	xdp_move(&code, BPF_REG_5, 0);
	xdp_call(&code, TUNNEL_CALL_STORE_BYTES);
	xdp_move(&code, BPF_REG_0, -1);		/* TCX_NEXT */
	xdp_exit(&code);
	tunnel_attach(name, tunnel_load(&code), TUNNEL_TCX_EGRESS);
}

/* All IP packets that come in lose as many bytes of headers. */
static inline void tunnel_decapsulate(const char *name, int length)
{
	struct xdp_code code = { .count = 0 };

	/* BPF_F_ADJ_ROOM_DECAP_L3_IPV4 and _L4_UDP. */
	tunnel_call_adjust(&code, -length, BPF_F_ADJ_ROOM_FIXED_GSO | 1 << 7 | 1 << 10);
	xdp_move(&code, BPF_REG_0, -1);
	xdp_exit(&code);
	tunnel_attach(name, tunnel_load(&code), TUNNEL_TCX_INGRESS);
}

#endif /* SELFTESTS_TAP_TUNNELS_H */
