// Every kernel as a function pointer: what `ops` and the devices call. One table per kind of body;
// all entries of every table are set.
#pragma once

#include <cstdint>

#include "kernels/attention/cached_attention.h"
#include "kernels/attention/rotary.h"
#include "kernels/elementwise/add.h"
#include "kernels/elementwise/bias.h"
#include "kernels/embedding/embedding.h"
#include "kernels/launch.h"
#include "kernels/loss/cross_entropy.h"
#include "kernels/loss/sum.h"
#include "kernels/mlp/gelu.h"
#include "kernels/mlp/swiglu.h"
#include "kernels/norm/layer_norm.h"
#include "kernels/norm/rms_norm.h"
#include "kernels/optim/accumulate.h"
#include "kernels/optim/adamw.h"
#include "kernels/optim/gradient_norm.h"
#include "kernels/optim/master.h"
#include "kernels/transfer/cast.h"
#include "kernels/transfer/fill.h"

namespace longhaul::kernels {

template <class Arguments>
using Kernel = void (*)(const Arguments&, const Launch&);

struct KernelTable {
  Kernel<RmsNormForward> rms_norm_forward;
  Kernel<RmsNormBackward> rms_norm_backward;
  Kernel<LayerNormForward> layer_norm_forward;
  Kernel<LayerNormBackward> layer_norm_backward;
  Kernel<Rotary> rotary;
  Kernel<CachedAttention> cached_attention;
  Kernel<SwigluForward> swiglu_forward;
  Kernel<SwigluBackward> swiglu_backward;
  Kernel<GeluForward> gelu_forward;
  Kernel<GeluBackward> gelu_backward;
  Kernel<Add> add;
  Kernel<BiasForward> bias_forward;
  Kernel<BiasBackward> bias_backward;
  Kernel<EmbeddingForward> embedding_forward;
  Kernel<EmbeddingBackward> embedding_backward;
  Kernel<CrossEntropy> cross_entropy;
  Kernel<LogSumExpTile> log_sum_exp_tile;
  Kernel<CrossEntropyLoss> cross_entropy_loss;
  Kernel<CrossEntropyGradientTile> cross_entropy_gradient_tile;
  Kernel<Sum> sum;
  Kernel<AdamWFp32> adamw_fp32;
  Kernel<AdamWBf16> adamw_bf16;
  Kernel<MasterSplit> master_split;
  Kernel<MasterJoin> master_join;
  Kernel<SumOfSquares> sum_of_squares;
  Kernel<FoldSums> fold_sums;
  Kernel<Accumulate> accumulate;
  Kernel<FinishAccumulation> finish_accumulation;
  Kernel<Cast> cast;
  Kernel<FillZero> fill_zero;
};

// Plain loops on the calling thread.
const KernelTable& reference_kernels();

// What the host bodies are compiled for. All give the same bits.
enum class InstructionSet : std::uint8_t { kPortable, kAvx2, kAvx512 };

// Whether this build has the bodies and this CPU runs them.
bool is_available(InstructionSet set);

// The host bodies of one instruction set. Throws DeviceError when it is not available.
const KernelTable& host_kernels(InstructionSet set);

// The fastest host bodies that are available.
const KernelTable& host_kernels();

// Throws DeviceError in a build without CUDA.
const KernelTable& cuda_kernels();

}  // namespace longhaul::kernels
