// SPDX-License-Identifier: LGPL-2.1-or-later
/* System V IPC: what of a namespace is a unit's own, and what of CRIU's images comes back. */
#include <sys/shm.h>
#include <unistd.h>

#include "unit.h"
#include "criu/ipc.h"
#include "fake-files.h"
#include "sys/sys.h"

#define HEAD                                                                                       \
	"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  " \
	"cgid      atime      dtime      ctime                   rss                  swap\n"
#define TAIL "1795995963 1795995963 1795994579 "

/* PostgreSQL's, and one of another user that is three pages large, two of them swapped out. */
#define POSTGRES                                                                                   \
	"     35717          0   600                    56   981  1315      6   102   105   102  " \
	" 105 " TAIL "4096 0\n"
#define OTHERS                                                                                     \
	"       119          1   666                 12288  2000  2001      1  1000  1000  1000  " \
	"1000 " TAIL "4096 8192\n"

static void test_tables(void **state)
{
	static const struct fake_file disk[] = {{"/proc/sysvipc/shm", HEAD POSTGRES OTHERS},
		{"/proc/sysvipc/sem", "key semid perms nsems uid gid cuid cgid otime ctime\n"
				      "-123 4 600 17 102 105 0 0 1 2\n"},
		{"/proc/sysvipc/msg", "key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid "
				      "stime rtime ctime\n"
				      "0 65536 666 12 1 77 78 1 2 3 4 5 6 7\n"},
		{}};
	static const struct fake_file none[] = {{}};
	struct wb_files files = fake_files(disk);
	WB_CLEAN_IPC ipc = {};
	WB_CLEAN_IPC nothing = {};

	assert_int_equal(wb_ipc_read(&files, -1, &ipc), 0);
	assert_int_equal(ipc.segments.n, 2);
	assert_int_equal(ipc.segments.items[0].attached, 6);
	assert_int_equal(ipc.segments.items[0].uid, 102);
	assert_int_equal(ipc.segments.items[0].gid, 105);
	assert_int_equal(ipc.segments.items[0].mode, 0600);
	assert_int_equal(ipc.segments.items[0].pids[0], 981);
	assert_int_equal(ipc.segments.items[1].bytes, 12288);
	assert_int_equal(ipc.semaphores.n, 1);
	assert_int_equal(ipc.semaphores.items[0].id, 4);
	assert_int_equal(ipc.semaphores.items[0].maker, 0);
	assert_int_equal(ipc.queues.items[0].pids[1], 78);
	assert_int_equal(ipc.queues.items[0].maker, 3);
	assert_true(ipc.device);
	files = fake_files(none);
	assert_int_equal(wb_ipc_read(&files, -1, &nothing), 0);
	assert_int_equal(nothing.segments.n, 0);
}

/* ---- what is the unit's own ---- */

#define DEVICE 1

/* A unit of the user 102 that has the segment 0 attached in six mappings. */
static const struct wb_ipc_attached six = {0, DEVICE, 6};
static const int64_t pids[] = {981, 990}, users[] = {102, 102};

static const struct wb_ipc_object segment = {.id = 0,
	.mode = 0600,
	.uid = 102,
	.gid = 105,
	.maker = 102,
	.maker_group = 105,
	.pids = {981},
	.attached = 6,
	.bytes = 4096};

struct world {
	struct wb_ipc_object segments[3], semaphore, queue;
	struct wb_ipc ipc;
	struct wb_ipc_unit unit;
};

static void begin(struct world *w)
{
	*w = (struct world){.segments = {segment}};
	w->ipc = (struct wb_ipc){.segments = {w->segments, 1}, .device = DEVICE};
	w->unit = (struct wb_ipc_unit){false, &six, 1, pids, users, 2, 2};
}

static void must_refuse(const struct world *w, const char *why)
{
	struct wb_ipc_verdict v = {};

	assert_int_equal(wb_ipc_judge(&w->ipc, &w->unit, &v), 0);
	if (!v.reasons.n || !strstr(v.reasons.items[0], why))
		fail_msg("not \"%s\" but \"%s\"", why, v.reasons.n ? v.reasons.items[0] : "yes");
	wb_ipc_verdict_deinit(&v);
}

