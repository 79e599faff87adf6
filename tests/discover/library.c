/* What is looked for: a function that can be called, and watched. */
int geophone_test_function(int number)
{
	return number + 1;
}
