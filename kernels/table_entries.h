// The one list that fills a KernelTable: LONGHAUL_KERNEL_TABLE(reference) names the _reference
// body of every kernel. Designated, so an entry cannot land in another's place.
#pragma once

#define LONGHAUL_KERNEL_TABLE(body)                                                                \
  {                                                                                                \
    .rms_norm_forward = rms_norm_forward_##body, .rms_norm_backward = rms_norm_backward_##body,    \
    .layer_norm_forward = layer_norm_forward_##body,                                               \
    .layer_norm_backward = layer_norm_backward_##body, .rotary = rotary_##body,                    \
    .cached_attention = cached_attention_##body, .swiglu_forward = swiglu_forward_##body,          \
    .swiglu_backward = swiglu_backward_##body, .gelu_forward = gelu_forward_##body,                \
    .gelu_backward = gelu_backward_##body, .add = add_##body, .bias_forward = bias_forward_##body, \
    .bias_backward = bias_backward_##body, .embedding_forward = embedding_forward_##body,          \
    .embedding_backward = embedding_backward_##body, .cross_entropy = cross_entropy_##body,        \
    .log_sum_exp_tile = log_sum_exp_tile_##body, .cross_entropy_loss = cross_entropy_loss_##body,  \
    .cross_entropy_gradient_tile = cross_entropy_gradient_tile_##body, .sum = sum_##body,          \
    .adamw_fp32 = adamw_fp32_##body, .adamw_bf16 = adamw_bf16_##body,                              \
    .master_split = master_split_##body, .master_join = master_join_##body,                        \
    .sum_of_squares = sum_of_squares_##body, .fold_sums = fold_sums_##body,                        \
    .accumulate = accumulate_##body, .finish_accumulation = finish_accumulation_##body,            \
    .cast = cast_##body, .fill_zero = fill_zero_##body,                                            \
  }
