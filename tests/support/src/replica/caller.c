/* Calls a function of a library in a number of threads, so many times in each:
 * caller LIBRARY FUNCTION CALLS THREADS. Prints the nanoseconds that the slowest needed. */

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long (*function)(long, long, long, long, long, long);
static long calls;
static int wrong;

static long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

static void *call(void *elapsed)
{
	long start = now();
	for (long i = 0; i < calls; i++) {
		long a = i % 8;
		long result = function(a, a + 1, a + 2, a + 3, a + 4, a + 5);
		if (result != 29 * a + 2 + 6 + 15 + 28 + 55)
			__atomic_store_n(&wrong, 1, __ATOMIC_RELAXED);
	}
	*(long *)elapsed = now() - start;
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	void *library = dlopen(argv[1], RTLD_NOW);
	*(void **)&function = library ? dlsym(library, argv[2]) : NULL;
	if (!function) {
		fprintf(stderr, "%s\n", dlerror());
		return 2;
	}
	calls = atol(argv[3]);
	int threads = atoi(argv[4]);
	pthread_t ids[64];
	long elapsed[64], slowest = 0;
	for (int i = 0; i < threads && i < 64; i++)
		if (pthread_create(&ids[i], NULL, call, &elapsed[i]))
			return 2;
	for (int i = 0; i < threads && i < 64; i++) {
		pthread_join(ids[i], NULL);
		slowest = elapsed[i] > slowest ? elapsed[i] : slowest;
	}
	if (wrong) {
		fprintf(stderr, "%s returned something else\n", argv[2]);
		return 1;
	}
	printf("%ld\n", slowest);
	return 0;
}
