/*
 * Maps the library it is given and does what it is told, a letter a line:
 * m maps it, c calls its function ten times, t ends the main thread.
 * It says "done" after each.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static const char *path;
static int (*function)(int);

static void map(void)
{
	void *library = dlopen(path, RTLD_NOW);
	if (library)
		*(void **)&function = dlsym(library, "geophone_test_function");
	else
		fprintf(stderr, "%s\n", dlerror());
}

static void *obey(void *unused)
{
	char line[8];

	(void)unused;
	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] == 'm')
			map();
		for (int number = 0; line[0] == 'c' && number < 10; number++)
			function(number);
		if (line[0] == 't') {
			pthread_t thread;
			pthread_create(&thread, NULL, obey, NULL);
			puts("done");
			fflush(stdout);
			pthread_exit(NULL);
		}
		puts("done");
		fflush(stdout);
	}
	return NULL;
}

int main(int count, char **arguments)
{
	if (count != 2)
		return 2;
	path = arguments[1];
	obey(NULL);
	return 0;
}
