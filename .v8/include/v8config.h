// Bridge between mini-v8 0.3.0 and the distribution's V8 (see .v8/provision.sh, which fills in the path).
// mini-v8 defines V8_COMPRESS_POINTERS; the distribution's V8 is built without, and the two must agree on object layout.
#undef V8_COMPRESS_POINTERS
#undef V8_31BIT_SMIS_ON_64BIT_ARCH
#include "@HEADERS@/v8config.h"
