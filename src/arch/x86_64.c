// SPDX-License-Identifier: LGPL-2.1-or-later
/* The row of x86-64: placing a kernel, and the segments of a plan. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/x86_64.h"
#include "core/cmdline.h"
#include "core/digest.h"
#include "arch/x86_64-memmap.h"
#include "purgatory/purgatory.h"
#include "purgatory/steps.h"

#define MIB (1ull << 20)
#define LOAD_PHYSICAL (16 * MIB)  /* CONFIG_PHYSICAL_START: nothing is placed below it */
#define KERNEL_SPACE (1024 * MIB) /* KERNEL_IMAGE_SIZE with KASLR (page_64_types.h) */
#define KERNEL_MAP 0xffffffff80000000ull
#define KEXEC_X86_64 (62ul << 16) /* KEXEC_ARCH_X86_64 */
#define KERNEL64_ENTRY 0x200      /* 64-bit entry of a bzImage, from its protected-mode part */

/*
 * Exclude memory that the new kernel's command line takes away, as the decompressor does for the
 * kernel (handle_mem_options() in arch/x86/boot/compressed/kaslr.c): an initrd there would
 * overwrite the contents of persistent memory.
 */
static int obey_memory_words(
	const struct wb_plan_wish *wish, struct wb_plan *plan, struct wb_error *err)
{
	int r = wb_memmap_obey(wish->cmdline, &plan->free);

	if (r == -ERANGE)
		return wb_fail(err, -EINVAL,
			"the command line has a mem= or memmap= whose number does not fit into 64 "
			"bits");
	return r < 0 ? wb_fail(err, r, "out of memory while planning") : 0;
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
		.type = WB_MEMORY_RAM,
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

/* Is the lowest part linked where kernels are? Any other program would be entered as well. */
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
 * Bytes up to the last page that is not zero. vmlinux has its bss as zeroes in the file (11 of 57
 * MB on Debian's 7.2); kexec_load(2) fills the rest of a segment with zeroes itself, which saves
 * copying and checksumming them.
 */
static size_t without_zero_tail(struct wb_bytes b)
{
	size_t n = b.size;
	uint64_t word;

	/* Eight bytes at a time: this reads 11 MB. */
	while (n >= sizeof(word)) {
		memcpy(&word, b.data + n - sizeof(word), sizeof(word));
		if (word)
			break;
		n -= sizeof(word);
	}
	while (n && !b.data[n - 1])
		n--;
	n = wb_align_up(n, 4096);
	return n < b.size ? n : b.size;
}

/* Add one segment for each PT_LOAD. */
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
 * Check the paging levels. Only the decompressor can leave five-level paging
 * (arch/x86/boot/compressed/pgtable_64.c). A kernel without it that is entered past the
 * decompressor would crash at its first page table.
 */
static int check_levels(
	const struct wb_machine *m, const struct wb_plan_wish *wish, struct wb_error *err)
{
	bool knows = wish->image->kind == WB_IMAGE_BZIMAGE &&
		     wish->image->bz.xloadflags & XLF_5LEVEL_ENABLED;

	if (!(m->own & WB_X86_LA57) || (knows && !wb_cmdline_has(wish->cmdline, "no5lvl")))
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
	 * Without a table the virtual addresses cannot change. A kernel that was to change them
	 * would lose its KASLR silently, so its own decompressor does the work.
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

/* The first UART that the command line names as a console; purgatory prints there. */
static int find_serial(const char *name, const char *value, void *arg)
{
	static const uint16_t ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
	uint64_t *ret = arg;

	if (!*ret && value && strcmp(name, "console") == 0 && strncmp(value, "ttyS", 4) == 0 &&
		value[4] >= '0' && value[4] <= '3')
		*ret = ports[value[4] - '0'];
	return 0;
}

static int add_steps(const struct wb_machine *m, const struct wb_plan_wish *wish,
	struct wb_purgatory_args *args, struct wb_error *err)
{
	if (!wish->n_steps)
		return 0;
	if (m->confidential)
		return wb_fail(err, -EOPNOTSUPP,
			"in a confidential guest (SEV, TDX) purgatory cannot reach a device");
	if (!wb_steps_valid(wish->steps, wish->n_steps))
		return wb_fail(err, -EINVAL, "the register steps for purgatory are not valid");
	args->n_steps = wish->n_steps;
	memcpy(args->steps, wish->steps, wish->n_steps * sizeof(*wish->steps));
	wb_digest(WB_DIGEST_SHA256, (const uint8_t *)args->steps,
		args->n_steps * sizeof(*args->steps), args->steps_digest);
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
	if (wb_cmdline_each(wish->cmdline, find_serial, &args->console) < 0)
		return wb_oom(err);
	args->digest = wish->digest;
	for (size_t i = 0; wish->verify && i < plan->n; i++) {
		struct wb_purgatory_range *range;

		if (!plan->segments[i].verify)
			continue;
		range = &args->ranges[args->n_ranges++];
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
	if ((m->own & WB_X86_LA57) && !(bz->xloadflags & XLF_5LEVEL))
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

	if (r == 0)
		r = obey_memory_words(wish, plan, err);
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
	args.boot_data = at;
	args.handoff = at + handoff;
	r = add_steps(m, wish, &args, err);
	return r < 0 ? r : add_purgatory(plan, wish, &args, err);
}

/*
 * The EFI stub of the kernel that the firmware booted left a configuration table
 * (LINUX_EFI_INITRD_MEDIA_GUID) in ordinary memory. Every later kernel finds it again and clears
 * its sixteen bytes (drivers/firmware/efi/efi.c, efi_config_parse_tables()), even if other data
 * lies there by then, probably a page of that kernel. It leaves the table alone if an initrd is
 * known already. The initrd in boot_params precedes this one in any case (arch/x86/kernel/setup.c,
 * get_ramdisk_image()).
 */
#define EFI_WORD "initrdmem=0,1"

/* All such memory of a machine is one device (drivers/nvdimm/e820.c, arch/x86/kernel/pmem.c). */
static const struct wb_arch_pmem pmem = {
	.kind = WB_X86_PRAM_NAME,
	.device = "/sys/devices/platform/e820_pmem",
	.driver = "/sys/bus/platform/drivers/e820_pmem",
	.name = "e820_pmem",
	.module = "nd_e820",
};

/*
 * Bytes of the BIOS data area that are reserved for communication between programs. No kernel uses
 * page 0 as memory, and /dev/mem reaches it unless lockdown is on.
 */
static const struct wb_arch_stamp stamp = {"/dev/mem", 0x4f0, "the BIOS data area"};

static void region_word(uint64_t start, uint64_t size, char ret[WB_ARCH_WORD])
{
	snprintf(ret, WB_ARCH_WORD, "memmap=%#" PRIx64 "!%#" PRIx64, size, start);
}

static bool region_find(const char *cmdline, size_t i, uint64_t *ret_start, uint64_t *ret_size)
{
	struct wb_memmap m;

	if (!wb_memmap_find(cmdline, '!', i, &m))
		return false;
	*ret_start = m.start;
	*ret_size = m.size;
	return true;
}

static const char *const types[] = {"bzImage64", "bzImage", "elf-x86_64", "uki", NULL};

/* arch/x86/kernel/cpu/proc.c */
static const char *const cpu_keys[] = {
	"vendor_id", "cpu family", "model", "stepping", "microcode", NULL};

const struct wb_arch wb_arch_x86_64 = {
	.name = "x86_64",
	.id = WB_ARCH_X86_64,
	.kexec_flag = KEXEC_X86_64,
	.loads = true,
	.efi_word = EFI_WORD,
	.types = types,
	.lowest = MIB, /* real-mode trampolines and old firmware data */
	.region_word = region_word,
	.region_like = "memmap=512M!4G",
	.region_find = region_find,
	.pmem = &pmem,
	.read = wb_x86_read,
	.notes = "setup_data",
	.each_note = wb_x86_each_note,
	.may_have_notes = wb_x86_may_have_notes,
	.by_kexec = wb_x86_by_kexec,
	.stamp = &stamp,
	.log_khz = wb_x86_log_khz,
	.masks = wb_x86_masks,
	.cpu_keys = cpu_keys,
	.cpu_guest = "hypervisor",
	.plan = x86_plan,
};
