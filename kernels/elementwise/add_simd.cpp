#include "kernels/elementwise/add.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {

void LONGHAUL_SIMD_BODY(add)(const Add& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    const T* a = static_cast<const T*>(args.a);
    const T* b = static_cast<const T*>(args.b);
    T* y = static_cast<T*>(args.y);
    for_elements(launch, args.count, [=](std::int64_t i, auto span) {
      store(y + i, load(a + i, span) + load(b + i, span), span);
    });
  });
}

}  // namespace longhaul::kernels
