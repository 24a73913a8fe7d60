// SPDX-License-Identifier: LGPL-2.1-or-later
/* timeline/advice.c: advice for the next jump, from a made-up history. */
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "core/strv.h"
#include "fake-files.h"
#include "advice/advice.h"

static void phase(struct wb_timeline *t, const char *name, double length)
{
	struct wb_tl_phase *p = &t->phases[t->n_phases++];

	snprintf(p->name, sizeof(p->name), "%s", name);
	p->start_s = t->total_s;
	p->duration_s = length;
	t->total_s += length;
}

static void part(struct wb_timeline *t, enum wb_klog_part which, double length)
{
	struct wb_tl_part *p = &t->parts[t->n_parts++];

	snprintf(p->name, sizeof(p->name), "%s", wb_klog_part_name(which));
	p->duration_s = length;
}

static void stop(struct wb_timeline *t, const char *unit, double start, double length)
{
	struct wb_tl_stop *s = &t->stops[t->n_stops++];

	snprintf(s->unit, sizeof(s->unit), "%s", unit);
	s->start_s = start;
	s->duration_s = length;
}

static struct wb_timeline jump(const char *method, const char *initramfs)
{
	struct wb_timeline t = {.boot = "b", .to = "7.2", .warm = true, .pages_deferred = true};

	snprintf(t.method, sizeof(t.method), "%s", method);
	snprintf(t.initramfs, sizeof(t.initramfs), "%s", initramfs);
	return t;
}

static const struct wb_advice *titled(const struct wb_advice_list *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (strstr(l->items[i].title, word))
			return &l->items[i];
	return NULL;
}

static void make(
	struct wb_timeline **boots, size_t n, const char *cmdline, struct wb_advice_list *ret)
{
	const struct wb_history h = {boots, n, 0};
	const struct wb_advice_facts facts = {cmdline, NULL};
	struct wb_error err = {};

	assert_int_equal(wb_advice_make(&h, &facts, ret, &err), 0);
	for (size_t i = 0; i < ret->n; i++) {
		/* No advice without its figure, its setting and its risk. */
		assert_true(ret->items[i].cost_s > 0 && ret->items[i].saving_s > 0);
		assert_true(ret->items[i].saving_s <= ret->items[i].cost_s);
		assert_true(
			*ret->items[i].measured && *ret->items[i].setting && *ret->items[i].risk);
		if (i)
			assert_true(ret->items[i - 1].saving_s >= ret->items[i].saving_s);
	}
}

static void what_was_measured_both_ways_is_certain(void **state)
{
	struct wb_timeline fast = jump("fast", "warm"), slow = jump("segments", "own");
	struct wb_timeline *boots[] = {&fast, &slow};
	struct wb_advice_list l;
	const struct wb_advice *a;

	phase(&fast, WB_PHASE_ENTRY, 0.2);
	phase(&fast, WB_PHASE_INITRAMFS, 0.4);
	phase(&slow, WB_PHASE_UNPACK, 2.0);
	phase(&slow, WB_PHASE_INITRAMFS, 5.0);
	part(&slow, WB_KLOG_INITRD, 0.6);
	make(boots, 2, "root=x", &l);
	a = titled(&l, "link the kernel");
	assert_non_null(a);
	assert_false(a->at_most);
	assert_true(a->saving_s > 1.799 && a->saving_s < 1.801);
	a = titled(&l, "warm initramfs");
	assert_non_null(a);
	assert_false(a->at_most);
	assert_true(a->saving_s > 5.199 && a->saving_s < 5.201);
	/* The boot that is already so needs none. */
	make(boots, 1, "root=x", &l);
	assert_int_equal(l.n, 0);
}

static void what_was_measured_once_is_a_bound(void **state)
{
	struct wb_timeline slow = jump("file", "own");
	struct wb_timeline *boots[] = {&slow};
	struct wb_advice_list l;

	phase(&slow, "device shutdown to decompression", 3);
	phase(&slow, WB_PHASE_UNPACK, 1);
	make(boots, 1, "", &l);
	assert_true(titled(&l, "link the kernel")->at_most);
}

