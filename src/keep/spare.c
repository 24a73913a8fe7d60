// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>

#include "core/bytes.h"
#include "keep/spare.h"
#include "sys/spawn.h"

/* Re-reading all unit files takes a loaded machine seconds. */
#define RELOAD_MS 90000

/*
 * Without its default dependencies a unit is in no conflict with shutdown.target
 * (systemd.service(5)). Should something else stop it, a unit that requires it or PartOf=, its
 * processes still stay: systemd-shutdown would end them, but the freeze comes first.
 */
static const char dropin[] = "# Written by warmboot for the time of a jump.\n"
			     "[Unit]\n"
			     "DefaultDependencies=no\n"
			     "IgnoreOnIsolate=yes\n"
			     "[Service]\n"
			     "KillMode=none\n"
			     "ExecStop=\n"
			     "ExecStopPost=\n";

static void path_of(const char *unit, char *ret, size_t size)
{
	snprintf(ret, size, "/run/systemd/system/%s.d/" WB_SPARE_NAME, unit);
}

static int reload(struct wb_error *err)
{
	static const char *const argv[] = {"systemctl", "daemon-reload", NULL};

	return wb_spawn_ok(&(struct wb_spawn){.argv = argv, .deadline_ms = RELOAD_MS}, err);
}

static void remove_all(const struct wb_sys *sys, const struct wb_strv *units)
{
	char path[512];

	for (size_t i = 0; i < units->n; i++) {
		path_of(units->items[i], path, sizeof(path));
		sys->remove_file(sys->ctx, path);
	}
}

int wb_spare_units(const struct wb_sys *sys, const struct wb_strv *units, struct wb_error *err)
{
	char path[512];
	int r = 0;

	for (size_t i = 0; i < units->n && r == 0; i++) {
		path_of(units->items[i], path, sizeof(path));
		r = sys->write_file(sys->ctx, path,
			(struct wb_bytes){(const uint8_t *)dropin, sizeof(dropin) - 1}, 0644);
		if (r < 0)
			wb_fail(err, r, "cannot write %s", path);
	}
	if (r == 0) {
		r = reload(err);
		/* It may have been read all the same. */
		if (r < 0)
			wb_spare_undo(sys, units);
		return r;
	}
	remove_all(sys, units);
	return r;
}

void wb_spare_undo(const struct wb_sys *sys, const struct wb_strv *units)
{
	remove_all(sys, units);
	reload(NULL);
}
