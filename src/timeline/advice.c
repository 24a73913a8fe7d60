// SPDX-License-Identifier: LGPL-2.1-or-later
/* Advice on the next jump: one function for each kind, with what it cost and what it would save. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "core/mounts.h"
#include "timeline/advice.h"

/* A smaller saving is within the noise of one boot. */
#define WORTH_S 0.010
/* A service that takes longer than this to stop delays the shutdown. */
#define STOP_S 1.0
/* A start that waits for longer than this delays the boot. */
#define WAIT_S 1.0
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

struct advisor {
	const struct wb_history *h;
	const struct wb_advice_facts *facts;
	const struct wb_timeline *t;
	struct wb_advice_list *list;
};

static struct wb_advice *advise(struct advisor *a, double cost, double saving, bool at_most)
{
	struct wb_advice_list *l = a->list;
	size_t at = l->n;

	if (saving < WORTH_S || l->n == WB_ADVICE_MOST)
		return NULL;
	while (at > 0 && l->items[at - 1].saving_s < saving)
		at--;
	memmove(&l->items[at + 1], &l->items[at], (l->n - at) * sizeof(l->items[0]));
	l->n++;
	l->items[at] = (struct wb_advice){.cost_s = cost, .saving_s = saving, .at_most = at_most};
	return &l->items[at];
}

#define SAY(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)

static const struct wb_tl_part *part(const struct wb_timeline *t, enum wb_klog_part which)
{
	for (size_t i = 0; i < t->n_parts; i++)
		if (!strcmp(t->parts[i].name, wb_klog_part_name(which)))
			return &t->parts[i];
	return NULL;
}

static double part_seconds(const struct wb_timeline *t, enum wb_klog_part which)
{
	const struct wb_tl_part *p = part(t, which);

	return p ? p->duration_s : 0;
}

/* The last other jump on this machine into the same kernel for which `test` holds, or NULL. */
static const struct wb_timeline *last_such(
	const struct advisor *a, bool (*test)(const struct wb_timeline *))
{
	const struct wb_timeline *other = NULL;

	for (size_t i = 0; i < a->h->n; i++) {
		const struct wb_timeline *t = a->h->items[i];

		if (t != a->t && t->warm && test(t) && (!other || !strcmp(t->to, a->t->to)))
			other = t;
	}
	return other;
}

static bool is_linked(const struct wb_timeline *t)
{
	return !strcmp(t->method, "fast");
}

static bool has_warm_initramfs(const struct wb_timeline *t)
{
	return !strcmp(t->initramfs, "warm");
}

static void on_linking(struct advisor *a)
{
	double cost = wb_timeline_seconds(a->t, WB_PHASE_UNPACK);
	const struct wb_timeline *fast = last_such(a, is_linked);
	double then = fast ? wb_timeline_seconds(fast, WB_PHASE_ENTRY) : 0;
	struct wb_advice *w;

	if (is_linked(a->t))
		return;
	w = advise(a, cost, cost - then, !fast);
	if (!w)
		return;
	SAY(w->title, "link the kernel before the jump");
	SAY(w->measured, "%s to the kernel's first stamp, %s", a->t->method,
		fast ? "and the same of a jump with --method=fast here" : "unpacking included");
	SAY(w->setting, "warmboot reboot --method=fast");
	SAY(w->risk, "it needs kexec_load(2), which lockdown and enforced signatures refuse");
}

static void on_initramfs(struct advisor *a)
{
	const struct wb_timeline *warm = last_such(a, has_warm_initramfs);
	double cost =
		wb_timeline_seconds(a->t, WB_PHASE_INITRAMFS) + part_seconds(a->t, WB_KLOG_INITRD);
	double then = warm ? wb_timeline_seconds(warm, WB_PHASE_INITRAMFS) +
				      part_seconds(warm, WB_KLOG_INITRD)
			   : 0;
	struct wb_advice *w;

	if (has_warm_initramfs(a->t))
		return;
	w = advise(a, cost, cost - then, !warm);
	if (!w)
		return;
	SAY(w->title, "use the warm initramfs");
	SAY(w->measured, "unpacking the initrd and running it, %s",
		warm ? "and the same of a jump with the warm one here" : "in that jump");
	SAY(w->setting, "warmboot reboot --initramfs=warm (it says why when it cannot)");
	SAY(w->risk, "hooks of the initramfs other than mounting the root do not run");
}

