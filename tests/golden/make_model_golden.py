#!/usr/bin/env python3
"""Makes tests/golden/models/: small random models with what transformers computes for them.

    python tests/golden/make_model_golden.py [--output DIR] [NAME ...]

README.md beside this file describes what is written. Everything runs in fp32 on one thread with eager attention,
every sequence by itself, so that no padding and no neighbour can touch a number.
"""

import argparse
import copy
import json
import math
import pathlib
import shutil
import statistics

import torch
import transformers
from safetensors.torch import save_file

STEPS = 10
LEARNING_RATE = 1e-3
BETAS = (0.9, 0.999)
EPSILON = 1e-8
WEIGHT_DECAY = 0.01
IGNORED = -100
# Step s trains on batch s % 2. Lengths are of sequences; the first micro-batch of a step holds the first
# `MICRO_BATCH_SPLIT` of them.
BATCH_LENGTHS = ((7, 24, 3, 13, 11), (19, 5, 9, 26, 4))
MICRO_BATCH_SPLIT = 2

LLAMA = dict(model_type="llama", vocab_size=131, hidden_size=32, intermediate_size=56, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5,
             tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
QWEN2 = LLAMA | dict(model_type="qwen2", rms_norm_eps=1e-6, vocab_size=144)

# `old_rope` is how folders made before transformers 5 state rotary embeddings. Such a variant is saved in that form
# and read back by transformers, so both spellings have numbers to be held against.
VARIANTS = {
    "llama_tied": dict(config=LLAMA | dict(tie_word_embeddings=True)),
    "llama_rope_llama3": dict(
        config=LLAMA | dict(num_hidden_layers=3, num_key_value_heads=1, max_position_embeddings=512),
        # Heads of 8 have wavelengths 6, 63, 628 and 6283: one kept, one blended, two stretched.
        old_rope=dict(rope_theta=10000.0,
                      rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                        original_max_position_embeddings=64))),
    "llama_rope_linear": dict(
        config=LLAMA | dict(rope_parameters=dict(rope_type="linear", factor=4.0, rope_theta=5000.0))),
    "llama_rope_linear_old": dict(
        config=LLAMA | dict(num_hidden_layers=1, vocab_size=128),
        old_rope=dict(rope_theta=10000.0, rope_scaling=dict(type="linear", factor=2.0))),
    "mistral": dict(config=LLAMA | dict(model_type="mistral", sliding_window=6, vocab_size=128),
                    old_rope=dict(rope_theta=10000.0)),
    "qwen2": dict(config=QWEN2 | dict(tie_word_embeddings=True, use_sliding_window=False),
                  old_rope=dict(rope_theta=1000000.0)),
    "qwen3": dict(config=QWEN2 | dict(model_type="qwen3", head_dim=16, use_sliding_window=False,
                                      attention_bias=False),
                  old_rope=dict(rope_theta=1000000.0, rope_scaling=None)),
    "gpt2": dict(config=dict(model_type="gpt2", vocab_size=137, n_embd=32, n_layer=2, n_head=4, n_positions=48,
                             n_inner=None, activation_function="gelu_new", resid_pdrop=0.0, embd_pdrop=0.0,
                             attn_pdrop=0.0, layer_norm_epsilon=1e-5, bos_token_id=1, eos_token_id=2)),
}

TRAJECTORIES = {
    "plain": dict(is_clipped=False, micro_batches=1),
    "accumulated": dict(is_clipped=False, micro_batches=2),
    "clipped": dict(is_clipped=True, micro_batches=1),
    "clipped_accumulated": dict(is_clipped=True, micro_batches=2),
}


def fill_parameters(model, generator):
    """Random values everywhere: a gain of one or a bias of zero would hide a missing or misplaced one."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() >= 2:
            is_table = any(part in name for part in ("embed_tokens", "wte", "wpe"))
            value = noise * (0.4 if is_table else 1.0 / math.sqrt(model.config.hidden_size))
        elif name.endswith("bias"):
            value = 0.2 * noise
        else:
            value = 1.0 + 0.25 * noise
        with torch.no_grad():
            parameter.copy_(value)


def write_model(folder, variant, seed):
    fields = copy.deepcopy(variant["config"])
    model_type = fields.pop("model_type")
    if "old_rope" in variant:
        fields |= copy.deepcopy(variant["old_rope"])  # transformers edits what it is given
    config = transformers.AutoConfig.for_model(model_type, **fields)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
    fill_parameters(model, torch.Generator().manual_seed(seed))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if "old_rope" in variant:
        path = folder / "config.json"
        saved = json.loads(path.read_text())
        del saved["rope_parameters"]
        saved["torch_dtype"] = saved.pop("dtype")
        path.write_text(json.dumps(saved | variant["old_rope"], indent=2, sort_keys=True) + "\n")


def load_model(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    # No mode but dropout depends on this, and every dropout probability here is zero.
    return model.train()


def make_batches(vocab_size, generator):
    """Sequences of random tokens; a random stretch at the front and single tokens inside are not targets."""
    batches = []
    for lengths in BATCH_LENGTHS:
        sequences = []
        for length in lengths:
            tokens = torch.randint(0, vocab_size, (length,), generator=generator).tolist()
            prompt = int(torch.randint(0, length - 1, (1,), generator=generator))
            kept = torch.rand(length, generator=generator).tolist()
            labels = [IGNORED if i < prompt or (kept[i] < 0.2 and i + 1 < length) else token
                      for i, token in enumerate(tokens)]
            sequences.append(dict(tokens=tokens, labels=labels))
        batches.append(sequences)
    return batches


def target_count(sequences):
    return sum(label != IGNORED for sequence in sequences for label in sequence["labels"][1:])


def run_sequence(model, sequence):
    """Logits [tokens, vocab] and the loss summed over the targets, as transformers' own loss gives it."""
    answer = model(input_ids=torch.tensor([sequence["tokens"]]), labels=torch.tensor([sequence["labels"]]),
                   num_items_in_batch=1, use_cache=False)
    return answer.logits[0], answer.loss


