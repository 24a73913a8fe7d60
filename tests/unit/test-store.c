// SPDX-License-Identifier: LGPL-2.1-or-later
/* A store from being asked for to being wiped in the next kernel, on a faked machine. */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake-files.h"
#include "fake-store.h"
#include "purgatory/handoff.h"
#include "jump/record.h"
#include "store/backend.h"
#include "store/layout.h"
#include "store/state.h"

#define MIB (1ull << 20)
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

struct fixture {
	struct fake_store machine;
	struct wb_store *store;
	struct wb_error err;
	uint8_t *data;
};

#define DATA (9 * MIB + 12345)

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	uint32_t x = 1;

	fake_store_init(&f->machine);
	f->data = test_malloc(DATA);
	for (size_t i = 0; i < DATA; i++) {
		x = x * 1664525 + 1013904223;
		f->data[i] = (uint8_t)(x >> 24);
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_store_close(f->store);
	assert_int_equal(f->machine.areas, 0);
	fake_store_deinit(&f->machine);
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

static void create(struct fixture *f, const char *backend, uint64_t bytes)
{
	ok(f, wb_store_create(&f->machine.env, backend, bytes, &f->store, &f->err));
}

static void put(struct fixture *f, const char *name, size_t n)
{
	ok(f, wb_store_put(f->store, name, (struct wb_bytes){f->data, n}, &f->err));
}

static void get(struct fixture *f, const char *name, size_t n)
{
	WB_CLEAN_BLOB got = {};

	ok(f, wb_store_read(f->store, name, SIZE_MAX, &got, &f->err));
	assert_int_equal(got.size, n);
	assert_memory_equal(got.data, f->data, n);
}

static void close_store(struct fixture *f)
{
	wb_store_close(f->store);
	f->store = NULL;
}

/* Seal, jump, and find it again. */
static void cross(struct fixture *f)
{
	ok(f, wb_store_seal(f->store, &f->err));
	fake_store_jump(&f->machine, wb_store_load(f->store));
	close_store(f);
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
}

static void set_region(struct fixture *f)
{
	static const char word[] = "memmap=0x2000000!0x800000\n";

	fake_store_file(&f->machine, "/var/lib/warmboot/store-region", word, strlen(word));
	fake_store_file(&f->machine, "/proc/cmdline", "root=/dev/vda memmap=32M!8M quiet\n", 34);
}

/* ---- over the jump ---- */

static void there_and_back(struct fixture *f, const char *backend)
{
	struct wb_store_object o;

	create(f, backend, 20 * MIB);
	put(f, "big", DATA);
	put(f, "empty", 0);
	put(f, "byte", 1);
	put(f, "block", 4096);
	cross(f);
	get(f, "big", DATA);
	get(f, "empty", 0);
	get(f, "byte", 1);
	get(f, "block", 4096);
	ok(f, wb_store_check(f->store, &f->err));
	assert_true(wb_store_object(f->store, 1, &o));
	assert_string_equal(o.name, "block");
	assert_false(wb_store_object(f->store, 4, &o));
	refused(f, wb_store_put(f->store, "more", (struct wb_bytes){}, &f->err), -EROFS, "sealed");
	ok(f, wb_store_wipe(f->store, &f->err));
	close_store(f);
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ENOENT, "store");
}

/* The fake gives pages 63, 62, 61, 57 and so on. The next kernel would make one device of the region and its neighbours. */
static void pages_beside_the_guests_region_are_left_out(void **state)
{
	struct fixture *f = *state;
	const uint64_t page = WB_STORE_PAGE;
	const struct wb_load_store *load;
	uint64_t sum = 0;
	char word[64];

	snprintf(word, sizeof(word), "memmap=%#llx!%#llx\n", 3ull * page, 58ull * page);
	fake_store_file(&f->machine, "/var/lib/warmboot/vm-region", word, strlen(word));
	fake_store_file(&f->machine, "/proc/cmdline", word, strlen(word));
	create(f, "carve", 9 * MIB);
	load = wb_store_load(f->store);
	for (size_t i = 0; i < load->n_ranges; i++) {
		assert_true(load->ranges[i].start + load->ranges[i].size <= 57 * page ||
			    load->ranges[i].start >= 62 * page);
		sum += load->ranges[i].size;
	}
	assert_int_equal(sum, wb_align_up(9 * MIB, page));
	put(f, "a", DATA / 2);
	cross(f);
	get(f, "a", DATA / 2);
}

static void carved_memory_crosses(void **state)
{
	struct fixture *f = *state;
	uint8_t *ram = fake_store_ram(&f->machine);

	there_and_back(f, "carve");
	for (size_t i = 0; i < FAKE_STORE_RAM; i += 4096)
		assert_int_equal(*(uint64_t *)(ram + i), 0);
	/* The administrator's setting is restored. */
	assert_string_equal(fake_store_text(&f->machine, POOL), "3\n");
}

