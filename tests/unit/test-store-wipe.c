// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whatever becomes of a store with services' memory in it: nothing of that memory stays behind. */
#define _GNU_SOURCE
#include "unit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake-store.h"
#include "store/backend.h"
#include "store/layout.h"
#include "store/state.h"

#define MIB (1ull << 20)
#define SECRET "the key of a service"
#define BIG (5 * MIB)

struct fixture {
	struct fake_store machine;
	struct wb_store *store;
	struct wb_error err;
	uint8_t *data; /* the secret in each block */
	int disk;      /* the disk store's file, also when it is removed */
};

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fake_store_init(&f->machine);
	fake_store_file(
		&f->machine, "/var/lib/warmboot/store-region", "memmap=0x2000000!0x800000\n", 26);
	fake_store_file(&f->machine, "/proc/cmdline", "memmap=32M!8M quiet\n", 20);
	f->data = test_calloc(1, BIG);
	for (size_t i = 0; i < BIG; i += 4096)
		memcpy(f->data + i + 99, SECRET, sizeof(SECRET));
	f->disk = -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_store_close(f->store);
	assert_int_equal(f->machine.areas, 0);
	fake_store_deinit(&f->machine);
	if (f->disk >= 0)
		close(f->disk);
	test_free(f->data);
	test_free(f);
	return 0;
}

static void ok(struct fixture *f, int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, f->err.text);
}

static void refused(struct fixture *f, int r, int code, const char *words)
{
	if (r != code || f->err.code != code || !strstr(f->err.text, words))
		fail_msg("%d, not %d (%s): %s", r, code, words, f->err.text);
	f->err = (struct wb_error){};
}

static void close_store(struct fixture *f)
{
	wb_store_close(f->store);
	f->store = NULL;
}

static void create(struct fixture *f, const char *backend, uint64_t bytes)
{
	ok(f, wb_store_create(&f->machine.env, backend, bytes, &f->store, &f->err));
	if (f->machine.disk >= 0 && f->disk < 0)
		f->disk = fcntl(f->machine.disk, F_DUPFD_CLOEXEC, 3);
}

/* With services' memory in it; not sealed. */
static void fill(struct fixture *f, const char *backend)
{
	create(f, backend, 2 * BIG);
	ok(f, wb_store_of_services(f->store, &f->err));
	ok(f, wb_store_put(f->store, "u0/pages-1.img", (struct wb_bytes){f->data, BIG}, &f->err));
}

static void jump(struct fixture *f)
{
	fake_store_jump(&f->machine, wb_store_load(f->store));
	close_store(f);
}

static void fill_and_cross(struct fixture *f, const char *backend)
{
	fill(f, backend);
	ok(f, wb_store_seal(f->store, &f->err));
	jump(f);
}

static bool is_secret(const uint8_t *p)
{
	return !memcmp(p + 99, SECRET, sizeof(SECRET));
}

/* In how many blocks of RAM, and of the file on disk, also when that is removed. */
static size_t secrets(struct fixture *f)
{
	uint8_t *ram = fake_store_ram(&f->machine), block[4096];
	size_t n = 0;

	for (size_t i = 0; i < FAKE_STORE_RAM; i += 4096)
		n += is_secret(ram + i);
	for (off_t i = 0; f->disk >= 0 && pread(f->disk, block, 4096, i) == 4096; i += 4096)
		n += is_secret(block);
	return n;
}

static void nothing_is_left(struct fixture *f, const char *backend)
{
	WB_CLEAN_STORE s = NULL;
	struct wb_error err = {};

	if (secrets(f))
		fail_msg("%s: %zu blocks of the service's memory are left", backend, secrets(f));
	if (wb_store_attach(&f->machine.env, &s, &err) != -ENOENT)
		fail_msg("%s: %s", backend, err.text);
	assert_int_equal(f->machine.disk, -1);
	if (f->disk >= 0)
		close(f->disk);
	f->disk = -1;
	fake_store_boot(&f->machine);
}

/* ---- in the kernel that was to be left ---- */

