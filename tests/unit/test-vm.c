// SPDX-License-Identifier: LGPL-2.1-or-later
/* keep/judge-vm.c, qemu/image.c, and the replacement of a guest's unit. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/text.h"
#include "fake-files.h"
#include "keep/find-vm.h"
#include "keep/judge-vm.h"
#include "keep/thaw-vm.h"
#include "qemu/dax.h"
#include "qemu/image.h"
#include "qemu/pages.h"
#include "restore/replacement.h"
#include "systemd/spare.h"
#include "fake-runner.h"
#include "unit.h"

#define OBJECT "memory-backend-file,id=r,size=64M,mem-path=/dev/hugepages/v,share=on"

/* A guest of which nothing hinders the jump. */
struct fixture {
	struct wb_qemu_facts q;
	struct wb_service service;
	struct wb_proc procs[2];
	struct wb_procs all;
	struct wb_unit_text text;
	struct wb_unit_texts definition;
	struct wb_keep_facts facts;
};

static void words(struct wb_strv *v, const char *object, const char *more)
{
	const char *const list[] = {"qemu", "-machine", "pc-q35-10.0,memory-backend=r", "-object",
		object, "-qmp", "unix:/run/q,server=on", "-name", more};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		assert_int_equal(wb_strv_add(v, list[i]), 0);
}

static void good(struct fixture *f, const char *object)
{
	struct wb_guest_run *run;

	*f = (struct fixture){.service = {.type = strdup("simple"),
				      .cgroup = strdup("/system.slice/v.service"),
				      .uid = 7,
				      .main_pid = 42},
		.all = {.items = f->procs, .n = 1},
		.text = {.path = strdup("/etc/v.service"),
			.text = strdup("[Service]\nExecStart=x\nUser=q\nLimitMEMLOCK="
				       "1\nAppArmorProfile=q\n"
				       "Restart=always\n")},
		.q.asked = true,
		.q.guest = {.machine = strdup("pc-q35-10.0"),
			.status = strdup("running"),
			.running = true,
			.memory = 64 << 20,
			.has_backend = true,
			.share = true}};
	f->procs[0].threads = 3;
	words(&f->q.image.argv, object, "a \"b\" $c %d\n");
	assert_int_equal(wb_strv_add(&f->service.command, "/usr/bin/qemu-system-x86_64"), 0);
	words(&f->service.command, object, "a \"b\" $c %d\n");
	assert_int_equal(wb_qemu_args_read(&f->q.image.argv, &f->q.args), 0);
	f->q.image.program = strdup("/usr/bin/qemu-system-x86_64");
	f->q.image.qmp = strdup("/run/q");
	f->q.image.machine = strdup("pc-q35-10.0");
	f->q.image.size = 64 << 20;
	run = wb_list_add(&f->q.image.runs, sizeof(*run));
	*run = (struct wb_guest_run){512 << 20, 64 << 20};
	f->definition = (struct wb_unit_texts){&f->text, 1};
	f->facts = (struct wb_keep_facts){.unit = "v.service",
		.systemd = &f->service,
		.procs = &f->all,
		.definition = &f->definition,
		.qemu = &f->q};
}

static void done(struct fixture *f)
{
	wb_qemu_facts_deinit(&f->q);
	wb_service_deinit(&f->service);
	free(f->text.path);
	free(f->text.text);
}

