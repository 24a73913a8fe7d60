// SPDX-License-Identifier: LGPL-2.1-or-later
/* core/sha256*.c and core/digest.c: known digests, with every block function. */
#include "unit.h"
#include <stdio.h>
#include "core/digest.h"
#include "core/sha256.h"

static void check(const uint8_t digest[32], const char *want)
{
	char hex[65];

	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(hex, want);
}

static void hash(
	wb_sha256_blocks blocks, const uint8_t *data, size_t n, size_t step, uint8_t ret[32])
{
	struct wb_sha256 s;

	wb_sha256_begin(&s);
	for (size_t at = 0; at < n; at += step)
		wb_sha256_add(&s, blocks, data + at, n - at < step ? n - at : step);
	wb_sha256_end(&s, blocks, ret);
}

/* NIST's examples for FIPS 180-4, with each block function. */
static void vectors(wb_sha256_blocks blocks)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
		 "klmnopqrlmnopqrsmnopqrstnopqrstu",
			"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};
	static uint8_t million[1000000];
	uint8_t digest[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hash(blocks, (const uint8_t *)cases[i].text, strlen(cases[i].text), 64, digest);
		check(digest, cases[i].digest);
	}
	memset(million, 'a', sizeof(million));
	hash(blocks, million, sizeof(million), 4093, digest);
	check(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void plain_vectors(void **state)
{
	vectors(wb_sha256_blocks_plain);
}

static void ni_vectors(void **state)
{
	if (!wb_sha256_has_ni())
		skip();
	vectors(wb_sha256_blocks_ni);
}

static void best_vectors(void **state)
{
	uint8_t digest[32];

	wb_sha256("abc", 3, digest);
	check(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	vectors(wb_sha256_best());
}

/*
 * Every length up to three blocks and more, in one piece and in small ones, chained into one
 * digest that Python's hashlib computes as
 * sha256(b"".join(sha256(bytes(i * 7 + 3 & 255 for i in range(n))).digest() for n in range(201))).
 */
static void lengths(wb_sha256_blocks blocks)
{
	uint8_t data[200], whole[32], pieces[32], digest[32];
	struct wb_sha256 all;

	for (int i = 0; i < 200; i++)
		data[i] = i * 7 + 3;
	wb_sha256_begin(&all);
	for (size_t n = 0; n <= 200; n++) {
		hash(blocks, data, n, 200, whole);
		for (size_t step = 1; step < 80; step += 13) {
			hash(blocks, data, n, step, pieces);
			assert_memory_equal(whole, pieces, 32);
		}
		wb_sha256_add(&all, blocks, whole, 32);
	}
	wb_sha256_end(&all, blocks, digest);
	check(digest, "3275febb4612d86d586eb9f11cd21e648a9fc7d95e0f6b8d362786e28c9c5b79");
}

static void plain_lengths(void **state)
{
	lengths(wb_sha256_blocks_plain);
}

static void ni_lengths(void **state)
{
	if (!wb_sha256_has_ni())
		skip();
	lengths(wb_sha256_blocks_ni);
}

/*
 * Lengths around whole stripes, each from an odd address, chained into one digest that Python says is right:
 *
 * def lanes(data):
 *     full = len(data) // 512 * 512
 *     words = array.array("I", data[:full])
 *     words.byteswap()
 *     parts = [sha256(words[i::8].tobytes()).digest() for i in range(8)]
 *     return sha256(b"".join(parts) + data[full:]).digest()
 * sha256(b"".join(lanes(bytes(i * 7 + 3 & 255 for i in range(n))) for n in range(0, 2100, 7)))
 */
static void lanes_are_eight_sha256(void **state)
{
	uint8_t data[2101], digest[32];
	struct wb_sha256 all;

	for (int i = 0; i < 2100; i++)
		data[i + 1] = i * 7 + 3;
	wb_sha256_begin(&all);
	for (size_t n = 0; n < 2100; n += 7) {
		wb_digest(WB_DIGEST_LANES, data + 1, n, digest);
		wb_sha256_add(&all, wb_sha256_blocks_plain, digest, 32);
	}
	wb_sha256_end(&all, wb_sha256_blocks_plain, digest);
	check(digest, "7029dcde2b6c06870da221f04eaeb87832b0f539eb7e4f074a9aa3d77a0cd4f1");
}

static void the_plain_digest_is_sha256(void **state)
{
	uint8_t digest[32];

	wb_digest(WB_DIGEST_SHA256, "abc", 3, digest);
	check(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_vectors),
		cmocka_unit_test(ni_vectors),
		cmocka_unit_test(best_vectors),
		cmocka_unit_test(plain_lengths),
		cmocka_unit_test(ni_lengths),
		cmocka_unit_test(lanes_are_eight_sha256),
		cmocka_unit_test(the_plain_digest_is_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
