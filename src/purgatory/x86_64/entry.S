// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Purgatory's entry and exit. The old kernel (arch/x86/kernel/relocate_kernel_64.S) jumps to the
 * first byte of the image in 64-bit mode on identity-mapped memory with interrupts off, empty
 * descriptor tables, and little more than PAE (and LA57, if it was on) in CR4. The exit follows the
 * 64-bit boot protocol (Documentation/arch/x86/boot.rst): boot_params in %rsi, flat __BOOT_CS 0x10
 * and __BOOT_DS 0x18. The planner chooses the address of the image, so every address is
 * %rip-relative.
 */
#define CR0_MP     0x02
#define CR0_EM_TS  0x0c
#define CR4_SSE    0x600   /* OSFXSR, OSXMMEXCPT */
#define CR4_OSXSAVE 0x40000
#define CPUID_AVX  0x14000000 /* leaf 1, %ecx: XSAVE, AVX */
#define XCR0_AVX   7       /* x87, SSE, AVX */
#define ARGS_ENTRY 8     /* offsets in struct wb_purgatory_args, asserted in machine.c */
#define ARGS_BOOT_DATA 16

	.section .text.entry, "ax", @progbits
	.globl	wb_purgatory_entry
wb_purgatory_entry:
	rdtsc
	cli
	cld
	shlq	$32, %rdx
	leaq	(%rdx, %rax), %rsi
	leaq	stack_end(%rip), %rsp

	/* The SHA instructions work on SSE registers. */
	movq	%cr0, %r12
	movq	%cr4, %rbp
	movq	%r12, %rax
	andq	$~CR0_EM_TS, %rax
	orq	$CR0_MP, %rax
	movq	%rax, %cr0
	movq	%rbp, %rax
	orq	$CR4_SSE, %rax
	movq	%rax, %cr4

	/*
	 * AVX registers for the lanes, if the CPU has them. The next kernel sets XCR0 before it
	 * relies on it.
	 */
	movl	$1, %eax
	cpuid
	andl	$CPUID_AVX, %ecx
	cmpl	$CPUID_AVX, %ecx
	jne	check
	movq	%cr4, %rax
	orq	$CR4_OSXSAVE, %rax
	movq	%rax, %cr4
	xorl	%ecx, %ecx
	xgetbv
	orl	$XCR0_AVX, %eax
	xsetbv

check:
	leaq	wb_purgatory_args(%rip), %rdi
	call	wb_purgatory_run
	testl	%eax, %eax
	jnz	halt

	movq	%rbp, %cr4
	movq	%r12, %cr0

	leaq	gdt(%rip), %rax
	movq	%rax, gdt_base(%rip)
	lgdt	gdt_limit(%rip)
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	leaq	leave(%rip), %rax
	pushq	$0x10
	pushq	%rax
	lretq
leave:
	movq	wb_purgatory_args + ARGS_BOOT_DATA(%rip), %rsi
	xorl	%eax, %eax
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%edi, %edi
	xorl	%ebp, %ebp
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	jmp	*wb_purgatory_args + ARGS_ENTRY(%rip)

	/* Only for the case that no reset of wb_purgatory_run() worked. */
halt:
	hlt
	jmp	halt

	.section .data, "aw", @progbits
	.balign	8
gdt:
	.quad	0, 0
	.quad	0x00af9b000000ffff /* 0x10: code, 64 bits */
	.quad	0x00cf93000000ffff /* 0x18: data */
	.balign	8
	.skip	6 /* so that the base is aligned */
gdt_limit:
	.word	. - gdt - 7
gdt_base:
	.quad	0

	.section .bss, "aw", @nobits
	.balign	16
	.skip	8192
stack_end:

	.section .note.GNU-stack, "", @progbits