static void checking_has_its_price(void **state)
{
	struct wb_timeline t = jump("fast", "warm");
	struct wb_timeline *boots[] = {&t};
	struct wb_advice_list l;

	phase(&t, WB_PHASE_PURGATORY, 0.3);
	make(boots, 1, "", &l);
	assert_int_equal(l.n, 1);
	assert_non_null(strstr(l.items[0].setting, "--verify=none"));
	assert_string_equal(l.items[0].words, "");
	t.phases[0].duration_s = 0.001;
	make(boots, 1, "", &l);
	assert_int_equal(l.n, 0);
}

static void words_are_for_the_next_jump(void **state)
{
	struct wb_timeline t = jump("fast", "warm");
	struct wb_timeline *boots[] = {&t};
	WB_CLEAN_STR words = NULL;
	WB_CLEAN_STR none = NULL;
	struct wb_advice_list l;

	t.console_bytes = 20000;
	t.quiet_bytes = 100;
	t.console_byte_ns = 86000;
	t.n_initcalls = 1;
	part(&t, WB_KLOG_CRYPTO, 0.5);
	part(&t, WB_KLOG_SMP, 0.7);
	make(boots, 1, "console=ttyS0 cpuhp.parallel=0", &l);
	assert_int_equal(l.n, 3);
	assert_int_equal(wb_advice_words(&l, &words), 0);
	assert_string_equal(words, "quiet cpuhp.parallel=1 cryptomgr.notests");
	/* There is no advice for a setting that exists already, or that nobody has switched off. */
	make(boots, 1, "quiet cryptomgr.notests", &l);
	assert_int_equal(l.n, 0);
	assert_int_equal(wb_advice_words(&l, &none), 0);
	assert_string_equal(none, "");
}

static void without_a_trace_initcalls_are_not_guessed(void **state)
{
	struct wb_timeline t = jump("fast", "warm");
	struct wb_timeline *boots[] = {&t};
	WB_CLEAN_STR text = NULL;
	struct wb_advice_list l;

	part(&t, WB_KLOG_CRYPTO, 0.5);
	make(boots, 1, "", &l);
	assert_int_equal(l.n, 0);
	assert_int_equal(wb_advice_text(&l, &text), 0);
	assert_non_null(strstr(text, "--trace"));
}

static void slow_units_are_named(void **state)
{
	struct wb_timeline t = jump("fast", "warm");
	struct wb_timeline *boots[] = {&t};
	char *mounts[] = {"srv-data.mount", NULL};
	const struct wb_strv net = {mounts, 1};
	const struct wb_history h = {boots, 1, 0};
	const struct wb_advice_facts facts = {"", &net};
	const struct wb_advice *a;
	struct wb_advice_list l;

	stop(&t, "slow.service", 0, 10);
	stop(&t, "also.service", 0, 8);
	stop(&t, "srv-data.mount", 0, 0.5);
	stop(&t, "quick.service", 0, 0.9);
	phase(&t, WB_PHASE_DEVICES, 4);
	assert_int_equal(wb_advice_make(&h, &facts, &l, NULL), 0);
	a = titled(&l, "slow.service");
	assert_true(a->saving_s > 8.99 && a->saving_s < 9.01);
	/* Only two seconds of it if the other one goes on as it is. */
	assert_true(a->at_most);
	assert_non_null(strstr(a->measured, "2.00 s of that"));
	assert_non_null(strstr(a->setting, "TimeoutStopSec=1s"));
	assert_non_null(strstr(titled(&l, "srv-data.mount")->setting, "LazyUnmount=yes"));
	assert_null(titled(&l, "quick.service"));
	assert_non_null(titled(&l, "slow devices"));
}

