// SPDX-License-Identifier: LGPL-2.1-or-later
/* The rules for virtual machines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "keep/judge-vm.h"
#include "qemu/unit-words.h"
#include "store/guest-memory.h"
#include "systemd/definition.h"

/* Room in the store: the state of devices, and memory that is none of the guest's main one (of a graphics card). */
#define STATE_BYTES (32u << 20)

/* A page's head in the stream of a guest whose memory goes through the store: one part in so many. */
#define HEADS 256

struct judging {
	const struct wb_keep_facts *facts;
	const struct wb_qemu_facts *q;
	struct wb_strv *reasons;
	const char *moves; /* why its memory cannot stay where it is, a sentence; NULL: it can */
	int r;
};

#define REFUSE(j, ...)                                                    \
	do {                                                              \
		if ((j)->r == 0)                                          \
			(j)->r = wb_strv_addf((j)->reasons, __VA_ARGS__); \
	} while (0)

/* Mounts elsewhere are unmounted by the shutdown, and their pages are free then. */
static void judge_path(struct judging *j, const char *path)
{
	static const char earlier[] = WB_VM_DIR "/";
	bool kept = !strncmp(path, earlier, strlen(earlier));

	if (strncmp(path, "/dev/", 5) && !kept)
		REFUSE(j,
			"its memory %.100s does not lie below /dev, where the shutdown leaves "
			"mounts",
			path);
	/* The device that an earlier jump has made for it is there in this boot only. */
	if (j->moves && kept)
		REFUSE(j, "%s", j->moves);
}

static void judge_words(struct judging *j)
{
	const struct wb_qemu_args *a = &j->q->args;

	if (!a->qmp)
		REFUSE(j, "QEMU has no QMP socket: add \"-qmp "
			  "unix:/run/NAME.qmp,server=on,wait=off\"");
	if (a->obstacle)
		REFUSE(j, "%s", a->obstacle);
	if (a->mem_path)
		judge_path(j, a->mem_path);
}

static bool is_file(const struct wb_qemu_args *a)
{
	return a->backend && a->kind && !strcmp(a->kind, "memory-backend-file") && a->mem_path;
}

static const char *why_it_moves(const struct wb_qemu_facts *q)
{
	if (!is_file(&q->args))
		return "it is no file in /dev/hugepages or " WB_VM_MEMORY;
	if (!q->args.share)
		return "it is not shared (share=on)";
	if (q->args.discard)
		return "QEMU empties it when it ends (discard-data=on)";
	if (q->guest.others)
		return "it is in several pieces";
	if (q->fault.code)
		return q->fault.text;
	return q->image.runs.n || q->image.dax ? NULL : "it was not found";
}

/* QEMU writes memory of every kind; the next boot must have the kind with which the unit starts QEMU. */
static void judge_moving(struct judging *j)
{
	const struct wb_qemu_args *a = &j->q->args;

	if (!j->moves || !j->q->asked)
		return;
	if (j->q->fault.code == -EACCES || j->q->fault.code == -EPERM)
		REFUSE(j, "%s", j->q->fault.text);
	else if (a->kind && strcmp(a->kind, "memory-backend-ram") &&
		 strcmp(a->kind, "memory-backend-memfd") && !is_file(a))
		REFUSE(j, "its memory is a %.60s", a->kind);
	if (j->q->guest.plugged)
		REFUSE(j, "it has %llu MiB of memory in memory devices besides its main memory",
			(unsigned long long)j->q->guest.plugged >> 20);
}

static void judge_answers(struct judging *j)
{
	const struct wb_qemu_guest *g = &j->q->guest;
	const char *typed = j->q->args.machine;

	if (!j->q->asked)
		return;
	if (!typed || strcmp(typed, g->machine))
		REFUSE(j,
			"its machine type \"%.40s\" is an alias, which another version of QEMU "
			"takes "
			"for another machine: use \"%.40s\"",
			typed ? typed : "(default)", g->machine);
	for (size_t i = 0; i < g->blocked.n; i++)
		REFUSE(j, "QEMU cannot save it: %.300s", g->blocked.items[i]);
	if (strcmp(g->status, "running") && strcmp(g->status, "paused"))
		REFUSE(j, "its state is \"%.40s\"", g->status);
}

