// SPDX-License-Identifier: LGPL-2.1-or-later
/* warminit/: the archive, and refusals, for made-up roots. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "fake-files.h"
#include "warminit/dog.h"
#include "warminit/probe.h"
#include "warminit/warminit.h"

#define DIR "/usr/lib/modules/7.2.0/"
#define VIRTIO "/sys/devices/pci0000:00/0000:00:03.0/virtio1"
#define ELF "\177ELF module "
#define MOUNTS(dev, type, source)                                          \
	"1 1 0:2 / / rw - rootfs rootfs rw\n"                              \
	"25 1 " dev " / / rw,relatime shared:1 - " type " " source " rw\n" \
	"30 25 0:22 / /dev/pts rw,nosuid - devpts devpts rw,gid=5,mode=620,ptmxmode=000\n"

#define TARGET                                                                                 \
	{DIR "modules.dep", "kernel/virtio_blk.ko: kernel/virtio.ko kernel/ring.ko\n"          \
			    "kernel/ring.ko:\nkernel/virtio.ko: kernel/ring.ko\n"              \
			    "kernel/ext4.ko: kernel/mbcache.ko\nkernel/mbcache.ko:\n"          \
			    "kernel/crc32c-gen.ko:\nkernel/nvme.ko: kernel/nvme-core.ko\n"     \
			    "kernel/nvme-core.ko:\nkernel/ahci.ko:\nkernel/sd_mod.ko:\n"       \
			    "kernel/ata_generic.ko:\n"},                                       \
		{DIR "modules.alias", "# Aliases\nalias virtio:d00000002v* virtio_blk\n"       \
				      "alias pci:v*d*sv*sd*bc01sc08i02* nvme\n"                \
				      "alias pci:v*d*sv*sd*bc01sc06i01* ahci\n"                \
				      "alias pci:v*d*sv*sd*bc01sc06i* ata_generic\n"           \
				      "alias scsi:t-0x00* sd_mod\nalias crc32c crc32c-gen\n"}, \
		{DIR "modules.softdep", "softdep ext4 pre: crc32c absent\n"},                  \
		{DIR "modules.builtin", "kernel/drivers/virtio/virtio_pci.ko\n"},              \
		{DIR "modules.builtin.modinfo", "virtio_pci.alias=pci:v00001AF4d*", 33},       \
		{DIR "kernel/virtio_blk.ko", ELF "blk"}, {DIR "kernel/ring.ko", ELF "ring"},   \
		{DIR "kernel/virtio.ko", ELF "virtio"}, {DIR "kernel/ext4.ko", ELF "ext4"},    \
		{DIR "kernel/mbcache.ko", ELF "mb"}, {DIR "kernel/crc32c-gen.ko", ELF "crc"},  \
		{DIR "kernel/nvme.ko", ELF "nvme"}, {DIR "kernel/nvme-core.ko", ELF "core"},   \
		{DIR "kernel/ahci.ko", ELF "ahci"}, {DIR "kernel/sd_mod.ko", ELF "sd"},        \
		{"/usr/lib/modprobe.d/a.conf", "options nvme-core multipath=0\n"},             \
		{"/etc/modprobe.d/a.conf.dpkg-old", "options nvme-core multipath=1\n"},        \
		{"/etc/modprobe.d/b.conf", "options nvme-core io_timeout=9\n"},                \
	{                                                                                      \
		"/usr/lib/modprobe.d/b.conf", "options nvme-core io_timeout=8\n"               \
	}

static const struct fake_file virtio[] = {
	{"/proc/self/mountinfo", MOUNTS("254:1", "ext4", "/dev/vda1")},
	{"/sys/dev/block/254:1",
		.link = "../../devices/pci0000:00/0000:00:03.0/virtio1/block/vda/vda1"},
	{VIRTIO "/block/vda/vda1/dev", "254:1\n"},
	{VIRTIO "/block/vda/vda1/partition", "1\n"},
	{VIRTIO "/block/vda/serial", "disk 7  \n"},
	{VIRTIO "/modalias", "virtio:d00000002v00001AF4\n"},
	{VIRTIO "/driver", .link = "../../../../bus/virtio/drivers/virtio_blk"},
	{"/sys/bus/virtio/drivers/virtio_blk/module", .link = "../../../../module/virtio_blk"},
	{"/sys/devices/pci0000:00/0000:00:03.0/modalias",
		"pci:v00001AF4d00001001sv0sd0bc01sc00i00\n"},
	{"/sys/devices/pci0000:00/0000:00:03.0/driver",
		.link = "../../../bus/pci/drivers/virtio-pci"},
	{"/run/udev/data/b254:1", "S:disk/by-partuuid/aa-01\nS:disk/by-uuid/1111-22\n"
				  "S:disk/by-label/my\\x20root\nE:ID_FS_TYPE=ext4\n"},
	{"/dev/disk/by-uuid/3333-44", .link = "../../vda2"},
	TARGET,
	{},
};

static int build(const struct fake_file *list, const char *cmdline, struct wb_warm_result *ret,
	struct wb_error *err)
{
	struct wb_files files = fake_files(list);
	struct wb_warm_request want = {"7.2.0", cmdline};

	return wb_warm_build(&files, &want, ret, err);
}

static void expect_modules(const struct wb_warm_result *got, const char *want)
{
	char all[512] = "";

	for (size_t i = 0; i < got->modules.n; i++)
		sprintf(all + strlen(all), "%s%s", i ? " " : "", got->modules.items[i]);
	assert_string_equal(all, want);
}

/* The contents of one file of the archive; walks it as the kernel does. */
static struct wb_bytes cpio_find(struct wb_bytes in, const char *name, unsigned int *ret_mode)
{
	uint64_t off = 0;
	struct wb_bytes data = {};

