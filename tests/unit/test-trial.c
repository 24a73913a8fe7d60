// SPDX-License-Identifier: LGPL-2.1-or-later
/* A guarded jump: where the boot loader is pinned to, what is on record, and the health gate in the boot after. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry-cases.h"
#include "fake-runner.h"
#include "jump/record.h"
#include "choice/config.h"
#include "manifest/result.h"
#include "session/gate.h"
#include "session/trial.h"

#define MOST 48
#define GRUBENV "/boot/grub/grubenv"
#define BLOCK 1024
#define OLD_BOOT "11111111-1111-1111-1111-111111111111"
#define NEW_BOOT "22222222-2222-2222-2222-222222222222"
#define NONCE "0123456789abcdef0123456789abcdef"

/* ---- a machine whose files can be changed ---- */

struct fixture {
	struct fake_file disk[MOST];
	char *owned[4 * MOST];
	size_t n_owned;
	struct wb_files files;
	struct wb_sys sys;
	struct fake_runner runner;
	struct wb_session_host host;
	struct wb_gate_ops ops;
	struct wb_gate_host gate;
	uint64_t now_ns;
	char warned[2048];
	struct wb_error err;
	int write_result;
	/* For the gate: when the machine is up, and when a person confirms; 0 never. */
	uint64_t up_ns, confirm_ns;
	const char *not_roots;
};

static char *own(struct fixture *f, const void *data, size_t n)
{
	char *copy = test_malloc(n + 1);

	if (n)
		memcpy(copy, data, n);
	copy[n] = '\0';
	assert_true(f->n_owned < sizeof(f->owned) / sizeof(*f->owned));
	f->owned[f->n_owned++] = copy;
	return copy;
}

static struct fake_file *find(struct fixture *f, const char *path)
{
	struct fake_file *file = f->disk;

	while (file->path && strcmp(file->path, path))
		file++;
	assert_true(file < f->disk + MOST - 1);
	return file;
}

static void put(struct fixture *f, const char *path, const char *text)
{
	struct fake_file *file = find(f, path);

	*file = (struct fake_file){
		own(f, path, strlen(path)), own(f, text, strlen(text)), strlen(text)};
}

static void drop(struct fixture *f, const char *path)
{
	struct fake_file *file = find(f, path);

	if (file->path)
		memmove(file, file + 1, (size_t)(f->disk + MOST - file - 1) * sizeof(*file));
}

static int write_file(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	struct fixture *f = ctx;
	struct fake_file *file = find(f, path);

	if (f->write_result < 0)
		return f->write_result;
	*file = (struct fake_file){
		own(f, path, strlen(path)), own(f, contents.data, contents.size), contents.size};
	return 0;
}

static int write_at(void *ctx, const char *path, uint64_t off, struct wb_bytes contents)
{
	assert_int_equal(off, 0);
	return write_file(ctx, path, contents, 0);
}

static int write_efivar(void *ctx, const char *path, struct wb_bytes contents)
{
	return write_file(ctx, path, contents, 0);
}

static int remove_file(void *ctx, const char *path)
{
	drop(ctx, path);
	return 0;
}

static uint64_t wall_ns(void *ctx)
{
	return UINT64_C(2000000000) * 1000000000;
}

static void warn(void *arg, const char *sentence)
{
	struct fixture *f = arg;

	strncat(f->warned, sentence, sizeof(f->warned) - strlen(f->warned) - 1);
}

static const struct wb_teller *teller(struct fixture *f)
{
	static struct wb_teller t;

	t = (struct wb_teller){.arg = f, .warn = warn};
	return &t;
}

static int may_run(void *ctx, const char *path, struct wb_error *err)
{
	struct fixture *f = ctx;

	if (f->not_roots && !strcmp(path, f->not_roots))
		return wb_fail(err, -EACCES, "somebody else than root can write it");
	return !strstr(path, "README");
}

static uint64_t boot_ns(void *ctx)
{
	return ((struct fixture *)ctx)->now_ns;
}

static void pause_ms(void *ctx, unsigned ms)
{
	struct fixture *f = ctx;

	/* Few looks are enough for a test. */
	f->now_ns += ms * UINT64_C(50000000);
	if (f->confirm_ns && f->now_ns >= f->confirm_ns) {
		f->confirm_ns = 0;
		assert_int_equal(wb_gate_confirm(&f->gate, &f->err), 0);
	}
}

static const struct fake_answer up[] = {
	{"systemctl is-system-running", 0, "running\n"},
	{"systemctl list-units", 0, "was.service loaded failed failed x\n"},
	{"systemctl show -P Requires", 0, "sysinit.target\n\n\n"},
	{},
};

