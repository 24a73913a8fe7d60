// SPDX-License-Identifier: LGPL-2.1-or-later
/* The preflight of a machine: each check on machines that have what it looks for, and on one that has not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-files.h"
#include "guard/check.h"
#include "guard/module.h"
#include "guard/pairs.h"
#include "sample-module.h"
#include "sample-pairs.h"
#include "unit.h"

/* The answers of the fake machine. */
struct answers {
	int64_t modules_ns, initrd_ns; /* 0: there is no such file */
	uint64_t room, boot_ns;
	int locked_by;
	const char *inhibitor, *slow;
};

static const struct answers good = {
	.modules_ns = 1000000000000LL,
	.initrd_ns = 2000000000000LL,
	.room = 1u << 30,
	.boot_ns = 3600000000000ull,
};

static int changed_ns(void *ctx, const char *path, int64_t *ret)
{
	const struct answers *a = ctx;
	int64_t ns = strstr(path, "modules.dep") ? a->modules_ns : a->initrd_ns;

	if (!ns)
		return -ENOENT;
	*ret = ns;
	return 0;
}

static int room(void *ctx, const char *path, uint64_t *ret)
{
	*ret = ((const struct answers *)ctx)->room;
	return 0;
}

static int locked_by(void *ctx, const char *path)
{
	return ((const struct answers *)ctx)->locked_by;
}

static int inhibitors(void *ctx, struct wb_strv *ret, struct wb_error *err)
{
	const struct answers *a = ctx;

	return a->inhibitor ? wb_strv_add(ret, a->inhibitor) : 0;
}

static uint64_t boot_ns(void *ctx)
{
	return ((const struct answers *)ctx)->boot_ns;
}

static int active(void *ctx, const char *unit, struct wb_error *err)
{
	return strcmp(unit, "down.service") != 0;
}

static int slow_stops(void *ctx, struct wb_strv *ret, struct wb_error *err)
{
	const struct answers *a = ctx;

	return a->slow ? wb_strv_add(ret, a->slow) : 0;
}

static const struct wb_check_ops ops = {.changed_ns = changed_ns,
	.room = room,
	.locked_by = locked_by,
	.inhibitors = inhibitors,
	.boot_ns = boot_ns,
	.active = active,
	.slow_stops = slow_stops};

#define MACHINE                                                                               \
	{"/boot/vmlinuz-7.2", "kernel"}, {"/boot/initrd.img-7.2", "initrd"},                  \
		{"/lib/modules/7.2/modules.dep", "x"}, {"/proc/cmdline", "root=/dev/vda1\n"}, \
		{"/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/vda1 rw\n"},            \
		{"/proc/meminfo", "MemTotal: 1 kB\nHardwareCorrupted:     0 kB\n"},           \
		{"/proc/sys/kernel/tainted", "0\n"},                                          \
	{                                                                                     \
		"/sys/module/ext4/taint", "\n"                                                \
	}

static int run(const struct fake_file *disk, const struct answers *a, const char *cmdline,
	const struct wb_policy *policy, struct wb_findings *ret, struct wb_error *err)
{
	static const char *const initrds[] = {"/boot/initrd.img-7.2"};
	struct wb_files files = fake_files(disk);
	const struct wb_check_facts facts = {.files = &files,
		.ops = &ops,
		.ctx = (void *)a,
		.policy = policy,
		.entry = "debian-7.2",
		.kernel = "/boot/vmlinuz-7.2",
		.release = "7.2",
		.cmdline = cmdline,
		.initrds = initrds,
		.n_initrds = 1,
		.from_id = BUILD_A,
		.to_id = BUILD_B};

	return wb_check_run(&facts, ret, err);
}

static void nothing_speaks_against_a_sound_machine(void **state)
{
	static const struct fake_file disk[] = {MACHINE, {}};
	const struct wb_policy policy = {.may_boot = true};
	WB_CLEAN_FINDINGS found = {};
	enum wb_severity worst;
	WB_CLEAN_STR text = NULL;

	assert_int_equal(run(disk, &good, "quiet", &policy, &found, NULL), 0);
	if (found.n)
		fail_msg("%s: %s", found.items[0].id, found.items[0].what);
	assert_false(wb_findings_worst(&found, &worst));
	assert_int_equal(wb_findings_text(&found, &text), 0);
	assert_non_null(strstr(text, "Nothing was found"));
}

