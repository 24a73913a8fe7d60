// SPDX-License-Identifier: LGPL-2.1-or-later
/* warmboot kexec: kexec-tools' command line, translated into a request, and run. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "cmd/kexec.h"
#include "core/cmdline.h"
#include "session/kexec.h"
#include "session/session.h"

enum {
	K_LOAD = OPT_OWN,
	K_PANIC,
	K_UNLOAD,
	K_EXEC,
	K_STATUS,
	K_FILE,
	K_SEGMENTS,
	K_AUTO,
	K_FORCE,
	K_NO_IFDOWN,
	K_NO_SYNC,
	K_NO_CHECKS,
	K_DEBUG,
	K_TYPE,
	K_MEM_MIN,
	K_MEM_MAX,
	K_INITRD,
	K_RAMDISK,
	K_APPEND,
	K_COMMAND_LINE,
	K_REUSE_CMDLINE,
	K_REUSE_INITRD,
	K_DTB,
	K_NOEFI,
	K_CRASH_SIZE,
	K_SERIAL,
	K_SERIAL_BAUD,
	K_CONSOLE_SERIAL,
	K_CONSOLE_VGA,
	/* Accepted without effect. */
	K_RESET_VGA,
	K_REUSE_VIDEO_TYPE,
	K_ARGS_LINUX,
	K_NO_CMA,
	K_FORCE_DTB,
	/* Without effect; with -p, that is refused. */
	K_HOTPLUG,
	K_ELF32,
	K_ELF64,
	K_PASS_MEMMAP,
	K_DT_NO_OLD_ROOT,
	/* Refused. */
	K_REAL_MODE,
	K_ENTRY_32BIT,
	K_ARGS_ELF,
	K_ARGS_NONE,
	K_MODULE,
	K_ENTRY,
	K_PRESERVE_CONTEXT,
	K_JUMP_BACK,
	K_LOAD_LIVE_UPDATE,
	K_EXEC_LIVE_UPDATE,
};

