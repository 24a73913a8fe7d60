/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries of a made-up machine, and what tests ask about them. */
#pragma once

#include "unit.h"
#include "fake-files.h"
#include "entry/entry.h"

static inline struct wb_entries entries_of(const struct fake_file *disk)
{
	struct wb_files files = fake_files(disk);
	struct wb_entries all = {};
	struct wb_error err = {};

	assert_int_equal(wb_entries_find(&files, &all, &err), 0);
	return all;
}

/* Its id, or "none"; there is never more than one. */
static inline const char *default_of(const struct wb_entries *all)
{
	const char *id = NULL;

	for (size_t i = 0; i < all->n; i++) {
		if (!all->items[i].is_default)
			continue;
		assert_null(id);
		id = all->items[i].id;
	}
	return id ? id : "none";
}

static inline const struct wb_entry *entry_of(const struct wb_entries *all, const char *id)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i].id, id) == 0)
			return &all->items[i];
	return NULL;
}

static inline bool has_warning(const struct wb_entries *all, const char *part)
{
	for (size_t i = 0; i < all->warnings.n; i++)
		if (strstr(all->warnings.items[i], part))
			return true;
	return false;
}

#define GRUB_ENV "# GRUB Environment Block\n"
#define GRUB_ENV_END "####################\n"
