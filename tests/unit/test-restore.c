// SPDX-License-Identifier: LGPL-2.1-or-later
/* src/restore: the use cases of the boot after a jump, on a machine of fakes. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake-runner.h"
#include "fake-store.h"
#include "restore/revive.h"
#include "manifest/result.h"
#include "replay/replay.h"
#include "restore/hold.h"
#include "restore/restore.h"
#include "sample-manifest.h"
#include "timeline/marks.h"
#include "unit.h"
#include <sys/mman.h>
#include <unistd.h>

#define UNIT "memcached.service"
#define ENDED "/run/warmboot/unhold-done"
#define LEFT "/run/warmboot/unhold-left"
#define RESULT                                                      \
	"{\"version\":1,\"nonce\":\"" SAMPLE_NONCE "\",\"units\":[" \
	"{\"unit\":\"memcached.service\",\"how\":\"restart\"},"     \
	"{\"unit\":\"getty@tty1.service\",\"how\":\"ended\"}]}"

struct boot {
	struct fake_store store;
	struct fake_runner runner;
	struct wb_ns_ops ns;
	struct wb_restore_host host;
	struct wb_probe_io probes;
	unsigned answers_ms; /* services answer from then on */
	const char *stored;  /* names in systemd's store, with blanks between */
	int early, adopt;    /* results; 0 of `early`: the early restore held everything */
	int thaw;            /* result */
	size_t namespaces;   /* that the thaw got */
	unsigned ms;         /* passed in pauses */
	int wakes, waits;    /* calls */
	char log[1024];      /* pushed and forgotten names, links */
	char type_of_fd[16]; /* the kind of namespace, by its place in systemd's store */
};

static void note(struct boot *b, const char *what, const char *name)
{
	size_t n = strlen(b->log);

	snprintf(b->log + n, sizeof(b->log) - n, "%s%s %s", n ? "; " : "", what, name);
}

static uint64_t mono_ns(void *ctx)
{
	struct boot *b = ctx;

	return (1000 + b->ms) * UINT64_C(1000000);
}

static uint64_t tsc(void *ctx)
{
	return 124000000;
}

static void pause_ms(void *ctx, unsigned ms)
{
	((struct boot *)ctx)->ms += ms;
}

static int take_turn(void *ctx)
{
	note(ctx, "turn", "taken");
	return -1;
}

static int probe_port(void *ctx, const char *host, uint16_t port, const char *request, char *answer,
	unsigned int size, int deadline_ms)
{
	struct boot *b = ctx;

	return b->ms >= b->answers_ms ? 0 : -ECONNREFUSED;
}

static int make_memfd(void *ctx, const char *name, struct wb_bytes contents)
{
	return memfd_create(name, MFD_CLOEXEC);
}

static int close_it(void *ctx, int fd)
{
	return close(fd);
}

static int append(
	void *ctx, const char *path, struct wb_bytes contents, unsigned mode, uint64_t limit)
{
	struct fake_store *f = ctx;
	const char *before = fake_store_text(f, path);
	WB_CLEAN_BLOB all = {};

	wb_blob_append(&all, before ? before : "", before ? strlen(before) : 0);
	wb_blob_append(&all, contents.data, contents.size);
	fake_store_file(f, path, all.data, all.size);
	return 0;
}

static void wake(void *ctx, const struct wb_ends_list *ends)
{
	((struct boot *)ctx)->wakes++;
}

static int make_link(void *ctx, const char *target, const char *path)
{
	note(ctx, "link", path);
	return 0;
}

static int push(void *ctx, const char *name, int fd, struct wb_error *err)
{
	assert_true(fd >= 0);
	note(ctx, "push", name);
	return 0;
}

static void wait_for_manager(void *ctx)
{
	((struct boot *)ctx)->waits++;
}

static int list(void *ctx, struct wb_strv *ret)
{
	WB_CLEAN_STR names = strdup(((struct boot *)ctx)->stored);
	char *save = NULL;

	for (char *n = strtok_r(names, " ", &save); n; n = strtok_r(NULL, " ", &save))
		assert_int_equal(wb_strv_add(ret, n), 0);
	return 0;
}

