// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: is another shutdown planned? */
#include <string.h>

#include "guard/checks.h"

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	/* systemd-logind writes it (shutdown(8)). */
	static const char path[] = "/run/systemd/shutdown/scheduled";
	WB_CLEAN_BLOB text = {};
	const char *mode;
	int e = wb_check_read(f, path, &text, err);

	if (e <= 0)
		return e;
	mode = strstr((const char *)text.data, "MODE=");
	mode = mode ? mode + strlen("MODE=") : "shutdown";
	return wb_finding_add(r, WB_SEVERITY_WARNING, path,
		"take it back with \"shutdown -c\" if the jump replaces it",
		"somebody has planned a %.*s, of which the next boot does not know",
		(int)strcspn(mode, "\n"), mode);
}

const struct wb_check wb_check_shutdown = {
	.id = "shutdown",
	.about = "a shutdown that is planned already (`shutdown(8)`)",
	.look = look,
};