static void good_guest_is_kept_and_started_again(void **state)
{
	const struct wb_replacement_wishes wishes = {
		.program = "/usr/sbin/warmboot", .deadline_s = 90};
	struct wb_manifest_unit u = {.unit = (char *)"v.service", .how = WB_KEEP_VM};
	WB_CLEAN_KEEP_VERDICT v = {};
	WB_CLEAN_VM_IMAGE image = {};
	WB_CLEAN_STR text = NULL;
	WB_CLEAN_STR drop_in = NULL;
	struct wb_error err = {};
	struct fixture f;

	good(&f, OBJECT);
	assert_int_equal(wb_judge_vm(&f.facts, NULL, &v, &err), 1);
	assert_int_equal(v.reasons.n, 0);
	assert_int_equal(v.threads, 3);
	assert_int_equal(wb_vm_to_manifest(&v, &u), 0);
	assert_int_equal(u.main_pid, 42);
	assert_int_equal(wb_vm_image_read(u.image, &image, &err), 0);
	assert_int_equal(image.uid, 7);
	assert_int_equal(image.runs.items[0].start, 512 << 20);
	u.definition = f.definition;
	assert_int_equal(wb_replacement_text(&u, &wishes, &text, &err), 0);
	/* The settings of its process stay, since systemd starts it again, and nothing of a word is expanded. */
	assert_non_null(strstr(text, "\nUser=q\nLimitMEMLOCK=1\n"));
	assert_null(strstr(text, "Restart=always"));
	assert_non_null(strstr(text, "\nAppArmorProfile=q\n"));
	assert_non_null(strstr(text, "\nAfter=apparmor.service\n"));
	assert_null(strstr(text, "ExecStart=x"));
	assert_non_null(
		strstr(text, "\nExecStartPre=+/usr/sbin/warmboot thaw --prepare v.service\n"));
	assert_non_null(strstr(text, "\nExecStart=\"/usr/bin/qemu-system-x86_64\" \"-machine\" "));
	assert_non_null(
		strstr(text, "mem-path=/run/warmboot/vm/v.service.ram,share=on,align=2M\""));
	assert_non_null(strstr(text, "\"a \\\"b\\\" $$c %%d\\x0a\" \"-incoming\" \"defer\"\n"));
	assert_non_null(strstr(text, "\nExecStartPost=+/usr/sbin/warmboot thaw v.service\n"));
	/* Whether it comes back or not, its memory is wiped when QEMU has ended. */
	assert_non_null(
		strstr(text, "\nExecStopPost=-+/usr/sbin/warmboot thaw --forget v.service\n"));
	assert_int_equal(wb_replacement_drop_in("v\\x2d.service", "/w", &drop_in), 0);
	assert_non_null(
		strstr(drop_in, "\n[Service]\nExecStopPost=-+/w thaw --forget v\\\\x2d.service\n"));
	free(u.pids.items);
	free(u.cgroup);
	json_decref(u.image);
	done(&f);
}

static void refuse(struct fixture *f, const char *want)
{
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};
	bool found = false;

	assert_int_equal(wb_judge_vm(&f->facts, NULL, &v, &err), 0);
	for (size_t i = 0; i < v.reasons.n; i++)
		found |= !!strstr(v.reasons.items[i], want);
	if (!found)
		fail_msg("\"%s\" is not among the reasons: %s", want,
			v.reasons.n ? v.reasons.items[0] : "none");
	done(f);
}