/* It travels with these segments: a list that ends in -1. */
static void must_travel(const struct world *w, bool needed, const int *ids)
{
	struct wb_ipc_verdict v = {};

	assert_int_equal(wb_ipc_judge(&w->ipc, &w->unit, &v), 0);
	if (v.reasons.n)
		fail_msg("%s", v.reasons.items[0]);
	assert_int_equal(v.needed, needed);
	for (size_t i = 0; i < v.segments.n; i++)
		assert_int_equal(v.segments.items[i], ids[i]);
	assert_int_equal(ids[v.segments.n], -1);
	wb_ipc_verdict_deinit(&v);
}

#define IDS(...) ((const int[]){__VA_ARGS__ __VA_OPT__(, ) - 1})

static void test_own(void **state)
{
	struct world w;

	begin(&w);
	must_travel(&w, true, IDS(0));
	/* After a restore its maker is root. */
	w.segments[0].maker = w.segments[0].maker_group = 0;
	must_travel(&w, true, IDS(0));
	/* A unit that has none of what there is. */
	begin(&w);
	w.unit.n_attached = 0;
	w.segments[0].attached = 0;
	w.segments[0].pids[0] = 5000;
	must_travel(&w, false, IDS());
	/* Unless it has made it, and attaches it only now and then. */
	w.segments[0].pids[0] = 990;
	must_travel(&w, true, IDS(0));
}

static void test_refused(void **state)
{
	static const struct wb_ipc_attached huge = {0, DEVICE + 1, 6};
	struct world w;

	begin(&w);
	w.segments[0].attached = 7;
	must_refuse(&w, "processes of others have attached");
	begin(&w);
	w.segments[0].uid = w.segments[0].maker = 1000;
	must_refuse(&w, "belongs to a user who is none of its own");
	begin(&w);
	w.segments[0].maker = 1000;
	must_refuse(&w, "was made by another user");
	begin(&w);
	w.segments[0].maker_group = 1000;
	must_refuse(&w, "was made by another user");
	begin(&w);
	w.segments[0].mode |= 01000;
	must_refuse(&w, "is to be removed");
	begin(&w);
	w.segments[0].mode |= 02000;
	must_refuse(&w, "is locked in memory");
	begin(&w);
	w.unit.attached = &huge;
	must_refuse(&w, "huge pages");
	/* A process in another namespace than the table is of. */
	begin(&w);
	w.ipc.segments.n = 0;
	must_refuse(&w, "does not have");
}

static void test_others(void **state)
{
	struct wb_ipc_verdict v = {};
	struct world w;

	/* The segment of another user never gets into the unit's namespace, whoever could attach it. */
	begin(&w);
	w.ipc.segments.n = 3;
	w.segments[1] = w.segments[2] = segment;
	w.segments[1].id = 1;
	w.segments[1].mode = 0666;
	w.segments[1].uid = w.segments[1].maker = 1000;
	w.segments[1].attached = 0;
	/* Its maker's number belongs to a process of the unit by now. */
	w.segments[1].pids[0] = 981;
	/* This one is in use by another unit of the same user. */
	w.segments[2].id = 2;
	must_travel(&w, true, IDS(0));
	assert_int_equal(wb_ipc_judge(&w.ipc, &w.unit, &v), 0);
	assert_int_equal(v.others, 8192 + 2 * 128);
	wb_ipc_verdict_deinit(&v);
	w.segments[2].bytes = 65ull << 20;
	must_refuse(&w, "others have too much of it");
	/* CRIU would look at each of its pages, though nobody has touched one. */
	w.segments[2].bytes = 0;
	w.segments[2].size = 1ull << 46;
	must_refuse(&w, "others have too much of it");
	w.segments[2].size = 0;
	w.segments[2].bytes = 65ull << 20;
	/* A unit that needs no namespace does not care for other segments. */
	w.unit.n_attached = 0;
	must_travel(&w, false, IDS());
	/* In a namespace of its own all is its own, or there is somebody else in it. */
	begin(&w);
	w.ipc.segments.n = 2;
	w.segments[1] = segment;
	w.segments[1].id = 1;
	w.unit.own_namespace = true;
	must_refuse(&w, "processes of others have attached");
	w.segments[1].attached = 0;
	must_travel(&w, true, IDS(0, 1));
}

