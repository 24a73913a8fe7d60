// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding, setting and clearing the pin by the row of the boot loader in charge. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard/pin.h"

const struct wb_pin_row *const wb_pins_all[] = {
	&wb_pin_systemd_boot,
	&wb_pin_grub,
	NULL,
};

void wb_pin_deinit(struct wb_pin *pin)
{
	free(pin->loader);
	free(pin->path);
	free(pin->value);
	*pin = (struct wb_pin){};
}

static const struct wb_pin_row *row_of(const struct wb_pin *pin, struct wb_error *err)
{
	for (const struct wb_pin_row *const *row = wb_pins_all; pin->loader && *row; row++)
		if (!strcmp((*row)->loader, pin->loader))
			return *row;
	wb_fail(err, -EBADMSG, "no boot loader is pinned as \"%s\"",
		pin->loader ? pin->loader : "");
	return NULL;
}

int wb_pin_find(const struct wb_files *files, const struct wb_entry *e, struct wb_pin *ret,
	struct wb_error *err)
{
	for (const struct wb_pin_row *const *row = wb_pins_all; *row; row++) {
		WB_CLEAN_PIN pin = {};
		int r = (*row)->find(files, e, &pin.path, &pin.value, err);

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		pin.loader = strdup((*row)->loader);
		if (!pin.loader)
			return wb_oom(err);
		*ret = pin;
		pin = (struct wb_pin){};
		return 0;
	}
	return wb_fail(err, -EOPNOTSUPP,
		"the boot loader here is neither systemd-boot nor GRUB, and no other one can be "
		"told "
		"what to boot once");
}

int wb_pin_contents(const struct wb_files *files, const struct wb_pin *pin, struct wb_blob *ret,
	struct wb_error *err)
{
	const struct wb_pin_row *row = row_of(pin, err);

	return row ? row->contents(files, pin->path, pin->value, ret, err) : -EBADMSG;
}

int wb_pin_is_set(const struct wb_files *files, const struct wb_pin *pin)
{
	const struct wb_pin_row *row = row_of(pin, NULL);

	return row ? row->has(files, pin->path, pin->value, NULL) : -EBADMSG;
}

int wb_pin_set(const struct wb_sys *sys, const struct wb_pin *pin, struct wb_error *err)
{
	const struct wb_pin_row *row = row_of(pin, err);
	WB_CLEAN_BLOB contents = {};
	int r = row ? row->has(sys->files, pin->path, pin->value, err) : -EBADMSG;

	if (r != 0)
		return r < 0 ? r : 0;
	r = row->taken(sys->files, pin->path, err);
	if (r > 0)
		return wb_fail(err, -EBUSY,
			"%s has a one-shot setting already, which is not warmboot's", pin->path);
	if (r == 0)
		r = row->contents(sys->files, pin->path, pin->value, &contents, err);
	if (r < 0)
		return r;
	r = row->write(sys, pin->path, wb_blob_view(&contents));
	if (r < 0)
		return wb_fail(err, r, "%s cannot be written: %s", pin->path, strerror(-r));
	/* Firmware and file systems may take a write that is not there afterwards. */
	r = row->has(sys->files, pin->path, pin->value, err);
	if (r > 0)
		return 0;
	row->clear(sys, pin->path);
	return r < 0 ? r
		     : wb_fail(err, -EIO, "%s was written, and does not hold what was written",
			       pin->path);
}

int wb_pin_clear(const struct wb_sys *sys, const struct wb_pin *pin, struct wb_error *err)
{
	const struct wb_pin_row *row = row_of(pin, err);
	int r = row ? row->has(sys->files, pin->path, pin->value, err) : -EBADMSG;

	if (r <= 0)
		return r;
	r = row->clear(sys, pin->path);
	if (r < 0)
		return wb_fail(err, r,
			"%s still makes the next boot through the firmware start another kernel: "
			"%s",
			pin->path, strerror(-r));
	return 1;
}
