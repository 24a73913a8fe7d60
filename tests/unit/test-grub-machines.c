// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whole configurations as distributions generate them: a usual machine keeps its default. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "sample-entries.h"

#define EFI                                 \
	{                                   \
		"/sys/firmware/efi/runtime" \
	}
#define MOUNTS(text)                         \
	{                                    \
		"/proc/self/mountinfo", text \
	}
#define UUID(uuid, node)                                         \
	{                                                        \
		"/dev/disk/by-uuid/" uuid, .link = "../../" node \
	}

/* grub-mkconfig of GRUB 2.12: 00_header, 10_linux, 25_bli, 30_uefi-firmware, 41_custom. */
#define SEARCH                                                            \
	"insmod part_gpt\ninsmod ext2\nset root='hd0,gpt2'\n"             \
	"if [ x$feature_platform_search_hint = xy ]; then\n"              \
	"  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 " \
	"--hint-efi=hd0,gpt2 --hint-baremetal=ahci0,gpt2  aaaa\n"         \
	"else\n  search --no-floppy --fs-uuid --set=root aaaa\nfi\n"
#define HEADER                                                                           \
	"if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n"     \
	"if [ \"${next_entry}\" ] ; then\n  set default=\"${next_entry}\"\n"             \
	"  set next_entry=\n  save_env next_entry\n  set boot_once=true\n"               \
	"else\n  set default=\"0\"\nfi\n"                                                \
	"if [ x\"${feature_menuentry_id}\" = xy ]; then\n"                               \
	"  menuentry_id_option=\"--id\"\nelse\n  menuentry_id_option=\"\"\nfi\n"         \
	"export menuentry_id_option\n"                                                   \
	"function load_video {\n  if [ x$feature_all_video_module = xy ]; then\n"        \
	"    insmod all_video\n  else\n    insmod vbe\n  fi\n}\n"                        \
	"if [ x$feature_default_font_path = xy ] ; then\n  font=unicode\nelse\n" SEARCH  \
	"  font=\"/usr/share/grub/unicode.pf2\"\nfi\n"                                   \
	"if loadfont $font ; then\n  set gfxmode=auto\n  load_video\n  insmod gfxterm\n" \
	"  set locale_dir=$prefix/locale\n  set lang=en_US\n  insmod gettext\nfi\n"      \
	"terminal_output gfxterm\n"                                                      \
	"if [ \"${recordfail}\" = 1 ] ; then\n  set timeout=30\nelse\n"                  \
	"  if [ x$feature_timeout_style = xy ] ; then\n    set timeout_style=menu\n"     \
	"    set timeout=5\n  else\n    set timeout=5\n  fi\nfi\n"                       \
	"function gfxmode {\n  set gfxpayload=\"${1}\"\n}\nset linux_gfx_mode=\n"        \
	"export linux_gfx_mode\n"
#define LINUX                                                                          \
	"menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option " \
	"'simple' {\nload_video\ninsmod gzio\n"                                        \
	"if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n" SEARCH  \
	"echo\t'Loading Linux 6.12 ...'\n"                                             \
	"linux\t/boot/vmlinuz-6.12 root=UUID=aaaa ro  quiet\n"                         \
	"echo\t'Loading initial ramdisk ...'\ninitrd\t/boot/initrd.img-6.12\n}\n"      \
	"submenu 'Advanced options' $menuentry_id_option 'advanced' {\n"               \
	"menuentry 'Debian GNU/Linux, with Linux 6.1' --class debian "                 \
	"$menuentry_id_option 'old' {\n" SEARCH                                        \
	"linux\t/boot/vmlinuz-6.1 root=UUID=aaaa ro  quiet\n"                          \
	"initrd\t/boot/initrd.img-6.1\n}\n}\n"
#define FIRMWARE                                                                \
	"if [ \"$grub_platform\" = \"efi\" ]; then\n  insmod bli\nfi\n"         \
	"if [ \"$grub_platform\" = \"efi\" ]; then\n\tfwsetup --is-supported\n" \
	"\tif [ \"$?\" = 0 ]; then\n\t\tmenuentry 'UEFI Firmware Settings' "    \
	"$menuentry_id_option 'uefi-firmware' {\n\t\t\tfwsetup\n\t\t}\n\tfi\nfi\n"
#define CUSTOM                                                                  \
	"if [ -f  ${config_directory}/custom.cfg ]; then\n"                     \
	"  source ${config_directory}/custom.cfg\n"                             \
	"elif [ -z \"${config_directory}\" -a -f  $prefix/custom.cfg ]; then\n" \
	"  source $prefix/custom.cfg\nfi\n"
