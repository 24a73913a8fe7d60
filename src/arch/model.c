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

/* The first string of a file, if *ret is not known yet. -ENOMEM. */
static int read_name(const struct wb_files *f, const char *path, char **ret)
{
	WB_CLEAN_BLOB text = {};
	struct wb_span s;

	if (*ret || f->read(f->ctx, path, SHORT, &text, NULL) < 0)
		return 0;
	s = trim((struct wb_span){(const char *)text.data, strlen((const char *)text.data)});
	if (!s.n)
		return 0;
	s.n = s.n < NAME_MOST ? s.n : NAME_MOST;
	*ret = wb_span_copy(s);
	if (!*ret)
		return -ENOMEM;
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
static int read_cpus(
	const struct wb_files *f, const struct wb_arch *arch, struct wb_model *m, bool *ret_guest)
{
	struct wb_span values[KEYS] = {}, line, key, value;
	WB_CLEAN_BLOB info = {};
	const char *at;
	size_t n = 0;
	int r = 0;

	while (arch->cpu_keys && n < KEYS && arch->cpu_keys[n])
		n++;
	if (!n || f->read(f->ctx, "/proc/cpuinfo", CPUINFO_MOST, &info, NULL) < 0)
		return 0;
	for (at = (const char *)info.data; r == 0 && wb_take_line(&at, &line);) {
		if (!trim(line).n) {
			r = add_cpu(values, n, &m->cpus);
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
		r = add_cpu(values, n, &m->cpus);
	wb_strv_sort(&m->cpus);
	return r;
}

static int complete(char **text, const char *otherwise)
{
	if (!*text)
		*text = strdup(otherwise);
	return *text ? 0 : -ENOMEM;
}

int wb_model_read(const struct wb_files *f, struct wb_model *ret)
{
	WB_CLEAN_MODEL m = {};
	bool guest = false;

	if (read_name(f, DMI "sys_vendor", &m.vendor) < 0 ||
		read_name(f, DMI "product_name", &m.product) < 0 ||
		read_name(f, DMI "bios_version", &m.firmware) < 0 ||
		/* Devicetree Specification 2.3.1: the first name of "compatible" has the maker, too. */
		read_name(f, DEVICE_TREE "compatible", &m.vendor) < 0 ||
		read_name(f, DEVICE_TREE "model", &m.product) < 0 ||
		/* Documentation/ABI/stable/sysfs-hypervisor-xen; linux,kvm and xen,xen in a device tree */
		read_name(f, "/sys/hypervisor/type", &m.hypervisor) < 0 ||
		read_name(f, DEVICE_TREE "hypervisor/compatible", &m.hypervisor) < 0 ||
		read_cpus(f, wb_arch_of(f), &m, &guest) < 0 || complete(&m.vendor, "") < 0 ||
		complete(&m.product, "") < 0 || complete(&m.firmware, "") < 0 ||
		complete(&m.hypervisor, guest ? "guest" : "none") < 0)
		return -ENOMEM;
	*ret = m;
	m = (struct wb_model){};
	return 0;
}
