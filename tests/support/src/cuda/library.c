/* A CUDA driver library without a GPU: functions of the real names, which begin as the real
 * ones do, or as those of other compilers. What each does is told by its arguments. */

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* Set once the real library is shutting down. */
HIDDEN int state = 1;

enum {
	SUCCESS = 0,
	INVALID_VALUE = 1,
	OUT_OF_MEMORY = 2,
	ILLEGAL_ADDRESS = 700,
	LAUNCH_FAILED = 719
};

HIDDEN long launch(void) { return SUCCESS; }

/* An address of 0xbad is not one. */
HIDDEN long copy(long to, long from, long bytes)
{
	return to == 0xbad || from == 0xbad ? INVALID_VALUE : SUCCESS;
}

/* The argument is how many microseconds the GPU takes; less than none is a fault of its. */
HIDDEN long synchronize(long microseconds)
{
	if (microseconds < 0)
		return ILLEGAL_ADDRESS;
	struct timespec left = { microseconds / 1000000, microseconds % 1000000 * 1000 };
	while (nanosleep(&left, &left) && errno == EINTR)
		;
	return SUCCESS;
}

#define FIRST 0x700000000000

/* What was freed last is given first, to whichever thread asks. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long unused[1 << 16];
static size_t unused_count;
static long next = FIRST;

/* There is a gigabyte for each. */
HIDDEN long allocate(long *pointer, size_t bytes)
{
	if (bytes > 1 << 30)
		return OUT_OF_MEMORY;
	pthread_mutex_lock(&lock);
	long given = unused_count ? unused[--unused_count] : (next += 512);
	pthread_mutex_unlock(&lock);
	if (pointer)
		*pointer = given;
	return SUCCESS;
}

HIDDEN long allocate_rows(long *pointer, size_t *pitch, size_t width, size_t rows)
{
	*pitch = (width + 511) / 512 * 512;
	return allocate(pointer, *pitch * rows);
}

/* Handles are small numbers. */
HIDDEN long create(long *handle, size_t bytes)
{
	static long last = 0x5000;
	if (bytes > 1 << 30)
		return OUT_OF_MEMORY;
	*handle = __atomic_fetch_add(&last, 1, __ATOMIC_RELAXED);
	return SUCCESS;
}

/* Fails if there is a second argument. */
HIDDEN long release(long pointer, long fails)
{
	if (fails)
		return LAUNCH_FAILED;
	if (pointer < FIRST)
		return SUCCESS;
	pthread_mutex_lock(&lock);
	if (unused_count < sizeof unused / sizeof *unused)
		unused[unused_count++] = pointer;
	pthread_mutex_unlock(&lock);
	return SUCCESS;
}

#define FUNCTION(name, does, begin)                                                            \
	HIDDEN long (*table_##name)() = (long (*)())does;                                      \
	__asm__(".text\n.balign 32\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" begin \
		"; .size " #name ", .-" #name "\n");

#ifdef __aarch64__
#define LOAD(name) "adrp x16, table_" #name "; ldr x16, [x16, #:lo12:table_" #name "]; "
/* hint #25 and #29 are paciasp and autiasp, for assemblers that do not know them. */
#define FRAME(name, begin)                                                                     \
	begin "stp x29, x30, [sp, #-16]!; mov x29, sp; " LOAD(name)                            \
		"blr x16; ldp x29, x30, [sp], #16; "

/* As on x86-64, with an instruction to begin with that the kernel simulates. */
#define THUNK(name, does)                                                                      \
	FUNCTION(name, does, "adrp x17, state; ldr w17, [x17, #:lo12:state]; cbz w17, 1f; "    \
			     LOAD(name) "br x16; 1: mov w0, #4; ret")
#define ENDBR(name, does) FUNCTION(name, does, FRAME(name, "hint #25; ") "hint #29; ret")
#define PUSH(name, does) FUNCTION(name, does, FRAME(name, "") "ret")
#define SUB(name, does)                                                                        \
	FUNCTION(name, does, "sub sp, sp, #16; str x30, [sp]; " LOAD(name)                     \
			     "blr x16; ldr x30, [sp]; add sp, sp, #16; ret")
#else
/* As in libcuda. */
#define THUNK(name, does)                                                                      \
	FUNCTION(name, does, "cmpl $0x321cba00, state(%rip); je 1f; jmp *table_" #name         \
			     "(%rip); nopw 0(%rax,%rax); 1: mov $4, %eax; ret")
#define ENDBR(name, does)                                                                      \
	FUNCTION(name, does, "endbr64; push %rbp; mov %rsp, %rbp; call *table_" #name          \
			     "(%rip); pop %rbp; ret")
#define PUSH(name, does)                                                                       \
	FUNCTION(name, does, "push %rbx; call *table_" #name "(%rip); pop %rbx; ret")
#define SUB(name, does)                                                                        \
	FUNCTION(name, does, "sub $8, %rsp; call *table_" #name "(%rip); add $8, %rsp; ret")
#endif

THUNK(cuLaunchKernel, launch)
THUNK(cuLaunchKernel_ptsz, launch)
ENDBR(cuLaunchKernelEx, launch)
THUNK(cuGraphLaunch, launch)
THUNK(cuMemcpyHtoD_v2, copy)
PUSH(cuMemcpyDtoH_v2, copy)
THUNK(cuMemcpyHtoDAsync_v2, copy)
SUB(cuMemcpyDtoHAsync_v2, copy)
THUNK(cuMemsetD32_v2, copy)
THUNK(cuStreamSynchronize, synchronize)
ENDBR(cuCtxSynchronize, synchronize)
THUNK(cuMemAlloc_v2, allocate)
THUNK(cuMemAllocManaged, allocate)
THUNK(cuMemHostAlloc, allocate)
THUNK(cuMemAllocAsync_ptsz, allocate)
PUSH(cuMemAllocPitch_v2, allocate_rows)
THUNK(cuMemHostRegister_v2, launch)
THUNK(cuMemCreate, create)
THUNK(cuMemFree_v2, release)
THUNK(cuMemFreeHost, release)
THUNK(cuMemFreeAsync_ptsz, release)
THUNK(cuMemHostUnregister, release)
THUNK(cuMemRelease, release)
#ifdef __aarch64__
/* The kernel takes no probe at a load of a literal; nobody calls it. */
FUNCTION(cuMemsetD16_v2, launch, "ldr x17, .; mov w0, #0; ret")
#endif

extern long cuLaunchKernel(), cuStreamSynchronize();

/* A copy that waits for the copies before it, by the function that others call, too. */
HIDDEN long copy_and_wait(long to, long from, long bytes)
{
	cuStreamSynchronize(0);
	return copy(to, from, bytes);
}
THUNK(cuMemcpyDtoD_v2, copy_and_wait)

/* Hands out the very functions that the library exports. */
long cuGetProcAddress_v2(const char *name, void **function, int version, long flags, int *status)
{
	*function = !strcmp(name, "cuLaunchKernel")	  ? (void *)cuLaunchKernel
		    : !strcmp(name, "cuStreamSynchronize") ? (void *)cuStreamSynchronize
							   : NULL;
	return *function ? SUCCESS : 500;
}