#define KERNELS                                                                   \
	{"/boot/vmlinuz-6.12"}, {"/boot/initrd.img-6.12"}, {"/boot/vmlinuz-6.1"}, \
	{                                                                         \
		"/boot/initrd.img-6.1"                                            \
	}
#define DEBIAN(after) {"/boot/grub/grub.cfg", HEADER LINUX FIRMWARE after CUSTOM}, KERNELS

#define LAST "menuentry last --id last { linux /boot/vmlinuz-6.1 last }\n"

/* The question whether the firmware has a menu of its own starts nothing. */
static void the_firmwares_menu(void **state)
{
	static const char yes[12] = {6, 0, 0, 0, 1}, no[12] = {6, 0, 0, 0, 2};
#define SUPPORTED \
	"/sys/firmware/efi/efivars/OsIndicationsSupported-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	static const struct fake_file stock[] = {DEBIAN(""), EFI, {}};
	static const struct fake_file has[] = {
		DEBIAN(LAST "set default=3\n"), {SUPPORTED, yes, sizeof(yes)}, {}};
	static const struct fake_file may_have[] = {DEBIAN(LAST "set default=3\n"), EFI, {}};
	static const struct fake_file has_not[] = {
		DEBIAN(LAST "set default=2\n"), {SUPPORTED, no, sizeof(no)}, {}};
	static const struct fake_file shows[] = {
		{"/boot/grub/grub.cfg", "fwsetup\n" LINUX}, KERNELS, EFI, {}};
	WB_CLEAN_ENTRIES a = entries_of(stock);
	WB_CLEAN_ENTRIES b = entries_of(has);
	WB_CLEAN_ENTRIES c = entries_of(may_have);
	WB_CLEAN_ENTRIES d = entries_of(has_not);
	WB_CLEAN_ENTRIES e = entries_of(shows);

	assert_string_equal(default_of(&a), "grub:simple");
	assert_string_equal(default_of(&b), "grub:last");
	/* It may be the third in the menu, or the fourth. */
	assert_string_equal(default_of(&c), "none");
	assert_string_equal(default_of(&d), "grub:last");
	assert_string_equal(default_of(&e), "none");
}

#define STUB                                                                                  \
	{                                                                                     \
		"/boot/efi/EFI/debian/grub.cfg",                                              \
			"search.fs_uuid aaaa root hd0,gpt2\nset prefix=($root)'/boot/grub'\n" \
			"configfile $prefix/grub.cfg\n"                                       \
	}

/* A kernel without an initrd calls its root /dev/root: cloud images of Ubuntu are started so. */
static void the_kernels_own_root(void **state)
{
#define ROOT MOUNTS("22 1 259:2 / / rw - ext4 /dev/root rw\n")
#define NUMBER(node)                                                                  \
	{                                                                             \
		"/sys/dev/block/259:2", .link = "../../devices/x/block/nvme0n1/" node \
	}
	static const struct fake_file mine[] = {
		DEBIAN(""), ROOT, UUID("aaaa", "nvme0n1p2"), NUMBER("nvme0n1p2"), {}};
	static const struct fake_file other[] = {
		DEBIAN(""), ROOT, UUID("aaaa", "nvme1n1p2"), NUMBER("nvme0n1p2"), {}};
	static const struct fake_file named[] = {DEBIAN(""), ROOT, UUID("aaaa", "nvme0n1p2"),
		{"/etc/fstab", "UUID=aaaa / ext4 defaults 0 1\n"}, {}};
	WB_CLEAN_ENTRIES a = entries_of(mine);
	WB_CLEAN_ENTRIES b = entries_of(other);
	WB_CLEAN_ENTRIES c = entries_of(named);

	assert_string_equal(default_of(&a), "grub:simple");
	assert_string_equal(default_of(&b), "none");
	assert_null(entry_of(&b, "grub:simple"));
	assert_string_equal(default_of(&c), "grub:simple");
}

