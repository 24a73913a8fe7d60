// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keep/definition.h"

/* ---- the syntax of unit files: systemd.syntax(7) ---- */

struct cursor {
	const char *p;
	char section[32];
};

/* One assignment; owned. */
struct assignment {
	char *key, *value;
};

static void assignment_deinit(struct assignment *a)
{
	free(a->key);
	free(a->value);
	*a = (struct assignment){};
}
#define CLEAN_ASSIGNMENT __attribute__((cleanup(assignment_deinit))) struct assignment

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return *line == '#' || *line == ';';
}

static const char *after_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/*
 * Take one logical line: a backslash at the end of a line stands for a space and the next line that
 * is no comment. -ENOMEM; *ret NULL at the end of the text.
 */
static int take_line(struct cursor *c, char **ret)
{
	bool more = true, any = false;
	WB_CLEAN_STR out = NULL;
	size_t n = 0;
	FILE *f;

	*ret = NULL;
	if (!*c->p)
		return 0;
	f = open_memstream(&out, &n);
	if (!f)
		return -ENOMEM;
	for (; more && *c->p; c->p = after_line(c->p)) {
		size_t len = strcspn(c->p, "\n");

		if (is_comment(c->p)) {
			/* Alone it is a line of its own; within a continued one it is skipped. */
			more = any;
			continue;
		}
		any = true;
		if (len && c->p[len - 1] == '\r')
			len--;
		more = len && c->p[len - 1] == '\\';
		fwrite(c->p, 1, more ? len - 1 : len, f);
		if (more)
			fputc(' ', f);
	}
	if (fclose(f))
		return -ENOMEM;
	*ret = out;
	out = NULL;
	return 0;
}

/* The text between leading and trailing blanks. */
static char *stripped(const char *s, size_t n)
{
	while (n && isspace((unsigned char)*s)) {
		s++;
		n--;
	}
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	return strndup(s, n);
}

static void enter_section(struct cursor *c, const char *line)
{
	size_t n = strcspn(line + 1, "]");

	if (n >= sizeof(c->section))
		n = 0;
	memcpy(c->section, line + 1, n);
	c->section[n] = 0;
}

/* The next assignment, with its section in c->section. 1 found, 0 none is left, -ENOMEM. */
static int take_assignment(struct cursor *c, struct assignment *ret)
{
	for (;;) {
		WB_CLEAN_STR line = NULL;
		char *equals, *start;
		int r = take_line(c, &line);

		if (r < 0 || !line)
			return r;
		start = line + strspn(line, " \t");
		equals = strchr(start, '=');
		if (*start == '[')
			enter_section(c, start);
		if (*start == '[' || !equals)
			continue;
		ret->key = stripped(start, (size_t)(equals - start));
		ret->value = stripped(equals + 1, strlen(equals + 1));
		return ret->key && ret->value ? 1 : -ENOMEM;
	}
}

/* Through all files of a unit. */
struct walk {
	const struct wb_manifest_unit *u;
	size_t next; /* of its files */
	struct cursor c;
};

/* As take_assignment(). */
static int walk(struct walk *w, struct assignment *ret)
{
	for (;;) {
		int r = w->c.p ? take_assignment(&w->c, ret) : 0;

		if (r != 0 || w->next == w->u->definition.n)
			return r;
		w->c = (struct cursor){.p = w->u->definition.items[w->next++].text};
	}
}

/* ---- which settings stay ---- */

/*
 * What shapes the mounts that the processes see, the directories that systemd makes for them (which
 * need User= for their owner), the cgroup, and the log. Everything else is either the process's own
 * (identity, capabilities, seccomp, rlimits, nice, …: CRIU restores it) or belongs to starting and
 * stopping, which the unit's own definition governs again after the thaw.
 */
