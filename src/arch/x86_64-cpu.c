// SPDX-License-Identifier: LGPL-2.1-or-later
/* Words of a command line that take features of the CPU away from programs. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64.h"
#include "core/cmdline.h"
#include "core/strv.h"

#define LARGEST (4u << 20)
#define GDS "/sys/devices/system/cpu/vulnerabilities/gather_data_sampling"

/* Documentation/admin-guide/kernel-parameters.txt. The features are named as in /proc/cpuinfo. */
static const struct {
	const char *word;
	const char *value; /* NULL: any */
	const char *feature;
} words[] = {
	{"noxsave", NULL, "xsave"},
	{"nofsgsbase", NULL, "fsgsbase"},
	{"nopku", NULL, "ospke"},
	{"nousershstk", NULL, "user_shstk"},
	{"no5lvl", NULL, "la57"},
	{"tsx", "off", "rtm"},
};

struct masking {
	const char *flags;   /* the line of /proc/cpuinfo, with a space before and behind each */
	const char *running; /* this kernel's command line: what it has taken away is in no use */
	bool gathers;        /* gather_data_sampling=force takes AVX away here */
	char **why;
};

static bool has(const struct masking *m, const char *feature)
{
	size_t n = strlen(feature);

	for (const char *p = strstr(m->flags, feature); p; p = strstr(p + 1, feature))
		if (n && p > m->flags && p[-1] == ' ' && strchr(" \n", p[n]))
			return true;
	return false;
}

static int tell(struct masking *m, const char *name, const char *value, const char *feature)
{
	*m->why = wb_strf(
		"the next kernel's command line has %s%s%s, which takes the CPU's feature %s "
		"away, and its programs may use that",
		name, value ? "=" : "", value ? value : "", feature);
	return *m->why ? 1 : -ENOMEM;
}

/* By a number, only a kernel knows which one it is (arch/x86/include/asm/cpufeatures.h). */
static int judge_list(struct masking *m, const char *value)
{
	WB_CLEAN_STR list = strdup(value);
	char *at = list, *one;
	int r = 0;

	if (!list)
		return -ENOMEM;
	while (r == 0 && (one = strsep(&at, ",")))
		if (has(m, one) || (*one >= '0' && *one <= '9'))
			r = tell(m, "clearcpuid", value, one);
	return r;
}

/* A word that the running kernel has, too, has no effect that programs do not know. */
static bool runs_with(const struct masking *m, const char *name, const char *value)
{
	WB_CLEAN_STR now = NULL;

	return wb_cmdline_get(m->running, name, &now) == 0 && !strcmp(now, value ? value : "");
}

static int judge_word(const char *name, const char *value, void *arg)
{
	struct masking *m = arg;

	if (runs_with(m, name, value))
		return 0;
	if (value && !strcmp(name, "clearcpuid"))
		return judge_list(m, value);
	if (value && m->gathers && !strcmp(name, "gather_data_sampling") &&
		!strcmp(value, "force") && has(m, "avx"))
		return tell(m, name, value, "avx");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(name, words[i].word) &&
			(!words[i].value || (value && !strcmp(value, words[i].value))) &&
			has(m, words[i].feature))
			return tell(m, name, value, words[i].feature);
	return 0;
}

int wb_x86_masks(const struct wb_files *files, const char *cmdline, char **ret_why)
{
	WB_CLEAN_BLOB info = {}, running = {}, gds = {};
	WB_CLEAN_STR flags = NULL;
	const char *at;
	int r = files->read(files->ctx, "/proc/cpuinfo", LARGEST, &info, NULL);

	*ret_why = NULL;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	at = strstr((const char *)info.data, "\nflags");
	at = at ? strchr(at, ':') : NULL;
	flags = at ? wb_strf("%.*s ", (int)strcspn(at, "\n"), at) : strdup("");
	if (!flags)
		return -ENOMEM;
	if (files->read(files->ctx, "/proc/cmdline", LARGEST, &running, NULL) < 0 ||
		files->read(files->ctx, GDS, LARGEST, &gds, NULL) < 0)
		r = 0;
	r = wb_cmdline_each(cmdline, judge_word,
		&(struct masking){flags, running.size ? (const char *)running.data : "",
			gds.size && !strstr((const char *)gds.data, "Not affected") &&
				!strstr((const char *)gds.data, "Microcode"),
			ret_why});
	return r < 0 ? r : 0;
}