static void a_region_crosses(void **state)
{
	struct fixture *f = *state;

	set_region(f);
	there_and_back(f, "pmem");
	assert_int_equal(f->machine.starts, 0);
}

static void a_file_crosses(void **state)
{
	there_and_back(*state, "disk");
}

/* By kexec_file_load there is no handoff block, but the word on the command line. */
static void a_region_crosses_by_file(void **state)
{
	struct fixture *f = *state;
	struct wb_store_info info;
	char line[160], record[240], hex[33];

	set_region(f);
	create(f, "pmem", 20 * MIB);
	put(f, "big", DATA);
	ok(f, wb_store_seal(f->store, &f->err));
	info = wb_store_info(f->store);
	assert_null(wb_store_load(f->store)->ranges);
	assert_int_equal(info.header, 8 * MIB);
	close_store(f);
	fake_store_file(&f->machine, WB_STORE_STATE, NULL, 0);
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE, "another jump");
	for (int i = 0; i < 16; i++)
		sprintf(hex + 2 * i, "%02x", info.nonce[i]);
	snprintf(line, sizeof(line), "memmap=32M!8M warmboot.jump=%s", hex);
	fake_store_file(&f->machine, "/proc/cmdline", line, strlen(line));
	fake_store_file(&f->machine, "/proc/sys/kernel/random/boot_id", "here\n", 5);
	/* The word alone, or one from the jump to an earlier boot, proves nothing. */
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE, "another jump");
	snprintf(record, sizeof(record),
		"{\"nonce\": \"%s\", \"boot_id\": \"there\", \"judged_boot\": \"between\"}", hex);
	fake_store_file(&f->machine, WB_RECORD_JUMP, record, strlen(record));
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE, "another jump");
	snprintf(record, sizeof(record), "{\"nonce\": \"%s\", \"boot_id\": \"there\"}", hex);
	fake_store_file(&f->machine, WB_RECORD_JUMP, record, strlen(record));
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
	get(f, "big", DATA);
}

static void memory_is_told_in_few_pieces(void **state)
{
	struct fixture *f = *state;
	const struct wb_load_store *load;

	create(f, NULL, 20 * MIB);
	load = wb_store_load(f->store);
	/* 11 pages: three at the top, a gap of three, eight below; sorted. */
	assert_int_equal(load->n_ranges, 2);
	assert_int_equal(load->ranges[0].start, (FAKE_STORE_PAGES - 14) * WB_STORE_PAGE);
	assert_int_equal(load->ranges[0].size, 8 * WB_STORE_PAGE);
	assert_int_equal(load->ranges[1].start, (FAKE_STORE_PAGES - 3) * WB_STORE_PAGE);
	assert_int_equal(load->ranges[1].size, 3 * WB_STORE_PAGE);
	assert_int_equal(load->header, load->ranges[0].start);
	assert_int_equal(load->size, 22 * MIB);
}

/* The next jump's store lies where the last one's was, and is not taken for it. */
static void the_next_jumps_store_is_not_the_last_ones(void **state)
{
	struct fixture *f = *state;
	WB_CLEAN_STORE other = NULL;

	set_region(f);
	for (size_t i = 0; wb_store_backends[i]; i++) {
		create(f, wb_store_backends[i]->name, MIB);
		put(f, "x", 5000);
		cross(f);
		ok(f, wb_store_wipe_any(&f->machine.env, &f->err));
		close_store(f);
		create(f, wb_store_backends[i]->name, MIB);
		put(f, "y", 5000);
		ok(f, wb_store_seal(f->store, &f->err));
		refused(f, wb_store_attach(&f->machine.env, &other, &f->err), -ENOENT,
			"no store was handed on");
		assert_int_equal(wb_store_wipe_any(&f->machine.env, &f->err), -ENOENT);
		fake_store_jump(&f->machine, wb_store_load(f->store));
		close_store(f);
		ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
		get(f, "y", 5000);
		ok(f, wb_store_wipe_any(&f->machine.env, &f->err));
		close_store(f);
		fake_store_file(&f->machine, WB_STORE_STATE, NULL, 0);
	}
}