static const char grub_cfg[] =
	"if [ -s $prefix/grubenv ]; then\n  load_env\nfi\n"
	"if [ \"${next_entry}\" ] ; then\n"
	"   set default=\"${next_entry}\"\n   set next_entry=\n"
	"   save_env next_entry\n   set boot_once=true\nelse\n"
	"   set default=\"0\"\nfi\n"
	"menuentry 'New' --id new {\n linux /boot/vmlinuz-7.2 root=/dev/vda1\n}\n"
	"menuentry 'Old' --id old {\n linux /boot/vmlinuz-6.12 root=/dev/vda1\n}\n";

static void put_block(struct fixture *f, const char *lines)
{
	static const char head[] = "# GRUB Environment Block\n";
	char block[BLOCK + 1];

	memset(block, '#', BLOCK);
	block[BLOCK] = '\0';
	memcpy(block, head, sizeof(head) - 1);
	memcpy(block + sizeof(head) - 1, lines, strlen(lines));
	put(f, GRUBENV, block);
}

static const char *block_of(struct fixture *f)
{
	const struct fake_file *file = find(f, GRUBENV);

	assert_int_equal(file->size, BLOCK);
	return file->text;
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){.now_ns = UINT64_C(10000000000)};
	f->files = fake_files(f->disk);
	f->sys = (struct wb_sys){.size = sizeof(f->sys),
		.ctx = f,
		.files = &f->files,
		.write_file = write_file,
		.write_at = write_at,
		.write_efivar = write_efivar,
		.remove_efivar = remove_file,
		.remove_file = remove_file,
		.wall_ns = wall_ns};
	fake_runner_init(&f->runner, up);
	f->host = (struct wb_session_host){
		.sys = &f->sys, .runner = &f->runner.runner, .tell = teller(f)};
	f->ops = (struct wb_gate_ops){f, may_run, boot_ns, pause_ms};
	f->gate =
		(struct wb_gate_host){.sys = &f->sys, .runner = &f->runner.runner, .ops = &f->ops};
	put(f, "/boot/vmlinuz-6.12", "old kernel");
	put(f, "/boot/vmlinuz-7.2", "new kernel");
	put(f, "/boot/grub/grub.cfg", grub_cfg);
	put_block(f, "");
	put(f, "/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/vda1 rw\n");
	put(f, "/proc/cmdline", "root=/dev/vda1 quiet\n");
	put(f, "/proc/sys/kernel/osrelease", "6.12\n");
	put(f, "/proc/sys/kernel/random/boot_id", OLD_BOOT "\n");
	put(f, "/sys/dev/block/8:1/dev", "8:1\n");
	put(f, "/run/systemd/system/x", "");
	put(f, WB_RECORD_JUMP,
		"{\"nonce\": \"" NONCE "\", \"boot_id\": \"" OLD_BOOT
		"\", \"from\": \"6.12\", \"to\": \"7.2\", \"entry\": \"grub:new\", \"time\": "
		"2000000000}");
}

static void end(struct fixture *f)
{
	for (size_t i = 0; i < f->n_owned; i++)
		test_free(f->owned[i]);
}

static void ok(struct fixture *f, int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, f->err.text);
}

static const struct wb_trial_wish guarded = {.guard = "auto"};

/* ---- the pin ---- */

static void plan(struct fixture *f, struct wb_trial_plan *ret)
{
	ok(f, wb_trial_plan(&f->host, &guarded, ret, &f->err));
}

static void start(struct fixture *f, const char *kept)
{
	struct wb_request req = {.options = {.cmdline = "quiet"}};
	struct wb_trial_plan p = {};
	WB_CLEAN_STRV units = {}, forced = {};

	plan(f, &p);
	ok(f, wb_trial_add_words(&p, &req, &f->err));
	free(req.appended);
	if (kept)
		assert_int_equal(wb_strv_add(&units, kept), 0);
	ok(f, wb_trial_begin(&f->host, &p, &units, &forced, &f->err));
	wb_trial_plan_deinit(&p);
}

/* The jump has led to the new kernel. */
static void jumped(struct fixture *f)
{
	put(f, "/proc/sys/kernel/random/boot_id", NEW_BOOT "\n");
	put(f, "/proc/sys/kernel/osrelease", "7.2\n");
	put(f, "/proc/cmdline",
		"root=/dev/vda1 warmboot.jump=" NONCE " panic=11 oops=panic warmboot.trial\n");
	put(f, "/proc/sys/kernel/panic", "11\n");
	put(f, "/proc/sys/kernel/panic_on_oops", "1\n");
}

static void judge(struct fixture *f, enum wb_trial_verdict want, const char *why)
{
	WB_CLEAN_TRIAL t = {}, there = {};

	ok(f, wb_gate_run(&f->gate, &t, &f->err));
	if (t.verdict != want || (why && (!t.why || !strstr(t.why, why))))
		fail_msg("%s: %s, not %s", wb_trial_verdict_name(t.verdict), t.why ? t.why : "",
			why ? why : "");
	ok(f, wb_trial_read(&f->files, &there, &f->err));
	assert_int_equal(there.verdict, want);
}

