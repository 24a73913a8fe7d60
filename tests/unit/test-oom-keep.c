// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory that runs out at each place in turn. Each of these functions then answers -ENOMEM (or does without
 * what it could not have, where that is said here), gives nothing half done back, and loses nothing: the last
 * is for AddressSanitizer to tell.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/mountinfo.h"
#include "fake-files.h"
#include "heap-wraps.h"
#include "criu/criu.h"
#include "guard/pairs-change.h"
#include "guard/pairs-text.h"
#include "jump/jump.h"
#include "jump/record.h"
#include "restore/early.h"
#include "restore/replacement.h"
#include "manifest/result.h"
#include "net/hold.h"
#include "replay/manager.h"
#include "choice/config.h"
#include "choice/kind.h"
#include "keep/judge.h"
#include "systemd/definition.h"
#include "sample-manifest.h"
#include "sample-pairs.h"
#include "sample-tables.h"
#include "sys/machine.h"
#include "sys/policy.h"
#include "timeline/marks.h"
#include "timeline/timeline.h"
#include "unit.h"

/* ---- memory that runs out: the linker leads the library's calls here (--wrap) ---- */

static long until = -1; /* so many more calls succeed; below zero: all do */
static bool ran_out;
/*
 * For jansson only while it makes a text: its scanner goes on without a byte that it has no memory for
 * (lex_save() in load.c), and nobody can know.
 */
static bool json_runs_out;

static bool is_out(void)
{
	if (until < 0)
		return false;
	if (until-- > 0)
		return false;
	/* The next one succeeds again: who does not look goes on with a hole in what it has. */
	until = -1;
	ran_out = true;
	errno = ENOMEM;
	return true;
}

HEAP_WRAPS(is_out)

/* ---- files that have memory of their own ---- */

static const struct fake_file *disk;

/* Reading a file may run out of memory, too, but once: not at each step of the fake's. */
static int oom_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(disk);
	long kept = until;
	int r;

	if (is_out())
		return wb_oom(err);
	until = -1;
	r = files.read(files.ctx, path, limit, ret, err);
	until = kept > 0 ? kept - 1 : kept;
	return r;
}

static int oom_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(disk);
	long kept = until;
	int r;

	until = -1;
	r = files.list(files.ctx, path, ret, err);
	until = kept;
	return r;
}

static bool oom_exists(void *ctx, const char *path)
{
	struct wb_files files = fake_files(disk);

	return files.exists(files.ctx, path);
}

static int oom_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	struct wb_files files = fake_files(disk);
	long kept = until;
	int r;

	until = -1;
	r = files.readlink(files.ctx, path, ret, err);
	until = kept;
	return r;
}

static const struct wb_files oom_files = {.read = oom_read,
	.list = oom_list,
	.exists = oom_exists,
	.readlink = oom_readlink,
	.read_owned = oom_read};

/* ---- the frame ---- */

static struct wb_bytes text_of(const char *s)
{
	return bytes(s, strlen(s));
}

static void free_string(void *ret)
{
	free(*(char **)ret);
}

/* The fault of an answer; NULL: none. */
static const char *fault(int r, bool best, bool touched)
{
	if (!ran_out)
		return r < 0 ? "fails without any need" : NULL;
	if (r >= 0)
		return best ? NULL : "did not notice";
	if (r != -ENOMEM)
		return "calls it something else";
	return touched ? "touched what it gives back" : NULL;
}

/* best: what cannot be had is done without, and success is an answer then, too. */
static bool each(
	const char *name, int (*run)(void *ret), void (*deinit)(void *ret), size_t size, bool best)
{
	uint8_t *ret = malloc(size), *before = malloc(size);
	const char *why = NULL;
	char *whole = NULL;
	int r;

	assert_true(ret && before);
	memset(before, 0xa5, size);
	/* A text that is whole all the same is good: a table may do without growing. */
	if (deinit == free_string)
		assert_int_equal(run(&whole), 0);
	ran_out = true;
	for (long n = 0; !why && ran_out; n++) {
		memcpy(ret, before, size);
		ran_out = false;
		until = n;
		r = run(ret);
		until = -1;
		why = fault(r, best || (r >= 0 && whole && !strcmp(*(char **)(void *)ret, whole)),
			r < 0 && memcmp(ret, before, size));
		if (r >= 0)
			deinit(ret);
		if (why)
			print_error("%s: %s: %d when call %ld for memory fails\n", name, why, r, n);
	}
	free(ret);
	free(before);
	free(whole);
	return !why;
}