/* Without udev, what is not on the file system that the ESP's configuration names is not there. */
static void no_list_of_uuids(void **state)
{
	static const struct fake_file disk[] = {DEBIAN(""), STUB, EFI,
		MOUNTS("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
		       "23 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n"),
		{}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(default_of(&all), "grub:simple");
}

/* GRUB has a pool's GUID in hexadecimal, udev in decimal digits. */
static void pools(void **state)
{
#define POOL(more)                                                                             \
	{                                                                                      \
		{"/boot/grub/grub.cfg",                                                        \
			"menuentry u --id u {\nsearch --fs-uuid --set=root 00000000499602d2\n" \
			"linux \"/BOOT/u@/vmlinuz-6.12\" root=ZFS=rpool/ROOT/u ro\n}\n"},      \
			KERNELS,                                                               \
			MOUNTS("22 1 0:25 / / rw - zfs rpool/ROOT/u rw\n"                      \
			       "23 22 0:30 / /boot rw - zfs bpool/BOOT/u rw\n"),               \
			more,                                                                  \
		{                                                                              \
		}                                                                              \
	}
	static const struct fake_file listed[] = POOL(UUID("1234567890", "sda3"));
	static const struct fake_file whole_disks[] = POOL(UUID("AAAA-1", "sda1"));
	static const struct fake_file unlisted[] = POOL({"/dev/null"});
	static const struct fake_file *const disks[] = {listed, whole_disks, unlisted};

	for (size_t i = 0; i < 3; i++) {
		WB_CLEAN_ENTRIES all = entries_of(disks[i]);

		assert_string_equal(default_of(&all), "grub:u");
		assert_string_equal(all.items[0].kernel, "/boot/vmlinuz-6.12");
	}
}

/* Names that GRUB gives to arrays, volumes and opened disks stand for one device each. */
static void named_devices(void **state)
{
#define NAMED(device)                                                                    \
	{"/boot/grub/grub.cfg",                                                          \
		"if [ -e (" device ") ]; then set default=yes; fi\n"                     \
		"menuentry no --id no { linux /boot/vmlinuz-6.1 no }\n"                  \
		"menuentry yes --id yes { linux (" device ")/boot/vmlinuz-6.1 yes }\n"}, \
		MOUNTS("22 1 9:127 / / rw - ext4 /dev/md127 rw\n"), KERNELS
#define BY_ID(name, node)                                      \
	{                                                      \
		"/dev/disk/by-id/" name, .link = "../../" node \
	}
	static const struct {
		struct fake_file disk[10];
		const char *want;
	} rows[] = {
		{{NAMED("md/md-boot"), {}}, "grub:no"},
		{{NAMED("md/md-boot"), {"/dev/md/md-boot", .link = "../md127"}, {"/dev/md127"}, {}},
			"grub:yes"},
		{{NAMED("md/md-boot"), {"/dev/md/md-boot", .link = "../md126"}, {"/dev/md126"}, {}},
			"none"},
		{{NAMED("mduuid/01234567"), BY_ID("md-uuid-0123:4567", "md127"), {}}, "grub:yes"},
		{{NAMED("mduuid/01234567"), BY_ID("md-uuid-0123:4568", "md127"), {}}, "none"},
		{{NAMED("lvmid/a-b/c-d"), BY_ID("dm-uuid-LVM-abcd", "md127"), {}}, "grub:yes"},
		{{NAMED("lvmid/a-b/c-d"), BY_ID("dm-uuid-LVM-abce", "md127"), {}}, "none"},
		{{NAMED("cryptouuid/abcd"), BY_ID("dm-uuid-CRYPT-LUKS2-abcd-root", "md127"), {}},
			"grub:yes"},
		{{NAMED("cryptouuid/abcd"), BY_ID("dm-uuid-CRYPT-LUKS2-abce-root", "md127"), {}},
			"none"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		WB_CLEAN_ENTRIES all = entries_of(rows[i].disk);

		if (strcmp(default_of(&all), rows[i].want) != 0)
			fail_msg("row %zu: %s, not %s", i, default_of(&all), rows[i].want);
	}
}

/* openSUSE's menu of snapshots lies in a subvolume of its own, below the default one. */
static void suse_snapshots(void **state)
{
#define SUSE(next)                                                                          \
	{"/boot/grub2/grub.cfg", "set btrfs_relative_path=y\nset default='" next "'\n"      \
				 "menuentry a --id a {\nsearch --fs-uuid --set=root aaaa\n" \
				 "linux /boot/vmlinuz-6.12 root=UUID=aaaa\n}\n"             \
				 "if [ -f /.snapshots/grub-snapshot.cfg ]; then\n"          \
				 " source /.snapshots/grub-snapshot.cfg\nfi\n"},            \
		{"/.snapshots/grub-snapshot.cfg",                                           \
			"submenu 'Snapshots' { menuentry s --id s {\n"                      \
			"configfile /.snapshots/2/snapshot/boot/grub2/grub.cfg\n} }\n"},    \
		MOUNTS("22 1 0:40 /@/.snapshots/1/snapshot / rw - btrfs /dev/sda2 rw\n"     \
		       "23 22 0:40 /@/.snapshots /.snapshots rw - btrfs /dev/sda2 rw\n"),   \
		KERNELS
	static const struct fake_file usual[] = {SUSE("0"), UUID("aaaa", "sda2"), {}};
	static const struct fake_file snapshot[] = {SUSE("Snapshots>s"), UUID("aaaa", "sda2"), {}};
	static const struct fake_file no_list[] = {SUSE("0"), {}};
	WB_CLEAN_ENTRIES a = entries_of(usual);
	WB_CLEAN_ENTRIES b = entries_of(snapshot);
	WB_CLEAN_ENTRIES c = entries_of(no_list);

	assert_string_equal(default_of(&a), "grub:a");
	assert_string_equal(default_of(&b), "none");
	assert_true(has_warning(&b, "opens another menu"));
	assert_string_equal(default_of(&c), "grub:a");
}

/* proxmox-boot-tool's partitions are in charge, and nothing mounts them. */
static void proxmox(void **state)
{
	static const struct fake_file disk[] = {
		DEBIAN(""), {"/etc/kernel/proxmox-boot-uuids", "ABCD-1234\n"}, {}};
	static const struct fake_file unused[] = {
		DEBIAN(""), {"/etc/kernel/proxmox-boot-uuids", "\n"}, {}};
	WB_CLEAN_ENTRIES a = entries_of(disk);
	WB_CLEAN_ENTRIES b = entries_of(unused);

	assert_string_equal(default_of(&a), "none");
	assert_true(has_warning(&a, "proxmox-boot-tool"));
	assert_string_equal(default_of(&b), "grub:simple");
}

/* Images of SONiC lie in a directory each, as their paths say. */
static void two_images(void **state)
{
#define IMAGE(n)                                                                               \
	"menuentry image-" n " --id " n " {\nsearch --no-floppy --label --set=root SONiC-OS\n" \
	"linux /image-" n "/boot/vmlinuz root=UUID=s rw loop=image-" n "/fs.squashfs\n}\n"
	static const struct fake_file disk[] = {
		{"/host/grub/grub.cfg", "set default=2\n" IMAGE("1") IMAGE("2") IMAGE("3")},
		{"/host/image-1/boot/vmlinuz"}, {"/host/image-2/boot/vmlinuz"},
		{"/host/image-3/boot/vmlinuz"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(default_of(&all), "grub:3");
	assert_int_equal(all.n, 3);
}

/* Variables that GRUB sets by itself. */
static void variables_of_grub(void **state)
{
#define ASKS(what)                                                                           \
	{"/boot/grub/grub.cfg", "if [ " what " ]; then set default=1; fi\n"                  \
				"menuentry no --id no { linux /boot/vmlinuz-6.1 no }\n"      \
				"menuentry yes --id yes { linux /boot/vmlinuz-6.1 yes }\n"}, \
		KERNELS
	static const struct {
		struct fake_file disk[8];
		const char *want;
	} rows[] = {
		{{ASKS("$grub_cpu = i386"), {"/sys/firmware/acpi"}, {}}, "grub:yes"},
		{{ASKS("$grub_cpu = x86_64"), {"/sys/firmware/efi/fw_platform_size", "64\n"}, {}},
			"grub:yes"},
		{{ASKS("$grub_cpu = x86_64"), {"/sys/firmware/efi/fw_platform_size", "32\n"}, {}},
			"grub:no"},
		{{ASKS("$grub_cpu = x86_64"), EFI, {}}, "none"},
		{{ASKS("\"$lockdown\" = y"), {}}, "none"},
		{{ASKS("\"$cmdpath\" = \"(hd0)\""), {}}, "none"},
		{{ASKS("-n \"$net_default_server\""), {}}, "none"},
		{{ASKS("-n \"$color_normal\""), {}}, "grub:no"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		WB_CLEAN_ENTRIES all = entries_of(rows[i].disk);

		if (strcmp(default_of(&all), rows[i].want) != 0)
			fail_msg("row %zu: %s, not %s", i, default_of(&all), rows[i].want);
	}
}

/* ${config_directory} is that of the file that is read now, not of the one that GRUB begins with. */
static void where_the_configuration_is(void **state)
{
#define MENU(n) "menuentry c --id c { linux /boot/vmlinuz-6.1 " n " }\nset default=c\n"
#define FEDORA                                                                           \
	STUB,                                                                            \
		{"/boot/grub/grub.cfg", "if [ -f ${config_directory}/grubenv ]; then\n"  \
					" load_env -f ${config_directory}/grubenv\nfi\n" \
					"set default=${saved_entry}\n" LINUX MENU(       \
						"x") "set default=${saved_entry}\n"},    \
		KERNELS
	static const struct fake_file ours[] = {
		DEBIAN(""), STUB, EFI, {"/boot/grub/custom.cfg", MENU("ours")}, {}};
	static const struct fake_file stubs[] = {
		DEBIAN(""), STUB, EFI, {"/boot/efi/EFI/debian/custom.cfg", MENU("stub's")}, {}};
	static const struct fake_file stale[] = {FEDORA, EFI,
		{"/boot/efi/EFI/debian/grubenv", GRUB_ENV "saved_entry=c\n" GRUB_ENV_END},
		{"/boot/grub/grubenv", GRUB_ENV "saved_entry=0\n" GRUB_ENV_END}, {}};
	static const struct fake_file back[] = {{"/boot/grub/x/y.cfg", "set a=$config_directory\n"},
		{"/boot/grub/grub.cfg", "source /boot/grub/x/y.cfg\n"
					"source $config_directory/z.cfg\n"},
		{"/boot/grub/z.cfg", MENU("z")}, KERNELS, {}};
	WB_CLEAN_ENTRIES a = entries_of(ours);
	WB_CLEAN_ENTRIES b = entries_of(stubs);
	WB_CLEAN_ENTRIES c = entries_of(stale);
	WB_CLEAN_ENTRIES d = entries_of(back);

	assert_string_equal(default_of(&a), "grub:c");
	assert_string_equal(default_of(&b), "grub:simple");
	assert_string_equal(default_of(&c), "grub:Debian GNU/Linux");
	assert_string_equal(default_of(&d), "grub:c");
}

#define FIRMWARE_VARIABLE(name) \
	"/sys/firmware/efi/efivars/" name "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define VARIABLE(name, bytes)                                     \
	{                                                         \
		FIRMWARE_VARIABLE(name), bytes, sizeof(bytes) - 1 \
	}

struct option {
	char bytes[256];
	size_t size;
};

/* A boot option with one node, a file's (UEFI specification 10.3.5.4). */
static struct option option_of(const char *file)
{
	struct option o = {.bytes = "\7\0\0\0\1\0\0\0\0\0x", .size = 14};
	size_t n = 4 + 2 * (strlen(file) + 1);

	memcpy(o.bytes + o.size, (char[]){4, 4, (char)n, 0}, 4);
	for (size_t i = 0; file[i]; i++)
		o.bytes[o.size + 4 + 2 * i] = file[i];
	memcpy(o.bytes + o.size + n, "\x7f\xff\4", 4);
	o.size += n + 4;
	return o;
}

/* The configuration on the ESP is in charge, where the firmware has started GRUB. */
static void what_the_firmware_started(void **state)
{
	static const struct {
		const char *file, *want;
	} rows[] = {
		{"\\EFI\\centos\\shimx64.efi", "grub:esp"},
		{"\\EFI\\BOOT\\BOOTX64.EFI", "grub:esp"},
		{"\\efi\\boot\\grubx64.efi", "grub:esp"},
		{"\\EFI\\GRUB\\grubx64.efi", "grub:usual"},
		{"\\EFI\\refind\\refind_x64.efi", "none"},
		{"\\EFI\\Linux\\arch.efi", "none"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct option o = option_of(rows[i].file);
		const struct fake_file disk[] = {
			{"/boot/efi/EFI/centos/grub.cfg",
				"menuentry e --id esp { linux /boot/vmlinuz-6.1 }\n"},
			{"/boot/grub2/grub.cfg",
				"menuentry u --id usual { linux /boot/vmlinuz-6.12 }\n"},
			KERNELS, VARIABLE("BootCurrent", "\6\0\0\0\1\0"),
			{FIRMWARE_VARIABLE("Boot0001"), o.bytes, o.size}, {}};
		WB_CLEAN_ENTRIES all = entries_of(disk);

		if (strcmp(default_of(&all), rows[i].want) != 0)
			fail_msg("%s: %s, not %s", rows[i].file, default_of(&all), rows[i].want);
	}
}

static void another_option_next(void **state)
{
	static const struct fake_file other[] = {DEBIAN(""),
		VARIABLE("BootCurrent", "\6\0\0\0\1\0"), VARIABLE("BootNext", "\7\0\0\0\2\0"), {}};
	static const struct fake_file same[] = {DEBIAN(""), VARIABLE("BootCurrent", "\6\0\0\0\1\0"),
		VARIABLE("BootNext", "\7\0\0\0\1\0"), {}};
	WB_CLEAN_ENTRIES a = entries_of(other);
	WB_CLEAN_ENTRIES b = entries_of(same);

	assert_string_equal(default_of(&a), "none");
	assert_true(has_warning(&a, "BootNext"));
	assert_string_equal(default_of(&b), "grub:simple");
}

/* fstab tells which file systems are this system's, where nothing else does: not the first in the menu. */
static void fstab_tells(void **state)
{
#define OF(uuid)                                                                     \
	"menuentry " uuid " --id " uuid " {\nsearch --fs-uuid --set=root " uuid "\n" \
	"linux /boot/vmlinuz-6.1 root=UUID=" uuid "\n}\n"
	static const char *const fstabs[] = {"UUID=aaaa / ext4 defaults 0 1\n",
		"# /\n/dev/disk/by-uuid/aaaa\t/\text4 x\n/dev/disk/by-uuid/cccc /home ext4 x\n"};

	for (size_t i = 0; i < 2; i++) {
		const struct fake_file disk[] = {{"/boot/grub/grub.cfg", OF("bbbb") OF("aaaa")},
			{"/etc/fstab", fstabs[i]}, KERNELS, {}};
		WB_CLEAN_ENTRIES all = entries_of(disk);

		assert_string_equal(default_of(&all), "none");
		assert_null(entry_of(&all, "grub:bbbb"));
		assert_non_null(entry_of(&all, "grub:aaaa"));
	}
}

/* Thousands of entries, all with one title: the default is at the end, and each has an id of its own. */
static void many_entries(void **state)
{
	enum { N = 4000 };
	static const char body[] = "insmod a\ninsmod b\ninsmod c\nset root=hd0,1\necho x\n";
	struct fake_file disk[] = {{"/boot/grub/grub.cfg"}, {"/boot/vmlinuz-6.1"}, {}};
	char *text = malloc(N * (sizeof(body) + 64) + 32);
	size_t at = 0;

	assert_non_null(text);
	at += (size_t)sprintf(text, "set default=%d\n", N - 1);
	for (int i = 0; i < N; i++)
		at += (size_t)sprintf(
			text + at, "menuentry X {\n%slinux /boot/vmlinuz-6.1 n=%d\n}\n", body, i);
	disk[0].text = text;
	{
		WB_CLEAN_ENTRIES all = entries_of(disk);

		assert_int_equal(all.n, N);
		assert_string_equal(default_of(&all), "grub:X#4000");
		assert_string_equal(all.items[1].id, "grub:X#2");
	}
	free(text);
}

/* A block that does not run costs time in a loop, too. */
static void long_loops(void **state)
{
	enum { LINES = 20000, ROUNDS = 3000 };
	struct fake_file disk[] = {{"/boot/grub/grub.cfg"}, {"/boot/vmlinuz-6.1"}, {}};
	char *text = malloc(LINES * 8 + ROUNDS * 2 + 64), *p = text;

	assert_non_null(text);
	p = stpcpy(p, "for i in");
	for (int i = 0; i < ROUNDS; i++)
		p = stpcpy(p, " x");
	p = stpcpy(p, "; do if false; then\n");
	for (int i = 0; i < LINES; i++)
		p = stpcpy(p, "set a=1\n");
	stpcpy(p, "fi; done\n");
	disk[0].text = text;
	{
		WB_CLEAN_ENTRIES all = entries_of(disk);

		assert_true(has_warning(&all, "it runs for too long"));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_firmwares_menu),
		cmocka_unit_test(the_kernels_own_root),
		cmocka_unit_test(no_list_of_uuids),
		cmocka_unit_test(pools),
		cmocka_unit_test(named_devices),
		cmocka_unit_test(suse_snapshots),
		cmocka_unit_test(proxmox),
		cmocka_unit_test(fstab_tells),
		cmocka_unit_test(what_the_firmware_started),
		cmocka_unit_test(another_option_next),
		cmocka_unit_test(many_entries),
		cmocka_unit_test(long_loops),
		cmocka_unit_test(where_the_configuration_is),
		cmocka_unit_test(two_images),
		cmocka_unit_test(variables_of_grub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
