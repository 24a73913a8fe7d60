// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parsing /proc/PID/mountinfo, and finding the mount that a path leads to. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "core/mountinfo.h"
#include "core/text.h"

static void mount_deinit(struct wb_mount *m)
{
	free(m->root);
	free(m->point);
	free(m->options);
	free(m->fstype);
	free(m->source);
	free(m->super_options);
}

void wb_mounts_deinit(struct wb_mounts *mounts)
{
	if (!mounts)
		return;
	for (size_t i = 0; i < mounts->n; i++)
		mount_deinit(&mounts->items[i]);
	free(mounts->items);
	free(mounts->by_parent);
	*mounts = (struct wb_mounts){};
}

/*
 * Take a field that ends in one blank. wb_take_word() would be wrong here: an empty source leaves
 * two blanks next to each other. false: the line ended with the field before.
 */
static bool take_field(struct wb_span *line, struct wb_span *ret)
{
	size_t n = 0;

	if (!line->s)
		return false;
	while (n < line->n && line->s[n] != ' ')
		n++;
	*ret = (struct wb_span){line->s, n};
	*line = n < line->n ? (struct wb_span){line->s + n + 1, line->n - n - 1}
			    : (struct wb_span){};
	return true;
}

static bool take_id(struct wb_span *line, int64_t *ret)
{
	struct wb_span field;
	uint64_t v;

	if (!take_field(line, &field) || !wb_span_number(field, 10, &v) || v > INT64_MAX)
		return false;
	*ret = (int64_t)v;
	return true;
}

