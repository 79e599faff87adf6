/* What libraries without a GPU have in common. */

#include <stddef.h>

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, ILLEGAL_ADDRESS = 700 };

/* There is a gigabyte for each. */
static int allocate(long *pointer, size_t bytes)
{
	static long next = 0x700000000000;
	if (bytes > 1 << 30)
		return OUT_OF_MEMORY;
	*pointer = next += 512;
	return SUCCESS;
}

static int allocate_rows(long *pointer, size_t *pitch, size_t width, size_t rows)
{
	*pitch = (width + 511) / 512 * 512;
	return allocate(pointer, *pitch * rows);
}

/* An address of 0xbad is not one. */
static int copy(long to, long from)
{
	return to == 0xbad || from == 0xbad ? INVALID_VALUE : SUCCESS;
}
