/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest in one sector. It fills its memory from 24 MiB to 255 MiB, but for its last MiB, with a pattern, and then for ever
 * counts one up in each of 2048 pages, checks that every page had the number before, checks the next 256 KiB of the pattern,
 * and prints on the first serial port:
 *
 *	C<count> B<mismatches so far>
 *
 * both in eight hex digits. A page or a piece of the pattern that is not what was written shows in B.
 */
#define PAGES_AT 0x1000000
#define PAGES 2048
#define PATTERN_AT 0x1800000
/* The end of the pattern is noted here. In an emulated emulator, more would take minutes. */
#define PATTERN_END 0x7000
#define MOST 0xff00000
/* The CMOS has the memory above 16 MiB, in units of 64 KiB, at 0x34 and 0x35. */
#define CMOS 0x34
#define PIECE 0x40000
#define SEED 0x5eed1234
#define FACTOR 0x9e3779b1
#define COM1 0x3f8

	.code16
	.globl _start
_start:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	inb $0x92, %al
	orb $2, %al
	outb %al, $0x92
	lgdtw gdtr
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpw $8, $flat

	.code32
flat:
	movw $16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $0x7c00, %esp

	movb $CMOS, %al
	outb %al, $0x70
	inb $0x71, %al
	movzbl %al, %ebx
	movb $(CMOS + 1), %al
	outb %al, $0x70
	inb $0x71, %al
	movb %al, %bh
	shll $16, %ebx
	addl $0xf00000, %ebx
	cmpl $MOST, %ebx
	jbe 1f
	movl $MOST, %ebx
1:	movl %ebx, PATTERN_END
	movl $PATTERN_AT, %edi
1:	imull $FACTOR, %edi, %eax
	xorl $SEED, %eax
	stosl
	cmpl %ebx, %edi
	jb 1b

	movl $PAGES_AT, %edi
	movl $PAGES, %ecx
1:	movl $0, (%edi)
	addl $4096, %edi
	loop 1b

	xorl %ebx, %ebx		/* the count */
	xorl %ebp, %ebp		/* the mismatches */
	movl $PATTERN_AT, %esi
round:
	movl $PAGES_AT, %edi
	movl $PAGES, %ecx
1:	cmpl %ebx, (%edi)
	je 2f
	incl %ebp
2:	incl (%edi)
	addl $4096, %edi
	loop 1b
	incl %ebx

	movl $(PIECE / 4), %ecx
1:	imull $FACTOR, %esi, %eax
	xorl $SEED, %eax
	cmpl %eax, (%esi)
	je 2f
	incl %ebp
2:	addl $4, %esi
	loop 1b
	cmpl PATTERN_END, %esi
	jb 1f
	movl $PATTERN_AT, %esi
1:
	movb $'C', %al
	movl %ebx, %edx
	call print
	movb $'B', %al
	movl %ebp, %edx
	call print
	movb $'\n', %al
	call send
	jmp round

/* The letter in %al, the number in %edx, a space. */
print:
	call send
	movl $8, %ecx
1:	roll $4, %edx
	movb %dl, %al
	andb $15, %al
	addb $'0', %al
	cmpb $'9', %al
	jbe 2f
	addb $('A' - '9' - 1), %al
2:	call send
	loop 1b
	movb $' ', %al
send:
	pushl %edx
	pushl %eax
	movw $(COM1 + 5), %dx
1:	inb %dx, %al
	testb $0x20, %al
	jz 1b
	popl %eax
	movw $COM1, %dx
	outb %al, %dx
	popl %edx
	ret

	.balign 8
gdt:
	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:
	.word gdtr - gdt - 1
	.long gdt
	.org 510
	.word 0xaa55