static const char *const kept[] = {"User", "Group", "SupplementaryGroups", "Slice", "ProtectSystem",
	"ProtectHome", "ProtectProc", "ProcSubset", "ProtectKernelTunables", "ProtectKernelModules",
	"ProtectKernelLogs", "ProtectControlGroups", "ProtectClock", "ProtectHostname",
	"PrivateDevices", "PrivateMounts", "MountFlags", "MountAPIVFS", "BindPaths",
	"BindReadOnlyPaths", "BindLogSockets", "ReadWritePaths", "ReadOnlyPaths",
	"InaccessiblePaths", "ReadWriteDirectories", "ReadOnlyDirectories",
	"InaccessibleDirectories", "ExecPaths", "NoExecPaths", "TemporaryFileSystem",
	"RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve", "StateDirectory",
	"StateDirectoryMode", "CacheDirectory", "CacheDirectoryMode", "LogsDirectory",
	"LogsDirectoryMode", "ConfigurationDirectory", "ConfigurationDirectoryMode",
	"LoadCredential", "SetCredential", "OOMScoreAdjust", "OOMPolicy", "CPUAffinity",
	"NUMAPolicy", "NUMAMask", "SyslogIdentifier", "SyslogFacility", "SyslogLevel",
	"SyslogLevelPrefix", "LogLevelMax", "LogExtraFields", "LogRateLimitIntervalSec",
	"LogRateLimitBurst", "LogFilterPatterns", "LogNamespace", NULL};

/*
 * systemd.resource-control(5), whose names come in families that grow with every release. Not the quota
 * of CPU time: the restore itself would have to wait for it.
 */
static const char *const kept_families[] = {"CPUAccounting", "CPUWeight", "CPUShares",
	"CPUPressure", "Startup", "AllowedCPUs", "AllowedMemoryNodes", "Memory", "DefaultMemory",
	"Tasks", "IOAccounting", "IOWeight", "IODevice", "IORead", "IOWrite", "IOPressure",
	"BlockIO", "IPAccounting", "IPAddress", "IPIngress", "IPEgress", "SocketBind",
	"RestrictNetworkInterfaces", "NFTSet", "Device", "Delegate", "DisableControllers",
	"ManagedOOM", NULL};
/* Of a family by name only. */
static const char *const not_kept[] = {"MemoryDenyWriteExecute", "MemoryKSM", NULL};

static const char *const kept_of_unit[] = {
	"Description", "Documentation", "RequiresMountsFor", "WantsMountsFor", NULL};

/* Settings with which this way of putting a process back does not work, when they are on. */
static const struct {
	const char *key, *why;
} refused[] = {
	{"BindsTo", "it would be stopped as long as that unit is not there"},
	{"DynamicUser", "the next boot may give its user another number"},
	{"RootDirectory", "CRIU is not to be found below another root"},
	{"RootDirectoryStartOnly", "CRIU is not to be found below another root"},
	{"RootImage", "CRIU is not to be found below another root"},
	{"RootEphemeral", "its root was a copy that is gone"},
	{"MountImages", "the images' mounts cannot be made the same again"},
	{"ExtensionImages", "the images' mounts cannot be made the same again"},
	{"ExtensionDirectories", "the overlays' mounts cannot be made the same again"},
	{"PrivateNetwork", "a network of its own is not carried over"},
	{"NetworkNamespacePath", "a network of its own is not carried over"},
	{"PrivateIPC", "an IPC namespace of its own is not carried over"},
	{"IPCNamespacePath", "an IPC namespace of its own is not carried over"},
	{"PrivatePIDs", "a pid namespace of its own is not carried over"},
};
#define N_REFUSED (sizeof(refused) / sizeof(*refused))

static bool listed(const char *const *list, const char *key)
{
	for (; *list; list++)
		if (!strcmp(*list, key))
			return true;
	return false;
}

static bool in_family(const char *const *families, const char *key)
{
	for (; *families; families++)
		if (!strncmp(*families, key, strlen(*families)))
			return true;
	return false;
}

/* Everything but what systemd takes for false, or for nothing. */
static bool is_on(const char *value)
{
	static const char *const off[] = {"", "0", "no", "n", "false", "f", "off", NULL};

	for (const char *const *o = off; *o; o++)
		if (!strcasecmp(value, *o))
			return false;
	return true;
}

/* What is gathered over all files of a unit. */
struct gathered {
	FILE *unit, *service; /* text of the two sections */
	bool refused[N_REFUSED];
	bool private_tmp, no_exec, mounts, devices;
	char program[64]; /* name of what it starts; "" not known */
};

static void take_refused(struct gathered *g, const struct assignment *a)
{
	for (size_t i = 0; i < N_REFUSED; i++)
		if (!strcmp(a->key, refused[i].key))
			g->refused[i] = is_on(a->value);
}