	for (;;) {
		unsigned int mode, size, len;
		char head[111] = "";

		assert_true(wb_get_struct(in, off, head, 110));
		assert_int_equal(sscanf(head, "070701%*8x%8x%*8x%*8x%*8x%*8x%8x", &mode, &size), 2);
		assert_int_equal(sscanf(head + 94, "%8x", &len), 1);
		assert_true(wb_bytes_sub(in, wb_align_up(off + 110 + len, 4), size, &data));
		if (wb_bytes_equal(in, off + 110, "TRAILER!!!", 11))
			return (struct wb_bytes){};
		if (wb_bytes_equal(in, off + 110, name, strlen(name) + 1)) {
			*ret_mode = mode;
			return data;
		}
		off = wb_align_up(wb_align_up(off + 110 + len, 4) + size, 4);
	}
}

static void program_and_modules_beside(void **state)
{
	static const char *const names[] = {"absent", "mbcache", "nvme"};
	struct wb_files files = fake_files(virtio);
	const struct wb_warm_request want = {.release = "7.2.0",
		.cmdline = "root=UUID=1111-22 ro",
		.early = "/usr/sbin/warmboot",
		.beside = names,
		.n_beside = 3};
	struct wb_warm_result got = {};
	struct wb_error err = {};
	WB_CLEAN_STR plan = NULL;
	struct wb_bytes cpio, file;
	unsigned int mode = 0;

	if (wb_warm_build(&files, &want, &got, &err) < 0)
		fail_msg("%s", err.text);
	/* The modules for the root come as before, and none is there twice. */
	expect_modules(&got, "ring virtio virtio_blk crc32c_gen mbcache ext4");
	cpio = wb_blob_view(&got.cpio);
	file = cpio_find(cpio, "plan", &mode);
	plan = strndup((const char *)file.data, file.size);
	assert_non_null(strstr(plan, "\nearly /usr/sbin/warmboot\n"));
	assert_non_null(strstr(
		plan, "\nmodule ext4 \nbeside nvme_core io_timeout=9 multipath=0\nbeside nvme \n"));
	assert_non_null(cpio_find(cpio, "m/nvme.ko", &mode).data);
	wb_warm_result_deinit(&got);
}

/* ---- a watchdog ---- */

static const struct wb_reg_step feed[] = {
	{.space = WB_REG_PORT, .width = 2, .address = 0x660, .set = 1}};
static const struct wb_reg_step stop[] = {
	{.space = WB_REG_MEMORY, .width = 4, .address = 0xfed1f410, .keep = 0xffffffdf},
	{.space = WB_REG_PCI, .width = 1, .address = 0x2068}};

/* The plan with a watchdog of these modules; to be freed. */
static char *plan_with(const struct fake_file *disk, const char *const *modules, size_t n,
	const char *cmdline, bool *ret_driver)
{
	const struct wb_load_watchdog watchdog = {.name = "itco",
		.device = "0000:00:1f.0",
		.modules = modules,
		.n_modules = n,
		.identity = "TCO of all",
		.feed = feed,
		.n_feed = 1,
		.stop = stop,
		.n_stop = 2,
		.seconds = 60,
		.trial = 600,
		.give = true};
	const struct wb_warm_request want = {
		.release = "7.2.0", .cmdline = cmdline, .watchdog = &watchdog};
	struct wb_files files = fake_files(disk);
	struct wb_warm_result got = {};
	struct wb_error err = {};
	unsigned int mode = 0;
	struct wb_bytes file;
	char *plan;

	if (wb_warm_build(&files, &want, &got, &err) < 0)
		fail_msg("%s", err.text);
	file = cpio_find(wb_blob_view(&got.cpio), "plan", &mode);
	plan = strndup((const char *)file.data, file.size);
	*ret_driver = got.watchdog_driver;
	wb_warm_result_deinit(&got);
	return plan;
}

#define TAIL                                                                                      \
	"watchdog-feed 660 0 1 1 2\nwatchdog-stop fed1f410 ffffffdf 0 3 4\nwatchdog-stop 2068 0 " \
	"0 2 1\n"

static void a_watchdog_comes_before_the_root(void **state)
{
	static const char *const nvme[] = {"nvme"}, *const absent[] = {"nvme", "absent"},
				 *const built_in[] = {"virtio_pci"};
	bool driver = false;
	char *plan = plan_with(virtio, nvme, 1, "root=UUID=1111-22 ro", &driver);

	assert_true(driver);
	assert_non_null(
		strstr(plan, "\nmodule nvme_core io_timeout=9 multipath=0\nmodule nvme \n" TAIL
			     "watchdog itco 0000:00:1f.0 TCO_of_all 60 600 1\nmodule ring "));
	free(plan);
	plan = plan_with(virtio, absent, 2, "root=UUID=1111-22 ro", &driver);
	assert_false(driver);
	assert_null(strstr(plan, "module nvme"));
	assert_non_null(strstr(plan, TAIL "watchdog itco 0000:00:1f.0 - 60 600 1\nmodule ring "));
	free(plan);
	plan = plan_with(virtio, built_in, 1, "root=UUID=1111-22 ro", &driver);
	assert_true(driver);
	assert_non_null(strstr(plan, TAIL "watchdog itco 0000:00:1f.0 TCO_of_all 60 600 1\n"));
	free(plan);
	/* The administrator's word counts. */
	plan = plan_with(virtio, nvme, 1, "root=UUID=1111-22 ro module_blacklist=nvme", &driver);
	assert_false(driver);
	free(plan);
}

