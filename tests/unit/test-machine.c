// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading the facts of the running machine. */
#include "unit.h"
#include "arch/x86_64.h"
#include "fake-files.h"
#include "sys/handoff.h"
#include "sys/machine.h"

static const struct fake_file bios[] = {
	{"/proc/sys/kernel/osrelease", "6.12.107+deb13-cloud-amd64\n"},
	{"/sys/firmware/memmap/0/start", "0x0\n"},
	{"/sys/firmware/memmap/0/end", "0x9fbff\n"},
	{"/sys/firmware/memmap/0/type", "System RAM\n"},
	{"/sys/firmware/memmap/1/start", "0x100000\n"},
	{"/sys/firmware/memmap/1/end", "0x3ffdffff\n"},
	{"/sys/firmware/memmap/1/type", "System RAM\n"},
	{"/sys/firmware/memmap/2/start", "0x3ffe0000\n"},
	{"/sys/firmware/memmap/2/end", "0x3fffffff\n"},
	{"/sys/firmware/memmap/2/type", "ACPI Tables\n"},
	{"/sys/firmware/memmap/3/start", "0x40000000\n"},
	{"/sys/firmware/memmap/3/end", "0x5fffffff\n"},
	{"/sys/firmware/memmap/3/type", "Persistent Memory (legacy)\n"},
	{"/proc/iomem", "00000000-00000fff : Reserved\n"
			"00001000-0009fbff : System RAM\n"
			"00100000-3ffdffff : System RAM\n"
			"  02000000-02ffffff : Kernel code\n"
			"  30000000-33ffffff : Crash kernel\n"
			"  3f000000-3f0fffff : Reserved\n"},
	{"/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme la57 sha_ni\n"},
	{"/sys/kernel/kexec/crash_elfcorehdr_size", "20480\n"},
	{},
};

static void bios_machine(void **state)
{
	struct wb_files files = fake_files(bios);
	struct wb_error err = {};
	WB_CLEAN_MACHINE m = {};

	assert_int_equal(wb_machine_read(&files, &m, &err), 0);
	assert_string_equal(m.release, "6.12.107+deb13-cloud-amd64");
	assert_int_equal(m.memory.n, 4);
	assert_int_equal(m.memory.items[2].type, wb_x86_memory(WB_E820_ACPI));
	assert_int_equal(m.memory.items[3].type, WB_MEMORY_PERSISTENT);
	assert_int_equal(m.avoid.n, 5);
	assert_int_equal(m.avoid.items[2].start, 0x30000000);
	assert_int_equal(m.avoid.items[3].size, 0x100000);
	/* All that follows the running kernel's own RAM. */
	assert_int_equal(m.avoid.items[4].start, 0x3ffe0000);
	assert_true(m.own & WB_X86_LA57);
	assert_false(m.confidential);
	assert_int_equal(m.crash.n, 1);
	assert_int_equal(m.crash.items[0].start, 0x30000000);
	assert_int_equal(m.crash.items[0].size, 0x4000000);
	assert_int_equal(m.elfcorehdr_size, 20480);
	assert_int_equal(m.efi_n, 0);
}

/* The kernel before carved the lower half out of its RAM; the upper half is firmware's. */
static void a_store_of_ours_is_ram_for_the_next_kernel(void **state)
{
	const struct wb_handoff_range range = {0x40000000, 0x10000000};
	const struct wb_handoff_store fields = {WB_HANDOFF_STORE_MAGIC, WB_HANDOFF_VERSION, 1};
	_Alignas(struct wb_handoff_store) uint8_t node[sizeof(fields) + sizeof(range)];
	struct wb_handoff_store *head = (struct wb_handoff_store *)node;
	struct fake_file list[32] = {};
	size_t n = 0;

	memcpy(node, &fields, sizeof(fields));
	memcpy(node + sizeof(fields), &range, sizeof(range));
	for (; bios[n].path; n++)
		list[n] = bios[n];
	list[n] = (struct fake_file){
		"/sys/kernel/boot_params/setup_data/2/data", (char *)node, sizeof(node)};
	for (int damaged = 0; damaged < 2; damaged++) {
		struct wb_files files = fake_files(list);
		struct wb_error err = {};
		WB_CLEAN_MACHINE m = {};

		head->n += damaged;
		assert_int_equal(wb_machine_read(&files, &m, &err), 0);
		assert_int_equal(m.memory.n, damaged ? 4 : 5);
		assert_int_equal(
			m.memory.items[3].type, damaged ? WB_MEMORY_PERSISTENT : WB_MEMORY_RAM);
		assert_int_equal(m.memory.items[damaged ? 3 : 4].type, WB_MEMORY_PERSISTENT);
		/* This kernel does not use it: nothing may be placed there. */
		assert_int_equal(m.avoid.items[4].start, 0x3ffe0000);
	}
}

