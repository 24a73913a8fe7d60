// SPDX-License-Identifier: LGPL-2.1-or-later
/* Features of the CPU and labels of security modules, before and after. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "keep/same.h"
#include "sys/cpu.h"

#define LARGEST 65536

/* Its label, to be freed; NULL: it is "unconfined" or there is none. -ENOMEM. */
static int read_label(const struct wb_files *files, int64_t pid, const char *tid, char **ret)
{
	WB_CLEAN_BLOB b = {};
	char path[96];

	*ret = NULL;
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/task/%.20s/attr/current", pid, tid);
	/* Without a security module, reading it is an error. */
	if (files->read(files->ctx, path, LARGEST, &b, NULL) < 0 || !b.size)
		return 0;
	((char *)b.data)[strcspn((char *)b.data, "\n")] = 0;
	if (!*b.data || !strcmp((char *)b.data, "unconfined"))
		return 0;
	*ret = strdup((char *)b.data);
	return *ret ? 0 : -ENOMEM;
}

static int note_process(const struct wb_files *files, int64_t pid, struct wb_criu_image *image)
{
	WB_CLEAN_STRV threads = {};
	char dir[64];
	int r = 0;

	snprintf(dir, sizeof(dir), "/proc/%" PRId64 "/task", pid);
	if (files->list(files->ctx, dir, &threads, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < threads.n; i++) {
		struct wb_criu_label *l;
		char *text;

		r = read_label(files, pid, threads.items[i], &text);
		if (r < 0 || !text)
			continue;
		l = image->labels.n < WB_CRIU_LABELS ? wb_list_add(&image->labels, sizeof(*l))
						     : NULL;
		if (!l) {
			free(text);
			return image->labels.n < WB_CRIU_LABELS ? -ENOMEM : -E2BIG;
		}
		*l = (struct wb_criu_label){pid, strtoll(threads.items[i], NULL, 10), text};
	}
	return r;
}

int wb_same_note(
	const struct wb_files *files, const int64_t *pids, size_t n, struct wb_criu_image *image)
{
	int64_t now[WB_CPU_OFFERS];
	int r = 0;

	for (size_t i = 0; i < image->labels.n; i++)
		free(image->labels.items[i].text);
	image->labels.n = image->cpu.n = 0;
	wb_cpu_offers(now);
	for (size_t i = 0; i < WB_CPU_OFFERS; i++) {
		int64_t *item = wb_list_add(&image->cpu, sizeof(*item));

		if (!item)
			return -ENOMEM;
		*item = now[i];
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		r = note_process(files, pids[i], image);
	return r;
}

int wb_same_check_cpu(const struct wb_criu_image *image, struct wb_error *err)
{
	int64_t now[WB_CPU_OFFERS];

	wb_cpu_offers(now);
	for (size_t i = 0; i < image->cpu.n && i < WB_CPU_OFFERS; i++)
		if (image->cpu.items[i] & ~now[i])
			return wb_fail(err, -EOPNOTSUPP,
				"this kernel offers fewer features of the CPU to programs than the "
				"one "
				"before (%s without %#" PRIx64 ")",
				(const char *const[]){"AT_HWCAP", "AT_HWCAP2", "XCR0"}[i],
				(uint64_t)(image->cpu.items[i] & ~now[i]));
	return 0;
}

int wb_same_check_labels(
	const struct wb_files *files, const struct wb_criu_image *image, struct wb_error *err)
{
	for (size_t i = 0; i < image->labels.n; i++) {
		const struct wb_criu_label *l = &image->labels.items[i];
		WB_CLEAN_STR now = NULL;
		char tid[24];

		snprintf(tid, sizeof(tid), "%" PRId64, l->tid);
		if (read_label(files, l->pid, tid, &now) < 0)
			return wb_oom(err);
		if (!now || strcmp(now, l->text))
			return wb_fail(err, -EPERM,
				"its process %" PRId64 " (thread %" PRId64
				") was confined by %.100s, and would be by %.100s now",
				l->pid, l->tid, l->text, now ? now : "nothing");
	}
	return 0;
}