/* In the next kernel, memory that was carved and is empty now is used first. */
static void wiped_memory_is_used_again(void **state)
{
	struct fixture *f = *state;
	struct wb_handoff_range first;
	uint8_t *ram = fake_store_ram(&f->machine);

	create(f, "carve", 20 * MIB);
	put(f, "x", DATA);
	cross(f);
	first = (struct wb_handoff_range){wb_store_info(f->store).header, 0};
	close_store(f);
	/* Not yet, because its contents may be wanted. */
	create(f, "carve", 10 * MIB);
	assert_int_equal(f->machine.starts, 2);
	assert_int_not_equal(wb_store_info(f->store).header, first.start);
	close_store(f);
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
	get(f, "x", DATA);
	ok(f, wb_store_wipe(f->store, &f->err));
	close_store(f);
	/* A larger store than that takes all memory anew. */
	create(f, "carve", 30 * MIB);
	assert_int_equal(f->machine.starts, 3);
	close_store(f);
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	memset(ram + first.start + 4096, 0x55, 4096);
	create(f, "carve", 10 * MIB);
	assert_int_equal(f->machine.starts, 3);
	assert_int_equal(wb_store_info(f->store).header, first.start);
	assert_int_equal(ram[first.start + 4096], 0);
	assert_int_equal(wb_store_load(f->store)->n_ranges, 1);
	assert_int_equal(wb_store_load(f->store)->ranges[0].size, 12 * MIB);
	put(f, "y", DATA);
	cross(f);
	get(f, "y", DATA);
	ok(f, wb_store_wipe(f->store, &f->err));
	close_store(f);
	create(f, "carve", 10 * MIB);
	put(f, "z", 5000);
	close_store(f);
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	assert_int_equal(ram[first.start + 4096], 0);
}

static void another_process_goes_on(void **state)
{
	struct fixture *f = *state;
	struct wb_store_env env;

	create(f, "carve", 20 * MIB);
	put(f, "lost", 1000);
	close_store(f);
	refused(f, wb_store_create(&f->machine.env, NULL, MIB, &f->store, &f->err), -EEXIST,
		"holds a store");
	ok(f, wb_store_open(&f->machine.env, &f->store, &f->err));
	assert_int_equal(wb_store_info(f->store).objects, 0);
	put(f, "kept", DATA);
	ok(f, wb_store_seal(f->store, &f->err));
	close_store(f);
	env = f->machine.env;
	ok(f, wb_store_open(&env, &f->store, &f->err));
	/* The environment itself need not outlive the call; all that it points to must. */
	env = (struct wb_store_env){};
	assert_true(wb_store_info(f->store).sealed);
	get(f, "kept", DATA);
	refused(f, wb_store_put(f->store, "more", (struct wb_bytes){}, &f->err), -EROFS, "sealed");
	refused(f, wb_store_forget(f->store, "kept", &f->err), -EROFS, "sealed");
	refused(f, wb_store_seal(f->store, &f->err), -EROFS, "sealed already");
}

static void flip_parked(struct fixture *f, size_t at)
{
	for (size_t i = 0; i < 24; i++)
		if (!strcmp(f->machine.file[i].path, WB_STORE_PARKED))
			f->machine.file[i].data.data[at] ^= 4;
}

static void another_process_goes_on_from_what_is_there(void **state)
{
	struct fixture *f = *state;
	struct wb_store_writer *w;
	uint64_t used;

	create(f, "carve", 24 * MIB);
	put(f, "gone", 3 * MIB);
	put(f, "ahead", DATA);
	ok(f, wb_store_forget(f->store, "gone", &f->err));
	ok(f, wb_store_begin(f->store, "half", &w, &f->err));
	refused(f, wb_store_park(f->store, &f->err), -EBUSY, "not whole");
	wb_store_abort(w);
	ok(f, wb_store_park(f->store, &f->err));
	used = wb_store_info(f->store).used;
	close_store(f);
	ok(f, wb_store_open(&f->machine.env, &f->store, &f->err));
	assert_false(wb_store_info(f->store).sealed);
	assert_int_equal(wb_store_info(f->store).used, used);
	/* Into the gap and behind it: nothing is overwritten or lost. */
	put(f, "small", 3 * MIB);
	put(f, "large", DATA);
	refused(f, wb_store_put(f->store, "ahead", (struct wb_bytes){}, &f->err), -EEXIST,
		"already");
	cross(f);
	refused(f, wb_store_park(f->store, &f->err), -EROFS, "sealed");
	get(f, "small", 3 * MIB);
	get(f, "large", DATA);
	get(f, "ahead", DATA);
}

/* Only a parked table of this store's writer is taken. */
static void what_was_parked_is_checked(void **state)
{
	struct fixture *f = *state;
	create(f, "carve", 8 * MIB);
	put(f, "ahead", MIB);
	ok(f, wb_store_park(f->store, &f->err));
	close_store(f);
	for (size_t at = 0; at < sizeof(struct wb_store_header) + 40; at += 7) {
		flip_parked(f, at);
		ok(f, wb_store_open(&f->machine.env, &f->store, &f->err));
		assert_int_equal(wb_store_info(f->store).objects, 0);
		close_store(f);
		flip_parked(f, at);
	}
	ok(f, wb_store_open(&f->machine.env, &f->store, &f->err));
	assert_int_equal(wb_store_info(f->store).objects, 1);
	close_store(f);
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	assert_false(f->machine.files.exists(f->machine.files.ctx, WB_STORE_PARKED));
}

