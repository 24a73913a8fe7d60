// SPDX-License-Identifier: LGPL-2.1-or-later
/* Gathering the facts of the running boot from marks, journal, kernel log and systemd. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "core/json.h"
#include "jump/record.h"
#include "timeline/firmware.h"
#include "timeline/gather.h"
#include "timeline/starts.h"

#define KEEP_RESULT "/run/warmboot/keep-result.json"
#define KMSG_MAX (32u << 20)

static void copy_string(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

#define COPY(to, from) copy_string(to, sizeof(to), from)

int wb_log_tie(const struct wb_sys *sys)
{
	char line[80];

	/* At debug level no console prints it. */
	snprintf(line, sizeof(line), "<15>warmboot: tsc %llu\n",
		(unsigned long long)sys->tsc(sys->ctx));
	return sys->append_file(sys->ctx, "/dev/kmsg",
		(struct wb_bytes){(const uint8_t *)line, strlen(line)}, 0600, UINT64_MAX);
}

void wb_events_trim(struct wb_events *events)
{
	int64_t from = INT64_MIN;
	size_t n = 0;

	for (size_t i = 0; i < events->n; i++)
		if (events->items[i].kind == WB_EVENT_STOPPED &&
			!strcmp(events->items[i].unit, "multi-user.target"))
			from = events->items[i].mono_us;
	/* Some slices and sessions stop at the same time, in any order. */
	for (size_t i = 0; from > INT64_MIN && i < events->n; i++)
		if (events->items[i].mono_us >= from - 500000)
			events->items[n++] = events->items[i];
	if (from > INT64_MIN)
		events->n = n;
}

/* Read "units": [{unit, name, how, frozen_s}], the result of the restores. */
static int read_kept(const struct wb_files *files, struct wb_facts *f)
{
	WB_CLEAN_BLOB b = {};
	json_t *json = NULL, *list;

	if (files->read(files->ctx, KEEP_RESULT, 1 << 20, &b, NULL) < 0)
		return 0;
	if (wb_json_load(wb_blob_view(&b), &json, NULL) == -ENOMEM)
		return -ENOMEM;
	list = json_is_array(json) ? json : json_object_get(json, "units");
	if (!json_is_array(list))
		list = json_object_get(json, "kept");
	f->kept = calloc(json_array_size(list) + 1, sizeof(*f->kept));
	if (!f->kept) {
		json_decref(json);
		return -ENOMEM;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *frozen = json_object_get(o, "frozen_s");
		struct wb_kept *k = &f->kept[f->n_kept];

		COPY(k->unit, json_string_value(json_object_get(o, "unit")));
		COPY(k->name, json_string_value(json_object_get(o, "name")));
		COPY(k->how, json_string_value(json_object_get(o, "how")));
		k->frozen_s = json_number_value(frozen) > 0 ? json_number_value(frozen) : -1;
		f->n_kept += !!*k->unit;
	}
	json_decref(json);
	return 0;
}

/* Identify this boot, the one before it, and the way from there to here. */
static int read_jump(const struct wb_sys *sys, const struct wb_sources *sources, struct wb_facts *f)
{
	WB_CLEAN_TRACES traces = {};
	WB_CLEAN_RECORD rec = {};
	struct wb_verdict v;
	bool had, ours;

	if (wb_traces_read(sys->files, &traces) < 0)
		return -ENOMEM;
	if (!traces.boot_id)
		return -ENOENT;
	had = wb_record_read(sys->files, WB_RECORD_JUMP, &rec, NULL) == 0;
	v = wb_judge(had ? &rec : NULL, &traces);
	/* A record that this boot made is about the next jump, not the last. */
	ours = had && rec.boot_id && strcmp(rec.boot_id, traces.boot_id) &&
	       (!rec.judged_boot || !strcmp(rec.judged_boot, traces.boot_id));
	f->jumped = wb_jump_number(had ? &rec : NULL, &traces) ||
		    (v.outcome == WB_OUTCOME_JUMPED && ours);
	f->by_kexec = f->jumped || traces.by_kexec;
	COPY(f->boot, traces.boot_id);
	COPY(f->to, traces.release);
	COPY(f->outcome, wb_outcome_name(ours || f->jumped ? v.outcome : WB_OUTCOME_NONE));
	COPY(f->method, f->by_kexec ? "kexec" : "firmware");
	if (f->jumped && v.method)
		COPY(f->method, v.method);
	if (ours || f->jumped)
		COPY(f->from, v.from);
	if (ours && f->jumped)
		COPY(f->initramfs, rec.initramfs);
	if (ours)
		COPY(f->previous, rec.boot_id);
	else if (sources->previous_boot(sources->ctx, f->boot, f->previous) < 0)
		f->previous[0] = '\0';
	f->handoff_hz = traces.handoff_hz;
	f->tsc_enter = traces.handoff_enter;
	f->tsc_leave = traces.handoff_leave;
	f->copied_bytes = traces.handoff_bytes;
	return 0;
}

