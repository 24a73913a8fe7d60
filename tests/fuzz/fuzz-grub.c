// SPDX-License-Identifier: LGPL-2.1-or-later
/* grub.cfg, grubenv, mountinfo, a BLS file and a device's blocks: parts that NUL bytes separate. */
#include <stdlib.h>
#include <string.h>

#include "fake-files.h"
#include "fuzz.h"
#include "entry/entry.h"

static struct fake_file part(const char *path, const uint8_t **data, size_t *size)
{
	size_t n = strnlen((const char *)*data, *size), used = n < *size ? n + 1 : n;
	struct fake_file f = {path, n ? (const char *)*data : "", n};

	*data += used;
	*size -= used;
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_file disk[] = {
		part("/boot/grub/grub.cfg", &data, &size),
		part("/boot/grub/grubenv", &data, &size),
		part("/proc/self/mountinfo", &data, &size),
		part("/boot/loader/entries/b-2.conf", &data, &size),
		part("/dev/sda2", &data, &size),
		{"/boot/loader/entries/a-1.conf", "title A\nlinux /k\noptions $kernelopts\n"},
		{"/boot/grub/custom.cfg", "menuentry c { linux /k $1 }\n"},
		{"/dev/disk/by-uuid/aaaa", .link = "../../sda2"},
		{"/boot/efi/EFI/Linux/x.efi", "MZ"},
		{"/boot/k"},
		{},
	};
	struct wb_files files;
	WB_CLEAN_ENTRIES all = {};
	const struct wb_entry *e;
	struct wb_error err = {};

	/* Without a list of mounts, names are used. */
	if (!disk[2].size)
		disk[2].path = "/unused";
	files = fake_files(disk);
	if (wb_entries_find(&files, &all, &err) == 0)
		wb_entries_choose(&all, "default", &e, &err);
	return 0;
}

/* One script with the whole language, one with commands that open, search and load. */
const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[3];
	static const char language[] =
		"function f { shift; setparams $1 \"$@\"; if [ -f ($root)/boot/k -a ! ( a = b ) ]; "
		"then\n"
		"return 1; fi; }\nfor x in /boot/* 'a b' $y; do if ! f $x 2; then continue 2; elif "
		"test $? -lt "
		"0x10; then eval \"set default=\\$$x\"; else break; fi; done\n"
		"while something x; do set a=$a$x; done\nuntil [ $a -plt b ]; do increment a; "
		"done\n"
		"submenu s --id s { menuentry \"m $1\" --class c { linux /boot/k $2 "
		"'q\\x20'\ninitrd /boot/k\n"
		"boot } }\n\0# GRUB Environment Block\nsaved_entry=s>0\n";
	static const char places[] =
		"load_env -f (${root})1+1\nsearch --no-floppy --fs-uuid --set=root aaaa\n"
		"menuentry a { linux /@/boot/k ro\n}\nmenuentry b { linux (hd0,gpt2)/boot/k\n}\n"
		"blscfg --path /loader/entries -f\nuki\nsource $prefix/custom.cfg\nconfigfile "
		"/boot/grub/none\n"
		"\0\00022 1 8:2 /@ / rw - btrfs /dev/sda2 rw\n\0title B\nlinux /k\ninitrd /i $t\n"
		"options $a b\ngrub_arg --x\n\0# GRUB Environment Block\n";
	static const char zfs[] = "search --file --set=root /boot/k\nset default='1>2'\n"
				  "menuentry a { linux /sys@/boot/k\n}\n"
				  "menuentry b { chainloader /EFI/Linux/x.efi\n}\n\0\00022 1 0:20 "
				  "/ / rw - zfs pool/sys rw\n";

	wb_blob_append(&seeds[0], language, sizeof(language) - 1);
	wb_blob_append(&seeds[1], places, sizeof(places) - 1);
	wb_blob_append(&seeds[2], zfs, sizeof(zfs) - 1);
	*ret_n = 3;
	return seeds;
}