static void a_store_that_is_dropped(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; wb_store_backends[i]; i++)
		for (int sealed = 0; sealed < 2; sealed++) {
			fill(f, wb_store_backends[i]->name);
			if (sealed)
				ok(f, wb_store_seal(f->store, &f->err));
			close_store(f);
			assert_true(secrets(f) > 1000);
			ok(f, wb_store_drop(&f->machine.env, &f->err));
			nothing_is_left(f, wb_store_backends[i]->name);
		}
}

/* Memory of the last jump, which has no holder. */
static void memory_that_is_used_again(void **state)
{
	struct fixture *f = *state;

	fill_and_cross(f, "carve");
	ok(f, wb_store_wipe_left(&f->machine.env, true, &f->err));
	fill(f, "carve");
	assert_int_equal(f->machine.starts, 1);
	close_store(f);
	assert_true(secrets(f) > 1000);
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	nothing_is_left(f, "carve");
}

/* The jump may be made all the same. */
static void a_freeze_that_failed(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; wb_store_backends[i]; i++) {
		fill(f, wb_store_backends[i]->name);
		wb_store_scrub(f->store);
		assert_int_equal(secrets(f), 0);
		jump(f);
		ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
		nothing_is_left(f, wb_store_backends[i]->name);
	}
}

/* Nothing records the bytes that were written after the pre-copy was parked. */
static void a_freeze_that_was_killed_and_one_that_failed(void **state)
{
	struct fixture *f = *state;

	create(f, "carve", 2 * BIG);
	ok(f, wb_store_of_services(f->store, &f->err));
	ok(f, wb_store_put(f->store, "u0/before", (struct wb_bytes){f->data, MIB}, &f->err));
	ok(f, wb_store_park(f->store, &f->err));
	close_store(f);
	ok(f, wb_store_open(&f->machine.env, &f->store, &f->err));
	ok(f, wb_store_put(f->store, "u0/last", (struct wb_bytes){f->data, BIG}, &f->err));
	close_store(f);
	ok(f, wb_store_open(&f->machine.env, &f->store, &f->err));
	wb_store_scrub(f->store);
	close_store(f);
	if (secrets(f))
		fail_msg("%zu blocks are left", secrets(f));
	refused(f, wb_store_open(&f->machine.env, &f->store, &f->err), -EIO, "given up");
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	nothing_is_left(f, "carve");
}

/* Its memory belongs to the kernel again. */
static void a_holder_that_was_killed(void **state)
{
	struct fixture *f = *state;

	fill(f, "carve");
	close_store(f);
	f->machine.n_pages = 0;
	refused(f, wb_store_open(&f->machine.env, &f->store, &f->err), -EIO, "holder is gone");
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	assert_null(fake_store_text(&f->machine, WB_STORE_STATE));
}

/* ---- in the kernel after ---- */

/* kill -9 in the middle of the freeze, and the machine jumps all the same. */
static void a_store_that_was_never_sealed(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; wb_store_backends[i]; i++) {
		fill(f, wb_store_backends[i]->name);
		jump(f);
		assert_true(secrets(f) > 1000);
		refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -EBADMSG,
			"never sealed");
		ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
		nothing_is_left(f, wb_store_backends[i]->name);
	}
}

/* The power fails, or the firmware boots instead of the jump. RAM of the kernel is lost then. */
static void a_store_whose_jump_did_not_happen(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; wb_store_backends[i]; i++)
		for (int sealed = 0; sealed < 2 && !wb_store_backends[i]->of_ram; sealed++) {
			fill(f, wb_store_backends[i]->name);
			if (sealed)
				ok(f, wb_store_seal(f->store, &f->err));
			close_store(f);
			fake_store_boot(&f->machine);
			ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
			nothing_is_left(f, wb_store_backends[i]->name);
		}
}

static uint8_t *header_of(struct fixture *f, const char *backend)
{
	uint8_t *ram = fake_store_ram(&f->machine);

	for (size_t i = 0; i < FAKE_STORE_RAM; i += 4096)
		if (((struct wb_store_header *)(ram + i))->magic == WB_STORE_MAGIC)
			return ram + i;
	fail_msg("%s has no header", backend);
	return NULL;
}

static void an_unknown_version(struct wb_store_header *h)
{
	h->version++;
	h->hash = wb_store_hash(h, offsetof(struct wb_store_header, hash));
}

