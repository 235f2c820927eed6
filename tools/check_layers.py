#!/usr/bin/env python3
"""Checks every #include under include, src and kernels against the table of layers.

    tools/check_layers.py [ROOT]     prints `ok`, or one line per include that is not allowed

The table is the one of docs/architecture.md; it changes in the same commit as the reason for it.
"""
import pathlib
import re
import sys

PLAN = "core config graph optim schedule"
SIM = "core hardware graph schedule"
LAYERS = {  # layer -> what it may include besides itself; "*": every layer above it
    "core": "",
    "io": "core",
    "config": "core",
    "hardware": "core config",
    "optim": "core",
    "graph": "core optim",
    "formats": "core io",
    "models": "core graph formats",
    "text": "core",
    "data": "core io text",
    "schedule": "core",
    "plan": PLAN,
    "sim": SIM,
    "planner": f"plan sim {PLAN} {SIM}",
    "run": "*",
    "report": f"run planner plan sim {PLAN} {SIM}",
    "cuda": "core",
    "kernels": "core cuda",
    "runtime": "core io hardware schedule cuda",
    "ops": "core optim graph schedule kernels runtime",
    "profiler": f"io models run runtime ops {PLAN} {SIM} plan sim",
    "train": "*",
    "cli": "*",
}
TORCH_LAYERS = {"ops", "profiler", "train"}
CUDA_FILES = {"cuda": {".h", ".cpp"}, "kernels": {".cu", ".cuh"}, "runtime": {".cpp"}}
CUDA_FILES_OF_OPS = 1  # the file that joins LibTorch's streams and allocator with ours
SHARED_PRIVATE_HEADERS = {"cuda", "kernels"}  # layers without public headers

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
TORCH = re.compile(r"(ATen|c10|torch)/")
CUDA = re.compile(r"(ATen|c10)/cuda/|cuda|cub/|cublas|cooperative_groups|nvtx3|driver_types")


def allowed_layers(layer):
    above = list(LAYERS)[: list(LAYERS).index(layer)]
    return {layer, *(above if LAYERS[layer] == "*" else LAYERS[layer].split())}


def complaints_about(path, layer, quote, target):
    """What is wrong with one include of the file `path` (relative to the root)."""
    if quote == '"':
        parts = target.split("/")
        is_public = parts[0] == "longhaul"
        other = parts[1] if is_public else parts[0]
        if len(parts) == 1 or (other not in LAYERS and not is_public):
            return
        if other not in allowed_layers(layer):
            yield f"layer {layer} may not include layer {other}"
        elif other != layer and not is_public and other not in SHARED_PRIVATE_HEADERS:
            yield f"a private header of layer {other}"
        elif path.parts[0] == "include" and not is_public:
            yield "a public header includes a private one"
        return
    if TORCH.match(target):
        if layer not in TORCH_LAYERS:
            yield f"layer {layer} is free of LibTorch"
    elif path.parts[0] == "include" and re.search(r"[/.]", target):
        yield "third-party and system headers stay out of public headers"
    if CUDA.match(target) and path.suffix not in CUDA_FILES.get(layer, set()) and layer != "ops":
        yield f"a {path.suffix} file of layer {layer} is free of CUDA"


def check(root):
    """The complaints about the tree at `root`, as lines `file: include: what is wrong`."""
    found, cuda_in_ops = [], set()
    files = [*root.glob("include/longhaul/*/*"), *root.glob("src/*/**/*"), *root.glob("kernels/**/*")]
    for file in sorted(files):
        path = file.relative_to(root)
        if path.suffix not in {".h", ".cpp", ".cu", ".cuh"}:
            continue
        layer = "kernels" if path.parts[0] == "kernels" else path.parts[1 + (path.parts[0] == "include")]
        if layer not in LAYERS:
            found.append(f"{path}: no layer is called {layer}")
            continue
        for quote, target in INCLUDE.findall(file.read_text(encoding="utf-8")):
            found += [f"{path}: {target}: {why}" for why in complaints_about(path, layer, quote, target)]
            if layer == "ops" and quote == "<" and CUDA.match(target):
                cuda_in_ops.add(str(path))
    if len(cuda_in_ops) > CUDA_FILES_OF_OPS:
        found.append(f"ops: CUDA is included by {', '.join(sorted(cuda_in_ops))}; allowed in one file")
    return found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    found = check(root)
    print("\n".join(found) or "ok")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
