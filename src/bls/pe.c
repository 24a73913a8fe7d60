// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the parts of PE files that boot loaders use (Microsoft PE format; UAPI.5 for unified
 * kernel images). Such a file may have 100 MB, so only its headers and small sections are read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/pe.h"
#include "core/text.h"

/* Room for the DOS stub and section headers of any UKI seen. */
#define HEADER_LIMIT 16384
#define SECTION_LIMIT 65536

struct section {
	uint64_t at, size; /* of its contents in the file; size 0: there is none */
};

/* Find the section table and the number of its rows. */
static bool find_table(
	struct wb_bytes head, uint64_t *ret_at, uint16_t *ret_n, uint16_t *ret_machine)
{
	uint16_t optional;
	uint32_t pe;

	/*
	 * e_lfanew is at 0x3c; it leads to the signature, Machine, NumberOfSections and
	 * SizeOfOptionalHeader.
	 */
	if (!wb_bytes_equal(head, 0, "MZ", 2) || !wb_get_le32(head, 0x3c, &pe) ||
		!wb_bytes_equal(head, pe, "PE\0\0", 4) ||
		!wb_get_le16(head, (uint64_t)pe + 4, ret_machine) ||
		!wb_get_le16(head, (uint64_t)pe + 6, ret_n) ||
		!wb_get_le16(head, (uint64_t)pe + 20, &optional))
		return false;
	*ret_at = (uint64_t)pe + 24 + optional;
	return true;
}

static bool is_called(struct wb_bytes head, uint64_t row, const char *name)
{
	char want[8] = {};

	memcpy(want, name, strnlen(name, sizeof(want)));
	return wb_bytes_equal(head, row, want, sizeof(want));
}

/*
 * Find a section of a profile: the profile's own, else that of the base, which comes before the
 * first ".profile" (pe_locate_profile_sections() of systemd's src/boot/pe.c). The first section of
 * a name counts.
 */
static struct section find_section(struct wb_bytes head, const char *name, unsigned int profile)
{
	struct section ret = {};
	bool have_own = false;
	unsigned int begun = 0; /* profiles so far */
	uint16_t n, machine;
	uint64_t table;

	if (!find_table(head, &table, &n, &machine))
		return ret;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t row = table + i * 40ull;
		uint32_t virtual_size, raw_size, raw_at;

		begun += is_called(head, row, ".profile");
		if (!is_called(head, row, name) || (begun && begun != profile + 1) ||
			(begun ? have_own : ret.size != 0))
			continue;
		if (!wb_get_le32(head, row + 8, &virtual_size) ||
			!wb_get_le32(head, row + 16, &raw_size) ||
			!wb_get_le32(head, row + 20, &raw_at) || !virtual_size)
			continue;
		have_own = begun;
		ret.at = raw_at;
		ret.size = virtual_size < raw_size ? virtual_size : raw_size;
	}
	return ret;
}

static unsigned int count_profiles(struct wb_bytes head)
{
	unsigned int count = 0;
	uint16_t n, machine;
	uint64_t table;

	if (find_table(head, &table, &n, &machine))
		for (uint32_t i = 0; i < n; i++)
			count += is_called(head, table + i * 40ull, ".profile");
	return count;
}

int wb_pe_read(
	const struct wb_files *files, const char *path, struct wb_pe *ret, struct wb_error *err)
{
	struct wb_pe pe = {};
	struct wb_bytes head;
	uint16_t n, machine;
	uint64_t table;
	int r = files->read_at(files->ctx, path, 0, HEADER_LIMIT, &pe.head, err);

	if (r < 0)
		return r;
	head = wb_blob_view(&pe.head);
	/*
	 * A kernel with this signature (Documentation/arch/x86/boot.rst) is a PE program or none at
	 * all.
	 */
	if (wb_bytes_equal(head, 0x202, "HdrS", 4))
		pe.kind = WB_PE_KERNEL;
	if (find_table(head, &table, &n, &machine)) {
		if (machine != WB_PE_MACHINE)
			pe.kind = WB_PE_FOREIGN;
		else if (find_section(head, ".linux", 0).size ||
			 find_section(head, ".kernelp", 0).size)
			pe.kind = WB_PE_UKI;
		else if (pe.kind == WB_PE_NONE)
			pe.kind = WB_PE_OTHER;
	}
	*ret = pe;
	return 0;
}

void wb_pe_deinit(struct wb_pe *pe)
{
	if (!pe)
		return;
	wb_blob_deinit(&pe->head);
	*pe = (struct wb_pe){};
}

struct reading {
	const struct wb_files *files;
	const char *path;
	struct wb_bytes head;
	unsigned int profile;
	struct wb_uki *uki;
};

/* Read the text of a section up to a NUL, of at most 64 KiB; NULL when there is none. -ENOMEM. */
static int read_text(const struct reading *in, const char *name, char **ret)
{
	struct section s = find_section(in->head, name, in->profile);
	WB_CLEAN_BLOB text = {};
	struct wb_error err = {};
	int r;

	if (!s.size)
		return 0;
	r = in->files->read_at(in->files->ctx, in->path, s.at,
		s.size < SECTION_LIMIT ? s.size : SECTION_LIMIT, &text, &err);
	if (r < 0 || !text.size)
		return r == -ENOMEM ? r : 0;
	*ret = strndup((const char *)text.data, text.size);
	return *ret ? 0 : -ENOMEM;
}

