// SPDX-License-Identifier: LGPL-2.1-or-later
/* The text of a replacement unit, under whose name a kept service is restored. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/valid.h"
#include "manifest/result.h"
#include "qemu/cmdline.h"
#include "qemu/image.h"
#include "restore/replacement.h"
#include "store/guest-memory.h"

/* ---- which settings stay ---- */

/*
 * Settings that shape the mounts of the processes, the directories that systemd makes for them (their owner
 * is User=), the cgroup and the log. All other settings are properties of a process (identity, capabilities,
 * seccomp, rlimits, nice), which CRIU restores, or they concern starting and stopping, for which the unit's
 * own definition is in force again after the restore.
 */
static const char *const kept[] = {"DynamicUser", "User", "Group", "SupplementaryGroups", "Slice",
	"ProtectSystem", "ProtectHome", "ProtectProc", "ProcSubset", "ProtectKernelTunables",
	"ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "ProtectClock",
	"ProtectHostname", "PrivateDevices", "PrivateMounts", "PrivateNetwork", "MountFlags",
	"MountAPIVFS", "BindPaths", "BindReadOnlyPaths", "BindLogSockets", "ReadWritePaths",
	"ReadOnlyPaths", "InaccessiblePaths", "ReadWriteDirectories", "ReadOnlyDirectories",
	"InaccessibleDirectories", "ExecPaths", "NoExecPaths", "TemporaryFileSystem",
	"RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve", "StateDirectory",
	"StateDirectoryMode", "CacheDirectory", "CacheDirectoryMode", "LogsDirectory",
	"LogsDirectoryMode", "ConfigurationDirectory", "ConfigurationDirectoryMode",
	"LoadCredential", "SetCredential", "OOMScoreAdjust", "OOMPolicy", "CPUAffinity",
	"NUMAPolicy", "NUMAMask", "SyslogIdentifier", "SyslogFacility", "SyslogLevel",
	"SyslogLevelPrefix", "LogLevelMax", "LogExtraFields", "LogRateLimitIntervalSec",
	"LogRateLimitBurst", "LogFilterPatterns", "LogNamespace", NULL};

/*
 * Settings of systemd.resource-control(5) come in families of names that grow with every release. CPUQuota=
 * is left out: the restore itself would be slowed down by it.
 */
static const char *const kept_families[] = {"CPUAccounting", "CPUWeight", "CPUShares",
	"CPUPressure", "Startup", "AllowedCPUs", "AllowedMemoryNodes", "Memory", "DefaultMemory",
	"Tasks", "IOAccounting", "IOWeight", "IODevice", "IORead", "IOWrite", "IOPressure",
	"BlockIO", "IPAccounting", "IPAddress", "IPIngress", "IPEgress", "SocketBind",
	"RestrictNetworkInterfaces", "BindNetworkInterface", "BPFProgram", "NFTSet", "Device",
	"Delegate", "DisableControllers", "ManagedOOM", NULL};
/* These only look like members of a family. */
static const char *const not_kept[] = {"MemoryDenyWriteExecute", "MemoryKSM", NULL};

static const char *const kept_of_unit[] = {
	"Description", "Documentation", "RequiresMountsFor", "WantsMountsFor", NULL};