struct machine {
	const char *id; /* of the check that must find something, and no other */
	enum wb_severity severity;
	const char *what, *evidence;
	struct fake_file disk[16];
	const char *cmdline;
	struct answers answers; /* those that are not 0 count */
	bool no_modules, no_initrd, shut;
};

/* A swap area with an image. */
static const char hibernated[4096] = {[4086] = 'S', '1', 'S', 'U', 'S', 'P', 'E', 'N', 'D'};

static const struct machine machines[] = {
	{"kept", WB_SEVERITY_WARNING, "down.service is to be kept, and does not run",
		"/etc/warmboot/keep.d/down.service.conf",
		{MACHINE, {"/etc/warmboot/keep.d/down.service.conf", "How=auto\n"},
			{"/etc/warmboot/keep.d/up.service.conf", "How=auto\n"},
			{"/etc/warmboot/keep.d/vm:a.conf", "How=auto\n"}, {}}},
	{"stop", WB_SEVERITY_NOTE, "a.service may take", "TimeoutStopUSec", {MACHINE, {}},
		.answers = {.slow = "a.service may take up to infinity to stop"}},
	{"hibernation", WB_SEVERITY_SEVERE, "a hibernated system waits", "/dev/disk/by-uuid/ab-cd",
		{MACHINE, {"/dev/disk/by-uuid/ab-cd", hibernated, sizeof(hibernated)}, {}},
		.cmdline = "resume=UUID=ab-cd quiet"},
	{"kexec", WB_SEVERITY_SEVERE, "kexec_load_disabled", "kexec", {MACHINE, {}}, .shut = true},
	{"entry", WB_SEVERITY_SEVERE, "names a kernel that is not there", "/boot/vmlinuz-7.2",
		{{"/boot/initrd.img-7.2", "initrd"}, {"/lib/modules/7.2/modules.dep", "x"},
			{"/proc/cmdline", "x"},
			{"/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/vda1 rw\n"}, {}}},
	{"modules", WB_SEVERITY_SEVERE, "/lib/modules/7.2 does not exist", "/lib/modules/7.2",
		{{"/boot/vmlinuz-7.2", "kernel"}, {"/proc/cmdline", "x"},
			{"/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/vda1 rw\n"}, {}},
		.no_modules = true},
	{"modules", WB_SEVERITY_SEVERE, "have no index", "modules.dep",
		{{"/boot/vmlinuz-7.2", "kernel"}, {"/lib/modules/7.2/kernel/a.ko", "x"},
			{"/proc/cmdline", "x"},
			{"/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/vda1 rw\n"}, {}},
		.no_modules = true},
	{"initramfs", WB_SEVERITY_WARNING, "older than its modules", "/boot/initrd.img-7.2",
		{MACHINE, {}}, .answers = {.initrd_ns = 1000}},
	{"initramfs", WB_SEVERITY_SEVERE, "initramfs is not there", "/boot/initrd.img-7.2",
		{MACHINE, {}}, .no_initrd = true},
	{"packages", WB_SEVERITY_SEVERE, "at work (process 77)", "/var/lib/dpkg/lock-frontend",
		{MACHINE, {}}, .answers = {.locked_by = 77}},
	{"packages", WB_SEVERITY_WARNING, "dpkg was interrupted", "/var/lib/dpkg/updates",
		{MACHINE, {"/var/lib/dpkg/updates/0001", "x"}, {}}},
	{"taint", WB_SEVERITY_SEVERE, "has died once", "/proc/sys/kernel/tainted",
		{{"/proc/sys/kernel/tainted", "128\n"}, MACHINE, {}}},
	{"taint", WB_SEVERITY_WARNING, "the module zfs is not the kernel's own",
		"/sys/module/zfs/taint", {MACHINE, {"/sys/module/zfs/taint", "PO\n"}, {}}},
	{"memory-errors", WB_SEVERITY_SEVERE, "8 KiB of memory are damaged", "/proc/meminfo",
		{{"/proc/meminfo", "HardwareCorrupted:     8 kB\n"}, MACHINE, {}}},
	{"memory-errors", WB_SEVERITY_WARNING, "had 3 errors", "/mc0/ue_count",
		{MACHINE, {"/sys/devices/system/edac/mc/mc0/ue_count", "3\n"}, {}}},
	{"hypervisor", WB_SEVERITY_SEVERE, "host of Xen", "/proc/xen/capabilities",
		{MACHINE, {"/proc/xen/capabilities", "control_d\n"}, {}}},
	{"hypervisor", WB_SEVERITY_SEVERE, "paravirtual guest of Xen", "/sys/hypervisor/guest_type",
		{MACHINE, {"/sys/hypervisor/guest_type", "PV\n"}, {}}},
	{"hypervisor", WB_SEVERITY_WARNING, "encrypted memory", "/dev/tdx_guest",
		{MACHINE, {"/dev/tdx_guest", ""}, {}}},
	{"drivers", WB_SEVERITY_WARNING, "0000:01:00.0 belongs to virtual machines",
		"0000:01:00.0/driver",
		{MACHINE,
			{"/sys/bus/pci/devices/0000:01:00.0/driver",
				.link = "../../../bus/pci/drivers/vfio-pci"},
			{"/sys/bus/pci/devices/0000:02:00.0/driver",
				.link = "../../../bus/pci/drivers/e1000e"},
			{}}},
	{"drivers", WB_SEVERITY_WARNING, "driver of NVIDIA", "/sys/module/nvidia",
		{MACHINE, {"/sys/module/nvidia/refcnt", "1\n"}, {}}},
	{"crash-kernel", WB_SEVERITY_WARNING, "reserves no memory", "crash_loaded",
		{MACHINE, {"/sys/kernel/kexec_crash_loaded", "1\n"}, {}}, .cmdline = "quiet"},
	{"livepatch", WB_SEVERITY_WARNING, "patched by fix_1", "/sys/kernel/livepatch/fix_1",
		{MACHINE, {"/sys/kernel/livepatch/fix_1/enabled", "1\n"},
			{"/sys/kernel/livepatch/off/enabled", "0\n"}, {}}},
	{"firmware-update", WB_SEVERITY_WARNING, "an update of the firmware waits", "OsIndications",
		{MACHINE,
			{"/sys/firmware/efi/efivars/"
			 "OsIndications-8be4df61-93ca-11d2-aa0d-00e098032b8c",
				"\7\0\0\0\4\0\0\0\0\0\0\0", 12},
			{}}},
	{"firmware-update", WB_SEVERITY_NOTE, "asked for the firmware's setup", "OsIndications",
		{MACHINE,
			{"/sys/firmware/efi/efivars/"
			 "OsIndications-8be4df61-93ca-11d2-aa0d-00e098032b8c",
				"\7\0\0\0\1\0\0\0\0\0\0\0", 12},
			{}}},
	{"shutdown", WB_SEVERITY_WARNING, "planned a poweroff", "/run/systemd/shutdown/scheduled",
		{MACHINE,
			{"/run/systemd/shutdown/scheduled", "USEC=1\nWARN_WALL=1\nMODE=poweroff\n"},
			{}}},
	{"inhibitors", WB_SEVERITY_SEVERE, "backup asks for no shutdown", "systemd-inhibit",
		{MACHINE, {}}, .answers = {.inhibitor = "backup asks for no shutdown now: work"}},
	{"network-mounts", WB_SEVERITY_NOTE, "/srv comes over the network (nfs4)", "mountinfo",
		{{"/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/vda1 rw\n"
					  "21 20 0:40 / /srv rw - nfs4 host:/srv rw\n"},
			MACHINE, {}}},
	{"network-mounts", WB_SEVERITY_WARNING, "the root file system comes over the network",
		"mountinfo",
		{{"/proc/self/mountinfo", "20 1 0:40 / / rw - nfs host:/ rw\n"}, MACHINE, {}}},
	{"network-mounts", WB_SEVERITY_WARNING, "1 iSCSI sessions", "iscsi_session",
		{MACHINE, {"/sys/class/iscsi_session/session1/state", "LOGGED_IN\n"}, {}}},
	{"uptime", WB_SEVERITY_NOTE, "delays the shutdown by 5 s", "/proc/cmdline",
		{{"/proc/cmdline", "systemd.minimum_uptime_sec=15 quiet\n"}, MACHINE, {}},
		.answers = {.boot_ns = 10000000000ull}},
	{"pair", WB_SEVERITY_SEVERE, "known to fail", WB_PAIRS_ADMIN "/a.conf, line 1",
		{MACHINE,
			{WB_PAIRS_ADMIN "/a.conf", PAIR_LINE(BUILD_A, BUILD_B, "fast", "any", "bad",
							   ",\"phase\":\"init\"")},
			{}}},
	{"pair", WB_SEVERITY_WARNING, "it is not known why", WB_PAIRS_SHIPPED "/a.conf, line 1",
		{MACHINE,
			{WB_PAIRS_SHIPPED "/a.conf",
				PAIR_LINE("any", BUILD_B, "any", "any", "bad", "")},
			{}}},
	{"pair", WB_SEVERITY_NOTE, "not all worked", WB_PAIRS_ADMIN "/a.conf",
		{MACHINE,
			{WB_PAIRS_ADMIN "/a.conf",
				PAIR_LINE(BUILD_A, BUILD_B, "fast", "any", "degraded", "")},
			{}}},
	{"pair", WB_SEVERITY_NOTE, "1 lines of the ledger", WB_PAIRS_OWN ", line 1",
		{MACHINE, {WB_PAIRS_OWN, "{\"pair\": 7}\n"}, {}}},
	{"pair", WB_SEVERITY_WARNING, "cannot be used", "is not believed",
		{MACHINE, {WB_PAIRS_ADMIN "/a.conf", "", .foreign = true}, {}}},
	{"room", WB_SEVERITY_SEVERE, "only 64 KiB", "/var/lib/warmboot", {MACHINE, {}},
		.answers = {.room = 64 << 10}},
};

