#include "scores.h"

#define real float
#define root(x) sqrtf(x)
#define strip_of cf_rough_strip
#define SCORES(f) cf_rough_##f

#include "formulas.h"