static void forget(void *ctx, const char *name)
{
	note(ctx, "forget", name);
}

static int early(void *ctx, struct wb_early *ret, struct wb_error *err)
{
	struct boot *b = ctx;

	if (b->early == 0)
		ret->held = true;
	return b->early;
}

static int adopt(void *ctx, const struct wb_manifest_unit *u, struct wb_error *ret_warning,
	struct wb_error *err)
{
	struct boot *b = ctx;

	return b->adopt < 0 ? wb_fail(err, b->adopt, "its end came early") : 0;
}

static int thaw(
	void *ctx, const struct wb_thaw *t, struct wb_error *ret_warning, struct wb_error *err)
{
	struct boot *b = ctx;

	assert_string_equal(t->unit->unit, UNIT);
	b->namespaces = t->n_namespaces;
	for (size_t i = 0; i < t->n_namespaces; i++)
		note(b, "enter", (char[]){(char)('0' + t->namespaces[i]), '\0'});
	for (size_t i = 0; i < t->n_handed; i++)
		note(b, "hand", (char[]){(char)('0' + t->handed[i]), '\0'});
	return b->thaw < 0 ? wb_fail(err, b->thaw, "no thaw today") : 0;
}

/* Every namespace is the machine's own; its kind follows from its descriptor. */
static int ns_process(void *ctx, int64_t pid)
{
	return 50;
}

static int ns_open(void *ctx, int process, const char *name)
{
	return 60;
}

static int ns_identity(void *ctx, int fd, struct wb_ns_id *ret)
{
	*ret = (struct wb_ns_id){1, 1};
	return 0;
}

static int ns_type(void *ctx, int fd)
{
	switch (((struct boot *)ctx)->type_of_fd[fd]) {
	case 'u':
		return CLONE_NEWUTS;
	case 'i':
		return CLONE_NEWIPC;
	case 'n':
		return CLONE_NEWNET;
	case 'm':
		return CLONE_NEWNS;
	}
	return -ENOTTY;
}

static void ns_close(void *ctx, int fd)
{
}

static void boot_init(struct boot *b)
{
	*b = (struct boot){.early = -ENOENT, .adopt = -ENOENT, .stored = ""};
	fake_store_init(&b->store);
	fake_runner_init(&b->runner, NULL);
	b->store.sys.mono_ns = mono_ns;
	b->store.sys.tsc = tsc;
	b->store.sys.boot_ns = b->store.sys.raw_ns = b->store.sys.wall_ns = mono_ns;
	b->store.sys.append_file = append;
	b->store.sys.memfd = make_memfd;
	b->store.sys.close_fd = close_it;
	b->probes = (struct wb_probe_io){b, probe_port, NULL};
	b->ns = (struct wb_ns_ops){b, .process = ns_process, .open = ns_open,
		.identity = ns_identity, .type = ns_type, .close = ns_close};
	b->host = (struct wb_restore_host){b, &b->store.sys, &b->runner.runner, &b->store.env,
		&b->ns, pause_ms, take_turn, &b->probes, wake, make_link, push, wait_for_manager,
		list, forget, early, adopt, thaw};
}

static void boot_text(struct boot *b, const char *path, const char *text)
{
	fake_store_file(&b->store, path, text, strlen(text));
}

static void boot_deinit(struct boot *b)
{
	fake_store_deinit(&b->store);
}

#define CLEAN_BOOT __attribute__((cleanup(boot_deinit))) struct boot

static bool has(const char *text, const char *what)
{
	return text && strstr(text, what);
}

static bool is_there(const struct boot *b, const char *path)
{
	return b->store.files.exists(b->store.files.ctx, path);
}

/* ---- the hold ---- */

static void hold_begins_where_the_early_restore_has_not_begun_it(void **state)
{
	struct wb_error warning = {}, err = {};
	CLEAN_BOOT b;

	boot_init(&b);
	assert_int_equal(wb_restore_hold(&b.host, &warning, &err), -ENOENT);
	assert_true(has(err.text, WB_MANIFEST_COPY));
	assert_string_equal(b.runner.log, "");
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	assert_int_equal(wb_restore_hold(&b.host, &warning, &err), 0);
	assert_true(has(b.runner.log, "table inet warmboot\n"));
	assert_true(has(b.runner.log, "10.0.0.2"));
	b.runner.log[0] = '\0';
	b.early = 0;
	assert_int_equal(wb_restore_hold(&b.host, &warning, &err), 0);
	assert_string_equal(b.runner.log, "");
}