static void what_the_plan_says_of_a_watchdog_is_read_back(void **state)
{
	static const char *const wrong[] = {"", "itco", "itco 0000:00:1f.0 m 0 600 1",
		"itco 0000:00:1f.0 m 60 600 1 x", "itco ../x m 60 600 1", "itco d a/b 60 600 1",
		"itco d m 60 600", "itco d m -1 600 1x"};
	static const char *const wrong_steps[] = {"", "660 0 1 1", "660 0 1 1 3", "661 0 1 1 2",
		"660 0 1 9 2", "660 0 1 1 2 3", "660 0 10000 1 2", "g 0 1 1 2"};
	struct wb_dog_plan plan, back;
	struct wb_reg_step step;
	char text[WB_DOG_PLAN_TEXT], line[WB_DOG_STEP_TEXT];

	plan = (struct wb_dog_plan){"itco", "0000:00:1f.0", "iTCO_wdt", 613, 840, 1};
	wb_dog_plan_write(&plan, text);
	assert_true(wb_dog_plan_read(text, &back));
	assert_memory_equal(&back, &plan, sizeof(plan));
	for (size_t i = 0; i < 2; i++) {
		wb_dog_step_write(&stop[i], line);
		assert_true(wb_dog_step_read(line, &step));
		assert_memory_equal(&step, &stop[i], sizeof(step));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(wb_dog_plan_read(wrong[i], &back));
	for (size_t i = 0; i < sizeof(wrong_steps) / sizeof(*wrong_steps); i++)
		assert_false(wb_dog_step_read(wrong_steps[i], &step));
}

static void a_healthy_system_is_never_bitten(void **state)
{
	struct wb_dog_moment now = {.trial = 600};

	/* It is fed until user space is up, or too late. */
	for (now.past = 0; now.past < 600; now.past++)
		assert_int_equal(wb_dog_next(&now), WB_DOG_FEED);
	assert_int_equal(wb_dog_next(&now), WB_DOG_LEAVE);
	/* Coming up counts, however late. */
	now.passed = true;
	assert_int_equal(wb_dog_next(&now), WB_DOG_STOP);
	now.unstoppable = true;
	assert_int_equal(wb_dog_next(&now), WB_DOG_FEED);
	now = (struct wb_dog_moment){.trial = 600, .passed = true, .give = true};
	for (; now.tried < WB_DOG_OFFER_S; now.tried++)
		assert_int_equal(wb_dog_next(&now), WB_DOG_GIVE);
	/* PID 1 does not want it after all. */
	assert_int_equal(wb_dog_next(&now), WB_DOG_STOP);
	now = (struct wb_dog_moment){.trial = 600, .give = true, .unstoppable = true};
	assert_int_equal(wb_dog_next(&now), WB_DOG_FEED);
	/* Nothing says that the system is up, and nothing stops the watchdog. */
	now = (struct wb_dog_moment){.past = 100000, .unstoppable = true};
	assert_int_equal(wb_dog_next(&now), WB_DOG_FEED);
}

#define CARD "/sys/devices/pci0000:00/0000:00:05.0"
#define VNET "/sys/devices/pci0000:00/0000:00:06.0/virtio2"
#define SOUND "/sys/devices/pci0000:00/0000:00:07.0"

/* A machine with two network cards and other devices. The lists of the target lack its root's disk. */
static const struct fake_file devices[] = {
	{"/proc/self/mountinfo", MOUNTS("254:1", "ext4", "/dev/vda1")},
	{"/sys/dev/block/254:1",
		.link = "../../devices/pci0000:00/0000:00:03.0/virtio1/block/vda/vda1"},
	{VIRTIO "/block/vda/vda1/dev", "254:1\n"},
	{VIRTIO "/block/vda/vda1/partition", "1\n"},
	{VIRTIO "/modalias", "virtio:d00000002v00001AF4\n"},
	{VIRTIO "/driver", .link = "../../../../bus/virtio/drivers/virtio_blk"},
	{"/sys/bus/virtio/drivers/virtio_blk/module", .link = "../../../../module/virtio_blk"},
	{"/run/udev/data/b254:1", "S:disk/by-uuid/1111-22\n"},
	{"/sys/class/net/eth0", .link = "../../devices/pci0000:00/0000:00:05.0/net/eth0"},
	{"/sys/class/net/eth1", .link = "../../devices/pci0000:00/0000:00:06.0/virtio2/net/eth1"},
	{"/sys/class/net/lo", .link = "../../devices/virtual/net/lo"},
	{CARD "/modalias", "pci:v00008086d0000100E\n"},
	{CARD "/driver", .link = "../../../bus/pci/drivers/e1000"},
	{"/sys/bus/pci/drivers/e1000/module", .link = "../../../../module/e1000"},
	{VNET "/modalias", "virtio:d00000001v00001AF4\n"},
	{VNET "/driver", .link = "../../../../bus/virtio/drivers/virtio_net"},
	{"/sys/bus/virtio/drivers/virtio_net/module", .link = "../../../../module/virtio_net"},
	{"/sys/devices/pci0000:00/0000:00:06.0/modalias", "pci:v00001AF4d00001000\n"},
	{"/sys/devices/pci0000:00/0000:00:06.0/driver",
		.link = "../../../bus/pci/drivers/virtio-pci"},
	{"/sys/bus/pci/devices/0000:00:05.0", .link = "../../../devices/pci0000:00/0000:00:05.0"},
	{"/sys/bus/pci/devices/0000:00:07.0", .link = "../../../devices/pci0000:00/0000:00:07.0"},
	{"/sys/bus/pci/devices/0000:00:08.0", .link = "../../../devices/pci0000:00/0000:00:08.0"},
	{"/sys/bus/pci/devices/0000:00:09.0", .link = "../../../devices/pci0000:00/0000:00:09.0"},
	{SOUND "/modalias", "pci:v0000SOUND\n"},
	{SOUND "/driver", .link = "../../../bus/pci/drivers/snd"},
	{"/sys/bus/pci/drivers/snd/module", .link = "../../../../module/snd"},
	/* Given to another driver by hand. */
	{"/sys/devices/pci0000:00/0000:00:08.0/modalias", "pci:v0000GIVEN\n"},
	{"/sys/devices/pci0000:00/0000:00:08.0/driver",
		.link = "../../../bus/pci/drivers/vfio-pci"},
	{"/sys/bus/pci/drivers/vfio-pci/module", .link = "../../../../module/vfio_pci"},
	/* Without a driver. */
	{"/sys/devices/pci0000:00/0000:00:09.0/modalias", "pci:v0000UNBOUND\n"},
	/* Built in now, so that no module is named. */
	{"/sys/bus/platform/devices/rtc", .link = "../../../devices/platform/rtc"},
	{"/sys/devices/platform/rtc/modalias", "platform:rtc\n"},
	{"/sys/devices/platform/rtc/driver", .link = "../../../bus/platform/drivers/rtc_cmos"},
	{DIR "modules.dep", "kernel/virtio_blk.ko:\nkernel/ext4.ko:\nkernel/e1000.ko:\n"
			    "kernel/virtio_net.ko: kernel/net_failover.ko kernel/failover.ko\n"
			    "kernel/net_failover.ko: kernel/failover.ko\nkernel/failover.ko:\n"
			    "kernel/snd.ko: kernel/soundcore.ko\nkernel/soundcore.ko:\n"
			    "kernel/ixgbe.ko:\nkernel/unbound.ko:\nkernel/rtc-cmos.ko:\n"
			    "kernel/vfio_pci.ko:\nkernel/other.ko:\n"},
	{DIR "modules.alias", "alias virtio:d00000002v* virtio_blk\n"
			      "alias virtio:d00000001v* virtio_net\n"
			      "alias pci:v00008086d0000100E* other\n"
			      "alias pci:v00008086d0000100E* e1000\n"
			      "alias pci:v0000SOUND* snd\nalias pci:v0000GIVEN* ixgbe\n"
			      "alias pci:v0000UNBOUND* unbound\nalias platform:rtc rtc-cmos\n"},
	{DIR "modules.softdep", ""},
	{DIR "modules.builtin", "kernel/drivers/virtio/virtio_pci.ko\n"},
	{DIR "kernel/virtio_blk.ko", ELF "blk"},
	{DIR "kernel/ext4.ko", ELF "ext4"},
	{DIR "kernel/e1000.ko", ELF "e1000"},
	{DIR "kernel/virtio_net.ko", ELF "net"},
	{DIR "kernel/net_failover.ko", ELF "nf"},
	{DIR "kernel/failover.ko", ELF "f"},
	{DIR "kernel/snd.ko", ELF "snd"},
	{DIR "kernel/soundcore.ko", ELF "core"},
	{DIR "kernel/rtc-cmos.ko", ELF "rtc"},
	{DIR "kernel/ixgbe.ko", ELF "ixgbe"},
	{DIR "kernel/vfio_pci.ko", ELF "vfio"},
	{DIR "kernel/unbound.ko", ELF "unbound"},
	{DIR "kernel/other.ko", ELF "other"},
	{},
};

/* The modules beside the init, with their parameters, of `devices` and one file more. */
static char *beside_of(struct fake_file more, const char *cmdline)
{
	static const char *const early[] = {"vfio_pci"};
	struct fake_file list[sizeof(devices) / sizeof(devices[0]) + 1] = {};
	struct wb_files files = fake_files(list);
	const struct wb_warm_request want = {
		.release = "7.2.0", .cmdline = cmdline, .beside = early, .n_beside = 1};
	struct wb_warm_result got = {};
	struct wb_error err = {};
	unsigned int mode = 0;
	struct wb_bytes plan;
	char *all = calloc(1, 1024);
	size_t n;

	memcpy(list, devices, sizeof(devices));
	for (n = 0; list[n].path && (!more.path || strcmp(list[n].path, more.path)); n++)
		;
	if (more.path)
		list[n] = more;
	if (wb_warm_build(&files, &want, &got, &err) < 0)
		fail_msg("%s", err.text);
	expect_modules(&got, "virtio_blk ext4");
	plan = cpio_find(wb_blob_view(&got.cpio), "plan", &mode);
	for (const char *p = (const char *)plan.data, *end = p + plan.size; p < end;
		p += strcspn(p, "\n") + 1)
		if (!strncmp(p, "beside ", 7)) {
			int len = (int)strcspn(p + 7, "\n");

			sprintf(all + strlen(all), "%.*s;", len - (p[7 + len - 1] == ' '), p + 7);
		}
	wb_warm_result_deinit(&got);
	return all;
}

#define ROOT "root=UUID=1111-22 ro "
#define NETWORK "e1000;failover;net_failover;virtio_net;"

static void expect_beside(struct fake_file more, const char *cmdline, const char *want)
{
	char *got = beside_of(more, cmdline);

	assert_string_equal(got, want);
	free(got);
}

static void drivers_of_bound_devices(void **state)
{
	/* The network's come before what is asked for, and the others after it. */
	expect_beside((struct fake_file){}, ROOT, NETWORK "vfio_pci;soundcore;snd;rtc_cmos;");
	/* Parameters are as modprobe would give them; a line may be continued. */
	expect_beside((struct fake_file){"/etc/modprobe.d/a.conf",
			      "options snd a=1\\\n b=2\noptions virtio-net c=3\n"},
		ROOT,
		"e1000;failover;net_failover;virtio_net c=3;vfio_pci;soundcore;snd a=1 "
		"b=2;rtc_cmos;");
}

static void leaves_to_udev_what_it_is_not_sure_of(void **state)
{
	static const char *const lines[] = {"blacklist snd\n", "install snd /bin/true\n",
		"softdep snd pre: other\n", "blacklist soundcore\n", "install soundcore /bin/x\n",
		"alias pci:v0000S* other\n", "weakdep snd other\n", "  blacklist\\\n\tsnd\n"};
	static const char *const words[] = {"module_blacklist=snd", "modprobe.blacklist=x,snd"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect_beside((struct fake_file){"/etc/modprobe.d/a.conf", lines[i]}, ROOT,
			NETWORK "vfio_pci;rtc_cmos;");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char cmdline[128];

		snprintf(cmdline, sizeof(cmdline), ROOT "%s", words[i]);
		expect_beside((struct fake_file){}, cmdline, NETWORK "vfio_pci;rtc_cmos;");
	}
	/* A module that another's denial takes away is not loaded for its own sake. */
	expect_beside((struct fake_file){"/etc/modprobe.d/a.conf", "blacklist failover\n"}, ROOT,
		"e1000;vfio_pci;soundcore;snd;rtc_cmos;");
	/* The target has two drivers for it, and no module is known to drive it now. */
	expect_beside((struct fake_file){"/sys/bus/pci/drivers/e1000/module",
			      .link = "../../../../module/new"},
		ROOT, "failover;net_failover;virtio_net;vfio_pci;soundcore;snd;rtc_cmos;");
	/* The target has a driver built in. */
	expect_beside((struct fake_file){DIR "modules.builtin.modinfo", "x.alias=platform:rtc", 21},
		ROOT, NETWORK "vfio_pci;soundcore;snd;");
}

static void leaves_out_what_needs_what_is_left_out(void **state)
{
	static const char wants[] = ELF "\0firmware=a.bin\0 more bytes";

	expect_beside((struct fake_file){DIR "kernel/failover.ko", wants, sizeof(wants)}, ROOT,
		"e1000;vfio_pci;soundcore;snd;rtc_cmos;");
	expect_beside((struct fake_file){DIR "kernel/e1000.ko", "no module", 9}, ROOT,
		"failover;net_failover;virtio_net;vfio_pci;soundcore;snd;rtc_cmos;");
}

/* A large module has no room; smaller ones after it have. */
static void bounds_the_bytes_beside(void **state)
{
	size_t size = 8u << 20;
	char *large = calloc(1, size);

	memcpy(large, ELF, strlen(ELF));
	expect_beside((struct fake_file){DIR "kernel/net_failover.ko", large, size}, ROOT,
		"e1000;failover;vfio_pci;soundcore;snd;rtc_cmos;");
	free(large);
}

static void virtio_blk_in_order(void **state)
{
	struct wb_warm_result got = {};
	struct wb_error err = {};
	static const char plan[] = "type ext4\nuuid 1111-22\nkind partition\ndevpts 620\n"
				   "partuuid aa-01\ndisk serial disk 7\nmodule ring \n";
	struct wb_bytes cpio, file;
	unsigned int mode = 0;

	if (build(virtio, "root=UUID=1111-22 ro quiet", &got, &err) < 0)
		fail_msg("%s", err.text);
	expect_modules(&got, "ring virtio virtio_blk crc32c_gen mbcache ext4");
	assert_string_equal(got.root, "UUID=1111-22 (ext4 on /dev/vda1)");
	cpio = wb_blob_view(&got.cpio);
	file = cpio_find(cpio, "m/virtio_blk.ko", &mode);
	assert_int_equal(file.size, strlen(ELF "blk"));
	assert_memory_equal(file.data, ELF "blk", file.size);
	file = cpio_find(cpio, "init", &mode);
	assert_int_equal(mode, 0100755);
	assert_int_equal(file.size, wb_warm_init_size);
	file = cpio_find(cpio, "plan", &mode);
	assert_true(wb_bytes_equal(file, 0, plan, strlen(plan)));
	cpio_find(cpio, "dev/console", &mode);
	assert_int_equal(mode, 0020600);
	cpio_find(cpio, "root", &mode);
	assert_int_equal(mode, 040700);
	wb_warm_result_deinit(&got);
}

static void every_spelling_of_root(void **state)
{
	static const char *const same[] = {"root=/dev/vda1", "root=PARTUUID=AA-01",
		"root=\"LABEL=my root\"", "root=/dev/disk/by-uuid/1111-22",
		"root=UUID=1 root=UUID=1111-22"};
	static const char *const other[] = {"root=/dev/vda2", "root=PARTUUID=bb-01",
		"root=LABEL=my", "root=UUID=3333-44", "root=/dev/nfs", "quiet"};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct wb_warm_result got = {};
		struct wb_error err = {};

		if (build(virtio, same[i], &got, &err) < 0)
			fail_msg("%s: %s", same[i], err.text);
		wb_warm_result_deinit(&got);
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		struct wb_warm_result got = {};
		struct wb_error err = {};

		assert_int_equal(build(virtio, other[i], &got, &err), -EOPNOTSUPP);
		assert_non_null(strstr(err.text, "root="));
		assert_null(got.cpio.data);
	}
}