static bool take_device(struct wb_span *line, struct wb_mount *m)
{
	struct wb_span field, first;
	uint64_t major, minor;

	if (!take_field(line, &field))
		return false;
	if (!wb_span_split(field, ':', &first, &field))
		return false;
	if (!wb_span_number(first, 10, &major) || !wb_span_number(field, 10, &minor) ||
		major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	m->major = (unsigned)major;
	m->minor = (unsigned)minor;
	m->device = (int64_t)makedev(m->major, m->minor);
	return true;
}

static char *plain(struct wb_span field)
{
	return wb_unescape_octal(field.s, field.n);
}

static int parse_line(struct wb_span line, struct wb_mount *m)
{
	struct wb_span root, point, options, field, fstype, source, super;

	if (!take_id(&line, &m->id) || !take_id(&line, &m->parent) || !take_device(&line, m) ||
		!take_field(&line, &root) || !take_field(&line, &point) ||
		!take_field(&line, &options))
		return -EBADMSG;
	/* In a name a blank is written \040, so a field that is just "-" is the separator. */
	do
		if (!take_field(&line, &field))
			return -EBADMSG;
	while (!wb_span_is(field, "-"));
	if (!take_field(&line, &fstype) || !take_field(&line, &source) || !line.s || !root.n ||
		!point.n || !options.n || !fstype.n)
		return -EBADMSG;
	/*
	 * The last field is the rest of the line: a file system may print a blank in its options.
	 */
	super = line;
	m->root = plain(root);
	m->point = plain(point);
	m->options = wb_span_copy(options);
	m->fstype = plain(fstype);
	m->source = plain(source);
	m->super_options = wb_span_copy(super);
	return m->root && m->point && m->options && m->fstype && m->source && m->super_options
		       ? 0
		       : -ENOMEM;
}

static int by_parent(const void *a, const void *b, void *arg)
{
	const struct wb_mount *items = arg;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (items[x].parent != items[y].parent)
		return items[x].parent < items[y].parent ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Index into by_parent of the first mount on `parent`, or of the place where it would be. */
static size_t first_child(const struct wb_mounts *m, int64_t parent)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->items[m->by_parent[middle]].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The root mount of a namespace is its own parent and stays a top. */
static void mark_children(struct wb_mounts *m, int64_t id)
{
	for (size_t i = first_child(m, id); i < m->n; i++) {
		struct wb_mount *child = &m->items[m->by_parent[i]];

		if (child->parent != id)
			break;
		child->is_top = child->id == id;
	}
}

static int sort(struct wb_mounts *m)
{
	m->by_parent = malloc((m->n + 1) * sizeof(*m->by_parent));
	if (!m->by_parent)
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++)
		m->by_parent[i] = i;
	if (m->n)
		qsort_r(m->by_parent, m->n, sizeof(*m->by_parent), by_parent, m->items);
	for (size_t i = 0; i < m->n; i++)
		m->items[i].is_top = true;
	for (size_t i = 0; i < m->n; i++)
		mark_children(m, m->items[i].id);
	return 0;
}

int wb_mounts_parse(const char *text, struct wb_mounts *ret)
{
	WB_CLEAN_MOUNTS all = {};
	struct wb_span line;
	size_t room = 0;
	int r = 0;

	while (r == 0 && wb_take_line(&text, &line)) {
		if (!line.n)
			continue;
		if (all.n == room) {
			struct wb_mount *grown;

			room = room ? 2 * room : 32;
			grown = reallocarray(all.items, room, sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			all.items = grown;
		}
		all.items[all.n] = (struct wb_mount){};
		r = parse_line(line, &all.items[all.n++]);
	}
	if (r == 0)
		r = sort(&all);
	if (r < 0)
		return r;
	*ret = all;
	all = (struct wb_mounts){};
	return 0;
}

int wb_mounts_read(
	const struct wb_files *files, const char *path, struct wb_mounts *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	int r = files->read(files->ctx, path, 0, &text, err);

	if (r < 0)
		return r;
	r = wb_mounts_parse((const char *)text.data, ret);
	if (r == -EBADMSG)
		return wb_fail(err, r, "%s has a line that is not understood", path);
	return r < 0 ? wb_oom(err) : 0;
}

/* Does a walk along `path` come through `point`? */
static bool leads_through(const char *path, const char *point)
{
	size_t n = strlen(point);

	while (n && point[n - 1] == '/')
		n--;
	return !strncmp(path, point, n) && (!path[n] || path[n] == '/');
}

/*
 * The walk meets the mount with the shortest point first; of equal points the last mount is on top.
 */
static void meet(const struct wb_mount *m, const char *path, const struct wb_mount **best)
{
	if (leads_through(path, m->point) && (!*best || strlen(m->point) <= strlen((*best)->point)))
		*best = m;
}

const struct wb_mount *wb_mounts_at(const struct wb_mounts *mounts, const char *path)
{
	const struct wb_mount *at = NULL;

	/* A walk begins at a mount whose parent is not listed. */
	for (size_t i = 0; i < mounts->n; i++) {
		const struct wb_mount *m = &mounts->items[i];

		if (m->is_top)
			meet(m, path, &at);
	}
	/*
	 * Each step goes from a mount to one on it. The bound ends the loop whatever the text says.
	 */
	for (size_t steps = 0; at && steps < mounts->n; steps++) {
		const struct wb_mount *next = NULL;

		for (size_t i = first_child(mounts, at->id);
			i < mounts->n && mounts->items[mounts->by_parent[i]].parent == at->id;
			i++) {
			const struct wb_mount *m = &mounts->items[mounts->by_parent[i]];

			if (!m->is_top && m != at)
				meet(m, path, &next);
		}
		if (!next)
			break;
		at = next;
	}
	return at;
}

int wb_mount_option(const struct wb_mount *mount, const char *name, char **ret)
{
	size_t length = strlen(name);

	for (const char *o = mount->super_options; *o;) {
		size_t n = strcspn(o, ",");

		if (n >= length && !strncmp(o, name, length) && (n == length || o[length] == '=')) {
			size_t skip = n == length ? length : length + 1;
			char *value = wb_unescape_octal(o + skip, n - skip);

			if (!value)
				return -ENOMEM;
			*ret = value;
			return 0;
		}
		o += n + (o[n] == ',');
	}
	return -ENOENT;
}

bool wb_volatile_fs(const char *fstype)
{
	return !strcmp(fstype, "tmpfs") || !strcmp(fstype, "ramfs");
}
