// SPDX-License-Identifier: LGPL-2.1-or-later
/* timeline/klog.c: logs of real kernels, and damaged ones. */
#include <stdio.h>

#include "unit.h"
#include "arch/arch.h"
#include "timeline/klog.h"

static void parse(const char *text, struct wb_klog *ret)
{
	wb_klog_parse(&wb_arch_x86_64, text, strlen(text), ret);
}

static const char start[] =
	"5,0,0,-;Linux version 7.2.12+deb13-cloud-amd64 (x) #1 SMP\n"
	"6,1,0,-;tsc: Detected 2596.111 MHz processor\n"
	"6,80,51227,-;Initmem setup node 0 [mem 0x0000000000001000-0x000000003ffd9fff]\n"
	"6,81,52724,-;On node 0, zone DMA: 1 pages in unavailable ranges\n"
	"6,84,58404,-;setup_percpu: NR_CPUS:8192 nr_cpumask_bits:2 nr_cpu_ids:2 nr_node_ids:1\n"
	"6,158,731738,-;smp: Bringing up secondary CPUs ...\n"
	"6,160,741808,-;.... node  #0, CPUs:      #1\n"
	"5,161,45777,-;a new CPU's clock is behind\n"
	"6,164,888575,-;smp: Brought up 1 node, 2 CPUs\n"
	"6,166,961424,-;node 0 deferred pages initialised in 44ms\n"
	"6,167,964574,-;Memory: 972320K/1048032K available\n"
	"6,198,1333535,-;ACPI: Added _OSI(Module Device)\n"
	"6,203,1389210,-;ACPI: Interpreter enabled\n"
	"6,241,1452940,-;PCI host bridge to bus 0000:00\n"
	"6,242,1453321,-;pci_bus 0000:00: root bus resource [io  0x0000-0x0cf7 window]\n"
	"6,249,1466772,-;pci 0000:00:01.0: [8086:7000] type 00 class 0x060100\n"
	"6,270,1509369,-;Something else\n"
	"6,310,1700000,-;pci 0000:00:01.0: alone here\n"
	"6,319,1724156,-;Trying to unpack rootfs image as initramfs...\n"
	"6,320,1745013,-;Freeing initrd memory: 172K\n"
	"6,374,2737042,-;tsc: Refined TSC clocksource calibration: 2596.120 MHz\n"
	"6,384,3459840,-;Run /init as init process\n"
	"7,385,3460114,-;  with arguments:\n"
	" SUBSYSTEM=x\n"
	"6,389,3500000,-;Run /fake as init process\n"
	"14,396,3816766,-;warmboot: root /dev/vda2 (ext4) after 270 ms: 1 modules 180, device 43, "
	"mount 47; starting /sbin/init\n"
	"15,399,9000000,-;warmboot: tsc 123456789012\n"
	"14,400,9000100,-;somebody else: tsc 5\n";

static void the_parts_are_found(void **state)
{
	struct wb_klog k;

	parse(start, &k);
	assert_true(k.whole);
	assert_int_equal(k.run_init_us, 3459840);
	assert_int_equal(k.tsc_khz, 2596120);
	assert_int_equal(k.cpus, 2);
	assert_int_equal(k.initrd_kib, 172);
	assert_true(k.pages_deferred);
	assert_int_equal(k.parts[WB_KLOG_SMP].begin_us, 731738);
	assert_int_equal(k.parts[WB_KLOG_SMP].used_us, 888575 - 731738);
	assert_int_equal(k.parts[WB_KLOG_PAGES].used_us, 58404 - 51227 + 44000);
	assert_int_equal(k.parts[WB_KLOG_ACPI].used_us, 1389210 - 1333535);
	/* Only between lines that follow each other. */
	assert_int_equal(k.parts[WB_KLOG_PCI].used_us, 1466772 - 1452940);
	assert_int_equal(k.parts[WB_KLOG_INITRD].used_us, 1745013 - 1724156);
	assert_int_equal(k.parts[WB_KLOG_CRYPTO].begin_us, WB_KLOG_NONE);
	assert_int_equal(k.parts[WB_KLOG_WARM_MODULES].begin_us, 3546766);
	assert_int_equal(k.parts[WB_KLOG_WARM_DEVICE].used_us, 43000);
	assert_int_equal(k.parts[WB_KLOG_WARM_MOUNT].begin_us, 3546766 + 223000);
	assert_true(k.tie_tsc == 123456789012ull);
	assert_int_equal(k.tie_us, 9000000);
	assert_int_equal(k.n_top, 0);
}