/* Settings with which a process cannot be restored under a replacement unit, if they are on. */
static const struct {
	const char *key, *why;
} refused[] = {
	{"BindsTo", "it would be stopped as long as that unit is not there"},
	{"RootDirectory", "CRIU is not to be found below another root"},
	{"RootDirectoryStartOnly", "CRIU is not to be found below another root"},
	{"RootImage", "CRIU is not to be found below another root"},
	{"RootEphemeral", "its root was a copy that is gone"},
	{"MountImages", "the images' mounts cannot be made the same again"},
	{"ExtensionImages", "the images' mounts cannot be made the same again"},
	{"ExtensionDirectories", "the overlays' mounts cannot be made the same again"},
	{"NetworkNamespacePath", "a network that others have made is not carried over"},
	{"PrivateIPC", "an IPC namespace of its own is not carried over"},
	{"IPCNamespacePath", "an IPC namespace of its own is not carried over"},
	{"PrivatePIDs", "a pid namespace of its own is not carried over"},
	/* CRIU itself would be bound by this rule for the control group. */
	{"RestrictFileSystems", "its processes would come back without it"},
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

/* The settings gathered over all files of a unit. */
struct gathered {
	FILE *unit, *service; /* text of the two sections */
	bool refused[N_REFUSED];
	bool private_tmp, dynamic_user, no_exec, mounts;
	bool labelled;    /* a security module restricts it, whose rules must have been loaded */
	bool anew;        /* its program is started again, so all settings of its processes stay */
	char program[64]; /* name of what it starts; "" not known */
};

static void take_refused(struct gathered *g, const struct wb_setting *a)
{
	for (size_t i = 0; i < N_REFUSED; i++)
		if (!strcmp(a->key, refused[i].key))
			g->refused[i] = wb_setting_is_on(a->value);
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

/* Settings of how and when it is started and stopped; the replacement has its own. */
static const char *const not_anew[] = {"Exec", "Restart", "Timeout", "Watchdog", "StartLimit",
	"FileDescriptorStore", "NotifyAccess", "Sockets", "FailureAction", "SuccessAction",
	"RemainAfterExit", "RuntimeMax", NULL};

static void take_service(struct gathered *g, const struct wb_setting *a)
{
	if (g->anew) {
		/* systemd starts nothing with a profile that is not loaded. */
		if (!strcmp(a->key, "AppArmorProfile"))
			g->labelled = *a->value;
		if (!in_family(not_anew, a->key))
			fprintf(g->service, "%s=%s\n", a->key, a->value);
		return;
	}
	if (!strcmp(a->key, "ExecStart"))
		take_program(g, a->value);
	if (!strcmp(a->key, "PrivateTmp"))
		g->private_tmp = wb_setting_is_on(a->value);
	if (!strcmp(a->key, "DynamicUser"))
		g->dynamic_user = wb_setting_is_on(a->value);
	if (!strcmp(a->key, "NoExecPaths"))
		g->no_exec = *a->value;
	/* Output to a terminal or to an activating socket would be lost, so it goes to the journal. */
	if ((!strcmp(a->key, "StandardOutput") || !strcmp(a->key, "StandardError")) &&
		(!strncmp(a->value, "journal", 7) || !strncmp(a->value, "null", 4)))
		fprintf(g->service, "%s=%s\n", a->key, a->value);
	if (listed(kept, a->key) || (in_family(kept_families, a->key) && !listed(not_kept, a->key)))
		fprintf(g->service, "%s=%s\n", a->key, a->value);
}

static int gather(const struct wb_unit_texts *definition, struct gathered *g)
{
	struct wb_definition_walk w = {definition};

	for (;;) {
		WB_CLEAN_SETTING a = {};
		int r = wb_definition_next(&w, &a);

		if (r <= 0)
			return r;
		take_refused(g, &a);
		if (!strcmp(w.section, "Service"))
			take_service(g, &a);
		if (!strcmp(w.section, "Unit") && listed(kept_of_unit, a.key)) {
			fprintf(g->unit, "%s=%s\n", a.key, a.value);
			g->mounts |= !!strstr(a.key, "MountsFor");
		}
	}
}

/* ---- the replacement ---- */

/*
 * systemd hands it the sockets of its socket units. When a restore has failed, whoever connects would start it again
 * until the boot has the unit's own file back.
 */
static void print_sockets(FILE *out, const struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->sockets.n; i++)
		fprintf(out, "Wants=%s\nAfter=%s\n", u->sockets.items[i], u->sockets.items[i]);
	if (u->sockets.n)
		fprintf(out,
			"StartLimitIntervalSec=0\n"
			"ConditionPathExists=!" WB_RESULT_PARTS "/%s.json\n",
			u->unit);
}

static void print_unit(FILE *out, const struct wb_manifest_unit *u, const struct gathered *g,
	const struct wb_replacement_wishes *w, const char *text)
{
	/* A mount that the unit asks for waits for its device, and so for udev; so may a socket unit. */
	const bool guest = wb_keep_way(u->how)->guest;
	bool early = w->before_coldplug && !w->wait_network && !g->mounts && !u->sockets.n &&
		     !g->labelled && !guest;

	fprintf(out,
		"# The unit as warmboot puts its processes back after a jump; gone when it has.\n"
		"[Unit]\n"
		"%s"
		"DefaultDependencies=no\n"
		"IgnoreOnIsolate=yes\n"
		"Requires=warmboot-hold.service\n"
		"Wants=warmboot-modules.service warmboot-thawed.service\n"
		"After=warmboot-hold.service warmboot-modules.service%s%s%s\n"
		/* A process that has called syslog(3) gets connected to this socket again. */
		"After=systemd-journald-dev-log.socket\n"
		"Before=warmboot-thawed.service%s%s\n",
		text, early && w->root_writable ? "" : " systemd-remount-fs.service",
		early ? "" : " local-fs.target", w->wait_network ? " network.target" : "",
		/* Its "flush ruleset" would end the packet hold. */
		w->wait_network || u->sockets.n || guest ? "" : " nftables.service",
		early ? " systemd-udev-trigger.service" : "");
	if (g->labelled)
		fputs("After=apparmor.service\n", out);
	/*
	 * systemd-tmpfiles removes what it takes for the remains of podman's last boot, and a firewall what it does not
	 * know. podman-restart.service would start a container that is still to be restored.
	 */
	if (guest)
		fputs("After=systemd-tmpfiles-setup.service nftables.service firewalld.service "
		      "ufw.service "
		      "netfilter-persistent.service\n"
		      "Before=podman-restart.service\n",
			out);
	print_sockets(out, u);
	fputc('\n', out);
}

/* Systemd expands no specifiers in these options, so "%" stands for itself. */
#define OWN_TMP "nosuid,nodev,mode=1777,size=50%,nr_inodes=1m"

/*
 * A command's argument. The specifier for the unit's name stands for that of an alias, such as syslog.service, if a
 * socket unit asks for it by that.
 */
static void print_argument(FILE *out, const char *unit)
{
	for (; *unit; unit++) {
		if (*unit == '\\')
			fputc('\\', out);
		fputc(*unit, out);
	}
	fputc('\n', out);
}

/*
 * The restore gets the CPUs before the rest of the boot. Its tasks get their own niceness from CRIU, and the
 * weight of the unit's definition is in force again after the restore.
 */
static void print_service(FILE *out, const struct wb_manifest_unit *u, const struct gathered *g,
	const struct wb_replacement_wishes *w, const char *text)
{
	fputs("[Service]\n", out);
	/* The log goes on under the service's name, not under that of the restorer. */
	if (*g->program)
		fprintf(out, "SyslogIdentifier=%s\n", g->program);
	fputs(text, out);
	/*
	 * PrivateTmp= makes a unit wait for systemd-tmpfiles-setup.service, and so for all local file
	 * systems. Its files travel instead, into a tmpfs of the size that systemd gives /tmp. With DynamicUser=,
	 * systemd makes such a tmpfs itself.
	 */
	if (g->private_tmp && !g->dynamic_user)
		fputs("TemporaryFileSystem=/tmp:" OWN_TMP "\n"
		      "TemporaryFileSystem=/var/tmp:" OWN_TMP "\n",
			out);
	if (g->no_exec)
		fprintf(out, "ExecPaths=%s\n", w->program);
	fprintf(out,
		"Nice=-20\n"
		"CPUWeight=10000\n"
		"Type=forking\n"
		"PIDFile=/run/warmboot/%s.pid\n"
		"NotifyAccess=exec\n"
		"FileDescriptorStoreMax=%zu\n"
		"TimeoutStartSec=%us\n"
		"TimeoutStopSec=10s\n"
		"Restart=no\n",
		u->unit, 8 + u->stored.n, w->deadline_s);
	fprintf(out, "ExecStartPre=!%s thaw --anchor ", w->program);
	print_argument(out, u->unit);
	fprintf(out, "ExecStart=+%s thaw ", w->program);
	print_argument(out, u->unit);
}

/* A word of a command line, of which systemd expands nothing. */
static void print_word(FILE *out, const char *word)
{
	fputc('"', out);
	for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\x%02x", *p);
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p == '%' || *p == '$')
			fprintf(out, "%c%c", *p, *p);
		else
			fputc(*p, out);
	}
	fputc('"', out);
}