static void what_hinders_is_told(void **state)
{
	struct fixture f;

	good(&f, OBJECT);
	wb_text_replace(&f.q.args.qmp, NULL);
	refuse(&f, "no QMP socket");
	good(&f, OBJECT);
	wb_text_replace(&f.q.args.machine, "q35");
	refuse(&f,
		"\"q35\" is an alias, which another version of QEMU takes for another machine: use "
		"\"pc-q35-10.0\"");
	good(&f, "memory-backend-epc,id=r,size=64M");
	refuse(&f, "its memory is a memory-backend-epc");
	good(&f, "memory-backend-file,id=r,share=on,mem-path=/run/warmboot/vm/v.service.ram");
	wb_fail(&f.q.fault, -EIO, "its device tells nothing");
	refuse(&f, "its device tells nothing");
	good(&f, OBJECT);
	wb_fail(&f.q.fault, -EACCES, "cannot open the file of its memory");
	refuse(&f, "cannot open the file of its memory");
	good(&f, "memory-backend-file,id=r,share=on,mem-path=/mnt/huge/v");
	refuse(&f, "does not lie below /dev");
	good(&f, OBJECT);
	assert_int_equal(wb_strv_add(&f.q.guest.blocked, "VFIO migration is not supported"), 0);
	refuse(&f, "QEMU cannot save it: VFIO migration is not supported");
	good(&f, OBJECT);
	f.q.guest.others = f.q.guest.plugged = 1 << 30;
	refuse(&f, "1024 MiB of memory in memory devices besides");
	good(&f, OBJECT);
	wb_text_replace(&f.q.guest.status, "inmigrate");
	refuse(&f, "its state is \"inmigrate\"");
	good(&f, OBJECT);
	f.all.n = 2;
	refuse(&f, "1 processes run in it besides QEMU");
	good(&f, OBJECT);
	wb_text_replace(&f.text.text, "[Service]\nExecStartPre=rm x\nPrivateDevices=yes\n");
	refuse(&f, "PrivateDevices=");
	good(&f, OBJECT);
	wb_text_replace(&f.text.text, "[Service]\nExecStartPre=rm x\n");
	refuse(&f, "ExecStartPre=");
	good(&f, OBJECT);
	assert_int_equal(wb_strv_add(&f.service.command, "-run-with"), 0);
	refuse(&f, "does not run with the words of its unit");
	good(&f, OBJECT);
	wb_text_replace(&f.q.image.program, "/usr/bin/qemu-system-x86_64 (deleted)");
	refuse(&f, "replaced on disk");
	good(&f, OBJECT);
	f.q.asked = false;
	wb_fail(&f.q.fault, -EBUSY, "its QMP socket /run/q is in use");
	refuse(&f, "its QMP socket /run/q is in use");
}

/* Whatever memory a guest has, QEMU can write it. */
static void other_memory_goes_through_the_store(void **state)
{
	static const struct {
		const char *object, *why;
		uint64_t others;
		int fault;
	} kinds[] = {
		{"memory-backend-ram,id=r,size=64M", "it is no file", 0, 0},
		{"memory-backend-memfd,id=r,size=64M,share=on,hugetlb=on", "it is no file", 0, 0},
		{"memory-backend-file,id=r,mem-path=/dev/hugepages/v", "not shared", 0, 0},
		{OBJECT, "in several pieces", 64 << 20, 0},
		{OBJECT, "its memory has no name", 0, -EOPNOTSUPP},
	};
	const struct wb_replacement_wishes wishes = {
		.program = "/usr/sbin/warmboot", .deadline_s = 90};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct wb_manifest_unit u = {.unit = (char *)"v.service", .how = WB_KEEP_VM};
		WB_CLEAN_KEEP_VERDICT v = {};
		WB_CLEAN_VM_IMAGE image = {};
		WB_CLEAN_STR text = NULL;
		WB_CLEAN_STR object = NULL;
		struct wb_vm_huge *huge;
		struct wb_error err = {};
		struct fixture f;

		good(&f, kinds[i].object);
		f.q.guest.others = kinds[i].others;
		if (kinds[i].fault)
			wb_fail(&f.q.fault, kinds[i].fault, "its memory has no name");
		huge = wb_list_add(&f.q.image.huge, sizeof(*huge));
		*huge = (struct wb_vm_huge){2 << 20, 64 << 20};
		/* It has no device for its memory. */
		wb_text_replace(&f.text.text, "[Service]\nPrivateDevices=yes\nExecStart=x\n");
		assert_int_equal(wb_judge_vm(&f.facts, NULL, &v, &err), 1);
		assert_non_null(
			strstr(v.warnings.items[0], "64 MiB of memory go through the store"));
		assert_non_null(strstr(v.warnings.items[0], kinds[i].why));
		assert_true(v.bytes > 96 << 20 && v.bytes < 97 << 20);
		assert_int_equal(wb_vm_to_manifest(&v, &u), 0);
		assert_int_equal(wb_vm_image_read(u.image, &image, &err), 0);
		assert_true(image.stored);
		assert_int_equal(image.runs.n, 0);
		assert_int_equal(image.huge.items[0].bytes, 64 << 20);
		u.definition = f.definition;
		assert_int_equal(wb_replacement_text(&u, &wishes, &text, &err), 0);
		object = wb_strf("\"-object\" \"%s\"", kinds[i].object);
		assert_non_null(strstr(text, object));
		assert_non_null(strstr(text, "\"-incoming\" \"defer\"\n"));
		free(u.pids.items);
		free(u.cgroup);
		json_decref(u.image);
		done(&f);
	}
}

