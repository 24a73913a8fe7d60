// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: is there room for the records of the jump? */
#include <inttypes.h>

#include "guard/checks.h"

/* The record of the jump, the history and the marks take some hundred KiB. */
#define LEAST (8u << 20)

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	static const char *const paths[] = {"/var/lib/warmboot", "/var/lib", "/", NULL};
	uint64_t room;

	for (const char *const *path = paths; *path; path++) {
		if (f->ops->room(f->ctx, *path, &room) < 0)
			continue;
		if (room >= LEAST)
			return 0;
		return wb_finding_add(r, WB_SEVERITY_SEVERE, *path, "make room there",
			"only %" PRIu64 " KiB are left for the records of the jump, without which "
			"the next boot cannot tell how it went",
			room >> 10);
	}
	return 0;
}

const struct wb_check wb_check_room = {
	.id = "room",
	.about = "whether `/var/lib/warmboot` has room for the records of the jump",
	.look = look,
};