/* memmap=!, mem= and the like took them from the running kernel; firmware calls both RAM. */
static void what_the_kernel_does_not_use_as_ram_is_avoided(void **state)
{
	static const struct fake_file list[] = {
		{"/sys/firmware/memmap/0/start", "0x0\n"},
		{"/sys/firmware/memmap/0/end", "0x7fffffff\n"},
		{"/sys/firmware/memmap/0/type", "System RAM\n"},
		{"/proc/iomem", "00000000-3fffffff : System RAM\n"
				"40000000-4fffffff : Persistent Memory (legacy)\n"},
		{},
	};
	struct wb_files files = fake_files(list);
	struct wb_error err = {};
	WB_CLEAN_MACHINE m = {};

	assert_int_equal(wb_machine_read(&files, &m, &err), 0);
	assert_int_equal(m.memory.n, 1);
	assert_int_equal(m.avoid.n, 1);
	assert_int_equal(m.avoid.items[0].start, 0x40000000);
	assert_true(m.avoid.items[0].size > 0x40000000);
}

/* As without privilege. */
static void hidden_addresses_tell_nothing(void **state)
{
	static const struct fake_file list[] = {
		{"/sys/firmware/memmap/0/start", "0x0\n"},
		{"/sys/firmware/memmap/0/end", "0x7fffffff\n"},
		{"/sys/firmware/memmap/0/type", "System RAM\n"},
		{"/proc/iomem", "00000000-00000000 : System RAM\n"
				"00000000-00000000 : Reserved\n"
				"00000000-00000000 : Crash kernel\n"},
		{},
	};
	struct wb_files files = fake_files(list);
	struct wb_error err = {};
	WB_CLEAN_MACHINE m = {};

	assert_int_equal(wb_machine_read(&files, &m, &err), 0);
	assert_int_equal(m.avoid.n, 0);
	assert_int_equal(m.crash.n, 0);
}

static void efi_machine(void **state)
{
	static const struct fake_file uefi[] = {
		{"/sys/firmware/memmap/0/start", "0x0\n"},
		{"/sys/firmware/memmap/0/end", "0x3fffffff\n"},
		{"/sys/firmware/memmap/0/type", "System RAM\n"},
		{"/sys/firmware/efi/fw_vendor", "0x3f9ec018\n"},
		{"/sys/firmware/efi/config_table", "0x3f7eb018\n"},
		{"/sys/firmware/efi/systab",
			"SMBIOS3=0x3f5c9000\nSMBIOS=0x3f5cb000\nACPI20=0x3f77e014\n"
			"ACPI=0x3f77e000\n"},
		{"/sys/firmware/efi/runtime-map/0/type", "0x5\n"},
		{"/sys/firmware/efi/runtime-map/0/phys_addr", "0x3f8ed000\n"},
		{"/sys/firmware/efi/runtime-map/0/virt_addr", "0xfffffffefeaed000\n"},
		{"/sys/firmware/efi/runtime-map/0/num_pages", "0x100\n"},
		{"/sys/firmware/efi/runtime-map/0/attribute", "0x800000000000000f\n"},
		{"/proc/cpuinfo", "processor\t: 0\nflags\t: fpu tdx_guest\n"},
		{},
	};
	struct wb_files files = fake_files(uefi);
	struct wb_error err = {};
	WB_CLEAN_MACHINE m = {};

	assert_int_equal(wb_machine_read(&files, &m, &err), 0);
	assert_int_equal(m.rsdp, 0x3f77e014);
	assert_int_equal(m.efi_smbios, 0x3f5cb000);
	assert_int_equal(m.efi_tables, 0x3f7eb018);
	assert_int_equal(m.efi_n, 1);
	assert_int_equal(m.efi_map[0].type, 5);
	assert_int_equal(m.efi_map[0].virt, 0xfffffffefeaed000ull);
	assert_int_equal(m.efi_map[0].attribute, 0x800000000000000full);
	assert_true(m.confidential);
}

static void sev_guests_are_confidential(void **state)
{
	static const struct {
		const char *cpuinfo;
		bool confidential;
	} cases[] = {
		{"processor\t: 0\nflags\t: fpu hypervisor sev\n", true},
		{"processor\t: 0\nflags\t: fpu sev sev_es\n", false}, /* the host itself */
		{"processor\t: 0\nflags\t: fpu hypervisor\n", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct fake_file list[] = {
			{"/sys/firmware/memmap/0/start", "0x0\n"},
			{"/sys/firmware/memmap/0/end", "0x3fffffff\n"},
			{"/sys/firmware/memmap/0/type", "System RAM\n"},
			{"/proc/cpuinfo", cases[i].cpuinfo},
			{},
		};
		struct wb_files files = fake_files(list);
		WB_CLEAN_MACHINE m = {};

		assert_int_equal(wb_machine_read(&files, &m, NULL), 0);
		assert_int_equal(m.confidential, cases[i].confidential);
	}
}

static void no_map_is_an_error(void **state)
{
	static const struct fake_file nothing[] = {{"/proc/iomem", ""}, {}};
	struct wb_files files = fake_files(nothing);
	struct wb_error err = {};
	struct wb_machine m = {};

	assert_int_equal(wb_machine_read(&files, &m, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/sys/firmware/memmap"));
	assert_int_equal(m.memory.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bios_machine),
		cmocka_unit_test(a_store_of_ours_is_ram_for_the_next_kernel),
		cmocka_unit_test(what_the_kernel_does_not_use_as_ram_is_avoided),
		cmocka_unit_test(hidden_addresses_tell_nothing),
		cmocka_unit_test(efi_machine),
		cmocka_unit_test(sev_guests_are_confidential),
		cmocka_unit_test(no_map_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