static struct answers answers_of(const struct machine *m)
{
	struct answers a = good;

	a.initrd_ns = m->no_initrd ? 0 : m->answers.initrd_ns ? m->answers.initrd_ns : a.initrd_ns;
	a.modules_ns = m->no_modules ? 0 : a.modules_ns;
	a.room = m->answers.room ? m->answers.room : a.room;
	a.boot_ns = m->answers.boot_ns ? m->answers.boot_ns : a.boot_ns;
	a.locked_by = m->answers.locked_by;
	a.inhibitor = m->answers.inhibitor;
	a.slow = m->answers.slow;
	return a;
}

/* For check-schema.py, which holds them against the schema. */
static void write_sample(size_t i, const struct wb_findings *found)
{
	const char *dir = getenv("WB_SAMPLES");
	WB_CLEAN_STR json = NULL;
	char path[256];
	FILE *f;

	if (!dir)
		return;
	assert_int_equal(wb_findings_json(found, "debian-7.2", "/boot/vmlinuz-7.2",
				 i % 2 ? "7.2" : "", &json),
		0);
	snprintf(path, sizeof(path), "%s/%zu.json", dir, i);
	f = fopen(path, "w");
	assert_true(f && fputs(json, f) >= 0 && fclose(f) == 0);
}

static void each_check_finds_what_it_looks_for(void **state)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++) {
		const struct machine *m = &machines[i];
		const struct wb_policy policy = {.may_boot = true, .disabled = m->shut};
		const struct answers a = answers_of(m);
		WB_CLEAN_FINDINGS found = {};
		const struct wb_finding *f;

		assert_int_equal(run(m->disk, &a, m->cmdline, &policy, &found, NULL), 0);
		if (found.n != 1)
			fail_msg("%s: %zu findings for \"%s\"%s%s", m->id, found.n, m->what,
				found.n ? ", the last: " : "",
				found.n ? found.items[found.n - 1].what : "");
		f = &found.items[0];
		assert_string_equal(f->id, m->id);
		assert_int_equal(f->severity, m->severity);
		if (!strstr(f->what, m->what) || !strstr(f->evidence, m->evidence))
			fail_msg("\"%s\" (%s) does not say \"%s\" (%s)", f->what, f->evidence,
				m->what, m->evidence);
		write_sample(i, &found);
		assert_true(*f->remedy && f->remedy[strlen(f->remedy) - 1] != '.');
	}
}