/* "-@/usr/sbin/nginx nginx -g …": systemd.service(5). */
static void take_program(struct gathered *g, const char *command)
{
	const char *path = command + strspn(command, "-@:+!|\""), *name = path;
	size_t n = strcspn(path, " \t\"");

	for (const char *p = path; p < path + n; p++)
		if (*p == '/')
			name = p + 1;
	n -= (size_t)(name - path);
	if (n && n < sizeof(g->program) && !memchr(name, '%', n))
		snprintf(g->program, sizeof(g->program), "%.*s", (int)n, name);
}

static void take_service(struct gathered *g, const struct assignment *a)
{
	if (!strcmp(a->key, "ExecStart"))
		take_program(g, a->value);
	if (!strcmp(a->key, "PrivateTmp"))
		g->private_tmp = is_on(a->value);
	/* Each of these shuts the cgroup off from devices. */
	if (!strncmp(a->key, "Device", 6) || !strcmp(a->key, "PrivateDevices") ||
		!strcmp(a->key, "ProtectClock"))
		g->devices |= is_on(a->value);
	if (!strcmp(a->key, "NoExecPaths"))
		g->no_exec = *a->value;
	/* A terminal or an activating socket is no place for what the restored process says. */
	if ((!strcmp(a->key, "StandardOutput") || !strcmp(a->key, "StandardError")) &&
		(!strncmp(a->value, "journal", 7) || !strncmp(a->value, "null", 4)))
		fprintf(g->service, "%s=%s\n", a->key, a->value);
	if (listed(kept, a->key) || (in_family(kept_families, a->key) && !listed(not_kept, a->key)))
		fprintf(g->service, "%s=%s\n", a->key, a->value);
}

static int gather(const char *text, struct gathered *g)
{
	struct cursor c = {.p = text};

	for (;;) {
		CLEAN_ASSIGNMENT a = {};
		int r = take_assignment(&c, &a);

		if (r <= 0)
			return r;
		take_refused(g, &a);
		if (!strcmp(c.section, "Service"))
			take_service(g, &a);
		if (!strcmp(c.section, "Unit") && listed(kept_of_unit, a.key)) {
			fprintf(g->unit, "%s=%s\n", a.key, a.value);
			g->mounts |= !!strstr(a.key, "MountsFor");
		}
	}
}

/* ---- the replacement ---- */

static void print_unit(
	FILE *out, const struct gathered *g, const struct wb_definition_wishes *w, const char *text)
{
	/* A mount that the unit asks for itself waits for its device, so for udev. */
	bool early = w->before_coldplug && !w->wait_network && !g->mounts;

	fprintf(out,
		"# The unit as warmboot puts its processes back after a jump; gone when it has.\n"
		"[Unit]\n"
		"%s"
		"DefaultDependencies=no\n"
		"IgnoreOnIsolate=yes\n"
		"Requires=warmboot-hold.service\n"
		"Wants=warmboot-modules.service warmboot-thawed.service\n"
		"After=warmboot-hold.service warmboot-modules.service "
		"systemd-remount-fs.service%s%s\n"
		/* Who had called syslog(3) is connected to it again. */
		"After=systemd-journald-dev-log.socket\n"
		"Before=warmboot-thawed.service%s%s\n\n",
		text, early ? "" : " local-fs.target", w->wait_network ? " network.target" : "",
		/* Its "flush ruleset" would end the hold. */
		w->wait_network ? "" : " nftables.service",
		early ? " systemd-udev-trigger.service" : "");
}

/* No specifiers are looked for in these options. */
#define OWN_TMP "nosuid,nodev,mode=1777,size=50%,nr_inodes=1m"

/*
 * Before everything else that wants the CPUs in a boot: CRIU gives its tasks their own niceness back,
 * and the weight is the unit's own again after the thaw.
 */
static void print_service(
	FILE *out, const struct gathered *g, const struct wb_definition_wishes *w, const char *text)
{
	fputs("[Service]\n", out);
	/* What it logs goes on under its own name, not that of who puts it back. */
	if (*g->program)
		fprintf(out, "SyslogIdentifier=%s\n", g->program);
	fputs(text, out);
	/*
	 * PrivateTmp= makes a unit wait for systemd-tmpfiles-setup.service, and so for all local
	 * file systems. What is in its directories travels; they may be as large as systemd makes /tmp.
	 */
	if (g->private_tmp)
		fputs("TemporaryFileSystem=/tmp:" OWN_TMP "\n"
		      "TemporaryFileSystem=/var/tmp:" OWN_TMP "\n",
			out);
	/*
	 * The store is read through one of these, by a process in the unit's cgroup. Only where there
	 * is a list: elsewhere this would begin one.
	 */
	if (g->devices)
		fputs("DeviceAllow=/dev/mem rw\nDeviceAllow=block-blkext rw\n", out);
	if (g->no_exec)
		fprintf(out, "ExecPaths=%s\n", w->program);
	fprintf(out,
		"Nice=-20\n"
		"CPUWeight=10000\n"
		"Type=forking\n"
		"PIDFile=/run/warmboot/%%n.pid\n"
		"NotifyAccess=exec\n"
		"FileDescriptorStoreMax=8\n"
		"ExecStartPre=!%s thaw --anchor %%n\n"
		"ExecStart=+%s thaw %%n\n"
		"TimeoutStartSec=%us\n"
		"TimeoutStopSec=10s\n"
		"Restart=no\n",
		w->program, w->program, w->deadline_s);
}

