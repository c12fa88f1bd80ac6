// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 16550A serial port (National Semiconductor PC16550D data sheet). Off the
 * data path: the guest's console. Register accesses run on vCPU threads, input
 * comes from the loop's thread.
 *
 * Transmission takes no time as the guest sees it, so the transmitter is always
 * empty; the interrupt that says so is still due once per byte written.
 *
 * Entry points: serial_init(), serial_exit(), serial_room(), serial_receive().
 */
#include <string.h>

#include "serial.h"
#include "vm.h"

enum {
	REG_DATA = 0,		/* RBR, THR; DLL while DLAB */
	REG_IER = 1,		/* DLM while DLAB */
	REG_IIR_FCR = 2,
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	REG_MSR = 6,
	REG_SCR = 7,
	REG_COUNT = 8,
};

#define IER_RECEIVED	0x01
#define IER_EMPTY	0x02
#define IER_LINE	0x04
#define IER_MASK	0x0f

#define IIR_NONE	0x01
#define IIR_EMPTY	0x02
#define IIR_RECEIVED	0x04
#define IIR_LINE	0x06
#define IIR_FIFO	0xc0

#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02

#define LCR_DLAB	0x80

#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08	/* on a PC: connects the interrupt line */
#define MCR_LOOP	0x10
#define MCR_MASK	0x1f

#define LSR_DATA	0x01
#define LSR_OVERRUN	0x02
#define LSR_EMPTY	0x60	/* holding and shift register */

#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

/* The highest of the interrupts that are both due and enabled. Caller holds lock. */
static uint8_t pending_interrupt(const struct serial *serial)
{
	const uint8_t enabled = serial->interrupt_enable;

	if ((enabled & IER_LINE) && serial->overrun)
		return IIR_LINE;
	if ((enabled & IER_RECEIVED) && serial->fifo_count)
		return IIR_RECEIVED;
	if ((enabled & IER_EMPTY) && serial->transmit_empty_pending)
		return IIR_EMPTY;
	return IIR_NONE;
}

/*
 * Caller holds lock, so that levels reach KVM in the order they were computed.
 * KVM_IRQ_LINE cannot fail for a line that exists.
 */
static void update_irq(struct serial *serial)
{
	const bool level = pending_interrupt(serial) != IIR_NONE &&
			   (serial->modem_control & MCR_OUT2);

	if (level == serial->irq_level)
		return;
	serial->irq_level = level;
	vm_irq_line(serial->vm, serial->irq, level);
}

static void push_byte(struct serial *serial, uint8_t byte)
{
	if (serial->fifo_count == SERIAL_FIFO)
		serial->overrun = true;
	else
		serial->fifo[serial->fifo_count++] = byte;
}

static uint8_t pop_byte(struct serial *serial)
{
	uint8_t byte = serial->fifo[0];

	if (!serial->fifo_count)
		return 0;
	serial->fifo_count--;
	memmove(serial->fifo, serial->fifo + 1, serial->fifo_count);
	return byte;
}

static uint8_t read_interrupt_id(struct serial *serial)
{
	uint8_t id = pending_interrupt(serial);

	if (id == IIR_EMPTY)
		serial->transmit_empty_pending = false;	/* told */
	return id | (serial->fifo_enabled ? IIR_FIFO : 0);
}

static uint8_t read_line_status(struct serial *serial)
{
	uint8_t status = LSR_EMPTY;

	if (serial->fifo_count)
		status |= LSR_DATA;
	if (serial->overrun)
		status |= LSR_OVERRUN;
	serial->overrun = false;
	return status;
}

