// SPDX-License-Identifier: LGPL-2.1-or-later
/* The text of the plan about a watchdog, and the rules for it. Pure. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "purgatory/steps.h"
#include "warminit/dog.h"

void wb_dog_step_write(const struct wb_reg_step *step, char ret[WB_DOG_STEP_TEXT])
{
	snprintf(ret, WB_DOG_STEP_TEXT, "%" PRIx64 " %x %x %u %u", step->address, step->keep,
		step->set, step->space, step->width);
}

/* Exactly n words and nothing else. */
static bool take_all(const char *text, struct wb_span *ret, size_t n)
{
	struct wb_span line = {text, strlen(text)}, more;

	return wb_take_words(&line, ret, n) && !wb_take_word(&line, &more);
}

/* The word as a number of at most `most`. */
static bool number(struct wb_span word, unsigned int base, uint64_t most, uint64_t *ret)
{
	return wb_span_number(word, base, ret) && *ret <= most;
}

bool wb_dog_step_read(const char *text, struct wb_reg_step *ret)
{
	uint64_t keep, set, space, width;
	struct wb_reg_step s = {};
	struct wb_span w[5];

	if (!take_all(text, w, 5) || !number(w[0], 16, UINT64_MAX, &s.address) ||
		!number(w[1], 16, UINT32_MAX, &keep) || !number(w[2], 16, UINT32_MAX, &set) ||
		!number(w[3], 10, UINT8_MAX, &space) || !number(w[4], 10, UINT8_MAX, &width))
		return false;
	s.keep = (uint32_t)keep;
	s.set = (uint32_t)set;
	s.space = (uint8_t)space;
	s.width = (uint8_t)width;
	if (!wb_steps_valid(&s, 1))
		return false;
	*ret = s;
	return true;
}

void wb_dog_plan_write(const struct wb_dog_plan *p, char ret[WB_DOG_PLAN_TEXT])
{
	snprintf(ret, WB_DOG_PLAN_TEXT, "%s %s %s %u %u %u", p->name, p->device, p->identity,
		p->seconds, p->trial, p->give);
}

/* A name without a "/", as a whole or not at all. */
static bool take_name(struct wb_span word, char *ret, size_t size)
{
	if (word.n >= size || memchr(word.s, '/', word.n))
		return false;
	memcpy(ret, word.s, word.n);
	return true;
}

/* No watchdog and no trial lasts longer than a day. */
#define LONGEST 86400

bool wb_dog_plan_read(const char *text, struct wb_dog_plan *ret)
{
	uint64_t seconds, trial, give;
	struct wb_dog_plan p = {};
	struct wb_span w[6];

	if (!take_all(text, w, 6) || !take_name(w[0], p.name, sizeof(p.name)) ||
		!take_name(w[1], p.device, sizeof(p.device)) ||
		!take_name(w[2], p.identity, sizeof(p.identity)) ||
		!number(w[3], 10, LONGEST, &seconds) || !number(w[4], 10, LONGEST, &trial) ||
		!number(w[5], 10, 1, &give) || !seconds)
		return false;
	p.seconds = (unsigned int)seconds;
	p.trial = (unsigned int)trial;
	p.give = (unsigned int)give;
	*ret = p;
	return true;
}

enum wb_dog_act wb_dog_next(const struct wb_dog_moment *now)
{
	if (now->passed && now->give && now->tried < WB_DOG_OFFER_S)
		return WB_DOG_GIVE;
	/* It would bite a healthy system after a close that does not stop it. */
	if (now->passed)
		return now->unstoppable ? WB_DOG_FEED : WB_DOG_STOP;
	/* Without a trial it is fed because nothing stops it. */
	return !now->trial || now->past < now->trial ? WB_DOG_FEED : WB_DOG_LEAVE;
}