#define DEINIT(name)                         \
	static void deinit_##name(void *ret) \
	{                                    \
		wb_##name##_deinit(ret);     \
	}
DEINIT(manifest)
DEINIT(early)
DEINIT(record)
DEINIT(traces)
DEINIT(units)
DEINIT(world)
DEINIT(results)
DEINIT(replay_plan)
DEINIT(strv)
DEINIT(mounts)
DEINIT(keep_config)
DEINIT(keep_configs)
DEINIT(keep_verdict)
DEINIT(procs)
DEINIT(result)
DEINIT(unit_list)
DEINIT(held)

static struct wb_manifest manifest;

/* ---- core ---- */

static struct tree tree;
static struct log log_of;

static int parse_tree(void *ret)
{
	struct tree t = {};
	int r = wb_json_parse(text_of(whole_tree), tree_fields, "it", &t, NULL);

	if (r == 0)
		*(struct tree *)ret = t;
	else if (t.name || t.leaves.items || t.rings.items || t.first.name || t.other)
		fail_msg("a failure left something behind");
	return r;
}

static int parse_log(void *ret)
{
	struct log l = {};
	int r = wb_json_parse(text_of(whole_log), log_fields, "it", &l, NULL);

	if (r == 0)
		*(struct log *)ret = l;
	else if (l.text || l.words.items || l.points)
		fail_msg("a failure left something behind");
	return r;
}

static void deinit_tree(void *ret)
{
	wb_json_free(tree_fields, ret);
}

static void deinit_log(void *ret)
{
	wb_json_free(log_fields, ret);
}

static int write_table(const struct wb_json_field *fields, const void *from, char **ret)
{
	char *text;

	json_runs_out = true;
	text = wb_json_text(fields, from, JSON_COMPACT);
	json_runs_out = false;
	if (text)
		*ret = text;
	return text ? 0 : -ENOMEM;
}

static int write_tree(void *ret)
{
	return write_table(tree_fields, &tree, ret);
}

static int write_log(void *ret)
{
	return write_table(log_fields, &log_of, ret);
}

/* ---- keep ---- */

static int parse_manifest(void *ret)
{
	return wb_manifest_parse(text_of(sample_manifest), SAMPLE_NONCE, ret, NULL);
}

static int write_early(void *ret)
{
	struct wb_early_unit unit = {.unit = (char *)"a.service", .fds = {3, 4}, .inodes = {5, 6}};
	const struct wb_early early = {.pid = 77, .units = {&unit, 1}};
	char *text;

	json_runs_out = true;
	text = wb_early_text(&early);
	json_runs_out = false;
	if (text)
		*(char **)ret = text;
	return text ? 0 : -ENOMEM;
}

static int write_manifest(void *ret)
{
	return wb_manifest_write(&manifest, ret, NULL);
}

static int parse_early(void *ret)
{
	return wb_early_parse(
		text_of("{\"pid\": 77, \"held\": true, \"units\": [{\"unit\": \"a.service\", "
			"\"output_fd\": 3, \"error_fd\": 4, \"output_inode\": 5, "
			"\"error_inode\": 6}]}"),
		ret, NULL);
}

static int parse_config(void *ret)
{
	static const char config_text[] = "How=process\nFiles=/run/a\nProbe=tcp:80\n";

	return wb_keep_config_parse(text_of(config_text), "/etc/x", "a.service", ret, NULL);
}

static int read_configs(void *ret)
{
	return wb_keep_configs_read(&oom_files, ret, NULL);
}

static int name_unit(void *ret)
{
	return wb_keep_name("memcached", ret, NULL);
}