/* Its file is the memory itself, and so the unit's own words lead to it again. */
static void guest_in_the_region_stays_there(void **state)
{
	static const char object[] =
		"memory-backend-file,id=r,size=64M,mem-path=/dev/vm-memory/v,share=on";
	const struct wb_replacement_wishes wishes = {
		.program = "/usr/sbin/warmboot", .deadline_s = 90};
	struct wb_manifest_unit u = {.unit = (char *)"v.service", .how = WB_KEEP_VM};
	WB_CLEAN_KEEP_VERDICT v = {};
	WB_CLEAN_VM_IMAGE image = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error err = {};
	struct fixture f;

	good(&f, object);
	f.q.image.runs.n = 0;
	f.q.image.dax = true;
	assert_int_equal(wb_judge_vm(&f.facts, NULL, &v, &err), 1);
	assert_non_null(strstr(v.warnings.items[0],
		"64 MiB of memory lie in the region for guests (/dev/vm-memory/v) and stay"));
	assert_true(v.bytes < 64 << 20);
	assert_int_equal(wb_vm_to_manifest(&v, &u), 0);
	assert_int_equal(wb_vm_image_read(u.image, &image, &err), 0);
	assert_true(image.dax && !image.stored && !image.runs.n);
	u.definition = f.definition;
	assert_int_equal(wb_replacement_text(&u, &wishes, &text, &err), 0);
	assert_non_null(strstr(text, object));
	assert_non_null(strstr(text, "\nAfter=warmboot-vm-memory.service\n"));
	free(u.pids.items);
	free(u.cgroup);
	json_decref(u.image);
	done(&f);
}

/* The same path with other memory behind it: on a tmpfs, or where the next kernel has no region. */
static void copy_in_the_page_cache_does_not_stay(void **state)
{
	static const char *const objects[] = {
		"memory-backend-file,id=r,size=64M,mem-path=/dev/vm-memory/v,share=on",
		"memory-backend-file,id=r,size=64M,mem-path=/dev/vm-memory/v,share=on,"
		"discard-data=on"};

	for (size_t i = 0; i < 2; i++) {
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};
		struct fixture f;

		good(&f, objects[i]);
		f.q.image.runs.n = 0;
		f.q.image.dax = i;
		assert_int_equal(wb_judge_vm(&f.facts, NULL, &v, &err), 1);
		assert_non_null(
			strstr(v.warnings.items[0], "64 MiB of memory go through the store"));
		assert_non_null(
			strstr(v.warnings.items[0], i ? "discard-data=on" : "was not found"));
		assert_true(json_is_true(json_object_get(v.guest, "stored")));
		assert_false(json_is_true(json_object_get(v.guest, "dax")));
		done(&f);
	}
}

/* A guest that cannot stay in place after all is copied, with its huge pages, and it is told why. */
static void guest_moves_if_its_words_are_good_for_it(void **state)
{
	static const char *const objects[] = {OBJECT,
		"memory-backend-file,id=r,size=64M,mem-path=/run/warmboot/vm/v.service.ram,share="
		"on,align=2M"};

	for (size_t i = 0; i < 2; i++) {
		WB_CLEAN_KEEP_VERDICT v = {};
		WB_CLEAN_VM_IMAGE image = {};
		struct wb_error said = {}, err = {};
		struct wb_vm_huge *huge;
		struct fixture f;

		good(&f, objects[i]);
		huge = wb_list_add(&f.q.image.huge, sizeof(*huge));
		*huge = (struct wb_vm_huge){2 << 20, 64 << 20};
		assert_int_equal(wb_judge_vm(&f.facts, NULL, &v, &err), 1);
		assert_int_equal(wb_vm_image_read(v.guest, &image, &err), 0);
		assert_false(image.stored);
		if (i) {
			assert_int_equal(wb_vm_move(&image, "no span", &said), -EOPNOTSUPP);
			assert_string_equal(said.text, "no span");
			assert_int_equal(image.runs.n, 1);
		} else {
			assert_int_equal(wb_vm_move(&image, "no span", &said), 0);
			assert_string_equal(said.text,
				"its memory cannot stay in place, and goes through the store: no "
				"span");
			assert_true(image.stored && !image.runs.n);
			assert_int_equal(image.huge.items[0].bytes, 64 << 20);
		}
		done(&f);
	}
}