static void grub_is_pinned_to_what_runs(void **state)
{
	struct fixture f;
	struct wb_trial_plan p = {};
	WB_CLEAN_STRV none = {};
	WB_CLEAN_TRIAL t = {};

	begin(&f);
	put_block(&f, "saved_entry=a\\\nb\nnext_entry=\nboot_ok=1\n");
	plan(&f, &p);
	assert_string_equal(p.back, "grub:old");
	assert_string_equal(p.pin.loader, "grub");
	assert_string_equal(f.warned, "");
	assert_null(strstr(block_of(&f), "next_entry=old"));
	ok(&f, wb_trial_begin(&f.host, &p, &none, &none, &f.err));
	assert_non_null(strstr(block_of(&f), "saved_entry=a\\\nb\nboot_ok=1\nnext_entry=old\n###"));
	ok(&f, wb_trial_read(&f.files, &t, &f.err));
	assert_string_equal(t.back, "grub:old");
	assert_string_equal(t.nonce, NONCE);
	assert_string_equal(t.failed.items[0], "was.service");
	assert_true(f.files.exists(f.files.ctx, WB_TRIAL_RUNS));
	/* The jump was refused. */
	wb_trial_abandon(&f.host, &p);
	assert_null(strstr(block_of(&f), "next_entry=old"));
	assert_non_null(strstr(block_of(&f), "boot_ok=1\n"));
	assert_false(f.files.exists(f.files.ctx, WB_TRIAL));
	assert_false(f.files.exists(f.files.ctx, WB_TRIAL_RUNS));
	wb_trial_plan_deinit(&p);
	end(&f);
}

static void systemd_boot_is_pinned_to_what_runs(void **state)
{
	const struct efivar info = efivar_text("systemd-boot 257");
	const struct efivar want = efivar_text("old.conf");
	struct fixture f;
	struct fake_file *file;

	begin(&f);
	drop(&f, "/boot/grub/grub.cfg");
	put(&f, "/efi/loader/entries/new.conf",
		"linux /vmlinuz-7.2\noptions root=/dev/vda1\nversion 7.2\n");
	put(&f, "/efi/loader/entries/old.conf",
		"linux /vmlinuz-6.12\noptions root=/dev/vda1\nversion 6.12\n");
	put(&f, "/efi/vmlinuz-6.12", "k");
	put(&f, "/efi/vmlinuz-7.2", "k");
	*find(&f, EFIVAR("LoaderInfo")) =
		(struct fake_file){EFIVAR("LoaderInfo"), own(&f, info.bytes, info.size), info.size};
	start(&f, NULL);
	assert_string_equal(f.warned, "");
	file = find(&f, EFIVAR("LoaderEntryOneShot"));
	assert_non_null(file->path);
	assert_int_equal(file->size, want.size);
	assert_memory_equal(file->text, want.bytes, want.size);
	end(&f);
}

struct no_pin {
	const char *path, *text; /* changes this file of the machine; text NULL: it is gone */
	const char *why;
};

