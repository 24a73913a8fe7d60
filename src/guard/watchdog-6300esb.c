// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The watchdog of Intel's 6300ESB (PCI 8086:25ab), which QEMU has as i6300esb: document 300641-004, chapter
 * 16, and drivers/watchdog/i6300esb.c. It has two stages. The first one makes an interrupt, which is
 * switched off here, and the second one resets the machine.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard/pci.h"
#include "guard/watchdog.h"

/* PCI configuration. */
#define COMMAND 0x04
#define COMMAND_MEMORY 0x02
#define BAR0 0x10
#define CONFIG 0x60
#define CONFIG_RESET_ONLY 0x0003 /* no interrupt; the reset line is on */
#define LOCK 0x68
#define LOCK_LOCKED 0x01
#define LOCK_ENABLE 0x02
/* Memory. */
#define BYTES 16
#define TIMER1 0x00
#define TIMER2 0x04
#define RELOAD 0x0c
#define RELOAD_NOW 0x0100
#define UNLOCK1 0x80
#define UNLOCK2 (UNLOCK1 | 0x06)

/* A tick is 2^15 clocks of the PCI bus, 0.98304 ms; each stage counts down. */
#define TICKS_DIVIDEND 100000000ull
#define TICKS_DIVISOR 196608ull

static bool is(uint16_t vendor, uint16_t device)
{
	return vendor == 0x8086 && device == 0x25ab;
}

static int find(const struct wb_files *files, struct wb_watchdog *ret, struct wb_error *err)
{
	char name[WB_PCI_NAME];
	uint8_t c[256];
	uint32_t low, high = 0;
	int r = wb_pci_find(files, is, name, err);

	if (r <= 0)
		return r;
	r = wb_pci_config(files, name, c, err);
	if (r < 0)
		return r;
	memcpy(&low, c + BAR0, 4);
	/* Bits 1 and 2: 2 is an address of 64 bits. */
	if ((low & 7) == 4)
		memcpy(&high, c + BAR0 + 4, 4);
	else if (low & 7)
		return wb_fail(err, -EOPNOTSUPP, "the registers of %s are no memory", name);
	if (!(c[COMMAND] & COMMAND_MEMORY))
		return wb_fail(err, -EOPNOTSUPP, "%s does not decode its memory", name);
	if (c[LOCK] & LOCK_LOCKED)
		return wb_fail(err, -EBUSY,
			"%s is locked (nowayout), and only a reset of the machine unlocks it",
			name);
	ret->base = (uint64_t)high << 32 | (low & ~15u);
	r = wb_pci_check_memory(files, name, 0, ret->base, BYTES, err);
	if (r < 0)
		return r;
	ret->config = wb_pci_address(name);
	snprintf(ret->device, sizeof(ret->device), "%s", name);
	return 1;
}

/* Each write to the memory needs these two before it. */
static void unlock_and_write(const struct wb_watchdog *w, uint64_t reg, uint8_t width,
	uint32_t value, struct wb_steps *s)
{
	wb_steps_add(s, WB_REG_MEMORY, w->base + RELOAD, 2, 0, UNLOCK1);
	wb_steps_add(s, WB_REG_MEMORY, w->base + RELOAD, 2, 0, UNLOCK2);
	wb_steps_add(s, WB_REG_MEMORY, w->base + reg, width, 0, value);
}

static uint32_t arm(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *s)
{
	uint64_t ticks = (seconds * TICKS_DIVIDEND + TICKS_DIVISOR - 1) / TICKS_DIVISOR;

	wb_steps_add(s, WB_REG_PCI, w->config | LOCK, 1, 0, 0);
	wb_steps_add(s, WB_REG_PCI, w->config | CONFIG, 2, 0, CONFIG_RESET_ONLY);
	unlock_and_write(w, TIMER1, 4, (uint32_t)ticks, s);
	unlock_and_write(w, TIMER2, 4, (uint32_t)ticks, s);
	unlock_and_write(w, RELOAD, 2, RELOAD_NOW, s);
	wb_steps_add(s, WB_REG_PCI, w->config | LOCK, 1, 0, LOCK_ENABLE);
	return (uint32_t)(ticks * TICKS_DIVISOR * 1000 / TICKS_DIVIDEND);
}

static void feed(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *s)
{
	(void)seconds;
	unlock_and_write(w, RELOAD, 2, RELOAD_NOW, s);
}

static void stop(const struct wb_watchdog *w, struct wb_steps *s)
{
	unlock_and_write(w, RELOAD, 2, RELOAD_NOW, s);
	wb_steps_add(s, WB_REG_PCI, w->config | LOCK, 1, 0, 0);
}

static const char *const modules[] = {"i6300esb", NULL};

const struct wb_watchdog_kind wb_watchdog_6300esb = {
	.name = "i6300esb",
	.modules = modules,
	.identity = "i6300ESB timer",
	.least_s = 1,
	.most_s = 2 * 0x3ff, /* the driver's limit; the device takes a little more */
	.find = find,
	.arm = arm,
	.feed = feed,
	.stop = stop,
};
