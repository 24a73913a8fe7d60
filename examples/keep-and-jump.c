// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What `warmboot reboot --keep=UNIT ENTRY` does, by libwarmboot: load the kernel of a boot entry, and jump to it
 * under running services.
 *
 *	cc keep-and-jump.c $(pkg-config --cflags --libs --static libwarmboot)
 *	./a.out --dry-run newest nginx.service     tells what would be done
 *	./a.out newest nginx.service               does it, as root
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <warmboot.h>

static volatile sig_atomic_t broken_off;

static void break_off(int signal)
{
	broken_off = 1;
}

static void tell_step(void *arg, const char *name)
{
	fprintf(stderr, "done: %s\n", name);
}

static void tell_progress(void *arg, const char *what)
{
	if (what)
		fprintf(stderr, "%s ...\n", what);
}

static void tell_warning(void *arg, const char *sentence)
{
	fprintf(stderr, "warning: %s\n", sentence);
}

static int is_broken_off(void *arg, struct wb_error *err)
{
	if (!broken_off)
		return 0;
	err->code = -1;
	strcpy(err->text, "broken off");
	return err->code;
}

static void print_plan(const struct wb_session *s)
{
	const struct wb_stage *stage = wb_session_stage(s);
	struct wb_session_unit u;

	if (stage)
		printf("kernel %s (%s): %s\n", wb_session_load(s)->kernel,
			wb_method_name(wb_stage_info(stage).method),
			wb_stage_info(stage).method_why);
	for (size_t i = 0; wb_session_unit(s, i, &u); i++)
		printf("%s: %s%s%s\n", u.unit, u.how, u.why ? ": " : "", u.why ? u.why : "");
}

int main(int argc, char **argv)
{
	int dry = argc > 1 && !strcmp(argv[1], "--dry-run"), r;
	struct wb_session_options o = {.size = sizeof(o),
		.tell = {.progress = tell_progress,
			.warn = tell_warning,
			.done = tell_step,
			.interrupted = is_broken_off}};
	struct wb_session *s = NULL;
	struct wb_error err = {};

	if (argc < dry + 3) {
		fprintf(stderr, "usage: %s [--dry-run] ENTRY UNIT...\n", argv[0]);
		return 2;
	}
	o.entry = argv[dry + 1];
	o.keep = (const char *const *)argv + dry + 2;
	o.n_keep = (size_t)(argc - dry - 2);
	signal(SIGINT, break_off);
	r = wb_session_new(&o, &s, &err);
	if (r == 0)
		r = dry ? wb_session_preview(s, &err) : wb_session_prepare(s, &err);
	if (r == 0)
		print_plan(s);
	/* Up to here all goes on as before, and wb_session_undo() would take all of it back. */
	if (r == 0 && !dry)
		r = wb_session_run(s, &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	wb_session_free(s);
	return r < 0;
}