/* In loopback the modem outputs are wired to the inputs; otherwise all is well. */
static uint8_t read_modem_status(const struct serial *serial)
{
	const uint8_t control = serial->modem_control;

	if (!(control & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (control & MCR_RTS ? MSR_CTS : 0) | (control & MCR_DTR ? MSR_DSR : 0) |
	       (control & MCR_OUT1 ? MSR_RI : 0) | (control & MCR_OUT2 ? MSR_DCD : 0);
}

/* Caller holds lock. */
static uint8_t read_register(struct serial *serial, uint64_t reg)
{
	const bool divisor = serial->line_control & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		return divisor ? serial->divisor & 0xff : pop_byte(serial);
	case REG_IER:
		return divisor ? serial->divisor >> 8 : serial->interrupt_enable;
	case REG_IIR_FCR:
		return read_interrupt_id(serial);
	case REG_LCR:
		return serial->line_control;
	case REG_MCR:
		return serial->modem_control;
	case REG_LSR:
		return read_line_status(serial);
	case REG_MSR:
		return read_modem_status(serial);
	default:
		return serial->scratch;
	}
}

static void write_interrupt_enable(struct serial *serial, uint8_t value)
{
	/* enabling it while the transmitter is empty makes it due at once */
	if (value & ~serial->interrupt_enable & IER_EMPTY)
		serial->transmit_empty_pending = true;
	serial->interrupt_enable = value & IER_MASK;
}

static void write_fifo_control(struct serial *serial, uint8_t value)
{
	const bool enable = value & FCR_ENABLE;

	if (enable != serial->fifo_enabled || (value & FCR_CLEAR_RX))
		serial->fifo_count = 0;
	serial->fifo_enabled = enable;
}

/* Return: whether @value is a byte to send. Caller holds lock. */
static bool write_data(struct serial *serial, uint8_t value)
{
	if (serial->line_control & LCR_DLAB) {
		serial->divisor = (uint16_t)((serial->divisor & 0xff00) | value);
		return false;
	}
	serial->transmit_empty_pending = true;
	if (serial->modem_control & MCR_LOOP) {
		push_byte(serial, value);
		return false;
	}
	return true;
}

/* Return: whether @value is a byte to send. Caller holds lock. */
static bool write_register(struct serial *serial, uint64_t reg, uint8_t value)
{
	switch (reg) {
	case REG_DATA:
		return write_data(serial, value);
	case REG_IER:
		if (serial->line_control & LCR_DLAB)
			serial->divisor = (uint16_t)((serial->divisor & 0xff) | value << 8);
		else
			write_interrupt_enable(serial, value);
		break;
	case REG_IIR_FCR:
		write_fifo_control(serial, value);
		break;
	case REG_LCR:
		serial->line_control = value;
		break;
	case REG_MCR:
		serial->modem_control = value & MCR_MASK;
		break;
	case REG_SCR:
		serial->scratch = value;
		break;
	}
	return false;
}

/*
 * A driver that listens raises RTS and connects the interrupt. An early console
 * raises RTS alone, and never reads. Caller holds lock.
 */
static size_t room(const struct serial *serial)
{
	if ((serial->modem_control & (MCR_RTS | MCR_OUT2 | MCR_LOOP)) != (MCR_RTS | MCR_OUT2))
		return 0;
	return SERIAL_FIFO - serial->fifo_count;
}

static void access_byte(struct serial *serial, uint64_t reg, uint8_t *value, bool write)
{
	bool send = false, grown;
	size_t before;

	pthread_mutex_lock(&serial->lock);
	before = room(serial);
	if (write)
		send = write_register(serial, reg, *value);
	else
		*value = read_register(serial, reg);
	update_irq(serial);
	/* once per FIFO, not once per byte */
	grown = room(serial) == SERIAL_FIFO && before < SERIAL_FIFO;
	pthread_mutex_unlock(&serial->lock);
	if (send)
		serial->transmit(serial->owner, *value);
	if (grown)
		serial->ready(serial->owner);
}

/* The port is eight bits wide: a wider access is as many byte accesses. */
static void access_port(void *device, uint64_t offset, void *data, unsigned int len, bool write)
{
	struct serial *serial = device;
	uint8_t *bytes = data;
	unsigned int i;

	for (i = 0; i < len; i++)
		access_byte(serial, offset + i, &bytes[i], write);
}

int serial_init(struct serial *serial, struct vm *vm, uint16_t port, unsigned int irq)
{
	int err;

	serial->vm = vm;
	serial->irq = irq;
	serial->divisor = 1;
	serial->range = (struct bus_range){
		.base = port, .size = REG_COUNT, .access = access_port, .device = serial,
	};
	err = -pthread_mutex_init(&serial->lock, NULL);
	if (err)
		return err;
	err = bus_add(&vm->pio, &serial->range);
	if (err)
		pthread_mutex_destroy(&serial->lock);
	return err;
}

void serial_exit(struct serial *serial)
{
	bus_remove(&serial->vm->pio, &serial->range);
	pthread_mutex_destroy(&serial->lock);
}

size_t serial_room(struct serial *serial)
{
	size_t bytes;

	pthread_mutex_lock(&serial->lock);
	bytes = room(serial);
	pthread_mutex_unlock(&serial->lock);
	return bytes;
}

void serial_receive(struct serial *serial, const uint8_t *bytes, size_t count)
{
	size_t i;

	pthread_mutex_lock(&serial->lock);
	for (i = 0; i < count; i++)
		push_byte(serial, bytes[i]);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}