#define NVME "/sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0"
#define SUBSYS "/sys/devices/virtual/nvme-subsystem/nvme-subsys0"

static const struct fake_file nvme[] = {
	{"/proc/self/mountinfo", MOUNTS("259:0", "ext4", "/dev/nvme0n1")},
	{"/sys/dev/block/259:0",
		.link = "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1"},
	{SUBSYS "/nvme0n1/dev", "259:0\n"},
	{SUBSYS "/nvme0", .link = "../../../pci0000:00/0000:00:04.0/nvme/nvme0"},
	{NVME "/transport", "pcie\n"},
	{"/sys/devices/pci0000:00/0000:00:04.0/modalias", "pci:v00001B36d0sv0sd0bc01sc08i02\n"},
	{"/sys/devices/pci0000:00/0000:00:04.0/driver", .link = "../../../bus/pci/drivers/nvme"},
	{"/dev/disk/by-uuid/5555", .link = "../../nvme0n1"},
	TARGET,
	{},
};

static const struct fake_file sata[] = {
	{"/proc/self/mountinfo", MOUNTS("8:0", "ext4", "/dev/sda")},
	{"/sys/dev/block/8:0",
		.link = "../../devices/pci0000:00/0000:00:1f.2/ata1/host0/0:0:0:0/block/sda"},
	{"/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/0:0:0:0/block/sda/dev", "8:0\n"},
	{"/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/0:0:0:0/modalias", "scsi:t-0x00\n"},
	{"/sys/devices/pci0000:00/0000:00:1f.2/modalias", "pci:v00008086d0sv0sd0bc01sc06i01\n"},
	{"/sys/devices/pci0000:00/0000:00:1f.2/driver", .link = "../../../bus/pci/drivers/ahci"},
	{"/sys/bus/pci/drivers/ahci/module", .link = "../../../../module/ahci"},
	{"/dev/disk/by-uuid/5555", .link = "../../sda"},
	TARGET,
	{},
};

