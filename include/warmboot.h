/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libwarmboot stages a kernel with every slow step done beforehand, and jumps to it. Services can be
 * kept running over the jump. The library has two levels:
 *
 *	a session	does what `warmboot reboot` does: wb_session_new(), wb_session_preview() or
 *			wb_session_run(), wb_session_free(). examples/keep-and-jump.c is a whole
 *			program.
 *	a stage		loads a kernel and does nothing else: wb_stage_prepare(),
 *			wb_stage_commit(), wb_stage_free().
 *
 * Errors: a function that can fail returns 0 on success and a negative errno on failure. On failure
 * it also writes one sentence for the user into *err. `err` may be NULL. The caller sets the struct
 * to zero before its first use.
 *
 * Results: the parameter `ret` is written on success only.
 *
 * Ownership: strings and arrays that go in belong to the caller. The library uses them until the
 * function returns, unless the comment names a longer time. Strings that come out belong to the
 * object that returned them, and live as long as it.
 *
 * Units: sizes are bytes, and addresses are physical.
 *
 * Growth: a struct whose first field is `size` may become longer in later versions. The caller sets
 * `size` to its own sizeof. The library takes every field beyond it as 0.
 *
 * The library prints nothing, never exits, keeps no global state, and calls no callback from another
 * thread.
 *
 * The lock on /run/warmboot/lock keeps two programs from changing the machine at the same time. A
 * session takes the lock. A caller that uses a stage alone takes it with flock(2) first, as the
 * program's commands do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"        /* struct wb_error */
#include "purgatory/handoff.h" /* struct wb_handoff_range, struct wb_reg_step */

/* System calls and file access. A caller passes wb_sys_real(). */
struct wb_sys;
struct wb_stage;   /* a kernel that is prepared for the jump */
struct wb_session; /* one jump: its options, its steps, and how to undo them */

/* Access to the machine that the program runs on. Static; never NULL. */
const struct wb_sys *wb_sys_real(void);

/* How a kernel is loaded. */
enum wb_method {
	WB_METHOD_AUTO = 0, /* the library chooses, by the kernel's policy and the image */
	WB_METHOD_FAST,     /* pre-linked kernel through kexec_load(2) */
	WB_METHOD_SEGMENTS, /* the image's own entry through kexec_load(2) */
	WB_METHOD_FILE,     /* kexec_file_load(2) */
};

/* How a kernel is checked before it runs. */
enum wb_verify {
	WB_VERIFY_SHA256 = 0, /* purgatory checks every segment before it enters the kernel */
	/*
	 * Purgatory checks nothing. Staging does not try to unpack a payload that only the next
	 * kernel unpacks.
	 */
	WB_VERIFY_NONE,
};

/* Which initramfs the new kernel gets. */
enum wb_initramfs {
	/* A warm one, if warmboot understands everything that the root needs; else its own. */
	WB_INITRAMFS_AUTO = 0,
	WB_INITRAMFS_WARM, /* a small one that warmboot builds for this machine */
	WB_INITRAMFS_OWN,  /* the initrds that the options name, and those within a UKI */
};

/*
 * A store (`warmboot store`) that the next kernel is to find. A session makes its own store. A
 * caller that hands other memory on fills in this struct. The struct and its array must live until
 * wb_stage_free().
 */
struct wb_load_store {
	/*
	 * The memory of the store, in the store's own order. The load places nothing there, and
	 * tells the next kernel that it is persistent memory. Each range is RAM of the running
	 * kernel that a process holds until the jump (/proc/PID/pagemap has its address). It
	 * consists of whole pages of 4096 bytes, and overlaps no other range. NULL: the next kernel
	 * need not be told, because the store is a file, or lies in a region that the command line
	 * sets aside (memmap=).
	 */
	const struct wb_handoff_range *ranges;
	size_t n_ranges;
	uint64_t header;   /* physical address of the store's header; 0: the store is a file */
	uint64_t size;     /* bytes */
	uint8_t nonce[16]; /* random number by which the next kernel recognises store and jump */
};

/*
 * A hardware watchdog that guards the jump: purgatory arms it, and the init of the warm initramfs takes
 * it over. A session finds it. The struct, its strings and arrays must live until wb_stage_free().
 */
