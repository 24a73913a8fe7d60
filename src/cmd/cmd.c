// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

const struct cmd_row *const cmd_rows[] = {
	&cmd_status,
	&cmd_list,
	&cmd_load,
	&cmd_unload,
	&cmd_reboot,
	&cmd_keep,
	&cmd_timeline,
	&cmd_history,
	&cmd_store,
	&cmd_kexec,
	&cmd_completion,
	&cmd_help,
	NULL,
};

const struct cmd_row *const cmd_service_rows[] = {
	&cmd_mark,
	&cmd_probe,
	&cmd_early,
	&cmd_freeze,
	&cmd_generator,
	&cmd_hold,
	&cmd_thaw,
	&cmd_thawed,
	&cmd_replay,
	NULL,
};

static const struct cmd_row *find_in(const struct cmd_row *const *rows, const char *name)
{
	for (; *rows; rows++)
		if (!strcmp((*rows)->name, name))
			return *rows;
	return NULL;
}

const struct cmd_row *cmd_find(const char *name)
{
	const struct cmd_row *row = find_in(cmd_rows, name);

	return row ? row : find_in(cmd_service_rows, name);
}

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
#define N_ENDINGS (sizeof(endings) / sizeof(*endings))

void cmd_put_off_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < N_ENDINGS; i++)
		sigaddset(&set, endings[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int cmd_interrupted(struct wb_error *err)
{
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < N_ENDINGS; i++)
		if (sigismember(&pending, endings[i]))
			return wb_fail(err, -EINTR, "broken off by a signal; nothing was stopped");
	return 0;
}

int cmd_fail(const struct cmd_args *args, const struct wb_error *err)
{
	cmd_progress_end();
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", args->program, err->text);
	return CMD_FAILED;
}

int cmd_misused(const struct cmd_args *args, const struct wb_error *err)
{
	cmd_fail(args, err);
	if (strcmp(args->program, args->row->name))
		fprintf(stderr, "See: %s %s --help\n", args->program, args->row->name);
	else
		fprintf(stderr, "See: %s --help\n", args->program);
	return CMD_USAGE;
}

int cmd_run(const struct cmd_row *row, const char *program, int argc, char **argv)
{
	struct cmd_args args = {.row = row, .program = program};
	struct wb_error err = {};
	int code;

	if (cmd_parse(row, argc, argv, &args, &err) < 0)
		return cmd_misused(&args, &err);
	args.program = program;
	if (cmd_has(&args, OPT_HELP)) {
		cmd_print_help(stdout, program, row);
		code = CMD_DONE;
	} else {
		code = row->run(&args);
	}
	cmd_args_deinit(&args);
	/* A full disk or a closed pipe must not pass for success where a script reads the output. */
	if ((fflush(stdout) || ferror(stdout)) && code == CMD_DONE) {
		fprintf(stderr, "%s: cannot write the output: %s\n", program, strerror(errno));
		code = CMD_FAILED;
	}
	return code;
}

void cmd_progress(void *arg, const char *what)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%s…", what);
}

void cmd_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

void cmd_tell_kernel(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	char line[600];
	int n = snprintf(line, sizeof(line), "<4>warmboot: %s\n", text);

	if (fd < 0)
		return;
	if (write(fd, line, (size_t)n) < 0)
		fputs(line, stderr);
	close(fd);
}
