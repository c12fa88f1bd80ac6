/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 16550A serial port: the registers. What is on the other end of the wire is
 * the owner's business (console.c).
 */
#ifndef RH_VMM_SERIAL_H
#define RH_VMM_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"

struct vm;

#define SERIAL_FIFO 16

/**
 * struct serial - one port
 * @transmit: called for each byte sent, on the vCPU's thread, without @lock; may sleep
 * @ready: called without @lock, on any thread, when serial_room() may have grown
 * @owner: argument of both
 * @vm: the VM
 * @irq: ISA interrupt line
 * @range: its ports
 * @lock: protects everything below; innermost, never held while @transmit or @ready run
 * @interrupt_enable: IER
 * @line_control: LCR
 * @modem_control: MCR
 * @scratch: SCR
 * @divisor: DLL and DLM; kept for reading back, the wire has no speed
 * @fifo_enabled: FCR bit 0
 * @overrun: a byte was lost since LSR was read
 * @transmit_empty_pending: the "transmitter empty" interrupt is due
 * @irq_level: level the line is at
 * @fifo: received bytes, oldest first
 * @fifo_count: how many
 */
struct serial {
	void (*transmit)(void *owner, uint8_t byte);
	void (*ready)(void *owner);
	void *owner;
	struct vm *vm;
	unsigned int irq;
	struct bus_range range;
	pthread_mutex_t lock;
	uint8_t interrupt_enable, line_control, modem_control, scratch;
	uint16_t divisor;
	bool fifo_enabled, overrun, transmit_empty_pending;
	bool irq_level;
	uint8_t fifo[SERIAL_FIFO];
	unsigned int fifo_count;
};

/**
 * serial_init() - put a port on the bus
 * @serial: @transmit, @ready and @owner set, the rest zero
 * @vm: the VM
 * @port: first of its eight ports
 * @irq: ISA interrupt line
 *
 * Return: 0 or -errno.
 */
int serial_init(struct serial *serial, struct vm *vm, uint16_t port, unsigned int irq);

/* The vCPUs have stopped. */
void serial_exit(struct serial *serial);

/*
 * Bytes the port takes now. None until the guest has raised RTS and connected the
 * interrupt, which is how it says that a driver listens: input typed or piped
 * early waits instead of being flushed when the driver sets the port up. Any thread.
 */
size_t serial_room(struct serial *serial);

/* Receive at most serial_room() bytes; more would be an overrun. Any thread. */
void serial_receive(struct serial *serial, const uint8_t *bytes, size_t count);

#endif /* RH_VMM_SERIAL_H */