/* The times at which services that were stopped or kept in the old kernel came up in this one. */
static int read_up(const struct wb_sources *sources, struct wb_facts *f)
{
	f->up = calloc(f->events.n + f->n_kept + 1, sizeof(*f->up));
	if (!f->up)
		return -ENOMEM;
	for (size_t i = 0; i < f->events.n + f->n_kept; i++) {
		const char *unit =
			i < f->events.n ? f->events.items[i].unit : f->kept[i - f->events.n].unit;
		size_t n = strlen(unit);
		bool seen = false;
		uint64_t us = 0;

		if (n < 8 || strcmp(unit + n - 8, ".service") ||
			(i < f->events.n && f->events.items[i].kind != WB_EVENT_STOPPED))
			continue;
		for (size_t k = 0; k < f->n_up; k++)
			seen |= !strcmp(f->up[k].unit, unit);
		if (seen || sources->active_since(sources->ctx, unit, &us) < 0 || !us)
			continue;
		COPY(f->up[f->n_up].unit, unit);
		f->up[f->n_up++].active_us = us;
	}
	return 0;
}

static int read_all(const struct wb_sys *sys, const struct wb_sources *sources, struct wb_facts *f)
{
	const struct wb_mark *asked;
	WB_CLEAN_BLOB log = {};
	int r = read_jump(sys, sources, f);

	if (r < 0)
		return r;
	r = wb_marks_read(sys->files, &f->marks, NULL);
	if (r == -ENOMEM)
		return r;
	/* Without a record and a journal on disk, the marks have the id of the boot before. */
	for (size_t i = f->marks.n; f->by_kexec && !*f->previous && i > 0; i--)
		if (strcmp(f->marks.items[i - 1].boot, f->boot))
			COPY(f->previous, f->marks.items[i - 1].boot);
	f->last_tsc = wb_last_read(sys->files, f->previous);
	if (f->last_tsc)
		snprintf(f->last_source, sizeof(f->last_source), "counter left in %s",
			wb_arch_of(sys->files)->stamp->where);
	/* After another program's jump there is a counter too, since the shutdown's hook writes it for every jump. */
	f->jumped |= f->by_kexec && f->last_tsc;
	wb_log_tie(sys);
	wb_mark_take(sys, "now", &f->now);
	if (sys->files->read(sys->files->ctx, "/dev/kmsg", KMSG_MAX, &log, NULL) == 0)
		wb_klog_parse(wb_arch_of(sys->files), (const char *)log.data, log.size, &f->log);
	else
		wb_klog_parse(wb_arch_of(sys->files), "", 0, &f->log);
	f->copy_rate = sys->copy_rate(sys->ctx);
	sources->user_times(sources->ctx, &f->user);
	sources->began(sources->ctx, f->boot, &f->began_wall_us);
	sources->active_since(sources->ctx, "default.target", &f->user.target_us);
	if (!f->user.firmware_us)
		wb_firmware_times(sys->files, &f->user);
	asked = wb_marks_find(&f->marks, f->previous, WB_MARK_ASKED);
	if (*f->previous)
		sources->events(sources->ctx, f->previous,
			f->jumped && asked ? asked->mono_ns / 1000 : 0, &f->events);
	wb_events_trim(&f->events);
	r = read_kept(sys->files, f);
	if (r == 0)
		r = read_up(sources, f);
	return r < 0 ? r : wb_starts_read(sources, &f->user, &f->starts, &f->chain);
}

int wb_facts_read(const struct wb_sys *sys, const struct wb_sources *sources, struct wb_facts *ret,
	struct wb_error *err)
{
	struct wb_facts *f = calloc(1, sizeof(*f));
	int r = f ? read_all(sys, sources, f) : -ENOMEM;

	if (r == 0)
		*ret = *f;
	else if (f)
		wb_facts_deinit(f);
	free(f);
	if (r == -ENOENT)
		return wb_fail(err, r, "/proc/sys/kernel/random/boot_id cannot be read");
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}
