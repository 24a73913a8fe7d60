/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties of a service, and of the socket units that activate it, that decide how it can be kept. */
#pragma once

#include "core/error.h"
#include "core/list.h"
#include "core/strv.h"

#include <stdbool.h>
#include <stdint.h>

/* A descriptor in systemd's store (FDSTORE=1). */
struct wb_service_stored_fd {
	char *name; /* FDNAME= */
	char *link; /* as in /proc/PID/fd: "socket:[1234]" */
	int64_t inode;
};
typedef WB_LIST(struct wb_service_stored_fd) wb_service_stored;

/* Properties of org.freedesktop.systemd1(5); those that this systemd does not have stay empty. */
struct wb_service {
	char *id;         /* the real name of the unit, also if it was asked for by an alias */
	char *load;       /* "loaded", "not-found", "masked" */
	char *active;     /* "active", "inactive", … */
	char *sub;        /* "running", "exited", … */
	char *result;     /* of its last run: "success", "exit-code", … */
	char *file_state; /* "enabled", "disabled", "static", "transient", … */
	char *type;       /* "simple", "notify", "forking", … */
	char *cgroup;
	char *pid_file;
	char *root_directory, *root_image;
	char *fragment;              /* path of the unit file */
	struct wb_strv dropins;      /* paths of its drop-ins, in order */
	char *proc_subset;           /* "all", "pid" */
	char *private_users;         /* "no", "self", "identity", … */
	char *private_pids;          /* "no", "yes" */
	char *network_namespace;     /* a path */
	char *tty;                   /* path of a terminal that the unit was given */
	char *standard_input;        /* "null", "tty", "socket", … */
	struct wb_strv triggered_by; /* sockets, timers, paths */
	/* from its own definition, another unit's or systemd's defaults */
	struct wb_strv after;
	/* units that stop this one when they stop */
	struct wb_strv required, requisite, bound, part_of, stop_propagated_from;
	struct wb_strv conflicts;
	struct wb_strv
		joins; /* units whose namespaces it shares (JoinsNamespaceOf=), or that share its own */
	struct wb_strv runtime_directories;
	/*
	 * Its one command of ExecStart=: the path of the program, then all of its words. Specifiers are resolved, variables
	 * ("$X", "${X}", and "$$" for a "$") are not. Empty: it has none, or several.
	 */
	struct wb_strv command;
	bool dynamic_user;
	char *user, *group; /* names; NULL or "": root, or the user's own */
	uint32_t uid, gid;  /* while it runs */
	bool delegate;
	bool private_users_on; /* PrivateUsers= is set to something */
	bool protect_hostname;
	bool private_ipc;
	bool private_network;
	bool private_tmp;
	bool private_mounts;
	bool stops;   /* it has commands that run when it stops (ExecStop=, ExecStopPost=, …) */
	bool accepts; /* of a socket unit: Accept=yes */
	struct wb_strv
		listens; /* of a socket unit: "Stream /run/x", "Datagram 514", "FIFO /run/y", … */
	uint32_t main_pid;
	uint32_t stored_fds; /* number of file descriptors in its fd store */
	wb_service_stored
		stored; /* these, in systemd's order; fewer: systemd does not tell (before 254) */
	uint64_t watchdog_us;
};

void wb_service_deinit(struct wb_service *unit);
#define WB_CLEAN_SERVICE __attribute__((cleanup(wb_service_deinit))) struct wb_service

/* Access to the service manager; tests replace it. */
struct wb_services {
	void *ctx;
	/*
	 * Read a service. -ENOENT: there is no such unit; -EIO: systemd does not answer. With a
	 * sentence.
	 */
	int (*read)(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err);
	/* For wb_services_open() and wb_services_close(); NULL: there is nothing to open or to close. -ENOMEM. */
	int (*open)(struct wb_services *ret);
	void (*close)(void *ctx); /* Free what open() has made. Cannot fail. */
};

/*
 * The same access for many reads in a row, by several threads too: over one connection, since making one takes longer
 * than a read. A unit that is read again has the definition of its first read, and its present state (active, main
 * process, control group, …). Without memory each read makes its own connection. *ret is to be closed.
 */
void wb_services_open(const struct wb_services *services, struct wb_services *ret);
void wb_services_close(struct wb_services *services);

/*
 * Did the service end by itself or at the administrator's request? Not if it failed, or if every
 * boot starts it. A transient service without a trace has ended, because only a failed one stays.
 */
bool wb_service_has_ended(const struct wb_services *services, const char *unit);

/*
 * Does the service run in a user namespace? `private_users` exists since systemd 257;
 * `private_users_on` says the same in older versions.
 */
bool wb_service_has_private_users(const struct wb_service *service);

/*
 * Reads from systemd over its private socket, which needs no bus and works until the end of a
 * shutdown.
 */
extern const struct wb_services wb_services_systemd;
