// SPDX-License-Identifier: LGPL-2.1-or-later
/* net/drain.c: draining connections before the packet hold. */
#include <stdio.h>
#include <stdlib.h>

#include "manifest/manifest.h"
#include "net/drain.h"
#include "unit.h"

#define HEAD                                                                                  \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  " \
	"timeout inode\n"
/* Port 80 is the unit's, 81 (0x51) another's. */
#define LINE(local, peer, state, tx, rx, inode)                                       \
	"   0: 0200000A:" local " 0100000A:" peer " " state " 000000" tx ":000000" rx \
	" 01:00000014 00000000     0        0 " inode " 1 0000000000000000 20 0 0 10 -1\n"
#define LISTENS(rx) LINE("0050", "0000", "0A", "00", rx, "77")

/* A table with the contents of each of `texts` in turn, for 10 ms each. */
struct machine {
	const char *texts[4];
	const char *v6;
	uint64_t now;
	unsigned pauses;
};

static int read_table(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	struct machine *m = ctx;
	unsigned i = m->pauses < 3 ? m->pauses : 3;
	const char *text = NULL;

	while (i && !m->texts[i])
		i--;
	if (!strcmp(path, "/proc/net/tcp"))
		text = m->texts[i];
	else if (!strcmp(path, "/proc/net/tcp6"))
		text = m->v6;
	if (!text)
		return wb_fail(err, -ENOENT, "%s is not there", path);
	assert_int_equal(wb_blob_append(ret, text, strlen(text) + 1), 0);
	ret->size--; /* a NUL follows what was read */
	return 0;
}

static uint64_t mono_ns(void *ctx)
{
	return ((struct machine *)ctx)->now;
}

static void pause_ms(void *ctx, unsigned ms)
{
	struct machine *m = ctx;

	m->pauses++;
	m->now += ms * 1000000ull;
}

static struct wb_net_port ports[] = {{"udp", NULL, 53}, {"tcp", NULL, 80}};
static const struct wb_net_ends web = {.ports = {ports, 2}};
static const struct wb_ends_list kept = {(const struct wb_net_ends *[]){&web}, 1};

static size_t wait_for(struct machine *m,
	size_t (*settle)(struct wb_drain *, const struct wb_ends_list *), struct wb_drain *s)
{
	struct wb_files files = {.ctx = m, .read = read_table};

	s->files = &files;
	s->ctx = m;
	s->mono_ns = mono_ns;
	s->pause = pause_ms;
	return settle(s, &kept);
}

static void an_answer_that_was_closed_is_waited_for(void **state)
{
	struct machine m = {{HEAD LINE("0050", "9C40", "04", "10", "00", "0"),
		HEAD LINE("0050", "9C40", "04", "01", "00", "0"),
		HEAD LINE("0050", "9C40", "05", "00", "00", "0")}};
	WB_CLEAN_DRAIN s = {};

	assert_int_equal(wait_for(&m, wb_drain_closed, &s), 0);
	assert_int_equal(m.pauses, 2);
}

/* LAST_ACK and CLOSING; for IPv6, too. */
static void each_way_of_ending_counts(void **state)
{
	struct machine m = {{HEAD LINE("0050", "9C40", "09", "10", "00", "0")
					    LINE("0050", "9C41", "0B", "10", "00", "0")},
		.v6 = HEAD "   1: 00000000000000000000000001000000:0050 "
			   "00000000000000000000000001000000:9C42 04 00000010:00000000 "
			   "01:00000014 00000000     0        0 0 1 0000000000000000\n"};
	WB_CLEAN_DRAIN s = {};

	assert_int_equal(wait_for(&m, wb_drain_closed, &s), 3);
	assert_int_equal(m.now, 2000000000);
}

static void what_others_have_is_none_of_ours(void **state)
{
	/*
	 * Another's port, an open connection of a process, one that has sent all, one from here to
	 * port 80 elsewhere.
	 */
	struct machine m = {{HEAD LINE("0051", "9C40", "04", "10", "00", "0") LINE("0050", "9C41",
		"04", "10", "00", "99") LINE("0050", "9C42", "05", "00", "00", "0") LINE("9C43",
		"0050", "04", "10", "00", "0") LINE("0051", "0000", "0A", "00", "03", "78")}};
	WB_CLEAN_DRAIN s = {};

	assert_int_equal(wait_for(&m, wb_drain_closed, &s), 0);
	assert_int_equal(wait_for(&m, wb_drain_accepts, &s), 0);
	assert_int_equal(m.pauses, 0);
}