static void test_semaphores_and_queues(void **state)
{
	struct world w;

	begin(&w);
	w.unit.n_attached = w.ipc.segments.n = 0;
	w.ipc.semaphores.items = &w.semaphore;
	w.ipc.queues.items = &w.queue;
	w.semaphore = (struct wb_ipc_object){.id = 9, .uid = 1000, .maker = 1000};
	w.queue = (struct wb_ipc_object){.id = 8, .uid = 1000, .maker = 1000, .pids = {5, 0}};
	w.ipc.semaphores.n = w.ipc.queues.n = 1;
	must_travel(&w, false, IDS());
	w.semaphore.maker = 102;
	must_refuse(&w, "System V semaphores, or its user has (9)");
	w.ipc.semaphores.n = 0;
	w.queue.pids[1] = 990;
	must_refuse(&w, "System V message queues");
	w.queue.pids[1] = 0;
	must_travel(&w, false, IDS());
	w.unit.own_namespace = true;
	must_refuse(&w, "System V message queues");
}

/* ---- images ---- */

static void put32(struct wb_blob *b, uint32_t v)
{
	uint8_t le[] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};

	wb_blob_append(b, le, sizeof(le));
}

/* images/ipc-shm.proto: a description with key, users, mode and number, and a size. */
static void put_segment(struct wb_blob *b, uint8_t id)
{
	const uint8_t message[] = {0x0a, 14, 0x08, 7, 0x10, 102, 0x18, 105, 0x20, 102, 0x28, 105,
		0x30, 6, 0x38, id, 0x10, 56};

	put32(b, sizeof(message));
	wb_blob_append(b, message, sizeof(message));
}

static void test_images(void **state)
{
	const int64_t own[] = {3};
	WB_CLEAN_BLOB image = {}, want = {}, got = {};

	put32(&image, 0x54564319);
	put32(&image, 0x46283044);
	wb_blob_append(&want, image.data, image.size);
	put_segment(&image, 2);
	put_segment(&image, 3);
	put_segment(&image, 4);
	put_segment(&want, 3);
	assert_int_equal(wb_ipc_filter("ipcns-shm-9.img", wb_blob_view(&image), own, 1, &got), 1);
	assert_int_equal(got.size, want.size);
	assert_memory_equal(got.data, want.data, want.size);
	wb_blob_deinit(&got);
	got = (struct wb_blob){};
	/* No semaphore and no queue comes back, whatever their images hold. */
	assert_int_equal(wb_ipc_filter("ipcns-sem-9.img", wb_blob_view(&image), own, 1, &got), 1);
	assert_int_equal(got.size, 8);
	wb_blob_deinit(&got);
	got = (struct wb_blob){};
	assert_int_equal(wb_ipc_filter("ipcns-msg-9.img", wb_blob_view(&image), own, 1, &got), 1);
	assert_int_equal(got.size, 8);
	assert_int_equal(wb_ipc_filter("ipcns-var-9.img", wb_blob_view(&image), own, 1, &got), 0);
	assert_int_equal(wb_ipc_filter("core-9.img", wb_blob_view(&image), own, 1, &got), 0);
	for (size_t n = 0; n < image.size; n++) {
		WB_CLEAN_BLOB part = {};
		int r = wb_ipc_filter(
			"ipcns-shm-9.img", (struct wb_bytes){image.data, n}, own, 1, &part);

		assert_int_equal(r, n >= 8 && (n - 8) % 22 == 0 ? 1 : -EBADMSG);
	}
}

/* ---- the kernel's own tables ---- */

static void test_kernel(void **state)
{
	const struct wb_files *files = wb_sys_real()->files;
	int id = shmget(IPC_PRIVATE, 5000, 0600 | IPC_CREAT);
	const struct wb_ipc_object *found = NULL;
	WB_CLEAN_IPC ipc = {};
	void *at;

	if (id < 0)
		skip();
	at = shmat(id, NULL, 0);
	assert_int_equal(wb_ipc_read(files, -1, &ipc), 0);
	shmdt(at);
	shmctl(id, IPC_RMID, NULL);
	for (size_t i = 0; i < ipc.segments.n; i++)
		if (ipc.segments.items[i].id == id)
			found = &ipc.segments.items[i];
	assert_non_null(found);
	assert_int_equal(found->attached, 1);
	assert_int_equal(found->uid, geteuid());
	assert_int_equal(found->pids[0], getpid());
	assert_int_equal(found->mode, 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_semaphores_and_queues),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