def accumulate_gradients(model, sequences, micro_batches):
    """Leaves the gradient of the token-mean loss in .grad; returns that loss, summed in fp64."""
    model.zero_grad(set_to_none=True)
    targets = target_count(sequences)
    groups = [sequences] if micro_batches == 1 else [sequences[:MICRO_BATCH_SPLIT], sequences[MICRO_BATCH_SPLIT:]]
    total = 0.0
    for group in groups:
        losses = [run_sequence(model, sequence)[1] for sequence in group]
        (torch.stack(losses).sum() / targets).backward()
        total += sum(loss.item() for loss in losses)
    return total / targets


def gradient_norm(model):
    return math.sqrt(sum(p.grad.double().square().sum().item() for p in model.parameters()))


def make_optimizer(model):
    parameters = list(model.parameters())
    groups = [dict(params=[p for p in parameters if p.dim() >= 2], weight_decay=WEIGHT_DECAY),
              dict(params=[p for p in parameters if p.dim() < 2], weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, foreach=False, fused=False)


def train(folder, batches, max_grad_norm, micro_batches):
    model = load_model(folder)
    optimizer = make_optimizer(model)
    losses, norms = [], []
    for step in range(STEPS):
        losses.append(accumulate_gradients(model, batches[step % len(batches)], micro_batches))
        norms.append(gradient_norm(model))
        if max_grad_norm is not None and norms[-1] > max_grad_norm:
            for parameter in model.parameters():
                parameter.grad.mul_(max_grad_norm / norms[-1])
        optimizer.step()
    return model, losses, norms


def first_step(folder, batches):
    """Numbers of the first batch before any update, and the tensors that go with them."""
    model = load_model(folder)
    tensors, sequence_losses = {}, []
    for i, sequence in enumerate(batches[0]):
        logits, loss = run_sequence(model, sequence)
        tensors[f"logits.{i}"] = logits.detach().contiguous()
        sequence_losses.append(loss.item())
    loss = accumulate_gradients(model, batches[0], 1)
    tensors |= {f"gradient.{name}": p.grad.clone() for name, p in model.named_parameters()}
    return dict(sequence_losses=sequence_losses, loss=loss, gradient_norm=gradient_norm(model)), tensors


def is_kept_after_training(name):
    """The tables, the first layer and the last norm are enough to see every kind of update."""
    return ".layers.0." in name or ".h.0." in name or not any(part in name for part in (".layers.", ".h."))


def make_variant(folder, variant, seed):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_model(folder, variant, seed)
    batches = make_batches(variant["config"]["vocab_size"], torch.Generator().manual_seed(seed + 1))
    first, tensors = first_step(folder, batches)
    # The median of the free norms, so that some steps are clipped and some are not.
    max_grad_norm = float(f"{statistics.median(train(folder, batches, None, 1)[2]):.3g}")
    trajectories = {}
    for name, how in TRAJECTORIES.items():
        limit = max_grad_norm if how["is_clipped"] else None
        model, losses, norms = train(folder, batches, limit, how["micro_batches"])
        trajectories[name] = dict(max_grad_norm=limit, micro_batches=how["micro_batches"], losses=losses,
                                  gradient_norms=norms)
        if name == "clipped":
            tensors |= {f"final.{key}": p.detach().clone() for key, p in model.named_parameters()
                        if is_kept_after_training(key)}
    save_file(tensors, folder / "expected.safetensors")
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)
    expected = dict(
        versions=dict(torch=torch.__version__, transformers=transformers.__version__),
        batches=[dict(sequences=b, target_tokens=target_count(b), micro_batch_split=MICRO_BATCH_SPLIT)
                 for b in batches],
        first_step=first,
        optimizer=dict(learning_rate=LEARNING_RATE, betas=BETAS, epsilon=EPSILON, weight_decay=WEIGHT_DECAY),
        steps=STEPS, trajectories=trajectories, final_of="clipped")
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).parent / "models")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(VARIANTS)}; all by default")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    for name in arguments.names or VARIANTS:
        make_variant(arguments.output / name, VARIANTS[name], 100 * (1 + list(VARIANTS).index(name)))
        print(name)


if __name__ == "__main__":
    main()