static void without_a_jump_there_is_no_advice(void **state)
{
	struct wb_timeline t = jump("firmware", "");
	struct wb_timeline *boots[] = {&t};
	const struct wb_history h = {boots, 1, 0};
	const struct wb_advice_facts facts = {"", NULL};
	struct wb_advice_list l;
	struct wb_error err = {};

	t.warm = false;
	assert_int_equal(wb_advice_make(&h, &facts, &l, &err), -ENOENT);
	assert_true(*err.text);
}

static int start_took(void *ctx, const char *unit, uint64_t *ret_us)
{
	if (strcmp(unit, "systemd-networkd-wait-online.service"))
		return -ENOENT;
	*ret_us = *(uint64_t *)ctx;
	return 0;
}

/* Only the boot that the advice is about says how long it waited. */
static void the_wait_for_the_network_is_named(void **state)
{
	static const struct fake_file this[] = {
		{"/proc/self/mountinfo", ""}, {"/proc/sys/kernel/random/boot_id", "this\n"}, {}};
	static const struct fake_file unknown[] = {{"/proc/self/mountinfo", ""}, {}};
	static const struct fake_file later[] = {
		{"/proc/self/mountinfo", ""}, {"/proc/sys/kernel/random/boot_id", "later\n"}, {}};
	struct wb_timeline t = jump("fast", "warm");
	struct wb_timeline *boots[] = {&t};
	const struct wb_history h = {boots, 1, 0};
	uint64_t us = 6500000;
	const struct wb_sources sources = {.ctx = &us, .start_took = start_took};
	const struct {
		const struct fake_file *disk;
		uint64_t us;
		bool told;
	} all[] = {{this, 6500000, true}, {this, 900000, false}, {this, 0, false},
		{later, 6500000, false}, {unknown, 6500000, false}};

	snprintf(t.boot, sizeof(t.boot), "this");
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct wb_files files = fake_files(all[i].disk);
		const struct wb_advice *a;
		struct wb_advice_list l;
		struct wb_error err = {};

		us = all[i].us;
		if (wb_advice_read(&files, &sources, &h, &l, &err) < 0)
			fail_msg("%s", err.text);
		a = titled(&l, "wait less for the network");
		assert_int_equal(a != NULL, all[i].told);
		if (!a)
			continue;
		assert_true(a->saving_s > 6.49 && a->saving_s < 6.51);
		assert_true(a->at_most);
		assert_non_null(strstr(a->measured, "systemd-networkd-wait-online.service"));
		assert_non_null(strstr(a->setting, "RequiredForOnline=no"));
		/* It is no kernel parameter. */
		assert_string_equal(a->words, "");
	}
}

static void start(struct wb_timeline *t, const char *unit, double length)
{
	struct wb_tl_start *s = &t->chain[t->n_chain++];

	snprintf(s->unit, sizeof(s->unit), "%s", unit);
	s->duration_s = length;
	s->ours = !strncmp(unit, "warmboot-", 9);
}

