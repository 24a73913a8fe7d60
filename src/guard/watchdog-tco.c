// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The TCO watchdog, version 2, of Intel's chipsets from ICH6 to the 9 series, which QEMU's q35 has as part of
 * its ICH9: document 316972-004, chapter 13.9, drivers/watchdog/iTCO_wdt.c and drivers/mfd/lpc_ich.c. It
 * counts down twice, and resets the machine the second time, unless NO_REBOOT is set.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard/pci.h"
#include "guard/watchdog.h"

/* PCI configuration of the LPC bridge. */
#define PMBASE 0x40
#define PMBASE_MASK 0xff80u
#define ACPI_CNTL 0x44
#define ACPI_CNTL_ENABLE 0x80
#define RCBA 0xf0
#define RCBA_ENABLE 1u
#define RCBA_MASK 0xffffc000u
/* Memory. */
#define GCS 0x3410
#define GCS_NO_REBOOT 0x20u
/* Ports, from TCOBASE. */
#define TCO 0x60 /* from PMBASE */
#define RLD 0x00
#define STS1 0x04
#define STS1_TIMEOUT 0x0008
#define STS2 0x06
#define STS2_SECOND_TO 0x0002
#define STS2_BOOT 0x0004
#define CNT1 0x08
#define CNT1_HALT 0x0800u
#define TMR 0x12

/* The ids in lpc_ich.c that have version 2: from and to, both included. */
static const struct {
	uint16_t from, to;
} ids[] = {
	{0x2640, 0x2642},                                     /* ICH6 */
	{0x2670, 0x267f},                                     /* 631xESB, 632xESB */
	{0x27b0, 0x27b0},                                     /* ICH7 */
	{0x27b8, 0x27b9}, {0x27bc, 0x27bd}, {0x2810, 0x2812}, /* ICH8 */
	{0x2814, 0x2815}, {0x2912, 0x2912},                   /* ICH9 */
	{0x2914, 0x2914}, {0x2916, 0x2919}, {0x3a14, 0x3a14}, /* ICH10 */
	{0x3a16, 0x3a16}, {0x3a18, 0x3a18}, {0x3a1a, 0x3a1a}, {0x3b00, 0x3b03}, /* 5 series, 3400 */
	{0x3b06, 0x3b0b}, {0x3b0d, 0x3b0d}, {0x3b0f, 0x3b0f}, {0x3b12, 0x3b12}, {0x3b14, 0x3b14},
	{0x3b16, 0x3b16}, {0x5031, 0x5031}, /* EP80579 */
	{0x1c41, 0x1c5f},                   /* 6 series */
	{0x1d40, 0x1d41},                   /* C600 */
	{0x2310, 0x2310},                   /* DH89xxCC */
	{0x1e40, 0x1e5f},                   /* 7 series */
	{0x8c40, 0x8c5f},                   /* 8 series */
	{0x9c40, 0x9c47}, {0x8cc1, 0x8cc4}, /* 9 series */
	{0x8cc6, 0x8cc6}, {0x8d40, 0x8d5f}, /* C610 */
};

static bool is(uint16_t vendor, uint16_t device)
{
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		if (vendor == 0x8086 && device >= ids[i].from && device <= ids[i].to)
			return true;
	return false;
}

static int find(const struct wb_files *files, struct wb_watchdog *ret, struct wb_error *err)
{
	char name[WB_PCI_NAME];
	uint32_t pmbase, rcba;
	uint8_t c[256];
	int r = wb_pci_find(files, is, name, err);

	if (r <= 0)
		return r;
	r = wb_pci_config(files, name, c, err);
	if (r < 0)
		return r;
	memcpy(&pmbase, c + PMBASE, 4);
	memcpy(&rcba, c + RCBA, 4);
	if (!(pmbase & PMBASE_MASK) || !(c[ACPI_CNTL] & ACPI_CNTL_ENABLE))
		return wb_fail(
			err, -EOPNOTSUPP, "the firmware has switched the ports of %s off", name);
	if (!(rcba & RCBA_ENABLE) || !(rcba & RCBA_MASK))
		return wb_fail(
			err, -EOPNOTSUPP, "the firmware has switched the memory of %s off", name);
	ret->config = wb_pci_address(name);
	ret->base = (pmbase & PMBASE_MASK) + TCO;
	ret->extra = (rcba & RCBA_MASK) + GCS;
	r = wb_check_no_ram(files, ret->extra, 4, err);
	if (r < 0)
		return r;
	snprintf(ret->device, sizeof(ret->device), "%s", name);
	return 1;
}

static void port(
	const struct wb_watchdog *w, uint64_t reg, uint32_t keep, uint32_t set, struct wb_steps *s)
{
	wb_steps_add(s, WB_REG_PORT, w->base + reg, 2, keep, set);
}

/* A tick is 0.6 s, and it counts them down twice. */
static uint32_t arm(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *s)
{
	uint32_t ticks = (seconds * 10 + 11) / 12;

	wb_steps_add(s, WB_REG_MEMORY, w->extra, 4, ~GCS_NO_REBOOT, 0);
	port(w, CNT1, 0xffff, CNT1_HALT, s);
	port(w, STS1, 0, STS1_TIMEOUT, s);
	port(w, STS2, 0, STS2_SECOND_TO, s);
	port(w, STS2, 0, STS2_BOOT, s);
	port(w, TMR, 0, ticks, s);
	port(w, RLD, 0, 1, s);
	port(w, CNT1, 0xffff & ~CNT1_HALT, 0, s);
	return ticks * 1200;
}

static void feed(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *s)
{
	(void)seconds;
	port(w, RLD, 0, 1, s);
}

static void stop(const struct wb_watchdog *w, struct wb_steps *s)
{
	port(w, RLD, 0, 1, s);
	port(w, CNT1, 0xffff, CNT1_HALT, s);
}

/* lpc_ich makes the device that iTCO_wdt drives. */
static const char *const modules[] = {"lpc_ich", "iTCO_wdt", NULL};

const struct wb_watchdog_kind wb_watchdog_tco = {
	.name = "itco",
	.modules = modules,
	.identity = "iTCO_wdt",
	.least_s = 5,
	.most_s = 613, /* the driver's limit: 1023 ticks for each of the two times */
	.find = find,
	.arm = arm,
	.feed = feed,
	.stop = stop,
};
