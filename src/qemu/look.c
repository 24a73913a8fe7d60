// SPDX-License-Identifier: LGPL-2.1-or-later
/* The facts about a running QEMU. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/files.h"
#include "core/text.h"
#include "qemu/look.h"
#include "qemu/pages.h"
#include "sys/sys.h"

#define ANSWER_MS 5000
#define LARGEST_CMDLINE (1u << 20)

/* Modules that QEMU uses by a device file or by name, and that udev would load later. */
static const char *const used[] = {"kvm", "kvm_amd", "kvm_intel", "tun", "tap", "vhost",
	"vhost_net", "vhost_vsock", "macvtap", "bridge", NULL};

void wb_qemu_facts_deinit(struct wb_qemu_facts *f)
{
	wb_qemu_args_deinit(&f->args);
	wb_vm_image_deinit(&f->image);
	wb_qemu_guest_deinit(&f->guest);
	*f = (struct wb_qemu_facts){};
}

static int read_words(pid_t pid, struct wb_strv *ret)
{
	WB_CLEAN_BLOB text = {};
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	r = wb_files_host.read(wb_files_host.ctx, path, LARGEST_CMDLINE, &text, NULL);
	for (size_t at = 0; r == 0 && at < text.size; at += strlen((char *)text.data + at) + 1)
		r = wb_strv_add(ret, (char *)text.data + at);
	return r == -ENOMEM ? r : 0;
}

static int note_modules(struct wb_strv *ret)
{
	int r = 0;

	for (const char *const *m = used; r == 0 && *m; m++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/module/%s/refcnt", *m);
		if (access(path, F_OK) == 0)
			r = wb_strv_add(ret, *m);
	}
	return r;
}

int wb_qemu_look_at_words(pid_t pid, struct wb_qemu_facts *ret, struct wb_error *err)
{
	struct wb_qemu_facts f = {};
	char path[64], program[4096];
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, program, sizeof(program) - 1);
	if (n <= 0)
		return 0;
	program[n] = '\0';
	if (!wb_qemu_is_program(program))
		return 0;
	f.image.program = strdup(program);
	r = f.image.program ? read_words(pid, &f.image.argv) : -ENOMEM;
	if (r == 0)
		r = wb_qemu_args_read(&f.image.argv, &f.args);
	if (r < 0) {
		wb_qemu_facts_deinit(&f);
		return wb_oom(err);
	}
	*ret = f;
	return 1;
}

static int ask(pid_t pid, struct wb_qemu_facts *f, struct wb_error *err)
{
	WB_CLEAN_QMP q = NULL;
	int r = wb_qmp_open(pid, f->args.qmp, ANSWER_MS, &q, err);

	if (r == 0)
		r = wb_qemu_ask(q, f->args.backend, &f->guest, err);
	f->asked = r == 0;
	return r;
}

static int find_memory(pid_t pid, struct wb_qemu_facts *f, struct wb_error *err)
{
	WB_CLEAN_GUEST_RAM ram = {};
	int r = wb_guest_ram_open(pid, f->guest.memory, &ram, err);

	if (r == 0) {
		f->image.runs = ram.runs;
		ram.runs = (wb_guest_runs){};
		f->image.dax = ram.dax;
		f->region_start = ram.region_start;
		f->region_size = ram.region_size;
	}
	return r;
}

/* The kernel counts small pages for the answer as well, which takes long, so only such a QEMU is looked at. */
static bool may_have_huge_pages(const struct wb_strv *argv)
{
	for (size_t i = 0; i < argv->n; i++)
		if (strstr(argv->items[i], "hugetlb") || strstr(argv->items[i], "mem-path"))
			return true;
	return false;
}

int wb_qemu_look(pid_t pid, struct wb_qemu_facts *ret, struct wb_error *err)
{
	struct wb_qemu_facts f = {};
	int r = wb_qemu_look_at_words(pid, &f, err);

	if (r <= 0)
		return r;
	r = f.args.qmp ? ask(pid, &f, &f.fault) : 0;
	if (r == 0 && f.asked && f.guest.has_backend && f.guest.share)
		r = find_memory(pid, &f, &f.fault);
	if (r != -ENOMEM) {
		wb_text_replace(&f.image.qmp, f.args.qmp);
		wb_text_replace(&f.image.machine, f.guest.machine);
		f.image.size = (int64_t)f.guest.memory;
		f.image.running = f.guest.running;
		f.image.network = f.args.network;
		r = note_modules(&f.image.modules);
		if (r == 0 && may_have_huge_pages(&f.image.argv))
			r = wb_guest_huge_find(&wb_files_host, pid, f.guest.memory, &f.image.huge);
	}
	if (r == -ENOMEM) {
		wb_qemu_facts_deinit(&f);
		return wb_oom(err);
	}
	*ret = f;
	return 1;
}
