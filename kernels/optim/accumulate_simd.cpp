#include "kernels/optim/accumulate.h"
#include "kernels/simd/threads.h"

namespace longhaul::kernels {

void LONGHAUL_SIMD_BODY(accumulate)(const Accumulate& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    const T* gradient = static_cast<const T*>(args.gradient);
    float* sum = args.accumulator;
    if (args.is_first) {
      for_elements(launch, args.count, [=](std::int64_t i, auto span) {
        store(sum + i, load(gradient + i, span), span);
      });
      return;
    }
    for_elements(launch, args.count, [=](std::int64_t i, auto span) {
      const Lanes before = load(static_cast<const float*>(sum) + i, span);
      store(sum + i, before + load(gradient + i, span), span);
    });
  });
}

void LONGHAUL_SIMD_BODY(finish_accumulation)(const FinishAccumulation& args, const Launch& launch) {
  check(args);
  with_element_type(args.dtype, [&]<class T>(const T*) {
    const T* gradient = static_cast<const T*>(args.gradient);
    T* transport = static_cast<T*>(args.transport);
    for_elements(launch, args.count, [=, &args](std::int64_t i, auto span) {
      Lanes sum = load(args.accumulator + i, span);
      if (gradient != nullptr) sum = sum + load(gradient + i, span);
      if (args.tied != nullptr) sum = sum + load(args.tied + i, span);
      store(transport + i, sum, span);
    });
  });
}

}  // namespace longhaul::kernels