static int replace(void *ret)
{
	const struct wb_replacement_wishes wishes = {.program = "/usr/sbin/warmboot"};

	return wb_replacement_text(&manifest.units.items[0], &wishes, ret, NULL);
}

static int find_dropins(void *ret)
{
	return wb_definition_dropin_dirs("a-b@c.service", ret);
}

static int select_units(void *ret)
{
	return wb_unit_list_select(&manifest, NULL, ret);
}

static int hold_of(void *ret)
{
	return wb_held_of(&manifest, ret);
}

static int rule_kept(void *ret)
{
	const struct wb_net_ends *one = &manifest.units.items[0].ends;
	const struct wb_ends_list kept = {&one, 1};

	return wb_hold_ruleset(&kept, WB_HOLD_KEPT, 60, ret);
}

static int rule_restart(void *ret)
{
	const struct wb_net_ends *one = &manifest.units.items[1].ends;
	const struct wb_ends_list restart = {&one, 1};

	return wb_hold_ruleset(&restart, WB_HOLD_RESTART, 60, ret);
}

static int rule_release(void *ret)
{
	const struct wb_net_ends *one = &manifest.units.items[0].ends;

	return wb_hold_release_ruleset(&(struct wb_ends_list){&one, 1}, one, true, ret);
}

static int read_procs(void *ret)
{
	return wb_procs_read(&oom_files, "/a.slice/b.service", ret, NULL);
}

static int read_result(void *ret)
{
	return wb_result_read(&oom_files, WB_RESULT, ret, NULL);
}

static int judge(void *ret)
{
	WB_CLEAN_PROCS procs = {};
	const struct wb_service service = {.id = (char *)"b.service",
		.load = (char *)"loaded",
		.active = (char *)"active",
		.type = (char *)"simple",
		.cgroup = (char *)"/a.slice/b.service",
		.main_pid = 452};
	struct wb_sockets sockets = {};
	struct wb_keep_facts facts = {
		.unit = "b.service", .systemd = &service, .sockets = &sockets, .criu = "4.1.1"};
	long kept = until;
	int r;

	/* Looking was tried already. */
	until = -1;
	assert_int_equal(wb_procs_read(&oom_files, "/a.slice/b.service", &procs, NULL), 0);
	until = kept;
	facts.procs = &procs;
	facts.init = &procs.items[0];
	r = wb_keep_judge(NULL, &facts, NULL, ret, NULL);
	return r;
}

/* ---- jump, replay, stage ---- */

static int read_record(void *ret)
{
	return wb_record_read(&oom_files, WB_RECORD_JUMP, ret, NULL);
}

static int read_traces(void *ret)
{
	return wb_traces_read(&oom_files, ret);
}

static int parse_mounts(void *ret)
{
	return wb_mounts_parse("24 1 254:2 / / rw,noatime - ext4 /dev/vda2 rw\n"
			       "36 24 0:33 / /a\\040b rw - tmpfs tmpfs rw,size=5k\n",
		ret);
}

static const char units_text[] =
	"{\"boot_id\":\"A\",\"nonce\":\"00\",\"time\":5,\"worlds\":[{\"uid\":-1,\"units\":["
	"{\"name\":\"b.service\",\"active\":\"active\",\"sub\":\"running\",\"state\":\"disabled\","
	"\"after\":[\"c.service\"]},{\"name\":\"c.service\",\"active\":\"active\"}],"
	"\"files\":[{\"path\":\"/run/systemd/transient/c.service\",\"text\":\"[Service]\\n\"},"
	"{\"path\":\"/run/systemd/system/m.service\",\"link\":\"/dev/null\"},"
	"{\"path\":\"/run/systemd/system/h.service\",\"hex\":\"00ff\"}]}],"
	"\"files_id\":\"00112233445566778899aabbccddeeff\",\"users\":[{\"uid\":1000,\"size\":2,"
	"\"sha256\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}]}";
static struct wb_units units;

static int parse_units(void *ret)
{
	return wb_units_parse(text_of(units_text), "x", ret, NULL);
}

static int print_units(void *ret)
{
	int r;

	json_runs_out = true;
	r = wb_units_print(&units, ret);
	json_runs_out = false;
	return r;
}

