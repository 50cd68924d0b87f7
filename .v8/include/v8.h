// Bridge between mini-v8 0.3.0 and the distribution's V8 (see .v8/provision.sh, which fills in the path).
#ifndef ORRERY_BRIDGE_V8_H_
#define ORRERY_BRIDGE_V8_H_

#include "v8config.h"

#include <type_traits>

// V8 11 is written for C++17 and mini-v8 asks for C++14: this is all that its headers miss then.
#if __cplusplus < 201703L
namespace std {
template <class T>
constexpr bool is_lvalue_reference_v = is_lvalue_reference<T>::value;
}
#endif

#include "@HEADERS@/v8.h"

#include "v8-version.h"

namespace v8 {
// mini-v8 makes a ScriptOrigin from (name, line, column); since V8 9 the isolate comes first and the numbers are plain.
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

// mini-v8 frees its callbacks' closures with it when an isolate is dropped. V8 11 has no such visit; our one isolate ends with its process.
#if V8_MAJOR_VERSION > 10
#define VisitHandlesWithClassIds(visitor) GetCurrent()
#endif

#endif  // ORRERY_BRIDGE_V8_H_