/* If the warm initramfs is out of reach, a smaller one still helps. */
static void on_initrd_size(struct advisor *a)
{
	double cost = part_seconds(a->t, WB_KLOG_INITRD);
	struct wb_advice *w;

	if (has_warm_initramfs(a->t) || a->t->initrd_kib < 16 << 10)
		return;
	w = advise(a, cost, cost, true);
	if (!w)
		return;
	SAY(w->title, "make the initrd smaller");
	SAY(w->measured, "unpacking %lld MiB, as the kernel's log has it",
		(long long)a->t->initrd_kib >> 10);
	SAY(w->setting, "MODULES=dep in /etc/initramfs-tools/initramfs.conf, then "
			"update-initramfs -u");
	SAY(w->risk, "the disk no longer boots in a machine with another controller");
}

/* The rest of purgatory takes too little time to be measured. */
static void on_verify(struct advisor *a)
{
	double cost = wb_timeline_seconds(a->t, WB_PHASE_PURGATORY);
	struct wb_advice *w = advise(a, cost, cost, true);

	if (!w)
		return;
	SAY(w->title, "enter the kernel without checking it again");
	SAY(w->measured, "purgatory's own stamps, before and after its SHA-256");
	SAY(w->setting, "warmboot reboot --verify=none");
	SAY(w->risk, "memory that was damaged between the load and the jump is not noticed");
}

static void on_parallel(struct advisor *a)
{
	double cost = part_seconds(a->t, WB_KLOG_SMP);
	WB_CLEAN_STR value = NULL;
	struct wb_advice *w;

	if (wb_cmdline_get(a->facts->cmdline, "cpuhp.parallel", &value) < 0 ||
		(strcmp(value, "0") && strcmp(value, "off") && strcmp(value, "n")))
		return;
	w = advise(a, cost, cost, true);
	if (!w)
		return;
	SAY(w->title, "start the CPUs in parallel");
	SAY(w->measured, "bringing up %d CPUs one after the other, as the kernel's log has it",
		a->t->cpus);
	SAY(w->setting, "take cpuhp.parallel=%s off the kernel's command line", value);
	SAY(w->risk, "somebody may have switched it off because of this machine's firmware");
	SAY(w->words, "cpuhp.parallel=1");
}

static void on_pages(struct advisor *a)
{
	double cost = part_seconds(a->t, WB_KLOG_PAGES);
	struct wb_advice *w;

	if (a->t->pages_deferred)
		return;
	w = advise(a, cost, cost, true);
	if (!w)
		return;
	SAY(w->title, "have struct pages made by all CPUs");
	SAY(w->measured, "from the kernel's log, where one CPU made them all");
	SAY(w->setting, "a kernel with CONFIG_DEFERRED_STRUCT_PAGE_INIT=y");
	SAY(w->risk, "none known; memory is complete a little later");
}

static void on_console(struct advisor *a)
{
	double cost = (double)a->t->console_bytes * (double)a->t->console_byte_ns / 1e9;
	double quiet = (double)a->t->quiet_bytes * (double)a->t->console_byte_ns / 1e9;
	struct wb_advice *w;

	if (wb_cmdline_has(a->facts->cmdline, "quiet") ||
		wb_cmdline_has(a->facts->cmdline, "loglevel"))
		return;
	w = advise(a, cost, cost - quiet, false);
	if (!w)
		return;
	SAY(w->title, "keep the kernel's log off the console");
	SAY(w->measured, "%lld bytes at %.1f us each, the least that lines of the log took",
		(long long)a->t->console_bytes, (double)a->t->console_byte_ns / 1e3);
	SAY(w->setting, "quiet on the kernel's command line");
	SAY(w->risk, "the console shows errors only; dmesg and the journal have everything");
	SAY(w->words, "quiet");
}

static void on_crypto(struct advisor *a)
{
	double cost = part_seconds(a->t, WB_KLOG_CRYPTO);
	struct wb_advice *w;

	if (!a->list->traced || wb_cmdline_has(a->facts->cmdline, "cryptomgr.notests"))
		return;
	w = advise(a, cost, cost, true);
	if (!w)
		return;
	SAY(w->title, "leave out the self-tests of ciphers and hashes");
	SAY(w->measured, "time of their initcalls, traced");
	SAY(w->setting, "cryptomgr.notests on the kernel's command line");
	SAY(w->risk, "a cipher that computes wrongly is not noticed; FIPS mode forbids it");
	SAY(w->words, "cryptomgr.notests");
}

static bool is_net_mount(const struct advisor *a, const char *unit)
{
	for (size_t i = 0; a->facts->net_mounts && i < a->facts->net_mounts->n; i++)
		if (!strcmp(a->facts->net_mounts->items[i], unit))
			return true;
	return false;
}

