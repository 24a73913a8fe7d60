// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kernel parameters mem= and memmap=, read as the kernel reads them. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/cmdline.h"
#include "arch/x86_64-memmap.h"
#include "core/strv.h"
#include "core/text.h"

/* enum e820_type, arch/x86/include/asm/e820/types.h */
#define TYPE_RAM 1
#define TYPE_RESERVED_KERN 128

/* Without digits memparse() gives 0 and does not advance; so does this. */
static int take_size(const char **at, uint64_t *ret)
{
	int r = wb_memparse(*at, ret, at);

	if (r == -EINVAL)
		*ret = r = 0;
	return r;
}

/* Parse one part. 1: it is valid; 0: the kernel ignores it; -ERANGE. */
static int parse_part(const char *at, struct wb_memmap *ret)
{
	const char *from = at;
	int r;

	*ret = (struct wb_memmap){};
	if (!strncmp(at, "exactmap", strlen("exactmap"))) {
		ret->kind = 'X';
		return 1;
	}
	r = wb_memparse(at, &ret->size, &at);
	if (r < 0 || at == from)
		return r == -ERANGE ? r : 0;
	if (!*at || !strchr("@#$!%", *at)) {
		ret->kind = 'L';
		return 1;
	}
	ret->kind = *at++;
	r = take_size(&at, &ret->start);
	if (r < 0 || ret->kind != '%')
		return r < 0 ? r : 1;
	if (*at == '-' && (at++, r = take_size(&at, &ret->from)) < 0)
		return r;
	if (*at == '+' && (at++, r = take_size(&at, &ret->to)) < 0)
		return r;
	/* Only for this kind the kernel does nothing if more follows. */
	return !*at;
}

int wb_memmap_each(const char *value, int (*fn)(const struct wb_memmap *m, void *arg), void *arg)
{
	for (const char *p = value; *p;) {
		struct wb_span span = {p, strcspn(p, ",")};
		WB_CLEAN_STR part = wb_span_copy(span);
		struct wb_memmap m;
		int r;

		if (!part)
			return -ENOMEM;
		r = parse_part(part, &m);
		if (r > 0)
			r = fn(&m, arg);
		if (r)
			return r;
		p += span.n + (p[span.n] == ',');
	}
	return 0;
}

struct obeyed {
	struct wb_ranges *ram;
	struct wb_ranges named; /* the RAM that an exact map names */
	bool exact;
};

static int cut(struct wb_ranges *r, uint64_t start, uint64_t size)
{
	/* The kernel cuts an end that overflows, in e820__range_update(). */
	if (size > UINT64_MAX - start)
		size = UINT64_MAX - start;
	return size ? wb_ranges_remove(r, start, size) : 0;
}

static int remove_both(struct obeyed *o, uint64_t start, uint64_t size)
{
	int r = cut(o->ram, start, size);

	return r < 0 ? r : cut(&o->named, start, size);
}

static int obey_part(const struct wb_memmap *m, void *arg)
{
	struct obeyed *o = arg;

	switch (m->kind) {
	case 'X':
		o->exact = true;
		wb_ranges_deinit(&o->named);
		return 0;
	case '@':
		if (!m->size || m->size > UINT64_MAX - m->start)
			return 0;
		return wb_ranges_set(&o->named, m->start, m->size, TYPE_RAM);
	case 'L':
		return remove_both(o, m->size, UINT64_MAX);
	case '%':
		if (m->to == TYPE_RAM ||
			(m->from && m->from != TYPE_RAM && m->from != TYPE_RESERVED_KERN))
			return 0;
		return remove_both(o, m->start, m->size);
	default:
		return remove_both(o, m->start, m->size);
	}
}

static int obey_word(const char *name, const char *value, void *arg)
{
	struct obeyed *o = arg;
	uint64_t limit;
	int r;

	if (value && !strcmp(name, "memmap"))
		return wb_memmap_each(value, obey_part, o);
	if (!value || strcmp(name, "mem"))
		return 0;
	/* "nopentium", 0, and a value without digits have no effect. */
	r = wb_memparse(value, &limit, NULL);
	if (r < 0 || !limit)
		return r == -ERANGE ? r : 0;
	return remove_both(o, limit, UINT64_MAX);
}

/* Remove from `ram` everything between the named ranges. */
static int keep_named(struct obeyed *o)
{
	uint64_t at = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->named.n; i++) {
		r = cut(o->ram, at, o->named.items[i].start - at);
		at = o->named.items[i].start + o->named.items[i].size;
	}
	return r < 0 ? r : cut(o->ram, at, UINT64_MAX);
}

int wb_memmap_obey(const char *cmdline, struct wb_ranges *ram)
{
	struct obeyed o = {.ram = ram};
	int r = wb_cmdline_each(cmdline, obey_word, &o);

	if (r == 0 && o.exact)
		r = keep_named(&o);
	wb_ranges_deinit(&o.named);
	return r;
}

struct search {
	char kind;
	size_t skip;
	struct wb_memmap *ret;
};

static int see_part(const struct wb_memmap *m, void *arg)
{
	struct search *s = arg;

	if (m->kind != s->kind || !m->size || m->start > INT64_MAX ||
		m->size > INT64_MAX - m->start || s->skip--)
		return 0;
	*s->ret = *m;
	return 1;
}

static int see_word(const char *name, const char *value, void *arg)
{
	int r = strcmp(name, "memmap") || !value ? 0 : wb_memmap_each(value, see_part, arg);

	/* The parts behind a number that the kernel cuts short are unknown. */
	return r == -ERANGE ? 0 : r;
}

bool wb_memmap_find(const char *cmdline, char kind, size_t i, struct wb_memmap *ret)
{
	struct search s = {kind, i, ret};

	return wb_cmdline_each(cmdline, see_word, &s) == 1;
}
