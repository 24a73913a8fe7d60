// SPDX-License-Identifier: LGPL-2.1-or-later
/* A module's file: an ELF file whose pointers are relocations, since it is linked when it is loaded. */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "guard/module.h"

/*
 * struct pci_driver: name, id_table, probe, remove, suspend, resume, shutdown. Before id_table there may be more, so
 * places count from there.
 */
#define PROBE 8
#define SHUTDOWN 40

struct module {
	struct wb_bytes in;
	uint64_t sections; /* offset of their headers */
	uint64_t n;
	struct wb_bytes symbols, names;
};

static bool get_section(const struct module *m, uint64_t i, Elf64_Shdr *ret)
{
	return i < m->n && wb_get_struct(m->in, m->sections + i * sizeof(*ret), ret, sizeof(*ret));
}

static bool get_contents(const struct module *m, const Elf64_Shdr *s, struct wb_bytes *ret)
{
	return wb_bytes_sub(m->in, s->sh_offset, s->sh_size, ret);
}

static bool get_symbol(const struct module *m, uint64_t i, Elf64_Sym *ret)
{
	return i < m->symbols.size / sizeof(*ret) &&
	       wb_get_struct(m->symbols, i * sizeof(*ret), ret, sizeof(*ret));
}

static bool open_module(struct wb_bytes in, struct module *ret)
{
	static const unsigned char magic[] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB};
	struct module m = {.in = in};
	Elf64_Ehdr head;
	Elf64_Shdr s;

	if (!wb_bytes_equal(in, 0, magic, sizeof(magic)) ||
		!wb_get_struct(in, 0, &head, sizeof(head)) || head.e_type != ET_REL ||
		head.e_shentsize != sizeof(s))
		return false;
	m.sections = head.e_shoff;
	m.n = head.e_shnum;
	for (uint64_t i = 0; i < m.n; i++) {
		Elf64_Shdr names;

		if (!get_section(&m, i, &s))
			return false;
		if (s.sh_type != SHT_SYMTAB)
			continue;
		if (!get_contents(&m, &s, &m.symbols) || !get_section(&m, s.sh_link, &names) ||
			!get_contents(&m, &names, &m.names))
			return false;
	}
	*ret = m;
	return true;
}

/* "__mod_pci__NAME_device_table", since Linux 6.14 "__mod_device_table__kmod_MODULE__pci__NAME". */
static bool names_pci_table(const struct module *m, const Elf64_Sym *symbol)
{
	static const char older[] = "__mod_pci__", newer[] = "__mod_device_table__";
	const char *name;
	struct wb_bytes rest;

	if (symbol->st_name >= m->names.size)
		return false;
	rest = (struct wb_bytes){m->names.data + symbol->st_name, m->names.size - symbol->st_name};
	name = (const char *)rest.data;
	if (!memchr(name, 0, rest.size))
		return false;
	return !strncmp(name, older, strlen(older)) ||
	       (!strncmp(name, newer, strlen(newer)) && strstr(name, "__pci__"));
}

/* Is there a pointer at this place of the section that the relocations are for? */
static bool has_pointer(struct wb_bytes relocations, uint64_t place)
{
	Elf64_Rela r;

	for (uint64_t at = 0; wb_get_struct(relocations, at, &r, sizeof(r)); at += sizeof(r))
		if (r.r_offset == place)
			return true;
	return false;
}

/* Look in one section of data for structures that point to the table. */
static void find_drivers(const struct module *m, struct wb_bytes relocations,
	const Elf64_Sym *table, struct wb_module_drivers *ret)
{
	Elf64_Rela r;
	Elf64_Sym to;

	for (uint64_t at = 0; wb_get_struct(relocations, at, &r, sizeof(r)); at += sizeof(r)) {
		if (!get_symbol(m, ELF64_R_SYM(r.r_info), &to) || to.st_shndx != table->st_shndx ||
			to.st_value + (uint64_t)r.r_addend != table->st_value ||
			!has_pointer(relocations, r.r_offset + PROBE))
			continue;
		ret->pci++;
		ret->stopped += has_pointer(relocations, r.r_offset + SHUTDOWN);
	}
}

static bool is_data(const struct module *m, uint64_t section)
{
	Elf64_Shdr s;

	return get_section(m, section, &s) && s.sh_type == SHT_PROGBITS && s.sh_flags & SHF_WRITE;
}

int wb_module_parse(struct wb_bytes in, struct wb_module_drivers *ret, struct wb_error *err)
{
	struct wb_module_drivers found = {};
	struct wb_bytes relocations;
	struct module m;
	Elf64_Sym symbol;
	Elf64_Shdr s;

	if (!open_module(in, &m))
		return wb_fail(err, -EBADMSG, "it is no module of this kind of machine");
	for (uint64_t i = 0; get_symbol(&m, i, &symbol); i++) {
		if (!names_pci_table(&m, &symbol))
			continue;
		for (uint64_t k = 0; get_section(&m, k, &s); k++)
			if (s.sh_type == SHT_RELA && is_data(&m, s.sh_info) &&
				get_contents(&m, &s, &relocations))
				find_drivers(&m, relocations, &symbol, &found);
	}
	*ret = found;
	return 0;
}