static struct wb_results results;

static int print_results(void *ret)
{
	int r;

	json_runs_out = true;
	r = wb_results_print(&results, ret);
	json_runs_out = false;
	return r;
}

static int parse_results(void *ret)
{
	return wb_results_parse(
		text_of("{\"boot_id\":\"A\",\"results\":[{\"uid\":5,\"unit\":\"a\","
			"\"result\":\"late\",\"why\":\"w\"}],\"warnings\":[\"v\"]}"),
		"x", ret, NULL);
}

static int plan_replay(void *ret)
{
	static const struct wb_world nothing = {.uid = -1};

	return wb_replay_plan(&units.worlds[0], &nothing, ret);
}

static int read_files(void *ret)
{
	struct wb_world world = {.uid = -1};
	int r = wb_runtime_files_read(&oom_files, &world);

	if (r < 0)
		wb_world_deinit(&world);
	else
		*(struct wb_world *)ret = world;
	return r;
}

/* ---- timeline ---- */

static const struct wb_mark mark = {.name = "asked", .boot = "a", .tsc = 5};

static void keep_all(void *ret)
{
}

static int format_mark(void *ret)
{
	char *text;

	json_runs_out = true;
	text = wb_mark_format(&mark);
	json_runs_out = false;
	if (text)
		*(char **)ret = text;
	return text ? 0 : -ENOMEM;
}

static int parse_mark(void *ret)
{
	return wb_mark_parse("{\"mark\":\"a\",\"boot\":\"b\",\"tsc\":1,\"wall_ns\":2,\"mono_ns\":3,"
			     "\"boot_ns\":4,\"window\":5}",
		ret);
}

static int parse_timeline(void *ret)
{
	return wb_timeline_parse(
		"{\"boot\":\"b\",\"kind\":\"warm\",\"phases\":[{\"name\":\"kernel\"}],"
		"\"kernel\":{\"parts\":[{\"name\":\"smp\"}]},\"notes\":[\"n\"]}",
		ret, NULL);
}

static int print_timeline(void *ret)
{
	static struct wb_timeline t;
	int r;

	t.n_phases = t.n_notes = 1;
	json_runs_out = true;
	r = wb_timeline_json(&t, 0, ret);
	json_runs_out = false;
	return r;
}

/* ---- the ledger of kernel pairs ---- */

DEINIT(pairs)
DEINIT(pairs_answer)
DEINIT(machine_class)

static struct wb_pairs pairs;
static struct wb_machine_class class;

static int read_pairs(void *ret)
{
	return wb_pairs_read(&oom_files, ret, NULL);
}

static int judge_pairs(void *ret)
{
	static const struct wb_pairs_query query = QUERY(BUILD_A, BUILD_B, "fast", CLASS_X);

	return wb_pairs_judge(&pairs, &query, ret);
}

static int read_class(void *ret)
{
	return wb_machine_class_read(&oom_files, ret, NULL);
}

struct running {
	char *id, *name;
};

static int read_running(void *ret)
{
	struct running *r = ret;

	return wb_running_kernel_id(&oom_files, &r->id, &r->name, NULL);
}

static void deinit_running(void *ret)
{
	struct running *r = ret;

	free(r->id);
	free(r->name);
}

static const struct wb_pairs_view view = {&class, BUILD_A, NAME_A};

static int show_pairs(void *ret)
{
	return wb_pairs_text(&pairs, &view, ret);
}

static int print_pairs(void *ret)
{
	int r;

	json_runs_out = true;
	r = wb_pairs_json(&pairs, &view, ret);
	json_runs_out = false;
	return r;
}

static int write_nothing(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	return 0;
}

static uint64_t no_time(void *ctx)
{
	return 0;
}

static const struct wb_sys oom_sys = {.size = sizeof(struct wb_sys),
	.files = &oom_files,
	.write_file = write_nothing,
	.wall_ns = no_time};