/* Settings under which it could not open its memory, or would not be started again as it was. */
static const struct {
	const char *key, *why;
	bool device; /* only because of the device that its memory becomes */
} settings[] = {
	{"ExecCondition", "what it checks is not done before the guest goes on"},
	{"ExecStartPre", "what it prepares would not be there when the guest goes on"},
	{"ExecStartPost", "what it does is not done when the guest goes on"},
	{"PrivateDevices", "it would not see its memory's device", true},
	{"DevicePolicy", "it could not open its memory's device", true},
	{"DeviceAllow", "it could not open its memory's device", true},
	{"RootDirectory", "it would not see its memory's device"},
	{"RootImage", "it would not see its memory's device"},
	{"PrivateUsers", "it could not open its memory's device", true},
	{"DynamicUser", "its user may be another one in the next boot"},
	{"BindsTo", "it would be stopped as long as that unit is not there"},
};

static void judge_settings(struct judging *j)
{
	struct wb_definition_walk w = {j->facts->definition};

	while (j->r == 0) {
		WB_CLEAN_SETTING a = {};
		int r = wb_definition_next(&w, &a);

		if (r <= 0) {
			j->r = r;
			return;
		}
		for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
			if (!strcmp(a.key, settings[i].key) && wb_setting_is_on(a.value) &&
				!(settings[i].device && j->moves))
				REFUSE(j, "it has %s=: %s", a.key, settings[i].why);
	}
}

static void judge_unit(struct judging *j)
{
	const struct wb_service *s = j->facts->systemd;

	if (j->facts->procs->n != 1)
		REFUSE(j, "%zu processes run in it besides QEMU", j->facts->procs->n - 1);
	if (s->triggered_by.n)
		REFUSE(j, "%s starts it", s->triggered_by.items[0]);
	if (s->stored_fds)
		REFUSE(j, "systemd stores file descriptors for it");
	if (s->type && strcmp(s->type, "simple") && strcmp(s->type, "exec") &&
		strcmp(s->type, "forking"))
		REFUSE(j, "its unit has Type=%s, and a guest's is simple, exec or forking",
			s->type);
}

/* Root starts only words in the next boot that root has chosen. */
static void judge_origin(struct judging *j)
{
	const struct wb_vm_image *image = &j->q->image;
	WB_CLEAN_STR memory = wb_vm_memory_path(j->facts->unit);
	struct wb_error why = {};
	int r;

	if (wb_text_ends(image->program, " (deleted)")) {
		REFUSE(j, "its program was replaced on disk: restart it after the upgrade");
		return;
	}
	r = memory ? wb_qemu_words_check(image->program, &image->argv, &j->facts->systemd->command,
			     memory, &why)
		   : -ENOMEM;

	if (r == -ENOMEM)
		j->r = r;
	else if (r < 0)
		REFUSE(j, "%s", why.text);
}

uint64_t wb_vm_store_bytes(uint64_t memory)
{
	return STATE_BYTES + memory + memory / HEADS;
}

int wb_vm_move(struct wb_vm_image *image, const char *why, struct wb_error *ret_said)
{
	static const char earlier[] = WB_VM_DIR "/";
	WB_CLEAN_QEMU_ARGS args = {};

	if (wb_qemu_args_read(&image->argv, &args) < 0)
		return wb_oom(ret_said);
	/* The device that an earlier jump has made for it is there in this boot only. */
	if (image->stored || (args.mem_path && !strncmp(args.mem_path, earlier, strlen(earlier))))
		return wb_fail(ret_said, -EOPNOTSUPP, "%s", why);
	image->stored = true;
	image->dax = false;
	image->runs.n = 0;
	wb_fail(ret_said, 0, "its memory cannot stay in place, and goes through the store: %s",
		why);
	return 0;
}

/* Where its memory goes, in what the next boot is told. A guest in place tells of its huge pages as well, in case it has to move. */
static int fill_memory(const struct judging *j, struct wb_keep_verdict *v)
{
	v->bytes = STATE_BYTES;
	if (!j->moves)
		return 0;
	v->bytes = wb_vm_store_bytes(j->q->guest.memory);
	if (json_object_set_new(v->guest, "stored", json_true()) < 0 ||
		json_object_set_new(v->guest, "dax", json_false()) < 0)
		return -ENOMEM;
	return json_object_set_new(v->guest, "runs", json_array());
}

static int fill(const struct judging *j, struct wb_keep_verdict *v)
{
	const struct wb_keep_facts *facts = j->facts;
	const char *cgroup = facts->systemd->cgroup;
	/* systemd tells no number for root's own services. */
	uint32_t uid = facts->systemd->uid == UINT32_MAX ? 0 : facts->systemd->uid;

	v->guest = wb_vm_image_write(&facts->qemu->image);
	if (v->guest)
		json_object_set_new(v->guest, "uid", json_integer(uid));
	v->guest_pid = facts->systemd->main_pid;
	v->cgroup = cgroup ? strdup(cgroup) : NULL;
	v->processes = 1;
	v->threads = facts->procs->n ? (size_t)facts->procs->items[0].threads : 0;
	if (!v->guest || fill_memory(j, v) < 0)
		return -ENOMEM;
	return v->cgroup || !cgroup ? 0 : -ENOMEM;
}