/* Right after a boot, or where there is no udev at all. */
static void asks_the_device_where_udev_does_not_tell(void **state)
{
	static uint8_t head[2048];
	struct fake_file disk[sizeof(sata) / sizeof(sata[0])];
	struct wb_warm_result got = {};
	struct wb_error err = {};

	memcpy(disk, sata, sizeof(sata));
	for (struct fake_file *f = disk; f->path; f++)
		if (!strcmp(f->path, "/dev/disk/by-uuid/5555"))
			*f = (struct fake_file){"/dev/sda", (char *)head, sizeof(head)};
	assert_int_equal(build(disk, "root=UUID=5555", &got, &err), -EOPNOTSUPP);
	memcpy(head + 1024 + 56, "\x53\xef", 2);
	memset(head + 1024 + 104, 0x55, 16);
	err = (struct wb_error){};
	if (build(disk, "root=UUID=55555555-5555-5555-5555-555555555555", &got, &err) < 0)
		fail_msg("%s", err.text);
	wb_warm_result_deinit(&got);
	assert_int_equal(build(disk, "root=UUID=5555", &got, &err), -EOPNOTSUPP);
}

static void nvme_behind_its_subsystem(void **state)
{
	struct wb_warm_result got = {};
	struct wb_error err = {};
	unsigned int mode;
	struct wb_bytes plan;

	if (build(nvme, "root=UUID=5555", &got, &err) < 0)
		fail_msg("%s", err.text);
	expect_modules(&got, "nvme_core nvme crc32c_gen mbcache ext4");
	plan = cpio_find(wb_blob_view(&got.cpio), "plan", &mode);
	assert_non_null(memmem(plan.data, plan.size, "nvme_core io_timeout=9 multipath=0\n", 35));
	wb_warm_result_deinit(&got);
}