/* Two guests take of the same huge pages, and so the next kernel gets what both need. */
static void huge_pages_are_provided(void **state)
{
	static const char file[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
	const struct fake_file files[] = {{file, "3\n"},
		{"/proc/7/smaps", "0-1 rw-s 0\nSize:  8192 kB\nKernelPageSize:  4 kB\n"
				  "2-3 rw-s 0\nSize:  6144 kB\nKernelPageSize:  2048 kB\n"},
		{}};
	struct wb_files ops = fake_files(files);
	struct fake_runner r;
	wb_vm_huge one = {}, all = {};
	struct wb_error err = {};

	fake_runner_init(&r, (const struct fake_answer[]){{}});
	assert_int_equal(wb_guest_huge_find(&ops, 8, 8 << 20, &one), 0);
	assert_int_equal(one.n, 0);
	/* A QEMU can map more than its guest has, without a page behind it. */
	assert_int_equal(wb_guest_huge_find(&ops, 7, 2 << 20, &one), 0);
	assert_int_equal(one.n, 0);
	assert_int_equal(wb_guest_huge_find(&ops, 7, 6 << 20, &one), 0);
	assert_int_equal(one.n, 1);
	assert_int_equal(one.items[0].page, 2 << 20);
	assert_int_equal(one.items[0].bytes, 6 << 20);
	assert_int_equal(wb_guest_huge_provide(&ops, &r.runner, &one, &err), 0);
	assert_int_equal(wb_guest_huge_add(&one, &all), 0);
	assert_int_equal(wb_guest_huge_add(&one, &all), 0);
	assert_int_equal(wb_guest_huge_provide(&ops, &r.runner, &all, &err), -ENOMEM);
	assert_non_null(strstr(r.log, file));
	assert_string_equal(err.text, "this kernel has no 6 huge pages of 2048 KiB for its memory");
	free(one.items);
	free(all.items);
}

static void guests_of_a_guest_are_told(void **state)
{
	for (int nested = 0; nested < 2; nested++) {
		WB_CLEAN_KEEP_VERDICT v = {};
		struct wb_error err = {};
		bool told = false;
		struct fixture f;

		good(&f, OBJECT);
		f.q.guest.nested = nested;
		assert_int_equal(wb_judge_vm(&f.facts, NULL, &v, &err), 1);
		for (size_t i = 0; i < v.warnings.n; i++)
			told |= !!strstr(v.warnings.items[i], "guests of its own (nested)");
		assert_int_equal(told, nested);
		done(&f);
	}
}

static void other_units_are_not_judged(void **state)
{
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};
	struct fixture f;

	good(&f, OBJECT);
	f.facts.qemu = NULL;
	assert_int_equal(wb_judge_vm(&f.facts, NULL, &v, &err), 0);
	assert_int_equal(v.reasons.n, 0);
	done(&f);
}

static void a_machine_of_another_program_is_told(void **state)
{
	WB_CLEAN_KEEP_VERDICT v = {};
	struct wb_error err = {};
	struct fixture f;

	good(&f, OBJECT);
	f.facts.qemu = NULL;
	f.procs[0].pid = 42;
	f.procs[0].exe = (char *)"/usr/local/bin/cloud-hypervisor-static";
	assert_int_equal(wb_judge_vm(&f.facts, NULL, &v, &err), 0);
	assert_int_equal(v.reasons.n, 1);
	assert_non_null(strstr(v.reasons.items[0], "machine of cloud-hypervisor"));
	f.procs[0].exe = NULL;
	done(&f);
}