static const struct cmd_option options[] = {
	{OPT_VERSION, 'v', "version", .help = "print the version"},
	{K_LOAD, 'l', "load", .help = "load KERNEL and do no more"},
	{K_UNLOAD, 'u', "unload", .help = "drop the loaded kernel"},
	{K_EXEC, 'e', "exec", .help = "jump to the loaded kernel at once, without a shutdown"},
	{K_FORCE, 'f', "force", .help = "load KERNEL and jump at once, without a shutdown"},
	{K_STATUS, 'S', "status",
		.help = "exit 1 if a crash kernel (with -l and no -p: a kernel) is loaded, 0 if "
			"not"},
	{K_FILE, 's', "kexec-file-syscall", .help = "load through kexec_file_load(2) only"},
	{K_SEGMENTS, 'c', "kexec-syscall", .help = "load through kexec_load(2) only"},
	{K_AUTO, 'a', "kexec-syscall-auto",
		.help = "kexec_file_load(2), or where it cannot, kexec_load(2) (default)"},
	{K_NO_IFDOWN, 'x', "no-ifdown",
		.help = "leave network interfaces up before a jump at once"},
	{K_NO_SYNC, 'y', "no-sync", .help = "do not write file systems out before a jump at once"},
	{K_NO_CHECKS, 'i', "no-checks", .help = "no check of memory before the kernel is entered"},
	{K_DEBUG, 'd', "debug", .help = "print what is loaded, and how"},
	{K_TYPE, 't', "type", "TYPE", .help = "type of KERNEL; it is detected in any case"},
	{K_MEM_MIN, 0, "mem-min", "ADDRESS", .help = "lowest address to load to"},
	{K_MEM_MAX, 0, "mem-max", "ADDRESS", .help = "highest address to load to"},
	{K_INITRD, 0, "initrd", "FILE", .help = "initrd; the last one counts"},
	{K_RAMDISK, 0, "ramdisk", "FILE"},
	{K_APPEND, 0, "append", "STRING",
		.help = "the command line, or an addition to it with --reuse-cmdline"},
	{K_COMMAND_LINE, 0, "command-line", "STRING", .help = "the same as --append"},
	{K_REUSE_CMDLINE, 0, "reuse-cmdline", .help = "the running kernel's command line"},
	{K_REUSE_INITRD, 0, "reuseinitrd",
		.help = "the running kernel's initrd, which it kept because of retain_initrd"},
	{K_DTB, 0, "dtb", "FILE", .help = "hand this device tree on"},
	{K_FORCE_DTB, 0, "force-dtb",
		.help = "pass on the running kernel's device tree, if it has one"},
	{K_NOEFI, 0, "noefi",
		.help = "keep the new kernel from EFI (adds noefi to its command line)"},
	{K_CRASH_SIZE, 0, "print-ckr-size", .help = "print the bytes reserved for a crash kernel"},
	{K_SERIAL, 0, "serial", "PORT", .help = "accepted: the serial console is detected"},
	{K_SERIAL_BAUD, 0, "serial-baud", "BAUD", .help = "accepted: the port's speed is kept"},
	{K_CONSOLE_SERIAL, 0, "console-serial",
		.help = "accepted: errors are reported there anyway"},
	{K_CONSOLE_VGA, 0, "console-vga", .help = "accepted, without effect"},
	{K_RESET_VGA, 0, "reset-vga", .help = "accepted, without effect"},
	{K_REUSE_VIDEO_TYPE, 0, "reuse-video-type", .help = "accepted, without effect"},
	{K_ARGS_LINUX, 0, "args-linux", .help = "accepted, without effect"},
	{K_NO_CMA, 0, "no-cma", .help = "accepted, without effect"},
	{K_HOTPLUG, 0, "hotplug", .help = "accepted, for crash kernels only"},
	{K_ELF32, 0, "elf32-core-headers", .help = "accepted, for crash kernels only"},
	{K_ELF64, 0, "elf64-core-headers", .help = "accepted, for crash kernels only"},
	{K_PASS_MEMMAP, 0, "pass-memmap-cmdline", .help = "accepted, for crash kernels only"},
	{K_DT_NO_OLD_ROOT, 0, "dt-no-old-root", .help = "accepted, for crash kernels only"},
	{K_PANIC, 'p', "load-panic", .help = "refused: crash kernels come with a later version"},
	{K_REAL_MODE, 0, "real-mode", .help = "refused: kernels are entered in 64-bit mode only"},
	{K_ENTRY_32BIT, 0, "entry-32bit", .help = "refused, for the same reason"},
	{K_ARGS_ELF, 0, "args-elf"},
	{K_ARGS_NONE, 0, "args-none"},
	{K_MODULE, 0, "module", "FILE"},
	{K_ENTRY, 0, "entry", "ADDRESS"},
	{K_PRESERVE_CONTEXT, 0, "load-preserve-context"},
	{K_JUMP_BACK, 0, "load-jump-back-helper"},
	{K_LOAD_LIVE_UPDATE, 0, "load-live-update"},
	{K_EXEC_LIVE_UPDATE, 0, "exec-live-update"},
	{},
};

/* Refuse an option for a feature that warmboot does not have. */
static int refuse(const struct cmd_option *o, struct wb_error *err)
{
	switch (o->id) {
	case K_REAL_MODE:
	case K_ENTRY_32BIT:
		return wb_fail(err, -EOPNOTSUPP,
			"--%s: kernels are entered in 64-bit mode only; leave it out", o->name);
	case K_ARGS_ELF:
	case K_ARGS_NONE:
	case K_MODULE:
		return wb_fail(err, -EOPNOTSUPP,
			"--%s: only Linux kernels can be loaded, not multiboot or bare ELF "
			"programs",
			o->name);
	case K_ENTRY:
	case K_PRESERVE_CONTEXT:
	case K_JUMP_BACK:
		return wb_fail(err, -EOPNOTSUPP,
			"--%s: jumping back to the old kernel is not supported", o->name);
	case K_LOAD_LIVE_UPDATE:
	case K_EXEC_LIVE_UPDATE:
		return wb_fail(err, -EOPNOTSUPP,
			"--%s works under Xen only, which is not supported", o->name);
	}
	return 0;
}