static void dropped_is_gone(void **state)
{
	struct fixture *f = *state;

	create(f, "carve", 20 * MIB);
	close_store(f);
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	assert_int_equal(f->machine.stops, 1);
	refused(f, wb_store_open(&f->machine.env, &f->store, &f->err), -ENOENT, "holds no store");
	/* Another process's nonce is not this one's. */
	create(f, "disk", MIB);
	close_store(f);
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	assert_int_equal(f->machine.disk, -1);
}

/* ---- writing ---- */

static void several_objects_grow_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct wb_store_writer *w[3];
	size_t done[3] = {}, total[3] = {DATA, 300000, 5};
	char name[2] = "a";

	create(f, "carve", 20 * MIB);
	for (int i = 0; i < 3; i++, name[0]++)
		ok(f, wb_store_begin(f->store, name, &w[i], &f->err));
	refused(f, wb_store_seal(f->store, &f->err), -EBUSY, "not whole");
	refused(f, wb_store_begin(f->store, "b", &w[1], &f->err), -EEXIST, "\"b\" is in");
	for (int going = 3; going;) {
		for (int i = 0; i < 3; i++) {
			size_t n, left = total[i] - done[i];
			uint8_t *to;

			if (!left)
				continue;
			ok(f, wb_store_space(w[i], &to, &n, &f->err));
			assert_true(n > 0);
			/* As a pipe gives it: odd pieces. */
			n = n > 61234 ? 61234 : n;
			n = n > left ? left : n;
			memcpy(to, f->data + done[i], n);
			wb_store_commit(w[i], n);
			done[i] += n;
			if (done[i] < total[i])
				continue;
			ok(f, wb_store_end(w[i], &f->err));
			going--;
		}
	}
	cross(f);
	get(f, "a", DATA);
	get(f, "b", 300000);
	get(f, "c", 5);
}

static void room_is_not_lost(void **state)
{
	struct fixture *f = *state;
	struct wb_store_writer *w;
	uint64_t used;

	create(f, "carve", 15 * MIB);
	put(f, "x/1", 100000);
	used = wb_store_info(f->store).used;
	for (int i = 0; i < 50; i++) {
		ok(f, wb_store_begin(f->store, "aborted", &w, &f->err));
		ok(f, wb_store_write(w, f->data, 5 * MIB, &f->err));
		wb_store_abort(w);
		put(f, "unit/a", 4 * MIB);
		put(f, "unit/b", 5 * MIB);
		ok(f, wb_store_forget(f->store, "unit/", &f->err));
		assert_int_equal(wb_store_info(f->store).used, used);
	}
	put(f, "unit", DATA);
	cross(f);
	get(f, "unit", DATA);
	get(f, "x/1", 100000);
	refused(f, wb_store_read(f->store, "unit/a", SIZE_MAX, &(struct wb_blob){}, &f->err),
		-ENOENT, "holds no \"unit/a\"");
	refused(f, wb_store_read(f->store, "unit", 1000, &(struct wb_blob){}, &f->err), -EFBIG,
		"more than 1000");
}

static void a_full_store_says_so(void **state)
{
	struct fixture *f = *state;

	create(f, "carve", 3 * MIB);
	put(f, "fits", 3 * MIB);
	refused(f,
		wb_store_put(f->store, "too large", (struct wb_bytes){f->data, 4 * MIB}, &f->err),
		-ENOSPC, "no room for the rest of \"too large\"");
	put(f, "still", 4096);
	cross(f);
	get(f, "fits", 3 * MIB);
	get(f, "still", 4096);
}

static int put_mib(struct fixture *f, const char *name, uint64_t mib)
{
	return wb_store_put(f->store, name, (struct wb_bytes){f->data, mib * MIB}, &f->err);
}

/* A unit that has grown takes only what nobody needs. */
static void a_share_is_left_alone(void **state)
{
	struct fixture *f = *state;
	uint64_t size;

	create(f, "carve", 8 * MIB);
	size = wb_store_info(f->store).size;
	/* This leaves u0 its own MiB, and two that are nobody's. */
	assert_int_equal(wb_store_share(f->store, "u0/", MIB), 0);
	assert_int_equal(wb_store_share(f->store, "u1/", size - 3 * MIB), 0);
	put(f, "u1/a", 2 * MIB);
	refused(f, put_mib(f, "u0/grown", 4), -ENOSPC, "the rest of \"u0/grown\"");
	put(f, "u0/a", MIB + MIB / 2);
	refused(f, put_mib(f, "u0/b", 2), -ENOSPC, "u0/b");
	refused(f, put_mib(f, "other", 2), -ENOSPC, "other");
	put(f, "u1/b", MIB);
	/* The share of objects that are gone is set aside as before, until it is given up. */
	ok(f, wb_store_forget(f->store, "u0/", &f->err));
	refused(f, put_mib(f, "other", 4), -ENOSPC, "other");
	assert_int_equal(wb_store_share(f->store, "u0/", 0), 0);
	put(f, "other", 2 * MIB + MIB / 2);
	cross(f);
	get(f, "u1/a", 2 * MIB);
	get(f, "u1/b", MIB);
}