#define DEVICE "/sys/bus/pci/devices/0000:00:1f.6"
#define PCI_MACHINE                                                                             \
	MACHINE, {"/proc/sys/kernel/osrelease", "6.12.9\n"},                                    \
		{"/lib/modules/6.12.9/modules.dep", "kernel/a.ko:\nkernel/toy-nic.ko: a.ko\n"}, \
		{DEVICE "/driver", .link = "/sys/bus/pci/drivers/toy"},                         \
		{"/sys/bus/pci/drivers/toy/module", .link = "../../../../module/toy_nic"},      \
		{"/sys/bus/pci/drivers/toy/bind", ""},                                          \
	{                                                                                       \
		"/sys/module/toy_nic/refcnt", "0\n"                                             \
	}

/* By the module's own file, whatever the names of its symbols are in this kernel. */
static void drivers_without_shutdown_are_told(void **state)
{
	static const char *const symbols[] = {
		"__mod_pci__toy_ids_device_table", "__mod_device_table__kmod_toy__pci__ids"};

	for (int i = 0; i < 4; i++) {
		const struct sample_module m = sample_module(symbols[i / 2], i % 2);
		const struct fake_file disk[] = {PCI_MACHINE,
			{"/lib/modules/6.12.9/kernel/toy-nic.ko", (const char *)&m, sizeof(m)}, {}};
		WB_CLEAN_FINDINGS found = {};

		assert_int_equal(run(disk, &good, NULL, NULL, &found, NULL), 0);
		assert_int_equal(found.n, i % 2 ? 0 : 1);
		if (!found.n)
			continue;
		assert_string_equal(found.items[0].id, "driver-shutdown");
		assert_int_equal(found.items[0].severity, WB_SEVERITY_NOTE);
		assert_non_null(strstr(found.items[0].what, "the driver toy does not stop"));
		assert_string_equal(found.items[0].evidence, DEVICE "/driver");
	}
}

