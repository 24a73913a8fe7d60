// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The watchdog of the IB700 board, which QEMU has, too: drivers/watchdog/ib700wdt.c. It is two ports that
 * nothing announces, so it is known by its driver only.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "guard/watchdog.h"

#define STOP 0x441
#define START 0x443
#define LONGEST 15u /* units of 2 s */

static int find(const struct wb_files *files, struct wb_watchdog *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	struct wb_span line, where, what, word;
	unsigned int seen = 0;
	const char *p;
	int r = files->read(files->ctx, "/proc/ioports", 0, &text, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	p = (const char *)text.data;
	while (wb_take_line(&p, &line)) {
		if (!wb_span_split(line, ':', &where, &what) || !wb_span_is(what, " IB700 WDT") ||
			!wb_take_word(&where, &word))
			continue;
		seen |= wb_span_is(word, "0441-0441") | wb_span_is(word, "0443-0443") << 1;
	}
	if (seen != 3)
		return 0;
	ret->base = START;
	snprintf(ret->device, sizeof(ret->device), "port-%#x", START);
	return 1;
}

/* The register counts down from the longest time. */
static uint32_t units(unsigned int seconds)
{
	return (seconds + 1) / 2;
}

static uint32_t arm(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *s)
{
	wb_steps_add(s, WB_REG_PORT, w->base, 1, 0, LONGEST - units(seconds));
	return units(seconds) * 2000;
}

static void feed(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *s)
{
	arm(w, seconds, s);
}

static void stop(const struct wb_watchdog *w, struct wb_steps *s)
{
	(void)w;
	wb_steps_add(s, WB_REG_PORT, STOP, 1, 0, 0);
}

static const char *const modules[] = {"ib700wdt", NULL};

const struct wb_watchdog_kind wb_watchdog_ib700 = {
	.name = "ib700",
	.modules = modules,
	.least_s = 2,
	.most_s = 2 * LONGEST,
	.find = find,
	.arm = arm,
	.feed = feed,
	.stop = stop,
};