/* Options that choose the actions. A later one replaces an earlier one, as in kexec-tools. */
static void take_action(int id, struct kexec_request *k)
{
	switch (id) {
	case OPT_VERSION:
		k->version = true;
		break;
	case K_LOAD:
		k->load = true;
		k->exec = k->shutdown = false;
		break;
	case K_UNLOAD:
		k->unload = true;
		k->load = k->shutdown = false;
		break;
	case K_EXEC:
		k->load = k->shutdown = false;
		k->exec = true;
		break;
	case K_FORCE:
		k->load = k->exec = true;
		k->shutdown = false;
		break;
	case K_STATUS:
		k->status = true;
		break;
	case K_PANIC:
		k->panic = true;
		break;
	case K_FORCE_DTB:
		k->force_dtb = true;
		break;
	case K_CRASH_SIZE:
		k->crash_size = true;
		break;
	case K_NO_IFDOWN:
		k->net_down = false;
		break;
	case K_NO_SYNC:
		k->sync = false;
		break;
	case K_DEBUG:
		k->debug = true;
		break;
	}
}

static int take_address(const struct cmd_value *v, uint64_t *ret, struct wb_error *err)
{
	uint64_t at;
	char *end;

	errno = 0;
	at = strtoull(v->value, &end, 0);
	if (errno || *end || end == v->value || *v->value == '-')
		return wb_fail(
			err, -EINVAL, "--%s: \"%s\" is no address", v->option->name, v->value);
	*ret = at;
	return 0;
}

/* The type is detected in any case; a type that this machine cannot load is refused. */
static int take_type(const char *type, struct wb_error *err)
{
	const char *const *types = wb_arch_native()->types;
	char known[128] = "";
	size_t n = 0;

	for (size_t i = 0; types[i]; i++) {
		if (strcmp(type, types[i]) == 0)
			return 0;
		n += snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", types[i]);
	}
	return wb_fail(err, -EOPNOTSUPP,
		"--type=%s: only Linux kernels of this machine can be loaded (%s)", type, known);
}

/* Options that choose the kernel and the way of loading it. */
static int take_wish(const struct cmd_value *v, struct kexec_request *k, struct wb_error *err)
{
	struct wb_load_options *o = &k->req.options;

	switch (v->option->id) {
	case K_FILE:
	case K_AUTO:
		o->method = WB_METHOD_FILE;
		o->legacy_fallback = v->option->id == K_AUTO;
		break;
	case K_SEGMENTS:
		o->method = WB_METHOD_SEGMENTS;
		o->legacy_fallback = false;
		break;
	case K_NO_CHECKS:
		o->verify = WB_VERIFY_NONE;
		break;
	case K_TYPE:
		return take_type(v->value, err);
	case K_MEM_MIN:
		return take_address(v, &o->mem_min, err);
	case K_MEM_MAX:
		return take_address(v, &o->mem_max, err);
	case K_INITRD:
	case K_RAMDISK:
		k->req.initrds[0] = v->value;
		o->n_initrds = 1;
		break;
	case K_APPEND:
	case K_COMMAND_LINE:
		k->req.cmdline = v->value;
		break;
	case K_REUSE_CMDLINE:
		k->req.reuse_cmdline = true;
		break;
	case K_REUSE_INITRD:
		k->reuse_initrd = true;
		break;
	case K_DTB:
		o->dtb = v->value;
		break;
	}
	return 0;
}

/* Questions (such as -S) are answered, and nothing else is done. */
static bool is_question(const struct kexec_request *k)
{
	return k->version || k->status || k->crash_size;
}

