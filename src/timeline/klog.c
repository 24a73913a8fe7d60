// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading the spans of a kernel's start from its log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "timeline/klog.h"
#include "core/sort.h"

/* A console adds "[ 0.123456] " and the end of the line to every record. */
#define CONSOLE_EXTRA 17
/* Levels below these are printed by default, CONFIG_CONSOLE_LOGLEVEL_DEFAULT and _QUIET. */
#define LEVEL_DEFAULT 7
#define LEVEL_QUIET 4

/* No time in a log is longer than thirty years. */
#define MOST 1000000000000000ll

/* Maximum number of lines whose time is measured, and their minimum length. */
#define TIMED 512
#define TIMED_BYTES 40

struct record {
	unsigned int level, facility;
	unsigned long long seq;
	int64_t us;
	const char *text; /* not NUL-terminated */
	size_t size;
};

struct state {
	const struct wb_arch *arch;
	struct wb_klog *k;
	int64_t previous_us;
	int64_t smp_begin, pages_begin, initrd_begin;
	bool in_pages;          /* since "Initmem setup", until another kind of line */
	int64_t byte_ns[TIMED]; /* from a line's stamp to the next one's, per byte */
	size_t n_timed;
	size_t previous_bytes;      /* of the line before, as a console prints it; 0 not printed */
	enum wb_klog_part previous; /* kind of the line before; WB_KLOG_PARTS none */
	bool first;
};

const char *wb_klog_part_name(enum wb_klog_part part)
{
	static const char *const names[] = {"SMP bring-up", "struct pages", "ACPI", "PCI",
		"crypto self-tests", "initrd unpacking", "initramfs: modules",
		"initramfs: root device", "initramfs: mount"};

	return names[part];
}

static bool begins(const struct record *r, const char *with)
{
	size_t n = strlen(with);

	return r->size >= n && !memcmp(r->text, with, n);
}

/* The place of `what` in the text, or NULL. */
static const char *holds(const struct record *r, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= r->size; i++)
		if (!memcmp(r->text + i, what, n))
			return r->text + i;
	return NULL;
}

/* The number at `at`, which lies within the text; -1: none, or too large for a log. */
static int64_t number(const struct record *r, const char *at)
{
	const char *end = r->text + r->size;
	int64_t v = -1;

	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (v > INT64_MAX / 20)
			return -1;
		v = (v < 0 ? 0 : v) * 10 + (*at - '0');
	}
	return v;
}

static int64_t number_after(const struct record *r, const char *what)
{
	const char *at = holds(r, what);

	return at ? number(r, at + strlen(what)) : -1;
}

/* Take a number up to a comma; false when there is none. */
static bool field(const char **at, const char *end, unsigned long long *ret)
{
	unsigned long long v = 0;
	const char *p = *at;

	while (p < end && *p >= '0' && *p <= '9' && v < 1ull << 60)
		v = v * 10 + (unsigned long long)(*p++ - '0');
	if (p == *at || p == end || (*p != ',' && *p != ';'))
		return false;
	*at = p + (*p == ',');
	*ret = v;
	return true;
}

/*
 * Take a record "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,…];TEXT"
 * (Documentation/ABI/testing/dev-kmsg).
 */
static bool take_record(const char *line, size_t n, struct record *ret)
{
	const char *end = line + n, *at = line, *text = memchr(line, ';', n);
	unsigned long long priority, seq, us;

	if (!text || !field(&at, end, &priority) || !field(&at, end, &seq) ||
		!field(&at, end, &us) || at > text || us > MOST)
		return false;
	*ret = (struct record){.level = priority & 7,
		.facility = (unsigned int)(priority >> 3),
		.seq = seq,
		.us = (int64_t)us,
		.text = text + 1,
		.size = (size_t)(end - text) - 1};
	return true;
}

static void add_span(
	struct wb_klog *k, enum wb_klog_part part, int64_t begin, int64_t used, const char *source)
{
	struct wb_klog_span *s = &k->parts[part];

	if (used < 0)
		return;
	if (s->begin_us == WB_KLOG_NONE)
		*s = (struct wb_klog_span){begin, 0, source};
	s->used_us += used;
}

static void add_initcall(struct wb_klog *k, const char *name, int64_t us)
{
	size_t at = k->n_top;

	k->n_initcalls++;
	while (at > 0 && k->top[at - 1].us < us)
		at--;
	if (at == WB_KLOG_TOP)
		return;
	if (k->n_top < WB_KLOG_TOP)
		k->n_top++;
	memmove(&k->top[at + 1], &k->top[at], (k->n_top - at - 1) * sizeof(k->top[0]));
	snprintf(k->top[at].name, sizeof(k->top[at].name), "%s", name);
	for (char *p = k->top[at].name; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	k->top[at].us = us;
}

/* Does an initcall with this name test algorithms against known answers? */
static bool is_crypto(const char *name, size_t n)
{
	static const char *const parts[] = {"crypto", "aes", "sha1", "sha2", "sha3", "sha5",
		"ghash", "drbg", "jent_", "rsa_init", "dh_init", "ecdh", "ecdsa", "chacha",
		"poly1305", "crct10dif", "hmac", "fips_init", "serpent", "twofish", "camellia"};
	char copy[64];

	snprintf(copy, sizeof(copy), "%.*s", (int)n, name);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strstr(copy, parts[i]))
			return true;
	return false;
}

