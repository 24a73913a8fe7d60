// SPDX-License-Identifier: LGPL-2.1-or-later
/* Each access opens what it needs and closes it again: a list has a dozen steps, and is run rarely. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/ports.h"
#include "warminit/registers.h"

#define PAGE 4096u

/* The configuration of the step's device; the offset is in the address's last byte. */
static int open_config(const struct wb_reg_step *step)
{
	unsigned int at = (unsigned int)step->address;
	char path[80];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:%02x:%02x.%x/config", at >> 16,
		at >> 11 & 31, at >> 8 & 7);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int config(const struct wb_reg_step *step, uint32_t *value, bool write)
{
	int fd = open_config(step), r = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write ? pwrite(fd, value, step->width, step->address & 0xff)
		  : pread(fd, value, step->width, step->address & 0xff);
	if (n != step->width)
		r = n < 0 ? -errno : -EIO;
	close(fd);
	return r;
}

static int memory(const struct wb_reg_step *step, uint32_t *value, bool write)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	volatile uint8_t *page;
	volatile void *at;

	if (fd < 0)
		return -errno;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		(off_t)(step->address & ~(uint64_t)(PAGE - 1)));
	close(fd);
	if (page == MAP_FAILED)
		return -errno;
	at = page + step->address % PAGE;
	if (step->width == 1 && write)
		*(volatile uint8_t *)at = (uint8_t)*value;
	else if (step->width == 1)
		*value = *(volatile uint8_t *)at;
	else if (step->width == 2 && write)
		*(volatile uint16_t *)at = (uint16_t)*value;
	else if (step->width == 2)
		*value = *(volatile uint16_t *)at;
	else if (write)
		*(volatile uint32_t *)at = *value;
	else
		*value = *(volatile uint32_t *)at;
	munmap((void *)page, PAGE);
	return 0;
}

uint32_t wb_registers_read(void *arg, const struct wb_reg_step *step)
{
	uint32_t value = 0;
	int r;

	if (step->space == WB_REG_PORT)
		r = wb_arch_port_read((uint16_t)step->address, step->width, &value);
	else
		r = (step->space == WB_REG_PCI ? config : memory)(step, &value, false);
	if (r < 0)
		*(int *)arg = r;
	return r < 0 ? 0 : value;
}

void wb_registers_write(void *arg, const struct wb_reg_step *step, uint32_t value)
{
	int r;

	if (step->space == WB_REG_PORT)
		r = wb_arch_port_write((uint16_t)step->address, step->width, value);
	else
		r = (step->space == WB_REG_PCI ? config : memory)(step, &value, true);
	if (r < 0)
		*(int *)arg = r;
}
