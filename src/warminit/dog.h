/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A watchdog that purgatory has armed, in the warm init: it is taken over, fed, and stopped or given to
 * PID 1. The builder writes what the init reads; the rules are pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "purgatory/handoff.h"

/* A line of the plan for one step: "ADDRESS KEEP SET SPACE WIDTH". */
#define WB_DOG_STEP_TEXT 64
void wb_dog_step_write(const struct wb_reg_step *step, char ret[WB_DOG_STEP_TEXT]);
/* false: it is no such line. */
bool wb_dog_step_read(const char *text, struct wb_reg_step *ret);

/* The watchdog as the init knows it: "NAME DEVICE IDENTITY SECONDS TRIAL GIVE" in the plan. */
struct wb_dog_plan {
	char name[32], device[32];
	char identity
		[64]; /* of its device in /sys/class/watchdog, "_" for blanks; "-": there is no driver */
	unsigned int seconds, trial;
	unsigned int give; /* 1: to PID 1 */
};
#define WB_DOG_PLAN_TEXT 192
void wb_dog_plan_write(const struct wb_dog_plan *plan, char ret[WB_DOG_PLAN_TEXT]);
bool wb_dog_plan_read(const char *text, struct wb_dog_plan *ret);

/* The next thing to do with it, once in a second. */
enum wb_dog_act {
	WB_DOG_FEED,
	WB_DOG_STOP,
	WB_DOG_GIVE,  /* let PID 1 open it */
	WB_DOG_LEAVE, /* feed it no longer: user space has not come up */
};

struct wb_dog_moment {
	bool passed;        /* user space is good */
	unsigned int past;  /* seconds since the trial began */
	unsigned int trial; /* seconds that it may last; 0: for ever */
	bool give;          /* PID 1 wants it */
	unsigned int tried; /* seconds that it was offered to PID 1 */
	bool unstoppable;   /* the driver does not stop it (nowayout) */
};
/* PID 1 asks for the device after half its own time; it is offered so long. */
#define WB_DOG_OFFER_S 600
enum wb_dog_act wb_dog_next(const struct wb_dog_moment *now);

/* The last thing that was done with it, as one word in /run/warmboot/watchdog: WB_DOG_STATE. */
#define WB_DOG_STATE_DIR "warmboot"
#define WB_DOG_STATE WB_DOG_STATE_DIR "/watchdog"
#define WB_DOG_PASSED WB_DOG_STATE_DIR "/gate-passed"

/* ---- the init's part: dog.c ---- */

struct wb_dog {
	struct wb_dog_plan plan;
	bool is;       /* there is one */
	int fd;        /* its device file; -1: none, and the registers are used */
	char node[32]; /* name of the device file in /dev */
	bool unstoppable;
	int run, dev;          /* /run and /dev, for the time after the root was switched */
	long begun_ms, fed_ms; /* CLOCK_MONOTONIC when it was taken over, and last fed; 0: never */
	struct wb_reg_step feed[WB_REG_STEPS_MOST], stop[WB_REG_STEPS_MOST];
	uint32_t n_feed, n_stop;
};

/* Take a line of the plan. false: it is about something else. */
bool wb_dog_line(struct wb_dog *dog, const char *key, const char *value);
/* Feed it, if that is due; cheap. */
void wb_dog_feed(struct wb_dog *dog);
/*
 * The root is mounted. With a driver, a child of this process feeds the watchdog from now on; else it is
 * stopped. argv: of this program. Sentences go to `note`.
 */
void wb_dog_leave(struct wb_dog *dog, char **argv, void (*note)(const char *sentence));
