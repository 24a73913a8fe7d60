// SPDX-License-Identifier: LGPL-2.1-or-later
/* A fake struct wb_runner that records the programs it is asked to run. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake-runner.h"

static void note(struct fake_runner *f, const char *text, size_t n)
{
	size_t have = strlen(f->log);

	snprintf(f->log + have, sizeof(f->log) - have, "%.*s", (int)n, text);
}

static int run(void *ctx, const struct wb_spawn *how, struct wb_blob *ret, struct wb_error *err)
{
	struct fake_runner *f = ctx;
	size_t start = strlen(f->log);
	const char *says = NULL;
	int status = 0;

	for (const char *const *a = how->argv; *a; a++) {
		note(f, *a, strlen(*a));
		note(f, a[1] ? " " : "", 1);
	}
	for (const struct fake_answer *a = f->answers; a && a->begins; a++) {
		if (strncmp(f->log + start, a->begins, strlen(a->begins)))
			continue;
		status = a->status;
		says = a->says;
		break;
	}
	if (how->input.size) {
		note(f, " <<", 3);
		note(f, (const char *)how->input.data, how->input.size);
	}
	note(f, "\n", 1);
	if (status < 0)
		return wb_fail(err, status, "%s: %s", how->argv[0], strerror(-status));
	if (ret && says) {
		wb_blob_append(ret, says, strlen(says) + 1);
		ret->size--;
	}
	return status;
}

static int poke(void *ctx, const char *path, const char *text)
{
	struct fake_runner *f = ctx;

	note(f, "poke ", 5);
	note(f, path, strlen(path));
	note(f, " ", 1);
	note(f, text, strlen(text));
	return 0;
}

void fake_runner_init(struct fake_runner *fake, const struct fake_answer *answers)
{
	*fake = (struct fake_runner){.answers = answers};
	fake->runner = (struct wb_runner){.ctx = fake, .run = run, .poke = poke};
}
