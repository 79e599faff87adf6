/* Opens the libraries it is given and calls what it is told to, line by line: FUNCTION CALLS A
 * B C D E F. Answers each line with the sum of what the calls returned. OPEN PATH opens one
 * more. */

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* Arguments that stand for addresses: where an allocation leaves its own, that of the latest
 * that is not freed, and where the pitch goes. */
enum { NEW = -2, LATEST = -3, PITCH = -4 };

typedef struct {
	unsigned char bytes[128];
} id;

typedef int function_of(long, long, long, long, long, long);
typedef int with_id(void **, int, id, int);

static long held[4096];
static int count;

static int with_an_id(with_id *function, int ranks)
{
	void *made = NULL;
	id unique;
	for (unsigned i = 0; i < sizeof unique; i++)
		unique.bytes[i] = i;
	int returned = function(&made, ranks, unique, ranks - 1);
	return returned ? returned : made != &count;
}

static int make(void *function, long a, long b, const long *rest)
{
	long *new = &held[count], pitch;
	if (a == NEW && count == sizeof held / sizeof *held - 1)
		return 0;
	long latest = count ? new[-1] : 0;
	int returned = ((function_of *)function)(
		a == NEW ? (long)new : a == LATEST ? latest : a,
		b == PITCH ? (long)&pitch : b, rest[0], rest[1], rest[2], rest[3]);
	if (!returned && a == NEW)
		count++;
	if (!returned && a == LATEST && count)
		count--;
	return returned;
}

int main(int arguments, char **argument)
{
	for (int i = 1; i < arguments; i++)
		if (!dlopen(argument[i], RTLD_NOW | RTLD_GLOBAL)) {
			fputs(dlerror(), stderr);
			return 2;
		}
	char line[512], name[160];
	long calls, a[6];
	while (fgets(line, sizeof line, stdin)) {
		if (!strncmp(line, "OPEN ", 5)) {
			line[strcspn(line, "\n")] = 0;
			if (!dlopen(line + 5, RTLD_NOW | RTLD_GLOBAL))
				return 2;
			puts("0");
			fflush(stdout);
			continue;
		}
		if (sscanf(line, "%159s %ld %ld %ld %ld %ld %ld %ld", name, &calls, a, a + 1, a + 2,
			   a + 3, a + 4, a + 5) != 8)
			return 3;
		void *function = dlsym(RTLD_DEFAULT, name);
		if (!function)
			return 4;
		/* It says where to leave what it made. */
		void **expected = dlsym(RTLD_DEFAULT, "expected");
		if (expected)
			*expected = &count;
		long sum = 0;
		for (long i = 0; i < calls; i++)
			sum += strstr(name, "InitRank") ? with_an_id(function, (int)a[1])
							: make(function, a[0], a[1], a + 2);
		printf("%ld\n", sum);
		fflush(stdout);
	}
	return 0;
}
