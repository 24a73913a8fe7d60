// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Watchdogs: whatever sysfs says of the devices, the lists of register steps are valid and reach no RAM. Any
 * text as a line of the warm init's plan is refused, or says the same when it is written again.
 */
#include <stdlib.h>
#include <string.h>

#include "fake-files.h"
#include "fuzz.h"
#include "guard/watchdog.h"
#include "purgatory/steps.h"
#include "warminit/dog.h"

#define PCI "/sys/bus/pci/devices/"
#define RAM_END 0x40000000ull /* as the map of the memory below says */

static void check(const struct wb_steps *steps)
{
	if (!steps->n || !wb_steps_valid(steps->items, steps->n))
		__builtin_trap();
	for (uint32_t i = 0; i < steps->n; i++)
		if (steps->items[i].space == WB_REG_MEMORY && steps->items[i].address < RAM_END)
			__builtin_trap();
}

static void find(const uint8_t config[256], const char *device, const char *resource)
{
	const struct fake_file disk[] = {{PCI "0000:00:04.0/vendor", "0x8086\n"},
		{PCI "0000:00:04.0/device", device},
		{PCI "0000:00:04.0/config", (const char *)config, 256},
		{PCI "0000:00:04.0/resource", resource},
		{"/proc/iomem", "00001000-3fffffff : System RAM\n"}, {"/proc/ioports", resource},
		{}};
	struct wb_files files = fake_files(disk);
	struct wb_steps arm = {}, feed = {}, stop = {};
	static const struct wb_watchdog_ways ways = {.registers = true};
	struct wb_watchdog w = {};

	if (wb_watchdog_find(&files, &ways, &w, NULL) < 0)
		return;
	w.kind->arm(&w, w.least_s, &arm);
	w.kind->feed(&w, w.least_s, &feed);
	w.kind->stop(&w, &stop);
	check(&arm);
	check(&feed);
	check(&stop);
}

static void read_back(const char *text)
{
	struct wb_dog_plan plan, plan_again;
	struct wb_reg_step step, step_again;
	char plan_text[WB_DOG_PLAN_TEXT], step_text[WB_DOG_STEP_TEXT];

	if (wb_dog_plan_read(text, &plan)) {
		wb_dog_plan_write(&plan, plan_text);
		if (!wb_dog_plan_read(plan_text, &plan_again) ||
			memcmp(&plan, &plan_again, sizeof(plan)))
			__builtin_trap();
	}
	if (wb_dog_step_read(text, &step)) {
		wb_dog_step_write(&step, step_text);
		if (!wb_dog_step_read(step_text, &step_again) ||
			memcmp(&step, &step_again, sizeof(step)))
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t config[256] = {};
	char *text;

	memcpy(config, data, size < 256 ? size : 256);
	text = strndup(size > 256 ? (const char *)data + 256 : "", size > 256 ? size - 256 : 0);
	if (!text)
		return 0;
	find(config, "0x25ab\n", text);
	find(config, "0x2918\n", text);
	find(config, "0x1234\n", text);
	read_back(text);
	free(text);
	return 0;
}

static const struct {
	uint32_t bar, high, lock, pmbase, rcba;
	const char *text;
} seeds_of[] = {
	{0xfebd1000, 0, 0, 0x601, 0xfed1c001,
		"0x00000000febd1000 0x00000000febd100f 0x0000000000040200\n"},
	{0x1004, 0x38, 0, 0x601, 0xfed1c001,
		"0x0000003800001000 0x000000380000100f 0x0000000000140204\n"},
	{0xfebd1000, 0, 1, 0x601, 0x10001, "  0441-0441 : IB700 WDT\n  0443-0443 : IB700 WDT\n"},
	{0, 0, 0, 0, 0, "itco 0000:00:1f.0 iTCO_wdt 60 600 1"},
	{0, 0, 0, 0, 0, "fed1f410 ffffffdf 0 3 4"},
};

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static struct wb_blob seeds[sizeof(seeds_of) / sizeof(*seeds_of)];

	*ret_n = sizeof(seeds_of) / sizeof(*seeds_of);
	for (size_t i = 0; i < *ret_n && !seeds[i].size; i++) {
		uint8_t c[256] = {0x86, 0x80, 0xab, 0x25, 0x03, 0x01};

		memcpy(c + 0x10, &seeds_of[i].bar, 4);
		memcpy(c + 0x14, &seeds_of[i].high, 4);
		memcpy(c + 0x40, &seeds_of[i].pmbase, 4);
		c[0x44] = 0x80;
		memcpy(c + 0x68, &seeds_of[i].lock, 4);
		memcpy(c + 0xf0, &seeds_of[i].rcba, 4);
		wb_blob_append(&seeds[i], c, sizeof(c));
		wb_blob_append(&seeds[i], seeds_of[i].text, strlen(seeds_of[i].text));
	}
	return seeds;
}