static int note_pair(void *ret)
{
	const struct wb_pair_outcome outcome = {.from = BUILD_A,
		.to = BUILD_B,
		.method = "fast",
		.class = class.hash,
		.machine = &class,
		.verdict = WB_PAIR_BAD,
		.cause = "a panic"};

	return wb_pairs_note(&oom_sys, &outcome, NULL);
}

static int import_pairs(void *ret)
{
	return wb_pairs_import(&oom_sys,
		text_of(BAD_LINE PAIR_LINE(
			BUILD_B, BUILD_A, "fast", CLASS_Y, "good", ",\"origin\":\"" ORIGIN_1 "\"")),
		"x", ret, NULL);
}

static const struct fake_file machine[] = {
	{WB_PAIRS_SHIPPED "/a.conf", PAIR_LINE("any", BUILD_B, "any", "any", "bad", "")},
	{WB_PAIRS_ADMIN "/b.conf", "{\"pair\": 7}\n"},
	{WB_PAIRS_OWN, LEDGER_LINE BAD_LINE OLDER_LINE},
	{"/sys/class/dmi/id/sys_vendor", "Toy\n"},
	{"/proc/cpuinfo", CPU("0", "0x5")},
	PCI("0000:02:00.0", "0x8086", "0x25ab", "i6300esb"),
	{"/sys/kernel/notes", sample_notes, NOTES_SIZE},
	{"/proc/sys/kernel/version", "#1 SMP\n"},
	{WB_RECORD_JUMP, "{\"from\": \"6\", \"nonce\": \"00\", \"boot_id\": \"a\", \"time\": 4}"},
	{WB_RESULT, "{\"version\": 1, \"nonce\": \"" SAMPLE_NONCE "\", \"units\": [{\"unit\": "
		    "\"a.service\", \"how\": \"restart\", \"why\": \"w\"}]}"},
	{"/etc/warmboot/keep.d/a.service.conf", "How=process\nFiles=/run/a\n"},
	{"/etc/warmboot/keep.d/b.service.conf", "How=restart\n"},
	{"/proc/cmdline", "quiet warmboot.jump=00\n"},
	{"/proc/sys/kernel/random/boot_id", "b\n"},
	{"/proc/sys/kernel/osrelease", "6.12\n"},
	{"/proc/sys/kernel/bootloader_type", "208\n"},
	{"/run/systemd/transient/t.service", "T"},
	{"/run/systemd/transient/t.service.d/x.conf", "T"},
	{"/run/systemd/system/m.service", .link = "/dev/null"},
	{"/sys/fs/cgroup/a.slice/b.service/cgroup.procs", "452\n"},
	{"/proc/452/stat", "452 (mem (x) cached) S 1 452 452 0 -1 4194560"},
	{"/proc/452/status", "Name:\tmem\nThreads:\t1\nVmRSS:\t 100 kB\nSeccomp:\t0\n"},
	{"/proc/452/mountinfo", "24 1 254:2 / / rw - ext4 /dev/vda2 rw\n"},
	{"/proc/452/maps", "00400000-00452000 r-xp 00000000 fe:02 173521 /usr/bin/mem\n"},
	{"/proc/452/exe", .link = "/usr/bin/mem"},
	{"/proc/452/root", .link = "/"},
	{"/proc/452/cwd", .link = "/"},
	{"/proc/452/fd/0", .link = "/dev/null"},
	{"/proc/452/fdinfo/0", "pos:\t0\nflags:\t02\nmnt_id:\t24\nino:\t4\n"},
	{"/proc/452/ns/mnt", .link = "mnt:[4026531841]"},
	{"/proc/452/uid_map", "         0          0 4294967295\n"},
	{"/proc/452/gid_map", "         0          0 4294967295\n"},
	{},
};

#define STRING sizeof(char *)
#define CASE(run, deinit, type, best)         \
	{                                     \
#run, run, deinit, type, best \
	}

