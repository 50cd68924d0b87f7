// What mini-v8 offers no way to: flags before the first isolate, a memory limit that ends the script and not the process, compiling a
// text as a function body, a call that tells where it failed, and a log that outlives the process. Called from seam.rs; all of it runs
// on the worker's one thread.
#include <v8.h>
#include <v8-version.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

namespace {

constexpr int kExitOutOfMemory = 77;  // read by process.rs
constexpr int kParametersMax = 16;

// The head of the page that is shared with the parent process (page.rs has the same layout).
struct LogHead {
  uint32_t used_bytes;
  uint32_t truncated;
};

LogHead* log_head = nullptr;
char* log_bytes = nullptr;
uint32_t log_capacity_bytes = 0;
bool memory_exceeded = false;

bool Entropy(unsigned char* buffer, size_t length) { return getrandom(buffer, length, 0) == static_cast<ssize_t>(length); }

// V8 asks before it gives up. The script is ended; the extra room is what unwinding it takes.
size_t NearHeapLimit(void* data, size_t current_limit_bytes, size_t) {
  memory_exceeded = true;
  static_cast<v8::Isolate*>(data)->TerminateExecution();
  return current_limit_bytes + (16u << 20);
}

#if V8_MAJOR_VERSION > 10
void OutOfMemory(const char*, const v8::OOMDetails&) { _exit(kExitOutOfMemory); }
#else
void OutOfMemory(const char*, bool) { _exit(kExitOutOfMemory); }
#endif

v8::Local<v8::String> Text(v8::Isolate* isolate, const char* text) {
  return v8::String::NewFromUtf8(isolate, text, v8::NewStringType::kInternalized).ToLocalChecked();
}

void Put(v8::Local<v8::Context> context, v8::Local<v8::Object> object, uint32_t index, v8::Local<v8::Value> value) {
  object->Set(context, index, value).Check();
}

// Fills report with [exception, line, column, name of the script]; line and column count from 1, 0 means unknown.
void Report(v8::Isolate* isolate, v8::Local<v8::Context> context, const v8::TryCatch& caught, v8::Local<v8::Object> report) {
  int line = 0, column = 0;
  v8::Local<v8::Value> name = v8::Undefined(isolate);
  v8::Local<v8::Message> message = caught.Message();
  if (!message.IsEmpty()) {
    line = message->GetLineNumber(context).FromMaybe(0);
    column = message->GetStartColumn(context).FromMaybe(-1) + 1;
    name = message->GetScriptOrigin().ResourceName();
  }
  Put(context, report, 0, caught.Exception());
  Put(context, report, 1, v8::Integer::New(isolate, line));
  Put(context, report, 2, v8::Integer::New(isolate, column));
  Put(context, report, 3, name);
}

// compile(report, name, prefix, body, suffix, ...parameters): the function with that body, or undefined and a report. Only a text that
// is a whole function body by itself compiles: nothing can close the function early.
void Compile(const v8::FunctionCallbackInfo<v8::Value>& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::HandleScope scope(isolate);
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::TryCatch caught(isolate);
  v8::Local<v8::String> prefix = args[2].As<v8::String>();
  v8::Local<v8::String> text = v8::String::Concat(isolate, prefix, args[3].As<v8::String>());
  text = v8::String::Concat(isolate, text, args[4].As<v8::String>());
  v8::Local<v8::String> parameters[kParametersMax];
  int count = 0;
  for (int i = 5; i < args.Length() && count < kParametersMax; i++) parameters[count++] = args[i].As<v8::String>();
  // The prefix stands on the first line: positions are those of the author's own text.
  v8::ScriptOrigin origin(isolate, args[1], 0, -prefix->Length());
  v8::ScriptCompiler::Source source(text, origin);
  v8::Local<v8::Function> function;
  if (v8::ScriptCompiler::CompileFunction(context, &source, count, parameters).ToLocal(&function)) {
    args.GetReturnValue().Set(function);
  } else if (caught.HasTerminated()) {
    isolate->TerminateExecution();  // a rethrown termination would be an ordinary exception
  } else {
    Report(isolate, context, caught, args[0].As<v8::Object>());
  }
}

// invoke(report, function, ...arguments): what the function returned, or undefined and a report.
void Invoke(const v8::FunctionCallbackInfo<v8::Value>& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::HandleScope scope(isolate);
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> arguments[kParametersMax];
  int count = 0;
  for (int i = 2; i < args.Length() && count < kParametersMax; i++) arguments[count++] = args[i];
  v8::Local<v8::Value> value;
  if (args[1].As<v8::Function>()->Call(context, v8::Undefined(isolate), count, arguments).ToLocal(&value)) {
    args.GetReturnValue().Set(value);
  } else if (caught.HasTerminated()) {
    isolate->TerminateExecution();  // a rethrown termination would be an ordinary exception
  } else {
    Report(isolate, context, caught, args[0].As<v8::Object>());
  }
}

// log(level, text): one entry in the shared page: level (1 byte), length (4 bytes), text. What does not fit is dropped and noted.
void Log(const v8::FunctionCallbackInfo<v8::Value>& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::String> text = args[1].As<v8::String>();
  const uint32_t room = log_capacity_bytes - log_head->used_bytes;
  const uint32_t length = static_cast<uint32_t>(text->Utf8Length(isolate));
  if (log_head->truncated != 0 || room < 5 || length > room - 5) {
    log_head->truncated = 1;
    return;
  }
  char* entry = log_bytes + log_head->used_bytes;
  entry[0] = static_cast<char>(args[0].As<v8::Int32>()->Value());
  memcpy(entry + 1, &length, sizeof length);
  text->WriteUtf8(isolate, entry + 5, static_cast<int>(length), nullptr,
                  v8::String::NO_NULL_TERMINATION | v8::String::REPLACE_INVALID_UTF8);
  log_head->used_bytes += 5 + length;
}

void Offer(v8::Isolate* isolate, v8::Local<v8::Object> target, const char* name, v8::FunctionCallback callback) {
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Function> function = v8::Function::New(context, callback).ToLocalChecked();
  target->Set(context, Text(isolate, name), function).Check();
}

}  // namespace

