// SPDX-License-Identifier: LGPL-2.1-or-later
/* How a rule of the preflight reports: a reason, a warning, or what CRIU and the dump need to know. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/valid.h"
#include "survey/judging.h"

/*
 * The most sentences in a list, the most directories of sockets and deleted files, and the most resources that CRIU
 * calls external.
 */
#define MOST_LINES 64
#define MOST_PLACES 1024
#define MOST_EXTERNALS 256

static void add_line(struct wb_judging *j, struct wb_strv *to, const char *fmt, va_list ap)
{
	WB_CLEAN_STR s = NULL;

	if (vasprintf(&s, fmt, ap) < 0) {
		s = NULL;
		j->error = -ENOMEM;
		return;
	}
	wb_make_plain(s);
	/* Each sentence is compared with all before it, so their number has a limit. */
	if (to->n < MOST_LINES && wb_strv_add_once(to, s) < 0)
		j->error = -ENOMEM;
}

void wb_refuse(struct wb_judging *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(j, &j->v.reasons, fmt, ap);
	va_end(ap);
}

void wb_warn(struct wb_judging *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(j, &j->v.warnings, fmt, ap);
	va_end(ap);
}

void wb_distrust(struct wb_judging *j, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	add_line(j, &j->v.reasons, fmt, ap);
	add_line(j, &j->v.breaches, fmt, again);
	va_end(again);
	va_end(ap);
}

void wb_distrust_process(struct wb_judging *j, const struct wb_proc *p, const char *what)
{
	wb_distrust(j, "its process %" PRId64 " (%s) %s", p->pid, p->name, what);
}

const struct wb_proc *wb_judging_main(const struct wb_judging *j)
{
	return wb_procs_find(j->f->procs, j->f->systemd->main_pid);
}

bool wb_judging_same_ns(const struct wb_proc *a, const struct wb_proc *b, enum wb_ns ns)
{
	return !a->ns[ns] || !b->ns[ns] || !strcmp(a->ns[ns], b->ns[ns]);
}

struct wb_criu_external *wb_judging_find_external(struct wb_judging *j, const char *id)
{
	for (size_t i = 0; i < j->v.image.externals.n; i++)
		if (!strcmp(j->v.image.externals.items[i].id, id))
			return &j->v.image.externals.items[i];
	return NULL;
}

struct wb_criu_external *wb_judging_add_external(struct wb_judging *j, const char *id)
{
	struct wb_criu_external *e = wb_judging_find_external(j, id);

	if (e)
		return e;
	if (j->v.image.externals.n >= MOST_EXTERNALS) {
		wb_refuse(j,
			"it has more than %d streams to the journal and files outside of its "
			"sandbox",
			MOST_EXTERNALS);
		return NULL;
	}
	e = wb_list_add(&j->v.image.externals, sizeof(*e));
	if (e)
		e->id = strdup(id);
	if (!e || !e->id) {
		j->error = -ENOMEM;
		return NULL;
	}
	return e;
}

static void add_place(struct wb_judging *j, const char *path, struct wb_strv *to)
{
	WB_CLEAN_STR dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir) {
		j->error = -ENOMEM;
		return;
	}
	if (*path == '/')
		*slash = '\0';
	if (*path != '/' || (*dir && !wb_valid_path(dir)))
		wb_distrust(
			j, "it has %.100s open, whose place in the next boot is not known", path);
	else if (*dir && j->v.places.n + j->v.bindings.n >= MOST_PLACES)
		wb_distrust(j, "it has Unix sockets and deleted files in more than %d directories",
			MOST_PLACES);
	else if (*dir && wb_strv_add_once(to, dir) < 0)
		j->error = -ENOMEM;
}

void wb_judging_add_place(struct wb_judging *j, const char *path)
{
	add_place(j, path, &j->v.places);
}

void wb_judging_add_binding(struct wb_judging *j, const char *path)
{
	add_place(j, path, &j->v.bindings);
}
