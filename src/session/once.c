// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding and clearing the one-shot setting of the staged boot entry. */
#include <string.h>

#include "session/once.h"
#include "entry/entry.h"
#include "guard/trial.h"
#include "jump/record.h"

/* The pin of a trial stays until its gate takes it back: this jump may fail, too. */
static bool is_pin_of_trial(const struct wb_files *files, const char *path)
{
	WB_CLEAN_TRIAL t = {};
	struct wb_pin pin;

	if (!files->exists(files->ctx, WB_TRIAL_RUNS) || wb_trial_read(files, &t, NULL) < 0)
		return false;
	pin = wb_trial_pin(&t);
	return pin.loader && !strcmp(pin.path, path) && wb_pin_is_set(files, &pin) > 0;
}

void wb_once_clear(const struct wb_session_host *h, struct wb_once *ret)
{
	const struct wb_sys *sys = h->sys;
	WB_CLEAN_RECORD staged = {};
	WB_CLEAN_ENTRIES all = {};
	struct wb_error err = {};

	if (wb_record_read(sys->files, WB_RECORD_STAGED, &staged, NULL) < 0 || !staged.entry ||
		wb_entries_find(sys->files, &all, &err) < 0)
		return;
	for (size_t i = 0; i < all.n; i++) {
		const struct wb_entry *e = &all.items[i];

		if (!e->is_default || !e->once || strcmp(e->id, staged.entry) != 0 ||
			is_pin_of_trial(sys->files, e->once))
			continue;
		if (wb_once_consume(sys, e->once, ret, &err) < 0)
			wb_tell_warning(h,
				"%s; so the next boot through the firmware starts that "
				"entry once more",
				err.text);
	}
}

void wb_once_undo(const struct wb_session_host *h, const struct wb_once *once)
{
	int r = wb_once_restore(h->sys, once);

	if (r < 0)
		wb_tell_warning(h,
			"the boot loader's one-shot setting %s was cleared for the jump "
			"and cannot be put back: %s",
			once->path, strerror(-r));
}
