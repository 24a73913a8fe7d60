// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which file a path of GRUB's is: never another system's. */
#include <stdio.h>

#include "sample-entries.h"

#define MOUNTS(text)                         \
	{                                    \
		"/proc/self/mountinfo", text \
	}
#define UUID(uuid, node)                                         \
	{                                                        \
		"/dev/disk/by-uuid/" uuid, .link = "../../" node \
	}

/* A system of its own that is written into the menu by hand, with the same paths. */
#define BY_HAND                                                                               \
	{"/boot/grub/grub.cfg",                                                               \
		"menuentry Mint --id mint {\n search --no-floppy --fs-uuid --set=root aaaa\n" \
		" linux /@/boot/vmlinuz-5.15 root=UUID=aaaa ro rootflags=subvol=@\n"          \
		" initrd /@/boot/initrd.img-5.15\n}\n"                                        \
		"menuentry Other {\n U=bbbb\n search --no-floppy --fs-uuid --set=root ${U}\n" \
		" linux /@/boot/vmlinuz root=UUID=${U} ro rootflags=subvol=@\n"               \
		" initrd /@/boot/initrd.img\n}\nset default=Other\n"},                        \
		{"/boot/vmlinuz-5.15"}, {"/boot/initrd.img-5.15"},                            \
		{"/boot/vmlinuz", .link = "vmlinuz-5.15"},                                    \
	{                                                                                     \
		"/boot/initrd.img", .link = "initrd.img-5.15"                                 \
	}

static void check_by_hand(const struct fake_file *disk)
{
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 1);
	assert_string_equal(all.items[0].id, "grub:mint");
	assert_string_equal(all.items[0].kernel, "/boot/vmlinuz-5.15");
	assert_string_equal(default_of(&all), "none");
	assert_true(has_warning(&all, "'Other' was skipped"));
}

