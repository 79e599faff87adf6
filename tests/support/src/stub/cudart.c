/* A CUDA runtime without a GPU. */

#include "memory.h"

/* Of the driver, where there is one. */
extern long cuMemcpyHtoD_v2(long, long, size_t) __attribute__((weak));

int cudaLaunchKernel(void) { return SUCCESS; }
int __cudaLaunchKernel(void) { return cudaLaunchKernel(); }
int cudaLaunchKernel_ptsz(void) { return SUCCESS; }
int cudaLaunchKernelExC(void) { return SUCCESS; }
int cudaGraphLaunch(void) { return SUCCESS; }
int cudaMemcpyAsync(long to, long from) { return copy(to, from); }
int cudaMemcpyPeerAsync(long to, int device, long from) { return copy(to, from); }
int cudaMemset(void) { return SUCCESS; }

/* Made of a call of the driver, as the runtime is. */
int cudaMemcpy(long to, long from, size_t bytes, int kind)
{
	int error = copy(to, from);
	if (!error && kind == 1 && cuMemcpyHtoD_v2)
		error = (int)cuMemcpyHtoD_v2(to, from, bytes);
	return error;
}

int cudaMemcpyToSymbol(long symbol, long from) { return copy(symbol, from); }

/* A fault of the GPU's, if it is asked for one. */
int cudaDeviceSynchronize(int fails) { return fails ? ILLEGAL_ADDRESS : SUCCESS; }

int cudaMalloc(long *pointer, size_t bytes) { return allocate(pointer, bytes); }
int cudaMallocPitch(long *pointer, size_t *pitch, size_t width, size_t rows)
{
	return allocate_rows(pointer, pitch, width, rows);
}
int cudaMallocAsync_ptsz(long *pointer, size_t bytes) { return allocate(pointer, bytes); }
int cudaHostAlloc(long *pointer, size_t bytes) { return allocate(pointer, bytes); }

/* Another function that the library exports. */
int cudaMallocHost(long *pointer, size_t bytes)
{
	return cudaHostAlloc(pointer, bytes);
}

int cudaFree(void) { return SUCCESS; }
int cudaFreeHost(void) { return SUCCESS; }