// Before the first isolate. Scripts see UTC as their local time, whatever the machine's zone is.
extern "C" void orrery_v8_prepare(const char* flags) {
  setenv("TZ", "UTC", 1);
  v8::V8::SetFlagsFromString(flags);
  v8::V8::SetEntropySource(Entropy);
}

// From inside a mini-v8 callback, where the isolate is entered. Leaves the natives in the global `__natives`, for bootstrap.js to take.
extern "C" void orrery_v8_install(uint8_t* log_area, uint32_t log_area_bytes) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::HandleScope scope(isolate);
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  log_head = reinterpret_cast<LogHead*>(log_area);
  log_bytes = reinterpret_cast<char*>(log_area) + sizeof(LogHead);
  log_capacity_bytes = log_area_bytes - sizeof(LogHead);
  isolate->AddNearHeapLimitCallback(NearHeapLimit, isolate);
  isolate->SetOOMErrorHandler(OutOfMemory);
  context->AllowCodeGenerationFromStrings(false);
  context->SetErrorMessageForCodeGenerationFromStrings(
      Text(isolate, "code cannot be made from text here (eval, new Function)"));
  v8::Local<v8::Object> natives = v8::Object::New(isolate);
  Offer(isolate, natives, "compile", Compile);
  Offer(isolate, natives, "invoke", Invoke);
  Offer(isolate, natives, "log", Log);
  context->Global()->Set(context, Text(isolate, "__natives"), natives).Check();
}

// Whether a script has come near the heap limit since the process began: such a process ends after its answer.
extern "C" bool orrery_v8_memory_exceeded() { return memory_exceeded; }