/* As much as was asked for goes in, whatever it is cut into. */
static void what_was_asked_for_fits(void **state)
{
	struct fixture *f = *state;
	char name[16];

	create(f, "carve", 8 * MIB);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "%d", i);
		put(f, name, MIB);
	}
	cross(f);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "%d", i);
		get(f, name, MIB);
	}
}

static void names_are_checked(void **state)
{
	struct fixture *f = *state;
	char longest[WB_STORE_NAME_MAX + 2] = {};

	create(f, "carve", MIB);
	refused(f, wb_store_put(f->store, "", (struct wb_bytes){}, &f->err), -EINVAL, "name");
	refused(f, wb_store_put(f->store, "a\nb", (struct wb_bytes){}, &f->err), -EINVAL, "name");
	memset(longest, 'x', WB_STORE_NAME_MAX + 1);
	refused(f, wb_store_put(f->store, longest, (struct wb_bytes){}, &f->err), -EINVAL, "name");
	longest[WB_STORE_NAME_MAX] = 0;
	put(f, longest, 1);
}

/* ---- refused before anything changes ---- */

static void nothing_is_held(struct fixture *f)
{
	assert_null(f->store);
	assert_null(fake_store_text(&f->machine, WB_STORE_STATE));
	assert_int_equal(f->machine.n_pages, 0);
	assert_string_equal(fake_store_text(&f->machine, POOL), "3\n");
	assert_int_equal(f->machine.areas, 0);
}

static void not_created(
	struct fixture *f, const char *backend, uint64_t bytes, int code, const char *words)
{
	refused(f, wb_store_create(&f->machine.env, backend, bytes, &f->store, &f->err), code,
		words);
	nothing_is_held(f);
}

static void too_little_memory(void **state)
{
	struct fixture *f = *state;

	not_created(f, "carve", 2000 * MIB, -ENOSPC, "1024 MiB are available and 64");
	assert_int_equal(f->machine.starts, 0);
	f->machine.most_pages = 10;
	not_created(f, "carve", 20 * MIB, -ENOSPC,
		"store of 22 MiB: only 14 MiB could be had in pieces of 2 MiB");
	assert_true(f->machine.compactions > 0);
	/* More than there is in one go, though the pool says so. */
	f->machine.most_pages = 1000;
	not_created(f, "carve", 120 * MIB, -ENOSPC, "does not give its huge pages out");
	not_created(f, "disk", 500 * MIB, -ENOSPC, "too little room");
	not_created(f, "carve", UINT64_MAX, -EINVAL, "a store cannot have");
	not_created(f, "luo", MIB, -EINVAL, "\"luo\"");
}

static void compaction_is_asked_for(void **state)
{
	struct fixture *f = *state;

	f->machine.most_pages = 10;
	f->machine.compact_helps = 1;
	create(f, "carve", 20 * MIB);
	assert_int_equal(f->machine.compactions, 1);
	assert_string_equal(fake_store_text(&f->machine, POOL), "3\n");
}

static void a_holder_that_fails_is_told_of(void **state)
{
	struct fixture *f = *state;

	f->machine.no_holder = -EIO;
	not_created(f, "carve", MIB, -EIO, "journalctl -u warmboot-store");
	f->machine.no_holder = 0;
	f->machine.mute_holder = 1;
	not_created(f, "carve", MIB, -EIO, "gave no answer");
	f->machine.mute_holder = 0;
	fake_store_file(&f->machine, POOL, NULL, 0);
	refused(f, wb_store_create(&f->machine.env, "carve", MIB, &f->store, &f->err), -EOPNOTSUPP,
		"no huge pages of 2 MiB");
}

#define NAMESPACE "/sys/bus/nd/devices/namespace0.0"

/* The driver of persistent memory has made a block device of this. */
static void namespace_at(struct fixture *f, uint64_t start, uint64_t size)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx\n", (unsigned long long)start);
	fake_store_file(&f->machine, NAMESPACE "/resource", text, strlen(text));
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)size);
	fake_store_file(&f->machine, NAMESPACE "/size", text, strlen(text));
	fake_store_file(&f->machine, NAMESPACE "/block/pmem0/size", "1\n", 2);
}