static void criu_looks_at_the_kernel_unless_the_early_restore_did(void **state)
{
	CLEAN_BOOT b;

	boot_init(&b);
	b.early = 0;
	wb_restore_modules(&b.host);
	assert_string_equal(b.runner.log, "");
	b.early = -ENOENT;
	wb_restore_modules(&b.host);
	assert_true(has(b.runner.log, "criu check --feature"));
}

static void hold_again_is_for_units_that_are_not_back(void **state)
{
	struct wb_error err = {};
	CLEAN_BOOT b;

	boot_init(&b);
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	assert_int_equal(wb_restore_hold_again(&b.host, &err), 0);
	/* The manifest's links bring memcached's address before the firewall, so it is back. */
	assert_false(has(b.runner.log, "11211"));
	/* A hold that has ended is not begun again. */
	boot_text(&b, ENDED, "");
	b.runner.log[0] = '\0';
	assert_int_equal(wb_restore_hold_again(&b.host, &err), 0);
	assert_true(has(b.runner.log, "nft -f -"));
	assert_false(has(b.runner.log, "elements"));
}

static void hold_ends_once(void **state)
{
	static const struct fake_answer gone[] = {
		{"systemctl show --property=ActiveState,Job warmboot-replay.service", 0,
			"ActiveState=inactive\nJob=812\n"},
		{"systemctl show", 0, "ActiveState=inactive\n"}, {}};
	struct wb_error err = {};
	CLEAN_BOOT b;

	/* After the replay of a jump that kept nothing, there is no hold. */
	boot_init(&b);
	assert_int_equal(wb_restore_hold_end(&b.host, true, &err), 0);
	assert_string_equal(b.runner.log, "");
	/* A manifest that cannot be read keeps no client waiting. */
	boot_text(&b, WB_MANIFEST_COPY, "{");
	assert_int_equal(wb_restore_hold_end(&b.host, false, &err), 0);
	assert_true(has(b.runner.log, "warmboot_restart"));
	assert_true(is_there(&b, ENDED));
	b.runner.log[0] = '\0';
	assert_int_equal(wb_restore_hold_end(&b.host, false, &err), 0);
	assert_string_equal(b.runner.log, "");
	boot_deinit(&b);

	/* A unit that nothing starts waits for the replay, and only that one after it. */
	boot_init(&b);
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	boot_text(&b, WB_RESULT, RESULT);
	boot_text(&b, WB_UNITS_PATH, "{}");
	boot_text(&b, "/proc/1/net/tcp", "  sl  local_address\n");
	boot_text(&b, "/proc/1/net/tcp6", "  sl  local_address\n");
	boot_text(&b, "/proc/1/net/udp", "  sl  local_address\n");
	boot_text(&b, "/proc/1/net/udp6", "  sl  local_address\n");
	b.runner.answers = gone;
	assert_int_equal(wb_restore_hold_end(&b.host, false, &err), 0);
	assert_false(is_there(&b, ENDED));
	assert_string_equal(fake_store_text(&b.store, LEFT), UNIT "\n");
	assert_int_equal(b.wakes, 0);
	assert_int_equal(wb_restore_hold_end(&b.host, true, &err), 0);
	assert_true(is_there(&b, ENDED));
	/* It was checkpointed, and its peers learn that it is not back. */
	assert_int_equal(b.wakes, 1);
}

static void replay_ends_the_hold(void **state)
{
	WB_CLEAN_RESULTS results = {};
	struct wb_error err = {};
	struct wb_replay_host replay;
	CLEAN_BOOT b;

	boot_init(&b);
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	replay = (struct wb_replay_host){.sys = &b.store.sys};
	assert_int_equal(wb_restore_replay(&b.host, &replay, false, &results, &err), -ENOENT);
	assert_null(replay.ended);
	assert_true(is_there(&b, ENDED));
}

