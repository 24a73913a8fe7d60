// SPDX-License-Identifier: LGPL-2.1-or-later
/* Advice on the next jump: one function for each kind, with what it cost and what it would save. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "core/mounts.h"
#include "systemd/unit.h"
#include "advice/advice.h"

/* A smaller saving is within the noise of one boot. */
#define WORTH_S 0.010
/* A service that takes longer than this to stop delays the shutdown. */
#define STOP_S 1.0
/* A start that waits for longer than this delays the boot. */
#define WAIT_S 1.0
#define STATE_DIR "/var/lib/warmboot"
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

/* A unit whose wait for the network is advised on with its own setting. */
static bool is_wait(const struct advisor *a, const char *unit)
{
	for (size_t i = 0; i < a->facts->n_waits; i++)
		if (!strcmp(a->facts->waits[i].unit, unit))
			return true;
	return false;
}

static bool is_others_service(const struct advisor *a, const struct wb_tl_start *s)
{
	return !s->ours && !strcmp(wb_unit_kind(s->unit), "service") && !is_wait(a, s->unit);
}

/* A service on the chain delays the default target by as long as it takes. */
static void on_slow_starts(struct advisor *a)
{
	for (size_t i = 0; i < a->t->n_chain; i++) {
		const struct wb_tl_start *s = &a->t->chain[i];
		struct wb_advice *w;

		if (s->duration_s < WAIT_S || !is_others_service(a, s))
			continue;
		w = advise(a, s->duration_s, s->duration_s, true);
		if (!w)
			continue;
		SAY(w->title, "do not let the boot wait for %.40s", s->unit);
		SAY(w->measured,
			"its start in that boot, by systemd, on the critical chain to %.48s",
			a->t->chain[0].unit);
		SAY(w->setting,
			"systemctl disable %.64s if nothing needs it at the boot, or fewer After= "
			"on "
			"it (systemctl show -p Before %.64s)",
			s->unit, s->unit);
		SAY(w->risk, "what needs it fails, or starts before it is there");
	}
}

/* More of the CPU for the chain while the others start; nothing else changes. */
static void on_chain(struct advisor *a)
{
	struct wb_advice_list *l = a->list;
	struct wb_advice *w;
	double cost = 0;
	size_t n;

	for (size_t i = 0; i < a->t->n_chain; i++) {
		const struct wb_tl_start *s = &a->t->chain[i];

		if (s->duration_s < WORTH_S || !is_others_service(a, s))
			continue;
		cost += s->duration_s;
		memcpy(l->first[l->n_first++], s->unit, sizeof(s->unit));
	}
	n = l->n_first;
	w = advise(a, cost, cost, true);
	if (!w) {
		l->n_first = 0;
		return;
	}
	w->first = !a->facts->late_var;
	if (a->facts->late_var)
		l->n_first = 0;
	SAY(w->title, "let the services that the boot waits for go first");
	SAY(w->measured, "starts of %zu services on the critical chain to %.48s", n,
		a->t->chain[0].unit);
	SAY(w->setting, "StartupCPUWeight=1000 under [Service] for each of them");
	SAY(w->risk, "other services start later, and the CPU controller is on in that boot");
}

static void on_generators(struct advisor *a)
{
	size_t n = a->facts->generators ? a->facts->generators->n : 0;
	struct wb_advice *w;

	if (a->t->generators_s < WAIT_S)
		return;
	w = advise(a, a->t->generators_s, a->t->generators_s, true);
	if (!w)
		return;
	SAY(w->title, "run fewer generators");
	SAY(w->measured, "all of systemd's generators in that boot together; %zu are installed", n);
	SAY(w->setting,
		"ln -s /dev/null /etc/systemd/system-generators/NAME for those whose feature this "
		"machine does not use (ls /usr/lib/systemd/system-generators)");
	SAY(w->risk, "units that such a generator would have made are missing");
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
	on_slow_starts(&a);
	on_chain(&a);
	on_generators(&a);
	*ret = list;
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

/* A name that stands in several directories is one generator. */
static int read_generators(const struct wb_files *files, struct wb_strv *ret)
{
	static const char *const dirs[] = {"/run/systemd/system-generators",
		"/etc/systemd/system-generators", "/usr/local/lib/systemd/system-generators",
		"/usr/lib/systemd/system-generators", NULL};
	int r = 0;

	for (const char *const *dir = dirs; r == 0 && *dir; dir++) {
		WB_CLEAN_STRV names = {};

		if (files->list(files->ctx, *dir, &names, NULL) < 0)
			continue;
		for (size_t i = 0; r == 0 && i < names.n; i++)
			if (!wb_strv_has(ret, names.items[i]))
				r = wb_strv_add(ret, names.items[i]);
	}
	return r;
}

int wb_advice_read(const struct wb_files *files, const struct wb_sources *sources,
	const struct wb_history *h, struct wb_advice_list *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB cmdline = {};
	WB_CLEAN_MOUNTS mounts = {};
	WB_CLEAN_STRV net = {};
	WB_CLEAN_STRV generators = {};
	struct wb_advice_facts facts = {
		.cmdline = "", .net_mounts = &net, .generators = &generators};
	const struct wb_mount *state;
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
	state = wb_mounts_at(&mounts, STATE_DIR);
	facts.late_var = state && strcmp(state->point, "/");
	read_waits(files, sources, h, &facts);
	if (read_generators(files, &generators) < 0)
		return wb_oom(err);
	return wb_advice_make(h, &facts, ret, err);
}