static void a_wrong_checksum(struct wb_store_header *h)
{
	h->nonce[3] ^= 1;
}

static void a_wrong_state(struct wb_store_header *h)
{
	h->state++;
}

/* With this size the store would lie where nothing is mapped. */
static void a_wrong_size(struct wb_store_header *h)
{
	h->size = 1ull << 50;
	h->hash = wb_store_hash(h, offsetof(struct wb_store_header, hash));
}

static void another_jump(struct wb_store_header *h)
{
	h->nonce[3] ^= 1;
	h->hash = wb_store_hash(h, offsetof(struct wb_store_header, hash));
}

static void a_wrong_table(struct wb_store_header *h)
{
	h->n_objects++;
	h->hash = wb_store_hash(h, offsetof(struct wb_store_header, hash));
}

/* Services cannot be restored from it, and it will not be used again. */
static void a_store_that_cannot_be_used(void **state)
{
	static const char *const in_memory[] = {"carve", "pmem"};
	static void (*const damage[])(struct wb_store_header * h) = {an_unknown_version,
		a_wrong_checksum, a_wrong_state, a_wrong_size, another_jump, a_wrong_table};
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < sizeof(damage) / sizeof(*damage); k++) {
			fill_and_cross(f, in_memory[i]);
			damage[k]((struct wb_store_header *)header_of(f, in_memory[i]));
			assert_true(wb_store_attach(&f->machine.env, &f->store, &f->err) < 0);
			ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
			nothing_is_left(f, in_memory[i]);
		}
}

static void a_file_that_was_cut_off(void **state)
{
	struct fixture *f = *state;

	fill_and_cross(f, "disk");
	assert_int_equal(ftruncate(f->machine.disk, 3 * MIB + 1000), 0);
	ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
	nothing_is_left(f, "disk");
	fill_and_cross(f, "disk");
	assert_int_equal(ftruncate(f->machine.disk, 0), 0);
	ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
	nothing_is_left(f, "disk");
}

/* It waits for the thaw; when that is over, or cannot begin, it goes. */
static void a_store_that_is_whole(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; wb_store_backends[i]; i++) {
		fill_and_cross(f, wb_store_backends[i]->name);
		ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
		ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
		close_store(f);
		ok(f, wb_store_wipe_left(&f->machine.env, true, &f->err));
		nothing_is_left(f, wb_store_backends[i]->name);
	}
}

/* "warmboot store put": the user who put the files there decides when to take them out. */
static void files_stay(void **state)
{
	struct fixture *f = *state;
	WB_CLEAN_BLOB got = {};

	for (size_t i = 0; wb_store_backends[i]; i++) {
		create(f, wb_store_backends[i]->name, 2 * BIG);
		ok(f, wb_store_put(f->store, "file", (struct wb_bytes){f->data, BIG}, &f->err));
		ok(f, wb_store_seal(f->store, &f->err));
		jump(f);
		ok(f, wb_store_wipe_left(&f->machine.env, true, &f->err));
		ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
		wb_blob_deinit(&got);
		ok(f, wb_store_read(f->store, "file", BIG, &got, &f->err));
		close_store(f);
		/*
		 * After another boot the files cannot be read any more, and the reason is reported.
		 */
		if (i) {
			fake_store_boot(&f->machine);
			ok(f, wb_store_wipe_left(&f->machine.env, true, &f->err));
			refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE,
				"another jump");
		}
		ok(f, wb_store_wipe_any(&f->machine.env, &f->err));
		nothing_is_left(f, wb_store_backends[i]->name);
	}
}

/* There is a whole store in memory, and a useless one in the file. */
static void each_of_two_is_judged_by_itself(void **state)
{
	struct fixture *f = *state;
	uint8_t *ram = fake_store_ram(&f->machine);

	fill(f, "disk");
	close_store(f);
	fake_store_boot(&f->machine);
	create(f, "carve", 2 * BIG);
	ok(f, wb_store_put(f->store, "file", (struct wb_bytes){(uint8_t *)"x", 1}, &f->err));
	ok(f, wb_store_seal(f->store, &f->err));
	jump(f);
	ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
	assert_int_equal(secrets(f), 0);
	assert_int_equal(f->machine.disk, -1);
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
	assert_non_null(ram);
}