/* Services of the chain can go first; targets and warmboot's own cannot. A short chain is not worth it. */
static void the_chain_can_go_first(void **state)
{
	struct wb_timeline t = jump("fast", "warm"), quick = jump("fast", "warm");
	struct wb_timeline *boots[] = {&t}, *short_boots[] = {&quick};
	WB_CLEAN_STR applied = NULL;
	WB_CLEAN_STR nothing = NULL;
	struct wb_advice_list l;
	const struct wb_advice *a;

	start(&t, "multi-user.target", 0);
	start(&t, "slow.service", 1.5);
	start(&t, "warmboot-thawed.service", 2);
	start(&t, "quick.service", 0.25);
	t.generators_s = 1.25;
	make(boots, 1, "quiet", &l);
	a = titled(&l, "go first");
	assert_non_null(a);
	assert_true(a->first && a->at_most);
	assert_float_equal(a->cost_s, 1.75, 1e-9);
	assert_int_equal(l.n_first, 2);
	assert_string_equal(l.first[0], "slow.service");
	assert_string_equal(l.first[1], "quick.service");
	a = titled(&l, "wait for slow.service");
	assert_non_null(a);
	assert_false(a->first);
	assert_null(titled(&l, "wait for quick.service"));
	assert_null(titled(&l, "wait for warmboot"));
	a = titled(&l, "generators");
	assert_non_null(a);
	assert_false(a->first);
	assert_int_equal(wb_advice_applied(&l, "- ", &applied), 0);
	assert_string_equal(applied,
		"- give these more of the CPU while the boot after the next jump starts:\n"
		"-   slow.service\n-   quick.service\n");
	start(&quick, "multi-user.target", 0);
	start(&quick, "quick.service", 0.005);
	make(short_boots, 1, "quiet", &l);
	assert_int_equal(l.n_first, 0);
	assert_int_equal(wb_advice_applied(&l, "- ", &nothing), 0);
	assert_string_equal(nothing, "");
}

/* The generator would find nothing in a /var of its own, so this is advice only. */
static void what_the_generator_cannot_read_is_not_applied(void **state)
{
	static const char root[] = "22 1 254:2 / / rw shared:1 - ext4 /dev/vda2 rw\n",
			  apart[] = "22 1 254:2 / / rw shared:1 - ext4 /dev/vda2 rw\n"
				    "30 22 254:3 / /var rw shared:2 - ext4 /dev/vda3 rw\n";
	struct wb_timeline t = jump("fast", "warm");
	struct wb_timeline *boots[] = {&t};
	const struct wb_history h = {boots, 1, 0};
	const struct wb_sources sources = {.start_took = start_took};

	start(&t, "multi-user.target", 0);
	start(&t, "slow.service", 1.5);
	for (int late = 0; late < 2; late++) {
		const struct fake_file disk[] = {{"/proc/self/mountinfo", late ? apart : root}, {}};
		struct wb_files files = fake_files(disk);
		const struct wb_advice *a;
		struct wb_advice_list l;

		assert_int_equal(wb_advice_read(&files, &sources, &h, &l, NULL), 0);
		a = titled(&l, "go first");
		assert_non_null(a);
		assert_int_equal(a->first, !late);
		assert_int_equal(l.n_first, !late);
		assert_non_null(strstr(a->measured, "starts of 1 services"));
	}
}

static void network_mounts_become_units(void **state)
{
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV got = {};

	assert_int_equal(
		wb_mounts_parse(
			"22 1 254:2 / / rw,relatime shared:1 - ext4 /dev/vda2 rw\n"
			"50 22 0:45 / /srv/my\\040data-x rw shared:7 master:2 - nfs4 host:/x rw\n"
			"51 22 0:46 / /mnt rw - cifs //h/s rw\n"
			"52 22 0:47 / /a/.b rw - fuse.sshfs h: rw",
			&mounts),
		0);
	assert_int_equal(wb_net_mounts(&mounts, &got), 0);
	assert_int_equal(got.n, 3);
	assert_string_equal(got.items[0], "srv-my\\x20data\\x2dx.mount");
	assert_string_equal(got.items[1], "mnt.mount");
	assert_string_equal(got.items[2], "a-.b.mount");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_measured_both_ways_is_certain),
		cmocka_unit_test(what_was_measured_once_is_a_bound),
		cmocka_unit_test(checking_has_its_price),
		cmocka_unit_test(words_are_for_the_next_jump),
		cmocka_unit_test(without_a_trace_initcalls_are_not_guessed),
		cmocka_unit_test(slow_units_are_named),
		cmocka_unit_test(without_a_jump_there_is_no_advice),
		cmocka_unit_test(the_wait_for_the_network_is_named),
		cmocka_unit_test(the_chain_can_go_first),
		cmocka_unit_test(what_the_generator_cannot_read_is_not_applied),
		cmocka_unit_test(network_mounts_become_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