/* Its memory is root's again, and zeroed, before anything else happens to the unit. */
static void print_forget(FILE *out, const char *unit, const char *program)
{
	fprintf(out, "ExecStopPost=-+%s thaw --forget ", program);
	print_argument(out, unit);
}

int wb_replacement_drop_in(const char *unit, const char *program, char **ret)
{
	WB_CLEAN_STR text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return -ENOMEM;
	fputs("# Written by warmboot: the memory of its guest came over a jump.\n[Service]\n", out);
	print_forget(out, unit, program);
	if (fclose(out))
		return -ENOMEM;
	*ret = text;
	text = NULL;
	return 0;
}

/* systemd starts QEMU as the unit did, with the guest's memory in its new place and nothing of the guest's state yet. */
static int print_anew(FILE *out, const struct wb_manifest_unit *u,
	const struct wb_replacement_wishes *w, const char *text)
{
	WB_CLEAN_STR memory = wb_vm_memory_path(u->unit);
	WB_CLEAN_VM_IMAGE image = {};
	WB_CLEAN_QEMU_ARGS args = {};
	WB_CLEAN_STRV words = {};
	int r = memory ? wb_vm_image_read(u->image, &image, NULL) : -ENOMEM;

	if (r == 0)
		r = wb_qemu_args_read(&image.argv, &args);
	if (r == 0)
		r = wb_qemu_args_again(&image.argv, &args,
			image.stored || image.dax ? NULL : memory, &words, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : -EOPNOTSUPP;
	if (args.mem_path && wb_path_is_in(args.mem_path, WB_VM_MEMORY))
		fputs("[Unit]\nWants=warmboot-vm-memory.service\n"
		      "After=warmboot-vm-memory.service\n\n",
			out);
	fprintf(out,
		"[Service]\n%sRestart=no\nTimeoutStartSec=%us\nTimeoutStopSec=60s\n"
		"ExecStartPre=+%s thaw --prepare ",
		text, w->deadline_s, w->program);
	print_argument(out, u->unit);
	fputs("ExecStart=", out);
	print_word(out, image.program);
	for (size_t i = 1; i < words.n; i++) {
		fputc(' ', out);
		print_word(out, words.items[i]);
	}
	fprintf(out, "\nExecStartPost=+%s thaw ", w->program);
	print_argument(out, u->unit);
	print_forget(out, u->unit, w->program);
	return 0;
}

static int print(const struct wb_manifest_unit *u, const struct gathered *g,
	const struct wb_replacement_wishes *w, const char *unit, const char *service, char **ret)
{
	WB_CLEAN_STR text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);
	int r = 0;

	if (!out)
		return -ENOMEM;
	print_unit(out, u, g, w, unit);
	if (g->anew)
		r = print_anew(out, u, w, service);
	else
		print_service(out, u, g, w, service);
	if (fclose(out))
		return -ENOMEM;
	if (r < 0)
		return r;
	*ret = text;
	text = NULL;
	return 0;
}