static void a_module_that_cannot_be_read_is_told(void **state)
{
	static const struct fake_file damaged[] = {
		PCI_MACHINE, {"/lib/modules/6.12.9/kernel/toy-nic.ko", "no module"}, {}};
	static const struct fake_file gone[] = {PCI_MACHINE, {}};
	const struct sample_module other = sample_module("__mod_usb__ids_device_table", 0);
	const struct fake_file usb[] = {PCI_MACHINE,
		{"/lib/modules/6.12.9/kernel/toy-nic.ko", (const char *)&other, sizeof(other)}, {}};
	const struct fake_file *const disks[] = {damaged, gone};
	WB_CLEAN_FINDINGS none = {};

	for (size_t i = 0; i < 2; i++) {
		WB_CLEAN_FINDINGS found = {};

		assert_int_equal(run(disks[i], &good, NULL, NULL, &found, NULL), 0);
		assert_int_equal(found.n, 1);
		assert_non_null(strstr(found.items[0].what, "it is not known whether the driver"));
	}
	assert_int_equal(run(usb, &good, NULL, NULL, &none, NULL), 0);
	assert_int_equal(none.n, 0);
}

/* Each row has a machine above, so that no check can fail to find anything; one has its own tests. */
static void every_check_is_tried(void **state)
{
	for (const struct wb_check *const *c = wb_checks_all; *c; c++) {
		bool tried = !strcmp((*c)->id, "driver-shutdown");

		for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
			tried |= !strcmp(machines[i].id, (*c)->id);
		if (!tried)
			fail_msg("no machine for the check %s", (*c)->id);
	}
}