static int print(const struct gathered *g, const struct wb_definition_wishes *w, const char *unit,
	const char *service, char **ret)
{
	WB_CLEAN_STR text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return -ENOMEM;
	print_unit(out, g, w, unit);
	print_service(out, g, w, service);
	if (fclose(out))
		return -ENOMEM;
	*ret = text;
	text = NULL;
	return 0;
}

static int gather_all(
	const struct wb_manifest_unit *u, struct gathered *g, char **ret_unit, char **ret_service)
{
	size_t n_unit, n_service;
	int r = 0;

	g->unit = open_memstream(ret_unit, &n_unit);
	if (!g->unit)
		return -ENOMEM;
	g->service = open_memstream(ret_service, &n_service);
	if (!g->service) {
		fclose(g->unit);
		return -ENOMEM;
	}
	for (size_t i = 0; r >= 0 && i < u->definition.n; i++)
		r = gather(u->definition.items[i].text, g);
	if (fclose(g->unit))
		r = -ENOMEM;
	if (fclose(g->service))
		r = -ENOMEM;
	return r;
}

int wb_definition_replace(const struct wb_manifest_unit *u,
	const struct wb_definition_wishes *wishes, char **ret, struct wb_error *err)
{
	WB_CLEAN_STR unit = NULL;
	WB_CLEAN_STR service = NULL;
	struct gathered g = {};
	int r = gather_all(u, &g, &unit, &service);

	for (size_t i = 0; r >= 0 && i < N_REFUSED; i++)
		if (g.refused[i])
			return wb_fail(err, -EOPNOTSUPP, "%s has %s= set, and %s", u->unit,
				refused[i].key, refused[i].why);
	if (r >= 0)
		r = print(&g, wishes, unit, service, ret);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

/* The last word on each setting counts; a list is empty again after an empty value, as in systemd. */
const char *wb_definition_asks(const struct wb_manifest_unit *u)
{
	static const char *const keys[] = {"RuntimeDirectory", "LoadCredential", "SetCredential",
		"RequiresMountsFor", "DeviceAllow", "DevicePolicy", "LogNamespace"};
	bool on[sizeof(keys) / sizeof(*keys)] = {};
	struct walk w = {u};
	int r = 1;

	while (r > 0) {
		CLEAN_ASSIGNMENT a = {};

		r = walk(&w, &a);
		for (size_t k = 0; r > 0 && k < sizeof(keys) / sizeof(*keys); k++)
			if (!strcmp(a.key, keys[k]))
				on[k] = *a.value;
	}
	if (r < 0)
		return keys[0];
	for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
		if (on[k])
			return keys[k];
	return NULL;
}

bool wb_definition_limits_memory(const struct wb_manifest_unit *u)
{
	static const char *const keys[] = {"MemoryMax", "MemoryHigh", "MemoryLow", "MemoryMin",
		"MemoryLimit", "MemorySwapMax", "MemoryZSwapMax", NULL};
	struct walk w = {u};
	int r = 1;

	while (r > 0) {
		CLEAN_ASSIGNMENT a = {};

		r = walk(&w, &a);
		if (r > 0 && listed(keys, a.key) && *a.value && strcmp(a.value, "infinity") != 0)
			return true;
	}
	return false;
}

bool wb_definition_restarts(const struct wb_manifest_unit *u, bool failed)
{
	/* systemd.service(5); a value that it does not know leaves the one before in force. */
	static const struct {
		const char *value;
		bool success, failure;
	} ways[] = {{"no", false, false}, {"always", true, true}, {"on-success", true, false},
		{"on-failure", false, true}, {"on-abnormal", false, true},
		{"on-watchdog", false, true}, {"on-abort", false, true}};
	struct walk w = {u};
	bool restarts = false;
	int r = 1;

	while (r > 0) {
		CLEAN_ASSIGNMENT a = {};

		r = walk(&w, &a);
		for (size_t i = 0; r > 0 && i < sizeof(ways) / sizeof(*ways); i++)
			if (!strcmp(a.key, "Restart") && !strcmp(a.value, ways[i].value))
				restarts = failed ? ways[i].failure : ways[i].success;
	}
	return restarts;
}

/* What systemd orders services after by itself: systemd.service(5), systemd.exec(5). */
static bool is_implied(const char *unit)
{
	static const char *const names[] = {"sysinit.target", "basic.target", "dbus.socket",
		"systemd-journald.socket", "systemd-journald-dev-log.socket",
		"systemd-remount-fs.service", "systemd-tmpfiles-setup.service",
		"systemd-tmpfiles-setup-dev.service", NULL};
	static const char *const kinds[] = {".slice", ".mount", NULL};

	for (const char *const *k = kinds; *k; k++)
		if (strlen(unit) > strlen(*k) && !strcmp(unit + strlen(unit) - strlen(*k), *k))
			return true;
	return listed(names, unit) || !strncmp(unit, "modprobe@", 9) ||
	       !strncmp(unit, "systemd-journald@", 17);
}

/* Among the words of an After=; a specifier may stand for anything behind a name's beginning. */
static bool names_unit(const char *words, const char *unit)
{
	for (words += strspn(words, " \t"); *words; words += strspn(words, " \t")) {
		size_t n = strcspn(words, " \t"), plain = strcspn(words, " \t%");

		if (plain == n ? strlen(unit) == n && !strncmp(words, unit, n)
			       : plain && !strncmp(words, unit, plain))
			return true;
		words += n;
	}
	return false;
}

/* The words of each After= that the definition has. -ENOMEM. */
static int take_after(const struct wb_manifest_unit *u, struct wb_strv *ret)
{
	struct walk w = {u};

	for (;;) {
		CLEAN_ASSIGNMENT a = {};
		int r = walk(&w, &a);

		if (r > 0 && !strcmp(a.key, "After"))
			r = wb_strv_add(ret, a.value) < 0 ? -ENOMEM : 1;
		if (r <= 0)
			return r;
	}
}

int wb_definition_late(
	const struct wb_manifest_unit *u, const struct wb_strv *after, const char **ret)
{
	WB_CLEAN_STRV own = {};
	int r = take_after(u, &own);

	*ret = NULL;
	for (size_t i = 0; r == 0 && !*ret && i < after->n; i++) {
		bool told = is_implied(after->items[i]);

		for (size_t k = 0; !told && k < own.n; k++)
			told = names_unit(own.items[k], after->items[i]);
		if (!told)
			*ret = after->items[i];
	}
	return r;
}

/* The first `prefix` bytes of the name, then what follows its first `from` bytes. */
static int add_dir(struct wb_strv *ret, const char *unit, size_t prefix, size_t from)
{
	WB_CLEAN_STR dir = NULL;

	if (asprintf(&dir, "%.*s%s.d", (int)prefix, unit, unit + from) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	return wb_strv_add(ret, dir);
}

int wb_definition_dropin_dirs(const char *unit, struct wb_strv *ret)
{
	size_t end = strlen(unit) - strlen(".service"), plain = strcspn(unit, "@");
	bool instance = plain < end && plain + 1 < end;
	WB_CLEAN_STRV dirs = {};
	int r = 0;

	if (plain > end)
		plain = end;
	/* systemd.unit(5): the name, then each part of it that ends in a dash; then the type. */
	for (size_t n = plain; r == 0 && n > 0; n--) {
		if (n < plain && unit[n - 1] != '-')
			continue;
		r = add_dir(&dirs, unit, n, plain);
		if (r == 0 && instance) {
			WB_CLEAN_STR template = NULL;

			if (asprintf(&template, "%.*s@.service.d", (int)n, unit) < 0)
				template = NULL;
			r = template ? wb_strv_add(&dirs, template) : -ENOMEM;
		}
	}
	if (r == 0)
		r = wb_strv_add(&dirs, "service.d");
	if (r < 0)
		return r;
	*ret = dirs;
	dirs = (struct wb_strv){};
	return 0;
}