static void a_region_must_be_there(void **state)
{
	struct fixture *f = *state;

	not_created(f, "pmem", MIB, -EOPNOTSUPP, "no region is set aside");
	set_region(f);
	not_created(f, "pmem", 40 * MIB, -ENOSPC, "the region that is set aside has 32");
	/* The driver's block device has been mounted. */
	namespace_at(f, 8 * MIB, 32 * MIB);
	f->machine.claimed = 1;
	not_created(f, "pmem", MIB, -EBUSY, "in use as a disk");
	/* Of another region it does not matter. */
	namespace_at(f, 40 * MIB, 32 * MIB);
	create(f, "pmem", MIB);
	close_store(f);
	ok(f, wb_store_drop(&f->machine.env, &f->err));
	fake_store_file(&f->machine, "/proc/cmdline", "quiet\n", 6);
	not_created(f, "pmem", MIB, -EOPNOTSUPP, "after the next jump only");
	fake_store_file(&f->machine, "/var/lib/warmboot/store-region", "nonsense\n", 9);
	not_created(f, "pmem", MIB, -EBADMSG, "does not hold a word");
}

static void moved_memory_is_not_sealed(void **state)
{
	struct fixture *f = *state;

	create(f, "carve", 20 * MIB);
	put(f, "x", 1000);
	f->machine.moved = 1;
	refused(f, wb_store_seal(f->store, &f->err), -EIO, "moved the store's memory at 0x");
	fake_store_jump(&f->machine, wb_store_load(f->store));
	close_store(f);
	/* Nothing was sealed, so nothing is taken. */
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -EBADMSG, "never sealed");
}

static void a_store_that_is_not_written_out_is_not_sealed(void **state)
{
	struct fixture *f = *state;

	create(f, "disk", 2 * MIB);
	put(f, "x", 1000);
	f->machine.sync_error = -EIO;
	refused(f, wb_store_seal(f->store, &f->err), -EIO, "could not be written out");
	fake_store_jump(&f->machine, wb_store_load(f->store));
	close_store(f);
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -EBADMSG, "never sealed");
}

static void a_holder_that_died_is_noticed(void **state)
{
	struct fixture *f = *state;

	create(f, "carve", MIB);
	close_store(f);
	f->machine.n_pages = 0;
	refused(f, wb_store_open(&f->machine.env, &f->store, &f->err), -EIO, "holder is gone");
	fake_store_file(&f->machine, WB_STORE_STATE, "{\"bytes\": 3}", 12);
	refused(f, wb_store_open(&f->machine.env, &f->store, &f->err), -EBADMSG,
		"warmboot store drop");
	ok(f, wb_store_drop(&f->machine.env, &f->err));
}

#define NONCE "\"nonce\":\"000102030405060708090a0b0c0d0e0f\""
#define HELD(rest) "{\"backend\":\"carve\",\"bytes\":6," NONCE rest "}"

static int read_state(const char *text, size_t n, struct wb_store_state *ret, struct wb_error *err)
{
	const struct fake_file disk[] = {{WB_STORE_STATE, text, n}, {}};
	struct wb_files files = fake_files(disk);

	return wb_store_state_read(&files, ret, err);
}

static void a_state_is_believed_as_a_whole(void **state)
{
	static const char whole[] =
		HELD(",\"wanted\":false,\"pid\":7,\"path\":\"/f\",\"pieces\":[[0,4096,2],[8,0,4]]");
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{"[]", "an object was expected"},
		{"{\"bytes\":6," NONCE "}", "\"backend\" is missing"},
		{"{\"backend\":\"carve\",\"bytes\":6}", "\"nonce\" is missing"},
		{"{\"backend\":\"carve\",\"bytes\":0," NONCE "}", "\"bytes\" is out of its limits"},
		{HELD(",\"pid\":-1"), "\"pid\" is out of its limits"},
		{HELD(",\"code\":1"), "\"code\" is out of its limits"},
		{HELD(",\"code\":-5"), "\"error\" is missing"},
		{HELD(",\"pieces\":[[0,0,6]]"), "\"path\" is missing"},
		{HELD(",\"path\":\"/f\",\"pieces\":[[0,0,5]]"), "not of \"bytes\" together"},
		{HELD(",\"path\":\"/f\",\"pieces\":[[0,6]]"), "\"size\" is missing"},
		{HELD(",\"path\":\"/f\",\"pieces\":[[0,0,0]]"), "\"size\" is out of its limits"},
		{HELD(",\"path\":\"/f\",\"pieces\":[[9223372036854775807,0,6]]"),
			"beyond all addresses"},
	};
	struct wb_error err = {};
	WB_CLEAN_STORE_STATE s = {};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(read_state(bad[i].text, strlen(bad[i].text), &s, &err), -EBADMSG);
		assert_non_null(strstr(err.text, bad[i].sentence));
		assert_non_null(strstr(err.text, ": run \"warmboot store drop\""));
	}
	for (size_t n = 1; n < strlen(whole); n++)
		assert_int_equal(read_state(whole, n, &s, &err), -EBADMSG);
	assert_null(s.backend);
	assert_int_equal(read_state(whole, strlen(whole), &s, &err), 0);
	assert_int_equal(s.pid, 7);
	assert_int_equal(s.nonce[15], 15);
	assert_int_equal(s.pieces.n, 2);
	assert_int_equal(s.pieces.items[0].start, 4096);
}