/*
 * Read the command line. Control characters become blanks, and blanks around it are removed
 * (mangle_stub_cmdline() of systemd's src/boot/util.c).
 */
static int read_cmdline(const struct reading *in)
{
	struct section s = find_section(in->head, ".cmdline", in->profile);
	WB_CLEAN_BLOB text = {};
	struct wb_error err = {};
	char *from, *end;
	int r;

	if (!s.size)
		return 0;
	if (s.size > SECTION_LIMIT) {
		in->uki->broken = "its .cmdline section is larger than 64 KiB";
		return 0;
	}
	r = in->files->read_at(in->files->ctx, in->path, s.at, s.size, &text, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || text.size < s.size) {
		in->uki->broken = "its .cmdline section is cut off";
		return 0;
	}
	/* Zeroes at the end are padding. The meaning of other text behind a NUL is not known. */
	while (text.size && !text.data[text.size - 1])
		text.size--;
	if (memchr(text.data, 0, text.size))
		in->uki->broken = "its .cmdline section holds a NUL byte";
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] < ' ')
			text.data[i] = ' ';
	from = (char *)text.data;
	end = from + text.size;
	while (from < end && *from == ' ')
		from++;
	while (end > from && end[-1] == ' ')
		end--;
	in->uki->cmdline = strndup(from, (size_t)(end - from));
	return in->uki->cmdline ? 0 : -ENOMEM;
}

/* Read a digest from a section of 32 bytes. */
static int read_digest(const struct reading *in, const char *name, char **ret)
{
	struct section s = find_section(in->head, name, in->profile);
	WB_CLEAN_BLOB digest = {};
	struct wb_error err = {};
	int r = s.size == 32 ? in->files->read_at(in->files->ctx, in->path, s.at, 32, &digest, &err)
			     : -EBADMSG;

	if (r == -ENOMEM)
		return r;
	if (r < 0 || digest.size != 32) {
		in->uki->broken = "it names a kernel or initrd without a SHA-256 digest of it";
		return 0;
	}
	*ret = malloc(65);
	if (!*ret)
		return -ENOMEM;
	wb_hex_write(digest.data, 32, *ret);
	return 0;
}

/*
 * Read the sections of lanzaboote's stub (its rust/uefi/stub/src/thin.rs). They hold paths instead
 * of contents, and digests beside them. Until release 0.4 the sections with the paths had names of
 * their own.
 */
static int read_thin(const struct reading *in)
{
	static const char *const names[][4] = {{".linux", ".linuxh", ".initrd", ".initrdh"},
		{".kernelp", ".kernelh", ".initrdp", ".initrdh"}};
	const char *const *name = find_section(in->head, ".kernelp", 0).size ? names[1] : names[0];
	struct wb_uki *uki = in->uki;
	int r;

	if (!find_section(in->head, name[1], in->profile).size && name == names[0])
		return 0;
	r = read_text(in, name[0], &uki->thin_kernel);
	if (r == 0)
		r = read_digest(in, name[1], &uki->kernel_sha256);
	if (r == 0)
		r = read_text(in, name[2], &uki->thin_initrd);
	if (r == 0)
		r = read_digest(in, name[3], &uki->initrd_sha256);
	if (r == 0 && !(uki->thin_kernel && uki->thin_initrd))
		uki->broken = "it names no kernel or no initrd";
	return r;
}

int wb_uki_read(const struct wb_files *files, const char *path, const struct wb_pe *pe,
	unsigned int profile, struct wb_uki *ret)
{
	WB_CLEAN_UKI uki = {};
	const struct reading in = {files, path, wb_blob_view(&pe->head), profile, &uki};
	int r;

	if (profile && profile >= count_profiles(in.head))
		return -ENOENT;
	uki.has_linux = find_section(in.head, ".linux", profile).size;
	uki.has_initrd = find_section(in.head, ".initrd", profile).size;
	uki.has_ucode = find_section(in.head, ".ucode", profile).size;
	uki.has_devicetree = find_section(in.head, ".dtb", profile).size ||
			     find_section(in.head, ".dtbauto", profile).size;
	r = read_text(&in, ".osrel", &uki.osrel);
	if (r == 0)
		r = read_text(&in, ".uname", &uki.uname);
	if (r == 0)
		r = read_text(&in, ".profile", &uki.profile);
	if (r == 0)
		r = read_cmdline(&in);
	if (r == 0)
		r = read_thin(&in);
	if (r < 0)
		return r;
	*ret = uki;
	uki = (struct wb_uki){};
	return 0;
}

void wb_uki_deinit(struct wb_uki *uki)
{
	if (!uki)
		return;
	free(uki->osrel);
	free(uki->uname);
	free(uki->profile);
	free(uki->cmdline);
	free(uki->thin_kernel);
	free(uki->thin_initrd);
	free(uki->kernel_sha256);
	free(uki->initrd_sha256);
	*uki = (struct wb_uki){};
}