/* The time that the shutdown would gain if this unit took no longer than `left`. */
static double gain(const struct wb_timeline *t, const struct wb_tl_stop *s, double left)
{
	double end = 0, without = s->start_s + left;

	for (size_t i = 0; i < t->n_stops; i++) {
		double its = t->stops[i].start_s + t->stops[i].duration_s;

		end = its > end ? its : end;
		if (&t->stops[i] != s)
			without = its > without ? its : without;
	}
	/* If others waited for it the gain is larger, but that was never measured. */
	return end - without > 0 ? end - without : 0;
}

static void on_stops(struct advisor *a)
{
	for (size_t i = 0; i < a->t->n_stops; i++) {
		const struct wb_tl_stop *s = &a->t->stops[i];
		bool net = is_net_mount(a, s->unit);
		double left = net ? 0 : STOP_S, sure = gain(a->t, s, left);
		struct wb_advice *w;

		if (s->duration_s <= (net ? WORTH_S : STOP_S))
			continue;
		w = advise(a, s->duration_s, s->duration_s - left, sure < s->duration_s - left);
		if (!w)
			continue;
		SAY(w->measured,
			"%.2f s to stop, by the journal; %.2f s of that with all others "
			"stopped",
			s->duration_s, sure);
		if (net) {
			SAY(w->title, "do not wait for %.48s", s->unit);
			SAY(w->setting,
				"LazyUnmount=yes under [Mount] in /etc/systemd/system/%.80s.d/"
				"warmboot.conf",
				s->unit);
			SAY(w->risk, "what was not yet sent to the server may be lost");
		} else {
			SAY(w->title, "stop %.56s sooner", s->unit);
			SAY(w->setting,
				"TimeoutStopSec=%.0fs under [Service] in "
				"/etc/systemd/system/%.80s.d/warmboot.conf",
				STOP_S, s->unit);
			SAY(w->risk, "it is killed if it has more to do than that");
		}
	}
}

static void on_devices(struct advisor *a)
{
	double cost = wb_timeline_seconds(a->t, WB_PHASE_DEVICES);
	struct wb_advice *w;

	if (cost < 0.5)
		return;
	w = advise(a, cost, cost, true);
	if (!w)
		return;
	SAY(w->title, "take slow devices off before the jump");
	SAY(w->measured, "from the last program to the copying of segments");
	SAY(w->setting, "unbind the drivers of disks and cards that are not needed (echo DEVICE "
			">/sys/bus/pci/drivers/NAME/unbind) in a unit before kexec.target");
	SAY(w->risk, "a device that is still in use is gone");
}

/* Services that want network-online.target start after it, and so does the default target. */
static void on_network_wait(struct advisor *a)
{
	for (size_t i = 0; i < a->facts->n_waits; i++) {
		const struct wb_network_wait *n = &a->facts->waits[i];
		struct wb_advice *w;

		if (n->s < WAIT_S)
			continue;
		w = advise(a, n->s, n->s, true);
		if (!w)
			continue;
		SAY(w->title, "wait less for the network");
		SAY(w->measured, "start of %.80s in that boot, by systemd", n->unit);
		SAY(w->setting, "%s", n->setting);
		SAY(w->risk, "%s", n->risk);
	}
}

int wb_advice_make(const struct wb_history *h, const struct wb_advice_facts *facts,
	struct wb_advice_list *ret, struct wb_error *err)
{
	struct wb_advice_list list = {};
	struct advisor a = {h, facts, NULL, &list};

	for (size_t i = 0; i < h->n; i++)
		if (h->items[i]->warm)
			a.t = h->items[i];
	if (!a.t)
		return wb_fail(err, -ENOENT,
			"no jump is on record yet, so that nothing was measured; make one with "
			"warmboot reboot --trace");
	list.boot = a.t;
	list.traced = a.t->n_initcalls > 0;
	on_linking(&a);
	on_initramfs(&a);
	on_initrd_size(&a);
	on_verify(&a);
	on_parallel(&a);
	on_pages(&a);
	on_console(&a);
	on_crypto(&a);
	on_stops(&a);
	on_devices(&a);
	on_network_wait(&a);
	*ret = list;
	return 0;
}

int wb_advice_words(const struct wb_advice_list *list, char **ret)
{
	char *all = strdup("");

	for (size_t i = 0; all && i < list->n; i++) {
		char *longer = NULL;

		if (!*list->items[i].words)
			continue;
		if (wb_cmdline_append(all, list->items[i].words, &longer) < 0)
			longer = NULL;
		free(all);
		all = longer;
	}
	if (!all)
		return -ENOMEM;
	*ret = all;
	return 0;
}

