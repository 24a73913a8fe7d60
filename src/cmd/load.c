// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot load and unload: stage a kernel, or drop the staged one; reports on a stage. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "cmd/json.h"
#include "session/keeping.h"
#include "cmd/load.h"
#include "timeline/marks.h"

enum { OPT_DRY_RUN = 50 };

static const struct cmd_option own_options[] = {
	{OPT_DRY_RUN, 0, "dry-run", .help = "print the plan, change nothing"},
	{},
};

static void print_amount(const char *what, uint64_t bytes)
{
	printf("%-13s%.1f MiB\n", what, bytes / 1048576.0);
}

void cmd_print_stage(const struct wb_stage *stage, const struct wb_load_options *load)
{
	struct wb_stage_info info = wb_stage_info(stage);

	printf("kernel:      %s%s%s%s\n", load->kernel, *info.release ? " (" : "", info.release,
		*info.release ? ")" : "");
	if (load->entry)
		printf("entry:       %s\n", load->entry);
	printf("method:      %s: %s\n", wb_method_name(info.method), info.method_why);
	printf("initramfs:   %s: %s\n",
		info.initrd_bytes ? wb_initramfs_name(info.initramfs) : "none", info.initramfs_why);
	printf("verify:      %s\n", wb_verify_name(info.verify));
	printf("cmdline:     %s\n", info.cmdline);
	print_amount("kernel size:", info.kernel_bytes);
	if (info.cached)
		printf("unpacked:    before; read from %s\n", load->cache);
	print_amount("initrd size:", info.initrd_bytes);
}

static void print_plan(const struct wb_stage *stage, const struct wb_load_options *load)
{
	struct wb_stage_segment s;

	cmd_print_stage(stage, load);
	if (!wb_stage_segment(stage, 0, &s)) {
		puts("\nThe running kernel will place the segments itself.");
		return;
	}
	printf("\n%-12s %-18s %-18s %10s %10s\n", "segment", "start", "end", "memory", "filled");
	for (size_t i = 0; wb_stage_segment(stage, i, &s); i++)
		printf("%-12s 0x%016" PRIx64 " 0x%016" PRIx64 " %9" PRIu64 "K %9" PRIu64 "K\n",
			s.name, s.start, s.start + s.memsz, s.memsz >> 10, s.bufsz >> 10);
	printf("%-12s 0x%016" PRIx64 "\n", "entry", wb_stage_entry(stage));
}

json_t *cmd_stage_json(
	const struct wb_stage *stage, const struct wb_load_options *load, bool staged)
{
	struct wb_stage_info info = wb_stage_info(stage);
	json_t *segments = json_array();
	struct wb_stage_segment s;

	for (size_t i = 0; wb_stage_segment(stage, i, &s); i++)
		json_array_append_new(
			segments, json_pack("{s:s, s:I, s:I, s:I}", "name", s.name, "start",
					  (json_int_t)s.start, "memsz", (json_int_t)s.memsz,
					  "bufsz", (json_int_t)s.bufsz));
	return json_pack(
		"{s:b, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:b}",
		"staged", staged, "entry", cmd_json_or_null(load->entry), "kernel",
		cmd_json_or_null(load->kernel), "release", cmd_json_or_null(info.release), "method",
		wb_method_name(info.method), "method_why", info.method_why, "initramfs",
		wb_initramfs_name(info.initramfs), "initramfs_why", info.initramfs_why, "verify",
		wb_verify_name(info.verify), "cmdline", cmd_json_or_null(info.cmdline),
		"kernel_bytes", (json_int_t)info.kernel_bytes, "initrd_bytes",
		(json_int_t)info.initrd_bytes, "entry_address", (json_int_t)wb_stage_entry(stage),
		"segments", segments, "cached", info.cached);
}

static int dry_run(const struct wb_session_host *h, struct wb_request *req, struct wb_stage **ret,
	struct wb_error *err)
{
	int r = wb_request_resolve(h, req, err);

	if (r == 0)
		r = wb_request_prepare(h->sys, req, ret, err);
	cmd_progress_end();
	return r;
}

static int run_load(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	const struct wb_sys *sys = host.sys;
	bool dry = cmd_has(args, OPT_DRY_RUN);
	WB_CLEAN_REQUEST req = {};
	struct wb_stage *stage = NULL;
	struct wb_error err = {};

	if (cmd_request_read(args, &req, &err) < 0)
		return cmd_misused(args, &err);
	if (!dry)
		wb_mark(sys, WB_MARK_LOAD_BEGIN);
	if ((dry ? dry_run : wb_request_stage)(&host, &req, &stage, &err) < 0)
		return cmd_fail(args, &err);
	if (!dry)
		wb_mark(sys, WB_MARK_LOAD_END);
	if (cmd_has(args, OPT_JSON))
		cmd_print_json(cmd_stage_json(stage, &req.options, !dry));
	else if (dry)
		print_plan(stage, &req.options);
	else
		cmd_print_stage(stage, &req.options);
	wb_stage_free(stage);
	return CMD_DONE;
}

static enum cmd_lock lock(const struct cmd_args *args)
{
	return cmd_has(args, OPT_DRY_RUN) ? CMD_LOCK_NONE : CMD_LOCK_COMMAND;
}

const struct cmd_row cmd_load = {
	.name = "load",
	.args = "[ENTRY]",
	.max_args = 1,
	.help = "stage a boot entry, or the files given, for a jump",
	.notes =
		"ENTRY is an id or title from \"warmboot list\", a kernel release, \"default\" "
		"(what a "
		"plain\n"
		"reboot would boot, and what is staged when nothing is named) or \"newest\". An "
		"entry's own\n"
		"command line is used as it is unless --cmdline or --reuse-cmdline replace it.\n\n"
		"Methods: fast links the kernel beforehand and enters it without its decompressor; "
		"segments\n"
		"enters the image as a boot loader would; file leaves everything to the running "
		"kernel, which\n"
		"can check a signature. auto takes file where signatures are enforced, else fast, "
		"else segments.",
	.options = {cmd_load_options, own_options, cmd_json_option},
	.lock = lock,
	.run = run_load,
};

static int run_unload(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	const struct wb_sys *sys = host.sys;
	struct wb_error err = {};

	if (wb_unload(sys, &err) < 0)
		return cmd_fail(args, &err);
	sys->remove_file(sys->ctx, WB_RECORD_STAGED);
	wb_keeping_sweep(&host);
	return CMD_DONE;
}

const struct cmd_row cmd_unload = {
	.name = "unload",
	.args = "",
	.help = "drop the staged kernel",
	.lock = cmd_lock_command,
	.run = run_unload,
};
