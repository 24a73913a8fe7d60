// SPDX-License-Identifier: LGPL-2.1-or-later
/* Classes of machines: what makes another one, and what does not. */
#include "sample-pairs.h"

static void a_class_has_what_a_jump_depends_on(void **state)
{
	WB_CLEAN_CLASS c = class_of(sample_machine);
	WB_CLEAN_CLASS again = class_of(sample_machine);
	WB_CLEAN_STR text = wb_machine_class_text(&c);

	assert_string_equal(text,
		"vendor Toy? Inc.\nproduct Box 1\nfirmware 1.0\nhypervisor guest\n"
		"cpu GenuineIntel 6 85 7 0x5\n"
		"device 1af4:1041 virtio-pci\ndevice 8086:25ab i6300esb\n");
	assert_true(wb_valid_class_hash(c.hash));
	assert_string_equal(c.hash, again.hash);
}

/* One of these is another machine, or the same one with another firmware, microcode or driver. */
static void another_machine_has_another_class(void **state)
{
	static const struct fake_file others[][24] = {
		{{"/sys/class/dmi/id/bios_version", "1.1\n"}, SAMPLE_MACHINE, {}},
		{{"/sys/class/dmi/id/sys_vendor", "Other\n"}, SAMPLE_MACHINE, {}},
		{{"/sys/class/dmi/id/product_name", "Box\n"}, SAMPLE_MACHINE, {}},
		{{"/sys/hypervisor/type", "xen\n"}, SAMPLE_MACHINE, {}},
		{{"/proc/cpuinfo", CPU("0", "0x6") CPU("1", "0x6")}, SAMPLE_MACHINE, {}},
		{{"/proc/cpuinfo", CPU("0", "0x5") CPU("1", "0x6")}, SAMPLE_MACHINE, {}},
		{{"/sys/bus/pci/devices/0000:00:02.0/driver", .link = "../x/vfio-pci"},
			SAMPLE_MACHINE, {}},
		{PCI("0000:04:00.0", "0x10de", "0x0001", "nvidia"), SAMPLE_MACHINE, {}},
		{KERNEL, {}},
	};
	WB_CLEAN_CLASS c = class_of(sample_machine);
	char seen[9][WB_CLASS_HASH];

	for (size_t i = 0; i < 9; i++) {
		WB_CLEAN_CLASS other = class_of(others[i]);

		assert_string_not_equal(other.hash, c.hash);
		strcpy(seen[i], other.hash);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(other.hash, seen[k]);
	}
}

/* More CPUs or devices of the same kind, and those without a driver, are no other class. */
static void the_same_kind_is_the_same_class(void **state)
{
	static const struct fake_file more[] = {{"/proc/cpuinfo", CPU("7", "0x5")},
		PCI("0000:09:00.0", "0x8086", "0x25ab", "i6300esb"), SAMPLE_MACHINE, {}};
	WB_CLEAN_CLASS a = class_of(sample_machine);
	WB_CLEAN_CLASS b = class_of(more);

	assert_string_equal(a.hash, b.hash);
}

/* Which CPU and which device comes first is no matter. */
static void order_is_no_matter(void **state)
{
	static const struct fake_file one[] = {{"/proc/cpuinfo", CPU("0", "0x5") CPU("1", "0x6")},
		PCI("0000:01:00.0", "0x8086", "0x25ab", "a"),
		PCI("0000:02:00.0", "0x1af4", "0x1041", "b"), {}};
	static const struct fake_file other[] = {{"/proc/cpuinfo", CPU("0", "0x6") CPU("1", "0x5")},
		PCI("0000:01:00.0", "0x1af4", "0x1041", "b"),
		PCI("0000:02:00.0", "0x8086", "0x25ab", "a"), {}};
	WB_CLEAN_CLASS a = class_of(one);
	WB_CLEAN_CLASS b = class_of(other);

	assert_int_equal(a.cpus.n, 2);
	assert_int_equal(a.devices.n, 2);
	assert_string_equal(a.hash, b.hash);
}

/* Another answer than "there is no such file" is no answer. */
static void half_a_class_is_none(void **state)
{
	static const struct fake_file broken[][24] = {
		{{"/sys/class/dmi/id/product_name", .error = -EIO}, SAMPLE_MACHINE, {}},
		{{"/proc/cpuinfo", .error = -EACCES}, SAMPLE_MACHINE, {}},
		{{"/sys/bus/pci/devices/0000:00:02.0/device", .error = -EIO}, SAMPLE_MACHINE, {}},
		{{"/sys/bus/pci/devices", .error = -EACCES}, SAMPLE_MACHINE, {}},
	};

	for (size_t i = 0; i < 4; i++) {
		struct wb_files files = fake_files(broken[i]);
		struct wb_machine_class c = {};
		struct wb_error err = {};

		files.arch = &wb_arch_x86_64;
		assert_int_equal(wb_machine_class_read(&files, &c, &err), broken[i][0].error);
		assert_non_null(strstr(err.text, broken[i][0].path));
		assert_null(c.vendor);
	}
}

static void a_device_tree_names_a_machine_too(void **state)
{
	static const struct fake_file disk[] = {{"/proc/device-tree/model", "Toy Board\0", 10},
		{"/proc/device-tree/compatible", "toy,board\0toy,soc\0", 18},
		{"/proc/device-tree/hypervisor/compatible", "linux,kvm\0", 10},
		{"/proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
				  "CPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n"},
		{}};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_CLASS c = {};
	WB_CLEAN_STR text = NULL;

	files.arch = &wb_arch_arm64;
	assert_int_equal(wb_machine_class_read(&files, &c, NULL), 0);
	text = wb_machine_class_text(&c);
	assert_string_equal(text, "vendor toy,board\nproduct Toy Board\nfirmware \nhypervisor "
				  "linux,kvm\ncpu 0x41 8 0x3 0xd0c 1\n");
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_class_has_what_a_jump_depends_on),
		T(another_machine_has_another_class),
		T(the_same_kind_is_the_same_class),
		T(order_is_no_matter),
		T(half_a_class_is_none),
		T(a_device_tree_names_a_machine_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
