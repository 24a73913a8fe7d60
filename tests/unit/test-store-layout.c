// SPDX-License-Identifier: LGPL-2.1-or-later
/* The header and table of an earlier kernel are accepted only if they fit the store. */
#include "unit.h"
#include <stdlib.h>

#include "sys/handoff.h"
#include "store/layout.h"

#define SIZE (8ull << 20)

struct object {
	uint64_t size;
	uint32_t first, n, name, name_size;
};

/* Two objects, "a" in extent 0 and "b" in extents 1 and 2. */
struct table {
	struct object o[2];
	struct wb_store_extent x[3];
	char names[2];
} __attribute__((packed));

static struct table sound(void)
{
	return (struct table){
		.o = {{100, 0, 1, 0, 1}, {4096 + 5, 1, 2, 1, 1}},
		.x = {{4096, 100, 0}, {8192, 4096, 0}, {12288, 5, 0}},
		.names = "ab",
	};
}

static int parse(const struct table *t)
{
	struct wb_store_header h = {.size = SIZE, .n_objects = 2, .n_extents = 3};
	WB_CLEAN_STORE_TABLE table = {};

	return wb_store_table_parse(
		(struct wb_bytes){(const uint8_t *)t, sizeof(*t)}, &h, &table, NULL);
}

static void a_sound_table_is_read(void **state)
{
	struct table t = sound();

	assert_int_equal(parse(&t), 0);
}

/* Or each of n objects could claim all of n extents, and memory for n times n would be asked for. */
static void no_extent_is_claimed_twice(void **state)
{
	struct table t = sound();

	t.o[1] = (struct object){100 + 4096, 0, 2, 1, 1};
	assert_int_equal(parse(&t), -EBADMSG);
	t = sound();
	t.o[1].name = 0;
	t.o[1].name_size = 2;
	assert_int_equal(parse(&t), -EBADMSG);
}

static void no_two_extents_lie_in_one_place(void **state)
{
	static const struct wb_store_extent bad[] = {
		{4096, 4096, 0},              /* another object's */
		{0, 4096, 0},                 /* the header */
		{8192 + 512, 4096, 0},        /* within a block */
		{SIZE, 4096, 0},              /* behind the end */
		{SIZE - 4096, 8192, 0},       /* beyond it */
		{UINT64_MAX - 4095, 8192, 0}, /* around */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct table t = sound();

		t.x[1] = bad[i];
		t.o[1].size = bad[i].size + 5;
		assert_int_equal(parse(&t), -EBADMSG);
	}
}

static struct wb_store_header header(uint64_t state)
{
	struct wb_store_header h = {.size = SIZE, .high = SIZE, .table_off = 4096, .state = state};

	wb_store_header_finish(&h);
	return h;
}

static struct wb_bytes bytes(const struct wb_store_header *h)
{
	return (struct wb_bytes){(const uint8_t *)h, sizeof(*h)};
}

static void a_header_is_ours_by_magic_checksum_and_state(void **state)
{
	static const uint64_t states[] = {WB_STORE_OPEN, WB_STORE_SEALED, WB_STORE_USED};
	struct wb_store_header h, got;

	for (size_t i = 0; i < 3; i++) {
		h = header(states[i]);
		assert_true(wb_store_header_check(bytes(&h), SIZE, &got));
		assert_false(wb_store_header_check(bytes(&h), SIZE - 1, &got));
		for (size_t bit = 0; bit < 8 * offsetof(struct wb_store_header, taken); bit++) {
			((uint8_t *)&h)[bit / 8] ^= 1 << bit % 8;
			if (wb_store_header_check(bytes(&h), UINT64_MAX, &got))
				fail_msg("bit %zu", bit);
			((uint8_t *)&h)[bit / 8] ^= 1 << bit % 8;
		}
	}
	h = header(0);
	assert_false(wb_store_header_check(bytes(&h), SIZE, &got));
}

static void only_a_sealed_header_is_taken(void **state)
{
	struct wb_store_header h = header(WB_STORE_OPEN), got;
	struct wb_error err = {};

	assert_int_equal(wb_store_header_parse(bytes(&h), SIZE, &got, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "never sealed"));
	h = header(WB_STORE_USED);
	assert_int_equal(wb_store_header_parse(bytes(&h), SIZE, &got, &err), -ESTALE);
	h = header(WB_STORE_SEALED);
	assert_int_equal(wb_store_header_parse(bytes(&h), SIZE, &got, &err), 0);
}

/* Ranges whose sum does not fit into 64 bits would look like a small store. */
static void ranges_that_are_too_much_are_refused(void **state)
{
	const struct wb_handoff_store head = {WB_HANDOFF_STORE_MAGIC, WB_HANDOFF_VERSION, 3};
	struct wb_handoff_range r[3] = {
		{1 << 20, 1ull << 62}, {2 << 20, 1ull << 62}, {3 << 20, 1ull << 62}};
	uint8_t node[sizeof(head) + sizeof(r)];
	const struct wb_bytes in = {node, sizeof(node)};
	struct wb_handoff_range *ranges;
	size_t n;

	memcpy(node, &head, sizeof(head));
	memcpy(node + sizeof(head), r, sizeof(r));
	assert_int_equal(wb_handoff_store_parse(in, &ranges, &n), -EBADMSG);
	for (size_t i = 0; i < 3; i++)
		r[i].size = 1 << 20;
	memcpy(node + sizeof(head), r, sizeof(r));
	assert_int_equal(wb_handoff_store_parse(in, &ranges, &n), 0);
	free(ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_table_is_read),
		cmocka_unit_test(no_extent_is_claimed_twice),
		cmocka_unit_test(no_two_extents_lie_in_one_place),
		cmocka_unit_test(a_header_is_ours_by_magic_checksum_and_state),
		cmocka_unit_test(only_a_sealed_header_is_taken),
		cmocka_unit_test(ranges_that_are_too_much_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
