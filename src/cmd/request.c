// SPDX-License-Identifier: LGPL-2.1-or-later
/* The options of load and reboot that say what to stage, read into a request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/load.h"

enum {
	OPT_KERNEL = OPT_OWN,
	OPT_INITRD,
	OPT_CMDLINE,
	OPT_REUSE,
	OPT_APPEND,
	OPT_METHOD,
	OPT_VERIFY,
	OPT_INITRAMFS,
	OPT_TRACE,
};

const struct cmd_option cmd_load_options[] = {
	{OPT_KERNEL, 0, "kernel", "FILE", .help = "this kernel instead of a boot entry's"},
	{OPT_INITRD, 0, "initrd", "FILE", .help = "with this initrd; may be repeated"},
	{OPT_CMDLINE, 0, "cmdline", "STRING", .help = "this command line"},
	{OPT_REUSE, 0, "reuse-cmdline", .help = "the running kernel's command line"},
	{OPT_APPEND, 0, "append", "STRING", .help = "add to the command line"},
	{OPT_METHOD, 0, "method", .values = "auto|fast|segments|file",
		.help = "how to load (default auto)"},
	{OPT_VERIFY, 0, "verify", .values = "sha256|none",
		.help = "check memory before the kernel is entered (default sha256)"},
	{OPT_INITRAMFS, 0, "initramfs", .values = "auto|warm|own",
		.help = "one made for this machine's root, or the entry's (default auto; own with "
			"--initrd)"},
	{OPT_TRACE, 0, "trace",
		.help = "have the next kernel note how long each of its initcalls takes"},
	{},
};

/* The index of the value in "a|b|c"; the parser has checked that it is there. */
static int place(const struct cmd_value *v)
{
	const char *at = v->option->values;
	int i = 0;

	for (size_t n; (n = strcspn(at, "|")) != strlen(v->value) || strncmp(at, v->value, n); i++)
		at += n + 1;
	return i;
}

static void take_option(const struct cmd_value *v, struct wb_request *ret)
{
	struct wb_load_options *o = &ret->options;

	switch (v->option->id) {
	case OPT_KERNEL:
		o->kernel = v->value;
		break;
	case OPT_INITRD:
		ret->initrds[o->n_initrds++] = v->value;
		break;
	case OPT_CMDLINE:
		ret->cmdline = v->value;
		break;
	case OPT_REUSE:
		ret->reuse_cmdline = true;
		break;
	case OPT_APPEND:
		o->append = v->value;
		break;
	case OPT_TRACE:
		ret->trace = true;
		break;
	/* The lists of values are in the order of their enumerations. */
	case OPT_METHOD:
		o->method = place(v);
		break;
	case OPT_VERIFY:
		o->verify = place(v);
		break;
	case OPT_INITRAMFS:
		o->initramfs = place(v);
		break;
	}
}

static int check_request(const struct wb_request *req, struct wb_error *err)
{
	const struct wb_load_options *o = &req->options;

	if (o->kernel && !*o->kernel)
		return wb_fail(err, -EINVAL, "--kernel names no file");
	for (size_t i = 0; i < o->n_initrds; i++)
		if (!*req->initrds[i])
			return wb_fail(err, -EINVAL, "--initrd names no file");
	if (req->entry && !*req->entry)
		return wb_fail(err, -EINVAL, "\"\" names no boot entry");
	if (o->kernel && req->entry)
		return wb_fail(err, -EINVAL,
			"name either a boot entry (\"%s\") or --kernel, not both", req->entry);
	if (o->n_initrds && !o->kernel)
		return wb_fail(err, -EINVAL,
			"--initrd goes with --kernel; a boot entry brings its own initrds");
	if (req->cmdline && req->reuse_cmdline)
		return wb_fail(err, -EINVAL, "give either --cmdline or --reuse-cmdline, not both");
	return 0;
}

int cmd_request_read(const struct cmd_args *args, struct wb_request *ret, struct wb_error *err)
{
	struct wb_request req = {.options = {.size = sizeof(struct wb_load_options)}};
	int r;

	req.initrds = calloc(args->n_options + 1, sizeof(*req.initrds));
	if (!req.initrds)
		return wb_oom(err);
	req.options.initrds = req.initrds;
	req.options.progress = cmd_progress;
	req.leave_mark = true;
	for (size_t i = 0; i < args->n_options; i++)
		take_option(&args->options[i], &req);
	if (args->n_words)
		req.entry = args->words[0];
	r = check_request(&req, err);
	if (r < 0) {
		wb_request_deinit(&req);
		return r;
	}
	if (!req.entry && !req.options.kernel)
		req.entry = "default";
	/* An initrd that is named is not replaced by a warm initramfs. */
	if (req.options.n_initrds && req.options.initramfs == WB_INITRAMFS_AUTO)
		req.options.initramfs = WB_INITRAMFS_OWN;
	req.words = cmd_words_text(args, cmd_load_options);
	*ret = req;
	return 0;
}

bool cmd_asks_for_stage(const struct cmd_args *args)
{
	if (args->n_words)
		return true;
	for (const struct cmd_option *o = cmd_load_options; o->id; o++)
		if (cmd_has(args, o->id))
			return true;
	return false;
}

void cmd_request_give(const struct wb_request *req, struct wb_session_options *ret)
{
	ret->entry = req->entry;
	ret->load = req->options;
	ret->load.cmdline = req->cmdline;
	ret->reuse_cmdline = req->reuse_cmdline;
	ret->trace = req->trace;
	ret->words = req->words;
}
