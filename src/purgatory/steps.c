// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of register steps, on every machine. */
#include "purgatory/steps.h"

#define PORTS_END 0x10000ull
#define PCI_END (1ull << 24)
#define MEMORY_START (1ull << 20) /* below lie the real mode's memory and its interrupt vectors */

/* The first address that the space does not have; 0: there is no such space. */
static uint64_t end_of(uint8_t space)
{
	if (space == WB_REG_PORT)
		return PORTS_END;
	if (space == WB_REG_PCI)
		return PCI_END;
	return space == WB_REG_MEMORY ? WB_REG_MEMORY_END : 0;
}

static bool is_valid(const struct wb_reg_step *s)
{
	uint64_t end = end_of(s->space);
	uint8_t pad = 0;

	for (int i = 0; i < (int)sizeof(s->pad); i++)
		pad |= s->pad[i];
	if (pad || (s->width != 1 && s->width != 2 && s->width != 4))
		return false;
	if (s->width < 4 && (s->keep | s->set) >> (8 * s->width))
		return false;
	/* An aligned register lies before the end as a whole. */
	if (s->address >= end || s->address % s->width)
		return false;
	return s->space != WB_REG_MEMORY || s->address >= MEMORY_START;
}

/* Has an earlier step the same page? */
static bool is_new_page(const struct wb_reg_step *steps, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (steps[k].space == WB_REG_MEMORY &&
			steps[k].address / WB_REG_PAGE == steps[i].address / WB_REG_PAGE)
			return false;
	return steps[i].space == WB_REG_MEMORY;
}

bool wb_steps_valid(const struct wb_reg_step *steps, uint32_t n)
{
	uint32_t pages = 0;

	if (n > WB_REG_STEPS_MOST)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_valid(&steps[i]))
			return false;
		pages += is_new_page(steps, i);
	}
	return pages <= WB_REG_PAGES_MOST;
}

void wb_steps_run(const struct wb_reg_step *steps, uint32_t n,
	uint32_t (*read)(void *arg, const struct wb_reg_step *step),
	void (*write)(void *arg, const struct wb_reg_step *step, uint32_t value), void *arg)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t value = steps[i].keep ? read(arg, &steps[i]) & steps[i].keep : 0;

		write(arg, &steps[i], value | steps[i].set);
	}
}