/* Refuse options that warmboot does not support. With -p, only that is named. */
static int check_refused(
	const struct cmd_args *args, const struct kexec_request *k, struct wb_error *err)
{
	int r = 0;

	if (is_question(k))
		return 0;
	if (k->panic)
		return wb_fail(err, -EOPNOTSUPP,
			"--load-panic: crash kernels belong to a later version of warmboot; use "
			"kexec-tools or kdump for them");
	for (size_t i = 0; r == 0 && i < args->n_options; i++)
		r = refuse(args->options[i].option, err);
	return r;
}

static int finish(const struct cmd_args *args, struct kexec_request *k, struct wb_error *err)
{
	struct wb_load_options *o = &k->req.options;
	const char *more = "";

	/* k_status() of kexec-tools' kexec/kexec.c */
	k->of_crash_kernel = k->status && (k->panic || !cmd_has(args, K_LOAD));
	if (is_question(k))
		return 0;
	if (k->load && !args->n_words)
		return wb_fail(err, -EINVAL, "no kernel was named");
	if (k->load)
		o->kernel = args->words[0];
	if (k->reuse_initrd && o->n_initrds)
		return wb_fail(err, -EINVAL, "give either --initrd or --reuseinitrd, not both");
	/* kexec_file_load(2) supports none of these, so -a uses its fallback at once. */
	if (o->legacy_fallback && (o->mem_min || o->mem_max || o->dtb)) {
		o->method = WB_METHOD_SEGMENTS;
		o->legacy_fallback = false;
	}
	/* --append is the whole command line unless --reuse-cmdline is given. */
	if (k->req.reuse_cmdline && k->req.cmdline) {
		more = k->req.cmdline;
		k->req.cmdline = NULL;
	}
	/* A copy of /proc/cmdline contains the mark of an old jump. */
	if (k->req.cmdline) {
		if (wb_cmdline_remove(k->req.cmdline, WB_JUMP_WORD, &k->cmdline) < 0)
			return wb_oom(err);
		k->req.cmdline = k->cmdline;
	}
	if (wb_cmdline_append(more, cmd_has(args, K_NOEFI) ? "noefi" : "", &k->append) < 0)
		return wb_oom(err);
	if (*k->append)
		o->append = k->append;
	return 0;
}

int kexec_request_read(const struct cmd_args *args, struct kexec_request *ret, struct wb_error *err)
{
	struct kexec_request k = {
		.load = true,
		.shutdown = true,
		.sync = true,
		.net_down = true,
		.req.options =
			{
				.size = sizeof(struct wb_load_options),
				.method = WB_METHOD_FILE,
				.legacy_fallback = true,
				.initramfs = WB_INITRAMFS_OWN,
				.progress = cmd_progress,
			},
	};
	int r;

	k.req.initrds = calloc(args->n_options + 2, sizeof(*k.req.initrds));
	if (!k.req.initrds)
		return wb_oom(err);
	k.req.options.initrds = k.req.initrds;
	for (size_t i = 0; i < args->n_options; i++)
		take_action(args->options[i].option->id, &k);
	r = check_refused(args, &k, err);
	for (size_t i = 0; r == 0 && !is_question(&k) && i < args->n_options; i++)
		r = take_wish(&args->options[i], &k, err);
	if (r == 0)
		r = finish(args, &k, err);
	if (r < 0)
		kexec_request_deinit(&k);
	else
		*ret = k;
	return r;
}

void kexec_request_deinit(struct kexec_request *k)
{
	wb_request_deinit(&k->req);
	free(k->append);
	free(k->cmdline);
	*k = (struct kexec_request){};
}

static int show_status(const struct cmd_args *args, const struct wb_sys *sys, bool crash)
{
	const char *path = crash ? "/sys/kernel/kexec_crash_loaded" : "/sys/kernel/kexec_loaded";
	struct wb_error err = {};
	WB_CLEAN_BLOB b = {};

	if (sys->files->read(sys->files->ctx, path, WB_SMALL_FILE, &b, &err) < 0) {
		cmd_fail(args, &err);
		return CMD_USAGE; /* because 1 is an answer */
	}
	return b.data[0] == '1';
}

