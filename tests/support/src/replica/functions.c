/* Functions whose first instructions are known. All return what answer() does. */

__attribute__((visibility("hidden"))) long answer(long a, long b, long c, long d, long e, long f)
{
	return a + 2 * b + 3 * c + 5 * d + 7 * e + 11 * f;
}

/* As in libcuda: a flag that says that the driver has gone, and where the calls go. */
__attribute__((visibility("hidden"))) int state = 1;
__attribute__((visibility("hidden"))) long (*table)(long, long, long, long, long, long) = answer;

#define FUNCTION(name, body) \
	__asm__(".text\n.balign 32\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" \
		body "\n.size " #name ", .-" #name "\n")

#define THUNK(compare) \
	compare "; je 1f; jmp *table(%rip); nopw 0(%rax,%rax); 1: mov $4, %eax; ret"

FUNCTION(thunk, THUNK("cmpl $0x321cba00, state(%rip)"));
FUNCTION(thunk_of_zero, THUNK("cmpl $0, state(%rip)"));
__asm__(".globl thunk_v2\n.set thunk_v2, thunk\n");

/* The same, but the library does not tell its size, or that it is a function. */
__asm__(".text\n.balign 32\n.globl thunk_unsized\n.type thunk_unsized, @function\n"
	"thunk_unsized: " THUNK("cmpl $0x321cba00, state(%rip)") "\n");
__asm__(".text\n.globl no_function\n.type no_function, @notype\nno_function: ret\n");

/* As compilers write it, which the assembler would shorten. */
#define NOP5 ".byte 0x0f, 0x1f, 0x44, 0, 0;"
#define FRAME "call answer; pop %rbx; ret"

FUNCTION(push, "push %rbx;" FRAME);
FUNCTION(push_high, "push %r12; call answer; pop %r12; ret");
FUNCTION(endbr_push, "endbr64; push %rbx;" FRAME);
FUNCTION(work_push, "endbr64; xor %eax, %eax; mov %fs:0, %r11; cmpl $0, state(%rip); push %rbx;" FRAME);
FUNCTION(nop_jump, "nop; jmp answer");
FUNCTION(endbr_jump, "endbr64; jmp answer");
FUNCTION(endbr_jcc, "endbr64; test %rsp, %rsp; jnz answer; ud2");
FUNCTION(long_nop, NOP5 "sub $8, %rsp; call answer; add $8, %rsp; ret");
FUNCTION(long_nop_push, "endbr64;" NOP5 "push %rbx;" FRAME);
FUNCTION(prefixed_nop, "xchg %ax, %ax; push %rbx;" FRAME);

FUNCTION(endbr_sub, "endbr64; sub $8, %rsp; call answer; add $8, %rsp; ret");
FUNCTION(endbr_call, "endbr64; call 1f; ret; 1: jmp answer");
FUNCTION(clobber, "mov %rdi, %rax; mov %esi, %edi; mov %rax, %rdi; push %rbx;" FRAME);
FUNCTION(store, "mov %rdi, -16(%rsp); push %rbx;" FRAME);
FUNCTION(loop, "endbr64; mov %rdi, %rax; 1: test %rax, %rax; je 2f; dec %rax; jmp 1b; 2: jmp answer");
FUNCTION(far_loop,
	"endbr64; mov %rdi, %rax; 1: test %rax, %rax; je 2f; .fill 40, 4, 0x90909090; dec %rax;"
	".byte 0xe9; .long 1b - . - 4; 2: jmp answer");
FUNCTION(whole_loop,
	"test %rax, %rax; jmp 1f; .fill 40, 4, 0x90909090; 2: xor %eax, %eax; jmp whole_loop;"
	"1: jmp answer");
