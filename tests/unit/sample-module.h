/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel module with one PCI driver, as far as wb_module_parse() looks at it. */
#pragma once

#include <elf.h>
#include <stddef.h>
#include <string.h>

enum {
	MODULE_NONE,
	MODULE_DATA,
	MODULE_TABLE,
	MODULE_RELA,
	MODULE_SYMBOLS,
	MODULE_NAMES,
	MODULE_SECTIONS
};

struct sample_module {
	Elf64_Ehdr head;
	char driver[64];    /* struct pci_driver, empty before it is linked */
	char table[64];     /* of its devices, at 16 */
	Elf64_Rela rela[4]; /* id_table, probe, remove, and shutdown if it is there */
	Elf64_Sym symbols[3];
	char names[64];
	Elf64_Shdr sections[MODULE_SECTIONS];
};

static inline Elf64_Shdr sample_section(unsigned type, unsigned flags, size_t at, size_t size)
{
	return (Elf64_Shdr){.sh_type = type, .sh_flags = flags, .sh_offset = at, .sh_size = size};
}

/* symbol: the name of its table of devices. */
static inline struct sample_module sample_module(const char *symbol, int has_shutdown)
{
	/* Symbol 1: functions somewhere else; 2: the table. */
	struct sample_module m = {
		.head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
			.e_type = ET_REL,
			.e_shoff = offsetof(struct sample_module, sections),
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = MODULE_SECTIONS},
		.rela = {{8, ELF64_R_INFO(2ull, 1), 0}, {16, ELF64_R_INFO(1ull, 1), 0},
			{24, ELF64_R_INFO(1ull, 1), 8}, {48, ELF64_R_INFO(1ull, 1), 16}},
		.symbols = {{}, {.st_shndx = SHN_ABS},
			{.st_name = 1, .st_shndx = MODULE_TABLE, .st_value = 16}},
	};

	strncpy(m.names + 1, symbol, sizeof(m.names) - 2);
	m.sections[MODULE_DATA] = sample_section(SHT_PROGBITS, SHF_ALLOC | SHF_WRITE,
		offsetof(struct sample_module, driver), sizeof(m.driver));
	m.sections[MODULE_TABLE] = sample_section(
		SHT_PROGBITS, SHF_ALLOC, offsetof(struct sample_module, table), sizeof(m.table));
	m.sections[MODULE_RELA] = sample_section(SHT_RELA, 0, offsetof(struct sample_module, rela),
		(has_shutdown ? 4 : 3) * sizeof(m.rela[0]));
	m.sections[MODULE_RELA].sh_info = MODULE_DATA;
	m.sections[MODULE_SYMBOLS] = sample_section(
		SHT_SYMTAB, 0, offsetof(struct sample_module, symbols), sizeof(m.symbols));
	m.sections[MODULE_SYMBOLS].sh_link = MODULE_NAMES;
	m.sections[MODULE_NAMES] = sample_section(
		SHT_STRTAB, 0, offsetof(struct sample_module, names), sizeof(m.names));
	return m;
}