struct wb_load_watchdog {
	const char *name;   /* of its kind: "i6300esb" */
	const char *device; /* as /sys/bus/pci/devices names it, or its port */
	/* The n_modules modules of its driver, in the order of loading, as far as the new kernel has them. */
	const char *const *modules;
	size_t n_modules;
	/* The driver's name of the device (/sys/class/watchdog); NULL: it is never left to a driver. */
	const char *identity;
	/* PID 1 arms it in the shutdown, and it runs on, so that purgatory need not; `arm` is empty. */
	bool runs_on;
	/* Lists of register writes, at most WB_REG_STEPS_MOST in each. */
	const struct wb_reg_step *arm, *feed, *stop;
	uint32_t n_arm, n_feed, n_stop;
	unsigned int seconds; /* it bites after so long, as far as its clock goes */
	/* User space may take so many seconds to be good (/run/warmboot/gate-passed); 0: guard until init. */
	unsigned int trial;
	bool give;   /* PID 1 takes the watchdog after that; else it is stopped */
	bool needed; /* the load fails if it cannot be guarded; else it goes without */
};

/*
 * How to load a kernel. The strings and arrays must live until wb_stage_prepare() has returned. The
 * values of a boot entry are in the boot loader's configuration; `warmboot list --json` prints them.
 */
struct wb_load_options {
	size_t size;                /* sizeof(struct wb_load_options) of the caller */
	const char *entry;          /* id of the boot entry, for the record; NULL: none */
	const char *kernel;         /* path */
	const char *const *initrds; /* n_initrds paths, in boot loader order */
	size_t n_initrds;
	const char *cmdline; /* the whole command line; NULL: the image's own (UKI), else empty */
	const char *release; /* the kernel's release (uname -r); NULL: read it from the image */
	enum wb_method method;
	enum wb_verify verify;
	enum wb_initramfs initramfs;
	uint64_t mem_min;     /* no segment lies below this physical address */
	uint64_t mem_max;     /* the last physical address that a segment may use; 0: no limit */
	const char *dtb;      /* path of a device tree to pass as setup_data (SETUP_DTB), or NULL */
	bool legacy_fallback; /* kexec -a: FILE, or SEGMENTS if the kernel cannot do that */
	const char *default_cmdline; /* used if neither cmdline nor the image has one, or NULL */
	const char *append;          /* more words for any of these command lines, or NULL */
	const char *file_append;     /* more words for WB_METHOD_FILE only, or NULL */
	/* Reports a step of long work. `what` is a static string. NULL: no reports. */
	void (*progress)(void *arg, const char *what);
	void *progress_arg;
	const struct wb_load_store *store; /* NULL: none */
	/*
	 * n_guests pieces of RAM, in whole pages of 2 MiB, that virtual machines keep over the jump.
	 * The next kernel leaves them, and what lies between them, alone. NULL: none.
	 */
	const struct wb_handoff_range *guests;
	size_t n_guests;
	/*
	 * A program on the root file system. The warm initramfs starts it beside the init. NULL:
	 * none.
	 */
	const char *early;
	/*
	 * Names of n_early_modules modules. The warm initramfs loads those that the new kernel has
	 * while `early` runs.
	 */
	const char *const *early_modules;
	size_t n_early_modules;
	/*
	 * Words "memmap=SIZE!START" (kernel-parameters.txt) for regions that every kernel sets
	 * aside. The library appends each unless the command line sets the same region aside
	 * already, in whatever notation. NULL: none.
	 */
	const char *region_word;
	/* The profile of a UKI to use: the number of its .profile section, from 0. */
	unsigned int uki_profile;
	/*
	 * Paths of n_addons addons of a UKI (systemd-stub(7)). Their .initrd and .ucode sections are
	 * joined with the UKI's own.
	 */
	const char *const *addons;
	size_t n_addons;
	/*
	 * The SHA-256 that the kernel file and the first initrd must have, each as 64 hex digits.
	 * NULL: any. An initrd that a warm initramfs replaces is neither read nor checked.
	 */
	const char *kernel_sha256, *initrd_sha256;
	const struct wb_load_watchdog *watchdog; /* NULL: no watchdog guards the jump */
	/*
	 * A directory for kernels that were unpacked, made (0700) if only its parent exists. With
	 * WB_METHOD_FAST, the kernel is taken from there if it was unpacked before, and put there
	 * otherwise. A kernel that must have `kernel_sha256` is neither. NULL: none.
	 */
	const char *cache;
};

