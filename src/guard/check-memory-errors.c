// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: does the memory have errors? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "guard/checks.h"

static const char remedy[] =
	"find the damaged module of memory, and reboot through the firmware, which tests it";

static int check_poisoned(
	const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	static const char path[] = "/proc/meminfo", name[] = "HardwareCorrupted:";
	WB_CLEAN_BLOB text = {};
	int e = wb_check_read(f, path, &text, err);
	const char *at = e > 0 ? strstr((const char *)text.data, name) : NULL;
	unsigned long kib = at ? strtoul(at + strlen(name), NULL, 10) : 0;

	if (e < 0 || !kib)
		return e < 0 ? e : 0;
	return wb_finding_add(r, WB_SEVERITY_SEVERE, path, remedy,
		"%lu KiB of memory are damaged: the running kernel avoids them, and the next one "
		"does not know of them",
		kib);
}

/* Documentation/ABI/testing/sysfs-devices-edac */
static int check_edac(
	const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	static const char dir[] = "/sys/devices/system/edac/mc";
	WB_CLEAN_STRV controllers = {};
	int e = wb_check_list(f, dir, &controllers, err);

	for (size_t i = 0; e > 0 && i < controllers.n; i++) {
		WB_CLEAN_STR path = wb_strf("%s/%s/ue_count", dir, controllers.items[i]);
		uint64_t n;

		if (!path)
			return wb_oom(err);
		n = wb_read_number(f->files, path);
		if (!n)
			continue;
		e = wb_finding_add(r, WB_SEVERITY_WARNING, path, remedy,
			"the memory had %" PRIu64 " errors that could not be corrected", n);
		e = e < 0 ? e : 1;
	}
	return e < 0 ? e : 0;
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	int e = check_poisoned(f, r, err);

	return e < 0 ? e : check_edac(f, r, err);
}

const struct wb_check wb_check_memory_errors = {
	.id = "memory-errors",
	.about = "whether memory is known to be damaged, which only the running kernel knows",
	.look = look,
};