static int gather_all(
	const struct wb_manifest_unit *u, struct gathered *g, char **ret_unit, char **ret_service)
{
	size_t n_unit, n_service;
	int r;

	g->unit = open_memstream(ret_unit, &n_unit);
	if (!g->unit)
		return -ENOMEM;
	g->service = open_memstream(ret_service, &n_service);
	if (!g->service) {
		fclose(g->unit);
		return -ENOMEM;
	}
	r = gather(&u->definition, g);
	if (fclose(g->unit))
		r = -ENOMEM;
	if (fclose(g->service))
		r = -ENOMEM;
	return r;
}

int wb_replacement_text(const struct wb_manifest_unit *u,
	const struct wb_replacement_wishes *wishes, char **ret, struct wb_error *err)
{
	WB_CLEAN_STR unit = NULL;
	WB_CLEAN_STR service = NULL;
	struct gathered g = {.anew = wb_keep_way(u->how)->anew};
	int r = gather_all(u, &g, &unit, &service);

	/* As struct wb_criu_image has them. */
	g.labelled |= json_array_size(json_object_get(u->image, "labels"));

	for (size_t i = 0; r >= 0 && i < N_REFUSED; i++)
		if (g.refused[i])
			return wb_fail(err, -EOPNOTSUPP, "%s has %s= set, and %s", u->unit,
				refused[i].key, refused[i].why);
	if (r >= 0)
		r = print(u, &g, wishes, unit, service, ret);
	if (r == -EOPNOTSUPP)
		return wb_fail(err, r, "the command line of %s cannot be used again", u->unit);
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}