/* ---- damage ---- */

/* Every bit of every used byte: a damaged object is refused, and the others are whole. */
static void every_flipped_bit_is_found(void **state)
{
	struct fixture *f = *state;
	uint8_t *ram = fake_store_ram(&f->machine);
	uint64_t at;
	size_t refusals = 0, tried = 0;

	create(f, "carve", MIB);
	put(f, "a", 5000);
	put(f, "b", 3);
	at = wb_store_info(f->store).header;
	cross(f);
	close_store(f);
	for (size_t i = 0; i < 5 * 4096; i++) {
		WB_CLEAN_BLOB a = {}, b = {};
		uint8_t was = ram[at + i];
		int r, ra = 0, rb = 0;

		/* The end of a block that nothing fills bears no meaning. */
		if (!was && i % 7)
			continue;
		tried++;
		ram[at + i] ^= (uint8_t)(1 << i % 8);
		r = wb_store_attach(&f->machine.env, &f->store, &f->err);
		if (r == 0) {
			ra = wb_store_read(f->store, "a", SIZE_MAX, &a, &f->err);
			rb = wb_store_read(f->store, "b", SIZE_MAX, &b, &f->err);
			assert_true(ra == 0 || ra == -EBADMSG);
			assert_true(rb == 0 || rb == -EBADMSG);
			assert_true(ra == 0 || rb == 0);
			if (ra == 0)
				assert_memory_equal(a.data, f->data, 5000);
			if (rb == 0)
				assert_memory_equal(b.data, f->data, 3);
		} else {
			assert_true(r == -EBADMSG || r == -ESTALE);
		}
		refusals += r || ra || rb;
		close_store(f);
		ram[at + i] = was;
	}
	assert_true(tried > 5000);
	assert_true(refusals >= 5000 + 3 + sizeof(struct wb_store_header) - 40);
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
	ok(f, wb_store_check(f->store, &f->err));
}

static void a_damaged_extent_is_named(void **state)
{
	struct fixture *f = *state;
	uint8_t *ram = fake_store_ram(&f->machine);
	struct wb_store_reader reader;
	struct wb_bytes piece;
	char where[32];

	create(f, "carve", 20 * MIB);
	put(f, "big", DATA);
	put(f, "small", 100);
	cross(f);
	/* The large one is looked through by several threads. */
	ok(f, wb_store_get(f->store, "big", &reader, &f->err));
	assert_true(wb_store_next(&reader, &piece));
	for (size_t i = 0; i + 64 < FAKE_STORE_RAM; i += 4096)
		if (!memcmp(ram + i, f->data + 4096 * 512, 64)) {
			ram[i] ^= 4;
			snprintf(where, sizeof(where), "bytes at 0x");
		}
	refused(f, wb_store_get(f->store, "big", &reader, &f->err), -EBADMSG,
		"\"big\" in the store is damaged: extent 11 of ");
	refused(f, wb_store_check(f->store, &f->err), -EBADMSG, where);
	get(f, "small", 100);
}

static void another_jumps_store_is_refused(void **state)
{
	struct fixture *f = *state;
	struct wb_load_store load;

	create(f, "carve", MIB);
	put(f, "x", 1000);
	ok(f, wb_store_seal(f->store, &f->err));
	load = *wb_store_load(f->store);
	load.nonce[15] ^= 1;
	fake_store_jump(&f->machine, &load);
	close_store(f);
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE, "another jump");
	/* Its ranges are known, but no jump: a boot loader that copied the node, say. */
	fake_store_file(&f->machine, "/sys/kernel/boot_params/setup_data/0/data", NULL, 0);
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE,
		"the store belongs to");
	/* The memory is wiped all the same. */
	ok(f, wb_store_wipe_any(&f->machine.env, &f->err));
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ENOENT, "is empty");
}

static void an_old_file_is_never_read_again(void **state)
{
	struct fixture *f = *state;

	create(f, "disk", 2 * MIB);
	put(f, "x", 1000);
	ok(f, wb_store_seal(f->store, &f->err));
	close_store(f);
	/* The power fails, and an ordinary boot follows. */
	fake_store_file(&f->machine, WB_STORE_STATE, NULL, 0);
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ESTALE, "another jump");
	assert_int_equal(ftruncate(f->machine.disk, MIB), 0);
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -EBADMSG,
		"there are 1048576");
	/* It may hold secrets all the same. */
	ok(f, wb_store_wipe_any(&f->machine.env, &f->err));
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -ENOENT, "no store");
}