static void sata_takes_the_bound_driver(void **state)
{
	static const char at[] = "\ndisk at /sys/devices/pci0000:00/0000:00:1f.2\n";
	unsigned int mode;
	struct wb_bytes plan;
	struct wb_warm_result got = {};
	struct wb_error err = {};

	if (build(sata, "root=UUID=5555", &got, &err) < 0)
		fail_msg("%s", err.text);
	expect_modules(&got, "ahci sd_mod crc32c_gen mbcache ext4");
	plan = cpio_find(wb_blob_view(&got.cpio), "plan", &mode);
	assert_non_null(memmem(plan.data, plan.size, at, strlen(at)));
	wb_warm_result_deinit(&got);
}

static void expect_refused(const struct fake_file *list, int code, const char *words)
{
	struct wb_warm_result got = {};
	struct wb_error err = {};

	assert_int_equal(build(list, "root=/dev/dm-0", &got, &err), code);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" lacks \"%s\"", err.text, words);
}

#define DM "/sys/devices/virtual/block/dm-0"

static void refuses_by_name(void **state)
{
	static const struct {
		const char *uuid, *words;
	} dm[] = {{"CRYPT-LUKS2-1", "dm-crypt"}, {"LVM-abc", "LVM"}, {"mpath-3", "dm-multipath"},
		{"odd", "device-mapper"}};
	static const char *const types[] = {"overlay", "zfs", "nfs4", "9p"};

	for (size_t i = 0; i < sizeof(dm) / sizeof(dm[0]); i++) {
		const struct fake_file list[] = {
			{"/proc/self/mountinfo", MOUNTS("253:0", "ext4", "/dev/mapper/x")},
			{"/sys/dev/block/253:0", .link = "../../devices/virtual/block/dm-0"},
			{DM "/dm/uuid", dm[i].uuid},
			{},
		};

		expect_refused(list, -EOPNOTSUPP, dm[i].words);
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		char mounts[256];
		const struct fake_file list[] = {{"/proc/self/mountinfo", mounts}, {}};

		sprintf(mounts, "25 1 0:9 / / rw shared:1 - %s src rw\n", types[i]);
		expect_refused(list, -EOPNOTSUPP, types[i]);
	}
}

static void refuses_stacks(void **state)
{
	static const struct fake_file md[] = {
		{"/proc/self/mountinfo", MOUNTS("9:0", "xfs", "/dev/md0")},
		{"/sys/dev/block/9:0", .link = "../../devices/virtual/block/md0"},
		{"/sys/devices/virtual/block/md0/md/level", "raid1"}, {}};
	static const struct fake_file btrfs[] = {
		{"/proc/self/mountinfo", MOUNTS("0:30", "btrfs", "/dev/sda1")},
		{"/sys/class/block/sda1", .link = "../../devices/pci0000:00/ata1/block/sda/sda1"},
		{"/sys/fs/btrfs/u/devices/sda1", ""}, {"/sys/fs/btrfs/u/devices/sdb1", ""}, {}};
	static const struct fake_file usr[] = {
		{"/proc/self/mountinfo", MOUNTS("254:1", "ext4", "/dev/vda1")},
		{"/etc/fstab", "# comment\nUUID=1 / ext4 defaults 0 1\nUUID=2 /usr ext4 ro 0 2\n"},
		{}};
	static const struct fake_file nbd[] = {
		{"/proc/self/mountinfo", MOUNTS("43:0", "ext4", "/dev/nbd0")},
		{"/sys/dev/block/43:0", .link = "../../devices/virtual/block/nbd0"}, {}};

	expect_refused(md, -EOPNOTSUPP, "md RAID");
	expect_refused(btrfs, -EOPNOTSUPP, "2 devices");
	expect_refused(usr, -EOPNOTSUPP, "/usr");
	expect_refused(nbd, -EOPNOTSUPP, "nbd0");
}

