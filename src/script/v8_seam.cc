// Our own few lines between V8 and the worker, where mini-v8 offers no way.
#include <v8.h>

extern "C" void orrery_v8_flags(const char* flags) { v8::V8::SetFlagsFromString(flags); }