/* The decisions of staging, for people and records. The strings live as long as the stage. */
struct wb_stage_info {
	enum wb_method method;       /* never WB_METHOD_AUTO */
	const char *method_why;      /* the reason for it */
	enum wb_initramfs initramfs; /* WARM or OWN */
	const char *initramfs_why;   /* the reason for it */
	enum wb_verify verify;
	const char *release; /* of the new kernel; "": unknown */
	const char *cmdline; /* as the new kernel gets it */
	bool no_cmdline;     /* nobody gave one: it holds nothing but what was appended */
	/* Bytes of the two, unpacked where staging unpacks them. */
	uint64_t kernel_bytes, initrd_bytes;
	uint8_t nonce[16]; /* number of this jump; all zero for WB_METHOD_FILE */
	bool cached;       /* the unpacked kernel came from wb_load_options.cache */
	bool guarded;      /* purgatory arms wb_load_options.watchdog */
	bool guarded_late; /* and the new kernel has its driver, so that user space is guarded, too */
	const char *unguarded_why; /* a sentence, if it was asked for and is not armed; else NULL */
};

/* One piece of memory of the plan, in the terms of kexec_load(2). `name` lives with the stage. */
struct wb_stage_segment {
	const char *name; /* "kernel", "initrd", "boot_params", "purgatory" */
	uint64_t start;   /* physical address, at the beginning of a page */
	uint64_t memsz;   /* bytes of the segment: whole pages */
	uint64_t bufsz;   /* bytes of it that are filled; the rest is zero */
};

/*
 * Do everything except the system call that loads: read, decompress, link and plan. This changes
 * nothing on the machine but the files in options->cache, and needs no privilege except to read the
 * files. The caller frees *ret with wb_stage_free(). Errors:
 *
 *	-ENOENT, -EACCES, -EIO	a file cannot be read
 *	-ENOEXEC, -EBADMSG	a file is no kernel or initrd of this machine, or is damaged
 *	-E2BIG, -EFBIG		a file or the command line is too long
 *	-EPERM			the running kernel does not allow a load by this method
 *	-EOPNOTSUPP		no method that is allowed can do it
 *	-ENOSPC			there is no place for it in memory
 *	-EINVAL			the options are not valid, or name no kernel
 *	-ENOMEM			there is too little memory
 */
int wb_stage_prepare(const struct wb_sys *sys, const struct wb_load_options *options,
	struct wb_stage **ret, struct wb_error *err);
/*
 * Load the prepared kernel with kexec_load(2) or kexec_file_load(2). It replaces the kernel that was
 * loaded before; on failure that one stays loaded. Call it once for each stage. Errors:
 *
 *	-EPERM		the capability CAP_SYS_BOOT is missing, or kexec is switched off
 *	-EACCES		a security module forbids it
 *	-EKEYREJECTED, -ENOKEY, -EBADMSG
 *			WB_METHOD_FILE: the running kernel does not accept the signature
 *	-EBUSY		another load is under way
 *	-ENOSYS, -ENOEXEC, -ENOMEM
 *			and whatever else the system call returns
 */
int wb_stage_commit(const struct wb_sys *sys, struct wb_stage *stage, struct wb_error *err);
/* Free a stage. A kernel that it loaded stays loaded. NULL is allowed. */
void wb_stage_free(struct wb_stage *stage);

/* The decisions that wb_stage_prepare() made. Never fails. */
struct wb_stage_info wb_stage_info(const struct wb_stage *stage);
/*
 * Get the i-th planned segment, from 0. Returns false past the last one. With WB_METHOD_FILE there
 * is none, because the running kernel plans.
 */
bool wb_stage_segment(const struct wb_stage *stage, size_t i, struct wb_stage_segment *ret);
/* The physical address that the running kernel will jump to; 0 with WB_METHOD_FILE. */
uint64_t wb_stage_entry(const struct wb_stage *stage);

/*
 * Unload the kernel that is loaded for a jump, whoever loaded it. Returns 0 also if none is loaded.
 * -EPERM: not allowed; -EBUSY: another load is under way; -ENOSYS: the kernel has no kexec.
 */
int wb_unload(const struct wb_sys *sys, struct wb_error *err);

/* Names of the values above, such as "auto", "fast", "warm" or "sha256". Static. */
const char *wb_method_name(enum wb_method method);
const char *wb_initramfs_name(enum wb_initramfs initramfs);
const char *wb_verify_name(enum wb_verify verify);

/* ---- sessions ---- */

/*
 * Callbacks through which a session reports. Each may be NULL, and gets `arg`. The thread that runs
 * the session calls them. A string that they get lives until they return.
 */
