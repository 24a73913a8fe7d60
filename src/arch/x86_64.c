// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/x86_64.h"
#include "core/cmdline.h"
#include "core/digest.h"
#include "purgatory/purgatory.h"

#define MIB (1ull << 20)
#define LOAD_PHYSICAL (16 * MIB)  /* CONFIG_PHYSICAL_START: nothing is placed below it */
#define KERNEL_SPACE (1024 * MIB) /* KERNEL_IMAGE_SIZE with KASLR (page_64_types.h) */
#define KERNEL_MAP 0xffffffff80000000ull
#define KEXEC_X86_64 (62ul << 16) /* KEXEC_ARCH_X86_64 */
#define KERNEL64_ENTRY 0x200      /* 64-bit entry of a bzImage, from its protected-mode part */

/* A size as the kernel's memparse() reads it. */
static uint64_t memparse(const char *s, char **end)
{
	uint64_t v = strtoull(s, end, 0);
	static const char units[] = "KMGTPE";
	const char *u = **end ? strchr(units, **end & ~0x20) : NULL;

	if (u) {
		v <<= 10 * (u - units + 1);
		++*end;
	}
	return v;
}

/*
 * Keep everything out of memory that the new kernel's command line takes away, as the decompressor
 * does for the kernel (arch/x86/boot/compressed/kaslr.c: mem= limits, memmap=size[@#$!]start are
 * avoided): an initrd there would overwrite what persistent memory holds.
 */
static int obey_memory_words(const char *name, const char *value, void *arg)
{
	struct wb_ranges *free = arg;
	uint64_t size, start;
	char *end;
	int r = 0;

	if (!value || (strcmp(name, "mem") && strcmp(name, "memmap")))
		return 0;
	if (strcmp(name, "mem") == 0) {
		size = memparse(value, &end);
		return size ? wb_ranges_remove(free, size, UINT64_MAX - size) : 0;
	}
	/* One word may list several, with commas between. */
	for (const char *p = value; r == 0 && *p; p += strcspn(p, ","), p += *p == ',') {
		size = memparse(p, &end);
		if (!size || !*end || !strchr("#$!", *end))
			continue;
		start = memparse(end + 1, &end);
		if (start + size > start)
			r = wb_ranges_remove(free, start, size);
	}
	return r;
}

/* Physical base for a pre-linked kernel: at random among all that fit, or the lowest. */
static int place_kernel(struct wb_plan *plan, const struct wb_plan_wish *wish, uint64_t size,
	uint64_t align, bool randomly, uint64_t *ret, struct wb_error *err)
{
	struct wb_fit want = {
		.size = wb_align_up(size, 4096),
		.align = align < 2 * MIB ? 2 * MIB : align,
		.min = LOAD_PHYSICAL,
		.max = (1ull << 46) - 1, /* what four-level paging can map directly (64 TiB) */
		.type = WB_E820_RAM,
	};
	uint64_t slots = wb_ranges_slots(&plan->free, &want), at;

	if (!slots)
		return wb_plan_no_room(plan, &want, "kernel", err);
	wb_ranges_slot(&plan->free, &want, randomly ? wish->entropy[0] % slots : 0, &at);
	*ret = at;
	return wb_plan_take(plan, at, want.size, "kernel", err);
}

static uint64_t span_low(const struct wb_elf *elf)
{
	uint64_t low = UINT64_MAX;

	for (size_t i = 0; i < elf->n_loads; i++)
		if (elf->loads[i].paddr < low)
			low = elf->loads[i].paddr;
	return low;
}

/* Is the lowest part linked where kernels are? Any other program would be entered just as well. */
static bool is_kernel(const struct wb_elf *elf, uint64_t low)
{
	for (size_t i = 0; i < elf->n_loads; i++)
		if (elf->loads[i].paddr == low)
			return elf->loads[i].vaddr - low == KERNEL_MAP;
	return false;
}

static uint64_t span_high(const struct wb_elf *elf)
{
	uint64_t high = 0;

	for (size_t i = 0; i < elf->n_loads; i++) {
		uint64_t end = elf->loads[i].paddr + elf->loads[i].memsz;

		if (end > high)
			high = end;
	}
	return high;
}

