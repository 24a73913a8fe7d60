// SPDX-License-Identifier: LGPL-2.1-or-later
/* The class of this machine, its text and the hash of that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/model.h"
#include "core/sha256.h"
#include "core/text.h"
#include "guard/checks.h"
#include "guard/machine-class.h"

/* A text of a machine's maker is shorter, and so is a driver's name. */
#define LONGEST 256
/* No machine has so many kinds of CPUs or devices. */
#define MOST_CPUS 64
#define MOST_DEVICES 1024

static bool is_short(const char *s)
{
	return strlen(s) <= LONGEST && wb_is_plain(s);
}

#define NAME(member)                                                                 \
	WB_JSON_ROW(struct wb_machine_class, member, WB_JSON_STRING, .needed = true, \
		.valid = is_short)
#define NAMES(member, most)                                                                        \
	WB_JSON_ROW(struct wb_machine_class, member, WB_JSON_STRINGS, .needed = true, .max = most, \
		.valid = is_short)

const struct wb_json_field wb_machine_class_fields[] = {
	NAME(vendor),
	NAME(product),
	NAME(firmware),
	NAME(hypervisor),
	NAMES(cpus, MOST_CPUS),
	NAMES(devices, MOST_DEVICES),
	{},
};

bool wb_valid_class_hash(const char *s)
{
	uint8_t hash[32];

	return wb_hex_read(s, sizeof(hash), hash);
}

void wb_machine_class_deinit(struct wb_machine_class *c)
{
	wb_json_free(wb_machine_class_fields, c);
	*c = (struct wb_machine_class){};
}

/* The number in a file of a device, "0x8086"; 0: there is none. */
static int read_id(const struct wb_check_facts *f, const char *device, const char *name,
	unsigned *ret, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_strf(WB_PCI_DEVICES "/%s/%s", device, name);
	WB_CLEAN_BLOB text = {};
	int r = path ? wb_check_read(f, path, &text, err) : wb_oom(err);

	*ret = r > 0 ? (unsigned)strtoul((const char *)text.data, NULL, 0) : 0;
	return r < 0 ? r : 0;
}

static int add_device(const struct wb_check_facts *f, const char *device, struct wb_strv *ret,
	struct wb_error *err)
{
	WB_CLEAN_STR driver = NULL;
	WB_CLEAN_STR text = NULL;
	unsigned vendor, number;
	int r = wb_check_device_link(f, device, "driver", &driver);

	if (r <= 0)
		return r < 0 ? wb_oom(err) : 0;
	r = read_id(f, device, "vendor", &vendor, err);
	if (r == 0)
		r = read_id(f, device, "device", &number, err);
	if (r < 0)
		return r;
	text = wb_strf("%04x:%04x %s", vendor, number, driver);
	if (!text)
		return wb_oom(err);
	wb_make_plain(text);
	return wb_strv_add_once(ret, text) < 0 ? wb_oom(err) : 0;
}

static int read_devices(const struct wb_files *files, struct wb_strv *ret, struct wb_error *err)
{
	const struct wb_check_facts facts = {.files = files};
	WB_CLEAN_STRV names = {};
	int r = wb_check_list(&facts, WB_PCI_DEVICES, &names, err);

	if (r < 0)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = add_device(&facts, names.items[i], ret, err);
	wb_strv_sort(ret);
	return r;
}

/* Each value ends in its line, so no other class has the same text. */
char *wb_machine_class_text(const struct wb_machine_class *c)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "vendor %s\nproduct %s\nfirmware %s\nhypervisor %s\n", c->vendor, c->product,
		c->firmware, c->hypervisor);
	for (size_t i = 0; i < c->cpus.n; i++)
		fprintf(out, "cpu %s\n", c->cpus.items[i]);
	for (size_t i = 0; i < c->devices.n; i++)
		fprintf(out, "device %s\n", c->devices.items[i]);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

int wb_machine_class_seal(struct wb_machine_class *c)
{
	WB_CLEAN_STR text = wb_machine_class_text(c);
	uint8_t hash[32];

	if (!text)
		return -ENOMEM;
	wb_sha256(text, strlen(text), hash);
	wb_hex_write(hash, sizeof(hash), c->hash);
	return 0;
}

int wb_machine_class_read(
	const struct wb_files *files, struct wb_machine_class *ret, struct wb_error *err)
{
	WB_CLEAN_CLASS c = {};
	WB_CLEAN_MODEL m = {};
	int r = wb_model_read(files, &m, err);

	if (r < 0)
		return r;
	c = (struct wb_machine_class){.vendor = m.vendor,
		.product = m.product,
		.firmware = m.firmware,
		.hypervisor = m.hypervisor,
		.cpus = m.cpus};
	m = (struct wb_model){};
	r = read_devices(files, &c.devices, err);
	if (r == 0 && wb_machine_class_seal(&c) < 0)
		r = wb_oom(err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct wb_machine_class){};
	return 0;
}
