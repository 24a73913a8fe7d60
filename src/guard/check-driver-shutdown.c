// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: does the running kernel's driver of each PCI device stop the device at a jump? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/text.h"
#include "guard/checks.h"
#include "guard/module.h"
#include "sys/machine.h"

/* The largest module that is read, packed or not. */
#define MOST (64u << 20)

/* A driver that has devices now. */
struct driver {
	char *name, *module;
	char *first; /* the name of its first device */
	size_t devices;
};

struct drivers {
	struct driver *items;
	size_t n;
};

static void deinit(struct drivers *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->items[i].name);
		free(d->items[i].module);
		free(d->items[i].first);
	}
	free(d->items);
}

static int add_device(const struct wb_check_facts *f, const char *device, struct drivers *d)
{
	WB_CLEAN_STR name = NULL;
	WB_CLEAN_STR module = NULL;
	struct driver *new;
	int r = wb_check_device_link(f, device, "driver", &name);

	/* A driver that is built in has no module, and no file to look at. */
	if (r > 0)
		r = wb_check_device_link(f, device, "driver/module", &module);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->items[i].name, name)) {
			d->items[i].devices++;
			return 0;
		}
	new = wb_list_add(d, sizeof(*new));
	if (!new)
		return -ENOMEM;
	*new = (struct driver){name, module, strdup(device), 1};
	name = module = NULL;
	return new->first ? 0 : -ENOMEM;
}

/* "kernel/drivers/net/e1000e.ko.xz: …" is the module e1000e; "-" and "_" are the same. */
static bool is_file_of(struct wb_span path, const char *module)
{
	size_t n = strlen(module), at = path.n;

	while (at && path.s[at - 1] != '/')
		at--;
	if (path.n - at <= n || path.s[at + n] != '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = path.s[at + i];

		if ((c == '-' ? '_' : c) != (module[i] == '-' ? '_' : module[i]))
			return false;
	}
	return true;
}

/* The module's file, unpacked. -ENOENT: modules.dep does not have it. */
static int read_module(const struct wb_check_facts *f, const char *dir, const char *index,
	const char *module, struct wb_blob *ret, struct wb_error *err)
{
	struct wb_span line, path, rest;

	while (wb_take_line(&index, &line)) {
		WB_CLEAN_STR name = NULL;
		WB_CLEAN_STR full = NULL;
		WB_CLEAN_BLOB file = {};
		const struct wb_codec *codec;
		int r;

		if (!wb_span_split(line, ':', &path, &rest) || !is_file_of(path, module))
			continue;
		name = wb_span_copy(path);
		full = name ? wb_strf("%s/%s", dir, name) : NULL;
		if (!full)
			return wb_oom(err);
		r = f->files->read(f->files->ctx, full, MOST, &file, err);
		codec = r < 0 ? NULL : wb_codec_find(wb_blob_view(&file));
		if (r == 0 && codec)
			return codec->decompress(wb_blob_view(&file), MOST, ret, NULL, err);
		if (r == 0)
			*ret = wb_blob_take(&file);
		return r;
	}
	return wb_fail(err, -ENOENT, "%s has no module %s", dir, module);
}

static int judge(const struct wb_check_facts *f, struct wb_check_report *r, const char *dir,
	const char *index, const struct driver *d)
{
	WB_CLEAN_STR evidence = wb_strf(WB_PCI_DEVICES "/%s/driver", d->first);
	struct wb_module_drivers found = {};
	WB_CLEAN_BLOB module = {};
	struct wb_error why = {};
	int e = evidence ? read_module(f, dir, index, d->module, &module, &why) : -ENOMEM;

	if (e == 0)
		e = wb_module_parse(wb_blob_view(&module), &found, &why);
	if (e == -ENOMEM)
		return e;
	if (e < 0)
		return wb_finding_add(r, WB_SEVERITY_NOTE, evidence,
			"try the jump on a machine of this kind that nobody needs",
			"it is not known whether the driver %s stops its %zu devices: %s", d->name,
			d->devices, why.text);
	if (!found.pci || found.stopped == found.pci)
		return 0;
	return wb_finding_add(r, WB_SEVERITY_NOTE, evidence,
		"nothing has to be done for most devices; unload the driver before the jump if the "
		"next kernel finds its device dead",
		"the driver %s does not stop its %zu devices at a jump: the kernel only takes "
		"their right to write to memory away",
		d->name, d->devices);
}

static int find_drivers(const struct wb_check_facts *f, struct drivers *ret, struct wb_error *err)
{
	WB_CLEAN_STRV devices = {};
	int r = wb_check_list(f, WB_PCI_DEVICES, &devices, err);

	for (size_t i = 0; r >= 0 && i < devices.n; i++)
		r = add_device(f, devices.items[i], ret);
	return r < 0 ? r : 0;
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	__attribute__((cleanup(deinit))) struct drivers drivers = {};
	WB_CLEAN_STR release = wb_running_release(f->files);
	WB_CLEAN_STR dir = release ? wb_strf("/lib/modules/%s", release) : NULL;
	WB_CLEAN_STR path = dir ? wb_strf("%s/modules.dep", dir) : NULL;
	WB_CLEAN_BLOB index = {};
	int e = find_drivers(f, &drivers, err);

	if (e < 0 || !drivers.n)
		return e;
	if (!path)
		return wb_fail(err, -EIO, "the running kernel does not tell its release");
	e = f->files->read(f->files->ctx, path, 0, &index, err);
	for (size_t i = 0; e == 0 && i < drivers.n; i++)
		e = judge(f, r, dir, (const char *)index.data, &drivers.items[i]);
	return e;
}

const struct wb_check wb_check_driver_shutdown = {
	.id = "driver-shutdown",
	.about = "PCI devices whose driver in the running kernel has no shutdown method, by the "
		 "module's own file",
	.look = look,
};
