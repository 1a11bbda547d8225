#include "scores.h"

#define real double
#define root(x) sqrt(x)
#define strip_of cf_strip
#define SCORES(f) cf_exact_##f

#include "formulas.h"