struct wb_teller {
	void *arg;
	/* Long work has reached the step `what`. NULL: it has ended. */
	void (*progress)(void *arg, const char *what);
	/* Something went wrong that is no reason to stop. `sentence` describes it. */
	void (*warn)(void *arg, const char *sentence);
	/* The step called `name` was run. wb_session_step() lists the names. */
	void (*done)(void *arg, const char *name);
	/*
	 * Shall the session be broken off? It asks before every step except the jump itself, and
	 * between units. Return 0 to go on. Return a negative errno, such as -EINTR, with a sentence
	 * to break off: the session then fails and undoes everything.
	 */
	int (*interrupted)(void *arg, struct wb_error *err);
};

/*
 * The wishes of a session's caller. The session copies this struct. Everything that its pointers
 * lead to belongs to the caller, and must outlive the session.
 */
struct wb_session_options {
	size_t size; /* sizeof(struct wb_session_options) of the caller */
	/* ---- the kernel to stage ---- */
	/*
	 * A boot entry: an id or title, a kernel release, "default" or "newest". NULL: use
	 * load.kernel. If that is NULL too, the session takes the kernel that is staged already, or
	 * else "default".
	 */
	const char *entry;
	/*
	 * How to load it. For a boot entry the session fills in entry, kernel, initrds, release and
	 * the digests, and cmdline NULL is the entry's own. The fields store, early, file_append and
	 * progress belong to the session.
	 */
	struct wb_load_options load;
	/* Use the running kernel's command line in place of the entry's and of load.cmdline. */
	bool reuse_cmdline;
	bool trace;      /* the next kernel logs how long each initcall takes */
	bool stage_anew; /* stage a kernel even if one is staged already */
	/* The options above as text, for the record. NULL: none. */
	const char *words;
	/*
	 * The way back: fill entry, load, reuse_cmdline, trace and words of *ret from a text that an
	 * earlier session or load left on record. The session needs it to stage the same kernel once
	 * more, now with a store. Return a negative errno if the text cannot be understood. The
	 * strings in *ret must outlive the session. `arg` is tell.arg. NULL: such a kernel cannot be
	 * staged again.
	 */
	int (*reread)(void *arg, const char *words, struct wb_session_options *ret);
	/* ---- the units to keep ---- */
	const char *const *keep; /* n_keep units, besides those that `warmboot keep` lists */
	size_t n_keep;
	bool keep_none;    /* keep neither these nor those */
	const char *store; /* the store's backend, as --store= takes it; NULL: one that fits */
	/* ---- the jump ---- */
	bool now;               /* stop nothing: freeze units and file systems, and jump at once */
	bool ignore_inhibitors; /* jump even if a program asks for no shutdown now */
	/*
	 * The caller's own lock: a descriptor that holds /run/warmboot/lock, or a negative number if
	 * the caller wants no lock. NULL: the session takes the lock, and holds it as long as it
	 * lives.
	 */
	const int *lock;
	const char *program; /* path of the warmboot program; NULL: its installed path */
	struct wb_teller tell;
	/* ---- the guard; each NULL: as /etc/warmboot/guard.conf says ---- */
	const char *guard; /* "off", "auto", "require" */
	const char *
		fallback; /* "auto": pin the next boot through the firmware to this kernel; "off" */
	const char *confirm; /* who has the last word on the new kernel: "auto", "manual" */
	unsigned int
		watchdog; /* a watchdog bites after so many seconds without a sign of life; 0: 120 */
	unsigned int
		trial; /* user space has so many seconds to come up; 0: a minute more than the gate */
	/* Ids of n_force_checks checks of the preflight whose severe findings do not stop the jump. */
	const char *const *force_checks;
	size_t n_force_checks;
};

/* How one unit is kept. The strings live as long as the session. */
struct wb_session_unit {
	const char *unit;      /* "nginx.service" */
	const char *name;      /* by which it was chosen: "vm:web1", or the unit */
	const char *how;       /* "process": with its processes and connections; "restart" */
	const char *why;       /* a sentence, if that is less than was asked for; else NULL */
	bool process;          /* `how` is "process" */
	const char *after;     /* the unit that it comes back after (After=), or NULL */
	uint64_t ahead_bytes;  /* bytes of its memory that are copied while it runs; 0: none */
	const char *ahead_why; /* a sentence: why a large unit has none; else NULL */
};