static void nothing_is_half_done(void **state)
{
	static const struct {
		const char *name;
		int (*run)(void *ret);
		void (*deinit)(void *ret);
		size_t size;
		bool best;
	} cases[] = {
		CASE(parse_tree, deinit_tree, sizeof(struct tree), false),
		CASE(parse_log, deinit_log, sizeof(struct log), false),
		CASE(write_tree, free_string, STRING, false),
		CASE(write_log, free_string, STRING, false),
		CASE(parse_manifest, deinit_manifest, sizeof(struct wb_manifest), false),
		CASE(write_manifest, free_string, STRING, false),
		CASE(write_early, free_string, STRING, false),
		CASE(parse_early, deinit_early, sizeof(struct wb_early), false),
		CASE(parse_config, deinit_keep_config, sizeof(struct wb_keep_config), false),
		CASE(read_configs, deinit_keep_configs, sizeof(struct wb_keep_configs), false),
		CASE(name_unit, free_string, STRING, false),
		CASE(replace, free_string, STRING, false),
		CASE(find_dropins, deinit_strv, sizeof(struct wb_strv), false),
		CASE(select_units, deinit_unit_list, sizeof(struct wb_unit_list), false),
		CASE(hold_of, deinit_held, sizeof(struct wb_held), false),
		CASE(rule_kept, free_string, STRING, false),
		CASE(rule_restart, free_string, STRING, false),
		CASE(rule_release, free_string, STRING, false),
		CASE(read_procs, deinit_procs, sizeof(struct wb_procs), false),
		CASE(judge, deinit_keep_verdict, sizeof(struct wb_keep_verdict), false),
		CASE(read_result, deinit_result, sizeof(struct wb_result), false),
		CASE(read_record, deinit_record, sizeof(struct wb_record), false),
		/* "Whatever cannot be read is left empty." */
		CASE(read_traces, deinit_traces, sizeof(struct wb_traces), true),
		CASE(parse_mounts, deinit_mounts, sizeof(struct wb_mounts), false),
		CASE(parse_units, deinit_units, sizeof(struct wb_units), false),
		CASE(print_units, free_string, STRING, false),
		CASE(print_results, free_string, STRING, false),
		CASE(parse_results, deinit_results, sizeof(struct wb_results), false),
		CASE(format_mark, free_string, STRING, false),
		CASE(parse_mark, keep_all, sizeof(struct wb_mark), false),
		CASE(parse_timeline, keep_all, sizeof(struct wb_timeline), false),
		CASE(print_timeline, free_string, STRING, false),
		CASE(read_pairs, deinit_pairs, sizeof(struct wb_pairs), false),
		CASE(judge_pairs, deinit_pairs_answer, sizeof(struct wb_pairs_answer), false),
		CASE(read_class, deinit_machine_class, sizeof(struct wb_machine_class), false),
		CASE(read_running, deinit_running, sizeof(struct running), false),
		CASE(show_pairs, free_string, STRING, false),
		CASE(print_pairs, free_string, STRING, false),
		CASE(note_pair, keep_all, 1, false),
		CASE(import_pairs, keep_all, sizeof(struct wb_pairs_taken), false),
		CASE(plan_replay, deinit_replay_plan, sizeof(struct wb_replay_plan), false),
		/*
		 * Processes that have ended meanwhile are left out, and so is anything unreadable.
		 */
		CASE(read_files, deinit_world, sizeof(struct wb_world), true),
	};

	bool good = true;

	disk = machine;
	assert_int_equal(parse_tree(&tree), 0);
	assert_int_equal(parse_log(&log_of), 0);
	assert_int_equal(parse_manifest(&manifest), 0);
	assert_int_equal(parse_units(&units), 0);
	assert_int_equal(parse_results(&results), 0);
	assert_int_equal(read_pairs(&pairs), 0);
	assert_int_equal(read_class(&class), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		good &= each(
			cases[i].name, cases[i].run, cases[i].deinit, cases[i].size, cases[i].best);
	deinit_tree(&tree);
	deinit_log(&log_of);
	wb_manifest_deinit(&manifest);
	wb_units_deinit(&units);
	wb_results_deinit(&results);
	wb_pairs_deinit(&pairs);
	wb_machine_class_deinit(&class);
	assert_true(good);
}

static void *json_malloc(size_t n)
{
	return json_runs_out ? __wrap_malloc(n) : __real_malloc(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_half_done)};

	json_set_alloc_funcs(json_malloc, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
