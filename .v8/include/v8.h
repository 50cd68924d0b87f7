// Bridge between mini-v8 0.3.0 and the distribution's V8 (see .v8/provision.sh, which fills in the path).
// mini-v8 makes a ScriptOrigin from (name, line, column); since V8 9 the isolate comes first and the numbers are plain.
#ifndef ORRERY_BRIDGE_V8_H_
#define ORRERY_BRIDGE_V8_H_

#include "v8config.h"
#include "@HEADERS@/v8.h"

namespace v8 {
class OrreryScriptOrigin : public ScriptOrigin {
 public:
  OrreryScriptOrigin(Local<Value> name, Local<Integer> line, Local<Integer> column)
      : ScriptOrigin(Isolate::GetCurrent(), name, static_cast<int>(line->Value()), static_cast<int>(column->Value())) {}
};
}  // namespace v8

// Our own C++ uses the real class and says so.
#ifndef ORRERY_REAL_SCRIPT_ORIGIN
#define ScriptOrigin OrreryScriptOrigin
#endif

#endif
