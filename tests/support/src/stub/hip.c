/* A HIP library without a GPU, whose functions have versions. */

#include "memory.h"

int hipLaunchKernel(void) { return SUCCESS; }
int hipLaunchKernel_spt(void) { return SUCCESS; }
int hipModuleLaunchKernel(void) { return SUCCESS; }

/* As C++ names it. */
int _Z24hipExtModuleLaunchKernelP18ihipModuleSymbol_tjjjjjjmP12ihipStream_tPPvS4_P11ihipEvent_tS6_j(void)
{
	return SUCCESS;
}

int hipMemcpyAsync(long to, long from) { return copy(to, from); }
int hipMemcpyHtoD(long to, long from) { return copy(to, from); }
int hipMemcpy_spt(long to, long from) { return copy(to, from); }

/* Made of another one, as in older versions. */
int hipMemcpyPeerAsync(long to, int to_device, long from, int from_device, size_t bytes)
{
	return hipMemcpyAsync(to, from);
}

int hipMemsetD32(void) { return SUCCESS; }
int hipStreamSynchronize_spt(int fails) { return fails ? ILLEGAL_ADDRESS : SUCCESS; }
int hipMalloc(long *pointer, size_t bytes) { return allocate(pointer, bytes); }
int hipHostMalloc(long *pointer, size_t bytes) { return allocate(pointer, bytes); }
int hipMemCreate(long *handle, size_t bytes) { return allocate(handle, bytes); }
int hipFree(void) { return SUCCESS; }
int hipMemRelease(void) { return SUCCESS; }
