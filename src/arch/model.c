// SPDX-License-Identifier: LGPL-2.1-or-later
/* The model of a machine, from files that several kinds of machines have, and from the CPUs by the machine's row. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/model.h"

/* drivers/firmware/dmi-id.c in the kernel */
#define DMI "/sys/class/dmi/id/"
#define DEVICE_TREE "/proc/device-tree/"

#define SHORT 4096
/* A machine may have thousands of CPUs, and each has about 2 KiB. */
#define CPUINFO_MOST (32u << 20)
#define KEYS 8
/* Longer texts are cut off; nobody gives a machine such a name. */
#define NAME_MOST 200
#define VALUE_MOST 64

void wb_model_deinit(struct wb_model *m)
{
	free(m->vendor);
	free(m->product);
	free(m->firmware);
	free(m->hypervisor);
	wb_strv_deinit(&m->cpus);
	*m = (struct wb_model){};
}

static struct wb_span trim(struct wb_span s)
{
	while (s.n && strchr(" \t\n", s.s[s.n - 1]))
		s.n--;
	while (s.n && strchr(" \t", *s.s)) {
		s.s++;
		s.n--;
	}
	return s;
}

/* 1: the file is there; 0: it is not. */
static int read_file(const struct wb_files *f, const char *path, size_t limit, struct wb_blob *ret,
	struct wb_error *err)
{
	int r = f->read(f->ctx, path, limit, ret, err);

	if (r != -ENOENT && r != -ENOTDIR)
		return r < 0 ? r : 1;
	if (err)
		*err = (struct wb_error){};
	return 0;
}

/* The first string of a file, if *ret is not known yet. */
static int read_name(const struct wb_files *f, const char *path, char **ret, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	struct wb_span s;
	int r = *ret ? 0 : read_file(f, path, SHORT, &text, err);

	if (r <= 0)
		return r;
	s = trim((struct wb_span){(const char *)text.data, strlen((const char *)text.data)});
	if (!s.n)
		return 0;
	s.n = s.n < NAME_MOST ? s.n : NAME_MOST;
	*ret = wb_span_copy(s);
	if (!*ret)
		return wb_oom(err);
	wb_make_plain(*ret);
	return 0;
}

/* The values of one CPU become one text. */
static int add_cpu(const struct wb_span *values, size_t n, struct wb_strv *cpus)
{
	WB_CLEAN_STR text = strdup("");
	bool any = false;

	for (size_t i = 0; text && i < n; i++) {
		WB_CLEAN_STR before = text;
		struct wb_span v = values[i].n ? values[i] : (struct wb_span){"-", 1};

		any |= values[i].n > 0;
		text = wb_strf("%s%s%.*s", before, i ? " " : "",
			(int)(v.n < VALUE_MOST ? v.n : VALUE_MOST), v.s);
	}
	if (!text)
		return -ENOMEM;
	wb_make_plain(text);
	return any ? wb_strv_add_once(cpus, text) : 0;
}

static bool has_word(struct wb_span line, const char *want)
{
	struct wb_span word;

	while (wb_take_word(&line, &word))
		if (wb_span_is(word, want))
			return true;
	return false;
}

/* An empty line ends the lines "KEY : VALUE" of a CPU. */
static int parse_cpus(
	const char *text, const struct wb_arch *arch, struct wb_strv *cpus, bool *ret_guest)
{
	struct wb_span values[KEYS] = {}, line, key, value;
	size_t n = 0;
	int r = 0;

	while (n < KEYS && arch->cpu_keys[n])
		n++;
	while (r == 0 && wb_take_line(&text, &line)) {
		if (!trim(line).n) {
			r = add_cpu(values, n, cpus);
			memset(values, 0, sizeof(values));
			continue;
		}
		if (!wb_span_split(line, ':', &key, &value))
			continue;
		key = trim(key);
		for (size_t i = 0; i < n; i++)
			if (wb_span_is(key, arch->cpu_keys[i]))
				values[i] = trim(value);
		if (arch->cpu_guest && wb_span_is(key, "flags"))
			*ret_guest |= has_word(value, arch->cpu_guest);
	}
	if (r == 0)
		r = add_cpu(values, n, cpus);
	wb_strv_sort(cpus);
	return r;
}

static int read_cpus(
	const struct wb_files *f, struct wb_strv *cpus, bool *ret_guest, struct wb_error *err)
{
	const struct wb_arch *arch = wb_arch_of(f);
	WB_CLEAN_BLOB info = {};
	int r = arch->cpu_keys ? read_file(f, "/proc/cpuinfo", CPUINFO_MOST, &info, err) : 0;

	if (r <= 0)
		return r;
	return parse_cpus((const char *)info.data, arch, cpus, ret_guest) < 0 ? wb_oom(err) : 0;
}

static int complete(char **text, const char *otherwise)
{
	if (!*text)
		*text = strdup(otherwise);
	return *text ? 0 : -ENOMEM;
}

int wb_model_read(const struct wb_files *f, struct wb_model *ret, struct wb_error *err)
{
	WB_CLEAN_MODEL m = {};
	const struct {
		const char *path;
		char **text;
	} names[] = {
		{DMI "sys_vendor", &m.vendor},
		{DMI "product_name", &m.product},
		{DMI "bios_version", &m.firmware},
		/* Devicetree Specification 2.3.1: the first name of "compatible" has the maker, too. */
		{DEVICE_TREE "compatible", &m.vendor},
		{DEVICE_TREE "model", &m.product},
		/* Documentation/ABI/stable/sysfs-hypervisor-xen; "linux,kvm" and "xen,xen" in a device tree */
		{"/sys/hypervisor/type", &m.hypervisor},
		{DEVICE_TREE "hypervisor/compatible", &m.hypervisor},
	};
	bool guest = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(*names); i++)
		r = read_name(f, names[i].path, names[i].text, err);
	if (r == 0)
		r = read_cpus(f, &m.cpus, &guest, err);
	if (r < 0)
		return r;
	if (complete(&m.vendor, "") < 0 || complete(&m.product, "") < 0 ||
		complete(&m.firmware, "") < 0 ||
		complete(&m.hypervisor, guest ? "guest" : "none") < 0)
		return wb_oom(err);
	*ret = m;
	m = (struct wb_model){};
	return 0;
}
