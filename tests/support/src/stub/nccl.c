/* A library of collectives without a GPU. */

#include <stddef.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 4, IN_PROGRESS = 7 };

typedef struct {
	unsigned char bytes[128];
} id;

/* What a communicator shall be: set by who calls. */
void *expected;

/* Rank 99 is none. */
int ncclBroadcast(void *from, void *to, size_t count, int datatype, int root)
{
	return root == 99 ? INVALID_ARGUMENT : SUCCESS;
}

/* Made of the other one, as in NCCL. */
int ncclBcast(void *buffer, size_t count, int datatype, int root)
{
	return ncclBroadcast(buffer, buffer, count, datatype, root);
}

int ncclAllReduce(void) { return SUCCESS; }
int ncclReduceScatter(void) { return SUCCESS; }
int ncclAllGather(void) { return IN_PROGRESS; }
int ncclSend(void) { return SUCCESS; }
int ncclRecv(void) { return SUCCESS; }
int ncclGroupStart(void) { return SUCCESS; }
int ncclGroupEnd(void) { return SUCCESS; }

/* Made of sends and receives in a group, as in RCCL. */
int ncclAllToAll(void)
{
	int error = ncclGroupStart();
	for (int peer = 0; peer < 4; peer++)
		error |= ncclSend() | ncclRecv();
	return error | ncclGroupEnd();
}

/* Fails where something of the id, or after it, is not as it was given. */
int ncclCommInitRank(void **communicator, int ranks, id unique, int rank)
{
	for (unsigned i = 0; i < sizeof unique; i++)
		if (unique.bytes[i] != i)
			return INVALID_ARGUMENT;
	if (rank != ranks - 1)
		return INVALID_ARGUMENT;
	*communicator = expected;
	return SUCCESS;
}

int ncclCommAbort(void) { return SUCCESS; }
