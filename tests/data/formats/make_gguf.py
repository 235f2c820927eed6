"""Writes the GGUF files of this folder and, beside each, what a conversion must give.

The files come from the `gguf` package; the expected tensors from its dequantiser (blocks) and from
the GGUF loader of `transformers` (models), which restores names and row orders on its own.

    pip install gguf==0.19.0 transformers==5.23.0 accelerate==1.15.0 torch==2.11.0 safetensors==0.8.0
    python make_gguf.py
"""

import pathlib
import tempfile

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(7)

# Where the fp16 scales stand in a block: random bits there would be NaN or huge.
HALVES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}


def random_blocks(kind, rows, columns):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = RANDOM.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)
    for at in HALVES[kind]:
        scales = RANDOM.normal(0, 0.02, len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(rows, -1)


def write_blocks():
    writer = gguf.GGUFWriter(HERE / "blocks.gguf", "none")
    expected = {}
    for kind in HALVES:
        data = random_blocks(kind, 3, 512)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        expected[kind.name] = gguf.dequantize(data, kind)
    plain = RANDOM.normal(0, 1, (3, 64)).astype(np.float32)
    half = plain.astype(np.float16)
    short = torch.from_numpy(plain).to(torch.bfloat16)
    writer.add_tensor("F32", plain)
    writer.add_tensor("F16", half)
    writer.add_tensor("BF16", short.view(torch.uint16).numpy().view(np.uint8), raw_dtype=Type.BF16)
    expected |= {"F32": plain, "F16": half.astype(np.float32), "BF16": short.float().numpy()}
    finish(writer)
    save_file(expected, HERE / "blocks.safetensors")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def byte_alphabet():
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in visible]
    return [chr(b) for b in visible] + [chr(256 + i) for i in range(len(hidden))]


def add_tokenizer(writer, pre):
    merges = ["h e", "l l", "he ll", "Ġ w", "hell o", "o r", "1 2"]
    tokens = byte_alphabet() + [m.replace(" ", "") for m in merges]
    kinds = [1] * len(tokens) + [4] + [3] * 3
    tokens += ["<think>", "<|begin|>", "<|end|>", "<|pad|>"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|begin|>"))
    writer.add_eos_token_id(tokens.index("<|end|>"))
    writer.add_pad_token_id(tokens.index("<|pad|>"))
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }}<|end|>{% endfor %}")
    return len(tokens)


class Model:
    """A GGUF file of random tensors."""

    def __init__(self, name, architecture, pre, matrix):
        self.path = HERE / f"{name}.gguf"
        self.writer = gguf.GGUFWriter(self.path, architecture)
        self.matrix = matrix
        self.vocabulary = add_tokenizer(self.writer, pre)

    def add(self, name, *shape):
        values = RANDOM.normal(0, 0.1, shape).astype(np.float32)
        if len(shape) == 1:
            # Norms and biases are fp32 in the file, with values that half precision holds.
            values = torch.from_numpy(values).to(torch.bfloat16).to(torch.float16).float().numpy()
            values = torch.from_numpy(values).to(torch.bfloat16).float().numpy()
            self.writer.add_tensor(name, values)
        elif self.matrix == Type.F32:
            self.writer.add_tensor(name, values)
        elif self.matrix == Type.F16:
            self.writer.add_tensor(name, values.astype(np.float16))
        elif self.matrix == Type.BF16:
            bits = torch.from_numpy(values).to(torch.bfloat16).view(torch.uint16).numpy()
            self.writer.add_tensor(name, bits.view(np.uint8), raw_dtype=Type.BF16)
        else:
            data = random_blocks(self.matrix, shape[0], shape[1])
            self.writer.add_tensor(name, data, raw_dtype=self.matrix)

    def finish(self, **config):
        """`config`: what the loader of transformers does not read from the file."""
        finish(self.writer)
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "m.gguf").symlink_to(self.path)
            model = AutoModelForCausalLM.from_pretrained(
                folder, gguf_file="m.gguf", dtype=torch.float32, **config
            )
        state = {k: v.contiguous().numpy() for k, v in model.state_dict().items()}
        if model.config.tie_word_embeddings:
            del state["lm_head.weight"]
        save_file(state, self.path.with_suffix(".safetensors"))


def write_llama_like(name, architecture, pre, matrix, *, width=32, heads=4, kv_heads=2, inner=64,
                     head_width=8, qkv_bias=False, qk_norm=False, head=False, llama3=False):
    model = Model(name, architecture, pre, matrix)
    writer = model.writer
    writer.add_context_length(16384)
    writer.add_embedding_length(width)
    writer.add_block_count(2)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500000.0)
    if head_width != width // heads:
        writer.add_key_length(head_width)
        writer.add_value_length(head_width)
    if llama3:
        waves = 2 * np.pi * 500000.0 ** (np.arange(head_width // 2) / (head_width // 2))
        share = np.clip((8192 / waves - 1) / 3, 0, 1)
        writer.add_tensor("rope_freqs.weight", (1 / ((1 - share) / 32 + share)).astype(np.float32))
    model.add("token_embd.weight", model.vocabulary, width)
    for i in range(2):
        q, kv = heads * head_width, kv_heads * head_width
        model.add(f"blk.{i}.attn_norm.weight", width)
        for part, rows in (("q", q), ("k", kv), ("v", kv)):
            model.add(f"blk.{i}.attn_{part}.weight", rows, width)
            if qkv_bias:
                model.add(f"blk.{i}.attn_{part}.bias", rows)
        model.add(f"blk.{i}.attn_output.weight", width, q)
        if qk_norm:
            model.add(f"blk.{i}.attn_q_norm.weight", head_width)
            model.add(f"blk.{i}.attn_k_norm.weight", head_width)
        model.add(f"blk.{i}.ffn_norm.weight", width)
        model.add(f"blk.{i}.ffn_gate.weight", inner, width)
        model.add(f"blk.{i}.ffn_up.weight", inner, width)
        model.add(f"blk.{i}.ffn_down.weight", width, inner)
    model.add("output_norm.weight", width)
    if head:
        model.add("output.weight", model.vocabulary, width)
    model.finish(**({"head_dim": head_width} if head_width != width // heads else {}))


def write_gpt2():
    model = Model("gpt2", "gpt2", "gpt-2", Type.F32)
    width, inner, context = 16, 64, 32
    model.writer.add_context_length(context)
    model.writer.add_embedding_length(width)
    model.writer.add_block_count(2)
    model.writer.add_feed_forward_length(inner)
    model.writer.add_head_count(2)
    model.writer.add_layer_norm_eps(1e-5)
    model.add("token_embd.weight", model.vocabulary, width)
    model.add("position_embd.weight", context, width)
    for i in range(2):
        for part, shape in (("attn_norm", (width,)), ("attn_qkv", (3 * width, width)),
                            ("attn_output", (width, width)), ("ffn_norm", (width,)),
                            ("ffn_up", (inner, width)), ("ffn_down", (width, inner))):
            model.add(f"blk.{i}.{part}.weight", *shape)
            model.add(f"blk.{i}.{part}.bias", shape[0])
    model.add("output_norm.weight", width)
    model.add("output_norm.bias", width)
    model.finish(n_positions=context)


if __name__ == "__main__":
    write_blocks()
    write_llama_like("llama", "llama", "llama-bpe", Type.Q8_0, llama3=True)
    write_llama_like("qwen2", "qwen2", "qwen2", Type.F16, qkv_bias=True, head=True)
    write_llama_like("qwen3", "qwen3", "qwen2", Type.BF16, qk_norm=True, head_width=16)
    write_gpt2()
