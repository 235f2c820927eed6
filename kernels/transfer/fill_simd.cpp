#include "kernels/simd/threads.h"
#include "kernels/transfer/fill.h"

namespace longhaul::kernels {

void LONGHAUL_SIMD_BODY(fill_zero)(const FillZero& args, const Launch& launch) {
  check(args);
  constexpr std::int64_t kBytesPerChunk = 1 << 20;
  for_chunks(launch, args.bytes, kBytesPerChunk, [&](std::int64_t first, std::int64_t last) {
    __builtin_memset(static_cast<char*>(args.y) + first, 0, static_cast<std::size_t>(last - first));
  });
}

}  // namespace longhaul::kernels