/* ---- one unit ---- */

#define FORGOTTEN \
	"forget warmboot-uts; forget warmboot-ipc; forget warmboot-net; forget warmboot-mnt"

static void anchor_hands_over_its_namespaces(void **state)
{
	struct wb_error err = {};
	CLEAN_BOOT b;

	boot_init(&b);
	assert_int_equal(wb_restore_anchor(&b.host, &err), 0);
	assert_string_equal(b.log,
		"push warmboot-uts; push warmboot-ipc; push warmboot-net; push warmboot-mnt");
	assert_int_equal(b.waits, 1);
}

static int restore(struct boot *b, const char *unit, struct wb_error *ret)
{
	struct wb_error warning = {};
	int r;

	*ret = (struct wb_error){};
	b->log[0] = '\0';
	r = wb_restore_unit(&b->host, unit, &warning, ret);
	assert_int_equal(warning.code, 0);
	return r;
}

static void unit_is_restored_into_its_sandbox(void **state)
{
	struct wb_error err;
	CLEAN_BOOT b;

	boot_init(&b);
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	assert_int_equal(restore(&b, "getty@tty1.service", &err), -ENOENT);
	assert_true(has(err.text, "nothing of getty@tty1.service was kept"));
	/* In systemd's order, with sockets of the unit between; mount last. */
	b.stored = "warmboot-mnt a.socket warmboot-uts a.socket warmboot-net";
	memcpy(b.type_of_fd + 3, "m-u-n", 5);
	assert_int_equal(restore(&b, UNIT, &err), 0);
	assert_string_equal(b.log, "enter 5; enter 7; enter 3; hand 4; hand 6; " FORGOTTEN);
	/* Its failure is that of the restore. */
	b.thaw = -EBADMSG;
	assert_int_equal(restore(&b, UNIT, &err), -EBADMSG);
	assert_string_equal(err.text, "no thaw today");
	assert_string_equal(b.log, "enter 5; enter 7; enter 3; hand 4; hand 6; " FORGOTTEN);
}

static void stored_descriptors_are_checked(void **state)
{
	WB_CLEAN_UNIT_RESULT part = {};
	struct wb_error err;
	CLEAN_BOOT b;

	boot_init(&b);
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	b.stored = "other";
	assert_int_equal(restore(&b, UNIT, &err), -EINVAL);
	assert_string_equal(b.log, FORGOTTEN);
	b.stored = "warmboot-uts warmboot-mnt";
	memcpy(b.type_of_fd + 3, "un", 2);
	assert_int_equal(restore(&b, UNIT, &err), -EPERM);
	assert_string_equal(b.log, FORGOTTEN);
	/* The unit's part of the result has the reason. */
	assert_int_equal(wb_result_part_read(&b.store.files, UNIT, &part, &err), 0);
	assert_true(has(part.why, "no mount namespace"));
	assert_int_equal(part.how, WB_KEEP_RESTART);
}

static void unit_that_is_back_is_taken_over(void **state)
{
	WB_CLEAN_UNIT_RESULT part = {};
	struct wb_error err;
	CLEAN_BOOT b;

	boot_init(&b);
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	b.adopt = 0;
	assert_int_equal(restore(&b, UNIT, &err), 0);
	assert_string_equal(b.log, FORGOTTEN);
	assert_int_equal(b.namespaces, 0);
	b.adopt = -ESRCH;
	assert_int_equal(restore(&b, UNIT, &err), -ESRCH);
	assert_string_equal(err.text, "its end came early");
	assert_int_equal(wb_result_part_read(&b.store.files, UNIT, &part, &err), 0);
	assert_string_equal(part.why, "its end came early");
}

/* ---- the boot ---- */

