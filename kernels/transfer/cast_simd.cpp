#include "kernels/simd/threads.h"
#include "kernels/transfer/cast.h"

namespace longhaul::kernels {
namespace {

template <class From, class To>
void convert(const Cast& args, const Launch& launch) {
  const From* x = static_cast<const From*>(args.x);
  To* y = static_cast<To*>(args.y);
  for_elements(launch, args.count, [=](std::int64_t i, auto span) {
    store(y + i, load(x + i, span), span);
  });
}

template <class From>
void convert_from(const Cast& args, const Launch& launch) {
  switch (args.to) {
    case DType::kBF16: return convert<From, Bf16>(args, launch);
    case DType::kF16: return convert<From, F16>(args, launch);
    default: return convert<From, float>(args, launch);
  }
}

}  // namespace

void LONGHAUL_SIMD_BODY(cast)(const Cast& args, const Launch& launch) {
  check(args);
  switch (args.from) {
    case DType::kBF16: return convert_from<Bf16>(args, launch);
    case DType::kF16: return convert_from<F16>(args, launch);
    default: return convert_from<float>(args, launch);
  }
}

}  // namespace longhaul::kernels
