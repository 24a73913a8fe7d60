/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the tests of boot entries: a machine as a list of files, and checks of the entries
 * found on it.
 */
#pragma once

#include <stdio.h>

#include "unit.h"
#include "samples.h"
#include "sample-entries.h"

/* A variable of the boot loader in efivarfs: attributes, then UTF-16LE. `text` is u"…". */
#define EFIVAR(name) "/sys/firmware/efi/efivars/" name "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define EFIVAR_MAX 256

struct efivar {
	char bytes[4 + 2 * EFIVAR_MAX];
	size_t size;
};

static inline struct efivar efivar_text(const char *text)
{
	struct efivar v = {.bytes = {7}, .size = 4};

	do {
		assert_true(v.size + 2 <= sizeof(v.bytes));
		v.bytes[v.size] = *text;
		v.size += 2;
	} while (*text++);
	return v;
}

#define VARIABLE(name, v)                         \
	{                                         \
		EFIVAR(name), (v).bytes, (v).size \
	}

/* The entry of that id, which is there. */
static inline const struct wb_entry *entry_by_id(const struct wb_entries *all, const char *id)
{
	const struct wb_entry *e = entry_of(all, id);

	if (!e)
		fail_msg("no entry %s among %zu", id, all->n);
	return e;
}

/* Is there a warning with both words in it? */
static inline bool warns(const struct wb_entries *all, const char *a, const char *b)
{
	for (size_t i = 0; i < all->warnings.n; i++)
		if (strstr(all->warnings.items[i], a) && strstr(all->warnings.items[i], b))
			return true;
	for (size_t i = 0; i < all->warnings.n; i++)
		printf("warning: %s\n", all->warnings.items[i]);
	return false;
}

/* A PE file of at most eleven sections whose contents are texts; size 0 ends them. */
#define PE_MAX (13 * 1024)
struct pe {
	uint8_t bytes[PE_MAX];
	size_t size;
};

static inline void make_pe(struct pe *ret, const char *const sections[][2])
{
	struct sample_section s[16];
	unsigned int n = 0;

	for (; sections[n][0]; n++)
		s[n] = (struct sample_section){
			sections[n][0], sections[n][1], (uint32_t)strlen(sections[n][1])};
	ret->size = sample_pe(ret->bytes, s, n);
	assert_true(ret->size <= sizeof(ret->bytes));
}

#define PE_FILE(path, pe)                                 \
	{                                                 \
		path, (const char *)(pe).bytes, (pe).size \
	}
