"""Small tokenizers of the kinds that published models use, trained here on a few sentences."""

import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_strings import EMOJI, SENTENCES

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
O200K_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def corpus(seed=1):
    """Lines of shuffled words: enough repetition for merges within words, little beyond them."""
    r = random.Random(seed)
    lines = list(SENTENCES) + EMOJI
    words = [w for s in SENTENCES for w in s.split(" ")]
    english = [w for s in SENTENCES[:2] + SENTENCES[37:41] for w in s.split(" ")]
    for _ in range(400):
        lines.append(" ".join(r.choice(words if r.random() < 0.5 else english) for _ in range(9)))
    return lines


def _special(content, **flags):
    return AddedToken(content, special=True, normalized=False, **flags)


def _byte_level(pre_tokenizer, vocab_size, normalizer=None, ignore_merges=False):
    t = Tokenizer(models.BPE())
    if normalizer is not None:
        t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizer
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.model.ignore_merges = ignore_merges
    return t


def _split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def gpt2():
    t = _byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), 900)
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_special_tokens([_special("<|endoftext|>")])
    return t


def llama3():
    t = _byte_level(_split(LLAMA3_PATTERN), 1000, ignore_merges=True)
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    t.add_special_tokens([_special(n) for n in names])
    bos = t.token_to_id(names[0])
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single=f"{names[0]} $A", pair=f"{names[0]} $A {names[0]}:1 $B:1", special_tokens=[(names[0], bos)]),
    ])
    return t


def qwen2():
    t = _byte_level(_split(QWEN2_PATTERN), 1000, normalizer=normalizers.NFC())
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_special_tokens([_special(n) for n in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    # Qwen's tool and thinking tokens: added, not special.
    t.add_tokens([AddedToken(n, normalized=False) for n in ("<tool_call>", "</tool_call>", "<think>")])
    return t


def smollm():
    pre = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t = _byte_level(pre, 900)
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    t.add_special_tokens([_special(n) for n in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    return t


def o200k():
    return _byte_level(_split(O200K_PATTERN), 700)


def _sentencepiece(normalizer, pre_tokenizer, decoder, vocab_size):
    """Byte fallback, and an alphabet too small for the corpus."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer is not None:
        t.normalizer = normalizer
    # Words are learned as sentencepiece learns them, one mark before each.
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=names, limit_alphabet=120, show_progress=False))
    t.decoder = decoder
    # tokenizer.json keeps byte tokens out of the added tokens.
    fresh = Tokenizer(t.model)
    if normalizer is not None:
        fresh.normalizer = normalizer
    if pre_tokenizer is not None:
        fresh.pre_tokenizer = pre_tokenizer
    fresh.decoder = decoder
    fresh.add_special_tokens([_special(n) for n in names[:3]])
    fresh.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return fresh


def llama2():
    return _sentencepiece(
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None,
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
        900)


def mistral():
    return _sentencepiece(
        None, pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
        900)


def mixed():
    """What is left: every flag of added tokens, normalizers and pre-tokenizers in a row, no byte fallback."""
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.normalizer = normalizers.Sequence([
        normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(), normalizers.Replace(Regex(r"\s{3,}"), "  ")])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(" ", "merged_with_next"), pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Metaspace(prepend_scheme="always", split=True)])
    t.decoder = decoders.Metaspace(prepend_scheme="always")
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<unk>"], limit_alphabet=150, show_progress=False))
    t.add_special_tokens([_special("[LEFT]", lstrip=True), _special("[RIGHT]", rstrip=True),
                          _special("[BOTH]", lstrip=True, rstrip=True), _special("[WORD]", single_word=True)])
    t.add_tokens([AddedToken("Straße", normalized=True), AddedToken("free and", normalized=True, single_word=True),
                  AddedToken("and", normalized=True, single_word=True), AddedToken("human", normalized=False),
                  AddedToken("humanité", normalized=False, lstrip=True)])
    return t



def stripped():
    """A mark before the first word only, and none where white space was stripped from it; no decoder."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Strip(left=True, right=False)])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(prepend_scheme="first", split=True), pre_tokenizers.Whitespace(),
        pre_tokenizers.Split(Regex(r"(?<=[a-z])\b|\d{1,2}+|^\W*"), "removed", invert=True)])
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<unk>", "<s>"], limit_alphabet=200, show_progress=False))
    return t


KINDS = {f.__name__: f for f in (gpt2, llama3, qwen2, smollm, o200k, llama2, mistral, mixed, stripped)}
