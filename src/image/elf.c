// SPDX-License-Identifier: LGPL-2.1-or-later
/* The format of an ELF vmlinux (System V ABI, chapters 4 and 5), 64-bit little-endian. */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>

#include "image/image.h"
#include "image/release.h"

static bool probe(struct wb_bytes in)
{
	return wb_bytes_equal(in, 0, ELFMAG, SELFMAG);
}

static int check_header(struct wb_bytes in, const Elf64_Ehdr *eh, struct wb_error *err)
{
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return wb_fail(err, -EOPNOTSUPP,
			"ELF file is not 64-bit little-endian (offset 4); use a 64-bit kernel");
	if (eh->e_machine != EM_X86_64)
		return wb_fail(err, -EOPNOTSUPP,
			"ELF file is for machine %u (offset 18), only x86-64 kernels are supported",
			eh->e_machine);
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return wb_fail(err, -EOPNOTSUPP,
			"ELF file has type %u (offset 16), which is not a kernel's", eh->e_type);
	if (eh->e_phentsize != sizeof(Elf64_Phdr))
		return wb_fail(err, -EBADMSG,
			"ELF file is damaged: program headers of %u bytes (offset 54)",
			eh->e_phentsize);
	return 0;
}

static bool overlaps(const struct wb_elf_load *a, const struct wb_elf_load *b)
{
	return a->paddr < b->paddr + b->memsz && b->paddr < a->paddr + a->memsz;
}

static int add_load(struct wb_bytes in, unsigned int i, const Elf64_Phdr *ph, struct wb_elf *elf,
	struct wb_error *err)
{
	struct wb_elf_load load = {
		.paddr = ph->p_paddr,
		.vaddr = ph->p_vaddr,
		.memsz = ph->p_memsz,
		.align = ph->p_align,
	};

	if (ph->p_filesz > ph->p_memsz)
		return wb_fail(err, -EBADMSG,
			"ELF file is damaged: program header %u has more bytes in the file than "
			"in memory",
			i);
	if (!wb_bytes_sub(in, ph->p_offset, ph->p_filesz, &load.file))
		return wb_fail(err, -EBADMSG,
			"ELF file is damaged: program header %u wants %" PRIu64
			" bytes at offset 0x%" PRIx64 ", past the end of %zu",
			i, ph->p_filesz, ph->p_offset, in.size);
	if (ph->p_memsz > UINT64_MAX - ph->p_paddr)
		return wb_fail(err, -EBADMSG,
			"ELF file is damaged: program header %u ends beyond all addresses", i);
	if (elf->n_loads == WB_ELF_MAX_LOADS)
		return wb_fail(err, -EOPNOTSUPP,
			"ELF file has more than %d loadable parts, which no kernel has",
			WB_ELF_MAX_LOADS);
	for (size_t k = 0; k < elf->n_loads; k++)
		if (overlaps(&elf->loads[k], &load))
			return wb_fail(err, -EBADMSG,
				"ELF file is damaged: program header %u overlaps another one at "
				"physical address 0x%" PRIx64,
				i, ph->p_paddr);
	elf->loads[elf->n_loads++] = load;
	return 0;
}

/* A loader allocates all memory between the lowest and the highest address. */
static int check_span(const struct wb_elf *elf, struct wb_error *err)
{
	uint64_t lo = UINT64_MAX, hi = 0;
	bool entered = false;

	for (size_t i = 0; i < elf->n_loads; i++) {
		const struct wb_elf_load *l = &elf->loads[i];

		lo = l->paddr < lo ? l->paddr : lo;
		hi = l->paddr + l->memsz > hi ? l->paddr + l->memsz : hi;
		entered |= elf->entry - l->paddr < l->memsz || elf->entry - l->vaddr < l->memsz;
	}
	if (elf->n_loads == 0)
		return wb_fail(err, -EBADMSG, "ELF file has nothing to load; it is not a kernel");
	if (hi - lo > WB_IMAGE_LIMIT)
		return wb_fail(err, -E2BIG,
			"ELF file wants %" PRIu64 " bytes of memory, more than any kernel",
			hi - lo);
	if (!entered)
		return wb_fail(err, -EBADMSG,
			"ELF file is damaged: its entry 0x%" PRIx64
			" (offset 24) is in no loadable part",
			elf->entry);
	return 0;
}

int wb_elf_parse(struct wb_bytes in, struct wb_elf *ret, struct wb_error *err)
{
	struct wb_elf elf = {};
	Elf64_Ehdr eh;
	int r;

	if (!wb_get_struct(in, 0, &eh, sizeof(eh)) || !probe(in))
		return wb_fail(err, -EBADMSG,
			"not an ELF file, or its header is cut short: %zu bytes", in.size);
	r = check_header(in, &eh, err);
	if (r < 0)
		return r;
	elf.entry = eh.e_entry;
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		struct wb_bytes table;
		Elf64_Phdr ph;

		if (!wb_bytes_sub(in, eh.e_phoff, (uint64_t)eh.e_phnum * sizeof(ph), &table) ||
			!wb_get_struct(table, (uint64_t)i * sizeof(ph), &ph, sizeof(ph)))
			return wb_fail(err, -EBADMSG,
				"ELF file is damaged: program headers at offset 0x%" PRIx64
				" go past the end of %zu",
				(uint64_t)eh.e_phoff, in.size);
		if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
			continue;
		r = add_load(in, i, &ph, &elf, err);
		if (r < 0)
			return r;
	}
	r = check_span(&elf, err);
	if (r < 0)
		return r;
	if (eh.e_shoff) {
		struct wb_bytes from;
		uint64_t table = (uint64_t)eh.e_shnum * eh.e_shentsize;

		if (!wb_bytes_sub(in, eh.e_shoff, table, &from))
			return wb_fail(err, -EBADMSG,
				"ELF file is damaged: section headers at offset 0x%" PRIx64
				" go past the end of %zu",
				(uint64_t)eh.e_shoff, in.size);
		wb_bytes_sub(in, eh.e_shoff + table, in.size - (eh.e_shoff + table),
			&elf.after_sections);
	}
	*ret = elf;
	return 0;
}

static int parse(struct wb_bytes in, struct wb_image *ret, struct wb_error *err)
{
	struct wb_elf elf;
	int r = wb_elf_parse(in, &elf, err);

	if (r < 0)
		return r;
	ret->kind = WB_IMAGE_ELF;
	ret->arch = WB_ARCH_X86_64;
	ret->elf = elf;
	wb_release_find(in, ret->release, sizeof(ret->release));
	return 0;
}

const struct wb_image_format wb_format_elf = {
	.name = "elf",
	.probe = probe,
	.parse = parse,
};