static void damaged_part_of_the_manifest_is_refused(void **state)
{
	static const char *const bad[] = {"{}", "[]",
		"{\"program\": \"x\", \"qmp\": \"/q\", \"size\": 1}",
		"{\"program\": \"/x\", \"qmp\": \"/../q\", \"size\": 1}",
		"{\"program\": \"/x\", \"qmp\": \"/q\", \"size\": 0}",
		"{\"program\": \"/x\", \"qmp\": \"/q\", \"size\": 1, \"runs\": [[1]]}",
		"{\"program\": \"/x\", \"qmp\": \"/q\", \"size\": 1, \"runs\": [[-1, 5]]}",
		"{\"program\": \"/x\", \"qmp\": \"/q\", \"size\": 1, \"modules\": [\"-r\"]}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wb_vm_image image = {};
		struct wb_error err = {};
		json_t *json = json_loads(bad[i], 0, NULL);

		assert_non_null(json);
		assert_int_equal(wb_vm_image_read(json, &image, &err), -EBADMSG);
		json_decref(json);
	}
}

/* Only the state of this jump goes to QEMU, with all of its bits, and only with its own memory. */
static void state_of_another_jump_is_never_used(void **state)
{
	static const char jump[] = "00112233445566778899aabbccddeeff";
	static const char other[] = "00112233445566778899aabbccddeefe";
	uint8_t bytes[3000];
	const struct wb_bytes all = {bytes, sizeof(bytes)};
	WB_CLEAN_VM_IMAGE image = {}, again = {};
	struct wb_error err = {};
	json_t *json;

	memset(bytes, 7, sizeof(bytes));
	assert_int_equal(wb_vm_image_check_state(&image, jump, all, &err), -ESTALE);
	assert_int_equal(wb_vm_image_note_state(&image, jump, all), 0);
	assert_int_equal(wb_vm_image_check_state(&image, jump, all, &err), 0);
	assert_int_equal(wb_vm_image_check_state(&image, other, all, &err), -ESTALE);
	assert_non_null(strstr(err.text, "another jump"));
	assert_int_equal(wb_vm_image_check_state(&image, NULL, all, &err), -ESTALE);
	for (size_t i = 0; i < sizeof(bytes); i += 37) {
		bytes[i] ^= 16;
		assert_int_equal(wb_vm_image_check_state(&image, jump, all, &err), -EBADMSG);
		bytes[i] ^= 16;
	}
	assert_non_null(strstr(err.text, "state is damaged"));
	assert_int_equal(wb_vm_image_check_state(
				 &image, jump, (struct wb_bytes){bytes, sizeof(bytes) - 1}, &err),
		-EBADMSG);

	assert_int_equal(wb_vm_image_check_sample(&image, "ab", &err), -EBADMSG);
	wb_text_replace(&image.sample, "ab");
	assert_int_equal(wb_vm_image_check_sample(&image, "ab", &err), 0);
	assert_int_equal(wb_vm_image_check_sample(&image, "aa", &err), -EBADMSG);
	assert_non_null(strstr(err.text, "memory is damaged"));

	/* All of it crosses the jump. */
	image.program = strdup("/q");
	image.qmp = strdup("/s");
	image.size = 1;
	assert_int_equal(wb_strv_add(&image.cpu, "avx2"), 0);
	json = wb_vm_image_write(&image);
	assert_int_equal(wb_vm_image_read(json, &again, &err), 0);
	json_decref(json);
	assert_int_equal(wb_vm_image_check_state(&again, jump, all, &err), 0);
	assert_int_equal(wb_vm_image_check_sample(&again, "ab", &err), 0);
	assert_string_equal(again.cpu.items[0], "avx2");
}

/* A device that is none of a guest's memory is not touched. */
static void other_devices_are_not_forgotten(void **state)
{
	static const char *const others[] = {"/dev/null", "/dev/daxx", "/dev/dax/../null", "dax0.0",
		"/dev/mem", "/dev/dax9.99", ""};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct wb_error err = {};

		assert_int_equal(wb_guest_dax_forget(others[i], &err), -EINVAL);
	}
}