/* By the hash of this machine's class, and not by that of another one. */
static void a_bad_pair_of_this_class_is_severe(void **state)
{
	struct fake_file disk[] = {
		MACHINE, {"/sys/class/dmi/id/product_name", "Box 1\n"}, {WB_PAIRS_OWN}, {}};
	const size_t own = sizeof(disk) / sizeof(*disk) - 2;
	WB_CLEAN_CLASS class = class_of(disk);

	for (int i = 0; i < 3; i++) {
		WB_CLEAN_STR text =
			wb_strf("{\"pair\":{\"from\":\"" BUILD_A "\",\"to\":\"" BUILD_B
				"\",\"method\":\"fast\",\"class\":\"%s\",\"verdict\":\""
				"%s\",\"phase\":\"root\",\"origin\":\"" ORIGIN_1 "\"}}\n",
				i == 1 ? CLASS_X : class.hash, i == 2 ? "good" : "bad");
		WB_CLEAN_FINDINGS found = {};

		disk[own].text = text;
		assert_int_equal(run(disk, &good, NULL, NULL, &found, NULL), 0);
		assert_int_equal(found.n, i < 2);
		if (!found.n)
			continue;
		assert_string_equal(found.items[0].id, "pair");
		assert_int_equal(
			found.items[0].severity, i ? WB_SEVERITY_NOTE : WB_SEVERITY_SEVERE);
	}
}

static void what_the_crash_kernel_keeps_is_no_finding(void **state)
{
	static const struct fake_file disk[] = {
		MACHINE, {"/sys/kernel/kexec/crash_loaded", "1\n"}, {}};
	WB_CLEAN_FINDINGS found = {};

	assert_int_equal(run(disk, &good, "quiet crashkernel=256M", NULL, &found, NULL), 0);
	assert_int_equal(found.n, 0);
}

static void silenced_checks_do_not_count(void **state)
{
	static const struct fake_file disk[] = {{"/proc/sys/kernel/tainted", "128\n"}, MACHINE,
		{WB_CHECK_DIR "/10-lab.conf", "# known\n taint   # of the test machines\n\n"},
		{WB_CHECK_DIR "/README", "this is no list\n"}, {}};
	WB_CLEAN_FINDINGS found = {};
	enum wb_severity worst;
	WB_CLEAN_STR text = NULL;
	WB_CLEAN_STR json = NULL;

	assert_int_equal(run(disk, &good, NULL, NULL, &found, NULL), 0);
	assert_int_equal(found.n, 1);
	assert_true(found.items[0].silenced);
	assert_false(wb_findings_worst(&found, &worst));
	assert_int_equal(wb_findings_text(&found, &text), 0);
	assert_non_null(strstr(text, "severe   taint (silenced): "));
	assert_int_equal(wb_findings_json(&found, "e", "/k", "", &json), 0);
	assert_non_null(strstr(json, "\"verdict\": \"fine\""));
	assert_non_null(strstr(json, "\"release\": null"));
}

static void a_wrong_id_is_told(void **state)
{
	static const struct fake_file disk[] = {
		MACHINE, {WB_CHECK_DIR "/a.conf", "room\ntaints\n"}, {}};
	static const struct fake_file two[] = {
		MACHINE, {WB_CHECK_DIR "/a.conf", "room taint\n"}, {}};
	WB_CLEAN_FINDINGS found = {};
	struct wb_error err = {};

	assert_int_equal(run(disk, &good, NULL, NULL, &found, &err), -EINVAL);
	assert_string_equal(err.text, WB_CHECK_DIR "/a.conf: \"taints\" is no check");
	assert_int_equal(run(two, &good, NULL, NULL, &found, &err), -EINVAL);
	assert_int_equal(found.n, 0);
}

