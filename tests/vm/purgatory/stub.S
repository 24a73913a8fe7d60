// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A kernel of a few hundred bytes on both sides of purgatory, for test_purgatory.py. As a
 * multiboot kernel it copies each module to the address in the module's first four bytes, enters
 * 64-bit mode like the old kernel leaves it, and jumps to the first module. As the new kernel,
 * at ENTRY, it says on the serial port what it finds, and ends QEMU by isa-debug-exit.
 */
#define COM1 0x3f8
#define DEBUG_EXIT 0xf4
#define FLAGS 1 /* modules on page borders */
#define HANDOFF_BYTES 88

	.section .text, "ax", @progbits
	.long	0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
	.balign	16

	.code64
	.globl	entry /* at 0x100010, the test knows */
entry:
	/* Nothing but %rsi may hold a value. */
	orq	%rbx, %rax
	orq	%rcx, %rax
	orq	%rdx, %rax
	orq	%rdi, %rax
	orq	%rbp, %rax
	orq	%r8, %rax
	orq	%r9, %rax
	orq	%r10, %rax
	orq	%r11, %rax
	orq	%r12, %rax
	orq	%r13, %rax
	orq	%r14, %rax
	orq	%r15, %rax
	movq	%rsi, %rbx
	movl	$stack_end, %esp
	movq	%rax, %rdi
	call	hex
	movl	%cs, %edi
	call	hex
	movl	%ds, %edi
	call	hex
	movl	%ss, %edi
	call	hex
	movq	%cr0, %rdi
	movl	cr0, %eax
	xorq	%rax, %rdi
	call	hex
	movq	%cr4, %rdi
	call	hex
	movq	%rbx, %rdi
	call	hex
	movq	(%rbx), %rdi /* boot_params: a word of the test's, and where the handoff is */
	call	hex
	movq	8(%rbx), %rbx
	movl	$HANDOFF_BYTES / 8, %r12d
1:	movq	(%rbx), %rdi
	call	hex
	addq	$8, %rbx
	decl	%r12d
	jnz	1b
	movb	$'\n', %al
	call	putc
	movl	$0x10, %eax
	outb	%al, $DEBUG_EXIT
2:	hlt
	jmp	2b

/* %rdi as sixteen digits and a space. */
hex:
	movl	$16, %ecx
1:	rolq	$4, %rdi
	movl	%edi, %eax
	andl	$15, %eax
	movb	digits(%rax), %al
	call	putc
	decl	%ecx
	jnz	1b
	movb	$' ', %al
putc:
	movl	$COM1, %edx
	outb	%al, %dx
	ret

	.code32
	.globl	start
start:
	cli
	cld
	movl	$stack_end, %esp
	movl	20(%ebx), %ebp /* multiboot information: mods_count, mods_addr */
	movl	24(%ebx), %ebx
	movl	(%ebx), %eax
	movl	(%eax), %eax
	movl	%eax, first
copy:
	movl	(%ebx), %esi
	movl	4(%ebx), %ecx
	subl	%esi, %ecx
	subl	$4, %ecx
	lodsl
	movl	%eax, %edi
	rep movsb
	addl	$16, %ebx
	decl	%ebp
	jnz	copy

	/* 1 GiB of identity in pages of 2 MiB. */
	movl	$pdpt + 3, pml4
	movl	$pd + 3, pdpt
	movl	$0x83, %eax
	movl	$pd, %edi
	movl	$512, %ecx
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	decl	%ecx
	jnz	1b
	/* With five levels where the CPU has them: CPUID 7, %ecx bit 16; CR4.LA57. */
	movl	$pml4 + 3, pml5
	movl	$7, %eax
	xorl	%ecx, %ecx
	cpuid
	movl	$pml4, %eax
	movl	$0x20, %edx /* PAE and nothing else */
	testl	$0x10000, %ecx
	jz	2f
	movl	$pml5, %eax
	orl	$0x1000, %edx
2:	movl	%eax, %cr3
	movl	%edx, %cr4
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x100, %eax /* EFER.LME */
	wrmsr
	lgdt	gdt_pointer
	movl	$0x8000001d, %eax /* PG, ET, TS, EM, PE: purgatory has to see to SSE itself */
	movl	%eax, %cr0
	movl	%eax, cr0
	ljmp	$8, $start64
	.code64
start64:
	lgdt	no_table
	lidt	no_table
	movl	first, %eax
	jmp	*%rax

	.data
digits:
	.ascii	"0123456789abcdef"
	.balign	8
gdt:
	.quad	0, 0x00af9b000000ffff
gdt_pointer:
	.word	15
	.long	gdt
no_table:
	.skip	10
first:
	.long	0
cr0:
	.quad	0

	.bss
	.balign	4096
pml5:
	.skip	4096
pml4:
	.skip	4096
pdpt:
	.skip	4096
pd:
	.skip	4096
	.skip	256
stack_end:

	.section .note.GNU-stack, "", @progbits