int wb_advice_text(const struct wb_advice_list *list, char **ret)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fprintf(f, "measured in the jump to %s, boot %.8s, total %.2f s\n", list->boot->to,
		list->boot->boot, list->boot->total_s);
	for (size_t i = 0; i < list->n; i++) {
		const struct wb_advice *w = &list->items[i];

		fprintf(f,
			"\n%zu. %s\n   costs     %.3f s (%s)\n   saves     %s%.3f s\n   "
			"setting   %s\n   risk      %s\n",
			i + 1, w->title, w->cost_s, w->measured, w->at_most ? "at most " : "",
			w->saving_s, w->setting, w->risk);
		if (*w->words)
			fprintf(f, "   --apply   adds \"%s\" for the next jump\n", w->words);
	}
	if (!list->n)
		fputs("\nNothing that was measured is worth changing.\n", f);
	if (!list->traced)
		fputs("\nNot measured: self-tests of ciphers and hashes, and every other initcall. "
		      "The next\njump measures them with: warmboot reboot --trace\n",
			f);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

int wb_advice_json(const struct wb_advice_list *list, char **ret)
{
	json_t *items = json_array(), *json;
	char *text;

	for (size_t i = 0; i < list->n; i++) {
		const struct wb_advice *w = &list->items[i];

		json_array_append_new(
			items, json_pack("{s:s, s:f, s:f, s:b, s:s, s:s, s:s, s:s}", "title",
				       w->title, "cost_s", round(w->cost_s * 1e6) / 1e6, "saving_s",
				       round(w->saving_s * 1e6) / 1e6, "at_most", w->at_most,
				       "measured", w->measured, "setting", w->setting, "risk",
				       w->risk, "words", w->words));
	}
	json = json_pack("{s:s, s:b, s:o}", "boot", list->boot->boot, "traced", list->traced,
		"advice", items);
	text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
	json_decref(json);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static bool is_network(const struct wb_mount *m)
{
	static const char *const types[] = {"nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "9p",
		"glusterfs", "fuse.sshfs", "fuse.glusterfs", "ocfs2", "gfs2", "lustre"};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(types[i], m->fstype))
			return true;
	return false;
}

int wb_net_mounts(const struct wb_mounts *mounts, struct wb_strv *ret)
{
	return wb_mount_units(mounts, is_network, ret);
}

/* How long this boot waited for the network, if it is the one that the advice is about. */
static void read_waits(const struct wb_files *files, const struct wb_sources *sources,
	const struct wb_history *h, struct wb_advice_facts *facts)
{
	static const struct wb_network_wait known[WB_NETWORK_WAITS] = {
		{"systemd-networkd-wait-online.service",
			"RequiredForOnline=no under [Link] in the .network file of each link that "
			"no service needs at its start, or systemd-networkd-wait-online --any",
			"services that want network-online.target may start before that link is "
			"up"},
		{"NetworkManager-wait-online.service",
			"connection.wait-device-timeout=0 for connections that no service needs at "
			"its start (nmcli connection modify)",
			"services that want network-online.target may start before that link is "
			"up"},
		{"ifupdown-wait-online.service",
			"allow-hotplug instead of auto in /etc/network/interfaces, for each "
			"interface that no service needs at its start",
			"services that want network-online.target may start before that link is "
			"up"},
	};
	const struct wb_timeline *last = NULL;

	for (size_t i = 0; i < h->n; i++)
		if (h->items[i]->warm)
			last = h->items[i];
	if (!last || !files->exists(files->ctx, BOOT_ID) ||
		!wb_timeline_is_of_this_boot(files, last))
		return;
	for (size_t i = 0; i < WB_NETWORK_WAITS; i++) {
		uint64_t us = 0;

		if (sources->start_took(sources->ctx, known[i].unit, &us) < 0 || !us)
			continue;
		facts->waits[facts->n_waits] = known[i];
		facts->waits[facts->n_waits++].s = (double)us / 1e6;
	}
}

int wb_advice_read(const struct wb_files *files, const struct wb_sources *sources,
	const struct wb_history *h, struct wb_advice_list *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB cmdline = {};
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV net = {};
	struct wb_advice_facts facts = {.cmdline = "", .net_mounts = &net};
	int r;

	if (files->read(files->ctx, "/proc/cmdline", 1 << 20, &cmdline, NULL) == 0) {
		cmdline.data[strcspn((char *)cmdline.data, "\n")] = '\0';
		facts.cmdline = (const char *)cmdline.data;
	}
	r = wb_mounts_read(files, "/proc/self/mountinfo", &mounts, err);
	if (r < 0)
		return r;
	if (wb_net_mounts(&mounts, &net) < 0)
		return wb_oom(err);
	read_waits(files, sources, h, &facts);
	return wb_advice_make(h, &facts, ret, err);
}