/*
 * Bytes up to the last page that holds anything. vmlinux carries its bss as zeroes in the file (11
 * of 57 MB on Debian's 7.2); kexec_load(2) fills the rest of a segment with zeroes itself, which
 * spares copying and checksumming them.
 */
static size_t without_zero_tail(struct wb_bytes b)
{
	size_t n = b.size;

	while (n && !b.data[n - 1])
		n--;
	n = wb_align_up(n, 4096);
	return n < b.size ? n : b.size;
}

/* One segment a PT_LOAD. */
static int add_loads(
	struct wb_plan *plan, const struct wb_elf *elf, uint64_t low, struct wb_error *err)
{
	for (size_t i = 0; i < elf->n_loads; i++) {
		const struct wb_elf_load *l = &elf->loads[i];
		size_t filled = without_zero_tail(l->file);
		int r;

		if (l->paddr & 4095)
			return wb_fail(err, -EOPNOTSUPP,
				"program header %zu of the kernel is not page-aligned", i);
		if (!l->file.size)
			continue;
		r = wb_plan_add(plan, "kernel", l->file.data, filled,
			plan->kernel_at + (l->paddr - low), l->file.size, filled, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Physical address of the entry: vmlinux gives it as a physical or as a virtual address. */
static int entry_of(const struct wb_elf *elf, uint64_t low, uint64_t high, uint64_t at,
	uint64_t *ret, struct wb_error *err)
{
	uint64_t e = elf->entry >= KERNEL_MAP ? elf->entry - KERNEL_MAP : elf->entry;

	if (e < low || e >= high)
		return wb_fail(err, -EBADMSG, "the kernel's entry %#llx lies outside its segments",
			(unsigned long long)elf->entry);
	*ret = at + (e - low);
	return 0;
}

/*
 * Only the decompressor can leave five-level paging (arch/x86/boot/compressed/pgtable_64.c). A kernel
 * built without it that is entered past the decompressor would die at its first page table.
 */
static int check_levels(
	const struct wb_machine *m, const struct wb_plan_wish *wish, struct wb_error *err)
{
	bool knows = wish->image->kind == WB_IMAGE_BZIMAGE &&
		     wish->image->bz.xloadflags & XLF_5LEVEL_ENABLED;

	if (!m->la57 || (knows && !wb_cmdline_has(wish->cmdline, "no5lvl")))
		return 0;
	return wb_fail(err, -EOPNOTSUPP,
		"five-level paging is on, and %s; only a bzImage's own entry can leave it",
		knows ? "no5lvl is asked for" : "the kernel does not say that it was built for it");
}

static int plan_fast(const struct wb_machine *m, const struct wb_plan_wish *wish,
	struct wb_plan *plan, uint64_t *ret_entry, struct wb_error *err)
{
	struct wb_x86_relocs relocs = {};
	bool wanted = !wb_cmdline_has(wish->cmdline, "nokaslr");
	uint64_t low, high, size, align = 2 * MIB;
	struct wb_elf elf;
	int r;

	r = check_levels(m, wish, err);
	if (r < 0)
		return r;
	if (m->confidential)
		return wb_fail(err, -EOPNOTSUPP,
			"confidential guests (SEV, TDX) need the decompressor's set-up");
	r = wb_elf_parse(wb_blob_view(wish->vmlinux), &elf, err);
	if (r < 0)
		return r;
	low = span_low(&elf);
	if (!is_kernel(&elf, low))
		return wb_fail(err, -EOPNOTSUPP,
			"the ELF file is not linked as an x86-64 Linux kernel is; name a kernel");
	r = wb_x86_relocs_parse(&elf, &relocs, err);
	if (r < 0)
		return r;
	high = span_high(&elf);
	size = high - low;
	if (wish->image->kind == WB_IMAGE_BZIMAGE) {
		if (!wish->image->bz.relocatable)
			return wb_fail(err, -EOPNOTSUPP, "the kernel is not relocatable");
		align = wish->image->bz.kernel_alignment;
		if (size < wish->image->bz.init_size)
			size = wish->image->bz.init_size;
	}
	/*
	 * Without a table the virtual addresses cannot move. A kernel that was meant to move them
	 * would lose its KASLR silently: let its own decompressor decide.
	 */
	if (!relocs.n_abs32 && wanted && wish->image->kind == WB_IMAGE_BZIMAGE)
		return wb_fail(err, -EOPNOTSUPP, "the kernel has no relocation table");
	plan->kaslr = wanted && relocs.n_abs32;
	r = place_kernel(plan, wish, size, align, plan->kaslr, &plan->kernel_at, err);
	if (r < 0)
		return r;
	if (plan->kaslr) {
		uint64_t room = KERNEL_SPACE - low;

		if (size > room)
			return wb_fail(
				err, -EOPNOTSUPP, "the kernel is too large for its address space");
		plan->virt_delta = wish->entropy[1] % ((room - size) / (2 * MIB) + 1) * (2 * MIB);
	}
	r = wb_x86_link(wish->vmlinux, &elf, &relocs, plan->virt_delta, err);
	if (r == 0)
		r = add_loads(plan, &elf, low, err);
	return r < 0 ? r : entry_of(&elf, low, high, plan->kernel_at, ret_entry, err);
}

static int plan_segments(const struct wb_plan_wish *wish, struct wb_plan *plan, uint64_t *ret_entry,
	struct wb_error *err)
{
	const struct wb_bzimage *bz = &wish->image->bz;
	struct wb_fit want = {.align = bz->kernel_alignment, .min = LOAD_PHYSICAL};
	int r;

	if (wish->image->kind != WB_IMAGE_BZIMAGE)
		return wb_fail(err, -EOPNOTSUPP,
			"the image is not a bzImage and has no entry of its own; only the method "
			"\"fast\", which links it beforehand, can load it");
	want.size = bz->init_size > bz->protected.size ? bz->init_size : bz->protected.size;
	want.max = bz->xloadflags & XLF_ABOVE_4G ? (1ull << 46) - 1 : UINT32_MAX;
	if (!bz->relocatable) {
		want.min = bz->pref_address;
		want.max = bz->pref_address + want.size - 1;
	}
	r = wb_plan_place(plan, want, "kernel", &plan->kernel_at, err);
	if (r < 0)
		return r;
	*ret_entry = plan->kernel_at + KERNEL64_ENTRY;
	return wb_plan_add(plan, "kernel", bz->protected.data, bz->protected.size, plan->kernel_at,
		wb_align_up(want.size, 4096), bz->protected.size, err);
}

static int place_initrd(const struct wb_plan_wish *wish, struct wb_plan *plan, uint64_t *ret_at,
	struct wb_error *err)
{
	const struct wb_bzimage *bz =
		wish->image->kind == WB_IMAGE_BZIMAGE ? &wish->image->bz : NULL;
	struct wb_fit want = {
		.size = wish->initrd.size,
		.min = LOAD_PHYSICAL,
		.max = (1ull << 46) - 1,
		.top_down = 1,
	};
	int r;

	if (!wish->initrd.size)
		return 0;
	if (bz && !(bz->xloadflags & XLF_ABOVE_4G))
		want.max = bz->initrd_addr_max ? bz->initrd_addr_max : 0x37ffffff;
	r = wb_plan_place(plan, want, "initrd", ret_at, err);
	if (r < 0)
		return r;
	return wb_plan_add(plan, "initrd", wish->initrd.data, wish->initrd.size, *ret_at,
		wish->initrd.size, wish->initrd.size, err);
}

/* First UART that the command line names as a console; purgatory's only voice. */
static int find_serial(const char *name, const char *value, void *arg)
{
	static const uint16_t ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
	uint16_t *ret = arg;

	if (!*ret && value && strcmp(name, "console") == 0 && strncmp(value, "ttyS", 4) == 0 &&
		value[4] >= '0' && value[4] <= '3')
		*ret = ports[value[4] - '0'];
	return 0;
}

static int add_purgatory(struct wb_plan *plan, const struct wb_plan_wish *wish,
	struct wb_purgatory_args *args, struct wb_error *err)
{
	struct wb_fit want = {
		.size = wb_purgatory_memsz, .min = MIB, .max = UINT32_MAX, .top_down = 1};
	uint64_t at;
	int r;

	args->magic = WB_PURGATORY_MAGIC;
	wb_cmdline_each(wish->cmdline, find_serial, &args->serial_port);
	args->digest = wish->digest;
	for (size_t i = 0; wish->verify && i < plan->n; i++) {
		struct wb_purgatory_range *range = &args->ranges[args->n_ranges++];

		range->start = plan->segments[i].mem;
		range->size = plan->segments[i].verify;
		wb_digest(args->digest, plan->segments[i].buf, range->size, range->digest);
	}
	if (wb_blob_append(&plan->purgatory, wb_purgatory_image, wb_purgatory_size) < 0)
		return wb_fail(err, -ENOMEM, "out of memory while planning");
	memcpy(plan->purgatory.data + wb_purgatory_args_offset, args, sizeof(*args));
	r = wb_plan_place(plan, want, "purgatory", &at, err);
	if (r < 0)
		return r;
	plan->entry = at;
	return wb_plan_add(plan, "purgatory", plan->purgatory.data, plan->purgatory.size, at,
		wb_purgatory_memsz, 0, err);
}

static int check_target(
	const struct wb_machine *m, const struct wb_plan_wish *wish, struct wb_error *err)
{
	const struct wb_bzimage *bz = &wish->image->bz;
	size_t n = strlen(wish->cmdline);

	if (wish->image->kind != WB_IMAGE_BZIMAGE)
		return n <= 2047 ? 0
				 : wb_fail(err, -E2BIG,
					   "the command line is %zu bytes long, the kernel takes "
					   "2047; shorten it",
					   n);
	if (n > bz->cmdline_size)
		return wb_fail(err, -E2BIG,
			"the command line is %zu bytes long, the kernel takes %u; shorten it", n,
			bz->cmdline_size);
	if (m->la57 && !(bz->xloadflags & XLF_5LEVEL))
		return wb_fail(err, -EOPNOTSUPP,
			"five-level paging is on and the new kernel cannot be entered that way "
			"(xloadflags); "
			"boot with no5lvl first");
	return 0;
}

static int x86_plan(const struct wb_machine *m, const struct wb_plan_wish *wish,
	struct wb_plan *plan, struct wb_error *err)
{
	struct wb_fit want = {.min = MIB, .max = UINT32_MAX, .top_down = 1};
	struct wb_purgatory_args args = {};
	struct wb_x86_layout layout = {.initrd_size = wish->initrd.size};
	size_t handoff, verify;
	uint64_t at;
	int r = check_target(m, wish, err);

	if (r == 0 && wb_cmdline_each(wish->cmdline, obey_memory_words, &plan->free) < 0)
		r = wb_fail(err, -ENOMEM, "out of memory while planning");
	if (r == 0 && wish->method == WB_METHOD_FAST)
		r = plan_fast(m, wish, plan, &args.entry, err);
	else if (r == 0)
		r = plan_segments(wish, plan, &args.entry, err);
	if (r == 0)
		r = place_initrd(wish, plan, &layout.initrd_at, err);
	want.size = wb_x86_params_size(m, wish);
	if (r == 0)
		r = wb_plan_place(plan, want, "boot_params", &at, err);
	if (r < 0)
		return r;
	layout.kernel_at = plan->kernel_at;
	layout.kaslr_flag = plan->kaslr;
	r = wb_x86_params_fill(m, wish, &layout, at, &plan->params, &handoff, &verify, err);
	if (r == 0)
		r = wb_plan_add(plan, "boot_params", plan->params.data, plan->params.size, at,
			plan->params.size, verify, err);
	if (r < 0)
		return r;
	args.boot_params = at;
	args.handoff = at + handoff;
	return add_purgatory(plan, wish, &args, err);
}

/*
 * The EFI stub of the kernel that firmware booted left a configuration table
 * (LINUX_EFI_INITRD_MEDIA_GUID) in ordinary memory. Every later kernel finds it again and clears its
 * sixteen bytes (drivers/firmware/efi/efi.c, efi_config_parse_tables()), whatever lies there by then:
 * a page of that kernel, as like as not. It leaves the table alone when it has heard of an initrd
 * already; the one in boot_params comes first all the same (arch/x86/kernel/setup.c,
 * get_ramdisk_image()).
 */
#define EFI_WORD "initrdmem=0,1"

static const char *const types[] = {"bzImage64", "bzImage", "elf-x86_64", "uki", NULL};

const struct wb_arch wb_arch_x86_64 = {
	.name = "x86_64",
	.id = WB_ARCH_X86_64,
	.kexec_flag = KEXEC_X86_64,
	.loads = true,
	.efi_word = EFI_WORD,
	.types = types,
	.plan = x86_plan,
};