/* With KVM such a model is what the kernel and the host's CPU can do, which another kernel may see otherwise. */
static bool has_host_cpu(const struct wb_qemu_facts *q)
{
	return q->guest.kvm && q->args.cpu &&
	       (!strcmp(q->args.cpu, "host") || !strcmp(q->args.cpu, "max"));
}

/* Where its memory is, and what differs afterwards. */
static int add_notes(const struct judging *j, struct wb_keep_verdict *v)
{
	const struct wb_qemu_facts *q = j->q;
	int r;

	if (j->moves)
		r = wb_strv_addf(&v->warnings,
			"its %lld MiB of memory go through the store, since %.200s: they are "
			"copied while it runs, and its pause grows with what it writes meanwhile",
			(long long)q->image.size >> 20, j->moves);
	else if (q->image.dax)
		r = wb_strv_addf(&v->warnings,
			"its %lld MiB of memory lie in the region for guests (%.200s) and stay "
			"there",
			(long long)q->image.size >> 20, q->args.mem_path);
	else
		r = wb_strv_addf(&v->warnings,
			"its %lld MiB of memory lie in %zu piece%s and stay there",
			(long long)q->image.size >> 20, q->image.runs.n,
			q->image.runs.n == 1 ? "" : "s");

	if (r == 0 && has_host_cpu(q))
		r = wb_strv_addf(&v->warnings,
			"its CPU is the host's own (-cpu %s): if the next kernel gives guests "
			"another one, it is started in the ordinary way",
			q->args.cpu);
	/* Documentation/virt/kvm/x86/running-nested-guests.rst */
	if (r == 0 && q->guest.nested)
		r = wb_strv_add(&v->warnings,
			"it can run guests of its own (nested), which go on with it as far as the "
			"KVM of both kernels saves them: on Intel's CPUs they do, and on AMD's "
			"they are to be stopped before");
	if (r == 0 && q->args.agent)
		r = wb_strv_add(&v->warnings,
			"its wall clock is set by its guest agent afterwards, if that "
			"runs; its monotonic clock goes on");
	else if (r == 0)
		r = wb_strv_add(&v->warnings,
			"its wall clock is late afterwards by the length of the pause, since it "
			"has no guest agent (org.qemu.guest_agent.0); its monotonic clock goes "
			"on");
	return r;
}

/* A virtual machine of another program than QEMU: the reason comes before those of its open devices. */
static int judge_other(
	const struct wb_keep_facts *facts, struct wb_keep_verdict *ret, struct wb_error *err)
{
	static const char program[] = "cloud-hypervisor";
	const struct wb_proc *main =
		facts->procs ? wb_procs_find(facts->procs, facts->systemd->main_pid) : NULL;
	const char *exe = main && main->exe ? main->exe : "", *name = strrchr(exe, '/');

	if (!name || strncmp(name + 1, program, strlen(program)))
		return 0;
	if (wb_strv_addf(&ret->reasons,
		    "it is a virtual machine of %s, which writes its memory into files of a "
		    "directory, and only guests of QEMU and libvirt are kept: let it make a "
		    "snapshot (ch-remote snapshot) before the jump",
		    program) < 0)
		return wb_oom(err);
	return 0;
}

int wb_judge_vm(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct judging j = {.facts = facts, .q = facts->qemu, .reasons = &ret->reasons};

	if (!j.q)
		return judge_other(facts, ret, err);
	j.moves = why_it_moves(j.q);
	judge_words(&j);
	judge_moving(&j);
	judge_answers(&j);
	judge_unit(&j);
	judge_origin(&j);
	judge_settings(&j);
	if (!j.q->asked && j.q->fault.code && !ret->reasons.n)
		REFUSE(&j, "%s", j.q->fault.text);
	if (j.r == 0)
		j.r = fill(&j, ret);
	if (j.r == 0 && !ret->reasons.n)
		j.r = add_notes(&j, ret);
	return j.r < 0 ? wb_oom(err) : !ret->reasons.n;
}

int wb_vm_to_manifest(const struct wb_keep_verdict *v, struct wb_manifest_unit *u)
{
	int64_t *pid = wb_list_add(&u->pids, sizeof(*pid));

	if (!pid)
		return -ENOMEM;
	*pid = u->main_pid = v->guest_pid;
	u->cgroup = v->cgroup ? strdup(v->cgroup) : NULL;
	u->image = json_incref(v->guest);
	u->plain = false;
	return u->cgroup || !v->cgroup ? 0 : -ENOMEM;
}
