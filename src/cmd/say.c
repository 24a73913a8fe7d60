// SPDX-License-Identifier: LGPL-2.1-or-later
/* The program's messages: failures, wrong usage, progress, and warnings before the journal runs. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

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

void cmd_print_clean(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}