static void what_cannot_be_pinned_is_said(void **state)
{
	static const struct no_pin cases[] = {
		{"/proc/self/mountinfo", "20 1 8:1 / / rw - btrfs /dev/vda1 rw\n",
			"which lies on btrfs"},
		{"/sys/dev/block/8:1/slaves/vda1", "", "through LVM, RAID, encryption"},
		{"/sys/dev/block/8:1/dev", NULL, "lies on no block device"},
		{GRUBENV, NULL, "does not exist"},
		{"/boot/vmlinuz-6.12", NULL, "6.12"},
		{"/boot/grub/grub.cfg",
			"set default=0\n"
			"menuentry 'New' --id new {\n linux /boot/vmlinuz-7.2 root=/dev/vda1\n}\n"
			"menuentry 'Old' --id old {\n linux /boot/vmlinuz-6.12 root=/dev/vda1\n}\n",
			"by its configuration"},
		{"/boot/grub/grub.cfg",
			"menuentry 'New' --id new {\n linux /boot/vmlinuz-7.2 root=/dev/vda1\n}\n",
			"6.12"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		static const struct wb_trial_wish must = {.guard = "require"};
		struct wb_trial_plan p = {};
		struct fixture f;

		begin(&f);
		if (cases[i].text)
			put(&f, cases[i].path, cases[i].text);
		else
			drop(&f, cases[i].path);
		plan(&f, &p);
		assert_null(p.pin.loader);
		if (!p.no_pin || !strstr(p.no_pin, cases[i].why))
			fail_msg("%zu: %s", i, p.no_pin ? p.no_pin : "nothing");
		assert_non_null(strstr(f.warned, cases[i].why));
		wb_trial_plan_deinit(&p);
		assert_true(wb_trial_plan(&f.host, &must, &p, &f.err) < 0);
		assert_non_null(strstr(f.err.text, "must be guarded"));
		end(&f);
	}
}

static void what_somebody_else_set_stays(void **state)
{
	static const struct wb_trial_wish must = {.guard = "require"};
	struct wb_trial_plan p = {};
	WB_CLEAN_STRV none = {};
	struct fixture f;

	begin(&f);
	ok(&f, wb_trial_plan(&f.host, &must, &p, &f.err));
	put_block(&f, "next_entry=new\n");
	assert_int_equal(wb_trial_begin(&f.host, &p, &none, &none, &f.err), -EBUSY);
	assert_non_null(strstr(f.err.text, "one-shot setting already"));
	assert_non_null(strstr(block_of(&f), "next_entry=new\n"));
	assert_false(f.files.exists(f.files.ctx, WB_TRIAL));
	assert_false(f.files.exists(f.files.ctx, WB_TRIAL_RUNS));
	wb_trial_plan_deinit(&p);
	end(&f);
	/* The guard does without it where it may. */
	begin(&f);
	plan(&f, &p);
	put_block(&f, "next_entry=new\n");
	ok(&f, wb_trial_begin(&f.host, &p, &none, &none, &f.err));
	assert_non_null(strstr(f.warned, "one-shot setting already"));
	assert_non_null(strstr(block_of(&f), "next_entry=new\n"));
	wb_trial_plan_deinit(&p);
	jumped(&f);
	judge(&f, WB_TRIAL_GOOD, NULL);
	assert_non_null(strstr(block_of(&f), "next_entry=new\n"));
	end(&f);
}

static void a_full_block_is_left_alone(void **state)
{
	char lines[BLOCK];
	struct wb_trial_plan p = {};
	WB_CLEAN_STRV none = {};
	struct fixture f;

	begin(&f);
	snprintf(lines, sizeof(lines), "a=%0990d\n", 0);
	put_block(&f, lines);
	assert_int_equal(wb_trial_plan(&f.host, &guarded, &p, &f.err), 0);
	assert_null(p.pin.loader);
	assert_non_null(strstr(p.no_pin, "no room in"));
	wb_trial_plan_deinit(&p);
	(void)none;
	end(&f);
}

static void another_build_of_the_same_release(void **state)
{
	char head[0x400] = {};
	struct wb_trial_plan p = {};
	struct fixture f;

	memcpy(head + 0x202, "HdrS", 4);
	head[0x20e] = 0x10;
	memcpy(head + 0x210, "6.12 (who@where) #2 SMP built today", 36);
	begin(&f);
	*find(&f, "/boot/vmlinuz-6.12") =
		(struct fake_file){"/boot/vmlinuz-6.12", own(&f, head, sizeof(head)), sizeof(head)};
	put(&f, "/proc/sys/kernel/version", "#1 SMP built before\n");
	plan(&f, &p);
	assert_non_null(strstr(p.no_pin, "another build"));
	wb_trial_plan_deinit(&p);
	put(&f, "/proc/sys/kernel/version", "#2 SMP built today\n");
	plan(&f, &p);
	assert_string_equal(p.back, "grub:old");
	wb_trial_plan_deinit(&p);
	end(&f);
}

static void words_are_checked(void **state)
{
	static const struct wb_trial_wish wrong[] = {
		{.guard = "yes"}, {.fallback = "on"}, {.confirm = "never"}};
	struct wb_trial_plan p = {};
	struct fixture f;

	begin(&f);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(wb_trial_check_wish(&wrong[i], &f.err), -EINVAL);
	/* The file's mistakes, and what it says. */
	put(&f, WB_GUARD_CONFIG, "Guard=auto\nOnBad=panic\n");
	assert_int_equal(wb_trial_plan(&f.host, &(struct wb_trial_wish){}, &p, &f.err), -EBADMSG);
	assert_non_null(strstr(f.err.text, "line 2: OnBad= is tell, reboot or jump-back"));
	put(&f, WB_GUARD_CONFIG,
		"# x\nGuard=auto\nOnBad = jump-back\nDeadline=90\nConfirm=manual\n");
	ok(&f, wb_trial_plan(&f.host, &(struct wb_trial_wish){}, &p, &f.err));
	assert_int_equal(p.config.action, WB_TRIAL_JUMP_BACK);
	assert_int_equal(p.config.deadline_s, 90);
	assert_true(p.config.manual);
	wb_trial_plan_deinit(&p);
	/* Without a file and a wish, nothing is guarded. */
	drop(&f, WB_GUARD_CONFIG);
	ok(&f, wb_trial_plan(&f.host, &(struct wb_trial_wish){}, &p, &f.err));
	assert_int_equal(p.config.guard, WB_GUARD_OFF);
	assert_null(p.pin.loader);
	end(&f);
}

/* ---- the gate ---- */

static void not_pinned(struct fixture *f)
{
	assert_null(strstr(block_of(f), "next_entry=old"));
	assert_false(f->files.exists(f->files.ctx, WB_TRIAL_RUNS));
}

static void a_good_kernel_stays(void **state)
{
	struct fixture f;

	begin(&f);
	start(&f, NULL);
	/* The gate does not judge before the jump. */
	judge(&f, WB_TRIAL_OPEN, NULL);
	assert_non_null(strstr(block_of(&f), "next_entry=old"));
	jumped(&f);
	judge(&f, WB_TRIAL_GOOD, "all that ran before");
	not_pinned(&f);
	assert_true(f.files.exists(f.files.ctx, WB_GATE_PASSED));
	end(&f);
}

struct unhealthy {
	const char *path, *text; /* a file of the machine */
	struct fake_answer answers[8];
	enum wb_trial_verdict verdict;
	const char *why;
};

#define SHOW                                                            \
	{                                                               \
		"systemctl show -P Requires", 0, "sysinit.target\n\n\n" \
	}
#define RUNNING                                               \
	{                                                     \
		"systemctl is-system-running", 0, "running\n" \
	}
#define NONE_FAILED                           \
	{                                     \
		"systemctl list-units", 0, "" \
	}

static void what_is_not_as_before_is_said(void **state)
{
	static const struct unhealthy cases[] = {
		{NULL, NULL,
			{RUNNING, {"systemctl list-units", 0, "was.service x\nnew.service x\n"},
				SHOW, {}},
			WB_TRIAL_BAD, "new.service has failed, and had not before"},
		{NULL, NULL,
			{{"systemctl is-system-running", 1, "starting\n"}, NONE_FAILED, SHOW, {}},
			WB_TRIAL_BAD, "systemd says \"starting\""},
		{NULL, NULL,
			{{"systemctl is-system-running", 1, "maintenance\n"}, NONE_FAILED, SHOW,
				{}},
			WB_TRIAL_BAD, "systemd says \"maintenance\""},
		{NULL, NULL,
			{RUNNING, NONE_FAILED,
				{"systemctl show -P Requires", 0,
					"sysinit.target my-check.service\n\n\n"},
				{"systemctl start", 1, "A dependency job failed.\n"}, {}},
			WB_TRIAL_BAD,
			"boot-complete.target was not reached: systemctl failed: A dependency"},
		{NULL, NULL,
			{RUNNING, NONE_FAILED,
				{"systemctl show -P Requires", 0,
					"sysinit.target my-check.service\n\n\n"},
				{}},
			WB_TRIAL_GOOD, NULL},
		{"/etc/warmboot/gate.d/10-web", "",
			{RUNNING, NONE_FAILED, SHOW,
				{"/etc/warmboot/gate.d/10-web", 7, "no page\n"}, {}},
			WB_TRIAL_BAD, "10-web"},
		{"/etc/greenboot/check/required.d/a", "",
			{RUNNING, NONE_FAILED, SHOW,
				{"/etc/greenboot/check/required.d/a", 1, "x\n"}, {}},
			WB_TRIAL_BAD, "required.d/a"},
		{"/etc/greenboot/check/wanted.d/a", "",
			{RUNNING, NONE_FAILED, SHOW, {"/etc/greenboot/check/wanted.d/a", 1, "x\n"},
				{}},
			WB_TRIAL_DEGRADED, "wanted.d/a"},
		{"/etc/greenboot/check/wanted.d/README", "",
			{RUNNING, NONE_FAILED, SHOW,
				{"/etc/greenboot/check/wanted.d/README", 1, "x\n"}, {}},
			WB_TRIAL_GOOD, NULL},
		{"/etc/warmboot/keep.d/a.service.conf", "Probe=tcp:80\n",
			{RUNNING, NONE_FAILED, SHOW,
				{"systemctl show", 0, "ActiveState=active\nJob=\n"}, {}},
			WB_TRIAL_BAD, "a.service does not answer its probe"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fixture f;

		begin(&f);
		start(&f, NULL);
		jumped(&f);
		f.runner.answers = cases[i].answers;
		if (cases[i].path)
			put(&f, cases[i].path, cases[i].text);
		judge(&f, cases[i].verdict, cases[i].why);
		/* The way back stays open for a bad kernel only. */
		if (cases[i].verdict == WB_TRIAL_BAD)
			assert_non_null(strstr(block_of(&f), "next_entry=old"));
		else
			not_pinned(&f);
		assert_int_equal(f.files.exists(f.files.ctx, WB_GATE_PASSED),
			cases[i].verdict != WB_TRIAL_BAD || !strstr(cases[i].why, "systemd says"));
		end(&f);
	}
}

static void a_program_that_is_not_roots_is_not_run(void **state)
{
	struct fixture f;

	begin(&f);
	start(&f, NULL);
	jumped(&f);
	put(&f, "/etc/warmboot/gate.d/10-web", "");
	f.not_roots = "/etc/warmboot/gate.d/10-web";
	judge(&f, WB_TRIAL_BAD, "somebody else than root can write it");
	assert_null(strstr(f.runner.log, "10-web"));
	end(&f);
}

static void a_kept_service_that_is_gone(void **state)
{
	static const char text[] = "{\"version\": 1, \"nonce\": \"" NONCE
				   "\", \"units\": [{\"unit\": \"a.service\", \"asked\": \"auto\", "
				   "\"how\": \"restart\", \"why\": \"it was too large\"}]}";
	static const struct fake_answer again[] = {RUNNING, NONE_FAILED, SHOW,
		{"systemctl show", 0, "ActiveState=active\nJob=\n"}, {}};
	static const struct fake_answer down[] = {RUNNING, NONE_FAILED, SHOW,
		{"systemctl show", 0, "ActiveState=failed\nJob=\n"}, {}};
	struct fixture f;

	begin(&f);
	start(&f, "a.service");
	jumped(&f);
	judge(&f, WB_TRIAL_BAD, "nothing is known of the 1 kept services");
	end(&f);
	begin(&f);
	start(&f, "a.service");
	jumped(&f);
	put(&f, WB_RESULT, text);
	f.runner.answers = again;
	judge(&f, WB_TRIAL_DEGRADED, "a.service was restarted: it was too large");
	end(&f);
	begin(&f);
	start(&f, "a.service");
	jumped(&f);
	put(&f, WB_RESULT, text);
	f.runner.answers = down;
	judge(&f, WB_TRIAL_BAD, "a.service was kept, and is down: it was too large");
	end(&f);
}

static void a_person_has_the_last_word(void **state)
{
	struct fixture f;

	begin(&f);
	put(&f, WB_GUARD_CONFIG, "Confirm=manual\nConfirmDeadline=60\n");
	start(&f, NULL);
	jumped(&f);
	judge(&f, WB_TRIAL_BAD, "nobody confirmed");
	assert_non_null(strstr(block_of(&f), "next_entry=old"));
	/* It is not too late. */
	ok(&f, wb_gate_confirm(&f.gate, &f.err));
	not_pinned(&f);
	assert_non_null(strstr(f.runner.log, "poke /proc/sys/kernel/panic 0"));
	end(&f);
	begin(&f);
	put(&f, WB_GUARD_CONFIG, "Confirm=manual\nConfirmDeadline=60\n");
	start(&f, NULL);
	jumped(&f);
	f.confirm_ns = UINT64_C(20000000000);
	judge(&f, WB_TRIAL_GOOD, "a person confirmed");
	assert_int_equal(f.confirm_ns, 0);
	not_pinned(&f);
	end(&f);
}

static void what_follows_from_a_bad_kernel(void **state)
{
	static const struct fake_answer bad[] = {RUNNING, SHOW,
		{"systemctl list-units", 0, "new.service x\n"},
		{"/proc/self/exe", 1, "it cannot\n"}, {}};
	struct fixture f;

	begin(&f);
	put(&f, WB_GUARD_CONFIG, "OnBad=reboot\n");
	start(&f, NULL);
	jumped(&f);
	f.runner.answers = bad;
	judge(&f, WB_TRIAL_BAD, "new.service");
	assert_non_null(strstr(f.runner.log, "systemctl reboot"));
	end(&f);
	begin(&f);
	put(&f, WB_GUARD_CONFIG, "OnBad=jump-back\n");
	start(&f, NULL);
	jumped(&f);
	f.runner.answers = bad;
	judge(&f, WB_TRIAL_BAD, "new.service");
	assert_non_null(strstr(f.runner.log, "/proc/self/exe reboot --guard=off grub:old"));
	/* A jump that fails leaves the firmware. */
	assert_non_null(strstr(f.runner.log, "systemctl reboot"));
	end(&f);
	begin(&f);
	start(&f, NULL);
	jumped(&f);
	f.runner.answers = bad;
	judge(&f, WB_TRIAL_BAD, "new.service");
	assert_null(strstr(f.runner.log, "systemctl reboot"));
	end(&f);
}

static void a_firmware_boot_is_a_bad_kernel(void **state)
{
	WB_CLEAN_TRIAL t = {};
	struct fixture f;

	begin(&f);
	put(&f, "/var/lib/systemd/pstore/17/dmesg.txt",
		"Kernel panic - not syncing: another time\n");
	start(&f, NULL);
	put(&f, "/proc/sys/kernel/random/boot_id", NEW_BOOT "\n");
	put_block(&f, "next_entry=\n");
	put(&f, "/var/lib/systemd/pstore/18/dmesg.txt",
		"<6>[ 1.0] hello\n<0>[ 2.0] Kernel panic - not syncing: no root\x1b[0m\n");
	judge(&f, WB_TRIAL_BAD, "Kernel panic - not syncing: no root");
	not_pinned(&f);
	ok(&f, wb_trial_read(&f.files, &t, &f.err));
	assert_string_equal(t.phase, "before the new kernel's user space");
	assert_string_equal(t.evidence, "/var/lib/systemd/pstore/18/dmesg.txt");
	assert_non_null(strstr(t.done, "the kernel from before"));
	end(&f);
	begin(&f);
	start(&f, NULL);
	put(&f, "/proc/sys/kernel/random/boot_id", NEW_BOOT "\n");
	put(&f, "/sys/class/watchdog/watchdog0/bootstatus", "32\n");
	judge(&f, WB_TRIAL_BAD, "the watchdog reset the machine");
	end(&f);
	begin(&f);
	start(&f, NULL);
	put(&f, "/proc/sys/kernel/random/boot_id", NEW_BOOT "\n");
	judge(&f, WB_TRIAL_BAD, "nothing says why");
	/* The loader did not take it: the pin is not left behind. */
	not_pinned(&f);
	/* The kernel from before is not on trial. */
	assert_int_equal(wb_gate_confirm(&f.gate, &f.err), -ENOENT);
	assert_non_null(strstr(f.err.text, "is not the one that runs"));
	end(&f);
	/* A console's lines are no record of a death, and neither is a file that was there before. */
	begin(&f);
	start(&f, NULL);
	put(&f, "/proc/sys/kernel/random/boot_id", NEW_BOOT "\n");
	put(&f, "/sys/fs/pstore/console-ramoops-0", "Kernel panic - not syncing: old\n");
	judge(&f, WB_TRIAL_BAD, "nothing says why");
	end(&f);
}

/* A gate that is started again, by its timer or after a crash. */
static void a_gate_that_is_started_again(void **state)
{
	static const struct fake_answer bad[] = {
		RUNNING, SHOW, {"systemctl list-units", 0, "new.service x\n"}, {}};
	struct fixture f;

	begin(&f);
	start(&f, NULL);
	jumped(&f);
	f.runner.answers = bad;
	judge(&f, WB_TRIAL_BAD, "new.service");
	judge(&f, WB_TRIAL_BAD, "new.service");
	assert_non_null(strstr(block_of(&f), "next_entry=old"));
	assert_true(f.files.exists(f.files.ctx, WB_TRIAL_RUNS));
	/* The next boot takes it back, if the firmware has not. */
	put(&f, "/proc/sys/kernel/random/boot_id", "33333333-3333-3333-3333-333333333333\n");
	put(&f, "/proc/cmdline", "root=/dev/vda1\n");
	judge(&f, WB_TRIAL_BAD, "new.service");
	not_pinned(&f);
	end(&f);
	/* It goes on with the wait for a person, and looks at nothing again. */
	begin(&f);
	put(&f, WB_GUARD_CONFIG, "Confirm=manual\nConfirmDeadline=60\n");
	start(&f, NULL);
	jumped(&f);
	f.confirm_ns = UINT64_C(20000000000);
	judge(&f, WB_TRIAL_GOOD, "a person confirmed");
	{
		WB_CLEAN_TRIAL t = {};

		ok(&f, wb_trial_read(&f.files, &t, &f.err));
		t.verdict = WB_TRIAL_OPEN;
		t.waits = true;
		t.waits_until_s = 1000000;
		ok(&f, wb_trial_write(&f.sys, &t, &f.err));
	}
	f.now_ns = UINT64_C(900000000000);
	f.confirm_ns = UINT64_C(950000000000);
	f.runner.answers = bad;
	judge(&f, WB_TRIAL_GOOD, "a person confirmed");
	end(&f);
}

static void a_kernel_that_saves_a_crash_judges_nothing(void **state)
{
	WB_CLEAN_TRIAL t = {};
	struct fixture f;

	begin(&f);
	start(&f, NULL);
	jumped(&f);
	put(&f, "/proc/vmcore", "x");
	ok(&f, wb_gate_run(&f.gate, &t, &f.err));
	assert_non_null(strstr(block_of(&f), "next_entry=old"));
	end(&f);
}

/* A kernel is not blamed for the death of the next one. */
static void another_jump_that_failed(void **state)
{
	struct fixture f;

	begin(&f);
	start(&f, NULL);
	put(&f, "/proc/sys/kernel/random/boot_id", NEW_BOOT "\n");
	put(&f, WB_RECORD_JUMP,
		"{\"nonce\": \"ffffffffffffffffffffffffffffffff\", \"boot_id\": \"" OLD_BOOT
		"\", \"time\": 2000000000}");
	judge(&f, WB_TRIAL_LEFT, "another jump");
	not_pinned(&f);
	end(&f);
}

static void a_killed_command_leaves_no_pin(void **state)
{
	struct fixture f;

	begin(&f);
	start(&f, NULL);
	wb_trial_sweep(&f.sys);
	not_pinned(&f);
	assert_false(f.files.exists(f.files.ctx, WB_TRIAL));
	/* A trial of an earlier boot is none of that command's. */
	start(&f, NULL);
	jumped(&f);
	wb_trial_sweep(&f.sys);
	assert_non_null(strstr(block_of(&f), "next_entry=old"));
	end(&f);
}

static void two_jumps_in_a_trial(void **state)
{
	struct wb_trial_plan p = {};
	WB_CLEAN_STRV none = {};
	struct fixture f;

	/* A guarded one falls back to the kernel that was proven. */
	begin(&f);
	start(&f, NULL);
	jumped(&f);
	plan(&f, &p);
	assert_string_equal(p.back, "grub:old");
	assert_true(p.pin_stays);
	ok(&f, wb_trial_begin(&f.host, &p, &none, &none, &f.err));
	wb_trial_abandon(&f.host, &p);
	assert_non_null(strstr(block_of(&f), "next_entry=old"));
	wb_trial_plan_deinit(&p);
	/* One that is not leaves the kernel unjudged, and no pin. */
	put(&f, "/proc/cmdline", "root=/dev/vda1 warmboot.jump=ffffffffffffffffffffffffffffffff\n");
	put(&f, WB_RECORD_JUMP,
		"{\"nonce\": \"ffffffffffffffffffffffffffffffff\", \"boot_id\": \"" OLD_BOOT
		"\", \"time\": 2000000000}");
	judge(&f, WB_TRIAL_LEFT, "another jump");
	not_pinned(&f);
	end(&f);
}

static void a_damaged_trial_is_no_verdict(void **state)
{
	WB_CLEAN_TRIAL t = {};
	struct fixture f;

	begin(&f);
	put(&f, WB_TRIAL, "{\"version\": 1}");
	put(&f, WB_TRIAL_RUNS, "");
	assert_int_equal(wb_gate_run(&f.gate, &t, &f.err), -EBADMSG);
	assert_non_null(strstr(f.err.text, WB_TRIAL));
	drop(&f, WB_TRIAL);
	ok(&f, wb_gate_run(&f.gate, &t, &f.err));
	assert_false(f.files.exists(f.files.ctx, WB_TRIAL_RUNS));
	assert_int_equal(wb_gate_confirm(&f.gate, &f.err), -ENOENT);
	assert_non_null(strstr(f.err.text, "no kernel is on trial"));
	end(&f);
}

static void a_person_sends_it_away(void **state)
{
	WB_CLEAN_STR back = NULL;
	struct fixture f;

	begin(&f);
	start(&f, NULL);
	assert_int_equal(wb_gate_reject(&f.gate, false, &back, &f.err), -ENOENT);
	jumped(&f);
	ok(&f, wb_gate_reject(&f.gate, false, &back, &f.err));
	assert_string_equal(back, "grub:old");
	assert_null(strstr(f.runner.log, "systemctl reboot"));
	ok(&f, wb_gate_reject(&f.gate, true, &back, &f.err));
	assert_non_null(strstr(f.runner.log, "systemctl reboot"));
	assert_non_null(strstr(block_of(&f), "next_entry=old"));
	end(&f);
}

static void words_for_a_panic(void **state)
{
	struct wb_trial_plan p = {};
	struct wb_request req = {.options = {.cmdline = "quiet", .append = "a=b"}};
	struct wb_request has = {.options = {.cmdline = "quiet panic=30"}};
	WB_CLEAN_STR less = NULL;
	struct fixture f;

	begin(&f);
	plan(&f, &p);
	ok(&f, wb_trial_add_words(&p, &has, &f.err));
	assert_null(has.options.append);
	assert_false(p.panic);
	ok(&f, wb_trial_add_words(&p, &req, &f.err));
	assert_string_equal(req.options.append, "a=b " WB_TRIAL_WORDS);
	assert_true(p.panic);
	free(req.appended);
	/* They are for one boot. */
	assert_int_equal(wb_reusable_cmdline("quiet " WB_TRIAL_WORDS " x", &less), 0);
	assert_string_equal(less, "quiet x");
	wb_trial_plan_deinit(&p);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grub_is_pinned_to_what_runs),
		cmocka_unit_test(systemd_boot_is_pinned_to_what_runs),
		cmocka_unit_test(what_cannot_be_pinned_is_said),
		cmocka_unit_test(what_somebody_else_set_stays),
		cmocka_unit_test(a_full_block_is_left_alone),
		cmocka_unit_test(another_build_of_the_same_release),
		cmocka_unit_test(words_are_checked),
		cmocka_unit_test(words_for_a_panic),
		cmocka_unit_test(a_good_kernel_stays),
		cmocka_unit_test(what_is_not_as_before_is_said),
		cmocka_unit_test(a_program_that_is_not_roots_is_not_run),
		cmocka_unit_test(a_kept_service_that_is_gone),
		cmocka_unit_test(a_person_has_the_last_word),
		cmocka_unit_test(what_follows_from_a_bad_kernel),
		cmocka_unit_test(a_firmware_boot_is_a_bad_kernel),
		cmocka_unit_test(a_gate_that_is_started_again),
		cmocka_unit_test(a_kernel_that_saves_a_crash_judges_nothing),
		cmocka_unit_test(another_jump_that_failed),
		cmocka_unit_test(a_killed_command_leaves_no_pin),
		cmocka_unit_test(two_jumps_in_a_trial),
		cmocka_unit_test(a_damaged_trial_is_no_verdict),
		cmocka_unit_test(a_person_sends_it_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