static void initcalls_are_ranked(void **state)
{
	struct wb_klog k;
	char text[4096] = "5,0,0,-;Linux version 1\n";

	for (int i = 0; i < 20; i++)
		sprintf(text + strlen(text),
			"7,%d,%d,-;initcall f%d+0x0/0x30%s returned 0 after %d usecs\n", i + 1,
			1000 + i, i, i == 3 ? " [mod]" : "", i * 7 % 20 * 100);
	strcat(text, "7,90,2000,-;initcall crypto_algapi_init+0x0/0x80 returned 0 after 5 usecs\n"
		     "7,91,2001,-;initcall broken returned 0 after 9999999 usecs\n");
	parse(text, &k);
	assert_int_equal(k.n_initcalls, 21);
	assert_int_equal(k.n_top, WB_KLOG_TOP);
	for (size_t i = 1; i < k.n_top; i++)
		assert_true(k.top[i - 1].us >= k.top[i].us);
	assert_int_equal(k.top[0].us, 1900);
	assert_int_equal(k.top[9].us, 1000);
	assert_int_equal(k.parts[WB_KLOG_CRYPTO].used_us, 5);
}

static void what_was_overwritten_is_told(void **state)
{
	struct wb_klog k;

	parse("6,4711,5000,-;something late\n6,4712,6000,-;Run /init as init process\n", &k);
	assert_false(k.whole);
	assert_int_equal(k.run_init_us, 6000);
}

static void nobody_but_the_kernel_is_believed(void **state)
{
	struct wb_klog k;

	parse("12,0,1000,-;Run /init as init process\n14,1,1000,-;initcall f+0x0/0x1 returned 0 "
	      "after 1 usecs\n",
		&k);
	assert_int_equal(k.run_init_us, WB_KLOG_NONE);
	assert_int_equal(k.n_initcalls, 0);
}

static void nonsense_does_no_harm(void **state)
{
	static const char *const bad[] = {"", "\n\n", ";", "1,2,3", "1,2,3;", "a,b,c;d",
		"99999999999999999999,1,1,-;x", "6,1,1,-;tsc: Detected x",
		"6,1,1,-;smp: Brought up 1", "7,1,1,-;initcall ", "6,1,1,-;Memory: ",
		"6,1,1,-;node deferred pages initialised in 99999999999999999999ms"};
	struct wb_klog k;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		parse(bad[i], &k);
		assert_int_equal(k.run_init_us, WB_KLOG_NONE);
	}
}

static void a_rate_is_a_whole_number_and_three_digits(void **state)
{
	static const struct {
		const char *text;
		uint64_t khz;
	} lines[] = {
		{"6,1,1,-;tsc: Detected 2400.000 MHz processor\n", 2400000},
		{"6,1,1,-;tsc: Detected 2400 MHz processor\n", 0},
		{"6,1,1,-;tsc: Detected .5 MHz processor\n", 0},
		{"6,1,1,-;tsc: Detected 2400.1234 MHz processor\n", 0},
		{"6,1,1,-;tsc: Detected 99999999.000 MHz processor\n", 0},
		{"6,1,1,-;tsc: Detected 0.500 MHz processor\n", 0},
		{"6,1,1,-;tsc: Detected ", 0},
		{"6,1,1,-;arch_timer: cp15 timer(s) running at 62.50MHz (virt).\n", 0},
	};
	struct wb_klog k;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		parse(lines[i].text, &k);
		assert_int_equal(k.tsc_khz, lines[i].khz);
	}
}

static void a_console_is_counted_at_both_levels(void **state)
{
	struct wb_klog k;

	parse("5,0,0,-;Linux version\n4,1,0,-;warn\n3,2,0,-;error\n7,3,0,-;debug\n", &k);
	assert_int_equal(k.console_bytes, 13 + 4 + 5 + 3 * 17);
	assert_int_equal(k.quiet_bytes, 5 + 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_parts_are_found),
		cmocka_unit_test(initcalls_are_ranked),
		cmocka_unit_test(what_was_overwritten_is_told),
		cmocka_unit_test(nobody_but_the_kernel_is_believed),
		cmocka_unit_test(nonsense_does_no_harm),
		cmocka_unit_test(a_rate_is_a_whole_number_and_three_digits),
		cmocka_unit_test(a_console_is_counted_at_both_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