static void generator_writes_only_after_a_jump(void **state)
{
	struct wb_error err = {};
	CLEAN_BOOT b;

	boot_init(&b);
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	/* No handoff is possible: no jump led here. */
	assert_int_equal(wb_restore_generate(&b.host, "/usr/sbin/warmboot", "/early", &err), 0);
	assert_string_equal(b.log, "");
	boot_text(&b, "/sys/kernel/boot_params/setup_data/0/type", "0");
	boot_text(&b, "/sys/kernel/boot_params/setup_data", "");
	boot_text(&b, "/etc/initrd-release", "");
	assert_int_equal(wb_restore_generate(&b.host, "/usr/sbin/warmboot", "/early", &err), 0);
	assert_string_equal(b.log, "");
	fake_store_file(&b.store, "/etc/initrd-release", NULL, 0);
	assert_int_equal(wb_restore_generate(&b.host, "/usr/sbin/warmboot", "/early", &err), 0);
	assert_true(has(b.log, "link /early/"));
	assert_true(has(fake_store_text(&b.store, "/early/" UNIT), "/usr/sbin/warmboot thaw"));
	/* Kept process numbers stay free. */
	boot_text(&b, WB_THAW_DONE, "");
	b.log[0] = '\0';
	assert_int_equal(wb_restore_generate(&b.host, "/usr/sbin/warmboot", "/early", &err), 0);
	assert_string_equal(b.log, "");
}

static void finish_wipes_whatever_fails(void **state)
{
	struct wb_error err = {}, wipe = {};
	CLEAN_BOOT b;

	boot_init(&b);
	assert_int_equal(wb_restore_finish(&b.host, &err, &wipe), -ENOENT);
	assert_true(has(err.text, WB_MANIFEST_COPY));
	assert_int_equal(wipe.code, 0);
	err = (struct wb_error){};
	boot_text(&b, WB_MANIFEST_COPY, sample_manifest);
	assert_int_equal(wb_restore_finish(&b.host, &err, &wipe), 0);
	assert_int_equal(err.code, 0);
	assert_non_null(fake_store_text(&b.store, WB_RESULT));
	assert_true(has(b.runner.log, "systemctl --no-block start " UNIT));
}

static void tell(void *arg, const struct wb_error *why)
{
	note(arg, "tell", why->text);
}

static void services_are_asked_until_they_answer(void **state)
{
	struct wb_error err = {};
	CLEAN_BOOT b;

	boot_init(&b);
	boot_text(&b, "/proc/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
	boot_text(&b, "/etc/warmboot/keep.d/a.service.conf", "Probe=tcp:80\n");
	boot_text(&b, "/etc/warmboot/keep.d/b.service.conf", "How=restart\n");
	b.answers_ms = 1000;
	assert_int_equal(wb_restore_probe(&b.host, tell, &b, &err), 0);
	assert_int_equal(b.ms, 1000);
	assert_string_equal(b.log, "turn taken");
	assert_true(has(fake_store_text(&b.store, WB_MARKS), "probe:a.service"));
	assert_false(is_there(&b, WB_PROBING));
	/* It has answered in this boot, and is not asked again. */
	b.answers_ms = UINT32_MAX;
	assert_int_equal(wb_restore_probe(&b.host, tell, &b, &err), 0);
	boot_deinit(&b);

	boot_init(&b);
	boot_text(&b, "/etc/warmboot/keep.d/a.service.conf", "Probe=tcp:80\n");
	b.answers_ms = UINT32_MAX;
	assert_int_equal(wb_restore_probe(&b.host, tell, &b, &err), 1);
	assert_int_equal(b.ms, 300000);
	assert_string_equal(
		b.log, "turn taken; tell a.service did not answer its probe within 300 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hold_begins_where_the_early_restore_has_not_begun_it),
		cmocka_unit_test(criu_looks_at_the_kernel_unless_the_early_restore_did),
		cmocka_unit_test(hold_again_is_for_units_that_are_not_back),
		cmocka_unit_test(hold_ends_once),
		cmocka_unit_test(replay_ends_the_hold),
		cmocka_unit_test(anchor_hands_over_its_namespaces),
		cmocka_unit_test(unit_is_restored_into_its_sandbox),
		cmocka_unit_test(stored_descriptors_are_checked),
		cmocka_unit_test(unit_that_is_back_is_taken_over),
		cmocka_unit_test(generator_writes_only_after_a_jump),
		cmocka_unit_test(finish_wipes_whatever_fails),
		cmocka_unit_test(services_are_asked_until_they_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