static void a_driver_in_the_way_is_gone_around(void **state)
{
	struct fixture *f = *state;

	create(f, "carve", 20 * MIB);
	put(f, "x", DATA);
	ok(f, wb_store_seal(f->store, &f->err));
	fake_store_jump(&f->machine, wb_store_load(f->store));
	close_store(f);
	f->machine.dev_mem_closed = -EPERM;
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -EACCES,
		"load the modules nd_e820 and nd_pmem");
	namespace_at(f, WB_STORE_PAGE, FAKE_STORE_RAM - WB_STORE_PAGE);
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
	get(f, "x", DATA);
}

#define DEVICE "/sys/devices/platform/e820_pmem"
#define UNBIND "/sys/bus/platform/drivers/e820_pmem/unbind"

static void the_driver_is_kept_away(void **state)
{
	struct fixture *f = *state;
	struct wb_store_info info;
	char iomem[256];

	create(f, "carve", 3 * MIB);
	put(f, "x", 1000);
	info = wb_store_info(f->store);
	snprintf(iomem, sizeof(iomem),
		"00000000-%08llx : System RAM\n%08llx-%08llx : Persistent Memory (legacy)\n"
		"  %08llx-%08llx : namespace0.0\n",
		(unsigned long long)info.header - 1, (unsigned long long)info.header,
		(unsigned long long)(info.header + info.size - 1), (unsigned long long)info.header,
		(unsigned long long)(info.header + info.size - 1));
	fake_store_file(&f->machine, "/proc/iomem", iomem, strlen(iomem));
	fake_store_file(&f->machine, DEVICE, "", 0);
	fake_store_file(&f->machine, DEVICE "/driver", "", 0);
	cross(f);
	assert_string_equal(fake_store_text(&f->machine, DEVICE "/driver_override"), "warmboot\n");
	assert_string_equal(fake_store_text(&f->machine, UNBIND), "e820_pmem");
	fake_store_file(&f->machine, UNBIND, NULL, 0);
	/* It is in use as a disk, and stays there. */
	namespace_at(f, info.header, info.size);
	f->machine.claimed = 1;
	close_store(f);
	ok(f, wb_store_attach(&f->machine.env, &f->store, &f->err));
	assert_null(fake_store_text(&f->machine, UNBIND));
	ok(f, wb_store_wipe(f->store, &f->err));
	assert_int_equal(f->machine.modules, 0);
}

/* /dev/mem is closed to all, and the driver is wanted. */
static void under_lockdown_the_driver_is_called(void **state)
{
	struct fixture *f = *state;

	create(f, "carve", 20 * MIB);
	put(f, "x", DATA);
	ok(f, wb_store_seal(f->store, &f->err));
	fake_store_jump(&f->machine, wb_store_load(f->store));
	close_store(f);
	f->machine.dev_mem_closed = -EPERM;
	fake_store_file(&f->machine, DEVICE, "", 0);
	fake_store_file(&f->machine, "/sys/kernel/security/lockdown",
		"none [integrity] confidentiality\n", 33);
	refused(f, wb_store_attach(&f->machine.env, &f->store, &f->err), -EACCES, "lockdown");
	assert_int_equal(f->machine.modules, 2);
	assert_null(fake_store_text(&f->machine, DEVICE "/driver_override"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(carved_memory_crosses),
		TEST(pages_beside_the_guests_region_are_left_out),
		TEST(a_region_crosses),
		TEST(a_file_crosses),
		TEST(a_region_crosses_by_file),
		TEST(memory_is_told_in_few_pieces),
		TEST(the_next_jumps_store_is_not_the_last_ones),
		TEST(wiped_memory_is_used_again),
		TEST(another_process_goes_on),
		TEST(another_process_goes_on_from_what_is_there),
		TEST(what_was_parked_is_checked),
		TEST(dropped_is_gone),
		TEST(several_objects_grow_side_by_side),
		TEST(room_is_not_lost),
		TEST(a_full_store_says_so),
		TEST(a_share_is_left_alone),
		TEST(what_was_asked_for_fits),
		TEST(names_are_checked),
		TEST(too_little_memory),
		TEST(compaction_is_asked_for),
		TEST(a_holder_that_fails_is_told_of),
		TEST(a_region_must_be_there),
		TEST(moved_memory_is_not_sealed),
		TEST(a_store_that_is_not_written_out_is_not_sealed),
		TEST(a_holder_that_died_is_noticed),
		cmocka_unit_test(a_state_is_believed_as_a_whole),
		TEST(every_flipped_bit_is_found),
		TEST(a_damaged_extent_is_named),
		TEST(another_jumps_store_is_refused),
		TEST(an_old_file_is_never_read_again),
		TEST(a_driver_in_the_way_is_gone_around),
		TEST(the_driver_is_kept_away),
		TEST(under_lockdown_the_driver_is_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