static int show_crash_size(const struct cmd_args *args, const struct wb_sys *sys)
{
	struct wb_error err = {};
	WB_CLEAN_BLOB b = {};

	if (sys->files->read(
		    sys->files->ctx, "/sys/kernel/kexec_crash_size", WB_SMALL_FILE, &b, &err) < 0)
		return cmd_fail(args, &err);
	fputs((const char *)b.data, stdout);
	return CMD_DONE;
}

static int load(const struct wb_session_host *h, struct kexec_request *k, struct wb_error *err)
{
	struct wb_stage *stage;
	int r = 0;

	if (k->reuse_initrd)
		r = wb_kexec_reuse_initrd(h->sys, &k->req, err);
	if (r == 0 && k->force_dtb)
		wb_kexec_reuse_dtb(h->sys, &k->req);
	if (r == 0)
		r = wb_request_stage(h, &k->req, &stage, err);
	if (r < 0)
		return r;
	if (k->debug)
		cmd_print_stage(stage, &k->req.options);
	wb_stage_free(stage);
	return 0;
}

static void done(void *arg, const char *name)
{
	const struct wb_session *const *s = arg;

	cmd_announce_shutdown(*s, name);
}

/* Shut down through the init system, by the last rows of a session. */
static int shut_down(
	const struct cmd_args *args, const struct wb_session_host *h, struct wb_error *err)
{
	struct wb_session *s = NULL;
	struct wb_session_options o = {.size = sizeof(o),
		.keep_none = true,
		.lock = &args->lock,
		.tell = {&s, cmd_teller.progress, cmd_teller.warn, done}};
	int r = wb_session_new_on(h, &o, &s, err);

	if (r == 0)
		r = wb_session_run_rows(s, "hand-over", NULL, err);
	wb_session_free(s);
	return r;
}

static int run_kexec(const struct cmd_args *args)
{
	const struct wb_session_host host = cmd_host();
	const struct wb_sys *sys = host.sys;
	__attribute__((cleanup(kexec_request_deinit))) struct kexec_request k = {};
	struct wb_error err = {};
	int r = kexec_request_read(args, &k, &err);

	if (r == -EINVAL)
		return cmd_misused(args, &err);
	if (r < 0)
		return cmd_fail(args, &err);
	if (k.version) {
		puts("warmboot " WB_VERSION " (kexec)");
		return CMD_DONE;
	}
	if (k.status)
		return show_status(args, sys, k.of_crash_kernel);
	if (k.crash_size)
		return show_crash_size(args, sys);
	if (!sys->may_boot(sys->ctx)) {
		wb_fail(&err, -EPERM,
			"this needs the capability CAP_SYS_BOOT; run it as root or with sudo");
		return cmd_fail(args, &err);
	}
	if (k.unload)
		r = wb_unload(sys, &err);
	if (r == 0 && k.load)
		r = load(&host, &k, &err);
	if (r == 0 && k.shutdown)
		r = shut_down(args, &host, &err);
	if (r == 0 && k.exec)
		r = wb_kexec_now(&host, k.sync, k.net_down, &err);
	return r < 0 ? cmd_fail(args, &err) : CMD_DONE;
}

/* systemd-shutdown runs "kexec -e" after it has ended every other process. */
static enum cmd_lock lock(const struct cmd_args *args)
{
	if (cmd_has(args, OPT_VERSION) || cmd_has(args, K_STATUS) || cmd_has(args, K_CRASH_SIZE))
		return CMD_LOCK_NONE;
	return cmd_has(args, K_EXEC) && getppid() == 1 ? CMD_LOCK_LAST : CMD_LOCK_COMMAND;
}

const struct cmd_row cmd_kexec = {
	.name = "kexec",
	.args = "[KERNEL]",
	.max_args = 1,
	.help = "kexec-tools' command line, also when the program is called kexec",
	.notes = "Without -l, -u, -e, -f or -S: load KERNEL, shut down in order and jump.",
	.options = {options},
	.question = true,
	.lock = lock,
	.run = run_kexec,
};
