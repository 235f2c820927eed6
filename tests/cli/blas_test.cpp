// LibTorch brings its own BLAS. A library with another one that is loaded before it takes its
// place, many times slower. So neither the program nor the training half may bring one.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"

namespace longhaul {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST(Blas, IsNotLinkedByTheProgram) {
  const test::Outcome libraries = test::Process("/usr/bin/ldd", {LONGHAUL_PROGRAM}).wait();
  ASSERT_EQ(libraries.exit_code, 0) << libraries.err;
  ASSERT_THAT(libraries.out, HasSubstr("libstdc++"));
  EXPECT_THAT(libraries.out, Not(ContainsRegex("lib[a-z]*(blas|blis|atlas|lapack|mkl)")));
}

// The order in which the half's own libraries are searched is the one in which LibTorch finds it.
TEST(Blas, OfTheTrainingHalfIsLibTorchs) {
  void* half = ::dlopen(LONGHAUL_TRAINING_HALF, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(half, nullptr) << ::dlerror();
  void* sgemm = ::dlsym(half, "sgemm_");
  ASSERT_NE(sgemm, nullptr) << ::dlerror();
  Dl_info place{};
  ASSERT_NE(::dladdr(sgemm, &place), 0);
  EXPECT_THAT(place.dli_fname, HasSubstr("libtorch"));
}

}  // namespace
}  // namespace longhaul