/* Take a line "initcall NAME+0x0/0x30 [MODULE] returned 0 after 123 usecs" (init/main.c). */
static void take_initcall(struct state *s, const struct record *r)
{
	const char *name = r->text + strlen("initcall ");
	const char *plus = memchr(name, '+', r->size - strlen("initcall "));
	int64_t us = number_after(r, " after ");
	const char *module = holds(r, " ["), *close = module ? holds(r, "]") : NULL;
	char full[64];

	if (!plus || us < 0 || us > MOST || !holds(r, " usecs"))
		return;
	snprintf(full, sizeof(full), "%.*s%.*s", (int)(plus - name), name,
		close > module ? (int)(close - module) + 1 : 0, module ? module : "");
	add_initcall(s->k, full, us);
	if (s->k->run_init_us == WB_KLOG_NONE && is_crypto(name, (size_t)(plus - name)))
		add_span(s->k, WB_KLOG_CRYPTO, r->us - us, us, "initcalls of ciphers and hashes");
}

static enum wb_klog_part kind(const struct record *r)
{
	static const struct {
		const char *head;
		enum wb_klog_part part;
	} heads[] = {
		{"ACPI: ", WB_KLOG_ACPI},
		{"acpi ", WB_KLOG_ACPI},
		{"pci ", WB_KLOG_PCI},
		{"pci_bus ", WB_KLOG_PCI},
		{"PCI: ", WB_KLOG_PCI},
		{"PCI host bridge", WB_KLOG_PCI},
		{"acpiphp: ", WB_KLOG_PCI},
		{"pcieport ", WB_KLOG_PCI},
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		if (begins(r, heads[i].head))
			return heads[i].part;
	return WB_KLOG_PARTS;
}

/* Measure ACPI and PCI, which print as they work, by the time between two successive lines. */
static void take_run(struct state *s, const struct record *r)
{
	enum wb_klog_part part = kind(r);

	if (part != WB_KLOG_PARTS && part == s->previous && !s->first)
		add_span(s->k, part, s->previous_us, r->us - s->previous_us,
			part == WB_KLOG_ACPI ? "between ACPI's lines in the log"
					     : "between PCI's lines in the log");
	s->previous = part;
}

static void take_pages(struct state *s, const struct record *r)
{
	int64_t ms;

	if (begins(r, "Initmem setup node") && !s->in_pages) {
		s->in_pages = true;
		s->pages_begin = r->us;
	} else if (s->in_pages && !begins(r, "Initmem setup") && !begins(r, "On node ")) {
		s->in_pages = false;
		add_span(s->k, WB_KLOG_PAGES, s->pages_begin, r->us - s->pages_begin,
			"\"Initmem setup\" to the next line, and before \"Memory:\"");
	}
	if (begins(r, "Memory: ") && !s->k->pages_deferred)
		add_span(s->k, WB_KLOG_PAGES, s->previous_us, r->us - s->previous_us,
			"before \"Memory:\"");
	ms = number_after(r, "deferred pages initialised in ");
	if (begins(r, "node ") && ms >= 0 && ms <= MOST / 1000) {
		s->k->pages_deferred = true;
		add_span(s->k, WB_KLOG_PAGES, r->us - ms * 1000, ms * 1000,
			"\"deferred pages initialised\"");
	}
}

static void take_rate(struct state *s, const struct record *r)
{
	uint64_t khz = s->arch->log_khz ? s->arch->log_khz((struct wb_span){r->text, r->size}) : 0;

	if (khz)
		s->k->tsc_khz = khz;
}

static void take_milestones(struct state *s, const struct record *r)
{
	struct wb_klog *k = s->k;
	const char *cpus;
	int64_t n;

	if (begins(r, "smp: Bringing up secondary CPUs"))
		s->smp_begin = r->us;
	if (begins(r, "smp: Brought up ") && s->smp_begin != WB_KLOG_NONE) {
		add_span(k, WB_KLOG_SMP, s->smp_begin, r->us - s->smp_begin,
			"\"Bringing up secondary CPUs\" to \"Brought up\"");
		cpus = holds(r, ", ");
		n = cpus ? number(r, cpus + 2) : 0;
		k->cpus = n > 0 && n < 65536 ? (int)n : 0;
	}
	if (begins(r, "Trying to unpack rootfs image"))
		s->initrd_begin = r->us;
	if (begins(r, "Freeing initrd memory: ") && s->initrd_begin != WB_KLOG_NONE) {
		add_span(k, WB_KLOG_INITRD, s->initrd_begin, r->us - s->initrd_begin,
			"\"Trying to unpack\" to \"Freeing initrd\"");
		s->initrd_begin = WB_KLOG_NONE;
		n = number_after(r, "memory: ");
		k->initrd_kib = n > 0 ? n : 0;
	}
	if (begins(r, "Run /") && holds(r, " as init process") && k->run_init_us == WB_KLOG_NONE)
		k->run_init_us = r->us;
}

/*
 * Measure the console. A line is stamped before it is printed, and the same CPU cannot stamp the
 * next one until that is done. Most of the time between is other work; the smallest times are the
 * console's.
 */
static void take_printing(struct state *s, const struct record *r)
{
	bool printed = r->level < LEVEL_DEFAULT;

	if (s->previous_bytes >= TIMED_BYTES && s->n_timed < TIMED && r->us > s->previous_us &&
		s->previous_us > 0)
		s->byte_ns[s->n_timed++] =
			(r->us - s->previous_us) * 1000 / (int64_t)s->previous_bytes;
	s->previous_bytes = printed ? r->size + CONSOLE_EXTRA : 0;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * Take the line "warmboot: root … after 270 ms: 1 modules 180, device 43, mount 47; …"
 * (warminit/init.c).
 */
static void take_warm(struct wb_klog *k, const struct record *r)
{
	static const char source[] = "times in the warm initramfs's line of the log";
	const int64_t all = number_after(r, " after "), modules = number_after(r, " modules "),
		      device = number_after(r, ", device "), mount = number_after(r, ", mount ");
	int64_t at;

	if (all < 0 || modules < 0 || device < 0 || mount < 0 || all > MOST / 1000 ||
		modules > all || device > all || mount > all ||
		k->parts[WB_KLOG_WARM_MODULES].begin_us != WB_KLOG_NONE)
		return;
	at = r->us - all * 1000;
	add_span(k, WB_KLOG_WARM_MODULES, at, modules * 1000, source);
	at += modules * 1000;
	add_span(k, WB_KLOG_WARM_DEVICE, at, device * 1000, source);
	at += device * 1000;
	add_span(k, WB_KLOG_WARM_MOUNT, at, mount * 1000, source);
}

static void take(struct state *s, const struct record *r)
{
	struct wb_klog *k = s->k;
	int64_t tsc;

	if (s->first)
		k->whole = r->seq == 0 && begins(r, "Linux version");
	/* Lines from user space are not the kernel's, except warmboot's own. */
	if (r->facility != 0) {
		tsc = begins(r, "warmboot: tsc ") ? number_after(r, "warmboot: tsc ") : -1;
		if (tsc > 0) {
			k->tie_tsc = (uint64_t)tsc;
			k->tie_us = r->us;
		}
		if (begins(r, "warmboot: root "))
			take_warm(k, r);
		return;
	}
	if (k->run_init_us == WB_KLOG_NONE) {
		if (r->level < LEVEL_DEFAULT)
			k->console_bytes += (int64_t)r->size + CONSOLE_EXTRA;
		if (r->level < LEVEL_QUIET)
			k->quiet_bytes += (int64_t)r->size + CONSOLE_EXTRA;
		take_printing(s, r);
		take_run(s, r);
		take_pages(s, r);
	}
	take_milestones(s, r);
	take_rate(s, r);
	if (begins(r, "initcall "))
		take_initcall(s, r);
	/* A CPU that has just started stamps its first lines with a clock of its own. */
	if (r->us >= s->previous_us)
		s->previous_us = r->us;
	s->first = false;
}

void wb_klog_parse(const struct wb_arch *arch, const char *text, size_t size, struct wb_klog *ret)
{
	struct state s = {.k = ret,
		.arch = arch,
		.smp_begin = WB_KLOG_NONE,
		.initrd_begin = WB_KLOG_NONE,
		.previous = WB_KLOG_PARTS,
		.first = true};

	*ret = (struct wb_klog){.run_init_us = WB_KLOG_NONE};
	for (size_t i = 0; i < WB_KLOG_PARTS; i++)
		ret->parts[i].begin_us = WB_KLOG_NONE;
	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t n = end ? (size_t)(end - text) - at : size - at;
		struct record r;

		/* A line that begins with a blank continues the record before. */
		if (n && text[at] != ' ' && take_record(text + at, n, &r))
			take(&s, &r);
		at += n + 1;
	}
	wb_sort(s.byte_ns, s.n_timed, sizeof(*s.byte_ns), by_size);
	if (s.n_timed >= 10)
		ret->byte_ns = s.byte_ns[s.n_timed / 10];
}