/* A check that cannot look says so, and is not taken for one that has found nothing. */
static void a_check_that_cannot_look_is_told(void **state)
{
	static const struct fake_file disk[] = {
		{"/sys/kernel/livepatch", .error = -EACCES}, MACHINE, {}};
	WB_CLEAN_FINDINGS found = {};

	assert_int_equal(run(disk, &good, NULL, NULL, &found, NULL), 0);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.items[0].id, "livepatch");
	assert_int_equal(found.items[0].severity, WB_SEVERITY_WARNING);
	assert_non_null(strstr(found.items[0].what, "it could not be checked: livepatches"));
}

/* Others choose names of devices, mounts and modules. */
static void control_characters_do_not_come_through(void **state)
{
	static const struct fake_file disk[] = {
		{"/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/vda1 rw\n"
					 "21 20 0:40 / /srv\\033[2J rw - nfs4 host:/srv rw\n"},
		MACHINE, {}};
	WB_CLEAN_FINDINGS found = {};

	assert_int_equal(run(disk, &good, NULL, NULL, &found, NULL), 0);
	assert_int_equal(found.n, 1);
	assert_null(strchr(found.items[0].what, '\033'));
}

/* On this machine: a lock of another process, and times of real files. */
static void the_real_machine_answers(void **state)
{
	char path[] = "/tmp/wb-check-XXXXXX";
	int fd = mkstemp(path);
	uint64_t room_left = 0;
	int64_t ns = 0;

	assert_true(fd >= 0);
	assert_int_equal(wb_check_ops_host.locked_by(NULL, path), 0);
	assert_int_equal(wb_check_ops_host.locked_by(NULL, "/tmp/there is no such file"), 0);
	assert_int_equal(wb_check_ops_host.changed_ns(NULL, path, &ns), 0);
	assert_true(ns > 1000000000000000000LL);
	assert_int_equal(wb_check_ops_host.changed_ns(NULL, "/tmp/no such file", &ns), -ENOENT);
	assert_int_equal(wb_check_ops_host.room(NULL, "/tmp", &room_left), 0);
	assert_true(room_left > 0);
	close(fd);
	unlink(path);
}

static void a_lock_of_another_process_is_seen(void **state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[] = "/tmp/wb-check-XXXXXX", byte;
	int fd = mkstemp(path), to[2], from[2];
	pid_t pid;

	assert_true(fd >= 0 && pipe(to) == 0 && pipe(from) == 0);
	pid = fork();
	if (pid == 0) {
		close(to[1]);
		if (fcntl(fd, F_SETLK, &lock) < 0 || write(from[1], "l", 1) != 1)
			_exit(1);
		_exit(read(to[0], &byte, 1) != 0);
	}
	close(to[0]);
	assert_int_equal(read(from[0], &byte, 1), 1);
	assert_int_equal(wb_check_ops_host.locked_by(NULL, path), pid);
	close(to[1]);
	waitpid(pid, NULL, 0);
	assert_int_equal(wb_check_ops_host.locked_by(NULL, path), 0);
	close(from[0]);
	close(from[1]);
	close(fd);
	unlink(path);
}

static void the_severity_is_the_highest(void **state)
{
	struct wb_finding items[] = {{.severity = WB_SEVERITY_NOTE},
		{.severity = WB_SEVERITY_SEVERE, .silenced = true},
		{.severity = WB_SEVERITY_WARNING}, {.severity = WB_SEVERITY_NOTE}};
	const struct wb_findings found = {items, 4};
	enum wb_severity worst;

	assert_true(wb_findings_worst(&found, &worst));
	assert_int_equal(worst, WB_SEVERITY_WARNING);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_speaks_against_a_sound_machine),
		T(each_check_finds_what_it_looks_for),
		T(drivers_without_shutdown_are_told),
		T(a_module_that_cannot_be_read_is_told),
		T(every_check_is_tried),
		T(a_bad_pair_of_this_class_is_severe),
		T(what_the_crash_kernel_keeps_is_no_finding),
		T(silenced_checks_do_not_count),
		T(a_wrong_id_is_told),
		T(a_check_that_cannot_look_is_told),
		T(control_characters_do_not_come_through),
		T(the_real_machine_answers),
		T(a_lock_of_another_process_is_seen),
		T(the_severity_is_the_highest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
