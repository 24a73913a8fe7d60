// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Any watchdog whose driver does not stop it at a jump, because the kernel was told so:
 * watchdog.stop_on_reboot=0 (Documentation/watchdog/watchdog-parameters.rst), which counts for drivers that
 * are loaded after that. PID 1 uses the first device.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guard/watchdog.h"

#define DEVICE "/sys/class/watchdog/watchdog0"
#define STOPS "/sys/module/watchdog/parameters/stop_on_reboot"
#define LONGEST 86400u

/* The first line of a small file; false: there is none, or it has no room. */
static bool read_line(const struct wb_files *files, const char *path, char *ret, size_t size)
{
	WB_CLEAN_BLOB text = {};
	size_t n;

	if (files->read(files->ctx, path, 4096, &text, NULL) < 0)
		return false;
	n = strcspn((char *)text.data, "\n");
	if (!n || n >= size)
		return false;
	memcpy(ret, text.data, n);
	ret[n] = 0;
	return true;
}

/* The driver's module by the device's own link, or by the rows that know the identity. */
static bool find_module(const struct wb_files *files, const char *identity, char *ret, size_t size)
{
	WB_CLEAN_STR target = NULL;
	const char *slash;

	if (files->readlink(files->ctx, DEVICE "/device/driver/module", &target, NULL) == 0) {
		slash = strrchr(target, '/');
		return snprintf(ret, size, "%s", slash ? slash + 1 : target) < (int)size;
	}
	for (size_t i = 0; wb_watchdogs_all[i]; i++) {
		const struct wb_watchdog_kind *kind = wb_watchdogs_all[i];
		size_t n = 0;

		if (!kind->identity || strcmp(kind->identity, identity))
			continue;
		while (kind->modules[n + 1])
			n++;
		snprintf(ret, size, "%s", kind->modules[n]);
		return true;
	}
	return false;
}

static int find(const struct wb_files *files, struct wb_watchdog *ret, struct wb_error *err)
{
	char stops[16];
	uint64_t most;

	if (!read_line(files, DEVICE "/identity", ret->identity, sizeof(ret->identity)))
		return 0;
	if (!read_line(files, STOPS, stops, sizeof(stops)) || strcmp(stops, "0"))
		return wb_fail(err, -EOPNOTSUPP,
			"the kernel stops the device \"%s\" at a jump, because it was not started "
			"with watchdog.stop_on_reboot=0",
			ret->identity);
	if (!find_module(files, ret->identity, ret->module, sizeof(ret->module)))
		return wb_fail(err, -EOPNOTSUPP,
			"the module of the device \"%s\" is not known, so that the next kernel "
			"could "
			"not load it first",
			ret->identity);
	most = wb_read_number(files, DEVICE "/max_timeout");
	ret->least_s = (unsigned int)wb_read_number(files, DEVICE "/min_timeout");
	/* 0: the driver has no limit of its own. */
	ret->most_s = most && most < LONGEST ? (unsigned int)most : LONGEST;
	snprintf(ret->device, sizeof(ret->device), "watchdog0");
	return 1;
}

static uint32_t arm(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *s)
{
	(void)w;
	(void)s;
	return seconds * 1000;
}

static void feed(const struct wb_watchdog *w, unsigned int seconds, struct wb_steps *s)
{
	(void)w;
	(void)seconds;
	(void)s;
}

static void stop(const struct wb_watchdog *w, struct wb_steps *s)
{
	(void)w;
	(void)s;
}

static const char *const no_modules[] = {NULL};

const struct wb_watchdog_kind wb_watchdog_driver = {
	.name = "driver",
	.runs_on = true,
	.modules = no_modules,
	.find = find,
	.arm = arm,
	.feed = feed,
	.stop = stop,
};