/* How the jump is guarded. The strings live as long as the session. */
struct wb_session_trial {
	bool guarded;
	const char *
		back; /* the boot entry that the next firmware boot starts; NULL: it is not pinned, */
	const char *why_not; /* for this reason, a sentence; NULL: it is not wanted */
	const char *loader;  /* "grub", "systemd-boot": where it is pinned; NULL */
	bool panic;  /* a panic or an oops of the next kernel resets the machine after 11 s */
	bool manual; /* a person must confirm the kernel */
	const char *action; /* after a bad verdict: "tell", "reboot", "jump-back" */
	int64_t deadline_s; /* of the health gate, from the start of the kernel */
};

/*
 * Begin a session on this machine. The function looks at nothing and changes nothing. The caller
 * frees *ret with wb_session_free(). -ENOMEM.
 */
int wb_session_new(
	const struct wb_session_options *options, struct wb_session **ret, struct wb_error *err);
/* Free a session. If it has not led to a jump, its steps are undone first. NULL is allowed. */
void wb_session_free(struct wb_session *s);
/*
 * Dry run: decide and plan, but change nothing. Afterwards the getters below tell what a real run
 * would do. This needs no privilege. The session cannot be run afterwards. Errors are those of
 * wb_session_run(), as far as they can be foreseen.
 */
int wb_session_preview(struct wb_session *s, struct wb_error *err);
/*
 * Do all work that is possible while everything still runs: set memory aside, load the kernel, and
 * rehearse the freeze of each unit. It takes seconds. A child process waits from here on until the
 * session ends, and undoes everything if the caller is killed. On failure everything is as it was
 * before. Errors:
 *
 *	-EPERM, -EACCES		the kernel does not allow it
 *	-EBUSY			another command is at work, or a program asks for no shutdown
 *	-ENOENT			there is no such entry, unit or file
 *	-ENOSPC			there is no room
 *	-EOPNOTSUPP		this machine cannot do it
 *	-EINTR			it was broken off
 *	-EBADMSG		a file is damaged
 *	-EINVAL, -EIO, -ENOMEM
 */
int wb_session_prepare(struct wb_session *s, struct wb_error *err);
/*
 * Run every step that is not done yet, the jump included. 0: a shutdown that leads to the jump is
 * under way, and the caller should exit. With `now` the function returns on failure only. Errors are
 * those of wb_session_prepare(); everything is then as it was before. -ESHUTDOWN is the exception:
 * everything was stopped, and the kernel refused to jump.
 */
int wb_session_run(struct wb_session *s, struct wb_error *err);
/*
 * Undo all steps that were done, the last one first: the staged kernel, the memory, drop-ins and
 * records. A kernel that was staged before the session and that it replaced does not come back.
 * Afterwards the session can only be freed.
 */
void wb_session_undo(struct wb_session *s);

/*
 * The name of the i-th step of every session, from 0 and in order: "lock", "guard", "request", ...
 * NULL past the last. Static.
 */
const char *wb_session_step(size_t i);
/*
 * Get the i-th unit that is to be kept and that runs, from 0. Returns false past the last one, and
 * for every i before the session has decided.
 */
bool wb_session_unit(const struct wb_session *s, size_t i, struct wb_session_unit *ret);
/*
 * The stage of the kernel that the session prepared or loaded. It belongs to the session. NULL: there
 * is none yet, or the session takes a kernel that was staged before.
 */
const struct wb_stage *wb_session_stage(const struct wb_session *s);
/*
 * The options of that stage. They belong to the session, and are complete once the kernel is
 * prepared.
 */
const struct wb_load_options *wb_session_load(const struct wb_session *s);
/* How the jump is guarded, once the session has decided. Never fails. */
struct wb_session_trial wb_session_trial(const struct wb_session *s);
/* The watchdog of a jump. The strings live as long as the session. */
struct wb_session_watchdog {
	const char *name;            /* of the watchdog's kind; NULL: none guards the jump, and */
	const char *why;             /* a sentence says why not; else NULL */
	const char *device;          /* as in struct wb_load_watchdog */
	unsigned int asked, seconds; /* the time asked for, and that of the device */
	unsigned int trial;          /* for user space; 0: it is not guarded */
	bool early; /* it counts from the end of the shutdown on; else from purgatory */
	bool given; /* PID 1 takes the watchdog after the trial; else it is stopped */
};
/* Get what guards the jump. Returns false if no guard was asked for, or the session has not decided yet. */
bool wb_session_watchdog(const struct wb_session *s, struct wb_session_watchdog *ret);
/*
 * The name of the init system that will stop everything. NULL: the session has not looked for one
 * yet, or runs with `now`. Static.
 */
const char *wb_session_init(const struct wb_session *s);
