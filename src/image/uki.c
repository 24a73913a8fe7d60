// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The wrapping of a unified kernel image (UAPI.5): a PE file (Microsoft PE format) whose sections
 * are the parts. Sections after a ".profile" belong to that profile. They replace those of the
 * base, which come before the first ".profile". The first profile is the default one.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "image/image.h"

#define PE_POINTER 0x3c
#define N_SECTIONS 6 /* from the PE signature */
#define OPTIONAL_SIZE 20
#define OPTIONAL 24
#define SECTION_SIZE 40
/* The PE loader of Windows accepts 96; firmware and ukify stay far below. */
#define MAX_SECTIONS 96

struct section {
	char name[9];
	uint32_t at, size; /* of its contents in the file */
};

struct part {
	const char *name;
	struct wb_bytes *ret;
	int seen_in; /* 0 nowhere, 1 base, 2 the profile */
};

static bool find_table(struct wb_bytes in, uint64_t *ret_at, uint16_t *ret_n)
{
	uint16_t optional;
	uint32_t pe;

	if (!wb_bytes_equal(in, 0, "MZ", 2) || !wb_get_le32(in, PE_POINTER, &pe) ||
		!wb_bytes_equal(in, pe, "PE\0\0", 4) ||
		!wb_get_le16(in, (uint64_t)pe + N_SECTIONS, ret_n) ||
		!wb_get_le16(in, (uint64_t)pe + OPTIONAL_SIZE, &optional))
		return false;
	*ret_at = (uint64_t)pe + OPTIONAL + optional;
	return true;
}

static bool get_section(struct wb_bytes in, uint64_t table, unsigned int i, struct section *ret)
{
	uint64_t at = table + (uint64_t)i * SECTION_SIZE;
	struct section s = {};
	uint32_t virtual, raw;

	if (!wb_get_struct(in, at, s.name, 8) || !wb_get_le32(in, at + 8, &virtual) ||
		!wb_get_le32(in, at + 16, &raw) || !wb_get_le32(in, at + 20, &s.at))
		return false;
	/*
	 * The file pads a section, and in memory zeroes may follow it: the smaller size holds its
	 * contents.
	 */
	s.size = virtual < raw ? virtual : raw;
	*ret = s;
	return true;
}

static bool probe(struct wb_bytes in)
{
	struct section s;
	uint64_t table;
	uint16_t n;

	if (!find_table(in, &table, &n))
		return false;
	for (unsigned int i = 0; i < n && i < MAX_SECTIONS; i++)
		if (get_section(in, table, i, &s) && strcmp(s.name, ".linux") == 0)
			return true;
	return false;
}

static int check_section(struct wb_bytes in, uint64_t table, unsigned int i,
	const struct section *s, struct wb_error *err)
{
	struct wb_bytes contents;

	if (s->size == 0)
		return 0;
	if (!wb_bytes_sub(in, s->at, s->size, &contents))
		return wb_fail(err, -EBADMSG,
			"UKI is damaged: section %.8s of %" PRIu32 " bytes at offset 0x%" PRIx32
			" goes past the end of %zu",
			s->name, s->size, s->at, in.size);
	for (unsigned int k = 0; k < i; k++) {
		struct section other = {};

		if (!get_section(in, table, k, &other) || other.size == 0)
			continue;
		if (s->at < (uint64_t)other.at + other.size && other.at < (uint64_t)s->at + s->size)
			return wb_fail(err, -EBADMSG,
				"UKI is damaged: sections %.8s and %.8s overlap at offset "
				"0x%" PRIx32,
				other.name, s->name, s->at > other.at ? s->at : other.at);
	}
	return 0;
}

static int take_part(struct wb_bytes in, const struct section *s, int where, struct part *parts,
	struct wb_error *err)
{
	for (struct part *p = parts; p->name; p++) {
		if (strcmp(p->name, s->name) != 0)
			continue;
		if (p->seen_in == where)
			return wb_fail(
				err, -EBADMSG, "UKI is damaged: it has two sections %s", s->name);
		p->seen_in = where;
		wb_bytes_sub(in, s->at, s->size, p->ret);
	}
	return 0;
}

/* Fill in the parts from the base and one profile; *ret_profiles is the number of profiles. */
static int take_sections(struct wb_bytes in, unsigned int profile, struct part *parts,
	unsigned int *ret_profiles, struct wb_error *err)
{
	struct wb_bytes rows;
	unsigned int begun = 0;
	uint64_t table = 0;
	struct section s;
	uint16_t n = 0;

	if (!find_table(in, &table, &n) || n > MAX_SECTIONS)
		return wb_fail(err, -EBADMSG, "UKI is damaged: %u sections, more than %d", n,
			MAX_SECTIONS);
	if (!wb_bytes_sub(in, table, (uint64_t)n * SECTION_SIZE, &rows))
		return wb_fail(err, -EBADMSG,
			"UKI is damaged: its table of %u sections at offset 0x%" PRIx64
			" goes past the end of %zu",
			n, table, in.size);
	for (unsigned int i = 0; i < n && get_section(in, table, i, &s); i++) {
		int r = check_section(in, table, i, &s, err);

		if (r < 0)
			return r;
		begun += strcmp(s.name, ".profile") == 0;
		if (begun && begun != profile + 1)
			continue;
		r = take_part(in, &s, begun ? 2 : 1, parts, err);
		if (r < 0)
			return r;
	}
	*ret_profiles = begun;
	return 0;
}

static int unwrap(struct wb_bytes in, struct wb_image *img, struct wb_bytes *ret_inner,
	struct wb_blob *ret_owned, struct wb_error *err)
{
	struct wb_bytes kernel = {}, digest = {};
	unsigned int profiles = 0;
	struct part parts[] = {
		{".linux", &kernel},
		{".linuxh", &digest},
		{".initrd", &img->uki_initrd},
		{".ucode", &img->uki_ucode},
		{".cmdline", &img->uki_cmdline},
		{".osrel", &img->uki_osrel},
		{".uname", &img->uki_uname},
		{},
	};
	int r = take_sections(in, img->profile, parts, &profiles, err);

	if (r < 0)
		return r;
	if (img->profile && img->profile >= profiles)
		return wb_fail(err, -ENOENT, "the UKI has no profile %u", img->profile);
	if (kernel.size == 0)
		return wb_fail(err, -EBADMSG, "UKI is damaged: its section .linux is empty");
	if (digest.size)
		return wb_fail(err, -EOPNOTSUPP,
			"this stub holds no kernel but the name of one; stage its boot entry, "
			"which "
			"'warmboot list' shows");
	*ret_inner = kernel;
	return 0;
}

int wb_uki_addon_parts(struct wb_bytes in, struct wb_bytes *ret_initrd, struct wb_bytes *ret_ucode,
	struct wb_error *err)
{
	struct wb_bytes kernel = {}, initrd = {}, ucode = {};
	struct part parts[] = {{".linux", &kernel}, {".initrd", &initrd}, {".ucode", &ucode}, {}};
	unsigned int profiles = 0;
	uint64_t table;
	uint16_t n;
	int r;

	if (!find_table(in, &table, &n))
		return wb_fail(err, -EBADMSG, "the addon is no PE file");
	r = take_sections(in, 0, parts, &profiles, err);
	if (r < 0)
		return r;
	if (kernel.size)
		return wb_fail(err, -EBADMSG, "the addon brings a kernel of its own");
	*ret_initrd = initrd;
	*ret_ucode = ucode;
	return 0;
}

const struct wb_image_wrapper wb_wrapper_uki = {
	.name = "uki",
	.probe = probe,
	.unwrap = unwrap,
};
