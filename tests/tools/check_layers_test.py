"""The check of layers finds what it is for: each rule is broken once in a small tree."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
import check_layers  # noqa: E402


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def complaints(self, **files):
        """What the check says about a tree of files given as path="included": `__` is `/`."""
        for name, include in files.items():
            stem, _, suffix = name.replace("__", "/").rpartition("_")
            path = self.root / f"{stem}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#include {include}\n", encoding="utf-8")
        return check_layers.check(self.root)

    def test_accepts_what_the_table_allows(self):
        self.assertEqual(
            self.complaints(
                src__plan__lower_cpp='"longhaul/schedule/schedule.h"',
                src__runtime__cuda_device_cpp='"cuda/stream.h"',
                src__runtime__copy_cpp="<cuda_runtime_api.h>",
                src__ops__product_cpp="<ATen/ops/mm.h>",
                src__ops__allocator_cpp="<c10/cuda/CUDAStream.h>",
                src__train__trainer_cpp='"longhaul/planner/policy.h"',
                src__io__atomic_file_cpp="<sys/stat.h>",
                kernels__norm__rms_norm_cu="<cuda_runtime.h>",
                include__longhaul__train__model_h="<ATen/core/Tensor.h>",
            ),
            [],
        )

    def refuses(self, expected, **files):
        complaints = self.complaints(**files)
        self.assertEqual(len(complaints), 1, complaints)
        self.assertIn(expected, complaints[0])

    def test_refuses_a_layer_outside_the_table(self):
        self.refuses("no layer is called gadgets", src__gadgets__a_cpp="<vector>")

    def test_refuses_a_higher_layer(self):
        self.refuses("layer io may not include layer data", src__io__a_cpp='"longhaul/data/a.h"')

    def test_refuses_a_lower_layer_that_is_not_listed(self):
        self.refuses("layer runtime may not include layer plan",
                     include__longhaul__runtime__a_h='"longhaul/plan/a.h"')

    def test_refuses_a_private_header_of_another_layer(self):
        self.refuses("a private header of layer core", src__io__a_cpp='"core/chunks.h"')

    def test_refuses_a_private_header_in_a_public_one(self):
        self.refuses("a public header includes a private one",
                     include__longhaul__runtime__a_h='"cuda/stream.h"')

    def test_refuses_libtorch_in_a_pure_layer(self):
        self.refuses("layer plan is free of LibTorch", src__plan__a_cpp="<ATen/ops/mm.h>")

    def test_refuses_libtorch_in_a_kernel(self):
        self.refuses("layer kernels is free of LibTorch", kernels__norm__a_cu="<c10/util/Half.h>")

    def test_refuses_cuda_in_a_pure_layer(self):
        self.refuses("a .cpp file of layer io is free of CUDA", src__io__a_cpp="<cuda.h>")

    def test_refuses_cuda_in_a_host_file_of_the_kernels(self):
        self.refuses("a .h file of layer kernels is free of CUDA",
                     kernels__norm__rms_norm_h="<cuda_runtime.h>")

    def test_refuses_a_second_file_of_ops_with_cuda(self):
        self.refuses("allowed in one file",
                     src__ops__a_cpp="<c10/cuda/CUDAStream.h>", src__ops__b_cpp="<cuda_runtime.h>")

    def test_refuses_a_third_party_type_in_a_public_header(self):
        self.refuses("stay out of public headers",
                     include__longhaul__config__a_h="<nlohmann/json.hpp>")


if __name__ == "__main__":
    unittest.main()