/* The device of a guest that is gone is found by the link alone; a jump that is under way takes its memory along. */
static void nothing_is_forgotten_twice(void **state)
{
	static const struct fake_file running[] = {{"/run/x", ""}, {}};
	static const struct fake_file frozen[] = {{WB_SPARE_FROZEN, ""}, {}};
	const struct wb_files before = fake_files(running), now = fake_files(frozen);
	struct wb_error err = {};

	assert_int_equal(wb_vm_forget(&(struct wb_sys){.files = &before}, "none.service", &err), 0);
	assert_int_equal(wb_vm_forget(&(struct wb_sys){.files = &now}, "none.service", &err), 0);
}

/* ---- by its name ---- */

/* A program that looks like QEMU, with "-name web1". */
static pid_t start_named(const char *program)
{
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, "qemu", "-c", "kill -STOP $$", "-name", "web1", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	/* The other end is closed as soon as it is another program. */
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	return pid;
}

static int find_named(
	const pid_t pids[2], const char *const groups[2], char **ret, struct wb_error *err)
{
	struct fake_file files[3] = {};
	WB_CLEAN_STR first = wb_strf("/proc/%d/cgroup", (int)pids[0]);
	WB_CLEAN_STR second = wb_strf("/proc/%d/cgroup", (int)pids[1]);
	struct wb_files ops;

	files[0] = (struct fake_file){first, groups[0]};
	files[1] = (struct fake_file){second, groups[1]};
	ops = fake_files(files);
	return wb_find_vm.unit(&(struct wb_keep_finding){.sys = &(struct wb_sys){.files = &ops}},
		"web1", ret, err);
}

/* Any user can start a program with the name and the words of a guest of the machine's. */
static void users_are_not_in_the_way(void **state)
{
	static const char own[] = "0::/system.slice/guest@web1.service\n";
	static const char theirs[] =
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/guest@web1.service\n";
	char dir[] = "/tmp/test-vm.XXXXXX";
	WB_CLEAN_STR program = NULL;
	WB_CLEAN_STR copy = NULL;
	WB_CLEAN_STR unit = NULL;
	struct wb_error err = {};
	char *none = NULL;
	pid_t pids[2];

	assert_non_null(mkdtemp(dir));
	program = wb_strf("%s/qemu-system-t", dir);
	copy = wb_strf("cp /bin/sh %s", program);
	assert_int_equal(system(copy), 0);
	for (size_t i = 0; i < 2; i++)
		pids[i] = start_named(program);
	assert_int_equal(find_named(pids, (const char *const[]){theirs, own}, &unit, &err), 0);
	assert_string_equal(unit, "guest@web1.service");
	assert_int_equal(
		find_named(pids, (const char *const[]){theirs, theirs}, &none, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "a virtual machine of a user"));
	assert_int_equal(
		find_named(pids, (const char *const[]){own, own}, &none, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "two virtual machines are called web1"));
	for (size_t i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	unlink(program);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_guest_is_kept_and_started_again),
		cmocka_unit_test(what_hinders_is_told),
		cmocka_unit_test(other_memory_goes_through_the_store),
		cmocka_unit_test(guest_in_the_region_stays_there),
		cmocka_unit_test(guest_moves_if_its_words_are_good_for_it),
		cmocka_unit_test(copy_in_the_page_cache_does_not_stay),
		cmocka_unit_test(huge_pages_are_provided),
		cmocka_unit_test(guests_of_a_guest_are_told),
		cmocka_unit_test(other_units_are_not_judged),
		cmocka_unit_test(a_machine_of_another_program_is_told),
		cmocka_unit_test(damaged_part_of_the_manifest_is_refused),
		cmocka_unit_test(state_of_another_jump_is_never_used),
		cmocka_unit_test(other_devices_are_not_forgotten),
		cmocka_unit_test(nothing_is_forgotten_twice),
		cmocka_unit_test(users_are_not_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