static void refuses_what_the_own_initramfs_would_do(void **state)
{
	static const char *const words[] = {"rd.lvm.lv=a/b", "ostree=/ostree/boot.1", "fips=1",
		"ip=dhcp", "mount.usr=/dev/x", "overlayroot=tmpfs", "rd.break"};
	static const char root[] = "root=UUID=1111-22 ro ";
	struct fake_file list[80] = {};
	struct wb_warm_result got = {};
	struct wb_error err = {};
	struct fake_file *more = list;

	memcpy(list, virtio, sizeof(virtio));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char cmdline[128];

		sprintf(cmdline, "%s%s", root, words[i]);
		assert_int_equal(build(virtio, cmdline, &got, &err), -EOPNOTSUPP);
		cmdline[strlen(root) + strcspn(words[i], "=")] = 0;
		assert_non_null(strstr(err.text, cmdline + strlen(root)));
	}
	assert_int_equal(build(virtio, "root=UUID=1111-22 rd.udev.log_level=3", &got, &err), 0);
	wb_warm_result_deinit(&got);
	while (more->path)
		more++;
	*more = (struct fake_file){"/proc/sys/kernel/tainted", "4352\n"};
	assert_int_equal(build(list, root, &got, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "ACPI tables"));
	*more = (struct fake_file){"/etc/fstab", "overlay /srv overlay defaults,x-initrd.mount\n"};
	assert_int_equal(build(list, root, &got, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "/srv (overlay)"));
}

static void expect_too_long(
	const struct fake_file *list, const char *word, size_t n, const char *words)
{
	char cmdline[8192], more[8192];
	struct wb_warm_result got = {};
	struct wb_error err = {};

	memset(more, 'a', n);
	more[n] = 0;
	snprintf(cmdline, sizeof(cmdline), "root=UUID=1111-22 %s%s", word, more);
	if (words) {
		assert_int_equal(build(list, cmdline, &got, &err), -EOPNOTSUPP);
		if (!strstr(err.text, words))
			fail_msg("\"%s\" lacks \"%s\"", err.text, words);
		return;
	}
	if (build(list, cmdline, &got, &err) < 0)
		fail_msg("%s", err.text);
	wb_warm_result_deinit(&got);
}

/*
 * The init has room for so much. A longer text is refused here, because the init would cut it off.
 */
static void refuses_what_the_init_has_no_room_for(void **state)
{
	char softdep[6000] = "softdep ext4 pre:", options[6000] = "options ext4 p=";
	struct fake_file list[80] = {};
	size_t n = 0;

	expect_too_long(virtio, "init=/", 254, NULL);
	expect_too_long(virtio, "init=/", 255, "255 bytes of init=");
	expect_too_long(virtio, "initramfs.runsize=", 32, "initramfs.runsize=");
	expect_too_long(virtio, "rootflags=", 1023, NULL);
	expect_too_long(virtio, "rootflags=", 1024, "rootflags=");
	expect_too_long(virtio, "virtio-blk.p=", 2044, NULL);
	expect_too_long(virtio, "virtio-blk.p=", 2045, "the parameters of module virtio_blk");
	expect_too_long(virtio, "x=", 4080, "the command line has more than");
	memcpy(list, virtio, sizeof(virtio));
	while (list[n].path)
		n++;
	memset(options + strlen(options), 'a', 5000);
	list[n] = (struct fake_file){"/etc/modprobe.d/z.conf", options};
	expect_too_long(list, "", 0, "the parameters of module ext4");
	list[n] = (struct fake_file){};
	for (n = 0; strcmp(list[n].path, DIR "modules.softdep"); n++)
		;
	/* A long line of these is read to its end. */
	for (size_t at = strlen(softdep); at < 5000; at += 8)
		sprintf(softdep + at, " absent%zu", at % 10);
	list[n].text = softdep;
	expect_too_long(list, "", 0, NULL);
}

/* A module that nothing waits for needs no room: it is loaded from the root. */
static void leaves_out_what_has_no_room_beside(void **state)
{
	static const char *const names[] = {"nvme"};
	char options[1024] = "options nvme p=";
	struct wb_warm_result got = {};
	struct fake_file list[80] = {};
	struct wb_error err = {};
	unsigned int mode = 0;
	struct wb_files files;
	const struct wb_warm_request want = {.release = "7.2.0",
		.cmdline = "root=UUID=1111-22 ro",
		.beside = names,
		.n_beside = 1};
	size_t n = 0;

	memcpy(list, virtio, sizeof(virtio));
	while (list[n].path)
		n++;
	memset(options + strlen(options), 'a', 600);
	list[n] = (struct fake_file){"/etc/modprobe.d/z.conf", options};
	files = fake_files(list);
	if (wb_warm_build(&files, &want, &got, &err) < 0)
		fail_msg("%s", err.text);
	assert_null(cpio_find(wb_blob_view(&got.cpio), "m/nvme.ko", &mode).data);
	assert_non_null(cpio_find(wb_blob_view(&got.cpio), "m/nvme_core.ko", &mode).data);
	wb_warm_result_deinit(&got);
}

static void refuses_a_second_device(void **state)
{
	static const struct fake_file usr[] = {
		{"/proc/self/mountinfo",
			MOUNTS("0:30", "btrfs",
				"/dev/sda1") "31 25 0:30 /usr /usr rw - btrfs /dev/sda1 rw\n"},
		{}};
	static const struct fake_file log[] = {
		{"/proc/self/mountinfo", "1 1 8:1 / / rw - xfs /dev/sda1 rw,logdev=/dev/sdb1\n"},
		{}};

	expect_refused(usr, -EOPNOTSUPP, "/usr");
	expect_refused(log, -EOPNOTSUPP, "more than one device");
}