static void another_systems_entry(void **state)
{
	static const struct fake_file nothing_known[] = {BY_HAND, {}};
	static const struct fake_file mounted[] = {BY_HAND, UUID("aaaa", "sda2"),
		UUID("bbbb", "sdb2"), MOUNTS("22 1 0:20 /@ / rw - btrfs /dev/sda2 rw,subvol=/@\n"),
		{}};
	static const struct fake_file gone[] = {BY_HAND, UUID("AAAA", "sda2"),
		MOUNTS("22 1 0:20 /@ / rw - btrfs /dev/sda2 rw,subvol=/@\n"), {}};
	static const struct fake_file both[] = {BY_HAND, UUID("aaaa", "sda2"), UUID("bbbb", "sdb2"),
		{"/mnt/boot/other"},
		MOUNTS("22 1 0:20 /@ / rw - btrfs /dev/sda2 rw,subvol=/@\n"
		       "23 22 0:21 /@ /mnt rw - btrfs /dev/sdb2 rw,subvol=/@\n"),
		{}};
	static const struct fake_file told[] = {
		{"/boot/grub/grub.cfg", "menuentry b { search -u -s root bbbb\n linux /boot/k x }\n"
					"menuentry a { search --set -u aaaa\n linux /boot/k x }\n"},
		{"/boot/k"}, {"/proc/cmdline", "root=UUID=aaaa ro\n"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(told);

	check_by_hand(nothing_known);
	check_by_hand(mounted);
	check_by_hand(gone);
	check_by_hand(both);
	/*
	 * The root of the running kernel belongs to this system, and so does the first of the other
	 * file systems.
	 */
	assert_non_null(entry_of(&all, "grub:a"));
}

/* The configuration that grub-btrfs writes: snapshots of the running system. */
#define SNAPSHOTS                                                                      \
	{"/boot/grub/grub.cfg",                                                        \
		"menuentry Arch --id arch {\n"                                         \
		" linux /@/boot/vmlinuz-linux root=UUID=f rw rootflags=subvol=@\n"     \
		" initrd /@/boot/initramfs-linux.img\n}\n"                             \
		"submenu Snapshots {\n configfile \"${prefix}/grub-btrfs.cfg\"\n}\n"}, \
		{"/boot/grub/grub-btrfs.cfg",                                          \
			"submenu one {\nmenuentry s --id s { linux "                   \
			"\"/@SNAPPER/@/11/snapshot/boot/vmlinuz-linux\" root=UUID=f "  \
			"rootflags=noatime,subvol=\"@SNAPPER/@/11/snapshot\" }\n}\n"}, \
		{"/boot/vmlinuz-linux"},                                               \
	{                                                                              \
		"/boot/initramfs-linux.img"                                            \
	}

static void snapshots_have_kernels_of_their_own(void **state)
{
	static const struct fake_file disk[] = {
		SNAPSHOTS, MOUNTS("22 1 0:20 /@ / rw - btrfs /dev/sda2 rw,subvol=/@\n"), {}};
	static const struct fake_file blind[] = {SNAPSHOTS, {}};
	static const struct fake_file whole[] = {SNAPSHOTS,
		{"/top/@SNAPPER/@/11/snapshot/boot/vmlinuz-linux"},
		MOUNTS("22 1 0:20 /@ / rw - btrfs /dev/sda2 rw,subvol=/@\n"
		       "23 22 0:20 / /top rw - btrfs /dev/sda2 rw,subvol=/\n"),
		{}};
	WB_CLEAN_ENTRIES a = entries_of(disk);
	WB_CLEAN_ENTRIES b = entries_of(blind);
	WB_CLEAN_ENTRIES c = entries_of(whole);

	assert_int_equal(a.n, 1);
	assert_string_equal(default_of(&a), "grub:arch");
	assert_true(has_warning(&a, "belongs to a subvolume"));
	assert_int_equal(b.n, 1);
	assert_string_equal(default_of(&b), "grub:arch");
	/* Where the top of the file system is mounted, its true path is there. */
	assert_int_equal(c.n, 2);
	assert_string_equal(c.items[1].kernel, "/top/@SNAPPER/@/11/snapshot/boot/vmlinuz-linux");
	assert_true(c.items[1].other_root);
}

/* A /boot of its own is shared by the snapshots: the release means the running root's entry. */
static void the_running_root_wins(void **state)
{
#define SHARED                                                                                     \
	{"/boot/grub/grub.cfg", "menuentry snap --id snap { linux /vmlinuz-6.11.5 root=UUID=f "    \
				"rootflags=compress=zstd:1,subvol=\"@/.snapshots/1/snapshot\" }\n" \
				"menuentry arch --id arch { linux /vmlinuz-6.11.5 root=UUID=f "    \
				"rootflags=subvol=@ }\n"                                           \
				"menuentry lts --id lts { linux /vmlinuz-6.6.60 root=UUID=f "      \
				"rootflags=subvol=@ }\n"                                           \
				"menuentry other --id other { linux /vmlinuz-6.11.5 root=UUID=g "  \
				"rootflags=subvol=@ }\n"                                           \
				"set default=lts\n"},                                              \
		{"/boot/vmlinuz-6.11.5"},                                                          \
	{                                                                                          \
		"/boot/vmlinuz-6.6.60"                                                             \
	}
	static const struct fake_file blind[] = {SHARED, {}};
	static const struct fake_file running[] = {
		SHARED, {"/proc/cmdline", "root=UUID=f rootflags=subvol=@\n"}, {}};
	static const struct fake_file snapshot[] = {SHARED, {"/proc/cmdline", "root=UUID=f ro\n"},
		MOUNTS("22 1 0:20 /@/.snapshots/1/snapshot / rw - btrfs /dev/sda2 rw\n"
		       "23 22 8:1 / /boot rw - ext4 /dev/sda1 rw\n"),
		{}};
	static const struct {
		const struct fake_file *disk;
		const char *want;
	} cases[] = {{blind, "grub:arch"}, {running, "grub:arch"}, {snapshot, "grub:snap"}};

	for (size_t i = 0; i < 3; i++) {
		WB_CLEAN_ENTRIES all = entries_of(cases[i].disk);
		const struct wb_entry *e = NULL;
		struct wb_error err = {};

		assert_int_equal(all.n, 4);
		assert_int_equal(wb_entries_choose(&all, "newest", &e, &err), 0);
		assert_string_equal(e->id, cases[i].want);
		assert_int_equal(wb_entries_choose(&all, "6.11.5", &e, &err), 0);
		assert_string_equal(e->id, cases[i].want);
		assert_string_equal(default_of(&all), "grub:lts");
	}
}

/* NixOS names its devices, and subvolumes, as they are. */
static void subvolumes(void **state)
{
	static const struct {
		const char *path, *mounts, *want;
	} cases[] = {
		{"($d)/@nix/store/k",
			"22 1 0:20 /@root / rw - btrfs /dev/sda2 rw\n"
			"23 22 0:20 /@nix /nix rw - btrfs /dev/sda2 rw\n",
			"/nix/store/k"},
		{"($d)//top/nix/store/k", "22 1 0:20 /top / rw - btrfs /dev/sda2 rw\n",
			"/nix/store/k"},
		{"/top2/nix/store/k", "22 1 0:20 /top / rw - btrfs /dev/sda2 rw\n", NULL},
		{"/topnix/store/k", "22 1 0:20 /top / rw - btrfs /dev/sda2 rw\n", NULL},
		/* Something else is mounted over it. */
		{"/top/nix/store/k",
			"22 1 0:20 /top / rw - btrfs /dev/sda2 rw\n"
			"23 22 8:3 / /nix rw - ext4 /dev/sda3 rw\n",
			NULL},
		/* A file system of its own for /nix. */
		{"(hd0,gpt3)/store/k",
			"22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:3 / /nix rw - ext4 /dev/sda3 "
			"rw\n",
			"/nix/store/k"},
		{"(hd0,gpt2)/store/k",
			"22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:3 / /nix rw - ext4 /dev/sda3 "
			"rw\n",
			NULL},
		{"(hd0,msdos2)/nix/store/k", "22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n",
			"/nix/store/k"},
		{"(hd0,msdos3)/nix/store/k", "22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n", NULL},
		{"(lvm/vg-root)/nix/store/k", "22 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw\n",
			"/nix/store/k"},
		{"(lvm/vg-old)/nix/store/k", "22 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw\n",
			NULL},
		{"(loop)/nix/store/k", "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n", NULL},
		{"(memdisk)/nix/store/k", "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n", NULL},
		{"/sys@/nix/store/k", "22 1 0:20 / / rw - zfs rpool/sys rw\n", "/nix/store/k"},
		{"/sys@old/nix/store/k", "22 1 0:20 / / rw - zfs rpool/sys rw\n", NULL},
		{"/other@/nix/store/k", "22 1 0:20 / / rw - zfs rpool/sys rw\n", NULL},
		{"/@/nix/store/k", "22 1 0:20 / / rw - zfs rpool rw\n", "/nix/store/k"},
		{"nix/store/k", "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[512];
		const struct fake_file disk[] = {{"/boot/grub/grub.cfg", text}, {"/nix/store/k"},
			UUID("n1", "sda2"), MOUNTS(cases[i].mounts), {}};

		snprintf(text, sizeof(text),
			"search --set=d --fs-uuid n1\nmenuentry a { linux %s init=/x }\n",
			cases[i].path);
		{
			WB_CLEAN_ENTRIES all = entries_of(disk);

			if (!cases[i].want) {
				if (all.n)
					fail_msg("%s gave %s", cases[i].path, all.items[0].kernel);
				assert_true(has_warning(&all, "'a' was skipped"));
				continue;
			}
			if (!all.n)
				fail_msg("%s: %s", cases[i].path, all.warnings.items[0]);
			assert_string_equal(all.items[0].kernel, cases[i].want);
			assert_string_equal(default_of(&all), "grub:a");
		}
	}
}

/* Volumes have names of the device mapper; btrfs may have several devices. */
static void devices(void **state)
{
	static const struct fake_file mapper[] = {
		{"/boot/grub/grub.cfg",
			"menuentry a { set root='lvmid/x/y'\n"
			"search --no-floppy --fs-uuid --set=root --hint='lvmid/x/y' aa\n"
			"linux /boot/k }\n"},
		{"/boot/k"}, {"/dev/mapper/vg-root", .link = "../dm-0"}, UUID("aa", "dm-0"),
		MOUNTS("22 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw\n"), {}};
	static const struct fake_file several[] = {
		{"/boot/grub/grub.cfg",
			"menuentry a { search --fs-uuid --set=root aa\nlinux /@/boot/k }\n"},
		{"/boot/k"}, UUID("aa", "sdb1"), {"/sys/fs/btrfs/aa/devices/sda1/size"},
		{"/sys/fs/btrfs/aa/devices/sdb1/size"},
		MOUNTS("22 1 0:20 /@ / rw - btrfs /dev/sda1 rw\n"), {}};
	static const struct fake_file label[] = {
		{"/boot/grub/grub.cfg",
			"menuentry a { search --label --set=root boot\nlinux /k }\n"
			"menuentry b { search --label --set=root data\nlinux /k }\n"},
		{"/boot/k"}, {"/data/k"}, {"/dev/disk/by-label/boot", .link = "../../sda1"},
		{"/dev/disk/by-label/data", .link = "../../sdc1"},
		MOUNTS("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:1 / /boot rw - ext4 /dev/sda1 "
		       "rw\n"
		       "24 22 8:33 / /data rw - ext4 /dev/sdc1 rw\n"),
		{}};
	static const struct fake_file file[] = {
		{"/boot/grub/grub.cfg",
			"menuentry a { search --file --set=root /marker\nlinux /k }\n"
			"menuentry b { search -f -s root /k\nlinux /k }\n"},
		{"/boot/k"}, {"/k"}, {"/boot/marker"},
		MOUNTS("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:1 / /boot rw - ext4 /dev/sda1 "
		       "rw\n"),
		{}};
	WB_CLEAN_ENTRIES a = entries_of(mapper);
	WB_CLEAN_ENTRIES b = entries_of(several);
	WB_CLEAN_ENTRIES c = entries_of(label);
	WB_CLEAN_ENTRIES d = entries_of(file);

	assert_string_equal(default_of(&a), "grub:a");
	assert_string_equal(default_of(&b), "grub:a");
	assert_string_equal(entry_of(&c, "grub:a")->kernel, "/boot/k");
	assert_string_equal(entry_of(&c, "grub:b")->kernel, "/data/k");
	assert_string_equal(entry_of(&d, "grub:a")->kernel, "/boot/k");
	/* Two file systems have it: GRUB takes the first that it meets. */
	assert_null(entry_of(&d, "grub:b"));
}

/* A file that a mounted file system lacks is absent; on another one it may exist. */
static void absence_is_known(void **state)
{
	static const struct {
		const char *test, *want;
	} cases[] = {
		{"/boot/none", "grub:a"},
		{"/boot/k", "grub:b"},
		{"$prefix/none", "grub:a"},
		{"($there)/boot/none", "grub:a"},
		{"($there)/boot/k", "grub:b"},
		{"($away)/boot/none", "none"},
		{"($gone)/boot/k", "none"},
		{"(hd1,gpt7)/boot/k", "none"},
		{"(loop)/boot/k", "none"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[512];
		const struct fake_file disk[] = {{"/boot/grub/grub.cfg", text}, {"/boot/k"},
			UUID("aa", "sda2"), UUID("bb", "sdb2"),
			MOUNTS("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
			       "23 22 8:1 / /data rw - ext4 /dev/sda1 rw\n"),
			{}};

		snprintf(text, sizeof(text),
			"search --fs-uuid --set=there aa\nsearch --fs-uuid --set=away bb\n"
			"search --fs-uuid --set=gone cc\n"
			"if [ -f %s ]; then set default=b; else set default=a; fi\n"
			"menuentry a --id a { linux /boot/k a }\n"
			"menuentry b --id b { linux /boot/k b }\n",
			cases[i].test);
		{
			WB_CLEAN_ENTRIES all = entries_of(disk);

			if (strcmp(default_of(&all), cases[i].want) != 0)
				fail_msg("%s: %s, not %s", cases[i].test, default_of(&all),
					cases[i].want);
		}
	}
}

/* A/B slots on partitions of their own: the other slot's kernel is not this one's. */
static void slots(void **state)
{
#define SLOTS                                                                                    \
	{"/boot/grub/grub.cfg", "menuentry A { linux (hd0,2)/boot/k slot=A }\n"                  \
				"menuentry B { linux (hd0,3)/boot/k slot=B }\nset default=B\n"}, \
	{                                                                                        \
		"/boot/k"                                                                        \
	}
	static const struct fake_file on_a[] = {
		SLOTS, MOUNTS("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n"), {}};
	static const struct fake_file on_b[] = {
		SLOTS, MOUNTS("22 1 8:3 / / rw - ext4 /dev/sda3 rw\n"), {}};
	WB_CLEAN_ENTRIES a = entries_of(on_a);
	WB_CLEAN_ENTRIES b = entries_of(on_b);

	assert_int_equal(a.n, 1);
	assert_string_equal(a.items[0].id, "grub:A");
	assert_string_equal(default_of(&a), "none");
	assert_true(has_warning(&a, "so no entry is the default"));
	assert_int_equal(b.n, 1);
	assert_string_equal(default_of(&b), "grub:B");
}

/* On EFI the vendor's configuration is in charge, whether it is whole or leads to another. */
static void vendors(void **state)
{
#define CENTOS                                                                           \
	{"/boot/grub2/grub.cfg", "menuentry old --id o { linuxefi /vmlinuz-957 ro }\n"}, \
		{"/boot/efi/EFI/centos/grub.cfg",                                        \
			"menuentry new --id n { linuxefi /vmlinuz-1160 ro }\n"},         \
		{"/boot/vmlinuz-957"},                                                   \
	{                                                                                \
		"/boot/vmlinuz-1160"                                                     \
	}
	static const struct fake_file efi[] = {CENTOS, {"/sys/firmware/efi/systab"}, {}};
	static const struct fake_file bios[] = {CENTOS, {"/sys/firmware/dmi/tables"}, {}};
	static const struct fake_file silent[] = {CENTOS, {}};
	static const struct fake_file two[] = {CENTOS, {"/sys/firmware/efi/systab"},
		{"/boot/efi/EFI/debian/grub.cfg", "menuentry deb { linux /vmlinuz-957 }\n"}, {}};
	static const struct fake_file known[] = {CENTOS, {"/sys/firmware/efi/systab"},
		{"/etc/os-release", "NAME=\"CentOS Linux\"\nID=\"centos\"\n"},
		{"/boot/efi/EFI/debian/grub.cfg", "menuentry deb { linux /vmlinuz-957 }\n"}, {}};
	/* Boot0002: an ESP, then \EFI\debian\x */
	static const char option[] = "\7\0\0\0\1\0\0\0\x20\0d\0\0\0\2\1\14\0\0\0\0\0\0\0\0\0\4\4\36"
				     "\0\\\0E\0F\0I\0\\\0d\0e\0b\0i\0a"
				     "\0n\0\\\0\0\0\x7f\xff\4\0";
	static const struct fake_file started[] = {CENTOS,
		{"/boot/efi/EFI/debian/grub.cfg", "menuentry deb { linux /vmlinuz-957 }\n"},
		{"/sys/firmware/efi/efivars/BootCurrent-8be4df61-93ca-11d2-aa0d-00e098032b8c",
			"\6\0\0\0\2\0", 6},
		{"/sys/firmware/efi/efivars/Boot0002-8be4df61-93ca-11d2-aa0d-00e098032b8c", option,
			sizeof(option) - 1},
		{}};
	static const struct fake_file stub[] = {
		{"/boot/efi/EFI/debian/grub.cfg", "search.fs_uuid aa root hd0,gpt2\n"
						  "set prefix=($root)'/boot/grub'\n"
						  "configfile $prefix/grub.cfg\n"},
		{"/boot/grub/grub.cfg", "menuentry a { linux /boot/vmlinuz-957 }\n"},
		{"/boot/vmlinuz-957"}, {"/sys/firmware/efi/systab"}, UUID("aa", "sda2"),
		MOUNTS("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:1 / /boot/efi rw - vfat "
		       "/dev/sda1 rw\n"),
		{}};
	static const struct fake_file foreign_stub[] = {
		{"/boot/efi/EFI/debian/grub.cfg", "search.fs_uuid bb root hd0,gpt2\n"
						  "set prefix=($root)'/boot/grub'\n"
						  "configfile $prefix/grub.cfg\n"},
		{"/boot/grub/grub.cfg", "menuentry a { linux /boot/vmlinuz-957 }\n"},
		{"/boot/vmlinuz-957"}, {"/sys/firmware/efi/systab"}, UUID("aa", "sda2"),
		UUID("bb", "sdb2"),
		MOUNTS("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n23 22 8:1 / /boot/efi rw - vfat "
		       "/dev/sda1 rw\n"),
		{}};
	/* Fedora's: /boot of its own, entries in files. */
	static const struct fake_file fedora[] = {
		{"/boot/efi/EFI/fedora/grub.cfg",
			"search --no-floppy --root-dev-only --fs-uuid --set=dev b1\n"
			"set prefix=($dev)/grub2\nexport $prefix\n"
			"configfile $prefix/grub.cfg\n"},
		{"/boot/grub2/grub.cfg", "if [ -f ${config_directory}/grubenv ]; then\n"
					 "  load_env -f ${config_directory}/grubenv\nelif [ -s "
					 "$prefix/grubenv ]; then\n"
					 "  load_env\nfi\nset default=\"${saved_entry}\"\n"
					 "search --no-floppy --fs-uuid --set=root b1\nblscfg\n"},
		{"/boot/grub2/grubenv", GRUB_ENV "saved_entry=m-6.1-1\n" GRUB_ENV_END},
		{"/boot/loader/entries/m-6.1-1.conf", "title A\nlinux /k\noptions ro\n"},
		{"/boot/loader/entries/m-6.2-1.conf", "title B\nlinux /k\noptions ro\n"},
		{"/boot/k"}, {"/sys/firmware/efi/systab"}, UUID("b1", "sda2"),
		MOUNTS("22 1 8:3 / / rw - ext4 /dev/sda3 rw\n23 22 8:2 / /boot rw - ext4 /dev/sda2 "
		       "rw\n"
		       "24 23 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n"),
		{}};
	static const struct {
		const struct fake_file *disk;
		const char *want;
	} cases[] = {{fedora, "m-6.1-1"}, {efi, "grub:n"}, {bios, "grub:o"}, {silent, "grub:n"},
		{two, "none"}, {known, "grub:n"}, {started, "grub:deb"}, {stub, "grub:a"},
		{foreign_stub, "none"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_ENTRIES all = entries_of(cases[i].disk);

		if (strcmp(default_of(&all), cases[i].want) != 0)
			fail_msg("case %zu: %s, not %s", i, default_of(&all), cases[i].want);
		if (strcmp(cases[i].want, "none") == 0)
			assert_true(has_warning(&all, "no entry is the default"));
	}
}

/* GRUB 2.14 keeps a second environment block in the space that btrfs leaves to boot loaders. */
static void blocks(void **state)
{
#define SUSE(env)                                                                       \
	{"/boot/grub2/grub.cfg",                                                        \
		"set btrfs_relative_path=\"yes\"\nload_env\n"                           \
		"if [ \"${env_block}\" ]; then\n"                                       \
		" set env_block=\"(${root})${env_block}\"\n export env_block\n"         \
		" load_env -f \"${env_block}\"\nfi\n"                                   \
		"if [ \"${next_entry}\" ]; then\n set default=\"${next_entry}\"\n"      \
		"else\n set default=\"${saved_entry}\"\nfi\n"                           \
		"menuentry a --id a { linux /boot/k root=UUID=s ${extra_cmdline} x }\n" \
		"menuentry b --id b { linux /boot/k root=UUID=s old }\n"},              \
		{"/boot/grub2/grubenv", GRUB_ENV env "saved_entry=a\n" GRUB_ENV_END},   \
	{                                                                               \
		"/boot/k"                                                               \
	}
#define BTRFS MOUNTS("22 1 0:20 /@/.snapshots/1/snapshot / rw - btrfs /dev/sda2 rw\n")
	static char device[2048];
	static const struct fake_file raw[] = {
		SUSE("env_block=2+1\n"), BTRFS, {"/dev/sda2", device, sizeof(device)}, {}};
	static const struct fake_file strange[] = {
		SUSE("env_block=2+1,9+1\n"), BTRFS, {"/dev/sda2", device, sizeof(device)}, {}};
	static const struct fake_file past[] = {
		SUSE("env_block=9+1\n"), BTRFS, {"/dev/sda2", device, sizeof(device)}, {}};
	static const struct fake_file denied[] = {
		SUSE("env_block=2+1\n"), BTRFS, {"/dev/sda2", .error = -EACCES}, {}};
	static const struct fake_file unmounted[] = {SUSE("env_block=2+1\n"), {}};
	static const struct fake_file none[] = {SUSE(""), BTRFS, {}};
	static const struct {
		const struct fake_file *disk;
		const char *want;
		size_t n;
	} cases[] = {{raw, "grub:b", 2}, {strange, "none", 1}, {past, "none", 1},
		{denied, "none", 1}, {unmounted, "none", 1}, {none, "grub:a", 2}};

	memset(device, '#', sizeof(device));
	memcpy(device + 1024, GRUB_ENV "next_entry=b\nextra_cmdline=more\n",
		strlen(GRUB_ENV "next_entry=b\nextra_cmdline=more\n"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_ENTRIES all = entries_of(cases[i].disk);

		if (strcmp(default_of(&all), cases[i].want) != 0)
			fail_msg("case %zu: %s, not %s", i, default_of(&all), cases[i].want);
		assert_int_equal(all.n, cases[i].n);
		if (i == 0)
			assert_string_equal(all.items[0].cmdline, "root=UUID=s more x");
		if (strcmp(cases[i].want, "none") == 0)
			assert_true(has_warning(&all, "environment block"));
	}
}

/* "\x20" on the command line: Red Hat's GRUB leaves it, upstream's doubles the backslash. */
static void hex_escapes(void **state)
{
#define HEX(dir)                                                                                \
	{dir "/grub.cfg", "menuentry a { linux /k 'root=/dev/disk/by-partlabel/Root\\x20Part' " \
			  "x=\\x2d 'y=a\\b' }\n"},                                              \
	{                                                                                       \
		"/boot/k"                                                                       \
	}
	static const struct fake_file fedora[] = {
		HEX("/boot/grub2"), {"/etc/os-release", "ID=fedora\n"}, {}};
	static const struct fake_file rocky[] = {HEX("/boot/grub2"),
		{"/etc/os-release", "ID=\"ol\"\nID_LIKE=\"rhel fedora\"\n"}, {}};
	static const struct fake_file plain[] = {HEX("/boot/grub2"), {}};
	static const struct fake_file debian[] = {
		HEX("/boot/grub"), {"/etc/os-release", "ID=debian\n"}, {}};
	static const struct fake_file suse[] = {HEX("/boot/grub2"),
		{"/etc/os-release", "ID=opensuse-tumbleweed\nID_LIKE=\"opensuse suse\"\n"}, {}};
	static const char kept[] = "root=/dev/disk/by-partlabel/Root\\x20Part x=\\x2d y=a\\\\b";
	static const char doubled[] = "root=/dev/disk/by-partlabel/Root\\\\x20Part x=x2d y=a\\\\b";
	static const struct {
		const struct fake_file *disk;
		const char *want;
	} cases[] = {{fedora, kept}, {rocky, kept}, {plain, kept}, {debian, doubled}, {suse, NULL}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_ENTRIES all = entries_of(cases[i].disk);

		assert_int_equal(all.n, cases[i].want != NULL);
		if (cases[i].want)
			assert_string_equal(all.items[0].cmdline, cases[i].want);
		else
			assert_true(has_warning(&all, "its command line depends"));
	}
}

/* SONiC keeps GRUB and its images on a partition beside the root. */
static void sonic(void **state)
{
	static const struct fake_file disk[] = {
		{"/host/grub/grub.cfg", "menuentry SONiC { linux /image-1/boot/k root=UUID=s "
					"loop=image-1/fs.squashfs\n"
					"initrd /image-1/boot/i }\n"},
		{"/host/image-1/boot/k"}, {"/host/image-1/boot/i"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_string_equal(default_of(&all), "grub:SONiC");
	assert_string_equal(all.items[0].kernel, "/host/image-1/boot/k");
	assert_string_equal(all.items[0].initrds.items[0], "/host/image-1/boot/i");
}

/* Kernels that are no boot loader's: names as Gentoo gives them. */
static void bare_names(void **state)
{
	static const struct fake_file disk[] = {{"/boot/kernel-6.6.58-gentoo-dist"},
		{"/boot/initramfs-6.6.58-gentoo-dist.img"}, {"/boot/bzImage-6.1"},
		{"/boot/kernel-config"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 2);
	assert_string_equal(entry_of(&all, "boot:6.6.58-gentoo-dist")->kernel,
		"/boot/kernel-6.6.58-gentoo-dist");
	assert_string_equal(entry_of(&all, "boot:6.6.58-gentoo-dist")->initrds.items[0],
		"/boot/initramfs-6.6.58-gentoo-dist.img");
	assert_string_equal(entry_of(&all, "boot:6.1")->kernel, "/boot/bzImage-6.1");
	assert_string_equal(entry_of(&all, "boot:6.1")->release, "6.1");
	assert_string_equal(default_of(&all), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_systems_entry),
		cmocka_unit_test(snapshots_have_kernels_of_their_own),
		cmocka_unit_test(the_running_root_wins),
		cmocka_unit_test(subvolumes),
		cmocka_unit_test(devices),
		cmocka_unit_test(absence_is_known),
		cmocka_unit_test(slots),
		cmocka_unit_test(vendors),
		cmocka_unit_test(blocks),
		cmocka_unit_test(hex_escapes),
		cmocka_unit_test(sonic),
		cmocka_unit_test(bare_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