/*
 * A busy server always has some. The wait is for those of the first look, not for each one after
 * that.
 */
static void what_was_closed_later_is_not_waited_for_by_the_first(void **state)
{
	struct machine m = {{HEAD LINE("0050", "9C40", "04", "10", "00", "0"),
		HEAD LINE("0050", "9C41", "04", "10", "00", "0")}};
	WB_CLEAN_DRAIN s = {};

	assert_int_equal(wait_for(&m, wb_drain_closed, &s), 0);
	assert_int_equal(m.pauses, 1);
	/* No new connection comes now, so these end. */
	m.texts[2] = HEAD LISTENS("00");
	assert_int_equal(wait_for(&m, wb_drain_accepts, &s), 0);
	assert_int_equal(m.pauses, 2);
}

/* A peer that has vanished delays the freeze once, and not once for each wave of units. */
static void all_waits_together_are_short(void **state)
{
	struct machine m = {{HEAD LINE("0050", "9C40", "04", "10", "00", "0")}};
	WB_CLEAN_DRAIN s = {.spent_ns = 1500000000};

	assert_int_equal(wait_for(&m, wb_drain_closed, &s), 1);
	assert_int_equal(m.now, 500000000);
	assert_int_equal(s.spent_ns, 2000000000);
	assert_int_equal(wait_for(&m, wb_drain_closed, &s), 1);
	assert_int_equal(m.now, 500000000);
}

static void who_was_given_up_is_not_waited_for_again(void **state)
{
	struct machine m = {{HEAD LINE("0050", "9C40", "04", "10", "00", "0")}};
	WB_CLEAN_DRAIN s = {};
	unsigned pauses;

	assert_int_equal(wait_for(&m, wb_drain_closed, &s), 1);
	pauses = m.pauses;
	assert_int_equal(wait_for(&m, wb_drain_accepts, &s), 0);
	assert_int_equal(m.pauses, pauses);
}

static void who_waits_is_accepted_first(void **state)
{
	/* First a handshake, then a connection that waits, then an accepted one. */
	struct machine m = {{HEAD LISTENS("00") LINE("0050", "9C40", "03", "00", "00", "0"),
		HEAD LISTENS("01") LINE("0050", "9C40", "01", "00", "05", "0"),
		HEAD LISTENS("00") LINE("0050", "9C40", "01", "00", "05", "88")}};
	WB_CLEAN_DRAIN s = {};

	assert_int_equal(wait_for(&m, wb_drain_accepts, &s), 0);
	assert_int_equal(m.pauses, 2);
}

static void a_service_that_accepts_nobody_is_not_waited_for_long(void **state)
{
	struct machine m = {{HEAD LISTENS("03")}};
	WB_CLEAN_DRAIN s = {};

	assert_int_equal(wait_for(&m, wb_drain_accepts, &s), 3);
	assert_int_equal(m.now, 300000000);
}

/* The service accepts one every 200 ms; its queue can be long. */
static int read_queue(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	struct machine *m = ctx;
	unsigned n = 0x30 - (unsigned)(m->now / 200000000);
	char text[sizeof(HEAD LISTENS("00"))], rx[3];

	if (strcmp(path, "/proc/net/tcp") != 0)
		return wb_fail(err, -ENOENT, "%s is not there", path);
	strcpy(text, HEAD LISTENS("xx"));
	snprintf(rx, sizeof(rx), "%02X", n);
	memcpy(strstr(text, "xx"), rx, 2);
	assert_int_equal(wb_blob_append(ret, text, sizeof(text)), 0);
	ret->size--;
	return 0;
}

static void a_service_that_accepts_gets_longer(void **state)
{
	struct machine m = {};
	struct wb_files files = {.ctx = &m, .read = read_queue};
	WB_CLEAN_DRAIN s = {.files = &files, .ctx = &m, .mono_ns = mono_ns, .pause = pause_ms};

	assert_int_equal(wb_drain_accepts(&s, &kept), 0x30 - 10);
	assert_int_equal(m.now, 2000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_that_was_closed_is_waited_for),
		cmocka_unit_test(each_way_of_ending_counts),
		cmocka_unit_test(what_others_have_is_none_of_ours),
		cmocka_unit_test(what_was_closed_later_is_not_waited_for_by_the_first),
		cmocka_unit_test(all_waits_together_are_short),
		cmocka_unit_test(who_was_given_up_is_not_waited_for_again),
		cmocka_unit_test(who_waits_is_accepted_first),
		cmocka_unit_test(a_service_that_accepts_nobody_is_not_waited_for_long),
		cmocka_unit_test(a_service_that_accepts_gets_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