/* ---- taken out once ---- */

static void copy_handoff(struct fixture *f, bool put_back)
{
	static char data[2][4096];
	static size_t n[2];
	char path[64];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/boot_params/setup_data/%d/data", i);
		if (put_back) {
			fake_store_file(&f->machine, path, data[i], n[i]);
			continue;
		}
		for (size_t k = 0; k < 24; k++)
			if (!strcmp(f->machine.file[k].path, path)) {
				n[i] = f->machine.file[k].data.size;
				memcpy(data[i], f->machine.file[k].data.data, n[i]);
			}
	}
}

/*
 * A second boot with the same number, for example by a loader that copies the command line of the
 * first.
 */
static void another_boot_does_not_thaw_again(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; wb_store_backends[i]; i++) {
		fill_and_cross(f, wb_store_backends[i]->name);
		ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
		/* Unit after unit. */
		ok(f, wb_store_claim(f->store, &f->err));
		ok(f, wb_store_claim(f->store, &f->err));
		close_store(f);
		ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
		ok(f, wb_store_claim(f->store, &f->err));
		close_store(f);
		copy_handoff(f, false);
		fake_store_boot(&f->machine);
		copy_handoff(f, true);
		refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE,
			"another boot has begun");
		ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
		nothing_is_left(f, wb_store_backends[i]->name);
	}
}

/* The machine dies while it is wiped. */
static void wiping_that_is_interrupted(void **state)
{
	struct fixture *f = *state;
	struct wb_store_header *h;

	for (size_t i = 0; wb_store_backends[i]; i++) {
		fill_and_cross(f, wb_store_backends[i]->name);
		ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
		f->machine.syncs = 0;
		f->machine.stop_writes = 1;
		refused(f, wb_store_wipe(f->store, &f->err), -EIO, "could not be wiped");
		close_store(f);
		/* Before the first byte of it is zero. */
		assert_true(secrets(f) >= BIG / 4096);
		f->machine.stop_writes = 0;
		refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE,
			"used already");
		if (i < 2) {
			h = (struct wb_store_header *)header_of(f, wb_store_backends[i]->name);
			assert_true(h->state == WB_STORE_USED);
		}
		ok(f, wb_store_wipe_left(&f->machine.env, false, &f->err));
		nothing_is_left(f, wb_store_backends[i]->name);
	}
}

static void a_used_store_is_not_claimed(void **state)
{
	struct fixture *f = *state;
	WB_CLEAN_STORE other = NULL;

	fill_and_cross(f, "carve");
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
	ok(f, wb_store_attach(&f->machine.env, &other, &f->err));
	ok(f, wb_store_wipe(other, &f->err));
	refused(f, wb_store_claim(f->store, &f->err), -ESTALE, "used already");
}

/* ---- a new store in the place of an old one ---- */

static void a_smaller_store_in_its_place(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; wb_store_backends[i]; i++) {
		if (wb_store_backends[i]->of_ram)
			continue;
		fill(f, wb_store_backends[i]->name);
		close_store(f);
		fake_store_boot(&f->machine);
		create(f, wb_store_backends[i]->name, MIB);
		if (secrets(f))
			fail_msg("%s: %zu blocks are left", wb_store_backends[i]->name, secrets(f));
		close_store(f);
		ok(f, wb_store_drop(&f->machine.env, &f->err));
		nothing_is_left(f, wb_store_backends[i]->name);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_store_that_is_dropped),
		TEST(memory_that_is_used_again),
		TEST(a_freeze_that_failed),
		TEST(a_freeze_that_was_killed_and_one_that_failed),
		TEST(a_holder_that_was_killed),
		TEST(a_store_that_was_never_sealed),
		TEST(a_store_whose_jump_did_not_happen),
		TEST(a_store_that_cannot_be_used),
		TEST(a_file_that_was_cut_off),
		TEST(a_store_that_is_whole),
		TEST(files_stay),
		TEST(each_of_two_is_judged_by_itself),
		TEST(another_boot_does_not_thaw_again),
		TEST(wiping_that_is_interrupted),
		TEST(a_used_store_is_not_claimed),
		TEST(a_smaller_store_in_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