static void probes_file_systems(void **state)
{
	static const struct {
		const char *type, *magic, *uuid;
		uint32_t magic_at, uuid_at;
	} all[] = {
		{"ext", "\x53\xef", "00010203-0405-0607-0809-0a0b0c0d0e0f", 1080, 1128},
		{"xfs", "XFSB", "00010203-0405-0607-0809-0a0b0c0d0e0f", 0, 32},
		{"btrfs", "_BHRfS_M", "00010203-0405-0607-0809-0a0b0c0d0e0f", 65600, 65568},
		{"vfat", "FAT32   ", "0302-0100", 82, 67},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint8_t *head = calloc(1, WB_PROBE_BYTES);
		char uuid[37] = "untouched";
		const char *type = "none";

		memcpy(head + all[i].magic_at, all[i].magic, strlen(all[i].magic));
		for (uint8_t k = 0; k < 16 && all[i].type[0] != 'v'; k++)
			head[all[i].uuid_at + k] = k;
		for (uint8_t k = 0; k < 4; k++)
			head[all[i].uuid_at + k] = k;
		assert_false(wb_probe_uuid((struct wb_bytes){head, all[i].magic_at}, uuid, &type));
		assert_string_equal(uuid, "untouched");
		assert_true(wb_probe_uuid((struct wb_bytes){head, WB_PROBE_BYTES}, uuid, &type));
		assert_string_equal(type, all[i].type);
		assert_string_equal(uuid, all[i].uuid);
		free(head);
	}
}

/* A GPT of `block` bytes a block with one GUID, at entry 3; or an MBR alone. */
static void names_partitions(void **state)
{
	static const uint32_t blocks[] = {512, 4096};
	static const uint8_t entries_at[8] = {2}, count[4] = {128}, size[4] = {128};
	char got[37] = "untouched";

	for (size_t i = 0; i < 2; i++) {
		uint32_t block = blocks[i];
		uint8_t *head = calloc(1, WB_PROBE_BYTES);
		struct wb_bytes all = {head, WB_PROBE_BYTES};

		memcpy(head + 510, "\x55\xaa", 2);
		head[450] = 0xee;
		strcpy(got, "untouched");
		assert_false(wb_probe_partuuid(all, block, 3, got));
		memcpy(head + block, "EFI PART", 8);
		memcpy(head + block + 72, entries_at, 8);
		memcpy(head + block + 80, count, 4);
		memcpy(head + block + 84, size, 4);
		for (uint8_t k = 0; k < 16; k++)
			head[2 * block + 2 * 128 + 16 + k] = k;
		assert_false(wb_probe_partuuid((struct wb_bytes){head, 1024}, block, 3, got));
		assert_false(wb_probe_partuuid(all, block, 0, got));
		assert_false(wb_probe_partuuid(all, block, 129, got));
		assert_string_equal(got, "untouched");
		assert_true(wb_probe_partuuid(all, block, 3, got));
		assert_string_equal(got, "03020100-0504-0706-0809-0a0b0c0d0e0f");
		memset(head + block + 72, 0xff, 8);
		assert_false(wb_probe_partuuid(all, block, 3, got));

		memset(head + block, 0, 8);
		head[450] = 0x83;
		memcpy(head + 440, "\x01\xef\xcd\xab", 4);
		assert_true(wb_probe_partuuid(all, block, 11, got));
		assert_string_equal(got, "abcdef01-0b");
		free(head);
	}
}

static void knows_the_place_of_a_disk(void **state)
{
	static const struct {
		const char *syspath, *place;
	} all[] = {
		{"/sys/devices/pci0000:00/0000:00:03.0/virtio1/block/vda",
			"/sys/devices/pci0000:00/0000:00:03.0"},
		{"/sys/devices/pci0000:00/0000:00:1c.0/10000:e1:00.7/ata3/host2/block/sda",
			"/sys/devices/pci0000:00/0000:00:1c.0/10000:e1:00.7"},
		{"/sys/devices/platform/mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0", ""},
		{"", ""},
	};
	char place[64];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		wb_probe_place(all[i].syspath, place, sizeof(place));
		assert_string_equal(place, all[i].place);
	}
	wb_probe_place(all[0].syspath, place, 30);
	assert_string_equal(place, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virtio_blk_in_order),
		cmocka_unit_test(a_watchdog_comes_before_the_root),
		cmocka_unit_test(what_the_plan_says_of_a_watchdog_is_read_back),
		cmocka_unit_test(a_healthy_system_is_never_bitten),
		cmocka_unit_test(program_and_modules_beside),
		cmocka_unit_test(drivers_of_bound_devices),
		cmocka_unit_test(leaves_to_udev_what_it_is_not_sure_of),
		cmocka_unit_test(leaves_out_what_needs_what_is_left_out),
		cmocka_unit_test(bounds_the_bytes_beside),
		cmocka_unit_test(every_spelling_of_root),
		cmocka_unit_test(nvme_behind_its_subsystem),
		cmocka_unit_test(sata_takes_the_bound_driver),
		cmocka_unit_test(refuses_by_name),
		cmocka_unit_test(refuses_stacks),
		cmocka_unit_test(refuses_what_the_own_initramfs_would_do),
		cmocka_unit_test(asks_the_device_where_udev_does_not_tell),
		cmocka_unit_test(refuses_what_the_init_has_no_room_for),
		cmocka_unit_test(leaves_out_what_has_no_room_beside),
		cmocka_unit_test(refuses_a_second_device),
		cmocka_unit_test(probes_file_systems),
		cmocka_unit_test(names_partitions),
		cmocka_unit_test(knows_the_place_of_a_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
